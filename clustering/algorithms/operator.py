"""The quadratic form M = L + lambda sum_g c_g C_g of Eq. 3, multiplied with a block of vectors at once."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numba import njit, prange
from numpy.typing import NDArray

from clustering.algorithms.blocks import CHUNKS, Block, Blocks, NumpyBlocks, TorchBlocks
from clustering.algorithms.groups import Groups


@dataclass(frozen=True)
class WseOperator:
    """M as a sparse Laplacian, a diagonal and low-rank group means: a product costs O(K (nnz + N))."""

    laplacian: sp.csr_array
    members: sp.csr_array
    pull: NDArray[np.float32]
    """(N,) lambda times the sum of c_g over a face's groups: the diagonal part of the group term."""
    shares: NDArray[np.float32]
    """(G,) lambda c_g / n_g."""
    blocks: Blocks = field(default_factory=NumpyBlocks)
    """Where the blocks that it multiplies live."""

    def __post_init__(self) -> None:
        on_torch = isinstance(self.blocks, TorchBlocks)
        object.__setattr__(self, "_kernel", _TorchKernel(self) if on_torch else _NumbaKernel(self))

    @property
    def size(self) -> int:
        return int(self.laplacian.shape[0])

    def product(self, x: Block) -> Block:
        """M x."""
        return self.combined(x, 1.0, 0.0, x, 0.0)

    def combined(self, x: Block, alpha: float, shift: float, z: Block, beta: float, *, into: Block = None) -> Block:
        """alpha (M - shift I) x + beta z in one pass over memory.

        `into` may be z, or another block that is no longer needed, and may or may not hold the result.
        """
        return self._kernel(x, alpha, shift, z, beta, into)  # type: ignore[attr-defined]

    def objective(self, x: Block) -> float:
        """Tr(x^T M x)."""
        return float(self.blocks.dots(x, self.product(x)).sum())


def wse_operator(laplacian: sp.csr_array, groups: Groups, lam: float, blocks: Blocks | None = None) -> WseOperator:
    """M for a symmetric Laplacian (N, N), groups over the same faces, and a balanced `lam` >= 0."""
    if lam < 0 or not np.isfinite(lam):
        raise ValueError(f"Lambda must be zero or more, not {lam!r}.")
    if laplacian.shape[0] != groups.members.shape[0]:
        raise ValueError(f"The graph has {laplacian.shape[0]} faces and the groups {groups.members.shape[0]}.")
    return _operator(sp.csr_array(laplacian, dtype=np.float32), groups, lam * groups.weights(), blocks)


def group_operator(groups: Groups, strengths: NDArray[np.float64], blocks: Blocks | None = None) -> WseOperator:
    """sum_g strength_g C_g alone, without a Laplacian."""
    n = groups.members.shape[0]
    return _operator(sp.csr_array((n, n), dtype=np.float32), groups, strengths, blocks)


def _operator(
    laplacian: sp.csr_array, groups: Groups, strengths: NDArray[np.float64], blocks: Blocks | None
) -> WseOperator:
    members = sp.csr_array(groups.members, dtype=np.float32)
    pull = np.asarray(members @ strengths.astype(np.float32), dtype=np.float32).ravel()
    shares = (strengths / np.maximum(groups.sizes, 1)).astype(np.float32)
    return WseOperator(laplacian, members, pull, shares, blocks or NumpyBlocks())


class _NumbaKernel:
    """The product compiled for the CPU."""

    def __init__(self, m: WseOperator) -> None:
        self.m = m

    def __call__(self, x: Block, alpha: float, shift: float, z: Block, beta: float, into: Block) -> Block:
        lap, mem = self.m.laplacian, self.m.members
        means = group_sums(mem, x) * self.m.shares[:, None]
        out = np.empty_like(x) if into is None else into
        _combined(
            lap.indptr, lap.indices, lap.data, self.m.pull, mem.indptr, mem.indices, means.astype(np.float32),
            x, z, np.float32(alpha), np.float32(shift), np.float32(beta), out,
        )  # fmt: skip
        return out


class _TorchKernel:
    """The product by torch's sparse matrices, for CUDA devices."""

    def __init__(self, m: WseOperator) -> None:
        assert isinstance(m.blocks, TorchBlocks)
        self.laplacian = _torch_csr(m.laplacian, m.blocks.device)
        self.members = _torch_csr(m.members, m.blocks.device) if m.members.nnz else None
        self.means = _torch_csr((m.members * m.shares[None, :]).T.tocsr(), m.blocks.device) if m.members.nnz else None
        self.pull = m.blocks.made(m.pull[:, None])

    def __call__(self, x: Block, alpha: float, shift: float, z: Block, beta: float, into: Block) -> Block:
        out = self.laplacian @ x
        if self.members is not None:
            out -= self.members @ (self.means @ x)
        out += (self.pull - shift) * x
        out *= alpha
        if beta:
            out += beta * z
        return out


def _torch_csr(matrix: sp.csr_array, device: torch.device) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Ss]parse.*")  # torch calls its CSR a beta
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            size=matrix.shape,
            check_invariants=False,
        ).to(device)


def group_sums(members: sp.csr_array, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """(G, K) sum of the rows of x (N, K) over each group."""
    return np.asarray(_group_sums(members.indptr, members.indices, x, members.shape[1]))


@njit(parallel=True, cache=True)
def _group_sums(gptr, gidx, x, count):  # type: ignore[no-untyped-def]
    n, k = x.shape
    part = np.zeros((CHUNKS, count, k), np.float64)
    for p in prange(CHUNKS):
        for i in range(p * n // CHUNKS, (p + 1) * n // CHUNKS):
            for e in range(gptr[i], gptr[i + 1]):
                g = gidx[e]
                for c in range(k):
                    part[p, g, c] += x[i, c]
    return part.sum(axis=0)


@njit(parallel=True, fastmath=True, cache=True)
def _combined(indptr, indices, data, pull, gptr, gidx, means, x, z, alpha, shift, beta, out):  # type: ignore[no-untyped-def]
    n, k = x.shape
    for i in prange(n):
        row = np.zeros(k, np.float32)
        own = pull[i] - shift
        for c in range(k):
            row[c] = own * x[i, c]
        e, end = indptr[i], indptr[i + 1]
        # Four neighbours at a time: a third of the loads and stores, and four rows under way from memory.
        while e + 4 <= end:
            w0, w1, w2, w3 = data[e], data[e + 1], data[e + 2], data[e + 3]
            j0, j1, j2, j3 = indices[e], indices[e + 1], indices[e + 2], indices[e + 3]
            for c in range(k):
                row[c] += (w0 * x[j0, c] + w1 * x[j1, c]) + (w2 * x[j2, c] + w3 * x[j3, c])
            e += 4
        while e < end:
            w, j = data[e], indices[e]
            for c in range(k):
                row[c] += w * x[j, c]
            e += 1
        for e in range(gptr[i], gptr[i + 1]):
            for c in range(k):
                row[c] -= means[gidx[e], c]
        if beta == 0.0:
            for c in range(k):
                out[i, c] = alpha * row[c]
        else:
            for c in range(k):
                out[i, c] = alpha * row[c] + beta * z[i, c]
