"""What a relabelling of all faces of a scope would change, before anybody decides it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.facs import OPPOSITES, UNLIKELY_PAIRS, au_label
from annotator.masks import ABSENT, NOT_SCORED, PRESENT, UNSCORABLE
from annotator.models import CodedAU, DataSet, LabelLayer
from annotator.selectors.columns import NO_FACE, Columns, LayerColumns
from annotator.selectors.scopes import Scope, scope_positions

RELABEL_MOST = 20_000
"""Faces of one relabelling. While it is written nobody else's decisions are (SQLite has one writer), and
these take about as long as a coder will wait for a button."""
SAMPLE = 24
TO_CODE = {"present": PRESENT, "absent": ABSENT, "unscorable": UNSCORABLE}
KEEP = 9
"""A face that is left as it is."""


@dataclass(frozen=True)
class Tally:
    """The reader's own codes of the AU on the faces, counted."""

    faces: int
    none: int
    present: int
    absent: int
    unscorable: int
    noise: int

    def written(self) -> str:
        """As a form carries it."""
        return "-".join(map(str, (self.faces, self.none, self.present, self.absent, self.unscorable, self.noise)))

    @classmethod
    def read(cls, written: str) -> "Tally | None":
        """The inverse; None for anything else."""
        parts = written.split("-")
        if len(parts) != 6 or not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
            return None
        return cls(*map(int, parts))


@dataclass(frozen=True)
class LayerWord:
    """How one layer's codes stand to what the faces would get."""

    layer: LabelLayer
    same: int
    otherwise: int
    unscorable: int
    none: int


@dataclass(frozen=True)
class UnusualPair:
    """Faces that would have the AU together with another one that seldom or never goes with it."""

    faces: int
    other: str
    opposite: bool


@dataclass(frozen=True)
class Consequences:
    """All that the page of consequences says."""

    scope: Scope
    coded: CodedAU
    action: str
    positions: NDArray[np.int64]
    """(n,) the scope's faces."""
    own: NDArray[np.int8]
    """(n,) the reader's own codes of the AU."""
    noise: NDArray[np.bool_]
    """(n,) what the reader set apart."""
    becomes: NDArray[np.int8]
    """(n,) the codes after it; KEEP where a face is left as it is."""
    layers: list[LayerWord]
    pairs: list[UnusualPair]
    """AUs that the reader has present on some of the faces and that exclude this one or seldom go with it."""

    @cached_property
    def tally(self) -> Tally:
        none, present, absent, unscorable = (
            int((self.own == code).sum()) for code in (NOT_SCORED, PRESENT, ABSENT, UNSCORABLE)
        )
        return Tally(len(self.own), none, present, absent, unscorable, int(self.noise.sum()))

    @cached_property
    def touched(self) -> NDArray[np.bool_]:
        """(n,) the faces whose code or noise mark would change."""
        if self.action == "noise":
            return ~self.noise
        changed = (self.becomes != KEEP) & (self.becomes != self.own)
        return np.asarray(changed | self.noise if self.action == "restore" else changed)

    @property
    def changes(self) -> int:
        return int(self.touched.sum())

    def _from(self, code: int) -> int:
        return int((self.touched & (self.own == code)).sum())

    @property
    def first(self) -> int:
        """Faces that would get a first code of the reader's."""
        return self._from(NOT_SCORED)

    @property
    def from_present(self) -> int:
        return self._from(PRESENT)

    @property
    def from_absent(self) -> int:
        return self._from(ABSENT)

    @property
    def from_unscorable(self) -> int:
        return self._from(UNSCORABLE)

    @property
    def stay(self) -> int:
        return len(self.own) - self.changes

    @property
    def without(self) -> int:
        """Faces without a proposal, which accepting passes over."""
        return int((self.becomes == KEEP).sum()) if self.action == "accept" else 0

    @property
    def contradicted(self) -> list[LayerWord]:
        """The reference layers that say otherwise on some of the faces."""
        return [one for one in self.layers if one.layer.kind == LayerKind.REFERENCE and one.otherwise]

    @property
    def too_many(self) -> bool:
        return self.changes > RELABEL_MOST

    @property
    def possible(self) -> bool:
        return bool(self.changes) and not self.too_many

    @property
    def shown(self) -> str:
        """A fingerprint of the faces with their codes: another one once the page is out of date."""
        held = hashlib.sha256(self.positions.astype("<i8").tobytes())
        for part in (self.own, self.noise, self.becomes):
            held.update(part.tobytes())
        return held.hexdigest()[:32]

    @property
    def tokens(self) -> dict[int, str]:
        """State tokens by position, as decision_make compares them."""
        if self.action == "noise":
            marks = np.where(self.noise, "!", "")
        else:
            letters = np.array(["u", "-", "a", "p"])[self.own - UNSCORABLE]
            marks = np.char.add(letters, np.where(self.noise, "!", ""))
        return dict(zip(self.positions.tolist(), marks.tolist(), strict=True))

    @property
    def sample(self) -> list[int]:
        """Some of the faces that would change, spread over all of them."""
        changed = self.positions[self.touched]
        places = np.unique(np.linspace(0, max(len(changed) - 1, 0), min(SAMPLE, len(changed))).round().astype(int))
        return [int(position) for position in changed[places]]


def consequences(
    dataset: DataSet, user: User, layers: Sequence[LabelLayer], scope: Scope, coded: CodedAU, action: str
) -> Consequences:
    """What `action` would do to this AU on all faces of the scope; `layers` are those the user may see."""
    columns = Columns(dataset)
    positions = scope_positions(dataset, scope, columns)
    if positions is None:
        positions = np.flatnonzero(columns.subjects != NO_FACE)
    mine = next((layer for layer in layers if layer.user_id == user.pk), None)
    own = columns.layer(mine) if mine else LayerColumns(np.zeros((3, 0), np.int64))
    becomes = _becomes(columns, layers, coded, action, positions)
    return Consequences(
        scope=scope,
        coded=coded,
        action=action,
        positions=positions,
        own=own.codes(coded.bit, positions),
        noise=own.noise(positions),
        becomes=becomes,
        layers=[
            _word(layer, columns.layer(layer).codes(coded.bit, positions), becomes)
            for layer in layers
            if layer.user_id != user.pk
        ],
        pairs=_pairs(dataset, own, coded, positions, becomes),
    )


def _becomes(
    columns: Columns, layers: Sequence[LabelLayer], coded: CodedAU, action: str, positions: NDArray[np.int64]
) -> NDArray[np.int8]:
    if action == "accept":
        proposal = next((layer for layer in layers if layer.kind == LayerKind.PROPOSAL), None)
        if proposal is None:
            return np.full(len(positions), KEEP, np.int8)
        proposed = columns.layer(proposal).codes(coded.bit, positions)
        return np.where(proposed >= 0, proposed, KEEP).astype(np.int8)
    given = {**TO_CODE, "restore": NOT_SCORED}.get(action, KEEP)
    return np.full(len(positions), given, np.int8)


def _word(layer: LabelLayer, codes: NDArray[np.int8], becomes: NDArray[np.int8]) -> LayerWord:
    told, said = codes >= 0, becomes >= 0
    return LayerWord(
        layer=layer,
        same=int((told & said & (codes == becomes)).sum()),
        otherwise=int((told & said & (codes != becomes)).sum()),
        unscorable=int((codes == UNSCORABLE).sum()),
        none=int((codes == NOT_SCORED).sum()),
    )


def _pairs(
    dataset: DataSet, own: LayerColumns, coded: CodedAU, positions: NDArray[np.int64], becomes: NDArray[np.int8]
) -> list[UnusualPair]:
    """The unusual pairs that the decision would newly make: it is asked about once, for all faces."""
    others = {one.au: one for one in dataset.coded_aus.all()}
    made = (becomes == PRESENT) & (own.codes(coded.bit, positions) != PRESENT)
    found = []
    for pairs, opposite in ((OPPOSITES, True), (UNLIKELY_PAIRS, False)):
        for pair in pairs:
            for au in set(pair) - {coded.au} if coded.au in pair else ():
                if au not in others:
                    continue
                count = int((made & (own.codes(others[au].bit, positions) == PRESENT)).sum())
                if count:
                    found.append(UnusualPair(count, au_label(au), opposite))
    return found
