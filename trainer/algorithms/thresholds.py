"""The score above which a face is called present, chosen for each AU on validation faces."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFAULT_THRESHOLD = 0.5
MOST_CALLED = 2.0
"""A threshold calls at most this many times the faces that have the AU."""


def thresholds_choose(labels: NDArray[np.integer[Any]], scores: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The threshold (A,) of each AU with the best F1 on these faces; a score above it is called present.

    labels: (N, A) 1, 0 or −1. scores: (N, A) probabilities, NaN where there is none. Candidates lie
    halfway between neighbouring scores, the last between the lowest and 0. 0.5 where an AU has no
    positive or no negative.

    With few positives the best F1 hangs on single faces. Thresholds whose F1 is less than half a hit's
    worth, 1/(2n⁺), below the best therefore count as equal, and of those the one is taken that calls
    about as many faces as have the AU (the ratio nearest to 1); then the better F1, then the higher
    threshold. With many positives the allowance vanishes.

    Scores that tell little have their best F1 where nearly every face is called, and such codes are of
    no use to the next round: no threshold is taken that calls more than twice as many as have the AU,
    where there is another.
    """
    if labels.shape != scores.shape or labels.ndim != 2:
        raise ValueError(f"labels {labels.shape} and scores {scores.shape} must be the same (faces, AUs)")
    return np.array(
        [_threshold(labels[:, au], scores[:, au].astype(np.float32)) for au in range(labels.shape[1])],
        dtype=np.float32,
    )


def fold_thresholds_choose(
    labels: NDArray[np.integer[Any]], scores: NDArray[np.floating[Any]], folds: NDArray[np.integer[Any]]
) -> NDArray[np.float32]:
    """(K, A) the thresholds to judge each fold by: those chosen on the faces of the others.

    labels, scores: (N, A) as above. folds: (N,) from 0 to K − 1.
    """
    others = [folds != fold for fold in range(int(folds.max()) + 1)]
    return np.stack([thresholds_choose(labels[part], scores[part]) for part in others])


def _threshold(labels: NDArray[np.integer[Any]], scores: NDArray[np.float32]) -> float:
    known = (labels >= 0) & np.isfinite(scores)
    present, scores = labels[known] == 1, scores[known]
    positives = int(present.sum())
    if positives in (0, len(present)):
        return DEFAULT_THRESHOLD
    order = np.argsort(-scores)
    ranked = scores[order]
    # the last face of each distinct score, where a threshold can fall; a score of 0 is never called
    called = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True) & (ranked > 0)) + 1
    if not len(called):
        return DEFAULT_THRESHOLD
    called = called[: max(1, int(np.searchsorted(called, MOST_CALLED * positives, side="right")))]
    f1 = 2 * np.cumsum(present[order])[called - 1] / (called + positives)
    equal = np.flatnonzero(f1 > f1.max() - 0.5 / positives)
    distance = np.abs(np.log(called[equal] / positives))
    last = called[equal[np.lexsort((called[equal], -f1[equal], distance))[0]]]
    return threshold_between(ranked[last] if last < len(ranked) else np.float32(0), ranked[last - 1])


def threshold_between(low: np.float32, high: np.float32) -> float:
    """Halfway, so that `high` is above it and `low` is not."""
    halfway = np.float32(0.5) * low + np.float32(0.5) * high
    # between neighbouring floats there is no room, but "above" leaves the lower one out
    return float(halfway if low <= halfway < high else low)
