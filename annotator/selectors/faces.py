"""One face: every layer's codes that the viewer may see, its neighbours, its history."""

from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from annotator.choices import Role
from annotator.errors import NotFound
from annotator.facs import au_label, pairs_unlikely
from annotator.models import CodedAU, DataSet, Decision, Face, LabelLayer, Member
from annotator.selectors.arrays import array_read
from annotator.selectors.clusters import empty_codes
from annotator.selectors.codes import coded_aus, is_blind, layer_codes, layers_visible_to
from annotator.selectors.review import DecisionLine, coder_layer, decision_lines, decisions_of, state_tokens

BESIDE = 5
"""Frames shown on each side of a frame."""
OTHERS = 12
HISTORY = 50


@dataclass(frozen=True)
class Cell:
    """One layer's word on one AU: a letter as in state tokens, and a probability where there is one."""

    code: str
    probability: float | None


@dataclass(frozen=True)
class Row:
    """One AU on the face page."""

    coded: CodedAU
    own: str
    token: str
    cells: list[Cell]


@dataclass(frozen=True)
class FacePage:
    """What the viewer may see of a face."""

    face: Face
    blind: bool
    layers: list[LabelLayer]
    """Those that say anything about this face."""
    rows: list[Row]
    noise: bool
    noise_by: list[LabelLayer]
    warnings: list[str]
    strip: list[Face]
    """Frames of the clip around this one, itself included."""
    others: list[Face]
    """Other faces of the subject, of other clips."""
    before: Face | None
    after: Face | None
    history: list[DecisionLine]
    show_role: bool
    show_split: bool


def face_get(dataset: DataSet, position: int) -> Face:
    """The face at a position of the data set; NotFound otherwise."""
    faces = Face.objects.select_related("subject", "clip", "dataset")
    face = faces.filter(dataset=dataset, position=position).first()
    if face is None:
        raise NotFound(_("There is no such face in this data set."))
    return face


def face_page(face: Face, user: User, member: Member) -> FacePage:
    """The face page for this member; blind, only the picture and the viewer's own codes."""
    dataset = face.dataset
    blind = is_blind(user, dataset)
    aus = coded_aus(dataset)
    bits = [coded.bit for coded in aus]
    own_layer = coder_layer(dataset, user)
    own = layer_codes(own_layer, [face.pk]) if own_layer else empty_codes(1)
    token = state_tokens(own, bits)[0]
    layers, columns, noise_by = [], [], []
    for layer in layers_visible_to(user, dataset):
        if layer.user_id == user.pk:
            continue
        rows = layer_codes(layer, [face.pk])
        cells = _cells(layer, face, state_tokens(rows, bits)[0], bits)
        if any(cell.code != "-" or cell.probability is not None for cell in cells):
            layers.append(layer)
            columns.append(cells)
        if rows.noise[0]:
            noise_by.append(layer)
    strip = _strip(face)
    place = next((number for number, one in enumerate(strip) if one.pk == face.pk), 0)
    return FacePage(
        face=face,
        blind=blind,
        layers=layers,
        rows=[
            Row(coded, token[place], token[place] + token[len(aus) :], [column[place] for column in columns])
            for place, coded in enumerate(aus)
        ],
        noise=bool(own.noise[0]),
        noise_by=noise_by,
        warnings=_warnings(aus, token),
        strip=strip if len(strip) > 1 else [],
        others=_others(face),
        before=strip[place - 1] if place > 0 else None,
        after=strip[place + 1] if place + 1 < len(strip) else None,
        history=decision_lines(dataset, face_history(dataset, user, face), user),
        show_role=member.role == Role.ADMIN,
        show_split=member.role != Role.CODER and not blind,
    )


def face_history(dataset: DataSet, viewer: User, face: Face) -> list[Decision]:
    """The latest decisions on a face that the viewer may read, newest first."""
    return list(decisions_of(dataset, viewer, face=face)[:HISTORY])


def _cells(layer: LabelLayer, face: Face, token: str, bits: list[int]) -> list[Cell]:
    shares = np.full(len(bits), np.nan)
    if layer.probabilities is not None:
        values = array_read(layer.probabilities)
        if face.position < len(values):
            shares = np.asarray(values[face.position, bits], float)
    return [Cell(token[place], None if np.isnan(share) else float(share)) for place, share in enumerate(shares)]


def _warnings(aus: list[CodedAU], token: str) -> list[str]:
    """Pairs that the coder has present and that seldom go together: asked about, never forbidden."""
    present = [coded.au for coded, letter in zip(aus, token, strict=False) if letter == "p"]
    return [
        _("%(one)s with %(other)s is rare: is it so?") % {"one": au_label(one), "other": au_label(other)}
        for one, other in pairs_unlikely(present)
    ]


def _strip(face: Face) -> list[Face]:
    """The frames before and after, and the face itself, in the order of frames."""
    if face.clip_id is None or face.frame is None:
        return [face]
    clip = Face.objects.filter(clip_id=face.clip_id, frame__isnull=False)
    before = list(clip.filter(frame__lt=face.frame).order_by("-frame", "-position")[:BESIDE])
    after = list(clip.filter(frame__gt=face.frame).order_by("frame", "position")[:BESIDE])
    return [*reversed(before), face, *after]


def _others(face: Face) -> list[Face]:
    """Other pictures of the same subject, nearest in position first shown in order."""
    if face.subject_id is None:
        return []
    others = Face.objects.filter(subject_id=face.subject_id).exclude(pk=face.pk)
    if face.clip_id is not None:
        others = others.exclude(clip_id=face.clip_id)
    return list(others.order_by("position")[:OTHERS])
