"""Approximate rank-order distance between faces, and local clusters cut from it.

Distance: Otto, Wang and Jain (arXiv 1604.00989), made symmetric and blind to duplicates. Clusters: one global
threshold with transitive merging (`clusters_at`, for the sweep of Zhao et al. 2018, Fig. 5) chains most faces
into one giant; the cut used for review is local (`clusters_local`).
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from clustering.algorithms.graph import Neighbours

NOISE = 0
"""Cluster number of the noise and outlier group."""


@dataclass(frozen=True)
class RankOrderEdges:
    """Every pair of faces of which one lists the other, once, nearest first."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    distance: NDArray[np.float32]
    """(E,) rank-order distance, ascending; ties by Euclidean distance, then by face."""
    euclidean: NDArray[np.float32]
    faces: int


def rank_order_edges(neighbours: Neighbours) -> RankOrderEdges:
    """The rank-order distance of all neighbour pairs.

    A face has rank 0 in its own list and belongs to its own neighbourhood; a face that a list of length k
    does not hold has rank k + 1 there. With O_a(b) the rank of b in a's list f_a and N(b) the list of b
    with b: d(a, b) = sum over i = 0 .. min(O_a(b), k) of [f_a(i) not in N(b)], and D(a, b) = (d(a, b) +
    d(b, a)) / min(O_a(b), O_b(a)), the same in both directions.
    """
    indices = neighbours.indices
    n, k = indices.shape
    own = np.ascontiguousarray(indices)
    distances = _distances_listed(own, max(get_num_threads(), 1) * 4)
    a = np.repeat(np.arange(n, dtype=np.int32), k)
    b = own.ravel()
    d = distances.ravel()
    euclid = neighbours.distances.ravel()
    keep = d >= 0  # a pair listed by both is counted at its lower face only
    a, b, d, euclid = a[keep], b[keep], d[keep], euclid[keep]
    low, high = np.minimum(a, b), np.maximum(a, b)
    order = np.lexsort((high, low, euclid, d))
    return RankOrderEdges(low[order], high[order], d[order], euclid[order], n)


@njit(parallel=True, cache=True)
def _distances_listed(indices, chunks):  # type: ignore[no-untyped-def]
    """(N, k) D(a, f_a(j)), or -1 where b also lists a and b < a."""
    n, k = indices.shape
    out = np.empty((n, k), np.float32)
    for chunk in prange(chunks):
        rank = np.full(n, k + 1, np.int32)  # rank of every face in a's list
        for a in range(chunk * n // chunks, (chunk + 1) * n // chunks):
            rank[a] = 0
            for i in range(k):
                rank[indices[a, i]] = i + 1
            for j in range(k):
                b = indices[a, j]
                o_ab = j + 1
                o_ba = k + 1
                for i in range(k):
                    if indices[b, i] == a:
                        o_ba = i + 1
                        break
                if o_ba <= k and b < a:
                    out[a, j] = -1.0
                    continue
                shared = 1 if rank[b] <= o_ab else 0  # faces of a's first ranks that N(b) holds
                missing_b = 1 if rank[b] > k else 0
                reach = min(o_ba, k)
                for i in range(k):
                    r = rank[indices[b, i]]
                    if r <= o_ab:
                        shared += 1
                    if i + 1 <= reach and r > k:
                        missing_b += 1
                missing_a = min(o_ab, k) + 1 - shared
                out[a, j] = np.float32((missing_a + missing_b) / min(o_ab, o_ba))
            for i in range(k):
                rank[indices[a, i]] = k + 1
            rank[a] = k + 1
    return out


def clusters_at(edges: RankOrderEdges, threshold: float) -> NDArray[np.int32]:
    """Transitive merging of all pairs with a distance below `threshold` (the usual, global, cut).

    (N,) cluster numbers from 1 by lowest face; faces alone get 0.
    """
    count = int(np.searchsorted(edges.distance, threshold, side="left"))
    pairs = sp.coo_array(
        (np.ones(count, np.int8), (edges.first[:count], edges.second[:count])), shape=(edges.faces,) * 2
    )
    _, labels = connected_components(pairs, directed=False)
    return clusters_numbered(labels.astype(np.int32), least=2)


def clusters_local(
    edges: RankOrderEdges, *, size_cap: int = 30, size_least: int = 5, adopt: bool = True
) -> NDArray[np.int32]:
    """Hierarchical merging cut locally: pairs in rising rank-order distance, no merge past `size_cap` faces.

    What is left under `size_least` faces is taken in (`adopt`) by the cluster it has most near pairs with,
    which may then hold up to half as many again; without such a cluster it is noise.
    Returns (N,) cluster numbers from 1 by lowest face, 0 for noise. Deterministic.
    """
    if size_cap < 2 or not 1 <= size_least <= size_cap:
        raise ValueError(
            f"Clusters must satisfy 1 <= least <= cap and cap >= 2, not least {size_least}, cap {size_cap}."
        )
    roots = _merged(edges.first, edges.second, edges.faces, size_cap)
    if adopt and size_least > 1:
        weights = (1.0 / (1.0 + edges.distance)).astype(np.float32)
        for _ in range(3):  # a fragment's neighbour may itself be a fragment that finds a home first
            changed = _adopted(edges, weights, roots, size_cap + size_cap // 2, size_least)
            if not changed:
                break
    return clusters_numbered(roots, least=size_least)


@njit(cache=True)
def _merged(first, second, faces, cap):  # type: ignore[no-untyped-def]
    parent = np.arange(faces).astype(np.int32)
    size = np.ones(faces, np.int32)
    for e in range(len(first)):
        a, b = first[e], second[e]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a == b or size[a] + size[b] > cap:
            continue
        if a > b:
            a, b = b, a
        parent[b] = a
        size[a] += size[b]
    for i in range(faces):
        a = i
        while parent[a] != a:
            a = parent[a]
        parent[i] = a
    return parent


def _adopted(
    edges: RankOrderEdges, weights: NDArray[np.float32], roots: NDArray[np.int32], cap: int, least: int
) -> bool:
    """Move fragments into the cluster they touch most; `roots` changes in place. True when any moved."""
    n = edges.faces
    size = np.bincount(roots, minlength=n)
    a, b = roots[edges.first], roots[edges.second]
    across = a != b
    rows = np.concatenate([a[across], b[across]])
    columns = np.concatenate([b[across], a[across]])
    w = np.concatenate([weights[across], weights[across]])
    useful = (size[rows] < least) & (size[columns] >= least)
    touch = sp.coo_array((w[useful], (rows[useful], columns[useful])), shape=(n, n)).tocsr()
    new_root = np.arange(n)
    fragments = np.flatnonzero(np.diff(touch.indptr) > 0)
    moved = False
    for f in fragments[np.argsort(size[fragments], kind="stable")]:
        span = slice(touch.indptr[f], touch.indptr[f + 1])
        for home in touch.indices[span][np.argsort(-touch.data[span], kind="stable")]:
            if size[home] + size[f] <= cap:
                new_root[f] = home
                size[home] += size[f]
                moved = True
                break
    roots[:] = new_root[roots]
    return moved


def clusters_numbered(labels: NDArray[np.int32], *, least: int = 1) -> NDArray[np.int32]:
    """Number labels (N,) from 1 in the order of their first face; those with under `least` faces become 0."""
    _, first, inverse, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    kept = counts >= least
    number = np.zeros(len(first), np.int32)
    order = np.argsort(np.where(kept, first, len(labels)), kind="stable")[: int(kept.sum())]
    number[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    return np.asarray(number[inverse], dtype=np.int32)
