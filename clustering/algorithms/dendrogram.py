"""The tree in which rank-order clusters grow together as the threshold rises, made by one pass over the pairs.

It can be cut straight across at one distance (`Dendrogram.cut`), or branch by branch where clusters are dense
(`clusters_dense`).
"""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from clustering.algorithms.rank_order import RankOrderEdges, clusters_numbered, fragments_adopt, root_find

IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Dendrogram:
    """M merges of N faces in rising distance; nodes as in scipy's linkages: faces from 0, then merge i is N + i.

    M is N less the number of connected parts: where pairs do not connect all faces, several roots remain.
    """

    left: IntArray
    """(M,) node with the lower first face."""
    right: IntArray
    """(M,)"""
    distance: NDArray[np.float32]
    """(M,) rank-order distance of the pair that merged them, ascending."""
    size: IntArray
    """(M,) faces below the merge."""
    faces: int

    def merges_below(self, threshold: float) -> int:
        """How many merges happen at distances below `threshold`."""
        return int(np.searchsorted(self.distance, threshold, side="left"))

    def cut(self, threshold: float, *, delta: int = 1) -> IntArray:
        """Transitive merging of all pairs with a distance below `threshold` (the usual, global, cut).

        (N,) cluster numbers from 1 by lowest face; clusters of `delta` or fewer faces are noise, 0. Raises
        ValueError for a delta below 1.
        """
        delta_check(delta)
        top = np.arange(self.faces + len(self.left), dtype=np.int32)
        tops_raise(top, self.left, self.right, 0, self.merges_below(threshold))
        return clusters_numbered(top[: self.faces], least=delta + 1)


def delta_check(delta: int) -> None:
    """Raise ValueError for a delta below 1: single faces are no cluster."""
    if delta < 1:
        raise ValueError(f"delta must be at least 1, not {delta}.")


def dendrogram_build(edges: RankOrderEdges) -> Dendrogram:
    """The dendrogram of all pairs, nearest first (Kruskal's way: O(E) with union by a forest of parents)."""
    left, right, at, size = _merges(edges.first, edges.second, edges.faces)
    return Dendrogram(left, right, edges.distance[at], size, edges.faces)


@njit(cache=True)
def _merges(first, second, faces):  # type: ignore[no-untyped-def]
    parent = np.arange(faces).astype(np.int32)
    node = np.arange(faces).astype(np.int32)  # of the cluster whose root is this face
    count = np.ones(faces, np.int32)
    left, right = np.empty(faces, np.int32), np.empty(faces, np.int32)
    at, size = np.empty(faces, np.int64), np.empty(faces, np.int32)
    m = 0
    for e in range(len(first)):
        a, b = root_find(parent, first[e]), root_find(parent, second[e])
        if a == b:
            continue
        a, b = min(a, b), max(a, b)  # the root is a cluster's lowest face
        parent[b] = a
        count[a] += count[b]
        left[m], right[m], at[m], size[m] = node[a], node[b], e, count[a]
        node[a] = faces + m
        m += 1
        if m == faces - 1:
            break
    return left[:m].copy(), right[:m].copy(), at[:m].copy(), size[:m].copy()


@njit(cache=True)
def tops_raise(top, left, right, done, until):  # type: ignore[no-untyped-def]
    """Carry out merges `done` to `until`: `top` (N + M,) leads from each earlier root and new node to its root."""
    faces = len(top) - len(left)
    for m in range(until - 1, done - 1, -1):
        top[left[m]] = top[faces + m]
        top[right[m]] = top[faces + m]


def clusters_dense(
    edges: RankOrderEdges, *, density: float = 0.1, size_least: int = 5, adopt: bool = True
) -> IntArray:
    """The branches of the dendrogram whose edges outnumber `density` times their pairs by most.

    Of all ways to cut every branch somewhere, the one that maximises the sum over clusters of
    m_i - density * n_i (n_i - 1) / 2, with m_i the edges inside (Eq. 8 counts the same): merging pays where the
    clusters are joined by more than that share of all pairs between them. Edges being few, no branch holds more than
    2 k / density + 1 faces. What is left under `size_least` faces is taken in (`adopt`) as in `clusters_local`,
    or is noise. Returns (N,) cluster numbers from 1 by lowest face, 0 for noise. Deterministic. Raises ValueError
    unless 0 < density <= 1 and size_least >= 1.
    """
    if not 0 < density <= 1 or size_least < 1:
        raise ValueError(f"Density must lie in (0, 1] and least be at least 1, not {density} and {size_least}.")
    tree = dendrogram_build(edges)
    up, when = _links(tree.left, tree.right, tree.size, edges.faces)
    met = _meetings(edges.first, edges.second, up, when, len(tree.left))
    roots = _branches(tree.left, tree.right, tree.size, met, edges.faces, density)
    if adopt:
        fragments_adopt(edges, roots, edges.faces, size_least)
    return clusters_numbered(roots, least=size_least)


@njit(cache=True)
def _links(left, right, size, faces):  # type: ignore[no-untyped-def]
    """A forest of faces no deeper than log2 N: (N,) the face above, and the merge that put the face under it."""
    up = np.arange(faces).astype(np.int32)
    when = np.full(faces, len(left), np.int32)
    face = np.arange(faces + len(left)).astype(np.int32)
    for m in range(len(left)):
        a, b = left[m], right[m]
        if (size[a - faces] if a >= faces else 1) < (size[b - faces] if b >= faces else 1):
            a, b = b, a
        face[faces + m] = face[a]
        up[face[b]] = face[a]
        when[face[b]] = m
    return up, when


@njit(parallel=True, cache=True)
def _meetings(first, second, up, when, merges):  # type: ignore[no-untyped-def]
    """(M,) edges whose ends come together at each merge: the last one on the way from end to end."""
    chunks = 8  # side by side; the counts do not hang on their number
    met = np.zeros((chunks, merges), np.int32)
    for chunk in prange(chunks):
        for e in range(chunk * len(first) // chunks, (chunk + 1) * len(first) // chunks):
            a, b = first[e], second[e]
            last = 0
            while a != b:
                if when[a] > when[b]:
                    a, b = b, a
                last = when[a]
                a = up[a]
            met[chunk, last] += 1
    return met.sum(axis=0)


@njit(cache=True)
def _branches(left, right, size, met, faces, density):  # type: ignore[no-untyped-def]
    """(N,) lowest face of each face's branch."""
    inside, best = np.zeros(faces + len(left)), np.zeros(faces + len(left))
    lowest = np.arange(faces + len(left)).astype(np.int32)
    whole = np.ones(faces + len(left), np.bool_)
    for m in range(len(left)):
        v, a, b = faces + m, left[m], right[m]
        lowest[v] = lowest[a]  # the left node has the lower first face
        inside[v] = inside[a] + inside[b] + met[m]
        n = np.float64(size[m])
        worth, apart = inside[v] - density * n * (n - 1) / 2, best[a] + best[b]
        whole[v] = worth >= apart
        best[v] = max(worth, apart)
    branch = np.full(faces + len(left), -1, np.int32)
    for v in range(faces + len(left) - 1, -1, -1):
        if branch[v] < 0 and whole[v]:
            branch[v] = lowest[v]
        if v >= faces:
            branch[left[v - faces]] = branch[right[v - faces]] = branch[v]
    return branch[:faces].copy()
