"""What speaks for or against an AU on a face: each witness is one logit-like number, NaN where it is silent.

Every witness of a face leaves the face itself out, but for its own weak label and its own score: a face
does not vouch for itself through its neighbours or its cluster.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from clustering.algorithms.groups import UNKNOWN
from clustering.algorithms.logistic import logit

FloatArray = NDArray[np.float32]

WEAK, SCORE = "weak label", "feature network"
CLUSTER_REFERENCE = "reference in the cluster"


@dataclass(frozen=True)
class Witnesses:
    """Named witnesses for N faces and A AUs."""

    names: tuple[str, ...]
    values: FloatArray
    """(N, A, W), NaN where a witness is silent."""
    shaped: tuple[bool, ...]
    """Whether a face's own weak label had a part in what the witness says of it: its embedding, its cluster."""


def weak_logits(weak: NDArray[np.int8], probability: FloatArray | None) -> FloatArray:
    """(N, A) logit of the weak probability; without one, the typical logit of faces with the same weak code.

    Where an AU has no probabilities at all its codes count as probabilities 0.85 and 0.15. NaN for faces
    without either.
    """
    out = np.full(weak.shape, np.nan)
    if probability is not None:
        out = logit(probability)
    for a in range(weak.shape[1]):
        for code, otherwise in ((1, 0.85), (0, 0.15)):
            same = weak[:, a] == code
            silent = same & np.isnan(out[:, a])
            if not silent.any():
                continue
            known = same & ~np.isnan(out[:, a])
            typical = float(np.mean(out[known, a])) if known.any() else float(logit(np.array(otherwise)))
            out[silent, a] = typical
    return out.astype(np.float32)


def neighbour_means(values: FloatArray, indices: NDArray[np.int32]) -> FloatArray:
    """(N, A) mean of `values` (N, A) over each face's listed neighbours (N, k); silent ones are left out."""
    return np.asarray(_neighbour_means(np.ascontiguousarray(values, np.float32), indices), dtype=np.float32)


@njit(parallel=True, cache=True)
def _neighbour_means(values, indices):  # type: ignore[no-untyped-def]
    n, k = indices.shape
    columns = values.shape[1]
    out = np.full((n, columns), np.nan, np.float32)
    for i in prange(n):
        total = np.zeros(columns)
        count = np.zeros(columns)
        for j in range(k):
            for c in range(columns):
                v = values[indices[i, j], c]
                if v == v:
                    total[c] += v
                    count[c] += 1
        for c in range(columns):
            if count[c] > 0:
                out[i, c] = total[c] / count[c]
    return out


def feature_forecasts(
    features: FloatArray, values: FloatArray, *, folds: int = 5, ridge: float = 0.03, seed: int = 0
) -> FloatArray:
    """(N, A) what the features (N, d) of a face foretell of its `values` (N, A), by ridge regression.

    Each face is foretold from the faces of other folds. `ridge` is the penalty per face on features of unit
    spread. All faces, also those nobody coded, teach: errors that have nothing to do with looks average out.
    Silent values do not teach; a column that is silent throughout stays silent.
    """
    n = len(features)
    spread = features.std(axis=0)
    x = (features - features.mean(axis=0)) / np.where(spread > 1e-6, spread, np.float32(1))
    fold = np.random.default_rng(seed).permutation(n) % folds
    known = ~np.isnan(values)
    out = np.full(values.shape, np.nan, np.float32)
    masks, which = np.unique(known, axis=1, return_inverse=True)
    for m in range(masks.shape[1]):
        columns = np.flatnonzero(which == m)
        for f in range(folds):
            rows, asked = masks[:, m] & (fold != f), fold == f
            if rows.sum() > 1:
                out[np.ix_(asked, columns)] = _ridge(x[rows], values[np.ix_(rows, columns)], x[asked], ridge)
    return out


def _ridge(x: FloatArray, y: FloatArray, asked: FloatArray, ridge: float) -> FloatArray:
    middle = y.mean(axis=0)
    gram = (x.T @ x).astype(np.float64) + ridge * len(x) * np.eye(x.shape[1])
    slope = np.linalg.solve(gram, (x.T @ (y - middle)).astype(np.float64))
    return np.asarray(asked @ slope.astype(np.float32) + middle, dtype=np.float32)


def cluster_means(values: FloatArray, clusters: NDArray[np.int32], *, shrink: float = 3.0) -> FloatArray:
    """(N,) mean of `values` (N,) over the other faces of each face's cluster, drawn to the overall mean.

    `shrink` is the number of average faces mixed in, so that a small cluster speaks softly. Faces in no
    cluster (0), and those whose cluster is otherwise silent, get NaN.
    """
    known = ~np.isnan(values)
    if not known.any():
        return np.full(len(values), np.nan, np.float32)
    filled = np.where(known, values, 0.0).astype(np.float64)
    overall = float(filled[known].mean())
    total = np.bincount(clusters, weights=filled)[clusters] - filled
    count = np.bincount(clusters, weights=known)[clusters] - known
    mean = (total + shrink * overall) / np.maximum(count + shrink, 1e-9)
    return np.where((clusters > 0) & (count > 0), mean, np.nan).astype(np.float32)


def cluster_reference(reference: NDArray[np.int8], clusters: NDArray[np.int32], *, shrink: float = 3.0) -> FloatArray:
    """(N,) logit of the share of present among the other reference faces of each face's cluster.

    Drawn to the base rate by `shrink` average faces. A cluster without other reference faces says just the
    base rate; a face in no cluster (0) too. All NaN without any reference.
    """
    known = reference != UNKNOWN
    if not known.any():
        return np.full(len(reference), np.nan, np.float32)
    present = (reference == 1).astype(np.float64)
    base = (present.sum() + 0.5) / (known.sum() + 1.0)
    inside = clusters > 0
    total = np.where(inside, np.bincount(clusters, weights=present)[clusters] - present, 0.0)
    count = np.where(inside, np.bincount(clusters, weights=known)[clusters] - known, 0.0)
    return logit((total + shrink * base) / (count + shrink), 1e-3).astype(np.float32)
