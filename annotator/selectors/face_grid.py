"""The grid of the faces of a scope: in which order, what each source says of one AU, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.errors import InputRefused, NotFound
from annotator.models import CodedAU, DataSet, Face, LabelLayer, Member
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.codes import coded_aus, is_blind, layer_codes
from annotator.selectors.columns import NO_FACE, NO_SUBJECT, Columns
from annotator.selectors.review import CODE_SIGNS, CODE_WORDS, coder_layer, state_tokens
from annotator.selectors.scopes import Scope, faces_count, scope_positions
from annotator.selectors.tiles import Mark, Tile, empty_codes, shots_at

LAST = 0xFFFF
"""The key of what comes last of all."""
PER_PAGE = 200
"""Faces of a page;"""
MORE = 100
"""and those that come at once as one scrolls: few enough to be put in between two frames."""
KIND_LETTERS = {
    LayerKind.WEAK: "W",
    LayerKind.PROPOSAL: "P",
    LayerKind.REFERENCE: "R",
    LayerKind.PREDICTION: "D",
    LayerKind.CODER: "O",
    LayerKind.CONSENSUS: "C",
}
"""How a tile names a source; coders here are others than the reader."""


@dataclass(frozen=True)
class Sort:
    """An order of faces: by position, subject, differences between layers, or a layer's probabilities."""

    key: str
    words: str
    layer: LabelLayer | None = None

    @property
    def highest(self) -> bool:
        return self.key.startswith("high")


@dataclass(frozen=True)
class GridView:
    """What a page of faces is about, as one reader may see it."""

    dataset: DataSet
    user: User
    scope: Scope
    layers: Sequence[LabelLayer]
    """Those that the reader may see now."""
    blind: bool
    aus: Sequence[CodedAU]
    coded: CodedAU | None
    """The AU whose codes are shown; None where the list is empty."""
    sort: Sort
    sorts: Sequence[Sort]
    columns: Columns

    @cached_property
    def positions(self) -> NDArray[np.int64] | None:
        """The scope's, ascending; None for all faces."""
        return scope_positions(self.dataset, self.scope, self.columns)

    @cached_property
    def total(self) -> int:
        return faces_count(self.dataset, self.positions)

    @property
    def others(self) -> list[LabelLayer]:
        """The layers but the reader's own."""
        return [layer for layer in self.layers if layer.user_id != self.user.pk]


def grid_view(
    member: Member, scope: Scope, layers: Sequence[LabelLayer], *, au: str = "", sort: str = ""
) -> GridView:
    """What the address asks for; NotFound for an AU that isn't on the list."""
    dataset, user = member.dataset, member.user
    aus = coded_aus(dataset)
    sorts = sorts_of(layers)
    return GridView(
        dataset=dataset,
        user=user,
        scope=scope,
        layers=layers,
        blind=is_blind(user, dataset),
        aus=aus,
        coded=shown_au(scope, aus, au),
        sort=next((one for one in sorts if one.key == sort), sorts[0]),
        sorts=sorts,
        columns=Columns(dataset),
    )


def shown_au(scope: Scope, aus: Sequence[CodedAU], au: str) -> CodedAU | None:
    """The AU of this number; without one that of the scope's first condition, else the list's first."""
    if au:
        found = next((coded for coded in aus if str(coded.au) == au), None)
        if found is None:
            raise NotFound(_("There is no such AU on the list of this data set."))
        return found
    asked = [one.coded for one in scope.where] + [two.coded for two in scope.differ]
    return next(iter([*asked, *aus]), None)


def sorts_of(layers: Sequence[LabelLayer]) -> list[Sort]:
    """The orders that a reader of these layers may choose from."""
    found = [Sort("position", _("number")), Sort("subject", _("subject"))]
    if len(layers) > 1:
        found.append(Sort("differ", _("most disagreement")))
    for layer in layers:
        if layer.probabilities_id is not None:
            found.append(Sort(f"high-{layer.pk}", _("%(layer)s: highest") % {"layer": layer.name}, layer))
            found.append(Sort(f"low-{layer.pk}", _("%(layer)s: lowest") % {"layer": layer.name}, layer))
    return found


@dataclass(frozen=True)
class Said:
    """One layer's word on one face."""

    layer: LabelLayer
    code: str

    @property
    def letter(self) -> str:
        return KIND_LETTERS[LayerKind(self.layer.kind)]

    @property
    def sign(self) -> str:
        return CODE_SIGNS[self.code]

    @property
    def words(self) -> str:
        return f"{self.layer.name}: {CODE_WORDS[self.code]}"


@dataclass(frozen=True)
class GridTile(Tile):
    """A face of the grid: what the layers but one's own say, and the probability it is sorted by."""

    said: list[Said] = field(default_factory=list)
    probability: float | None = None


@dataclass(frozen=True)
class GridPage:
    """The faces that come at once."""

    tiles: list[GridTile]
    first: int
    """The place of the first, from 1."""
    last: int
    after: int | None
    """The position behind which the next page begins; None at the end."""


def grid_page(view: GridView, after: int | None = None, count: int | None = None) -> GridPage:
    """The page of `count` faces that begins behind the face at position `after` in the view's order. It needn't
    be in the scope any more: who relabels faces as they scroll misses none."""
    shown, before, more = _page(view, after, count or PER_PAGE)
    tiles = grid_tiles(view, shown)
    return GridPage(tiles, before + 1, before + len(shown), shown[-1] if more and shown else None)


def _page(view: GridView, after: int | None, count: int) -> tuple[list[int], int, bool]:
    """The positions shown, how many come before them, and whether any come after."""
    if view.positions is None and view.sort.key == "position":
        faces = Face.objects.filter(dataset=view.dataset).order_by("position")
        before = faces.filter(position__lte=after).count() if after is not None else 0
        rows = faces if after is None else faces.filter(position__gt=after)
        found = list(rows.values_list("position", flat=True)[: count + 1])
        return found[:count], before, len(found) > count
    ordered, before, inside = grid_ordered(view, after)
    start = before + inside
    shown = ordered[start : start + count].tolist()
    return shown, start, start + len(shown) < len(ordered)


def grid_ordered(view: GridView, position: int | None) -> tuple[NDArray[np.int64], int, bool]:
    """The view's faces in its order (N,), how many of them come before this one, and whether it is among them; of
    None 0 and no."""
    positions = view.positions
    if positions is None:
        positions = np.flatnonzero(view.columns.subjects != NO_FACE)
    # Sorting all of them takes 15 ms of 200,000 faces: a page's other parts take ten times that.
    keys = _keys(view, positions)
    ordered = positions[np.argsort(keys, kind="stable")]
    if position is None:
        return ordered, 0, False
    key = _keys(view, np.array([position]))[0]
    before = int(((keys < key) | ((keys == key) & (positions < position))).sum())
    return ordered, before, before < len(ordered) and int(ordered[before]) == position


def _keys(view: GridView, positions: NDArray[np.int64]) -> NDArray[np.uint16] | NDArray[np.int64]:
    """(n,) what the faces are sorted by, lowest first; faces of one key follow by position. Sixteen bits
    where these are enough: numpy sorts them in a tenth of the time."""
    sort = view.sort
    if sort.key == "subject":
        subjects = values_at(view.columns.subjects, positions, NO_SUBJECT).astype(np.int64)
        many = int(view.columns.subjects.max(initial=0)) >= LAST
        subjects[subjects < 0] = np.iinfo(np.int64).max if many else LAST
        return subjects if many else subjects.astype(np.uint16)
    if sort.key == "differ":
        return (LAST - differences(view, positions)).astype(np.uint16)
    if sort.layer is not None and view.coded is not None:
        shares = probabilities_at(sort.layer, view.coded.bit, positions)
        # The bits of float16s that aren't negative are in their order.
        ranks = np.maximum(shares, np.float16(0)).view(np.uint16)
        return np.where(np.isnan(shares), np.uint16(LAST), LAST - 1 - ranks if sort.highest else ranks)
    return positions


def differences(view: GridView, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) the number of AUs on which the layers differ, 64 more where it is the one shown."""
    columns = [view.columns.layer(layer) for layer in view.layers]
    # Of many faces the whole columns are read in a row, which is quicker than picking these out of each.
    many = all(len(one) < 4 * len(positions) for one in columns)
    present, absent = np.zeros((2, view.dataset.next_position if many else len(positions)), np.int64)
    for one in columns:
        masks = one.masks if many else one.at(positions)
        present |= masks[0]
        absent |= masks[1] & ~masks[0]
    differ = present & absent & np.int64(sum(coded.mask for coded in view.aus))
    differ = differ[positions] if many else differ
    counted = np.bitwise_count(differ).astype(np.int64)
    shown = view.coded.mask if view.coded else 0
    return np.asarray(counted + 64 * ((differ & np.int64(shown)) != 0))


def probabilities_at(layer: LabelLayer, bit: int, positions: NDArray[np.int64]) -> NDArray[np.float16]:
    """(n,) the layer's probabilities of one AU bit, NaN where there are none."""
    if layer.probabilities is None:
        return np.full(len(positions), np.nan, np.float16)
    return values_at(array_read(layer.probabilities)[:, bit], positions, np.nan).astype(np.float16)


def grid_tiles(view: GridView, positions: Sequence[int]) -> list[GridTile]:
    """The faces at these positions, in their order, with what the reader may see of the AU shown."""
    faces = shots_at(view.dataset, positions)
    there = [position for position in positions if position in faces]
    ids = [faces[position].pk for position in there]
    bits = [view.coded.bit] if view.coded else []
    layer = coder_layer(view.dataset, view.user)
    own = layer_codes(layer, ids) if layer and ids else empty_codes(len(ids))
    tokens = state_tokens(own, bits)
    said = _said(view, ids)
    sorted_by = view.sort.layer
    shares = (
        probabilities_at(sorted_by, view.coded.bit, np.array(there, np.int64)).tolist()
        if sorted_by is not None and view.coded is not None
        else [np.nan] * len(there)
    )
    return [
        GridTile(
            face=faces[position],
            marks=_marks(view, tokens[row], said[row]),
            token=tokens[row],
            noise=bool(own.noise[row]),
            said=said[row],
            probability=None if np.isnan(shares[row]) else shares[row],
        )
        for row, position in enumerate(there)
    ]


def _marks(view: GridView, token: str, said: Sequence[Said]) -> list[Mark]:
    if view.coded is None:
        return []
    proposed = next((one.code for one in said if one.layer.kind == LayerKind.PROPOSAL), "")
    return [Mark(coded=view.coded, own=token[0], proposal=proposed)]


def _said(view: GridView, ids: Sequence[int]) -> list[list[Said]]:
    """For each face what the layers but one's own say of the AU shown."""
    said: list[list[Said]] = [[] for _face in ids]
    if view.coded is None or not ids:
        return said
    for layer in view.others:
        for row, token in enumerate(state_tokens(layer_codes(layer, ids), [view.coded.bit])):
            if token[0] != "-":
                said[row].append(Said(layer, token[0]))
    return said


def condition_added(member: Member, scope: Scope, au: str, layer: str, code: str) -> dict[str, str]:
    """The scope's parameters with one more condition out of the page's form: a layer's code of the AU, or,
    where the code is “d” and another layer's number, that the two differ on it."""
    given = dict(scope.parameters)
    if code.startswith("d"):
        name, word = "differ", f"{layer}:{code[1:]}:{au}"
    else:
        name, word = "where", f"{layer}:{au}:{code}"
    if not layer or not code:
        raise InputRefused(_("Choose a source and what it says."))
    given[name] = ",".join([*filter(None, [given.get(name, "")]), word])
    return given
