"""What one reader sees of a data set's figures: only layers that are visible to them now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User

from annotator.choices import LayerKind
from annotator.models import DataSet, LabelLayer
from annotator.selectors.codes import layers_visible_to
from annotator.selectors.datasets import Figures, LayerFigures


@dataclass(frozen=True)
class Cell:
    """One figure of the base-rate table."""

    kind: str
    rate: float | None
    scored: int
    unscorable: int


@dataclass(frozen=True)
class RateRow:
    """One AU's base rates, one cell for each visible layer, and how far people have reviewed it."""

    au: int
    cells: list[Cell]
    reviewed: int
    share: float | None


@dataclass(frozen=True)
class Comparison:
    """One AU's agreement with the reference: proposal and weak, over one set of faces."""

    au: int
    faces: int
    weak: float | None
    proposal: float | None
    weak_f1: float | None
    proposal_f1: float | None

    @property
    def better(self) -> dict[str, str]:
        """For agreement and F1: which of the two is the better one as printed; empty where they are alike."""
        return {
            "agreement": better_of(self.weak, self.proposal, 3),
            "f1": better_of(self.weak_f1, self.proposal_f1, 2),
        }


def better_of(weak: float | None, proposal: float | None, digits: int) -> str:
    """“weak” or “proposal”, whichever is higher when both are rounded to so many digits; else empty."""
    if weak is None or proposal is None or round(weak, digits) == round(proposal, digits):
        return ""
    return "proposal" if proposal > weak else "weak"


@dataclass(frozen=True)
class ComparisonTable:
    """Agreement with the reference over the test faces, or over all the others."""

    test: bool
    rows: list[Comparison]
    mean: Comparison
    """Means over the AUs; `faces` is the largest count of any AU."""


@dataclass(frozen=True)
class Overview:
    """A data set's figures as one reader may see them."""

    figures: Figures
    layers: list[LabelLayer]
    rates: list[RateRow]
    comparisons: list[ComparisonTable]
    heat_layer: LabelLayer | None
    heat: list[tuple[int, int, list["HeatCell"]]]
    """For each AU: its number, faces with it present, and one cell for each AU."""
    behind: bool
    """Whether the data set has changed since these figures were counted."""


@dataclass(frozen=True)
class HeatCell:
    """How often the column's AU is present where the row's is."""

    au: int
    share: float | None
    faces: int
    same: bool

    @property
    def shade(self) -> int:
        """0…9, for a colour class."""
        return 0 if self.share is None else min(int(self.share * 10), 9)


def overview(dataset: DataSet, user: User, figures: Figures, heat_layer_id: int | None = None) -> Overview:
    """Arrange the figures for this user: only the layers that are visible to them now."""
    visible = layers_visible_to(user, dataset)
    by_layer = {figure.layer_id: figure for figure in figures.layers}
    layers = [layer for layer in visible if layer.pk in by_layer and by_layer[layer.pk].faces]
    rates = [
        RateRow(
            au=au,
            cells=[_cell(by_layer[layer.pk], place) for layer in layers],
            reviewed=int(figures.reviewed[place]),
            share=float(figures.reviewed[place] / figures.faces) if figures.faces else None,
        )
        for place, au in enumerate(figures.aus)
    ]
    chosen = next((layer for layer in layers if layer.pk == heat_layer_id), None) or _most_scored(layers, by_layer)
    return Overview(
        figures=figures,
        layers=layers,
        rates=rates,
        comparisons=comparisons(figures, visible),
        heat_layer=chosen,
        heat=_heat(figures.aus, by_layer[chosen.pk]) if chosen else [],
        behind=figures.revision != dataset.revision,
    )


def _cell(figure: LayerFigures, place: int) -> Cell:
    return Cell(figure.kind, figure.rate(place), int(figure.scored[place]), int(figure.unscorable[place]))


def _most_scored(layers: Sequence[LabelLayer], by_layer: dict[int, LayerFigures]) -> LabelLayer | None:
    """The layer with the most codes, the more trusted one of equals."""
    return max(layers, key=lambda layer: int(by_layer[layer.pk].scored.sum()), default=None)


def _heat(aus: Sequence[int], figure: LayerFigures) -> list[tuple[int, int, list[HeatCell]]]:
    rows = []
    for row, au in enumerate(aus):
        cells = []
        for column, other in enumerate(aus):
            asked = int(figure.asked[row, column])
            share = float(figure.both[row, column] / asked) if asked else None
            cells.append(HeatCell(other, share, int(figure.both[row, column]), row == column))
        rows.append((au, int(figure.present[row]), cells))
    return rows


def comparisons(figures: Figures, visible: Sequence[LabelLayer]) -> list[ComparisonTable]:
    """Agreement of proposal and weak labels with the reference; empty unless the reader may see all of
    them. The newest weak layer is taken."""
    if not any(layer.kind == LayerKind.REFERENCE for layer in visible):
        return []
    proposal = next((layer.pk for layer in visible if layer.kind == LayerKind.PROPOSAL), None)
    weak = max((layer.pk for layer in visible if layer.kind == LayerKind.WEAK), default=None)
    tables = []
    for test in (False, True):
        by_proposal = figures.agreement.get((proposal, test)) if proposal else None
        by_weak = figures.agreement.get((weak, test)) if weak else None
        rows = [
            Comparison(
                au=au,
                faces=max(int(by.both[place]) for by in (by_proposal, by_weak) if by is not None),
                weak=by_weak.share(place) if by_weak else None,
                proposal=by_proposal.share(place) if by_proposal else None,
                weak_f1=by_weak.f1(place) if by_weak else None,
                proposal_f1=by_proposal.f1(place) if by_proposal else None,
            )
            for place, au in enumerate(figures.aus)
            if any(by is not None and by.both[place] for by in (by_proposal, by_weak))
        ]
        if rows:
            mean = Comparison(
                au=0,
                faces=max(row.faces for row in rows),
                weak=_mean(row.weak for row in rows),
                proposal=_mean(row.proposal for row in rows),
                weak_f1=_mean(row.weak_f1 for row in rows),
                proposal_f1=_mean(row.proposal_f1 for row in rows),
            )
            tables.append(ComparisonTable(test, rows, mean))
    return tables


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
