"""What a vote says: proposals with their probabilities, and what stays with its weak label and why."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.algorithms.groups import UNKNOWN

Float64 = NDArray[np.float64]


class KeptReason(IntEnum):
    """Why a face keeps its weak label whatever the vote said. The numbers are stored: never change them."""

    NOT_KEPT = 0
    UNPROVEN = 1
    NO_CLUSTER = 2
    TIED = 3


KEPT_WORDS = {
    KeptReason.UNPROVEN: "on reference faces the vote did worse than the weak labels of this AU",
    KeptReason.NO_CLUSTER: "the face is in no cluster, so nobody votes",
    KeptReason.TIED: "its cluster is split evenly",
}


@dataclass(frozen=True)
class Vote:
    """What a vote says about N faces and A AUs."""

    proposal: NDArray[np.int8]
    """(N, A) 1 present, 0 absent, -1 where nothing speaks."""
    probability: NDArray[np.float32]
    """(N, A) of present; NaN where nothing speaks. By witnesses, of reference faces: fitted without them."""
    confidence: NDArray[np.float32]
    """(N, A) probability that the proposal is right; NaN where there is none."""
    base_rate: Float64
    """(A,) share of present that the cut aims at."""
    cut: Float64
    """(A,) probability from which the proposal is present."""
    weights: Float64
    """(A, W) weight of each witness, scaled to unit spread, for faces on which all speak."""
    held_out_loss: Float64
    """(A,) mean log-loss on held-out reference faces; NaN without."""
    witness_names: tuple[str, ...]
    kept: NDArray[np.uint8]
    """(N, A) a `KeptReason`."""

    def joined(self, other: "Vote", own: NDArray[np.intp], others: NDArray[np.intp], slots: list[int]) -> "Vote":
        """This vote for the AUs `own`, `other`'s for the AUs `others`, whose witnesses have these `slots`."""

        def spread(mine: NDArray[Any], theirs: NDArray[Any], axis: int) -> NDArray[Any]:
            both = np.concatenate([mine, theirs], axis=axis)
            return np.take(both, np.argsort(np.concatenate([own, others])), axis=axis)

        weights = np.full((len(others), self.weights.shape[1]), np.nan)
        weights[:, slots] = other.weights
        return Vote(
            spread(self.proposal, other.proposal, 1),
            spread(self.probability, other.probability, 1),
            spread(self.confidence, other.confidence, 1),
            spread(self.base_rate, other.base_rate, 0),
            spread(self.cut, other.cut, 0),
            spread(self.weights, weights, 0),
            spread(self.held_out_loss, other.held_out_loss, 0),
            self.witness_names,
            spread(self.kept, other.kept, 1),
        )


def vote_cut(
    probability: Float64,
    base: Float64,
    counted: NDArray[np.bool_],
    *,
    weights: Float64 | None = None,
    loss: Float64 | None = None,
    names: tuple[str, ...] = (),
) -> Vote:
    """Proposals at the probability (N, A) that a share `base` (A,) of the counted faces (N,) reaches."""
    aus = probability.shape[1]
    cut = np.full(aus, 0.5)
    for a in range(aus):
        p = probability[counted, a]
        p = p[~np.isnan(p)]
        if len(p):
            cut[a] = _share_cut(p, float(base[a]))
    return vote_at(probability, base, cut, weights=weights, loss=loss, names=names)


def vote_at(
    probability: Float64,
    base: Float64,
    cut: Float64,
    *,
    weights: Float64 | None = None,
    loss: Float64 | None = None,
    names: tuple[str, ...] = (),
) -> Vote:
    """Proposals present from the probabilities `cut` (A,) on."""
    aus = probability.shape[1]
    silent = np.isnan(probability)
    proposal = np.where(silent, UNKNOWN, probability >= cut).astype(np.int8)
    confidence = np.where(proposal == 1, probability, 1 - probability)
    return Vote(
        proposal,
        probability.astype(np.float32),
        confidence.astype(np.float32),
        base,
        cut,
        np.full((aus, len(names)), np.nan) if weights is None else weights,
        np.full(aus, np.nan) if loss is None else loss,
        names,
        np.zeros(probability.shape, np.uint8),
    )


def weak_kept(vote: Vote, weak: NDArray[np.int8], where: NDArray[np.bool_], reason: KeptReason) -> Vote:
    """The vote with the weak codes (N, A) left as they are at `where` (N, A). Unknown weak codes are not kept."""
    held = where & (weak != UNKNOWN)
    p = vote.probability
    told = np.where(weak == 1, p, 1 - p)
    return Vote(
        np.where(held, weak, vote.proposal).astype(np.int8),
        p,
        np.where(held, told, vote.confidence).astype(np.float32),
        vote.base_rate,
        vote.cut,
        vote.weights,
        vote.held_out_loss,
        vote.witness_names,
        np.where(held, np.uint8(reason), vote.kept).astype(np.uint8),
    )


def _share_cut(p: Float64, share: float) -> float:
    """The value from which on the share of p comes nearest to `share`; above all of p where none does."""
    steps, counts = np.unique(p, return_counts=True)
    above = np.append(np.cumsum(counts[::-1])[::-1], 0) / len(p)
    at = int(np.argmin(np.abs(above - share)))
    return float(steps[at]) if at < len(steps) else float(np.nextafter(steps[-1], 2.0))
