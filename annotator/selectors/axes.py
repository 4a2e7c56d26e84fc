"""Axes of the pictures that pages draw as SVG: where a value stands, and which marks are written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SIGN = 6.5
"""About how wide a sign of an axis is."""


@dataclass(frozen=True)
class Tick:
    """One mark of an axis: where it stands along the axis, and what is written there."""

    at: float
    label: str


def ticks_fit(ticks: Sequence[Tick]) -> list[Tick]:
    """The ticks whose words don't run into those of the tick before."""
    kept: list[Tick] = []
    for tick in ticks:
        if not kept or tick.at - kept[-1].at > (len(tick.label) + len(kept[-1].label)) / 2 * SIGN + SIGN / 2:
            kept.append(tick)
    return kept


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` on the stretch from `start` to `end`, which may run upwards."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where the value stands; values outside stand at the nearer end."""
        share = (value - self.low) / max(self.high - self.low, 1e-12)
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)

    def ticks(self, most: int, *, whole: bool = False) -> list[Tick]:
        """At most so many round numbers of the stretch, evenly spaced; `whole`: no fractions."""
        step = _step((self.high - self.low) / max(most - 1, 1), whole=whole)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        return [Tick(self.at(n * step), f"{n * step:,.{digits}f}") for n in range(first, last + 1)]


def _step(least: float, *, whole: bool) -> float:
    """The smallest of …, 1, 2, 5, 10, … that is not below `least`."""
    if whole:
        least = max(least, 1.0)
    power = 10.0 ** math.floor(math.log10(max(least, 1e-12)))
    return next((round(power * lead, 12) for lead in (1, 2, 5) if power * lead >= least * (1 - 1e-9)), power * 10)
