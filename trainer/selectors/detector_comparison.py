"""Two to four detectors side by side: where they differ, and whether their figures may be compared at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from annotator.models import Detector
from annotator.selectors.heats import HeatMap
from trainer.algorithms.settings import CHOSEN_WHOLE, flattened
from trainer.selectors.detector_charts import Mark, TrainingChart, mark_of, training_charts, training_scale
from trainer.selectors.detector_distributions import (
    DifferenceBars,
    difference_bars,
    difference_top,
    heat_maps,
)
from trainer.selectors.detector_reports import (
    EVALUATIONS,
    RULES,
    USUAL_RULE,
    Evaluation,
    Figure,
    MeanFigures,
    evaluation_of,
    mean_defined,
)
from trainer.selectors.detectors import Snapshot, method_title, setting_rows, snapshot_told

MOST = 4
LETTERS = "ABCD"


@dataclass(frozen=True)
class Side:
    """One of the detectors; `letter` names it where its name is too long."""

    letter: str
    detector: Detector
    method: str
    snapshot: Snapshot
    evaluation: Evaluation | None
    training: TrainingChart | None
    heat: HeatMap | None
    """Absolute differences of its conditional distributions, to one scale for all."""
    bars: DifferenceBars | None
    """The same of its marginal ones."""


@dataclass(frozen=True)
class Cell:
    """One figure of one detector, and how it stands to the first one's."""

    figure: Figure | None
    mark: Mark | None
    difference: float | None
    best: bool
    why: str = ""
    """Why there is no figure."""

    @property
    def difference_told(self) -> str:
        """“+0.031”, “−0.004”, “0.000”."""
        if self.difference is None:
            return ""
        told = f"{self.difference:+.3f}"
        return "0.000" if float(told) == 0 else told.replace("-", "−")


@dataclass(frozen=True)
class Line:
    au: int | None
    """None for means."""
    cells: Sequence[Cell]
    base_rate: float | None = None
    """In the faces judged, where that is one and the same for all."""
    base_rate_differs: bool = False


@dataclass(frozen=True)
class Difference:
    """A setting whose values differ; None where a detector has no such setting."""

    path: str
    about: str
    values: Sequence[Any]

    @property
    def known_to_all(self) -> bool:
        return all(value is not None for value in self.values)


@dataclass(frozen=True)
class Comparison:
    sides: Sequence[Side]
    evaluation: str
    rule: str
    evaluations: Sequence[str]
    """Those that all of them have."""
    rules: Sequence[str]
    warnings: Sequence[str]
    mean: Line
    shared: Line | None
    """Means over the AUs that all have a figure for, where those aren't all."""
    shared_aus: int
    lines: Sequence[Line]
    settings: Sequence[Difference]

    @property
    def settings_of_all(self) -> list[Difference]:
        return [one for one in self.settings if one.known_to_all]

    @property
    def settings_of_some(self) -> list[Difference]:
        """Other methods have other settings: these say less, and are many."""
        return [one for one in self.settings if not one.known_to_all]


def comparison_make(detectors: Sequence[Detector], evaluation: str, rule: str) -> Comparison:
    """The detectors in the order given; the first is what the others are held against."""
    evaluations = [name for name in EVALUATIONS if _all_have(detectors, name, RULES)]
    name = evaluation if evaluation in evaluations else (evaluations or EVALUATIONS)[0]
    rules = [one for one in RULES if _all_have(detectors, name, (one,))]
    usual = USUAL_RULE if USUAL_RULE in rules else (rules or RULES)[0]
    used = rule if rule in rules else usual
    sides = _sides(detectors, name, used)
    lines = _lines(sides)
    shared = [line for line in lines if all(cell.figure for cell in line.cells)]
    return Comparison(
        sides=sides,
        evaluation=name,
        rule=used,
        evaluations=evaluations,
        rules=rules,
        warnings=list(_warnings(sides, name)),
        mean=_line(None, [mean.f1 if (mean := _mean(side)) else None for side in sides]),
        shared=_shared(shared, len(sides)) if 0 < len(shared) < len(lines) else None,
        shared_aus=len(shared),
        lines=lines,
        settings=_settings(detectors),
    )


def _all_have(detectors: Iterable[Detector], name: str, rules: Iterable[str]) -> bool:
    """Whether each detector has this evaluation at one of these rules."""
    return all(
        any((found := evaluation_of(one.report, name, rule, one.aus)) and found.mean for rule in rules)
        for one in detectors
    )


def _sides(detectors: Sequence[Detector], name: str, rule: str) -> list[Side]:
    found = [evaluation_of(one.report, name, rule, one.aus) for one in detectors]
    told = [one.distribution if one else None for one in found]
    shares = max(difference_top(one, "marginal") for one in told)
    pairs = max(difference_top(one, "conditional") for one in told)
    scale = training_scale([one.report for one in detectors], last=True)
    sides: list[Side] = []
    for detector, evaluation, distribution in zip(detectors, found, told, strict=True):
        maps = heat_maps(distribution, detector.aus, pairs)
        charts = training_charts(detector.report, detector.aus, scale=scale) if scale else []
        sides.append(
            Side(
                letter=LETTERS[len(sides)],
                detector=detector,
                method=method_title(detector.method),
                snapshot=snapshot_told(detector),
                evaluation=evaluation,
                training=charts[0] if charts else None,
                heat=maps[-1] if maps else None,
                bars=difference_bars(distribution, detector.aus, _aus(detectors), shares),
            )
        )
    return sides


def _aus(detectors: Iterable[Detector]) -> list[int]:
    return sorted({au for one in detectors for au in one.aus})


def _mean(side: Side) -> MeanFigures | None:
    return side.evaluation.mean if side.evaluation else None


def _lines(sides: Sequence[Side]) -> list[Line]:
    lines = []
    for au in _aus(side.detector for side in sides):
        rows = [side.evaluation.row(au) if side.evaluation else None for side in sides]
        rates = {row.base_rate for row in rows if row}
        line = _line(
            au,
            [row.f1 if row else None for row in rows],
            [_why(side, au) for side in sides],
            [row.fold_f1 if row else () for row in rows],
        )
        differ = len(rates) > 1
        lines.append(replace(line, base_rate=None if differ else next(iter(rates), None), base_rate_differs=differ))
    return lines


def _why(side: Side, au: int) -> str:
    if side.evaluation is None:
        return _("no such evaluation")
    return _("undefined") if au in side.detector.aus else _("not learned")


def _line(
    au: int | None,
    figures: Sequence[Figure | None],
    whys: Sequence[str] = (),
    folds: Sequence[Sequence[float | None]] = (),
) -> Line:
    first = figures[0]
    best = max((round(one.value, 3) for one in figures if one), default=None)
    one_is_best = len({round(one.value, 3) for one in figures if one}) > 1
    cells = [
        Cell(
            figure=figure,
            mark=mark_of(figure, folds[place] if folds else ()),
            difference=figure.value - first.value if place and figure and first else None,
            best=bool(figure and one_is_best and round(figure.value, 3) == best),
            why=whys[place] if whys else _("undefined"),
        )
        for place, figure in enumerate(figures)
    ]
    return Line(au, cells)


def _shared(lines: Sequence[Line], count: int) -> Line:
    """Plain means without intervals: those can't be made of the AUs' own."""
    values = [mean_defined(line.cells[place].figure.value for line in lines) for place in range(count)]  # type: ignore[union-attr]
    return _line(None, [Figure(value) if value is not None else None for value in values])


def _warnings(sides: Sequence[Side], evaluation: str) -> Iterable[str]:
    missing = [side.detector.name for side in sides if side.evaluation is None]
    if missing:
        yield _("%(names)s: there is no such evaluation, so these can't be compared.") % {"names": ", ".join(missing)}
    if len({side.detector.snapshot.codes.sha256 for side in sides}) > 1:
        yield _("They were not trained on the same codes: a difference may come from the data, not from the method.")
    judged = {_judged(side) for side in sides if side.evaluation}
    if len(judged) > 1 and evaluation == "test":
        yield _("Their test faces differ: the figures are of different faces, and no fair comparison.")
    elif len(judged) > 1:
        yield _("They were cross-validated on different faces: only test faces that all share compare them fairly.")
    if len({tuple(side.detector.aus) for side in sides}) > 1:
        yield _(
            "They don't know the same AUs, so their means are not of the same AUs; see the mean over shared ones."
        )


def _judged(side: Side) -> tuple[Any, ...]:
    """What tells one set of judged faces from another, as far as reports say: counts, and codes by AU."""
    assert side.evaluation is not None
    aus = tuple((row.au, row.known, row.positives) for row in side.evaluation.rows)
    return side.evaluation.faces, side.evaluation.subjects, aus


def _settings(detectors: Sequence[Detector]) -> list[Difference]:
    kept = [flattened(one.configuration) for one in detectors]
    about = {row.path: row.about for one in detectors for row in setting_rows(one)}
    paths = dict.fromkeys(path for settings in kept for path in settings)
    return [
        Difference(path, about.get(path, ""), [settings.get(path) for settings in kept])
        for path in paths
        if path not in CHOSEN_WHOLE and len({repr(settings.get(path)) for settings in kept}) > 1
    ]
