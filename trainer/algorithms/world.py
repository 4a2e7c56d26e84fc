"""The processes that train one network together: one alone, or several under torch's launcher."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from trainer.algorithms.devices import device_choose


@dataclass(frozen=True)
class World:
    """This process among the others; alone all of its methods do nothing."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that reports, writes and decides."""
        return self.rank == 0

    def total(self, value: Tensor) -> Tensor:
        """The sum of a tensor over all processes."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def told(self, value: float) -> float:
        """The first process's number, in all of them."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared.item())

    def wrapped(self, network: nn.Module) -> nn.Module:
        """The network with its gradients averaged over the processes."""
        if self.size == 1:
            return network
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=devices)


def world_alone() -> World:
    """A training in this process only."""
    return World(device_choose())


@contextmanager
def world_joined() -> Iterator[World]:
    """The world of torch's launcher (torchrun), which sets rank and size in the environment: NCCL
    where each process has a CUDA device of its own, gloo otherwise."""
    rank, size, local = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    on_cuda = torch.cuda.is_available() and torch.cuda.device_count() > local
    device = torch.device("cuda", local) if on_cuda else torch.device("cpu")
    if on_cuda:
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if on_cuda else "gloo")
    try:
        yield World(device, rank, size)
    finally:
        distributed.destroy_process_group()
