"""Dense algebra on tall blocks (N, K), the few operations that the solvers share.

On the CPU blocks are numpy arrays: its matrix products and sums over columns took half the time of torch's
on the processors at hand. On a CUDA device they are torch tensors. Whatever is small, (K, K) or (K,), is a
numpy array of doubles in both. `+`, `-` and products with a number work on blocks themselves.
"""

from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray

Block: TypeAlias = Any
"""(N, K) float32, row after row; a numpy array, or a torch tensor on its device."""
Device = Literal["auto", "cpu", "cuda"]
Small = NDArray[np.float64]

CHUNKS = 64
"""Runs of faces that are summed apart, so that sums do not depend on the number of threads."""


class Blocks(Protocol):
    """Where blocks live."""

    def made(self, x: NDArray[np.floating[Any]]) -> Block:
        """A block of these numbers."""

    def array(self, x: Block) -> NDArray[np.float32]:
        """The numbers of a block."""

    def gram(self, x: Block, y: Block) -> Small:
        """x^T y."""

    def turned(self, x: Block, small: Small) -> Block:
        """x times a small matrix."""

    def scaled(self, x: Block, factors: Small) -> Block:
        """Each column times its factor (K,)."""

    def dots(self, x: Block, y: Block) -> Small:
        """(K,) x_j^T y_j of each column, summed in double precision."""

    def joined(self, x: Block, y: Block) -> Block:
        """The columns of x, then those of y."""

    def copied(self, x: Block) -> Block:
        """A block of its own with these numbers, which may be some columns of another."""


class NumpyBlocks:
    """Blocks in main memory."""

    def made(self, x: NDArray[np.floating[Any]]) -> Block:
        return np.ascontiguousarray(x, dtype=np.float32)

    def array(self, x: Block) -> NDArray[np.float32]:
        return np.asarray(x)

    def gram(self, x: Block, y: Block) -> Small:
        return np.asarray(x.T @ y, dtype=np.float64)

    def turned(self, x: Block, small: Small) -> Block:
        return x @ small.astype(np.float32)

    def scaled(self, x: Block, factors: Small) -> Block:
        return x * factors.astype(np.float32)

    def dots(self, x: Block, y: Block) -> Small:
        return np.asarray(_dots(x, y))

    def joined(self, x: Block, y: Block) -> Block:
        return np.concatenate([x, y], axis=1)

    def copied(self, x: Block) -> Block:
        return np.array(x, order="C")


class TorchBlocks:
    """Blocks on a torch device."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)

    def made(self, x: NDArray[np.floating[Any]]) -> Block:
        return torch.from_numpy(np.array(x, dtype=np.float32, order="C")).to(self.device)

    def array(self, x: Block) -> NDArray[np.float32]:
        return np.ascontiguousarray(x.cpu().numpy())

    def gram(self, x: Block, y: Block) -> Small:
        return np.asarray((x.T @ y).double().cpu().numpy())

    def turned(self, x: Block, small: Small) -> Block:
        return x @ self.made(small)

    def scaled(self, x: Block, factors: Small) -> Block:
        return x * self.made(factors)

    def dots(self, x: Block, y: Block) -> Small:
        return np.asarray((x * y).sum(dim=0, dtype=torch.float64).cpu().numpy())

    def joined(self, x: Block, y: Block) -> Block:
        return torch.cat([x, y], dim=1)

    def copied(self, x: Block) -> Block:
        return x.clone(memory_format=torch.contiguous_format)


def blocks_on(device: Device = "auto") -> Blocks:
    """Blocks on a device; "auto" takes a CUDA device where there is one. Raises ValueError for what is not there."""
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"Unknown device {device!r}: choose auto, cpu or cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("There is no CUDA device here: choose auto or cpu.")
    if device != "cpu" and torch.cuda.is_available():
        return TorchBlocks("cuda")
    return NumpyBlocks()


@njit(parallel=True, cache=True)
def _dots(x, y):  # type: ignore[no-untyped-def]
    n, k = x.shape
    part = np.zeros((CHUNKS, k), np.float64)
    for p in prange(CHUNKS):
        for i in range(p * n // CHUNKS, (p + 1) * n // CHUNKS):
            for c in range(k):
                part[p, c] += np.float64(x[i, c]) * np.float64(y[i, c])
    return part.sum(axis=0)


def orthonormal(blocks: Blocks, x: Block) -> Block:
    """An orthonormal basis of the columns of x (N, K), by Cholesky QR, twice where columns lean on each other.

    Where they are too dependent for Cholesky, Householder QR does it.
    """
    for _ in range(3):
        turn, lean = triangle_inverse(blocks.gram(x, x))
        if turn is None:
            return blocks.made(np.linalg.qr(blocks.array(x))[0])
        x = blocks.turned(x, turn)
        if lean > 0.1:
            break
    return x


def triangle_inverse(gram: Small) -> tuple[Small | None, float]:
    """R^-1 that makes a block with this Gram matrix orthonormal, and its least pivot (1 where it is so already).

    None where the pivots of the columns, scaled to length 1, fall below what single precision can tell.
    """
    length = np.sqrt(np.maximum(np.diag(gram), 1e-60))
    try:
        factor = np.linalg.cholesky(gram / np.outer(length, length))
    except np.linalg.LinAlgError:
        return None, 0.0
    lean = float(factor.diagonal().min())
    if not lean > 1e-3:
        return None, lean
    return np.linalg.inv(factor).T / length[:, None], lean
