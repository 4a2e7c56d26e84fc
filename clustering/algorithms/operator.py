"""The quadratic form M = L + lambda sum_g c_g C_g of Eq. 3, multiplied with a block of vectors at once."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numba import njit, prange
from numpy.typing import NDArray

from clustering.algorithms.groups import Groups

Block = NDArray[np.float32]
"""(N, K) float32, C-contiguous."""


@dataclass(frozen=True)
class WseOperator:
    """M as a sparse Laplacian, a diagonal and low-rank group means: a product costs O(K (nnz + N))."""

    laplacian: sp.csr_array
    members: sp.csr_array
    pull: NDArray[np.float32]
    """(N,) lambda times the sum of c_g over a face's groups: the diagonal part of the group term."""
    shares: NDArray[np.float32]
    """(G,) lambda c_g / n_g."""

    @property
    def size(self) -> int:
        return int(self.laplacian.shape[0])

    def product(self, x: Block) -> Block:
        """M x."""
        return self.combined(x, 1.0, 0.0, x, 0.0)

    def combined(self, x: Block, alpha: float, shift: float, z: Block, beta: float) -> Block:
        """alpha (M - shift I) x + beta z in one pass over memory."""
        means = self._means(x)
        lap, mem = self.laplacian, self.members
        out: Block = _spmm(
            lap.indptr, lap.indices, lap.data, self.pull, mem.indptr, mem.indices, means, x, z,
            np.float32(alpha), np.float32(shift), np.float32(beta),
        )  # fmt: skip
        return out

    def _means(self, x: Block) -> Block:
        if self.members.shape[1] == 0:
            return np.zeros((0, x.shape[1]), np.float32)
        return np.ascontiguousarray((self.members.T @ x) * self.shares[:, None], dtype=np.float32)

    def objective(self, x: Block) -> float:
        """Tr(x^T M x)."""
        return float(np.sum(x * self.product(x), dtype=np.float64))


def wse_operator(laplacian: sp.csr_array, groups: Groups, lam: float) -> WseOperator:
    """M for a symmetric Laplacian (N, N), groups over the same faces, and a balanced `lam` >= 0."""
    if lam < 0 or not np.isfinite(lam):
        raise ValueError(f"Lambda must be zero or more, not {lam!r}.")
    if laplacian.shape[0] != groups.members.shape[0]:
        raise ValueError(f"The graph has {laplacian.shape[0]} faces and the groups {groups.members.shape[0]}.")
    pulls = lam * groups.weights() if groups.members.shape[1] else np.empty(0)
    pull = np.asarray(groups.members @ pulls.astype(np.float32), dtype=np.float32).ravel()
    shares = (pulls / np.maximum(groups.sizes, 1)).astype(np.float32)
    lap = sp.csr_array(laplacian, dtype=np.float32)
    return WseOperator(lap, sp.csr_array(groups.members, dtype=np.float32), pull, shares)


@njit(parallel=True, fastmath=True, cache=True)
def _spmm(indptr, indices, data, pull, gptr, gidx, means, x, z, alpha, shift, beta):  # type: ignore[no-untyped-def]
    n, k = x.shape
    out = np.empty((n, k), np.float32)
    for i in prange(n):
        own = pull[i] - shift
        for c in range(k):
            out[i, c] = own * x[i, c]
        for e in range(indptr[i], indptr[i + 1]):
            w = data[e]
            j = indices[e]
            for c in range(k):
                out[i, c] += w * x[j, c]
        for e in range(gptr[i], gptr[i + 1]):
            g = gidx[e]
            for c in range(k):
                out[i, c] -= means[g, c]
        if beta == 0.0:
            for c in range(k):
                out[i, c] *= alpha
        else:
            for c in range(k):
                out[i, c] = alpha * out[i, c] + beta * z[i, c]
    return out


def orthonormal(x: Block) -> Block:
    """An orthonormal basis of the columns of x (N, K), by two passes of Cholesky QR.

    Where the columns are too dependent for Cholesky, Householder QR does it.
    """
    for _ in range(2):
        x = x / np.maximum(np.linalg.norm(x, axis=0), np.float32(1e-30))
        gram = (x.T @ x).astype(np.float64)
        try:
            factor = np.linalg.cholesky(gram)
        except np.linalg.LinAlgError:
            return np.ascontiguousarray(np.linalg.qr(x)[0], dtype=np.float32)
        if factor.diagonal().min() < 1e-3:
            return np.ascontiguousarray(np.linalg.qr(x)[0], dtype=np.float32)
        x = np.ascontiguousarray(x @ np.linalg.inv(factor).T.astype(np.float32))
    return x
