"""The nearest faces of each face: exact, or approximate with the recall told."""

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray

from clustering.algorithms.blocks import Device
from clustering.algorithms.callbacks import Cancel, Progress, cancel_check, progress_ignore
from clustering.algorithms.settings import SearchMethod

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]

FLAT_LIMIT = 20_000
"""Up to this many faces "auto" compares every pair: 7 s of one core at 20,000 x 256, growing with the square."""
IVF_LIMIT = 2_000_000
"""Up to this many it searches an inverted file, above a small-world graph, which grows almost in proportion."""
RECALL_SAMPLE = 500
RECALL_AIM = 0.95
HNSW_LINKS = 16
TILE = 2**26
"""Distances that the blocked search holds at once."""
ASKED = 16_384
"""Faces whose neighbours are searched between two looks at whether to stop."""


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
    """How they were searched: "flat" (all pairs), "ivf" or "hnsw"."""

    @property
    def k(self) -> int:
        return int(self.indices.shape[1])


def neighbour_search(
    features: FloatArray,
    k: int,
    *,
    method: SearchMethod = "auto",
    seed: int = 0,
    device: Device = "auto",
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> Neighbours:
    """The k nearest neighbours of every row of `features` (N, d) by Euclidean distance.

    A face is never its own neighbour, also where duplicates push it out of its own list: the list is
    searched one longer, and the face or else the last entry is dropped. Distances are computed again from
    the features, since the search's own expansion of the square loses the small ones. Ties go to the lower
    index. Where torch has a CUDA device and `device` is not "cpu", "auto" and "flat" compare all pairs there.
    Equal seeds give equal lists on one machine: the graph of "hnsw" is built on one core for that. Which of
    several duplicates make the end of a list is the search's own choice. `cancelled` is asked between blocks of
    faces. Raises ValueError for non-finite features, or unless 1 <= k < N, and Cancelled.
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
    on_cuda = device != "cpu" and torch.cuda.is_available()
    chosen = method_for(n, on_cuda) if method == "auto" else method
    asked = _Asked(progress or progress_ignore, cancelled)
    recall = 1.0
    if chosen == "flat" and on_cuda:
        found = search_blocked(x, x, k + 1, "cuda")
    elif chosen == "flat":
        found = asked.search(_index_flat(x), x, k + 1)
    else:
        found, recall = _search_ivf(x, k + 1, seed, asked) if chosen == "ivf" else _search_hnsw(x, k + 1, seed, asked)
    indices = _own_dropped(found.astype(np.int32))
    distances = _distances(x, indices)
    order = np.lexsort((indices, distances), axis=1)
    return Neighbours(
        np.ascontiguousarray(np.take_along_axis(indices, order, axis=1)),
        np.ascontiguousarray(np.take_along_axis(distances, order, axis=1)),
        recall,
        chosen,
    )


def method_for(faces: int, on_cuda: bool) -> SearchMethod:
    """The search that "auto" chooses."""
    if on_cuda or faces <= FLAT_LIMIT:
        return "flat"
    return "ivf" if faces <= IVF_LIMIT else "hnsw"


def _first_bad_row(x: FloatArray) -> int:
    return int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])


@dataclass(frozen=True)
class _Asked:
    """Searches an index block by block, tells how far it is and stops where it is asked to."""

    progress: Progress
    cancelled: Cancel | None

    def search(self, index: Any, queries: FloatArray, k: int) -> NDArray[np.int64]:
        """(Q, k) what the index finds, -1 where it finds fewer."""
        found = np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries), ASKED):
            cancel_check(self.cancelled)
            self.progress(start / len(queries), "Searching neighbours")
            found[start : start + ASKED] = index.search(queries[start : start + ASKED], k)[1]
        return found


def _index_flat(x: FloatArray) -> Any:
    index = faiss.IndexFlatL2(x.shape[1])
    index.add(x)
    return index


def _search_flat(x: FloatArray, queries: FloatArray, k: int) -> NDArray[np.int64]:
    return np.asarray(_index_flat(x).search(queries, k)[1])


def search_blocked(x: FloatArray, queries: FloatArray, k: int, device: str, tile: int = TILE) -> NDArray[np.int64]:
    """(Q, k) the nearest rows of x for each query, all pairs compared on a torch device, at most `tile` at once."""
    data, sought = torch.from_numpy(x).to(device), torch.from_numpy(queries).to(device)
    squares = (data * data).sum(dim=1)
    rows = max(1, min(len(queries), int(tile**0.5)))
    columns = max(k, tile // rows)
    out = np.empty((len(queries), k), np.int64)
    for top in range(0, len(queries), rows):
        part = sought[top : top + rows]
        best = torch.full((len(part), 0), 0.0, device=device)
        where = torch.full((len(part), 0), 0, dtype=torch.int64, device=device)
        for left in range(0, len(x), columns):
            # The query's own square is the same for all and changes no order.
            apart = squares[left : left + columns] - 2.0 * (part @ data[left : left + columns].T)
            near, at = apart.topk(min(k, apart.shape[1]), dim=1, largest=False)
            best, where = torch.cat([best, near], dim=1), torch.cat([where, at + left], dim=1)
            best, at = best.topk(min(k, best.shape[1]), dim=1, largest=False)
            where = where.gather(1, at)
        out[top : top + rows] = where.cpu().numpy()
    return out


def _search_ivf(x: FloatArray, k: int, seed: int, asked: _Asked) -> tuple[NDArray[np.int64], float]:
    """Inverted-file search with twice the root of N lists."""
    n, d = x.shape
    lists = int(max(16, min(2 * np.sqrt(n), n // 40)))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, lists, faiss.METRIC_L2)
    index.cp.seed = seed
    index.cp.niter = 10
    index.train(x[np.random.default_rng(seed).choice(n, min(n, 40 * lists), replace=False)])
    index.add(x)
    return _search_wider(x, k, seed, asked, index, index, "nprobe", max(2, lists // 256), lists)


def _search_hnsw(x: FloatArray, k: int, seed: int, asked: _Asked) -> tuple[NDArray[np.int64], float]:
    """Search in a hierarchical navigable small-world graph."""
    index = faiss.IndexHNSWFlat(x.shape[1], HNSW_LINKS)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # with more, the graph depends on which of them comes first
    try:
        index.add(x)
    finally:
        faiss.omp_set_num_threads(threads)
    return _search_wider(x, k, seed, asked, index, index.hnsw, "efSearch", k, len(x))


def _search_wider(
    x: FloatArray, k: int, seed: int, asked: _Asked, index: Any, knob: Any, name: str, least: int, most: int
) -> tuple[NDArray[np.int64], float]:
    """Search an index whose `knob` widens until the recall on a sample reaches `RECALL_AIM`."""
    n = len(x)
    sample = np.random.default_rng([seed, 1]).choice(n, min(n, RECALL_SAMPLE), replace=False)
    truth = _search_flat(x, x[sample], k)
    width = min(least, most)
    while True:
        setattr(knob, name, width)
        recall = _recall(np.asarray(index.search(x[sample], k)[1]), truth)
        if recall >= RECALL_AIM or width >= most:
            break
        width = min(most, int(1.5 * width) + 1)
    found = asked.search(index, x, k)
    short = np.flatnonzero((found < 0).any(axis=1))
    if len(short):  # a face whose part of the index held fewer than k faces
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
