"""Events in clips as the detector's page shows them: F1-event beside F1-frame, and its curves over the overlap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from annotator.selectors.axes import Tick
from trainer.selectors.detector_charts import Frame, Line, Plot

Told = Mapping[str, Any]


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
class EventsShown:
    """The events of one evaluation."""

    rows: Sequence[EventRow]
    f1_half: float | None
    area: float | None
    area_folds: float | None
    """Mean over the folds of each fold's mean area; None without folds."""
    frames: int
    plot: Plot
    """Recall, precision and F1 of one AU over the overlap."""


def events_shown(
    told: Told | None, aus: Sequence[int], au: int, f1_frame: Mapping[int, float | None]
) -> EventsShown | None:
    """From an evaluation's `events` (trainer.algorithms.events.events_measure); None where the faces are stills.

    f1_frame: F1 over single frames by AU, under the rule that the page shows.
    """
    if not told:
        return None
    rows = [
        EventRow(
            number, one["true_events"], one["predicted_events"], one["f1_half"], one["area"], f1_frame.get(number)
        )
        for number, one in zip(aus, told["aus"], strict=True)
    ]
    folds = [fold["area"] for fold in told["folds"] if fold["area"] is not None]
    return EventsShown(
        rows=rows,
        f1_half=told["mean"]["f1_half"],
        area=told["mean"]["area"],
        area_folds=fmean(folds) if folds else None,
        frames=told["frames"],
        plot=_plot(told["overlaps"], told["aus"][list(aus).index(au)]),
    )


def _plot(overlaps: Sequence[float], one: Told) -> Plot:
    frame = Frame(300, 150)
    lines = [Line(name, frame.path(zip(overlaps, one[name], strict=True))) for name in ("recall", "precision", "f1")]
    ticks = (0.0, 0.5, 1.0)
    x_ticks = [Tick(frame.x(at), f"{at:g}") for at in ticks]
    return Plot(frame, lines, x_ticks, [Tick(frame.y(at), f"{at:g}") for at in ticks])
