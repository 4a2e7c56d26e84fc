"""Where and how precisely networks compute: CUDA when there, and bfloat16 where it is quicker."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from trainer.algorithms.settings import PRECISIONS


def device_choose() -> torch.device:
    """CUDA if a device is there, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def arithmetic_settle(device: torch.device) -> None:
    """Let CUDA repeat itself: the same sums in the same order each time, and in whole float32.

    Without it cuDNN picks its kernels by trial, which may differ from one process to the next, and float32 is
    rounded to TensorFloat-32, so that a face would get other digits in a batch of one than in a batch of many.
    For the whole process, which is a worker's; on the CPU all of this holds already, and nothing is touched.
    An operation without a deterministic form warns and goes on.
    """
    if device.type != "cuda":
        return
    # read by cuBLAS at its first multiplication: a process that multiplied earlier only warns
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # made for finding reads of memory nobody wrote; here it would only cost a pass over every new tensor
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextmanager
def network_lent(network: nn.Module) -> Iterator[torch.device]:
    """The network in evaluation mode on the device for a while, then as and where it was."""
    device = device_choose()
    arithmetic_settle(device)
    was_training, home = network.training, next(network.parameters()).device
    network.to(device).eval()
    try:
        yield device
    finally:
        network.to(home).train(was_training)


def precision_choose(wanted: str, device: torch.device) -> torch.dtype:
    """The type that training computes in; weights and losses stay float32.

    "auto" takes bfloat16 where the hardware multiplies it natively (about twice as quick on such a
    CPU), else float32. Raises ValueError for a word not in `PRECISIONS`.
    """
    if wanted not in PRECISIONS:
        raise ValueError(f"precision {wanted!r}, known: {', '.join(PRECISIONS)}")
    if wanted == "auto":
        return torch.bfloat16 if _bfloat16_is_native(device) else torch.float32
    return torch.bfloat16 if wanted == "bfloat16" else torch.float32


def _bfloat16_is_native(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch names these checks privately; without them float32 is slower, never wrong
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in checks)
