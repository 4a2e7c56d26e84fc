"""The live curves of a training, out of its job's row: one network's loss and F1, the others' faint behind.

A job's `curves` hold for each network "<stage>.loss", [[epoch, loss, validation loss or None], …], and
"<stage>.f1", [[epoch, mean or None, F1 of each AU or None …], …].
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from annotator.selectors.axes import Tick, round_numbers, ticks_fit
from trainer.selectors.detector_charts import Frame, Line, Plot, Point

MOST_POINTS, MOST_POINTS_SMALL, MOST_LINES = 120, 60, 40
"""Points of a line, of a line in a small picture, and lines of the table: of more, every so many."""
Row = Sequence[float | None]
T = TypeVar("T")


@dataclass(frozen=True)
class Network:
    """One network of a training: how its epochs went, as far as they are known."""

    stage: str
    epochs: int
    """Asked for; early stopping may end before."""
    losses: Sequence[Row]
    """(epoch, loss, validation loss)."""
    f1: Sequence[Row]
    """(epoch, mean, F1 of each AU)."""

    @property
    def epoch(self) -> int:
        """The last one that is known; 0 before the first."""
        return int(self.losses[-1][0] or 0) if self.losses else 0

    def column(self, table: str, place: int) -> list[Point]:
        """(epoch, value) of one column of "losses" or "f1"; empty where no epoch has a value there."""
        rows: Sequence[Row] = getattr(self, table)
        points = [(row[0] or 0.0, _defined(row[place]) if place < len(row) else None) for row in rows]
        return points if any(value is not None for _epoch, value in points) else []


def networks_of(curves: Mapping[str, Any], stages: Sequence[tuple[str, int]]) -> list[Network]:
    """Every network in the order of the work, begun or not. stages: what is trained, each with its epochs; others
    that have curves come first."""
    known = {name.rpartition(".")[0] for name in curves}
    epochs = dict(stages)
    others = sorted(known - epochs.keys())
    return [
        Network(
            stage,
            epochs.get(stage, max(epochs.values(), default=1)),
            curves.get(f"{stage}.loss") or [],
            curves.get(f"{stage}.f1") or [],
        )
        for stage in [*others, *epochs]
    ]


@dataclass(frozen=True)
class LiveChart:
    """A plot, and what it shows in words."""

    plot: Plot
    told: str
    lowest: tuple[float, float] | None = None
    """Where the best validation loss stands."""


def loss_chart(network: Network, others: Sequence[Network]) -> LiveChart | None:
    """The loss by epoch, of training and of validation faces; None before the first epoch."""
    trained, checked = network.column("losses", 1), network.column("losses", 2)
    if not trained:
        return None
    behind = [other.column("losses", 1) for other in others]
    values = [value for points in (trained, checked, *behind) for _epoch, value in points if value is not None]
    frame = _frame([network, *others], min(0.0, *values), max(values))
    lines = [_line(frame, "other", points) for points in behind if points]
    lines.append(_line(frame, "loss", trained))
    if checked:
        lines.append(_line(frame, "check", checked))
    best = _lowest(checked)
    return LiveChart(
        _plot(frame, lines, 4),
        _loss_told(trained, checked, best),
        (frame.x(best[0]), frame.y(best[1])) if best else None,
    )


def f1_chart(network: Network, others: Sequence[Network]) -> LiveChart | None:
    """The mean F1 on validation faces by epoch; None where none is known."""
    points = network.column("f1", 1)
    if not points:
        return None
    frame = _frame([network, *others], 0.0, 1.0)
    lines = [_line(frame, "other", behind) for other in others if (behind := other.column("f1", 1))]
    lines.append(_line(frame, "f1", points))
    return LiveChart(_plot(frame, lines, 3), _f1_told(_("Mean F1"), points))


@dataclass(frozen=True)
class AUCurve:
    """F1 of one AU by epoch, as a small picture."""

    au: int | None
    """None where it is not known which AU the column is for."""
    plot: Plot | None
    """None where no validation face has the AU."""
    told: str
    last: float | None
    best: float | None


def au_curves(network: Network, others: Sequence[Network], aus: Sequence[int]) -> list[AUCurve]:
    """A small picture for each AU, all to the same scale."""
    columns = max((len(row) for row in network.f1), default=0) - 2
    return [
        _au_curve(network, others, aus[place] if len(aus) == columns else None, place + 2) for place in range(columns)
    ]


def _au_curve(network: Network, others: Sequence[Network], au: int | None, column: int) -> AUCurve:
    points = network.column("f1", column)
    defined = [value for _epoch, value in points if value is not None]
    if not defined:
        return AUCurve(au, None, _("No validation face has it."), None, None)
    frame = Frame(150, 64, left=20, right=4, top=6, bottom=6, x_low=1, x_high=max(network.epochs, 2))
    behind = [other.column("f1", column) for other in others]
    lines = [_line(frame, "other", one, MOST_POINTS_SMALL) for one in behind if one]
    lines.append(_line(frame, "f1", points, MOST_POINTS_SMALL))
    marks = [Tick(frame.y(at), f"{at:g}") for at in (0, 0.5, 1)]
    name = f"AU{au}" if au else _("One AU")
    return AUCurve(au, Plot(frame, lines, (), marks), _f1_told(name, points), defined[-1], max(defined))


@dataclass(frozen=True)
class EpochLine:
    """One epoch in figures."""

    epoch: int
    loss: float | None
    validation_loss: float | None
    f1: Sequence[float | None]
    """The mean, then each AU."""


def epoch_lines(network: Network) -> list[EpochLine]:
    """The network's epochs in figures, the newest first; of many, every so many."""
    f1 = {row[0]: row[1:] for row in network.f1}
    lines = [
        EpochLine(int(row[0] or 0), _defined(row[1]), _defined(row[2]), [_defined(one) for one in f1.get(row[0], ())])
        for row in network.losses
    ]
    return list(reversed(_thinned(lines, MOST_LINES)))


def _frame(networks: Sequence[Network], low: float, high: float) -> Frame:
    epochs = max(network.epochs for network in networks)
    return Frame(
        420, 200, left=38, top=14, bottom=36, x_low=1, x_high=max(epochs, 2), y_low=low, y_high=max(high, 1e-6)
    )


def _plot(frame: Frame, lines: Sequence[Line], marks: int) -> Plot:
    across = [Tick(frame.x(at), name) for at, name in round_numbers(1, frame.x_high, 6, whole=True)]
    first = Tick(frame.x(1), "1")
    up = [Tick(frame.y(at), name) for at, name in round_numbers(frame.y_low, frame.y_high, marks)]
    return Plot(frame, lines, ticks_fit([first, *(tick for tick in across if tick.at > first.at)]), up)


def _line(frame: Frame, kind: str, points: Sequence[Point], most: int = MOST_POINTS) -> Line:
    return Line(kind, frame.path(_thinned(points, most)))


def _thinned(rows: Sequence[T], most: int) -> list[T]:
    """At most so many of the rows, evenly spaced, the last always."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]


def _defined(value: float | None) -> float | None:
    """The value, unless it is none or no finite number: a loss may run away."""
    return value if value is not None and math.isfinite(value) else None


def _lowest(points: Sequence[Point]) -> tuple[float, float] | None:
    known = [(epoch, value) for epoch, value in points if value is not None]
    return min(known, key=lambda point: point[1]) if known else None


def _ends(points: Sequence[Point]) -> dict[str, Any]:
    known = [(epoch, value) for epoch, value in points if value is not None]
    return {"first": f"{known[0][1]:.3g}", "last": f"{known[-1][1]:.3g}", "epoch": int(known[-1][0])}


def _loss_told(trained: Sequence[Point], checked: Sequence[Point], best: tuple[float, float] | None) -> str:
    told = _("Loss by epoch up to epoch %(epoch)d: in training from %(first)s to %(last)s.") % _ends(trained)
    if best is None:
        return told
    more = _("On validation faces from %(first)s to %(last)s, lowest %(best)s in epoch %(at)d.") % {
        **_ends(checked),
        "best": f"{best[1]:.3g}",
        "at": int(best[0]),
    }
    return f"{told} {more}"


def _f1_told(name: str, points: Sequence[Point]) -> str:
    ends = {**_ends(points), "name": name}
    return _("%(name)s on validation faces, up to epoch %(epoch)d: from %(first)s to %(last)s.") % ends
