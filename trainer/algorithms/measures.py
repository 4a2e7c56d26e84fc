"""How well scores tell present from absent; None where the question has no answer.

AUC and the Brier score come from scikit-learn. What is a division of counts is written here for many
AUs or resamples at once, and checked against scikit-learn in the tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.metrics import brier_score_loss, roc_auc_score

CALIBRATION_BINS = 10


def auc_measure(labels: NDArray[Any], scores: NDArray[np.floating[Any]]) -> float | None:
    """Area under the ROC curve, ties counting half; None unless both classes occur.

    labels: (N,) 1 or 0. scores: (N,), any monotone unit.
    """
    present = labels == 1
    if present.all() or not present.any():
        return None
    return float(roc_auc_score(present, scores))


def f1_measure(labels: NDArray[Any], called: NDArray[np.bool_]) -> float | None:
    """F1 of the calls; None where no face has the AU. labels: (N,) 1 or 0. called: (N,)."""
    return confusion(labels == 1, called).f1


def base_rate_call(scores: NDArray[np.floating[Any]], rate: float) -> NDArray[np.bool_]:
    """The highest-scored share `rate` of the faces, called present: (N,) bool; ties fall in row order."""
    called = np.zeros(len(scores), dtype=bool)
    called[np.argsort(-scores, kind="stable")[: round(rate * len(scores))]] = True
    return called


@dataclass(frozen=True)
class Confusion:
    """Calls of one AU against its codes, counted; every figure that is a division of the counts."""

    hits: int
    """present and called"""
    called: int
    positives: int
    known: int

    @property
    def negatives(self) -> int:
        return self.known - self.positives

    @property
    def rejected(self) -> int:
        """Absent and not called."""
        return self.known - self.called - self.positives + self.hits

    @property
    def f1(self) -> float | None:
        return share(2 * self.hits, self.called + self.positives) if self.positives else None

    @property
    def precision(self) -> float | None:
        return share(self.hits, self.called)

    @property
    def recall(self) -> float | None:
        return share(self.hits, self.positives)

    @property
    def accuracy(self) -> float | None:
        return share(self.hits + self.rejected, self.known)

    @property
    def s_score(self) -> float | None:
        """Agreement beyond a coin's, 2·accuracy − 1 (Brennan, Prediger 1981, for two classes)."""
        accuracy = self.accuracy
        return None if accuracy is None else 2 * accuracy - 1

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean of the share of positives called and of negatives left; None unless both occur."""
        if not self.positives or not self.negatives:
            return None
        return (self.hits / self.positives + self.rejected / self.negatives) / 2


def confusion(present: NDArray[np.bool_], called: NDArray[np.bool_]) -> Confusion:
    """Counts of one AU's known faces. present, called: (N,)."""
    return Confusion(
        hits=int(np.count_nonzero(present & called)),
        called=int(np.count_nonzero(called)),
        positives=int(np.count_nonzero(present)),
        known=len(present),
    )


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def mean_of(values: Sequence[float | None]) -> float | None:
    """The mean of those that are defined; None where none is."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def brier_measure(present: NDArray[np.bool_], scores: NDArray[np.floating[Any]]) -> float | None:
    """Mean squared distance of the probability from 1 or 0; None without faces."""
    if not len(present):
        return None
    return float(brier_score_loss(present.astype(np.int8), scores.astype(np.float64), labels=[0, 1]))


def calibration_bins(present: NDArray[np.bool_], scores: NDArray[np.floating[Any]]) -> list[dict[str, Any]]:
    """The reliability diagram: of each tenth of [0, 1] the mean score, the share present and the faces.

    Bins hold their lower edge, the last also 1. Empty ones are left out.
    """
    index = np.minimum((scores.astype(np.float64) * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    faces = np.bincount(index, minlength=CALIBRATION_BINS)
    totals = np.bincount(index, weights=scores, minlength=CALIBRATION_BINS)
    positives = np.bincount(index, weights=present, minlength=CALIBRATION_BINS)
    return [
        {"score": float(totals[i] / faces[i]), "rate": float(positives[i] / faces[i]), "faces": int(faces[i])}
        for i in np.flatnonzero(faces)
    ]


def calibration_error(bins: Sequence[dict[str, Any]]) -> float | None:
    """Expected calibration error: |mean score − share present| of the bins, weighted by their faces."""
    faces = sum(entry["faces"] for entry in bins)
    return share(sum(entry["faces"] * abs(entry["score"] - entry["rate"]) for entry in bins), faces)


def paired_interval(a: Sequence[float], b: Sequence[float], *, confidence: float = 0.95) -> dict[str, float | None]:
    """The mean of a − b over runs paired by seed, with its t interval.

    One pair has a difference and no interval, none has neither. Raises ValueError for unequal lengths.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} runs cannot be paired with {len(b)}")
    if not len(a):
        return {"value": None, "low": None, "high": None}
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    value = float(difference.mean())
    if len(difference) == 1:
        return {"value": value, "low": None, "high": None}
    error = float(difference.std(ddof=1)) / len(difference) ** 0.5
    half = float(student.ppf((1 + confidence) / 2, len(difference) - 1)) * error
    return {"value": value, "low": value - half, "high": value + half}
