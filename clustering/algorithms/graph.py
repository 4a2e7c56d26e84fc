"""Neighbour lists of faces, the affinity graph built on them, and its Laplacian (Zhao et al. 2018, Eq. 1)."""

from dataclasses import dataclass

import faiss
import numpy as np
import scipy.sparse as sp
from numba import njit, prange
from numpy.typing import NDArray

from clustering.algorithms.settings import GraphKind, LaplacianKind, SearchMethod

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]

FLAT_LIMIT = 50_000
"""Up to this many faces every pair is compared; above, an inverted file is searched."""
RECALL_SAMPLE = 500
RECALL_AIM = 0.95


@dataclass(frozen=True)
class Neighbours:
    """The k nearest faces of each face, nearest first, never the face itself."""

    indices: IntArray
    """(N, k); every entry is a face, none repeats in a row, none is the row's own."""
    distances: FloatArray
    """(N, k) Euclidean, ascending."""
    recall: float
    """Share of the true neighbours that were found, on a sample; 1.0 when all pairs were compared."""
    method: str
    """"flat" or "ivf"."""

    @property
    def k(self) -> int:
        return int(self.indices.shape[1])


@dataclass(frozen=True)
class Graph:
    """An undirected affinity graph."""

    affinity: sp.csr_array
    """(N, N) float32, symmetric, empty diagonal."""
    sigma: float
    """Width of the Gaussian affinity, in the unit of the distances."""
    isolated: NDArray[np.bool_]
    """(N,) faces without any edge."""


def neighbour_search(features: FloatArray, k: int, *, method: SearchMethod = "auto", seed: int = 0) -> Neighbours:
    """The k nearest neighbours of every row of `features` (N, d) by Euclidean distance.

    A face is never its own neighbour, also where duplicates push it out of its own list: the list is
    searched one longer, and the face or else the last entry is dropped. Distances are computed again from
    the features, since the search's own expansion of the square loses the small ones. Ties go to the lower
    index. Raises ValueError for non-finite features, or unless 1 <= k < N.
    """
    x = np.ascontiguousarray(features, dtype=np.float32)
    if x.ndim != 2:
        raise ValueError(f"Features must be a table of faces by numbers, not {x.ndim}-dimensional.")
    if not np.isfinite(x).all():
        raise ValueError(f"Features of face {_first_bad_row(x)} hold NaN or infinite numbers.")
    n = len(x)
    if not 1 <= k < n:
        raise ValueError(f"{n} faces cannot have {k} neighbours each: ask for 1 to {n - 1}.")
    x = x - x.mean(axis=0)
    flat = method == "flat" or (method == "auto" and n <= FLAT_LIMIT)
    if flat:
        found, recall = _search_flat(x, x, k + 1), 1.0
    else:
        found, recall = _search_ivf(x, k + 1, seed)
    indices = _own_dropped(found.astype(np.int32))
    distances = _distances(x, indices)
    order = np.lexsort((indices, distances), axis=1)
    return Neighbours(
        np.ascontiguousarray(np.take_along_axis(indices, order, axis=1)),
        np.ascontiguousarray(np.take_along_axis(distances, order, axis=1)),
        recall,
        "flat" if flat else "ivf",
    )


def _first_bad_row(x: FloatArray) -> int:
    return int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])


def _search_flat(x: FloatArray, queries: FloatArray, k: int) -> NDArray[np.int64]:
    index = faiss.IndexFlatL2(x.shape[1])
    index.add(x)
    return np.asarray(index.search(queries, k)[1])


def _search_ivf(x: FloatArray, k: int, seed: int) -> tuple[NDArray[np.int64], float]:
    """Inverted-file search; probes double until the recall on a sample reaches `RECALL_AIM`."""
    n, d = x.shape
    lists = int(max(16, min(4 * np.sqrt(n), n // 40)))
    rng = np.random.default_rng(seed)
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, lists, faiss.METRIC_L2)
    index.cp.seed = seed
    index.cp.niter = 10
    train = x[rng.choice(n, min(n, 40 * lists), replace=False)]
    index.train(train)
    index.add(x)
    sample = rng.choice(n, min(n, RECALL_SAMPLE), replace=False)
    truth = _search_flat(x, x[sample], k)
    index.nprobe = max(4, lists // 64)
    while True:
        recall = _recall(np.asarray(index.search(x[sample], k)[1]), truth)
        if recall >= RECALL_AIM or index.nprobe >= lists:
            break
        index.nprobe = min(lists, 2 * index.nprobe)
    found = np.asarray(index.search(x, k)[1])
    short = np.flatnonzero((found < 0).any(axis=1))
    if len(short):  # a face whose probed lists held fewer than k faces
        found[short] = _search_flat(x, x[short], k)
    return found, recall


def _recall(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True))
    return hits / truth.size


@njit(parallel=True, cache=True)
def _own_dropped(found):  # type: ignore[no-untyped-def]
    n, wide = found.shape
    out = np.empty((n, wide - 1), np.int32)
    for i in prange(n):
        at = wide - 1
        for j in range(wide):
            if found[i, j] == i:
                at = j
                break
        for j in range(wide - 1):
            out[i, j] = found[i, j] if j < at else found[i, j + 1]
    return out


@njit(parallel=True, cache=True)
def _distances(x, indices):  # type: ignore[no-untyped-def]
    n, k = indices.shape
    d = x.shape[1]
    out = np.empty((n, k), np.float32)
    for i in prange(n):
        for j in range(k):
            total = np.float32(0.0)
            other = indices[i, j]
            for c in range(d):
                gap = x[i, c] - x[other, c]
                total += gap * gap
            out[i, j] = np.sqrt(total)
    return out


def mutual_counts(neighbours: Neighbours) -> IntArray:
    """(N,) how many of a face's neighbours have it among their own."""
    return np.asarray(_mutual_counts(neighbours.indices), dtype=np.int32)


@njit(parallel=True, cache=True)
def _mutual_counts(indices):  # type: ignore[no-untyped-def]
    n, k = indices.shape
    out = np.zeros(n, np.int32)
    for i in prange(n):
        for j in range(k):
            other = indices[i, j]
            for m in range(k):
                if indices[other, m] == i:
                    out[i] += 1
                    break
    return out


def neighbour_graph(
    neighbours: Neighbours,
    *,
    kind: GraphKind = "mutual",
    keep_nearest: bool = True,
    sigma: float | None = None,
) -> Graph:
    """Gaussian affinity exp(-d^2 / 2 sigma^2) on the neighbour lists (Eq. 1); sigma is their median distance.

    "mutual" keeps an edge when both ends list each other, "union" when either does. `keep_nearest` adds each
    face's edge to its nearest neighbour to a mutual graph, so that no face is cut off; without it, isolated
    faces are told in `Graph.isolated`. Faces all alike (sigma 0) get affinity 1.
    """
    n, k = neighbours.indices.shape
    width = float(np.median(neighbours.distances)) if sigma is None else float(sigma)
    if width < 0 or not np.isfinite(width):
        raise ValueError(f"sigma must be a positive number, not {sigma!r}.")
    scale = 2.0 * max(width, 1e-19) ** 2
    weights = np.exp(-(neighbours.distances.astype(np.float64) ** 2) / scale).astype(np.float32)
    # An edge far out in the tail would underflow to 0 and vanish from the pattern.
    weights = np.maximum(weights, np.float32(1e-12))
    rows = np.arange(0, n * k + 1, k)
    one_way = sp.csr_array((weights.ravel(), neighbours.indices.ravel(), rows), shape=(n, n))
    other_way = one_way.T.tocsr()
    if kind == "union":
        affinity = one_way.maximum(other_way)
    else:
        affinity = one_way.minimum(other_way)
        if keep_nearest:
            first = (weights[:, 0], (np.arange(n), neighbours.indices[:, 0]))
            nearest = sp.csr_array(first, shape=(n, n))
            affinity = affinity.maximum(nearest).maximum(nearest.T.tocsr())
    affinity = sp.csr_array(affinity)
    affinity.eliminate_zeros()
    affinity.sort_indices()
    return Graph(affinity, width, np.diff(affinity.indptr) == 0)


def graph_laplacian(graph: Graph, kind: LaplacianKind = "symmetric") -> sp.csr_array:
    """The Laplacian (N, N) float32 of a graph: I - D^-1/2 A D^-1/2, I - D^-1 A, or D - A.

    The random-walk form is returned as (L + L^T) / 2, since only its symmetric part enters the quadratic form
    of Eqs. 2 and 3. An isolated face keeps 1 on the diagonal (the unnormalised form: the mean degree), so
    that it sits in the middle of the spectrum and does not take up an embedding dimension of its own.
    """
    a = graph.affinity
    degree = np.asarray(a.sum(axis=1), dtype=np.float64).ravel()
    alone = degree <= 0
    safe = np.where(alone, 1.0, degree)
    if kind == "symmetric":
        scaled = _scaled(a, 1.0 / np.sqrt(safe), 1.0 / np.sqrt(safe))
        diagonal = np.ones(len(degree))
    elif kind == "random_walk":
        one_way = _scaled(a, 1.0 / safe, np.ones(len(degree)))
        scaled = (one_way + one_way.T) * 0.5
        diagonal = np.ones(len(degree))
    else:
        scaled = a
        diagonal = np.where(alone, degree.mean(), degree)
    lap = sp.diags_array(diagonal, format="csr") - scaled
    out = sp.csr_array(lap, dtype=np.float32)
    out.sort_indices()
    return out


def _scaled(a: sp.csr_array, left: NDArray[np.float64], right: NDArray[np.float64]) -> sp.csr_array:
    rows = np.repeat(left, np.diff(a.indptr))
    return sp.csr_array((a.data * rows * right[a.indices], a.indices, a.indptr), shape=a.shape)
