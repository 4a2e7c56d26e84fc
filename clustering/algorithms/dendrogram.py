"""The tree in which rank-order clusters grow together as the threshold rises, made by one pass over the pairs."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clustering.algorithms.rank_order import RankOrderEdges, clusters_numbered, root_find

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
        if delta < 1:
            raise ValueError(f"delta must be at least 1, not {delta}.")
        top = np.arange(self.faces + len(self.left), dtype=np.int32)
        tops_raise(top, self.left, self.right, 0, self.merges_below(threshold))
        return clusters_numbered(top[: self.faces], least=delta + 1)


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
    """Carry out merges `done` to `until`: `top` (N + M,) then leads from each node that had been a root, and
    from the new ones, to its present root."""
    faces = len(top) - len(left)
    for m in range(until - 1, done - 1, -1):
        top[left[m]] = top[faces + m]
        top[right[m]] = top[faces + m]
