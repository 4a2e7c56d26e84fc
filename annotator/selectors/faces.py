"""One face: every layer's codes that the viewer may see, its clip, its subject, its history."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import Coding, Intensity, Laterality, LayerKind, Role
from annotator.errors import NotFound
from annotator.models import ClusterRun, CodedAU, DataSet, Face, LabelLayer, Member, Protocol
from annotator.selectors.arrays import array_read
from annotator.selectors.clips import Strip, strip_of
from annotator.selectors.codes import LayerCodes, coded_aus, is_blind, layer_codes, layers_visible_to, sides_of
from annotator.selectors.events import Lane, ShownEvent, events_of_clip, lanes_of
from annotator.selectors.face_history import FaceHistory, face_history
from annotator.selectors.grades import grade_words
from annotator.selectors.review import coder_layer, state_tokens
from annotator.selectors.tiles import empty_codes

OTHERS = 12


@dataclass(frozen=True)
class Cell:
    """One layer's word on one AU: a letter as in state tokens, an intensity in words, and a probability
    where there is one."""

    code: str
    grade: str
    probability: float | None


@dataclass(frozen=True)
class Row:
    """One AU on the face page."""

    coded: CodedAU
    own: str
    token: str
    left: int
    """The viewer's own levels of the subject's left and right (choices.Intensity)."""
    right: int
    cells: list[Cell]

    @property
    def grade(self) -> str:
        return grade_words(self.left, self.right)

    @property
    def seen(self) -> str:
        """The levels as the page sends them back."""
        return f"{self.left}.{self.right}"


@dataclass(frozen=True)
class FacePanel:
    """What changes from frame to frame and with each decision."""

    face: Face
    blind: bool
    protocol: Protocol
    layers: list[LabelLayer]
    """Those that say anything about this face."""
    rows: list[Row]
    noise: bool
    noise_by: list[LabelLayer]
    history: FaceHistory
    events: list[ShownEvent]
    lanes: list[Lane]
    show_role: bool
    show_split: bool

    @property
    def own_events(self) -> list[ShownEvent]:
        return [shown for shown in self.events if shown.own]

    @property
    def graded(self) -> bool:
        return self.protocol.coding == Coding.INTENSITY

    @property
    def sided(self) -> bool:
        return self.protocol.laterality == Laterality.SIDES


@dataclass(frozen=True)
class Surroundings:
    """What stands beside the face and is the same for all frames nearby."""

    strip: Strip | None
    others: list[Face]
    """Other faces of the subject, of other clips."""


def face_get(dataset: DataSet, position: int) -> Face:
    """The face at a position of the data set; NotFound otherwise."""
    faces = Face.objects.select_related("subject__neutral", "clip")
    # An address may name a number that no database's integer holds.
    face = faces.filter(dataset=dataset, position=position).first() if position < 2**63 else None
    if face is None:
        raise NotFound(_("There is no such face in this data set."))
    face.dataset = dataset
    if face.clip is not None:
        face.clip.dataset = dataset
    # Everything on the page goes by the AU list: it is read once.
    prefetch_related_objects([dataset], "coded_aus")
    return face


def face_panel(face: Face, user: User, member: Member, *, history: int = 1) -> FacePanel:
    """The codes, events and history of a face for this member; blind, only the viewer's own."""
    dataset = face.dataset
    blind = is_blind(user, dataset)
    aus = coded_aus(dataset)
    bits = [coded.bit for coded in aus]
    own_layer = coder_layer(dataset, user)
    own = layer_codes(own_layer, [face.pk]) if own_layer else empty_codes(1)
    token = state_tokens(own, bits)[0]
    visible = layers_visible_to(user, dataset)
    layers, columns, noise_by = _layers_told(face, user, visible, aus)
    events = events_of_clip(user, face.clip, visible) if face.clip else []
    return FacePanel(
        face=face,
        blind=blind,
        protocol=dataset.protocols.latest("version"),
        layers=layers,
        rows=[
            Row(
                coded,
                token[place],
                token[place] + token[len(aus) :],
                *sides_of(own, 0, coded.bit),
                [column[place] for column in columns],
            )
            for place, coded in enumerate(aus)
        ],
        noise=bool(own.noise[0]),
        noise_by=noise_by,
        history=face_history(dataset, user, face, history),
        events=events,
        lanes=lanes_of(events),
        show_role=member.role == Role.ADMIN,
        show_split=member.role != Role.CODER and not blind,
    )


def surroundings_of(face: Face) -> Surroundings:
    """The film strip and the subject's other faces."""
    return Surroundings(strip_of(face), _others(face))


def _layers_told(
    face: Face, user: User, visible: Sequence[LabelLayer], aus: list[CodedAU]
) -> tuple[list[LabelLayer], list[list[Cell]], list[LabelLayer]]:
    """The visible layers that say anything about the face with their cells, and those that set it apart."""
    bits = [coded.bit for coded in aus]
    layers, columns, noise_by = [], [], []
    for layer in visible:
        if layer.kind == LayerKind.CODER and layer.user_id == user.pk:
            continue
        rows = layer_codes(layer, [face.pk])
        shares = _proposal_shares(face, aus) if layer.kind == LayerKind.PROPOSAL else _shares(layer, face, bits)
        cells = _cells(rows, bits, shares)
        if any(cell.code != "-" or cell.grade or cell.probability is not None for cell in cells):
            layers.append(layer)
            columns.append(cells)
        if rows.noise[0]:
            noise_by.append(layer)
    return layers, columns, noise_by


def _shares(layer: LabelLayer, face: Face, bits: list[int]) -> NDArray[np.float64]:
    """(A,) the layer's probabilities of the face, NaN where there is none."""
    if layer.probabilities is not None:
        values = array_read(layer.probabilities)
        if face.position < len(values):
            return np.asarray(values[face.position, bits], float)
    return np.full(len(bits), np.nan)


def _proposal_shares(face: Face, aus: list[CodedAU]) -> NDArray[np.float64]:
    """(A,) how probable the adopted runs hold each AU on the face, NaN where none tells."""
    shares = np.full(len(aus), np.nan)
    runs = ClusterRun.objects.filter(dataset=face.dataset, adopted_at__isnull=False, probabilities__isnull=False)
    for run in runs.select_related("probabilities").order_by("adopted_at", "pk"):
        assert run.probabilities is not None
        values = array_read(run.probabilities)
        for place, coded in enumerate(aus):
            if coded.au in run.adopted_aus and coded.au in run.aus and face.position < len(values):
                shares[place] = values[face.position, run.aus.index(coded.au)]
    return shares


def _cells(rows: LayerCodes, bits: list[int], shares: NDArray[np.float64]) -> list[Cell]:
    token = state_tokens(rows, bits)[0]
    return [
        Cell(token[place], grade_words(*sides_of(rows, 0, bit)), None if np.isnan(share) else float(share))
        for place, (bit, share) in enumerate(zip(bits, shares.tolist(), strict=True))
    ]


def _others(face: Face) -> list[Face]:
    """Other pictures of the same subject, nearest in position first shown in order."""
    if face.subject_id is None:
        return []
    others = Face.objects.filter(subject_id=face.subject_id).exclude(pk=face.pk)
    if face.clip_id is not None:
        others = others.exclude(clip_id=face.clip_id)
    return list(others.order_by("position")[:OTHERS])


LEVELS = [(level.value, level.name, level.label) for level in list(Intensity)[1:6]]
"""The grades as buttons: (1, “A”, “A trace”) …"""
