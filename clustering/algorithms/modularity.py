"""uMQI, how well a clustering of a graph keeps its edges inside clusters (Zhao et al. 2018, Eq. 8)."""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from clustering.algorithms.callbacks import Cancel, cancel_check
from clustering.algorithms.dendrogram import Dendrogram, delta_check, dendrogram_build, tops_raise
from clustering.algorithms.rank_order import RankOrderEdges

IntArray = NDArray[np.int32]

CHUNKS = 8
"""Parts that edges are counted in, side by side; a fixed number, so that sums do not hang on the threads."""


@dataclass(frozen=True)
class ModularityCurve:
    """uMQI and cluster sizes of the global cut at each threshold (Zhao et al. 2018, Fig. 5a)."""

    threshold: NDArray[np.float64]
    umqi: NDArray[np.float64]
    clusters: NDArray[np.int64]
    """Clusters of more than delta faces."""
    largest: NDArray[np.float64]
    """Share of all faces that lie in the largest of them."""


def modularity_umqi(labels: IntArray, first: IntArray, second: IntArray, *, delta: int = 1) -> float:
    """Eq. 8: mean density inside clusters less mean density between them, in [-1, 1].

    `labels` (N,): clusters from 1, 0 for faces in none. `first`, `second` (E,): the ends of each undirected
    edge, listed once. Every edge counts in both directions, so that a complete cluster has density 1 (counted
    once, as the print can be read, Eq. 8 could not pass one half). Only clusters of more than `delta` faces
    count; 0.0 without any. Raises ValueError for a delta below 1.
    """
    delta_check(delta)
    size = np.bincount(labels, minlength=1).astype(np.int32)
    size[0] = 0
    first, second = labels[first], labels[second]
    itself = np.arange(len(size), dtype=np.int32)
    inside = np.zeros((CHUNKS, len(size)), np.int32)
    starts = _chunk_starts(first)
    between = _edges_count(first, second, starts, starts[1:].copy(), itself, size, inside, delta)
    return _umqi(size, inside.sum(axis=0), between, delta)


def modularity_sweep(
    edges: RankOrderEdges,
    *,
    steps: int = 24,
    delta: int = 1,
    tree: Dendrogram | None = None,
    cancelled: Cancel | None = None,
) -> ModularityCurve:
    """uMQI of the global cut at up to `steps` thresholds, spread evenly over the distances that merge clusters.

    `tree` is the dendrogram of `edges` where it is at hand. From one threshold to the next only the new merges
    are carried out, and edges that have come to lie inside a cluster are counted once and not looked at again.
    Holds 8 bytes an edge and 4 (CHUNKS + 4) bytes a node. Raises Cancelled between thresholds and ValueError
    for a delta below 1.
    """
    delta_check(delta)
    tree = tree or dendrogram_build(edges)
    n, merges = edges.faces, len(tree.left)
    thresholds = _thresholds(tree, steps)
    first, second = edges.first.copy(), edges.second.copy()
    starts = _chunk_starts(first)
    stops = starts[1:].copy()
    top = np.arange(n + merges, dtype=np.int32)
    size = np.concatenate([np.ones(n, np.int32), tree.size])
    inside = np.zeros((CHUNKS, n + merges), np.int32)
    rows: list[tuple[float, int, float]] = []
    done = 0
    for threshold in thresholds:
        cancel_check(cancelled)
        until = tree.merges_below(threshold)
        tops_raise(top, tree.left, tree.right, done, until)
        _counts_raise(inside, tree.left, tree.right, done, until)
        between = _edges_count(first, second, starts, stops, top, size, inside, delta)
        roots = np.flatnonzero(top[: n + until] == np.arange(n + until))
        sizes = size[roots]
        kept = sizes[sizes > delta]
        umqi = _umqi(sizes, inside[:, roots].sum(axis=0), between, delta)
        rows.append((umqi, len(kept), float(kept.max(initial=0) / n)))
        done = until
    table = np.array(rows).reshape(len(rows), 3)
    return ModularityCurve(thresholds, table[:, 0], table[:, 1].astype(np.int64), table[:, 2])


def clusters_global(
    edges: RankOrderEdges, *, delta: int = 1, steps: int = 24, cancelled: Cancel | None = None
) -> IntArray:
    """The cut of Zhao et al. 2018: transitive merging below the one threshold whose uMQI is highest.

    (N,) cluster numbers from 1 by lowest face; clusters of `delta` or fewer faces are noise, 0. Of equal
    thresholds the lowest is taken. Raises Cancelled and ValueError as `modularity_sweep` does.
    """
    tree = dendrogram_build(edges)
    curve = modularity_sweep(edges, steps=steps, delta=delta, tree=tree, cancelled=cancelled)
    threshold = float(curve.threshold[np.argmax(curve.umqi)]) if len(curve.umqi) else 0.0
    return tree.cut(threshold, delta=delta)


def _thresholds(tree: Dendrogram, steps: int) -> NDArray[np.float64]:
    """Ascending, each half way from a distance at which clusters merge to the next (or one above the last)."""
    levels = np.unique(tree.distance).astype(np.float64)
    if not len(levels):
        return levels
    halfway = (levels + np.append(levels[1:], levels[-1] + 2)) / 2
    picked = np.linspace(0, len(levels) - 1, min(steps, len(levels))).round().astype(np.int64)
    return np.asarray(halfway[picked])


def _chunk_starts(first: IntArray) -> NDArray[np.int64]:
    return np.arange(CHUNKS + 1) * len(first) // CHUNKS


def _umqi(size: IntArray, inside: NDArray[np.integer], between: float, delta: int) -> float:
    """From clusters' sizes and edges (C,), and the sum over the edges between them of 1 / (n_i n_j)."""
    kept = size > delta
    count = int(kept.sum())
    if not count:
        return 0.0
    n = size[kept].astype(np.float64)
    intra = float(np.mean(2 * inside[kept] / (n * n - n)))
    return intra if count == 1 else intra - between / (count * (count - 1) / 2)


@njit(cache=True)
def _counts_raise(inside, left, right, done, until):  # type: ignore[no-untyped-def]
    faces = inside.shape[1] - len(left)
    for chunk in range(len(inside)):
        for m in range(done, until):
            inside[chunk, faces + m] = inside[chunk, left[m]] + inside[chunk, right[m]]


@njit(parallel=True, cache=True)
def _edges_count(first, second, starts, stops, top, size, inside, delta):  # type: ignore[no-untyped-def]
    """Lead the ends of each chunk's edges to their root; count those inside a cluster and drop them.

    Returns the sum of 1 / (n_i n_j) over the edges between clusters of more than `delta` faces: the sum over
    pairs of clusters of Eq. 8's density, without a table of pairs. `first`, `second`, `stops`, `inside`
    change in place.
    """
    sums = np.zeros(len(stops))
    for chunk in prange(len(stops)):
        kept = starts[chunk]
        total = 0.0
        for e in range(starts[chunk], stops[chunk]):
            a, b = top[first[e]], top[second[e]]
            if a == b:
                inside[chunk, a] += 1
                continue
            first[kept], second[kept] = a, b
            kept += 1
            if size[a] > delta and size[b] > delta:
                total += 1.0 / (np.float64(size[a]) * np.float64(size[b]))
        stops[chunk] = kept
        sums[chunk] = total
    return sums.sum()
