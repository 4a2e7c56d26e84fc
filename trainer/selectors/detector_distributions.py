"""Pictures of AU distributions: predicted against reference (Wang et al., Figs. 5 and 6), and the make-up of
training batches (Chu et al. 2019, Fig. 6)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotator.selectors.axes import Tick
from annotator.selectors.heats import HeatMap, Share, heat_map
from trainer.selectors.detector_charts import rounded_up

Told = Mapping[str, Any]

MARGINAL_WIDTH, MARGINAL_LEFT, MARGINAL_RIGHT, STEP_MOST = 1080, 44, 8, 90
SHARES_TOP, SHARES_BASE = 12, 142
DIFFERENCES_TOP, DIFFERENCES_BASE = 176, 246
ROW_TOP, ROW_BASE = 10, 60
BATCHES_SHOWN = 60
BATCH_WIDTH, BATCH_LEFT, BATCH_RIGHT, BATCH_TOP, BATCH_ROW = 1080, 48, 132, 22, 16
LEVELS = 10


@dataclass(frozen=True)
class MarginalBars:
    """One AU: how often it is present in the reference and predicted so."""

    au: int
    middle: float
    x: float
    x_predicted: float
    width: float
    reference: Share
    predicted: Share
    difference: Share
    y_reference: float
    y_predicted: float
    y_difference: float
    """Heights of the bars."""

    @property
    def hit(self) -> float:
        """From the left of the first bar to the right of the second."""
        return round(self.x_predicted + self.width - self.x, 1)

    @property
    def top_reference(self) -> float:
        return round(SHARES_BASE - self.y_reference, 1)

    @property
    def top_predicted(self) -> float:
        return round(SHARES_BASE - self.y_predicted, 1)

    @property
    def top_difference(self) -> float:
        return round(DIFFERENCES_BASE - self.y_difference, 1)


@dataclass(frozen=True)
class MarginalChart:
    """As wide as one of eighteen AUs, so that few AUs are not blown up."""

    x_end: float
    bars: Sequence[MarginalBars]
    mean: Share
    """Mean absolute difference."""
    y_ticks: Sequence[Tick]
    y_ticks_difference: Sequence[Tick]
    width: float = MARGINAL_WIDTH


def marginal_chart(distribution: Told | None, aus: Sequence[int], top: float | None = None) -> MarginalChart | None:
    """Bars by AU and their absolute differences below. `top` is the highest difference of the scale, for
    charts that are compared; None where no distribution was kept."""
    if not distribution:
        return None
    reference, predicted = distribution["reference"]["marginal"], distribution["predicted"]["marginal"]
    differences = distribution["difference"]["marginal"]
    high = rounded_up(max([0.01, *_defined(reference), *_defined(predicted)]))
    top = top or difference_top(distribution, "marginal")
    step = min((MARGINAL_WIDTH - MARGINAL_LEFT - MARGINAL_RIGHT) / len(aus), STEP_MOST)
    bars = []
    for place, au in enumerate(aus):
        start = MARGINAL_LEFT + place * step
        wide = round(step * 0.36, 1)
        bars.append(
            MarginalBars(
                au=au,
                middle=round(start + step / 2, 1),
                x=round(start + step * 0.13, 1),
                x_predicted=round(start + step * 0.51, 1),
                width=wide,
                reference=reference[place],
                predicted=predicted[place],
                difference=differences[place],
                y_reference=_height(reference[place], high, SHARES_TOP, SHARES_BASE),
                y_predicted=_height(predicted[place], high, SHARES_TOP, SHARES_BASE),
                y_difference=_height(differences[place], top, DIFFERENCES_TOP, DIFFERENCES_BASE),
            )
        )
    return MarginalChart(
        x_end=round(MARGINAL_LEFT + step * len(aus), 1),
        bars=bars,
        mean=distribution["difference"].get("marginal_mean"),
        y_ticks=[Tick(SHARES_BASE, "0"), Tick(SHARES_TOP, f"{high:.0%}")],
        y_ticks_difference=[Tick(DIFFERENCES_BASE, "0"), Tick(DIFFERENCES_TOP, f"{top:.0%}")],
    )


@dataclass(frozen=True)
class DifferenceBar:
    au: int
    x: float
    middle: float
    width: float
    height: float
    difference: Share

    @property
    def y(self) -> float:
        return round(ROW_BASE - self.height, 1)


@dataclass(frozen=True)
class DifferenceBars:
    """One detector's absolute differences of marginal distributions, over the AUs of all that are compared."""

    x_end: float
    bars: Sequence[DifferenceBar]
    mean: Share
    top: float
    width: float = MARGINAL_WIDTH
    height: float = ROW_BASE + 18


def difference_bars(
    distribution: Told | None, aus: Sequence[int], shown: Sequence[int], top: float
) -> DifferenceBars | None:
    """aus: the detector's own; shown: those that have a place in the picture. To `top` at full height."""
    if not distribution:
        return None
    by_au = dict(zip(aus, distribution["difference"]["marginal"], strict=True))
    step = min((MARGINAL_WIDTH - MARGINAL_LEFT - MARGINAL_RIGHT) / len(shown), STEP_MOST)
    bars = [
        DifferenceBar(
            au=au,
            x=round(MARGINAL_LEFT + (place + 0.25) * step, 1),
            middle=round(MARGINAL_LEFT + (place + 0.5) * step, 1),
            width=round(step * 0.5, 1),
            height=_height(by_au.get(au), top, ROW_TOP, ROW_BASE),
            difference=by_au.get(au),
        )
        for place, au in enumerate(shown)
    ]
    x_end = round(MARGINAL_LEFT + step * len(shown), 1)
    return DifferenceBars(x_end, bars, distribution["difference"].get("marginal_mean"), top)


def difference_top(distribution: Told | None, kind: str) -> float:
    """The end of a scale that holds all absolute differences: marginal or conditional."""
    if not distribution:
        return 0.01
    told = distribution["difference"][kind]
    values = [value for row in told for value in row] if kind == "conditional" else told
    return rounded_up(max([0.01, *_defined(values)]))


def _height(share: Share, high: float, top: float, base: float) -> float:
    """The height above `base` in an axis that reaches `high` at `top`."""
    return 0.0 if share is None else round(min(share / high, 1) * (base - top), 1)


def _defined(values: Sequence[Share]) -> list[float]:
    return [value for value in values if value is not None]


def heat_maps(distribution: Told | None, aus: Sequence[int], top: float | None = None) -> list[HeatMap]:
    """Conditional distributions of reference and prediction, and their absolute differences: none for a
    single AU, which has no combination. `top` as in `marginal_chart`."""
    if not distribution or len(aus) < 2:
        return []
    differences = top or difference_top(distribution, "conditional")
    return [
        heat_map(kind, distribution[kind]["conditional"], aus, 1.0 if kind != "difference" else differences)
        for kind in ("reference", "predicted", "difference")
    ]


@dataclass(frozen=True)
class BatchRow:
    """One AU: how many faces of a batch have it."""

    au: int
    y: float
    mean: float
    least: int
    most: int
    without: float
    """Share of all batches that have no such face."""


@dataclass(frozen=True)
class BatchLevel:
    depth: float
    path: str


@dataclass(frozen=True)
class BatchChart:
    sampler: str
    height: float
    rows: Sequence[BatchRow]
    levels: Sequence[BatchLevel]
    """The cells of each depth, in one path each: a thousand cells are few elements."""
    most: int
    """Faces of the darkest cell."""
    batches: int
    shown: int

    @property
    def ground(self) -> float:
        """Height of all rows together."""
        return self.height - BATCH_TOP - 20


def batch_chart(composition: Told | None, aus: Sequence[int]) -> BatchChart | None:
    """Positives of each AU in the first batches; None where none were kept."""
    batches = (composition or {}).get("batches") or []
    if not composition or not batches:
        return None
    shown = batches[:BATCHES_SHOWN]
    most = max(1, max(max(batch, default=0) for batch in shown))
    wide = (BATCH_WIDTH - BATCH_LEFT - BATCH_RIGHT) / len(shown)
    paths: dict[int, list[str]] = {}
    for across, batch in enumerate(shown):
        for down, count in enumerate(batch):
            if count:
                x, y = BATCH_LEFT + across * wide, BATCH_TOP + down * BATCH_ROW
                cell = f"M{x:.1f} {y}h{wide - 0.6:.1f}v{BATCH_ROW - 1}h-{wide - 0.6:.1f}z"
                paths.setdefault(math.ceil(LEVELS * count / most), []).append(cell)
    return BatchChart(
        sampler=str(composition.get("sampler", "")),
        height=BATCH_TOP + BATCH_ROW * len(aus) + 20,
        rows=[_batch_row(au, place, [batch[place] for batch in batches]) for place, au in enumerate(aus)],
        levels=[BatchLevel(level / LEVELS, "".join(cells)) for level, cells in sorted(paths.items())],
        most=most,
        batches=len(batches),
        shown=len(shown),
    )


def _batch_row(au: int, place: int, counts: Sequence[int]) -> BatchRow:
    without = sum(count == 0 for count in counts) / len(counts)
    return BatchRow(au, BATCH_TOP + place * BATCH_ROW, sum(counts) / len(counts), min(counts), max(counts), without)
