"""How well scores tell present from absent, for one AU; None where the question has no answer."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def auc_measure(labels: NDArray[Any], scores: NDArray[np.floating[Any]]) -> float | None:
    """Area under the ROC curve, ties counting half; None unless both classes occur.

    labels: (N,) 1 or 0. scores: (N,), any monotone unit.
    """
    present = labels == 1
    positives, negatives = int(present.sum()), int((~present).sum())
    if not positives or not negatives:
        return None
    rank_sum = float(rankdata(scores)[present].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def f1_measure(labels: NDArray[Any], called: NDArray[np.bool_]) -> float | None:
    """F1 of the calls; None where no face has the AU. labels: (N,) 1 or 0. called: (N,)."""
    positives = int((labels == 1).sum())
    if not positives:
        return None
    hits = int((called & (labels == 1)).sum())
    return 2 * hits / (int(called.sum()) + positives)


def base_rate_call(scores: NDArray[np.floating[Any]], rate: float) -> NDArray[np.bool_]:
    """The highest-scored share `rate` of the faces, called present: (N,) bool; ties fall in row order."""
    called = np.zeros(len(scores), dtype=bool)
    called[np.argsort(-scores, kind="stable")[: round(rate * len(scores))]] = True
    return called
