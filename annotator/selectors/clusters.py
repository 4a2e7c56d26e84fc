"""The cluster under review: its faces, what machines say of each AU, the coder's own state."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from annotator.errors import NotFound
from annotator.masks import ABSENT, NOT_SCORED, PRESENT
from annotator.models import Assignment, Cluster, ClusterRun, CodedAU, DataSet, Face, LabelLayer
from annotator.selectors.arrays import array_read
from annotator.selectors.codes import (
    CHUNK,
    LayerCodes,
    coded_aus,
    is_blind,
    layer_codes,
    layers_visible_to,
)
from annotator.selectors.review import CODE_SIGNS, CODE_WORDS, cluster_aus, coder_layer, state_tokens
from annotator.selectors.run_hints import cluster_odd, run_cut

PAGE = 5_000
"""Faces on one page of a cluster, and so in one decision about all of them."""


def cluster_get(dataset: DataSet, cluster_id: int) -> Cluster:
    """The cluster of a finished run of this data set; NotFound otherwise."""
    cluster = (
        Cluster.objects.select_related("run__dataset", "run__weak_layer", "run__membership")
        .filter(pk=cluster_id, run__dataset=dataset, run__finished_at__isnull=False)
        .first()
    )
    if cluster is None:
        raise NotFound(_("There is no such cluster."))
    return cluster


def cluster_positions(cluster: Cluster) -> NDArray[np.int64]:
    """The positions of a cluster's faces, ascending, (size,)."""
    if cluster.run.membership is None:
        return np.zeros(0, np.int64)
    membership = array_read(cluster.run.membership)
    positions: NDArray[np.int64] = np.flatnonzero(membership[:, cluster.partition] == cluster.number)
    return positions


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
            codes[:, place] = _column(array_read(run.proposals), positions, column, NOT_SCORED)
        if run.probabilities is not None:
            shares[:, place] = _column(array_read(run.probabilities), positions, column, np.nan)
    return codes, shares


def _column(values: NDArray, positions: NDArray[np.int64], column: int, missing: float) -> NDArray:  # type: ignore[type-arg]
    """One column at these positions; `missing` for faces that came after the array was made."""
    inside = positions < len(values)
    found = np.full(len(positions), missing, values.dtype)
    found[inside] = values[positions[inside], column]
    return found


def faces_at(dataset: DataSet, positions: Sequence[int]) -> dict[int, Face]:
    """The faces at these positions, by position; withdrawn ones are missing."""
    found: dict[int, Face] = {}
    for start in range(0, len(positions), CHUNK):
        chunk = [int(position) for position in positions[start : start + CHUNK]]
        faces = Face.objects.filter(dataset=dataset, position__in=chunk).select_related("subject")
        found.update({face.position: face for face in faces})
    return found


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
    def share_words(self) -> str:
        """What the percentage means: below one half it may well stand beside a proposed “present”."""
        if self.probability is None:
            return ""
        words = _("probability of present %(share)s") % {"share": f"{self.probability * 100:.1f}%"}
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

    face: Face
    marks: list[Mark]
    token: str
    """The coder's own state as shown, sent back with each decision."""
    noise: bool
    reasons: list[str] = field(default_factory=list)
    score: float | None = None
    kept: bool = False
    """The coder looked at it in the noise gallery and kept it."""

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


@dataclass(frozen=True)
class Band:
    """One part of the grid."""

    name: str
    title: str
    tiles: list[Tile]


@dataclass(frozen=True)
class ClusterPage:
    """One page of a cluster's faces as this reviewer may see them."""

    cluster: Cluster
    aus: list[CodedAU]
    bands: list[Band]
    blind: bool
    number: int
    pages: int
    total: int
    proposal: str
    """What the run proposes for most faces: p, a, or nothing when blind or for several AUs."""
    cut: float | None
    """The probability from which on the run proposes “present”; None like `proposal`."""
    odd: bool
    """The faces are as a whole unlike the run's others, and some are yet to be decided; never blind."""

    @property
    def tiles(self) -> list[Tile]:
        return [tile for band in self.bands for tile in band.tiles]

    @property
    def undecided(self) -> int:
        return sum(not tile.decided for tile in self.tiles)


BANDS = {
    "differ": _("The weak label differs"),
    "missing": _("No weak label"),
    "agree": _("The weak label agrees"),
    "all": _("Faces"),
}


@dataclass(frozen=True)
class Arrangement:
    """Which faces of a cluster are on a page, in which order and band."""

    aus: list[CodedAU]
    blind: bool
    positions: NDArray[np.int64]
    """(faces on the page,) in the order shown."""
    bands: NDArray[np.int8]
    """(faces on the page,): 0 the weak label differs, 1 there is none, 2 it agrees; all 0 when blind."""
    number: int
    pages: int
    total: int


def cluster_arrange(
    cluster: Cluster,
    user: User,
    assignment: Assignment | None = None,
    *,
    number: int = 1,
    ordered: bool = True,
) -> Arrangement:
    """One page of a cluster: faces whose weak label differs from the proposal first, least certain
    ones first in each band; blind, all in the order of positions, which tells nothing.

    Who only asks which faces are on the page says so by `ordered=False`: a cluster of one page is then
    spared the reading of its weak labels.
    """
    dataset = cluster.run.dataset
    blind = is_blind(user, dataset, assignment)
    aus = coded_aus(dataset, assignment.aus if assignment else cluster_aus(cluster) or cluster.aus)
    positions = cluster_positions(cluster)
    bands = np.zeros(len(positions), np.int8)
    if not blind and (ordered or len(positions) > PAGE):
        bands, certainty = _bands(cluster, user, assignment, positions, aus)
        order = np.lexsort((positions, certainty, bands))
        positions, bands = positions[order], bands[order]
    pages = max(1, -(-len(positions) // PAGE))
    number = min(max(number, 1), pages)
    here = slice((number - 1) * PAGE, number * PAGE)
    return Arrangement(aus, blind, positions[here], bands[here], number, pages, len(positions))


def cluster_page(
    cluster: Cluster, user: User, assignment: Assignment | None = None, *, number: int = 1
) -> ClusterPage:
    """The page of a cluster with all that its reviewer may see; see cluster_arrange for the order."""
    shown = cluster_arrange(cluster, user, assignment, number=number)
    tiles = cluster_tiles(cluster, user, shown.positions, shown.aus, assignment)
    band_of = dict(zip(shown.positions.tolist(), shown.bands.tolist(), strict=True))
    names = ["all"] if shown.blind else ["differ", "missing", "agree"]
    bands = [
        Band(name, str(BANDS[name]), [tile for tile in tiles if band_of[tile.position] == place])
        for place, name in enumerate(names)
    ]
    one = not shown.blind and len(shown.aus) == 1
    odd = not shown.blind and cluster_odd(cluster.run, cluster_positions(cluster))
    return ClusterPage(
        cluster=cluster,
        aus=shown.aus,
        bands=[band for band in bands if band.tiles],
        blind=shown.blind,
        number=shown.number,
        pages=shown.pages,
        total=shown.total,
        proposal=_majority(cluster, shown.positions, shown.aus) if one else "",
        cut=run_cut(cluster.run, shown.aus[0].au) if one else None,
        odd=odd and not all(tile.decided for tile in tiles),
    )


def undecided(dataset: DataSet, user: User, positions: NDArray[np.int64], aus: Sequence[CodedAU]) -> list[int]:
    """Those of the positions on which the user has no code yet for one of the AUs, in their order."""
    layer = coder_layer(dataset, user)
    if layer is None:
        return [int(position) for position in positions]
    tokens = state_tokens(layer_codes(layer, _ids(dataset, positions)), [coded.bit for coded in aus])
    return [
        position
        for position, token in zip(positions.tolist(), tokens, strict=True)
        if "-" in token and not token.endswith("!")
    ]


def _majority(cluster: Cluster, positions: NDArray[np.int64], aus: Sequence[CodedAU]) -> str:
    codes, _shares = run_proposals(cluster.run, positions, aus)
    present, absent = int((codes == PRESENT).sum()), int((codes == ABSENT).sum())
    if not present and not absent:
        return ""
    return "p" if present >= absent else "a"


def _bands(
    cluster: Cluster,
    user: User,
    assignment: Assignment | None,
    positions: NDArray[np.int64],
    aus: Sequence[CodedAU],
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """For each face its band (0 differs, 1 no weak label, 2 agrees) and how far its probability is
    from a toss-up."""
    proposed, shares = run_proposals(cluster.run, positions, aus)
    weak = np.full_like(proposed, NOT_SCORED)
    layer = _weak_layer(cluster, user, assignment)
    if layer is not None:
        found = _ids(cluster.run.dataset, positions)
        rows = layer_codes(layer, found)
        weak = rows.codes([coded.bit for coded in aus])
    differs = ((weak != proposed) & (weak >= 0) & (proposed >= 0)).any(axis=1)
    missing = (weak < 0).all(axis=1)
    bands = np.where(differs, 0, np.where(missing, 1, 2)).astype(np.int8)
    certainty = np.nan_to_num(np.abs(shares - 0.5), nan=1.0).min(axis=1, initial=1.0)
    return bands, certainty.astype(np.float32)


def _ids(dataset: DataSet, positions: NDArray[np.int64]) -> list[int]:
    """Face ids in the order of the positions; −1 for a withdrawn face."""
    ids: dict[int, int] = {}
    for start in range(0, len(positions), CHUNK):
        chunk = positions[start : start + CHUNK].tolist()
        ids.update(Face.objects.filter(dataset=dataset, position__in=chunk).values_list("position", "pk"))
    return [ids.get(position, -1) for position in positions.tolist()]


def _weak_layer(cluster: Cluster, user: User, assignment: Assignment | None) -> LabelLayer | None:
    """The run's weak layer, if this reviewer may see it now."""
    visible = layers_visible_to(user, cluster.run.dataset, assignment)
    return next((layer for layer in visible if layer.pk == cluster.run.weak_layer_id), None)


def cluster_tiles(
    cluster: Cluster,
    user: User,
    positions: NDArray[np.int64] | Sequence[int],
    aus: Sequence[CodedAU],
    assignment: Assignment | None = None,
    *,
    weak: bool = True,
) -> list[Tile]:
    """The faces at these positions, in their order, with what this reviewer may see of them now;
    without weak labels where `weak` is false."""
    blind = is_blind(user, cluster.run.dataset, assignment)
    return tiles_make(
        cluster.run.dataset,
        user,
        np.asarray(positions, np.int64),
        aus,
        run=None if blind else cluster.run,
        weak=None if blind or not weak else _weak_layer(cluster, user, assignment),
    )


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
    faces = faces_at(dataset, positions.tolist())
    positions = np.array([position for position in positions.tolist() if position in faces], np.int64)
    ids = [faces[position].pk for position in positions.tolist()]
    bits = [coded.bit for coded in aus]
    layer = coder_layer(dataset, user)
    own = layer_codes(layer, ids) if layer else empty_codes(len(ids))
    tokens = state_tokens(own, bits)
    weak_tokens = state_tokens(layer_codes(weak, ids), bits) if weak else None
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
