"""Faces in a grid: what machines say of each AU, and the coder's own state."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from annotator.masks import NOT_SCORED
from annotator.models import ClusterRun, CodedAU, DataSet, Face, LabelLayer
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.codes import LayerCodes, layer_codes
from annotator.selectors.columns import codes_at
from annotator.selectors.review import CODE_SIGNS, CODE_WORDS, coder_layer, state_tokens
from annotator.selectors.run_hints import run_cut


def run_proposals(
    run: ClusterRun, positions: NDArray[np.int64], aus: Sequence[CodedAU]
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """What a run proposes for N faces and A AUs: codes (N, A), −1 for none, and the probability of
    presence (N, A), NaN for none."""
    codes = np.full((len(positions), len(aus)), NOT_SCORED, np.int8)
    shares = np.full((len(positions), len(aus)), np.nan, np.float32)
    columns = [(place, run.aus.index(coded.au)) for place, coded in enumerate(aus) if coded.au in run.aus]
    for place, column in columns:
        if run.proposals is not None:
            codes[:, place] = values_at(array_read(run.proposals)[:, column], positions, NOT_SCORED)
        if run.probabilities is not None:
            shares[:, place] = values_at(array_read(run.probabilities)[:, column], positions, np.nan)
    return codes, shares


def faces_at(dataset: DataSet, positions: Sequence[int]) -> dict[int, Face]:
    """The faces at these positions, by position; withdrawn ones are missing."""
    return {face.position: face for face in Face.objects.filter(dataset=dataset, position__among=positions)}


class Shot(NamedTuple):
    """What a tile shows of a face: its picture."""

    position: int
    pk: int
    key: UUID
    width: int
    height: int
    dataset_id: int


def shots_at(dataset: DataSet, positions: Sequence[int]) -> dict[int, Shot]:
    """The pictures of the faces at these positions, by position; withdrawn ones are missing."""
    found = Face.objects.filter(dataset=dataset, position__among=np.array(positions, np.int64))
    return {row[0]: Shot(*row) for row in found.values_list(*Shot._fields)}


@dataclass(frozen=True)
class Mark:
    """What is known of one AU on one face; in a blind assignment only `own`."""

    coded: CodedAU
    own: str
    """p, a, u or -."""
    weak: str = ""
    proposal: str = ""
    probability: float | None = None
    cut: float | None = None
    """The probability from which on the run proposes “present”."""

    @property
    def weak_sign(self) -> str:
        return CODE_SIGNS.get(self.weak, "")

    @property
    def proposal_sign(self) -> str:
        return CODE_SIGNS.get(self.proposal, "")

    @property
    def own_word(self) -> str:
        return str(CODE_WORDS[self.own])

    @property
    def share(self) -> str:
        """The probability of presence in per cent."""
        return "" if self.probability is None else f"{self.probability * 100:.0f}%"

    @property
    def share_exact(self) -> str:
        return "" if self.probability is None else f"{self.probability * 100:.1f}%"

    @property
    def share_words(self) -> str:
        """What the percentage means: below one half it may well stand beside a proposed “present”."""
        if self.probability is None:
            return ""
        words = _("probability of present %(share)s") % {"share": self.share_exact}
        if self.cut is not None:
            words += _("; proposed present from %(cut)s on") % {"cut": f"{self.cut * 100:.1f}%"}
        return str(words)

    @property
    def words(self) -> str:
        """What machines say, in words, for who can't see the signs."""
        said = []
        if self.weak in CODE_WORDS:
            said.append(_("weak label %(code)s") % {"code": CODE_WORDS[self.weak]})
        if self.proposal in CODE_WORDS:
            said.append(_("proposed %(code)s") % {"code": CODE_WORDS[self.proposal]})
        if self.share:
            said.append(self.share_words)
        return ", ".join(str(one) for one in said)

    @property
    def relabelled(self) -> bool:
        return self.own in "pa" and self.proposal in ("p", "a") and self.own != self.proposal

    @property
    def confirmed(self) -> bool:
        return self.own in "pa" and self.own == self.proposal


@dataclass(frozen=True)
class Tile:
    """One face in a grid."""

    face: Shot
    marks: list[Mark]
    token: str
    """The coder's own state as shown, sent back with each decision."""
    noise: bool
    reasons: list[str] = field(default_factory=list)
    score: float | None = None
    kept: bool = False
    """The coder looked at it in the noise gallery and kept it."""
    note: str = ""
    """What the page is sorted by, of this face: a distance, a subject."""

    @property
    def position(self) -> int:
        return self.face.position

    @property
    def own_words(self) -> str:
        """The coder's own state in a word or two."""
        if self.noise:
            return str(_("noise"))
        if self.kept and not self.marks:
            return str(_("kept"))
        if len(self.marks) == 1:
            return self.marks[0].own_word
        return " ".join(f"{mark.coded.au}{CODE_SIGNS[mark.own]}" for mark in self.marks)

    @property
    def decided(self) -> bool:
        return self.noise or all(mark.own != "-" for mark in self.marks)

    @property
    def state(self) -> str:
        """One word for the overlay: noise, kept, unscorable, relabelled, confirmed, coded or nothing."""
        if self.noise:
            return "noise"
        if self.kept and not self.marks:
            return "kept"
        if not self.marks or any(mark.own == "-" for mark in self.marks):
            return ""
        if all(mark.own == "u" for mark in self.marks):
            return "unscorable"
        if any(mark.relabelled for mark in self.marks):
            return "relabelled"
        return "confirmed" if all(mark.confirmed for mark in self.marks) else "coded"


def tiles_alike(tiles: Sequence[Tile]) -> list[list[Tile]]:
    """The tiles in groups that look the same but for their face: an answer about thousands is short."""
    groups: dict[tuple[str, str, str], list[Tile]] = {}
    for tile in tiles:
        groups.setdefault((tile.state, tile.token, tile.own_words), []).append(tile)
    return list(groups.values())


def tiles_make(
    dataset: DataSet,
    user: User,
    positions: NDArray[np.int64],
    aus: Sequence[CodedAU],
    *,
    run: ClusterRun | None = None,
    weak: LabelLayer | None = None,
) -> list[Tile]:
    """Tiles with the user's own codes and, where given, the run's proposals and the weak codes."""
    faces = shots_at(dataset, positions.tolist())
    positions = np.array([position for position in positions.tolist() if position in faces], np.int64)
    ids = [faces[position].pk for position in positions.tolist()]
    bits = [coded.bit for coded in aus]
    layer = coder_layer(dataset, user)
    own = layer_codes(layer, ids) if layer else empty_codes(len(ids))
    tokens = state_tokens(own, bits)
    weak_tokens = state_tokens(codes_at(weak, positions), bits) if weak else None
    proposed, shares = run_proposals(run, positions, aus) if run else (None, None)
    cuts = [run_cut(run, coded.au) if run else None for coded in aus]
    letters = np.array(["", "a", "p"])
    marks_of = letters[proposed + 1].tolist() if proposed is not None else None
    shares_of = shares.astype(float).tolist() if shares is not None else None
    tiles = []
    for row, position in enumerate(positions.tolist()):
        marks = [
            Mark(
                coded=coded,
                own=tokens[row][place],
                weak=weak_tokens[row][place] if weak_tokens else "",
                proposal=marks_of[row][place] if marks_of else "",
                probability=_share(shares_of[row][place]) if shares_of else None,
                cut=cuts[place],
            )
            for place, coded in enumerate(aus)
        ]
        tiles.append(Tile(faces[position], marks, tokens[row], bool(own.noise[row])))
    return tiles


def _share(value: float) -> float | None:
    return None if np.isnan(value) else value


def empty_codes(count: int) -> LayerCodes:
    """The codes of a layer that isn't there yet."""
    masks = np.zeros((3, count), np.int64)
    return LayerCodes(masks[0], masks[1], masks[2], np.zeros(count, bool), {})
