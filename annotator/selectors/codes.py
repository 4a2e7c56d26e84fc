"""The one door through which codes are read.

Pages, API, exports and map ask `layers_visible_to` which layers may be shown, and read rows only
through the functions here. A blind assignment shows nothing but the coder's own codes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import AssignmentState, Intensity, LayerKind, Mode, Role
from annotator.errors import NotAllowed
from annotator.masks import bits_of, codes_unpack
from annotator.models import Assignment, CodedAU, DataSet, Face, Label, LabelLayer, Member

CHUNK = 5_000
"""Rows of faces that are in memory at once."""

LAYER_ORDER = {
    kind: place
    for place, kind in enumerate(
        [
            LayerKind.CONSENSUS,
            LayerKind.CODER,
            LayerKind.REFERENCE,
            LayerKind.PROPOSAL,
            LayerKind.PREDICTION,
            LayerKind.WEAK,
        ]
    )
}


def layers_visible_to(user: User, dataset: DataSet, assignment: Assignment | None = None) -> list[LabelLayer]:
    """The layers whose codes this user may see now, most trusted first.

    Admins, adjudicators and analysts see every layer, coders all but other coders'. In a blind
    assignment, and for a coder who has a blind one open and looks around freely, only the
    coder's own layer is left.
    """
    member = Member.objects.filter(dataset=dataset, user=user).first()
    if member is None:
        return []
    layers = LabelLayer.objects.filter(dataset=dataset).select_related("user", "detector", "probabilities")
    own = Q(kind=LayerKind.CODER, user=user)
    if is_blind(user, dataset, assignment):
        layers = layers.filter(own)
    elif member.role == Role.CODER:
        layers = layers.filter(own | ~Q(kind=LayerKind.CODER))
    return sorted(layers, key=lambda layer: (LAYER_ORDER[LayerKind(layer.kind)], layer.pk))


def is_blind(user: User, dataset: DataSet, assignment: Assignment | None = None) -> bool:
    """Whether the user must not see machine codes, cluster names or others' codes now."""
    if assignment is not None:
        return assignment.mode == Mode.BLIND
    return Assignment.objects.filter(
        dataset=dataset, coder=user, mode=Mode.BLIND, state=AssignmentState.OPEN
    ).exists()


def blind_refuse(user: User, dataset: DataSet) -> None:
    """Raise NotAllowed while the user has a blind assignment open, which what is asked for would undo."""
    if is_blind(user, dataset):
        raise NotAllowed(
            _(
                "You have a blind assignment open: other people's codes and all that machines made of them "
                "stay hidden until it is done or released."
            )
        )


@dataclass(frozen=True)
class LayerCodes:
    """One layer's rows for N faces, in the faces' order; faces without a row hold zeros."""

    present: NDArray[np.int64]
    scored: NDArray[np.int64]
    unscorable: NDArray[np.int64]
    noise: NDArray[np.bool_]
    intensities: dict[int, bytes]
    """Packed intensities by row, only where there are any."""

    def codes(self, bits: Sequence[int]) -> NDArray[np.int8]:
        """(N, len(bits)): 1 present, 0 absent, −1 not scored, −2 unscorable."""
        return codes_unpack(self.present, self.scored, self.unscorable, bits)


def sides_of(rows: LayerCodes, row: int, bit: int) -> tuple[int, int]:
    """(left, right) intensities of one AU in one row, as annotator.choices.Intensity."""
    packed = rows.intensities.get(row)
    if packed is None:
        return int(Intensity.NOT_SCORED), int(Intensity.NOT_SCORED)
    return packed[bit] >> 4, packed[bit] & 15


def face_ids(dataset: DataSet, positions: NDArray[np.int64]) -> list[int]:
    """Face ids in the order of the positions; −1 for a withdrawn face."""
    found = Face.objects.filter(dataset=dataset, position__among=positions.tolist())
    ids = dict(found.values_list("position", "pk"))
    return [ids.get(position, -1) for position in positions.tolist()]


def layer_codes(layer: LabelLayer, face_ids: Sequence[int]) -> LayerCodes:
    """The layer's codes of these faces, (N,) each, in their order."""
    place = {face_id: row for row, face_id in enumerate(face_ids)}
    masks = np.zeros((3, len(face_ids)), dtype=np.int64)
    noise = np.zeros(len(face_ids), dtype=bool)
    intensities: dict[int, bytes] = {}
    labels = Label.objects.filter(layer=layer).order_by()
    codes = labels.values_list("face_id", "present", "scored", "unscorable", "noise", "intensities")
    for start in range(0, len(face_ids), CHUNK):
        asked = np.array(face_ids[start : start + CHUNK], np.int64)
        found = list(codes.filter(face_id__among=asked))
        if not found:
            continue
        ids, *columns, marks, packed = zip(*found, strict=True)
        rows = [place[face_id] for face_id in ids]
        masks[:, rows] = columns
        noise[rows] = marks
        intensities.update((row, bytes(one)) for row, one in zip(rows, packed, strict=True) if one is not None)
    return LayerCodes(masks[0], masks[1], masks[2], noise, intensities)


def coded_aus(dataset: DataSet, mask: int | None = None) -> list[CodedAU]:
    """The AUs on the data set's list, in its order; with `mask` only those whose bit is set."""
    listed = [coded for coded in dataset.coded_aus.all() if not coded.hidden]
    if mask is None:
        return listed
    bits = set(bits_of(mask))
    return [coded for coded in listed if coded.bit in bits]


def mask_of_aus(dataset: DataSet, aus: Iterable[int]) -> int:
    """The mask of these AU numbers' bits; AUs the data set doesn't have are left out."""
    wanted = set(aus)
    mask = 0
    for coded in dataset.coded_aus.all():
        if coded.au in wanted:
            mask |= coded.mask
    return mask
