"""Features laid out on a plane: by principal components (PCA) or by UMAP (McInnes, Healy, Melville 2018)."""

import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.algorithms.callbacks import Cancel, Progress, cancel_check, progress_ignore
from clustering.algorithms.neighbours import Neighbours

FloatArray = NDArray[np.float32]

UMAP_NEIGHBOURS = 15
"""Neighbours of a face that UMAP keeps together, itself included."""
UMAP_LEAST = 2 * UMAP_NEIGHBOURS
"""Of fewer faces UMAP makes no sensible plane."""
BLOCK = 65_536
"""Rows that PCA reads at once."""
KERNEL_SHARE = 0.1
"""Share of UMAP's progress that is told once its graph is made, before the first epoch."""


def pca_plane(
    features: FloatArray, *, progress: Progress | None = None, cancelled: Cancel | None = None
) -> FloatArray:
    """The two directions of most variance: (N, d) finite features to (N, 2).

    Exact, by the eigenvectors of the covariance, whose rows are read a block at a time. A direction's largest
    part is positive, so that equal features give an equal plane. With one dimension the second axis is zero.
    Raises ValueError for fewer than two faces.
    """
    n, d = features.shape
    if n < 2:
        raise ValueError(f"A plane needs at least two faces, not {n}.")
    report = progress or progress_ignore
    mean = np.asarray(features.mean(axis=0, dtype=np.float64))
    covariance = np.zeros((d, d))
    for start in range(0, n, BLOCK):
        cancel_check(cancelled)
        block = features[start : start + BLOCK] - mean
        covariance += block.T @ block
        report(0.7 * min(1.0, (start + BLOCK) / n), "Finding the directions of most variance")
    _values, vectors = np.linalg.eigh(covariance)
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    plane = np.zeros((n, 2), np.float32)
    for start in range(0, n, BLOCK):
        cancel_check(cancelled)
        plane[start : start + BLOCK, : axes.shape[1]] = (features[start : start + BLOCK] - mean) @ axes
        report(0.7 + 0.3 * min(1.0, (start + BLOCK) / n), "Laying out the faces")
    return plane


def umap_plane(
    features: FloatArray,
    neighbours: Neighbours,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> FloatArray:
    """UMAP's plane of (N, d) finite features by their neighbour lists, (N, 2).

    It begins from the PCA plane, which keeps far groups in their places and needs no eigenvectors of the graph.
    One core works, so that equal seeds give an equal plane on one machine. Raises ValueError for too few faces
    or lists that are too short, `Cancelled` when asked to stop.
    """
    n = len(features)
    if n < UMAP_LEAST:
        raise ValueError(f"UMAP needs at least {UMAP_LEAST} faces, not {n}: use PCA.")
    wanted = UMAP_NEIGHBOURS - 1
    if neighbours.k < wanted:
        raise ValueError(f"UMAP needs {wanted} neighbours of each face, not {neighbours.k}.")
    from umap import UMAP  # eleven seconds the first time: only where a plane is made

    report = progress or progress_ignore
    report(0.0, "Joining neighbours")
    # UMAP counts a face as its own first neighbour.
    indices = np.column_stack([np.arange(n, dtype=np.int32), neighbours.indices[:, :wanted]])
    distances = np.column_stack([np.zeros(n, np.float32), neighbours.distances[:, :wanted]])
    method = UMAP(
        n_neighbors=UMAP_NEIGHBOURS,
        min_dist=0.1,
        init=pca_plane(features, cancelled=cancelled),
        random_state=seed,
        n_jobs=1,
        precomputed_knn=(indices, distances, None),
        force_approximation_algorithm=True,  # without it the lists of fewer than 4,096 faces are made again
        tqdm_kwds={
            "disable": False,
            "file": _Bar(report, cancelled),
            "bar_format": "{n_fmt}/{total_fmt}",
            "mininterval": 0.5,
        },
    )
    with warnings.catch_warnings():
        # It can't place further faces without a search index; nobody asks it to.
        warnings.filterwarnings("ignore", message=".*knn_search_index.*")
        warnings.filterwarnings("ignore", message=".*n_jobs.*")
        return np.asarray(method.fit_transform(features), dtype=np.float32)


class _Bar(io.StringIO):
    """UMAP tells its epochs to a progress bar alone; this is what the bar is drawn on."""

    def __init__(self, report: Progress, cancelled: Cancel | None) -> None:
        super().__init__()
        self._report, self._cancelled = report, cancelled

    def write(self, text: str) -> int:
        cancel_check(self._cancelled)
        done, _slash, total = text.strip().strip("\r").partition("/")
        if done.isdecimal() and total.isdecimal() and int(total):
            share = int(done) / int(total)
            self._report(KERNEL_SHARE + (1 - KERNEL_SHARE) * share, f"Epoch {done} of {total}")
        return len(text)


def plane_scale(plane: NDArray[Any]) -> FloatArray:
    """The plane (N, 2) moved to the middle and scaled into [−1, 1], both axes alike. All at one point: zeros."""
    low, high = plane.min(axis=0), plane.max(axis=0)
    half = float((high - low).max()) / 2
    if half == 0:
        return np.zeros(plane.shape, np.float32)
    scaled = (plane.astype(np.float64) - (low + high) / 2.0) / half
    clipped: FloatArray = np.clip(scaled, -1, 1).astype(np.float32)
    return clipped
