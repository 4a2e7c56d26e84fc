"""Groups of faces with the same weak annotation (Zhao et al. 2018, section 3.1), and the unit of lambda."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

UNKNOWN = -1
"""A code nobody gave. A face with it belongs to no group of that AU."""


@dataclass(frozen=True)
class Groups:
    """Sets of faces, which may overlap and need not cover every face."""

    members: sp.csr_array
    """(N, G) float32, 1 where face i belongs to group g."""

    @property
    def sizes(self) -> NDArray[np.int64]:
        return np.bincount(self.members.indices, minlength=self.members.shape[1]).astype(np.int64)

    @property
    def overlapping(self) -> bool:
        return bool((np.diff(self.members.indptr) > 1).any())

    def weights(self) -> NDArray[np.float64]:
        """(G,) balanced weights c_g = N / (G n_g): each group pulls alike, whatever its size and N."""
        n, count = self.members.shape
        return np.asarray(n / (count * np.maximum(self.sizes, 1)), dtype=np.float64)


def lambda_literal(lam: float, faces: int) -> float:
    """The lambda of Eq. 3 as printed, c_g = 1 / (G n_g), that does what a balanced `lam` does on N faces."""
    return lam * faces


def lambda_balanced(literal: float, faces: int) -> float:
    """The balanced lambda that does what the printed unit's `literal` does on N faces."""
    return literal / faces


def groups_from_codes(codes: NDArray[np.int8]) -> Groups:
    """Groups of one AU (codes (N,)) or overlapping groups of many (codes (N, A)): present, absent, each AU.

    Unknown codes (-1) make no group; groups of fewer than two faces scatter by nothing and are left out.
    """
    table = np.atleast_2d(np.asarray(codes).T).T
    columns = [np.flatnonzero(table[:, a] == value) for a in range(table.shape[1]) for value in (0, 1)]
    return _from_sets([c for c in columns if len(c) > 1], len(table))


def groups_from_code_sets(codes: NDArray[np.int8], *, least: int = 2) -> Groups:
    """One group for each set of codes (N, A) that at least `least` faces share; they never overlap.

    A face with any unknown code belongs to none.
    """
    table = np.asarray(codes)
    known = np.flatnonzero((table != UNKNOWN).all(axis=1))
    if not len(known):
        return _from_sets([], len(table))
    _, which = np.unique(table[known], axis=0, return_inverse=True)
    sets = [known[which == g] for g in range(int(which.max()) + 1)]
    return _from_sets([s for s in sets if len(s) >= max(least, 2)], len(table))


def _from_sets(sets: list[NDArray[np.intp]], faces: int) -> Groups:
    rows = np.concatenate(sets) if sets else np.empty(0, np.intp)
    columns = np.repeat(np.arange(len(sets)), [len(s) for s in sets]) if sets else np.empty(0, np.intp)
    ones = np.ones(len(rows), np.float32)
    return Groups(sp.csr_array((ones, (rows, columns)), shape=(faces, len(sets))))
