"""Events in clips as the detector's page shows them: F1-event beside F1-frame, and its curves over the overlap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from annotator.selectors.axes import Tick
from trainer.selectors.detector_charts import Frame, Line, Plot
from trainer.selectors.detector_reports import Evaluation, mean_defined

Told = Mapping[str, Any]
NOTHING: Told = {}


@dataclass(frozen=True)
class EventRow:
    """One AU over all clips."""

    au: int
    true_events: int
    predicted_events: int
    f1_half: float | None
    """F1-event where half of an event must overlap."""
    area: float | None
    """Under F1-event over all overlaps."""
    f1_frame: float | None


@dataclass(frozen=True)
class EventMeans:
    """Over the AUs that have the figure, of all folds together or of one; None where none has."""

    f1_frame: float | None
    f1_half: float | None
    area: float | None


@dataclass(frozen=True)
class EventsShown:
    """The events of one evaluation."""

    rows: Sequence[EventRow]
    pooled: EventMeans
    folds: Sequence[EventMeans]
    """In order of the fold's number; empty without folds."""
    over_folds: EventMeans | None
    """Means of `folds`; None without any."""
    frames: int
    plot: Plot
    """Recall, precision and F1 of one AU over the overlap."""


def events_shown(told: Told | None, evaluation: Evaluation, au: int) -> EventsShown | None:
    """From an evaluation's `events` (trainer.algorithms.events.events_measure); None where the faces are stills.

    evaluation: of the same calls as the events, by chosen thresholds.
    """
    if not told:
        return None
    rows = [
        EventRow(
            one.au, events["true_events"], events["predicted_events"], events["f1_half"], events["area"], one.f1_value
        )
        for one, events in zip(evaluation.rows, told["aus"], strict=True)
    ]
    folds = [
        EventMeans(_mean_f1(frames, evaluation.rule), events.get("f1_half"), events.get("area"))
        for frames, events in zip_longest(evaluation.folds, told["folds"], fillvalue=NOTHING)
    ]
    return EventsShown(
        rows=rows,
        pooled=EventMeans(
            evaluation.mean.f1_value if evaluation.mean else None, told["mean"]["f1_half"], told["mean"]["area"]
        ),
        folds=folds,
        over_folds=_over(folds) if folds else None,
        frames=told["frames"],
        plot=_plot(told["overlaps"], told["aus"][[row.au for row in rows].index(au)]),
    )


def _mean_f1(fold: Told, rule: str) -> float | None:
    calls: Told = fold.get("rules", {}).get(rule) or {}
    return calls.get("mean_f1")


def _over(folds: Sequence[EventMeans]) -> EventMeans:
    return EventMeans(
        f1_frame=mean_defined(fold.f1_frame for fold in folds),
        f1_half=mean_defined(fold.f1_half for fold in folds),
        area=mean_defined(fold.area for fold in folds),
    )


def _plot(overlaps: Sequence[float], one: Told) -> Plot:
    frame = Frame(300, 150)
    lines = [Line(name, frame.path(zip(overlaps, one[name], strict=True))) for name in ("recall", "precision", "f1")]
    ticks = (0.0, 0.5, 1.0)
    x_ticks = [Tick(frame.x(at), f"{at:g}") for at in ticks]
    return Plot(frame, lines, x_ticks, [Tick(frame.y(at), f"{at:g}") for at in ticks])
