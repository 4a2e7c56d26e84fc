"""The pictures of a page of scores: shares by AU, a histogram for each AU, AUs that come together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from numpy.typing import NDArray

from trainer.selectors.scores import BARS, ScoreCounts, ScoredAU

WIDTH, HEIGHT = 268, 128
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 26, 18
"""Room around the bars for the axis, the threshold and their words."""
STEP = (WIDTH - LEFT - RIGHT) / BARS
KINDS = ("present", "absent", "unknown")
"""From the foot of a bar up: what is coded stands on the axis, where heights compare."""
LEAST = 1.5
"""The least height of a bar that has a face: one face in a million can still be seen."""


@dataclass(frozen=True)
class Share:
    """How often one AU is predicted, and how often it is coded, in a scope."""

    au: int
    threshold: float
    own: bool
    scored: int
    called: int
    rate: float | None
    """Share predicted present of the faces with a score."""
    known: int
    """Faces with a score and a code."""
    code_rate: float | None
    """Of these, the share coded present,"""
    there: float | None
    """and the share predicted present."""
    weak_known: int
    weak_rate: float | None

    @property
    def difference(self) -> float | None:
        """Predicted less coded, on the faces that are coded."""
        return None if self.there is None or self.code_rate is None else self.there - self.code_rate

    @property
    def points(self) -> str:
        """The difference in percentage points: “+3.1”, “−0.4”, “0.0”."""
        told = f"{(self.difference or 0) * 100:+.1f}"
        return "0.0" if float(told) == 0 else told.replace("-", "−")


def shares(counts: ScoreCounts, aus: Sequence[ScoredAU], *, codes: int | None, weak: int | None) -> list[Share]:
    """The row of each AU; `codes` and `weak` are the places of these sources among the counts'."""
    rows = []
    for place, au in enumerate(aus):
        scored, called = int(counts.scored[place]), int(counts.called[place])
        known, present, there = _coded(counts, codes, place)
        weak_known, weak_present, _called = _coded(counts, weak, place)
        rows.append(
            Share(
                au=au.au,
                threshold=au.threshold,
                own=au.own,
                scored=scored,
                called=called,
                rate=_part(called, scored),
                known=known,
                code_rate=_part(present, known),
                there=_part(there, known),
                weak_known=weak_known,
                weak_rate=_part(weak_present, weak_known),
            )
        )
    return rows


def _coded(counts: ScoreCounts, source: int | None, place: int) -> tuple[int, int, int]:
    """Faces with a code; of these coded present; of these predicted present."""
    if source is None:
        return 0, 0, 0
    table = counts.counts[source, place].sum(axis=0)  # (predicted, coded)
    return int(table[:, 1:].sum()), int(table[:, 2].sum()), int(table[1, 1:].sum())


def _part(some: int, all_: int) -> float | None:
    return some / all_ if all_ else None


def difference_mean(rows: Sequence[Share]) -> float | None:
    """The mean absolute difference over the AUs that have one."""
    told = [abs(row.difference) for row in rows if row.difference is not None]
    return float(np.mean(told)) if told else None


def difference_bar(difference: float | None, largest: float) -> tuple[float, float]:
    """(x, width) of a difference in a picture 100 wide with zero at 50, the largest one reaching its edge."""
    width = 0.0 if not difference or not largest else min(abs(difference) / largest, 1) * 50
    return round(50 - width if difference and difference < 0 else 50.0, 1), round(width, 1)


@dataclass(frozen=True)
class Segment:
    """The faces of one bar that are coded alike. Coordinates are texts: a page has a thousand of them."""

    kind: str
    y: str
    height: str


@dataclass(frozen=True)
class Bar:
    """The faces with scores from `low` on and below `high`."""

    low: str
    high: str
    x: str
    segments: list[Segment]
    count: int
    words: str
    """The bar for who can't see it, and for who points at it."""


@dataclass(frozen=True)
class Histogram:
    """The scores of one AU."""

    share: Share
    bars: list[Bar]
    tallest: int
    cut: float
    """Where the threshold stands,"""
    cut_right: bool
    """and whether in the right half: then its words go to its left."""


def histograms(
    counts: ScoreCounts, rows: Sequence[Share], *, codes: int | None, root: bool = False
) -> list[Histogram]:
    """One histogram for each AU; with `root`, heights are square roots, which shows small bars beside tall
    ones."""
    found = []
    for place, share in enumerate(rows):
        table = counts.counts[codes or 0, place].sum(axis=1)  # (bars, coded)
        totals = table.sum(axis=1)
        heights = _heights(totals, root)
        bars = [_bar(number, table[number], float(heights[number])) for number in range(BARS)]
        x = LEFT + min(max(share.threshold, 0.0), 1.0) * STEP * BARS
        found.append(Histogram(share, bars, int(totals.max(initial=0)), round(x, 1), x > WIDTH / 2))
    return found


def _heights(totals: NDArray[np.int64], root: bool) -> NDArray[np.float64]:
    """(bars,) heights in the picture's units."""
    sizes = np.sqrt(totals) if root else totals.astype(np.float64)
    tall = sizes / max(float(sizes.max(initial=0)), 1) * (HEIGHT - TOP - BOTTOM)
    return np.where(totals > 0, np.maximum(tall, LEAST), 0.0)


def _bar(number: int, table: NDArray[np.int64], height: float) -> Bar:
    """One bar, cut into its segments from the foot up."""
    segments = []
    count = int(table.sum())
    foot = float(HEIGHT - BOTTOM)
    for kind, faces in zip(KINDS, table[::-1].tolist(), strict=True):
        tall = height * faces / max(count, 1)
        foot -= tall
        if faces:
            segments.append(Segment(kind, f"{foot:.2f}", f"{tall:.2f}"))
    low, high = bar_edges(number)
    return Bar(low, high, f"{LEFT + number * STEP:.1f}", segments, count, _bar_words(low, high, *table.tolist()))


def _bar_words(low: str, high: str, unknown: int, absent: int, present: int) -> str:
    """“0.35–0.40: 1,204 faces; 3 present, 20 absent, 1,181 not coded”."""
    count = unknown + absent + present
    words = f"{low}–{high}: " + ngettext("%(faces)s face", "%(faces)s faces", count) % {"faces": f"{count:,}"}
    if absent or present:
        words += _("; %(present)s present, %(absent)s absent, %(unknown)s not coded") % {
            "present": f"{present:,}",
            "absent": f"{absent:,}",
            "unknown": f"{unknown:,}",
        }
    return words


def bar_edges(number: int) -> tuple[str, str]:
    """The scores of a bar as an address names them: 7 gives (“0.35”, “0.40”)."""
    return f"{number / BARS:.2f}", f"{(number + 1) / BARS:.2f}"


@dataclass(frozen=True)
class PairCell:
    """How often the column's AU is predicted where the row's is."""

    share: float | None
    same: bool

    @property
    def shade(self) -> int:
        """0…9, for a colour class."""
        return 0 if self.share is None else min(int(self.share * 10), 9)


def pairs(counts: ScoreCounts, aus: Sequence[ScoredAU]) -> list[tuple[int, int, list[PairCell]]]:
    """For each AU its number, the faces on which it is predicted present, and a cell for each AU."""
    called = counts.both.diagonal()
    return [
        (
            au.au,
            int(called[row]),
            [
                PairCell(_part(int(counts.both[row, column]), int(called[row])), row == column)
                for column in range(len(aus))
            ],
        )
        for row, au in enumerate(aus)
    ]
