"""A detector's report as the pages read it: figures with their intervals; what is undefined is None.

A report holds up to two evaluations, of scores out of fold and of test faces, each at three threshold
rules. Detectors made along with a feature set have less to tell: their figures are brought into the same
shape, and what they lack is None too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from trainer.algorithms.settings import PRETRAINING

EVALUATIONS = ("cross_validation", "test")
RULES = ("fixed", "validation", "base_rate")
USUAL_RULE = "validation"
"""The rule by which predictions are made, where the report has it."""
FIXED_THRESHOLD = 0.5

Told = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A figure with its 95% interval, where one was computed."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class CallFigures:
    """One AU, called present by one threshold rule."""

    threshold: float | None
    called: int | None
    f1: Figure | None
    precision: float | None
    recall: float | None
    s_score: float | None
    accuracy: float | None
    balanced_accuracy: float | None


@dataclass(frozen=True)
class Counts:
    """Faces by what they are and what they are called."""

    found: int
    missed: int
    wrong: int
    """Absent, called present."""
    left: int
    """Absent, not called present."""


@dataclass(frozen=True)
class AUFigures:
    """One AU of an evaluation under one threshold rule."""

    au: int
    known: int
    positives: int
    base_rate: float | None
    auc: Figure | None
    brier: float | None
    calibration_error: float | None
    calibration: Sequence[Told]
    """{"score", "rate", "faces"} of each bin that holds faces."""
    histogram: Told | None
    calls: CallFigures | None
    """None where the evaluation doesn't know the rule."""
    fold_f1: Sequence[float | None]
    fold_auc: Sequence[float | None]
    """Empty in reports that don't judge folds by it."""

    @property
    def f1(self) -> Figure | None:
        return self.calls.f1 if self.calls else None

    @property
    def f1_value(self) -> float | None:
        return self.f1.value if self.f1 else None

    @property
    def auc_value(self) -> float | None:
        return self.auc.value if self.auc else None

    @property
    def counts(self) -> Counts | None:
        """How the calls fell; None where they were not counted."""
        if self.calls is None or self.calls.called is None:
            return None
        hits = round((self.calls.recall or 0) * self.positives)
        wrong = self.calls.called - hits
        return Counts(hits, self.positives - hits, wrong, self.known - self.positives - wrong)


@dataclass(frozen=True)
class MeanFigures:
    """Means over the AUs for which a figure is defined."""

    f1: Figure | None
    f1_folds: float | None
    """Mean over the folds of each fold's mean F1."""
    auc: Figure | None
    auc_folds: float | None
    """The same of AUC."""
    brier: float | None
    calibration_error: float | None
    s_score: float | None
    accuracy: float | None
    balanced_accuracy: float | None
    aus: int
    """For how many AUs F1 is defined."""

    @property
    def f1_value(self) -> float | None:
        return self.f1.value if self.f1 else None

    @property
    def auc_value(self) -> float | None:
        return self.auc.value if self.auc else None


@dataclass(frozen=True)
class Evaluation:
    """One evaluation under one threshold rule, AUs in the detector's order."""

    name: str
    rule: str
    faces: int
    subjects: int | None
    resamples: int
    rows: Sequence[AUFigures]
    mean: MeanFigures | None
    """None where the evaluation doesn't know the rule."""
    folds: Sequence[Told]
    distribution: Told | None

    @property
    def undefined(self) -> list[int]:
        """The AUs without an F1."""
        return [row.au for row in self.rows if row.f1 is None]

    def row(self, au: int) -> AUFigures | None:
        return next((row for row in self.rows if row.au == au), None)


@dataclass(frozen=True)
class HeadCell:
    rule: str
    mean: MeanFigures | None


@dataclass(frozen=True)
class HeadRow:
    """One evaluation's mean F1 at the three rules; `cells` is empty where there is none, and `why` says why."""

    name: str
    faces: int
    subjects: int | None
    cells: Sequence[HeadCell]
    why: str = ""


def evaluation_of(report: Told, name: str, rule: str, aus: Sequence[int]) -> Evaluation | None:
    """The evaluation of this name at this rule; None where the detector has none. aus: as in Detector.aus."""
    told = _present_shape(report).get(name)
    if not told:
        return None
    histograms = told.get("histograms") or [None] * len(aus)
    folds = told.get("folds", ())
    calls = [fold["rules"].get(rule) for fold in folds if fold["rules"].get(rule)]
    rankings = [fold["auc"] for fold in folds if "auc" in fold]
    rows = [
        _au_figures(
            au,
            one,
            rule,
            histogram,
            [fold["f1"][place] for fold in calls],
            [auc[place] for auc in rankings],
        )
        for place, (au, one, histogram) in enumerate(zip(aus, told["aus"], histograms, strict=True))
    ]
    return Evaluation(
        name=name,
        rule=rule,
        faces=told["faces"],
        subjects=told.get("subjects"),
        resamples=told.get("resamples", 0),
        rows=rows,
        mean=_mean_figures(told, rule),
        folds=folds,
        distribution=told.get("distribution"),
    )


def head_of(report: Told) -> list[HeadRow]:
    """A row for each evaluation that there is or could be, each with a cell for each rule."""
    shaped = _present_shape(report)
    rows = []
    for name in EVALUATIONS:
        told = shaped.get(name)
        if told:
            cells = [HeadCell(rule, _mean_figures(told, rule)) for rule in RULES]
            rows.append(HeadRow(name, told["faces"], told.get("subjects"), cells))
        else:
            rows.append(HeadRow(name, 0, None, (), str(shaped.get(f"{name}_why") or "")))
    return rows


def choice_made(report: Told, name: str | None, rule: str | None) -> tuple[str, str]:
    """The evaluation and rule to show: those asked for, as far as the report has them."""
    there = [row for row in head_of(report) if row.cells]
    if not there:
        return EVALUATIONS[0], RULES[0]
    row = next((row for row in there if row.name == name), there[0])
    known = [cell.rule for cell in row.cells if cell.mean]
    if rule in known:
        return row.name, str(rule)
    return row.name, USUAL_RULE if USUAL_RULE in known else known[0]


def is_brief(report: Told) -> bool:
    """Whether the report is that of a detector made along with a feature set, which tells less."""
    return "cross_validation" not in report and "aus" in report


def trainings_of(report: Told) -> dict[str, Told]:
    """The report of each network's training by the name of its stage, as they were trained."""
    found: dict[str, Told] = report.get("trainings") or report.get("stages") or {}
    return found


@dataclass(frozen=True)
class EmotionsTold:
    """The emotions that a detector learned from before any code."""

    source: str
    """"column" (imported) or "aus" (inferred from weak codes)."""
    faces: Sequence[tuple[str, int]]
    """(emotion, faces), the commonest first."""


def emotions_told(report: Told) -> EmotionsTold | None:
    """None for a detector that learned from no emotions of its own data set."""
    told = trainings_of(report).get(PRETRAINING) or {}
    if not told.get("emotions"):
        return None
    return EmotionsTold(told["source"], sorted(told["emotions"].items(), key=lambda one: (-one[1], one[0])))


def figure_read(told: Told | None) -> Figure | None:
    return None if told is None else Figure(told["value"], told.get("low"), told.get("high"))


def _au_figures(
    au: int,
    told: Told,
    rule: str,
    histogram: Told | None,
    fold_f1: Sequence[float | None],
    fold_auc: Sequence[float | None],
) -> AUFigures:
    calls = told["rules"].get(rule)
    return AUFigures(
        au=au,
        known=told["known"],
        positives=told["positives"],
        base_rate=told.get("base_rate"),
        auc=figure_read(told.get("auc")),
        brier=told.get("brier"),
        calibration_error=told.get("calibration_error"),
        calibration=told.get("calibration") or (),
        histogram=histogram,
        calls=_call_figures(calls) if calls else None,
        fold_f1=fold_f1,
        fold_auc=fold_auc,
    )


def _call_figures(told: Told) -> CallFigures:
    return CallFigures(
        threshold=told.get("threshold"),
        called=told.get("called"),
        f1=figure_read(told.get("f1")),
        precision=told.get("precision"),
        recall=told.get("recall"),
        s_score=told.get("s_score"),
        accuracy=told.get("accuracy"),
        balanced_accuracy=told.get("balanced_accuracy"),
    )


def _mean_figures(evaluation: Told, rule: str) -> MeanFigures | None:
    told = evaluation["mean"]
    means = told["rules"].get(rule)
    if not means:
        return None
    return MeanFigures(
        f1=figure_read(means.get("f1")),
        f1_folds=means.get("f1_folds"),
        auc=figure_read(told.get("auc")),
        auc_folds=told.get("auc_folds"),
        brier=_mean_of_aus(evaluation, "brier"),
        calibration_error=_mean_of_aus(evaluation, "calibration_error"),
        s_score=means.get("s_score"),
        accuracy=means.get("accuracy"),
        balanced_accuracy=means.get("balanced_accuracy"),
        aus=means["aus"],
    )


def _mean_of_aus(evaluation: Told, name: str) -> float | None:
    """The mean as it was kept; reports of before there was one have each AU's figure to make it of."""
    kept: float | None = evaluation["mean"].get(name)
    return kept if kept is not None else mean_defined(one.get(name) for one in evaluation["aus"])


def _present_shape(report: Told) -> Told:
    """The report with evaluations in the present shape, whoever made it."""
    if not is_brief(report):
        return report
    rows = report["aus"]
    cross = {
        "faces": report["train_faces"],
        "aus": [_brief_au(row) for row in rows],
        "mean": {
            "auc": _alone(mean_defined(row["auc"] for row in rows)),
            "rules": {"fixed": _brief_mean(rows, "f1"), "base_rate": _brief_mean(rows, "f1_base_rate")},
        },
    }
    return {**report, "cross_validation": cross, "test": None}


def _brief_au(row: Told) -> Told:
    rules = {"fixed": {"threshold": FIXED_THRESHOLD, "f1": _alone(row["f1"])}}
    rules["base_rate"] = {"f1": _alone(row["f1_base_rate"])}
    return {
        "known": row["known"],
        "positives": row["positives"],
        "base_rate": row["positives"] / row["known"] if row["known"] else None,
        "auc": _alone(row["auc"]),
        "rules": rules,
    }


def _brief_mean(rows: Iterable[Told], key: str) -> Told:
    values = [row[key] for row in rows]
    return {"f1": _alone(mean_defined(values)), "aus": sum(value is not None for value in values)}


def _alone(value: float | None) -> Told | None:
    """A figure without an interval."""
    return None if value is None else {"value": value}


def mean_defined(values: Iterable[float | None]) -> float | None:
    """The mean of those that are defined; None where none is."""
    defined = [value for value in values if value is not None]
    return fmean(defined) if defined else None
