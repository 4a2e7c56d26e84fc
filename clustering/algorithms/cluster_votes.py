"""Votes of whole clusters, as in the paper (Zhao et al. 2018, 3.2): every face of a cluster gets its code.

Beside the plain majority: the mean of the weak probabilities cut at one half, and cut at a base rate, since a
majority under-calls rare AUs. The default vote weighs witnesses instead (`reannotation`).
"""

import numpy as np
from numpy.typing import NDArray

from clustering.algorithms.groups import UNKNOWN
from clustering.algorithms.votes import Float64, KeptReason, Vote, vote_at, vote_cut, weak_kept


def vote_majority(weak: NDArray[np.int8], membership: NDArray[np.int32]) -> Vote:
    """The code that most of a cluster's weak codes (N, A) have, for all its faces; membership (N, A), 0 in none.

    An even split and faces in no cluster keep their weak label.
    """
    known = weak != UNKNOWN
    share = _cluster_means(np.where(known, weak, np.nan).astype(np.float64), membership)
    vote = vote_at(share, _weak_rate(weak), np.full(weak.shape[1], 0.5))
    return weak_kept(_clusterless(vote, weak, membership), weak, share == 0.5, KeptReason.TIED)


def vote_probability(
    weak: NDArray[np.int8], probability: NDArray[np.floating], membership: NDArray[np.int32]
) -> Vote:
    """Present where the cluster's mean weak probability (N, A; NaN unknown) is one half or more."""
    mean = _cluster_means(probability.astype(np.float64), membership)
    return _clusterless(vote_at(mean, _weak_rate(weak), np.full(weak.shape[1], 0.5)), weak, membership)


def vote_base_rate(
    weak: NDArray[np.int8],
    probability: NDArray[np.floating],
    membership: NDArray[np.int32],
    reference: NDArray[np.int8] | None = None,
) -> Vote:
    """Present in the clusters with the highest mean probability, as many as the base rate asks for.

    The base rate of an AU is that of its reference codes (N, A) where there are any, else of its weak codes.
    Whole clusters are called, so the share is met only nearly.
    """
    base = _weak_rate(weak)
    if reference is not None:
        told = (reference != UNKNOWN).any(axis=0)
        base = np.where(told, _weak_rate(reference), base)
    mean = _cluster_means(probability.astype(np.float64), membership)
    return _clusterless(vote_cut(mean, base, np.ones(len(weak), bool)), weak, membership)


def _weak_rate(codes: NDArray[np.int8]) -> Float64:
    """(A,) share of present among the known codes; one half without any."""
    known = (codes != UNKNOWN).sum(axis=0)
    return np.asarray(np.where(known, (codes == 1).sum(axis=0) / np.maximum(known, 1), 0.5), dtype=np.float64)


def _cluster_means(values: Float64, membership: NDArray[np.int32]) -> Float64:
    """(N, A) mean of each face's cluster, itself included; NaN in no cluster or where all are unknown."""
    out = np.full(values.shape, np.nan)
    for a in range(values.shape[1]):
        clusters, known = membership[:, a], ~np.isnan(values[:, a])
        total = np.bincount(clusters, weights=np.where(known, values[:, a], 0.0))
        count = np.bincount(clusters, weights=known)
        with np.errstate(invalid="ignore"):
            mean = total / count
        mean[0] = np.nan
        out[:, a] = mean[clusters]
    return out


def _clusterless(vote: Vote, weak: NDArray[np.int8], membership: NDArray[np.int32]) -> Vote:
    """Faces in no cluster keep their weak label, with the probability that label alone is worth."""
    return weak_kept(vote, weak, membership == 0, KeptReason.NO_CLUSTER)
