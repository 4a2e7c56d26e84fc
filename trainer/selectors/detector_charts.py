"""Pictures of one detector in units of their own: training curves, reliability, scores of one AU, F1 marks.

Coordinates are those of an SVG's viewBox; templates only write them down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from annotator.selectors.axes import Tick
from trainer.algorithms.settings import FINAL_STAGE, FUSION_PART, LSTM_PART, PRETRAINING, stage_parts
from trainer.selectors.detector_reports import AUFigures, Figure, mean_defined, trainings_of
from trainer.selectors.detectors import time_taken

Point = tuple[float, float | None]
Told = Mapping[str, Any]
NETWORKS = ""
"""The kind of trainings that sees single frames. The others are LSTM_PART, FUSION_PART and PRETRAINING, which
minimise something else and have axes of their own."""


@dataclass(frozen=True)
class Frame:
    """The drawing inside its axes, and how values fall into it."""

    width: float
    height: float
    left: float = 34
    right: float = 10
    top: float = 12
    bottom: float = 24
    x_low: float = 0.0
    x_high: float = 1.0
    y_low: float = 0.0
    y_high: float = 1.0

    @property
    def x_end(self) -> float:
        return self.width - self.right

    @property
    def y_end(self) -> float:
        return self.height - self.bottom

    def x(self, value: float) -> float:
        share = (value - self.x_low) / max(self.x_high - self.x_low, 1e-9)
        return round(self.left + share * (self.x_end - self.left), 1)

    def y(self, value: float) -> float:
        share = (value - self.y_low) / max(self.y_high - self.y_low, 1e-9)
        return round(self.y_end - share * (self.y_end - self.top), 1)

    def path(self, points: Iterable[Point]) -> str:
        """The line through the points, broken where one has no value; a point by itself is a dot."""
        parts: list[list[str]] = [[]]
        for across, up in points:
            if up is None or not math.isfinite(up):
                parts.append([])
            else:
                parts[-1].append(f"{self.x(across)},{self.y(min(max(up, self.y_low), self.y_high))}")
        return "".join("M" + " ".join(part) + ("h0" if len(part) == 1 else "") for part in parts if part)


@dataclass(frozen=True)
class Mark:
    """A share with its interval and the folds' own, as a bar with whisker and ticks; 0 to 100 wide."""

    bar: float
    low: float | None
    high: float | None
    folds: Sequence[float]


def mark_of(figure: Figure | None, folds: Sequence[float | None] = ()) -> Mark | None:
    if figure is None:
        return None
    ends = [None if end is None else round(100 * end, 2) for end in (figure.low, figure.high)]
    return Mark(
        round(100 * figure.value, 2), ends[0], ends[1], [round(100 * one, 2) for one in folds if one is not None]
    )


@dataclass(frozen=True)
class Line:
    kind: str
    path: str
    name: str = ""


@dataclass(frozen=True)
class Plot:
    frame: Frame
    lines: Sequence[Line]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]


@dataclass(frozen=True)
class TrainingChart:
    """The training of one network: loss, and F1 on validation faces where there were any."""

    title: str
    told: Told
    took: str
    loss: Plot
    f1: Plot | None
    kept: float | None
    """Where along the epochs the weights were kept; None where that was the last one."""
    last_f1: float | None
    """Mean F1 on validation faces of the weights that were kept."""


@dataclass(frozen=True)
class TrainingScale:
    """The axes of several training charts: epochs from 1, losses from low to high."""

    epochs: int
    low: float
    high: float


@dataclass(frozen=True)
class TrainingGroup:
    """What minimised the same, and so has the same axes."""

    title: str
    charts: Sequence[TrainingChart]


def training_groups(report: Told, aus: Sequence[int], chosen: int | None = None) -> list[TrainingGroup]:
    """The networks of single frames, then what was learned before and beside them; those that there are."""
    titles = {
        NETWORKS: _("Networks, which look at single faces"),
        LSTM_PART: _("LSTMs, which follow the frames in time: margin loss"),
        FUSION_PART: _("Fusion, which weighs both"),
        PRETRAINING: _("Pretraining on emotions: its own loss"),
    }
    found = [TrainingGroup(title, training_charts(report, aus, chosen, kind=kind)) for kind, title in titles.items()]
    return [group for group in found if group.charts]


def training_scale(reports: Iterable[Told], *, last: bool = False, kind: str = NETWORKS) -> TrainingScale | None:
    """A scale that holds the trainings of this kind of all reports, or with `last` only their finished detectors;
    None without any."""
    found = [told for report in reports for told in _trainings_drawn(report, kind)[: 1 if last else None]]
    if not found:
        return None
    every = [value for _stage, told in found for value in [*told["losses"], *_checks(told)]]
    values = [0.0, *(value for value in every if value is not None and math.isfinite(value))]
    epochs = max(len(told["losses"]) for _stage, told in found)
    return TrainingScale(epochs, min(values), rounded_up(max(values)))


def training_charts(
    report: Told,
    aus: Sequence[int],
    chosen: int | None = None,
    *,
    scale: TrainingScale | None = None,
    kind: str = NETWORKS,
) -> list[TrainingChart]:
    """A chart of each training of this kind, all to the same scale; the finished detector first."""
    scale = scale or training_scale([report], kind=kind)
    if scale is None:
        return []
    return [_training_chart(stage, told, aus, chosen, scale) for stage, told in _trainings_drawn(report, kind)]


def _trainings_drawn(report: Told, kind: str) -> list[tuple[str, Told]]:
    """(stage, its report): the finished detector, then the networks without a fold."""
    trained = trainings_of(report).items()
    found = [(stage, told) for stage, told in trained if told.get("losses") and _kind_of(stage) == kind]
    return sorted(found, key=lambda one: (one[0].startswith("fold-"), _fold_number(one[0])))


def _kind_of(stage: str) -> str:
    return PRETRAINING if stage == PRETRAINING else stage_parts(stage)[1]


def _training_chart(
    stage: str, told: Told, aus: Sequence[int], chosen: int | None, scale: TrainingScale
) -> TrainingChart:
    epochs, low, high = scale.epochs, scale.low, scale.high
    frame = Frame(300, 150, x_low=1, x_high=max(epochs, 2), y_low=low, y_high=high)
    lines = [Line("loss", frame.path(enumerate(told["losses"], 1)))]
    checks = _checks(told)
    if checks:
        lines.append(Line("check", frame.path(enumerate(checks, 1))))
    x_ticks = [Tick(frame.x(at), str(at)) for at in sorted({1, epochs})]
    y_ticks = [Tick(frame.y(at), f"{at:g}") for at in (low, high)]
    best = told.get("best_epoch")
    per_epoch = told.get("validation_f1") or []
    kept_row = per_epoch[best - 1] if best and best <= len(per_epoch) else (per_epoch[-1] if per_epoch else [])
    return TrainingChart(
        title=stage_title(stage),
        told=told,
        took=time_taken(told.get("seconds")),
        loss=Plot(frame, lines, x_ticks, y_ticks),
        f1=_f1_plot(per_epoch, aus, chosen, epochs) if per_epoch else None,
        kept=frame.x(best) if best and best != len(told["losses"]) else None,
        last_f1=mean_defined(kept_row),
    )


def _f1_plot(
    per_epoch: Sequence[Sequence[float | None]], aus: Sequence[int], chosen: int | None, epochs: int
) -> Plot:
    frame = Frame(300, 150, x_low=1, x_high=max(epochs, 2))
    lines = [
        Line(
            "chosen" if au == chosen else "other",
            frame.path(enumerate((row[place] for row in per_epoch), 1)),
            str(au),
        )
        for place, au in enumerate(aus)
    ]
    lines.sort(key=lambda line: line.kind == "chosen")
    lines.append(Line("f1", frame.path(enumerate((mean_defined(row) for row in per_epoch), 1))))
    x_ticks = [Tick(frame.x(at), str(at)) for at in sorted({1, epochs})]
    return Plot(frame, lines, x_ticks, [Tick(frame.y(at), f"{at:g}") for at in (0, 0.5, 1)])


def stage_title(stage: str) -> str:
    """What a network of the work is called: “fold-0” is “Network without fold 1”."""
    titles = {
        FINAL_STAGE: _("The detector itself"),
        "features": _("The network of the features"),
        PRETRAINING: _("Pretraining on emotions"),
    }
    network, part = stage_parts(stage)
    title = titles.get(network, network)
    if network.startswith("fold-"):
        title = _("Network without fold %d") % (_fold_number(network) + 1)
    if part:
        parts = {LSTM_PART: _("%(network)s: LSTMs"), FUSION_PART: _("%(network)s: fusion")}
        return parts[part] % {"network": title}
    return title


def _fold_number(stage: str) -> int:
    number = stage_parts(stage)[0].partition("-")[2]
    return int(number) if number.isdigit() else -1


def _checks(told: Told) -> Sequence[float | None]:
    """Losses on validation faces; detectors made earlier call them held out."""
    found: Sequence[float | None] = told.get("validation_losses") or told.get("held_out") or ()
    return found


def rounded_up(value: float) -> float:
    """The next number of one digit, and never 0: 0.63 → 0.7."""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return float(f"{math.ceil(round(value / unit, 9)) * unit:.9g}")


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    r: float
    score: float
    rate: float
    faces: int


@dataclass(frozen=True)
class ReliabilityChart:
    """The share of faces that are present among those scored alike, against their mean score."""

    frame: Frame
    dots: Sequence[Dot]
    line: str
    ticks: Sequence[float]
    """Shares at which both axes are marked."""

    @property
    def x_ticks(self) -> list[Tick]:
        return [Tick(self.frame.x(at), f"{at:g}") for at in self.ticks]

    @property
    def y_ticks(self) -> list[Tick]:
        return [Tick(self.frame.y(at), f"{at:g}") for at in self.ticks]


def reliability_chart(row: AUFigures) -> ReliabilityChart | None:
    """None where the evaluation kept no bins. A dot's area grows with its faces."""
    if not row.calibration:
        return None
    frame = Frame(300, 250, left=38, bottom=38)
    most = max(one["faces"] for one in row.calibration)
    dots = [
        Dot(
            frame.x(one["score"]),
            frame.y(one["rate"]),
            round(2.5 + 7 * math.sqrt(one["faces"] / most), 1),
            one["score"],
            one["rate"],
            one["faces"],
        )
        for one in row.calibration
    ]
    line = frame.path((one["score"], one["rate"]) for one in row.calibration)
    return ReliabilityChart(frame, dots, line, (0, 0.5, 1))


@dataclass(frozen=True)
class ScoreBar:
    x: float
    y: float
    width: float
    height: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class ScoreRow:
    """The scores of the faces of one kind, to a scale of their own."""

    kind: str
    """present, absent or unknown."""
    faces: int
    most: int
    """Faces of the highest bar."""
    base: float
    top: float
    bars: Sequence[ScoreBar]


@dataclass(frozen=True)
class ScoreChart:
    frame: Frame
    rows: Sequence[ScoreRow]
    threshold: float | None
    """Where along the scores presence begins."""
    x_ticks: Sequence[Tick]


def score_chart(row: AUFigures) -> ScoreChart | None:
    """How the scores of present, absent and uncoded faces are spread. None where no histogram was kept."""
    if not row.histogram:
        return None
    kinds = [kind for kind in ("present", "absent", "unknown") if any(row.histogram.get(kind) or ())]
    if not kinds:
        return None
    edges = row.histogram["edges"]
    frame = Frame(300, 250, left=74, bottom=38, x_low=edges[0], x_high=edges[-1])
    room = (frame.y_end - frame.top) / len(kinds)
    rows = [
        _score_row(kind, row.histogram[kind], edges, frame, frame.top + room * (place + 1), room)
        for place, kind in enumerate(kinds)
    ]
    threshold = row.calls.threshold if row.calls else None
    return ScoreChart(
        frame=frame,
        rows=rows,
        threshold=None if threshold is None else frame.x(min(max(threshold, edges[0]), edges[-1])),
        x_ticks=[Tick(frame.x(at), f"{at:g}") for at in (edges[0], (edges[0] + edges[-1]) / 2, edges[-1])],
    )


def _score_row(
    kind: str, counts: Sequence[int], edges: Sequence[float], frame: Frame, base: float, room: float
) -> ScoreRow:
    most = max(counts)
    bars = []
    for place, count in enumerate(counts):
        if not count:
            continue
        tall = max(1.0, count / most * (room - 14))
        left, right = frame.x(edges[place]), frame.x(edges[place + 1])
        bars.append(
            ScoreBar(
                round(left + 0.5, 1),
                round(base - tall, 1),
                round(right - left - 1, 1),
                round(tall, 1),
                edges[place],
                edges[place + 1],
                count,
            )
        )
    return ScoreRow(kind, sum(counts), most, round(base, 1), round(base - room, 1), bars)
