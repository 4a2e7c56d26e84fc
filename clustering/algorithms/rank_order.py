"""Approximate rank-order distance between faces, and local clusters cut from it.

Distance: Otto, Wang and Jain (arXiv 1604.00989), made symmetric and blind to duplicates. Clusters: one global
threshold with transitive merging (`modularity.clusters_global`, Zhao et al. 2018, section 3.2) chains most
faces into one giant; the cut used for review is local (`clusters_local`).
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from clustering.algorithms.neighbours import Neighbours

NOISE = 0
"""Cluster number of the noise and outlier group."""


@dataclass(frozen=True)
class RankOrderEdges:
    """Every pair of faces of which one lists the other, once, nearest first."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    distance: NDArray[np.float32]
    """(E,) rank-order distance, ascending; ties by Euclidean distance, then by the listing face and its rank."""
    euclidean: NDArray[np.float32]
    faces: int


def rank_order_edges(neighbours: Neighbours) -> RankOrderEdges:
    """The rank-order distance of all neighbour pairs.

    A face has rank 0 in its own list and belongs to its own neighbourhood; a face that a list of length k
    does not hold has rank k + 1 there. With O_a(b) the rank of b in a's list f_a and N(b) the list of b
    with b: d(a, b) = sum over i = 0 .. min(O_a(b), k) of [f_a(i) not in N(b)], and D(a, b) = (d(a, b) +
    d(b, a)) / min(O_a(b), O_b(a)), the same in both directions. O(N k^2) time; beside the lists and the
    result it holds 12 bytes a list entry. Raises ValueError for 2^32 list entries or more.
    """
    indices = np.ascontiguousarray(neighbours.indices)
    n, k = indices.shape
    if n * k >= 2**32:
        raise ValueError(f"{n} faces with {k} neighbours each are too many: their product must stay below 2^32.")
    chunks = max(get_num_threads(), 1) * 4
    codes = _ratios_listed(indices, _walk(indices), chunks)
    # Few ratios exist, so that pairs are dealt out to their ratio and sorted by Euclidean distance there.
    ratios = np.arange(2 * k + 2)[:, None] / np.maximum(np.arange(k + 1), 1)
    levels, level = np.unique(ratios.astype(np.float32), return_inverse=True)
    bits = np.ascontiguousarray(neighbours.distances, dtype=np.float32).view(np.uint32)
    keys, starts = _keys_by_level(codes, level.ravel().astype(np.int32), len(levels), bits, chunks)
    del codes
    first, second, distance, euclidean = _pairs_sorted(keys, starts, levels, indices, chunks)
    return RankOrderEdges(first, second, distance, euclidean.view(np.float32), n)


@njit(cache=True)
def _walk(indices):  # type: ignore[no-untyped-def]
    """(N,) all faces, from each to its nearest that was not yet met: work in this order stays in the cache."""
    n, k = indices.shape
    order = np.empty(n, np.int32)
    met = np.zeros(n, np.bool_)
    a, fresh = 0, 0
    for at in range(n):
        order[at] = a
        met[a] = True
        following = -1
        for i in range(k):
            if not met[indices[a, i]]:
                following = indices[a, i]
                break
        if following < 0:
            while fresh < n and met[fresh]:
                fresh += 1
            following = fresh
        a = following
    return order


@njit(parallel=True, cache=True)
def _ratios_listed(indices, order, chunks):  # type: ignore[no-untyped-def]
    """(N, k) D(a, f_a(j)) as numerator * (k + 1) + denominator, or -1 where b also lists a and b < a."""
    n, k = indices.shape
    out = np.empty((n, k), np.int32)
    for chunk in prange(chunks):
        rank = np.full(n, k + 1, np.int32)  # rank of every face in a's list
        for a in order[chunk * n // chunks : (chunk + 1) * n // chunks]:
            rank[a] = 0
            for i in range(k):
                rank[indices[a, i]] = i + 1
            for j in range(k):
                theirs = indices[indices[a, j]]
                o_ab = np.int32(j + 1)
                o_ba = np.int32(k + 1)
                for i in range(k):  # without a break the comparisons run side by side
                    o_ba = min(o_ba, np.int32(i + 1) if theirs[i] == a else np.int32(k + 1))
                if o_ba <= k and indices[a, j] < a:
                    out[a, j] = -1
                    continue
                reach = min(o_ba, k)
                # o_ab + 1 and reach + 1 faces are summed over; b is among both, and is never missing.
                missing = o_ab + reach
                for i in range(reach):
                    r = rank[theirs[i]]
                    missing -= np.int32(r <= o_ab) + np.int32(r <= k)
                for i in range(reach, k):
                    missing -= np.int32(rank[theirs[i]] <= o_ab)
                out[a, j] = missing * (k + 1) + min(o_ab, o_ba)
            for i in range(k):
                rank[indices[a, i]] = k + 1
            rank[a] = k + 1
    return out


@njit(parallel=True, cache=True)
def _keys_by_level(codes, level, levels, bits, chunks):  # type: ignore[no-untyped-def]
    """(E,) keys, Euclidean bits above the place in the lists, level after level; (levels + 1,) their starts."""
    n, k = codes.shape
    counts = np.zeros((chunks, levels), np.int64)
    for chunk in prange(chunks):
        for a in range(chunk * n // chunks, (chunk + 1) * n // chunks):
            for j in range(k):
                if codes[a, j] >= 0:
                    counts[chunk, level[codes[a, j]]] += 1
    starts = np.zeros(levels + 1, np.int64)
    total = 0
    for lev in range(levels):
        for chunk in range(chunks):
            here = counts[chunk, lev]
            counts[chunk, lev] = total
            total += here
        starts[lev + 1] = total
    keys = np.empty(total, np.uint64)
    for chunk in prange(chunks):
        for a in range(chunk * n // chunks, (chunk + 1) * n // chunks):
            for j in range(k):
                if codes[a, j] >= 0:
                    lev = level[codes[a, j]]
                    keys[counts[chunk, lev]] = (np.uint64(bits[a, j]) << np.uint64(32)) | np.uint64(a * k + j)
                    counts[chunk, lev] += 1
    return keys, starts


@njit(parallel=True, cache=True)
def _pairs_sorted(keys, starts, levels, indices, chunks):  # type: ignore[no-untyped-def]
    """(E,) lower face, higher face, distance and Euclidean bits, in order; `keys` is sorted in place."""
    k = indices.shape[1]
    first, second = np.empty(len(keys), np.int32), np.empty(len(keys), np.int32)
    distance, bits = np.empty(len(keys), np.float32), np.empty(len(keys), np.uint32)
    for chunk in prange(chunks):
        for lev in range(chunk, len(levels), chunks):
            keys[starts[lev] : starts[lev + 1]].sort()
            for e in range(starts[lev], starts[lev + 1]):
                place = np.int64(keys[e] & np.uint64(0xFFFFFFFF))
                a = np.int32(place // k)
                b = indices[a, place % k]
                first[e], second[e] = min(a, b), max(a, b)
                distance[e] = levels[lev]
                bits[e] = np.uint32(keys[e] >> np.uint64(32))
    return first, second, distance, bits


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
    if adopt:
        fragments_adopt(edges, roots, size_cap + size_cap // 2, size_least)
    return clusters_numbered(roots, least=size_least)


def fragments_adopt(edges: RankOrderEdges, roots: NDArray[np.int32], cap: int, least: int) -> None:
    """Give each cluster under `least` faces to the one it has most near pairs with, where that stays within `cap`.

    `roots` (N,), a face of its cluster for each face, changes in place.
    """
    weights = (1.0 / (1.0 + edges.distance)).astype(np.float32)
    for _ in range(3):  # a fragment's neighbour may itself be a fragment that finds a home first
        if not _adopted(edges, weights, roots, cap, least):
            break


@njit(cache=True)
def root_find(parent, a):  # type: ignore[no-untyped-def]
    """The root of face `a` in a forest of parents (N,), whose paths are halved on the way."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    return a


@njit(cache=True)
def _merged(first, second, faces, cap):  # type: ignore[no-untyped-def]
    """(N,) lowest face of each face's cluster."""
    parent = np.arange(faces).astype(np.int32)
    size = np.ones(faces, np.int32)
    for e in range(len(first)):
        a, b = root_find(parent, first[e]), root_find(parent, second[e])
        if a == b or size[a] + size[b] > cap:
            continue
        a, b = min(a, b), max(a, b)
        parent[b] = a
        size[a] += size[b]
    for a in range(faces):
        parent[a] = root_find(parent, a)
    return parent


def _adopted(
    edges: RankOrderEdges, weights: NDArray[np.float32], roots: NDArray[np.int32], cap: int, least: int
) -> bool:
    """Move fragments into the cluster they touch most; `roots` changes in place. True when any moved."""
    n = edges.faces
    size = np.bincount(roots, minlength=n)
    small = size[roots] < least
    useful = np.flatnonzero(small[edges.first] != small[edges.second])
    a, b = roots[edges.first[useful]], roots[edges.second[useful]]
    inward = size[a] < least
    rows, columns = np.where(inward, a, b), np.where(inward, b, a)
    touch = sp.coo_array((weights[useful], (rows, columns)), shape=(n, n)).tocsr()
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
