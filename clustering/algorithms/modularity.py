"""uMQI, how well a clustering of a graph keeps its edges inside clusters (Zhao et al. 2018, Eq. 8)."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from clustering.algorithms.callbacks import Cancel, cancel_check
from clustering.algorithms.rank_order import RankOrderEdges, clusters_at


@dataclass(frozen=True)
class ModularityCurve:
    """uMQI and cluster sizes of the global cut at each threshold (Zhao et al. 2018, Fig. 5a)."""

    threshold: NDArray[np.float64]
    umqi: NDArray[np.float64]
    clusters: NDArray[np.int64]
    """Clusters of more than one face."""
    largest: NDArray[np.float64]
    """Share of all faces that lie in the largest cluster."""


def modularity_umqi(labels: NDArray[np.int32], first: NDArray[np.int32], second: NDArray[np.int32]) -> float:
    """Eq. 8: mean density inside clusters less mean density between them, in [-1, 1].

    `labels` (N,): clusters from 1, 0 for faces in none. `first`, `second` (E,): the ends of each undirected
    edge, listed once. Every edge counts in both directions, so that a complete cluster has density 1 (counted
    once, as the print can be read, Eq. 8 could not pass one half). Only clusters of more than one face count
    (delta = 1). 0.0 without any.
    """
    sizes = np.bincount(labels, minlength=1)
    sizes[0] = 0
    kept = np.flatnonzero(sizes > 1)
    count = len(kept)
    if not count:
        return 0.0
    slot = np.full(len(sizes), -1)
    slot[kept] = np.arange(count)
    a, b = slot[labels[first]], slot[labels[second]]
    known = (a >= 0) & (b >= 0)
    a, b = a[known], b[known]
    n = sizes[kept].astype(np.float64)
    inside = np.bincount(a[a == b], minlength=count)
    intra = float(np.mean(2 * inside / (n * n - n)))
    if count == 1:
        return intra
    apart = a != b
    low, high = np.minimum(a[apart], b[apart]), np.maximum(a[apart], b[apart])
    between = sp.coo_array((np.full(len(low), 2.0), (low, high)), shape=(count, count)).tocsr().tocoo()
    inter = float(np.sum(between.data / (2 * n[between.row] * n[between.col])))
    return intra - inter / (count * (count - 1) / 2)


def modularity_sweep(edges: RankOrderEdges, *, steps: int = 24, cancelled: Cancel | None = None) -> ModularityCurve:
    """uMQI of the global cut at thresholds spread evenly over the pairs' distances."""
    if not len(edges.distance):
        empty = np.empty(0)
        return ModularityCurve(empty, empty, empty.astype(np.int64), empty)
    spread = np.quantile(edges.distance, np.linspace(0.02, 1.0, steps))
    thresholds = np.unique(np.round(spread, 4)) + 1e-4
    rows = []
    for t in thresholds:
        cancel_check(cancelled)
        labels = clusters_at(edges, float(t))
        sizes = np.bincount(labels)[1:]
        largest = float(sizes.max() / edges.faces) if len(sizes) else 0.0
        rows.append((modularity_umqi(labels, edges.first, edges.second), len(sizes), largest))
    umqi, clusters, largest_share = zip(*rows, strict=True)
    return ModularityCurve(
        thresholds.astype(np.float64), np.array(umqi), np.array(clusters, np.int64), np.array(largest_share)
    )
