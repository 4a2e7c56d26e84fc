"""The distributions of any selection of faces: how often each AU is present in each layer, and how often
where another is; every bar and cell leads to its faces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.facs import au_label
from annotator.models import CodedAU, LabelLayer, Member
from annotator.selectors.code_counts import CodeCounts, code_counts
from annotator.selectors.columns import Columns
from annotator.selectors.heats import HeatMap, heat_map
from annotator.selectors.scope_words import faces_address
from annotator.selectors.scopes import Scope, faces_count, scope_positions

INLINE_FACES = 30_000
"""For more faces than these, codes whose columns are not at hand are counted once the page is shown."""
LAYERS_MOST = 6
"""Layers shown beside one another."""
FEW = 20
"""Shares of fewer faces than these say little, and the page says so."""
FEW_GIVEN = 10
"""The same for a cell: of the faces with the column's AU."""
WIDTH, ROW, BAR = 268, 26, 12
"""A card's picture: its width, the height of a layer's row, and of its bar."""
LEFT, RIGHT = 4, 4


@dataclass(frozen=True)
class LayerBar:
    """How often one AU is present in one layer."""

    layer: LabelLayer
    scored: int
    present: int
    share: float | None
    y: int
    width: float
    address: str
    """The faces with it present."""
    points: str
    """The difference to the reference in percentage points, over faces that both have coded; or nothing."""
    words: str

    @property
    def few(self) -> bool:
        return 0 < self.scored < FEW


@dataclass(frozen=True)
class AUBars:
    """One AU: a bar for each layer, on one scale, and where the reference's ends."""

    coded: CodedAU
    bars: list[LayerBar]
    mark: float | None
    height: int


@dataclass(frozen=True)
class LayerHeat:
    """Who comes with whom in one layer, and how far that is from the reference."""

    layer: LabelLayer
    heat: HeatMap
    difference: HeatMap | None


@dataclass(frozen=True)
class Distributions:
    """All that the page shows."""

    total: int
    coded: list[tuple[LabelLayer, int]]
    """Of each layer shown, the faces on which it has any code."""
    reference: LabelLayer | None
    scale: float
    """The share at which a bar is full."""
    cards: list[AUBars]
    heats: list[LayerHeat]
    later: bool
    """Counting takes a while: the page asks for it once it is shown."""

    @property
    def empty(self) -> bool:
        return not any(faces for _layer, faces in self.coded)

    @property
    def few(self) -> bool:
        return 0 < self.total < FEW


def layers_chosen(layers: Sequence[LabelLayer], asked: Sequence[str]) -> list[LabelLayer]:
    """Those of the layers whose numbers are asked for; of none, the first few, the reference before all."""
    chosen = [layer for layer in layers if str(layer.pk) in asked]
    ordered = sorted(chosen or layers, key=lambda layer: layer.kind != LayerKind.REFERENCE)
    return ordered[:LAYERS_MOST]


def distributions(
    member: Member,
    scope: Scope,
    layers: Sequence[LabelLayer],
    chosen: Sequence[LabelLayer],
    aus: Sequence[CodedAU],
    *,
    wait: bool,
) -> Distributions:
    """Count the scope's faces in the layers chosen; `layers` are all that the member may see. Where columns
    have to be read first and nobody would `wait`, counting is left for later."""
    columns = Columns(member.dataset)
    reference = max(
        (layer for layer in layers if layer.kind == LayerKind.REFERENCE), key=lambda layer: layer.pk, default=None
    )
    needed = {layer.pk: layer for layer in [*chosen, *scope.layers, *([reference] if reference else [])]}
    many = member.dataset.next_position > INLINE_FACES
    if many and not wait and not all(columns.ready(layer) for layer in needed.values()):
        return Distributions(0, [], reference, 1.0, [], [], later=True)
    positions = scope_positions(member.dataset, scope, columns)
    counts = [code_counts(columns, scope, positions, layer, reference, aus) for layer in chosen]
    scale = _scale(counts)
    maker = _Maker(member.dataset_id, scope, reference, list(aus), scale)
    told = [(layer, count) for layer, count in zip(chosen, counts, strict=True) if count.faces]
    base = next((count for layer, count in told if reference and layer.pk == reference.pk), None)
    return Distributions(
        total=faces_count(member.dataset, positions),
        coded=[(layer, count.faces) for layer, count in zip(chosen, counts, strict=True)],
        reference=reference if base is not None else None,
        scale=scale,
        cards=[maker.card(place, told) for place in range(len(aus))] if told else [],
        heats=maker.heats(told, base) if len(aus) > 1 else [],
        later=False,
    )


def _scale(counts: Sequence[CodeCounts]) -> float:
    """A round share that holds the longest bar."""
    longest = max((float((one.present / np.maximum(one.scored, 1)).max(initial=0)) for one in counts), default=0)
    return next(top for top in (0.1, 0.2, 0.25, 0.5, 0.75, 1.0) if longest <= top)


@dataclass(frozen=True)
class _Maker:
    """Draws what was counted."""

    dataset_id: int
    scope: Scope
    reference: LabelLayer | None
    aus: list[CodedAU]
    scale: float

    def faces(self, layer: LabelLayer, present: Sequence[int]) -> str:
        """The scope's faces on which the layer has these AUs present."""
        more = [f"{layer.pk}:{au}:p" for au in dict.fromkeys(present)]
        where = ",".join([*map(str, self.scope.where), *more])
        return faces_address(self.dataset_id, self.scope, where=where, au=str(present[0]))

    def card(self, place: int, told: Sequence[tuple[LabelLayer, CodeCounts]]) -> AUBars:
        bars = [self._bar(place, row, layer, counts) for row, (layer, counts) in enumerate(told)]
        mark = next((bar for bar in bars if self.reference and bar.layer.pk == self.reference.pk), None)
        at = LEFT + mark.width if mark is not None and mark.share is not None else None
        return AUBars(self.aus[place], bars, at, ROW * len(bars))

    def _bar(self, place: int, row: int, layer: LabelLayer, counts: CodeCounts) -> LayerBar:
        scored, present = int(counts.scored[place]), int(counts.present[place])
        share = present / scored if scored else None
        width = (share or 0) / self.scale * (WIDTH - LEFT - RIGHT)
        points = self._points(place, layer, counts)
        return LayerBar(
            layer=layer,
            scored=scored,
            present=present,
            share=share,
            y=row * ROW,
            width=round(max(width, 1.5) if present else 0.0, 1),
            address=self.faces(layer, [self.aus[place].au]),
            points=points,
            words=_bar_words(layer, self.aus[place], present, scored, points),
        )

    def _points(self, place: int, layer: LabelLayer, counts: CodeCounts) -> str:
        shared = int(counts.shared[place])
        if self.reference is None or layer.pk == self.reference.pk or not shared:
            return ""
        return points_told(int(counts.shared_present[place] - counts.shared_reference[place]) / shared)

    def heats(self, told: Sequence[tuple[LabelLayer, CodeCounts]], base: CodeCounts | None) -> list[LayerHeat]:
        numbers = [coded.au for coded in self.aus]
        expected = _conditional(base) if base is not None else None
        apart = {layer.pk: _conditional(counts) - expected for layer, counts in told if expected is not None}
        told_of = {layer.pk: _least(counts, base) for layer, counts in told}
        sizes = [np.abs(apart[pk][(told_of[pk] >= FEW_GIVEN) & np.isfinite(apart[pk])]) for pk in apart]
        top = max([0.05, *(float(one.max(initial=0)) for one in sizes)])
        found = []
        for layer, counts in told:
            shares = _conditional(counts)

            def linker(present: int, given: int, layer: LabelLayer = layer) -> str:
                return self.faces(layer, [given, present])

            differs = None
            if layer.pk in apart and not (self.reference and layer.pk == self.reference.pk):
                told_by = told_of[layer.pk].tolist()
                differs = heat_map("difference", _told(apart[layer.pk]), numbers, top, linker, told_by, FEW_GIVEN)
            asked = counts.asked.tolist()
            heat = heat_map(layer.kind, _told(shares), numbers, 1.0, linker, asked, FEW_GIVEN)
            found.append(LayerHeat(layer, heat, differs))
        return found


def _conditional(counts: CodeCounts) -> NDArray[np.float64]:
    """(A, A): of the faces with the column's AU present and the row's scored, the share with the row's
    present; NaN where there is no such face."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(counts.both / counts.asked)


def _least(counts: CodeCounts, base: CodeCounts | None) -> NDArray[np.int64]:
    """(A, A): how many faces a difference of shares rests on, on the side that has fewer."""
    return counts.asked if base is None else np.minimum(counts.asked, base.asked)


def _told(shares: NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if np.isnan(share) else share for share in row] for row in shares.tolist()]


def points_told(difference: float) -> str:
    """A difference of shares in percentage points: “+3.1”, “−0.4”, “0.0”."""
    told = f"{difference * 100:+.1f}"
    return "0.0" if float(told) == 0 else told.replace("-", "−")


def _bar_words(layer: LabelLayer, coded: CodedAU, present: int, scored: int, points: str) -> str:
    """“weak, AU12: present on 312 of 1,204 coded faces, 25.9%”."""
    said = {"layer": layer.name, "au": au_label(coded.au), "present": f"{present:,}", "scored": f"{scored:,}"}
    if not scored:
        return _("%(layer)s, %(au)s: no code") % said
    said["share"] = f"{present / scored:.1%}"
    words = ngettext(
        "%(layer)s, %(au)s: present on %(present)s of %(scored)s coded face, %(share)s",
        "%(layer)s, %(au)s: present on %(present)s of %(scored)s coded faces, %(share)s",
        scored,
    )
    if points:
        words += _("; %(points)s points beside the reference on faces that both code")
    return words % {**said, "points": points}
