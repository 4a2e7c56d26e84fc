"""Where and how precisely networks compute: CUDA when there, and bfloat16 where it is quicker."""

import torch

from trainer.algorithms.settings import PRECISIONS


def device_choose() -> torch.device:
    """CUDA if a device is there, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


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
