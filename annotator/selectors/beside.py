"""What lies beside a cluster under review: the nearest cluster, and faces on which the AU is sure.

A test face is never an example: its reference code is for reporting only. Nothing here is for blind eyes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from django.contrib.auth.models import User
from django.db.models import F, Q
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import FaceRole, LayerKind
from annotator.masks import ABSENT, PRESENT
from annotator.models import Assignment, Cluster, ClusterRun, CodedAU, Face, Label, LabelLayer
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.codes import blind_refuse, coded_aus, layers_visible_to
from annotator.selectors.effective import SOURCES, effective_codes
from annotator.selectors.memberships import cluster_positions
from annotator.selectors.middles import cluster_nearest, middle_distances
from annotator.selectors.review import cluster_aus, coders_needed
from annotator.selectors.run_hints import run_cut
from annotator.selectors.tiles import faces_at, run_proposals

SHOWN = 8
"""Examples of each kind, and faces of the nearest cluster."""
OF_ONE_PERSON = 2
"""Examples of one subject at most."""
LOOKED_AT = 400
"""Coded rows, and faces at each end of the probabilities, that examples are picked from."""
CERTAIN = (LayerKind.CONSENSUS, LayerKind.CODER, LayerKind.REFERENCE)
KEPT = 64


@dataclass(frozen=True)
class Example:
    """A face on which the AU's code is sure, and why."""

    face: Face
    why: str


@dataclass(frozen=True)
class Examples:
    """Sure faces of one AU."""

    coded: CodedAU
    positives: list[Example]
    negatives: list[Example]

    @property
    def positives_why(self) -> str:
        """Why all of them are sure, where it is for one reason."""
        return _one_reason(self.positives)

    @property
    def negatives_why(self) -> str:
        return _one_reason(self.negatives)


@dataclass(frozen=True)
class Nearest:
    """The cluster whose middle is nearest, with the faces nearest to that middle."""

    cluster: Cluster
    distance: float
    proposal: str
    """p, a, or nothing where it has several AUs or none is proposed."""
    faces: list[Face]


@dataclass(frozen=True)
class Beside:
    nearest: Nearest | None
    examples: list[Examples]


def cluster_beside(cluster: Cluster, user: User, assignment: Assignment | None = None) -> Beside:
    """The nearest cluster and the sure faces of each AU of this one. NotAllowed while the user codes blind."""
    blind_refuse(user, cluster.run.dataset)
    aus = coded_aus(cluster.run.dataset, assignment.aus if assignment else cluster_aus(cluster) or cluster.aus)
    visible = [layer for layer in layers_visible_to(user, cluster.run.dataset, assignment) if layer.kind in CERTAIN]
    own = cluster_positions(cluster)
    return Beside(_nearest(cluster, aus), [au_examples(cluster.run, coded, visible, leave_out=own) for coded in aus])


def _nearest(cluster: Cluster, aus: Sequence[CodedAU]) -> Nearest | None:
    found = cluster_nearest(cluster)
    if found is None:
        return None
    other, distance = found
    other.run = cluster.run
    positions = cluster_positions(other)
    positions = positions[np.argsort(middle_distances(other, positions), kind="stable")]
    codes, _shares = run_proposals(cluster.run, positions, aus)
    present, absent = int((codes == PRESENT).sum()), int((codes == ABSENT).sum())
    proposal = "" if len(aus) != 1 or not present + absent else "p" if present >= absent else "a"
    faces = faces_at(cluster.run.dataset, positions[: 4 * SHOWN].tolist())
    ordered = [faces[position] for position in positions[: 4 * SHOWN].tolist() if position in faces]
    return Nearest(other, distance, proposal, _people(ordered, SHOWN))


def au_examples(
    run: ClusterRun, coded: CodedAU, visible: Sequence[LabelLayer], *, leave_out: NDArray[np.int64]
) -> Examples:
    """Faces on which this AU is surely present, and surely absent: those coded so by a consensus, by as
    many coders as the protocol asks for, or by a reference layer, out of the layers given; then those
    whose probability lies farthest from the run's cut. Faces at `leave_out`, test faces, noise and faces
    that a code contradicts are none."""
    run_column = run.aus.index(coded.au) if coded.au in run.aus else -1
    likely = np.zeros(0, np.float16)
    ends = [np.zeros(0, np.int64)] * 2
    if run.probabilities is not None and run_column >= 0:
        likely = array_read(run.probabilities)
        ends = list(_ends_kept(run.pk, run_column, run.probabilities.sha256))
    pools = [_coded_positions(visible, coded, present=present) for present in (True, False)]
    wanted = np.setdiff1d(np.unique(np.concatenate([*pools, *ends])), leave_out)
    faces = {
        position: face
        for position, face in faces_at(run.dataset, wanted.tolist()).items()
        if face.role != FaceRole.TEST
    }
    positions = np.array(sorted(faces), np.int64)
    told = effective_codes(
        run.dataset,
        visible,
        [faces[position].pk for position in positions.tolist()],
        [coded],
        accept_proposals=False,
        coders_needed=coders_needed(run.dataset),
    )
    shares = values_at(likely[:, run_column], positions, np.nan) if len(likely) else np.full(len(positions), np.nan)
    shares = shares.astype(np.float64)
    usable = ~told.noise & (told.ended[:, 0] == 0)
    picked = []
    for code, end in ((PRESENT, ends[0]), (ABSENT, ends[1])):
        towards = shares if code == PRESENT else -shares
        towards = np.where(np.isnan(towards), -np.inf, towards)
        certain = usable & (told.codes[:, 0] == code)
        machine = usable & (told.codes[:, 0] < 0) & np.isin(positions, end)
        rows = np.flatnonzero(certain | machine)
        rows = rows[np.lexsort((positions[rows], -towards[rows], ~certain[rows]))]
        why = {
            int(positions[row]): _why(int(told.source[row, 0]) if certain[row] else 0, float(shares[row]))
            for row in rows.tolist()
        }
        people = _people((faces[int(positions[row])] for row in rows.tolist()), SHOWN)
        picked.append([Example(face, why[face.position]) for face in people])
    return Examples(coded, picked[0], picked[1])


def _one_reason(examples: Sequence[Example]) -> str:
    reasons = {example.why for example in examples}
    return reasons.pop() if len(reasons) == 1 else ""


def _why(source: int, share: float) -> str:
    words = {"consensus": _("consensus"), "coder": _("coded"), "reference": _("reference")}
    return words.get(SOURCES[source]) or f"{share * 100:.0f}%"


def _people(faces: Iterable[Face], limit: int) -> list[Face]:
    """The first faces, of different people as long as there are any: a second face of a person only
    where there are no others, and never a third."""
    rounds: list[list[Face]] = [[] for _round in range(OF_ONE_PERSON)]
    met: dict[int, int] = {}
    for face in faces:
        times = 0 if face.subject_id is None else met.get(face.subject_id, 0)
        if times < OF_ONE_PERSON:
            rounds[times].append(face)
        if face.subject_id is not None:
            met[face.subject_id] = times + 1
    return [face for one in rounds for face in one][:limit]


def _coded_positions(layers: Sequence[LabelLayer], coded: CodedAU, *, present: bool) -> NDArray[np.int64]:
    """Up to LOOKED_AT positions with this code in each of the layers."""
    found: list[int] = []
    for layer in layers:
        rows = Label.objects.filter(layer=layer, noise=False).exclude(face__role=FaceRole.TEST)
        rows = rows.annotate(scored_bit=F("scored").bitand(coded.mask), present_bit=F("present").bitand(coded.mask))
        rows = rows.exclude(scored_bit=0).filter(~Q(present_bit=0) if present else Q(present_bit=0))
        found += rows.order_by("pk").values_list("face__position", flat=True)[:LOOKED_AT]
    return np.array(found, np.int64)


@lru_cache(maxsize=KEPT)
def _ends_kept(run_id: int, column: int, sha256: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The faces whose probability is highest, and lowest, where that is sure: more than half of the way
    from the run's cut to 1, and to 0. The checksum is there for the cache, as in selectors.middles."""
    run = ClusterRun.objects.select_related("probabilities", "membership").get(pk=run_id)
    assert run.probabilities is not None
    shares = np.asarray(array_read(run.probabilities)[:, column], np.float32)
    if run.membership is not None:
        place = next(number for number, aus in enumerate(run.partitions) if run.aus[column] in aus)
        shares = np.where(array_read(run.membership)[:, place] > 0, shares, np.nan)
    cut = run_cut(run, run.aus[column])
    cut = 0.5 if cut is None else cut
    return _ends(shares, cut)


def _ends(shares: NDArray[np.float32], cut: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    high = np.flatnonzero(shares > (1 + cut) / 2)
    low = np.flatnonzero(shares < cut / 2)
    high = high[np.argsort(-shares[high], kind="stable")[:LOOKED_AT]]
    low = low[np.argsort(shares[low], kind="stable")[:LOOKED_AT]]
    return high, low
