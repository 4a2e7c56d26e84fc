"""Axes of the pictures that pages draw as SVG: their marks are round numbers that don't run into each other."""

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


def round_numbers(low: float, high: float, most: int, *, whole: bool = False) -> list[tuple[float, str]]:
    """(number, as written) of at most so many round numbers from low to high; `whole`: no fractions."""
    step = _step((high - low) / max(most - 1, 1), whole=whole)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(number * step, f"{number * step:,.{digits}f}") for number in range(first, last + 1)]


def _step(least: float, *, whole: bool) -> float:
    """The smallest of …, 1, 2, 5, 10, … that is not below `least`."""
    least = max(least, 1.0 if whole else 1e-12)
    power = 10.0 ** math.floor(math.log10(least))
    return next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= least * (1 - 1e-9))
