"""Measures of codes against a truth, and of two partitions against each other."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from clustering.algorithms.groups import UNKNOWN


def agreement_f1(truth: NDArray[np.int8], codes: NDArray[np.int8]) -> tuple[float | None, float | None]:
    """Agreement and F1 of codes (N,) against truth (N,) where both are known.

    None where undefined: no face known to both; for F1 also no present code on either side.
    """
    known = (truth != UNKNOWN) & (codes != UNKNOWN)
    if not known.any():
        return None, None
    t, c = truth[known] == 1, codes[known] == 1
    both = int((t & c).sum())
    marked = int(t.sum() + c.sum())
    return float((t == c).mean()), (2 * both / marked if marked else None)


def adjusted_rand_index(first: NDArray[np.integer], second: NDArray[np.integer]) -> float:
    """How alike two partitions (N,) of the same elements are, by cluster numbers from 0 on (Hubert and Arabie 1985).

    1 for the same clusters whatever their numbers, about 0 for clusters that agree as by chance.
    """
    shared = sp.coo_array((np.ones(len(first)), (first, second))).tocsr()
    together, in_first, in_second = (
        _pairs(counts) for counts in (shared.data, np.bincount(first), np.bincount(second))
    )
    expected = in_first * in_second / max(_pairs(np.array([len(first)])), 1.0)
    most = (in_first + in_second) / 2
    return float((together - expected) / (most - expected)) if most != expected else 1.0


def _pairs(counts: NDArray[np.number]) -> float:
    """Pairs of elements inside groups of these sizes."""
    sizes = counts.astype(np.float64)
    return float((sizes * (sizes - 1) / 2).sum())
