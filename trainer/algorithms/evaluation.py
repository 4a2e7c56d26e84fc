"""What a detector's scores are worth: one report for each AU, the mean over AUs, folds and distributions.

`evaluate` returns plain lists and numbers, ready for JSON. Every list of AUs is in the order of the
columns given. Figures are rounded to six digits. **What cannot be told is None, never 0**: F1 where no
face has the AU, an AUC of one class, a mean over nothing. A code counts where it is known (1 or 0) and
has a score; `known` and `positives` (n⁺) say how many there are.

```
{"faces": faces with a code that counts, "subjects": their subjects, "resamples": resamples of the bootstrap,
 "aus": [{"known": n, "positives": n, "base_rate": x|None, "auc": I|None, "brier": x|None,
          "calibration_error": x|None,                      # expected calibration error over those bins:
          "calibration": [{"score": mean, "rate": share present, "faces": n}],   # 10 of equal width, none empty
          "rules": {"fixed": R, "validation": R|None, "base_rate": R}}],
 "mean": {"auc": I|None, "brier": x|None, "calibration_error": x|None,     # over the AUs that have one
          "auc_folds": x|None,                              # mean over folds of their mean_auc
          "rules": {"fixed": M, "validation": M|None, "base_rate": M}},
 "folds": [{"faces": n, "subjects": n,                      # in order of the fold's number; [] without folds
            "auc": [x|None], "mean_auc": x|None,
            "rules": {"fixed": {"f1": [x|None], "mean_f1": x|None}, "validation": …|None, "base_rate": …}}],
 "distribution": {"rule": "validation" where thresholds are given, else "fixed",
                  "reference": {"marginal": [x|None], "conditional": [[x|None]]},
                  "predicted": {the same of the calls},
                  "difference": {the same, absolute, "marginal_mean": x|None, "conditional_mean": x|None}},
 "histograms": [{"edges": [21], "present": [20], "absent": [20], "unknown": [20]}]}     # faces by score

I = {"value": x, "low": x|None, "high": x|None}             # 95% over subjects; None: not to be told from so few
R = {"threshold": x|None, "called": n, "f1": I|None, "precision": x|None, "recall": x|None,
     "s_score": x|None, "accuracy": x|None, "balanced_accuracy": x|None}
M = {"f1": I|None, "f1_folds": x|None, "s_score": x|None, "accuracy": x|None, "balanced_accuracy": x|None,
     "aus": AUs with a defined F1}                          # f1_folds: mean over folds of their mean_f1
```

`conditional[i][j]` is P(AU i present | AU j present).

Everything is counted over the faces of all folds together; `folds`, `f1_folds` and `auc_folds` show the
same scores fold by fold. Intervals are a bootstrap over subjects (`bootstrap`), for all AUs jointly. They
want two subjects with positives (an AUC also two with negatives): the spread over people cannot be seen in
one. The order of the faces changes nothing. An AU that no face of a resample has is left out of that resample's mean.

The rules call a face present where its score is above a threshold: `fixed` 0.5; `validation` the threshold
given, chosen on faces that are not judged here; `base_rate` calls the highest-scored, as many as are present.
The last one knows the answer's base rate: it compares rankings and is no forecast of use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.algorithms.bootstrap import Interval, Resampler, Samples, interval, rows_mean, weights_draw
from trainer.algorithms.distributions import distribution_compare, score_histogram
from trainer.algorithms.measures import (
    Confusion,
    auc_measure,
    base_rate_call,
    brier_measure,
    calibration_bins,
    calibration_error,
    confusion,
    mean_of,
    share,
)
from trainer.algorithms.thresholds import DEFAULT_THRESHOLD, threshold_between, thresholds_choose

__all__ = ["evaluate", "thresholds_choose"]

FIXED, VALIDATION, BASE_RATE = "fixed", "validation", "base_rate"
RULES = (FIXED, VALIDATION, BASE_RATE)
UNRULED_MEANS = ("brier", "calibration_error")
MEANS = ("s_score", "accuracy", "balanced_accuracy")
DIGITS = 6

Report = dict[str, Any]


def evaluate(
    labels: NDArray[np.integer[Any]],
    scores: NDArray[np.floating[Any]],
    groups: NDArray[np.integer[Any]],
    *,
    thresholds: NDArray[np.floating[Any]] | None = None,
    folds: NDArray[np.integer[Any]] | None = None,
    resamples: int = 200,
    seed: int = 0,
) -> Report:
    """The report described above.

    labels: (N, A) in {1, 0, -1}. scores: (N, A) probabilities, NaN where there is none. groups: (N,)
    subject ids, below 0 the face is its own subject. thresholds: (A,), or (N, A) where each fold has
    its own. folds: (N,) the fold that a face was left out of, below 0 none. Raises ValueError for
    arrays that do not fit each other, scores outside [0, 1], and an unknown threshold where a code counts.
    """
    _check(labels, scores, groups, thresholds, folds)
    histograms = [score_histogram(labels[:, au], scores[:, au]) for au in range(labels.shape[1])]
    faces = _faces_take(labels, scores, groups, thresholds, folds)
    resampler = Resampler(weights_draw(faces.subject_count, resamples, seed))
    measured = [_au_measure(faces, au, resampler) for au in range(labels.shape[1])]
    fold_reports = _folds_report(faces)
    shown = VALIDATION if thresholds is not None else FIXED
    report = {
        "faces": len(faces.labels),
        "subjects": faces.subject_count,
        "resamples": resamples,
        "aus": [au.report for au in measured],
        "mean": _mean_report(measured, fold_reports),
        "folds": fold_reports,
        "distribution": {"rule": shown, **distribution_compare(faces.labels, faces.called[shown])},
        "histograms": histograms,
    }
    rounded: Report = _rounded(report)
    return rounded


@dataclass(frozen=True)
class _Faces:
    """The faces with a code that counts, in an order that their own content decides."""

    labels: NDArray[np.int8]
    """(N, A); −1 also where there is no score"""
    scores: NDArray[np.float32]
    subjects: NDArray[np.intp]
    """(N,) from 0"""
    subject_count: int
    folds: NDArray[np.int64]
    """(N,); below 0 none"""
    called: dict[str, NDArray[np.bool_]]
    """(N, A) by rule; `validation` only where thresholds are given"""
    thresholds: dict[str, list[float | None]]
    """of each AU by rule; None where there is not one"""


@dataclass(frozen=True)
class _Measured:
    """One AU's report, and the resamples that its intervals come from."""

    report: Report
    f1: dict[str, Samples]
    auc: Samples


def _faces_take(
    labels: NDArray[np.integer[Any]],
    scores: NDArray[np.floating[Any]],
    groups: NDArray[np.integer[Any]],
    thresholds: NDArray[np.floating[Any]] | None,
    folds: NDArray[np.integer[Any]] | None,
) -> _Faces:
    codes = np.where(np.isfinite(scores), labels, -1).astype(np.int8)
    probabilities = np.nan_to_num(scores.astype(np.float32))
    fold = np.full(len(labels), -1, dtype=np.int64) if folds is None else folds.astype(np.int64)
    cuts = np.broadcast_to(DEFAULT_THRESHOLD if thresholds is None else thresholds, labels.shape).astype(np.float32)
    order = np.flatnonzero((codes >= 0).any(axis=1))
    order = order[_order(codes[order], probabilities[order], cuts[order], groups[order], fold[order])]
    codes, probabilities, cuts, fold = codes[order], probabilities[order], cuts[order], fold[order]
    subjects, count = _subjects(groups[order])
    called = {FIXED: probabilities > DEFAULT_THRESHOLD}
    told: dict[str, list[float | None]] = {FIXED: [DEFAULT_THRESHOLD] * labels.shape[1]}
    if thresholds is not None:
        if np.isnan(cuts[codes >= 0]).any():
            raise ValueError("a threshold is not a number where a code counts")
        called[VALIDATION] = probabilities > cuts
        told[VALIDATION] = [_single(cuts[codes[:, au] >= 0, au]) for au in range(labels.shape[1])]
    called[BASE_RATE], told[BASE_RATE] = _base_rate_calls(codes, probabilities)
    return _Faces(codes, probabilities, subjects, count, fold, called, told)


def _order(
    codes: NDArray[np.int8],
    scores: NDArray[np.float32],
    thresholds: NDArray[np.float32],
    groups: NDArray[np.integer[Any]],
    folds: NDArray[np.int64],
) -> NDArray[np.intp]:
    """An order (N,) of the faces by a hash of all there is to know of each.

    Without it the row would decide which of equal scores is called first, and which weight a face
    without a subject gets. Faces with the same content are interchangeable.
    """
    rng = np.random.default_rng(0)
    columns = [
        *codes.T.astype(np.uint64),
        *np.ascontiguousarray(scores.T).view(np.uint32),
        *np.ascontiguousarray(thresholds.T).view(np.uint32),
        np.maximum(groups, -1).astype(np.int64).view(np.uint64),
        folds.view(np.uint64),
    ]
    key = np.zeros(len(codes), dtype=np.uint64)
    for column in columns:
        key += column * (rng.integers(2**63, dtype=np.uint64) | np.uint64(1))
        key = (key ^ (key >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)  # mixes high bits into low ones
    return np.argsort(key, kind="stable")


def _subjects(groups: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], int]:
    """The subjects of the faces numbered from 0, (N,), and how many; a face without one is its own."""
    _, named = np.unique(groups[groups >= 0], return_inverse=True)
    subjects = np.empty(len(groups), dtype=np.intp)
    subjects[groups >= 0] = named
    first = int(named.max(initial=-1)) + 1
    alone = int(np.count_nonzero(groups < 0))
    subjects[groups < 0] = first + np.arange(alone)
    return subjects, first + alone


def _base_rate_calls(
    codes: NDArray[np.int8], scores: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], list[float | None]]:
    """Calls (N, A) of the highest-scored known faces, and the thresholds (A,) that would make them."""
    called = np.zeros(codes.shape, dtype=bool)
    thresholds: list[float | None] = []
    for au in range(codes.shape[1]):
        rows = np.flatnonzero(codes[:, au] >= 0)
        known = scores[rows, au]
        positives = np.count_nonzero(codes[rows, au])
        chosen = base_rate_call(known, positives / max(1, len(rows)))
        called[rows, au] = chosen
        thresholds.append(
            threshold_between(known[~chosen].max(initial=0), known[chosen].min()) if positives else None
        )
    return called, thresholds


def _single(values: NDArray[np.float32]) -> float | None:
    return float(values[0]) if len(values) and (values == values[0]).all() else None


def _au_measure(faces: _Faces, au: int, resampler: Resampler) -> _Measured:
    rows = np.flatnonzero(faces.labels[:, au] >= 0)
    present, scores = faces.labels[rows, au] == 1, faces.scores[rows, au]
    subjects = faces.subjects[rows]
    several = [len(np.unique(subjects[side])) > 1 for side in (present, ~present)]
    rules = {rule: calls[rows, au] for rule, calls in faces.called.items()}
    samples = resampler.f1(subjects, present, np.stack([*rules.values()], axis=1)).T
    f1 = dict(zip(rules, samples, strict=True))
    auc = resampler.auc(subjects, present, scores)
    positives, bins = int(np.count_nonzero(present)), calibration_bins(present, scores)
    report = {
        "known": len(rows),
        "positives": positives,
        "base_rate": share(positives, len(rows)),
        "auc": interval(auc_measure(present, scores), auc, told=all(several)),
        "brier": brier_measure(present, scores),
        "calibration_error": calibration_error(bins),
        "calibration": bins,
        "rules": {
            rule: {
                "threshold": faces.thresholds[rule][au],
                **_calls_report(confusion(present, rules[rule]), f1[rule], told=several[0]),
            }
            if rule in rules
            else None
            for rule in RULES
        },
    }
    return _Measured(report, f1, auc)


def _calls_report(counts: Confusion, samples: Samples, *, told: bool) -> Report:
    return {
        "called": counts.called,
        "f1": interval(counts.f1, samples, told=told),
        "precision": counts.precision,
        "recall": counts.recall,
        "s_score": counts.s_score,
        "accuracy": counts.accuracy,
        "balanced_accuracy": counts.balanced_accuracy,
    }


def _folds_report(faces: _Faces) -> list[Report]:
    reports = []
    for fold in np.unique(faces.folds[faces.folds >= 0]):
        rows = faces.folds == fold
        known = faces.labels[rows] >= 0
        present = faces.labels[rows] == 1
        rules: dict[str, Report | None] = dict.fromkeys(RULES)
        for rule, called in faces.called.items():
            f1 = [confusion(present[own, au], called[rows, au][own]).f1 for au, own in enumerate(known.T)]
            rules[rule] = {"f1": f1, "mean_f1": mean_of(f1)}
        scores = faces.scores[rows]
        auc = [auc_measure(present[own, au], scores[own, au]) for au, own in enumerate(known.T)]
        reports.append(
            {
                "faces": len(known),
                "subjects": len(np.unique(faces.subjects[rows])),
                "auc": auc,
                "mean_auc": mean_of(auc),
                "rules": rules,
            }
        )
    return reports


def _mean_report(measured: Sequence[_Measured], folds: Sequence[Report]) -> Report:
    """Means over the AUs that are defined, of each resample too."""
    auc = [au.report["auc"] for au in measured]
    rules: dict[str, Report | None] = {}
    for rule in RULES:
        reports = [au.report["rules"][rule] for au in measured]
        if None in reports:
            rules[rule] = None
            continue
        f1 = [report["f1"] for report in reports]
        rules[rule] = {
            "f1": _mean_interval(f1, [au.f1[rule] for au in measured]),
            "f1_folds": mean_of([fold["rules"][rule]["mean_f1"] for fold in folds]),
            **{name: mean_of([report[name] for report in reports]) for name in MEANS},
            "aus": len(f1) - f1.count(None),
        }
    return {
        "auc": _mean_interval(auc, [au.auc for au in measured]),
        **{name: mean_of([au.report[name] for au in measured]) for name in UNRULED_MEANS},
        "auc_folds": mean_of([fold["mean_auc"] for fold in folds]),
        "rules": rules,
    }


def _mean_interval(intervals: Sequence[Interval | None], samples: Sequence[Samples]) -> Interval | None:
    defined = [entry for entry in intervals if entry is not None]
    if not defined:
        return None
    told = any(entry["low"] is not None for entry in defined)
    return interval(mean_of([entry["value"] for entry in defined]), rows_mean(np.stack(samples, axis=1)), told=told)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return round(float(value), DIGITS) if isinstance(value, (float, np.floating)) else value


def _check(
    labels: NDArray[np.integer[Any]],
    scores: NDArray[np.floating[Any]],
    groups: NDArray[np.integer[Any]],
    thresholds: NDArray[np.floating[Any]] | None,
    folds: NDArray[np.integer[Any]] | None,
) -> None:
    if labels.ndim != 2 or scores.shape != labels.shape:
        raise ValueError(f"labels {labels.shape} and scores {scores.shape} must be the same (faces, AUs)")
    for name, values in (("groups", groups), ("folds", folds)):
        if values is not None and values.shape != labels.shape[:1]:
            raise ValueError(f"{name} {values.shape} must have one entry for each of {len(labels)} faces")
    if thresholds is not None and thresholds.shape not in (labels.shape[1:], labels.shape):
        raise ValueError(f"thresholds {thresholds.shape} must be (AUs,) or (faces, AUs), {labels.shape}")
    # comparing is False for NaN, which means no score
    if (wrong := scores[(scores < 0) | (scores > 1)]).size:
        raise ValueError(f"a score of {wrong[0]} is no probability")
    if (unknown := labels[(labels < -1) | (labels > 1)]).size:
        raise ValueError(f"a label of {unknown[0]}, only 1, 0 and -1 are known")
