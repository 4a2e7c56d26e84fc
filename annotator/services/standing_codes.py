"""What a coder's codes are once a decision is undone or done again: those of the decisions that stand.

A face's codes are what its decisions say one after another, each where it says something, without those
that are undone. So an undo never overwrites a later decision, never brings back what was itself undone,
and all undos together, in whatever order, lead back to the start. Nothing here writes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from annotator.choices import DecisionKind
from annotator.models import Decision, DecisionFace, LabelLayer
from annotator.selectors.codes import LayerCodes, layer_codes
from annotator.selectors.review import undo_depth, undone_of
from annotator.services.decision_codes import sides_back, sides_changed

Codes = tuple[int, int, int, bool, bytes | None]
"""Present, scored, unscorable, noise and packed intensities of one face."""
COLUMNS = ("present", "scored", "unscorable", "noise", "intensities")
FIELDS = (
    "face_id",
    "decision_id",
    "decision__kind",
    "decision__aus",
    *(f"old_{name}" for name in COLUMNS),
    *(f"new_{name}" for name in COLUMNS),
)


@dataclass(frozen=True)
class _Said:
    """One decision's word on one face."""

    decision_id: int
    bits: int
    """The AUs it says something about."""
    on_noise: bool
    old: Codes
    new: Codes


def codes_turned(decision: Decision, layer: LabelLayer) -> tuple[list[int], LayerCodes, LayerCodes]:
    """The faces whose codes change when this decision is undone (or, being an undo, is taken back), with
    their codes now and then. Only the AUs, and the noise mark, that it speaks of are looked at."""
    root, stands = decision, undo_depth(decision) % 2 == 1
    while root.undoes is not None:
        root = root.undoes
    told = _told(root, layer)
    undone = undone_of({said.decision_id for words in told.values() for said in words})
    undone = undone - {root.pk} if stands else undone | {root.pk}
    face_ids = list(told)
    now = layer_codes(layer, face_ids)
    kept: list[int] = []
    back: list[Codes] = []
    for place, words in enumerate(told.values()):
        here = _row(now, place)
        then = _standing(words, undone, root.pk, here)
        if then != here:
            kept.append(place)
            back.append(then)
    return [face_ids[place] for place in kept], _codes(_row(now, place) for place in kept), _codes(back)


def _told(root: Decision, layer: LabelLayer) -> dict[int, list[_Said]]:
    """All that the coder's decisions say of this decision's faces, undone ones included, oldest first."""
    told: dict[int, list[_Said]] = {face: [] for face in root.faces.order_by("pk").values_list("face_id", flat=True)}
    rows = DecisionFace.objects.filter(
        face_id__in=root.faces.values("face_id"),
        decision__user=layer.user,
        decision__dataset=layer.dataset_id,
        decision__undoes=None,
    )
    for face_id, decision_id, kind, aus, *codes in rows.order_by("decision_id").values_list(*FIELDS):
        old, new = _packed(codes[:5]), _packed(codes[5:])
        told[face_id].append(
            _Said(decision_id, _bits(kind, aus, old, new), _speaks_of_noise(kind, old, new), old, new)
        )
    return told


def _packed(codes: list[object]) -> Codes:
    present, scored, unscorable, noise, sides = codes
    return (int(present), int(scored), int(unscorable), bool(noise), bytes(sides) if sides is not None else None)  # type: ignore[call-overload]


def _bits(kind: str, aus: int, old: Codes, new: Codes) -> int:
    """The AUs that a decision speaks of on a face: where it changed something, and all that it was made
    for, also where the code was that one already. A confirmation of several AUs passes over those without
    a proposal, so of it only the changes are sure."""
    changed = (old[0] ^ new[0]) | (old[1] ^ new[1]) | (old[2] ^ new[2]) | sides_changed(old[4], new[4])
    if kind == DecisionKind.NOISE or (kind == DecisionKind.CONFIRM and aus & (aus - 1)):
        return changed
    return changed | aus


def _speaks_of_noise(kind: str, old: Codes, new: Codes) -> bool:
    return kind == DecisionKind.NOISE or old[3] != new[3]


def _standing(words: list[_Said], undone: set[int], root: int, here: Codes) -> Codes:
    """The face's codes by the decisions that stand, in what the decision `root` speaks of."""
    about = next(said for said in words if said.decision_id == root)
    codes, fresh, noise_fresh = here, about.bits, about.on_noise
    for said in words:
        # Before the first word on an AU the codes are what that word found.
        codes = _put(codes, said.old, said.bits & fresh, said.on_noise and noise_fresh)
        fresh &= ~said.bits
        noise_fresh = noise_fresh and not said.on_noise
        if said.decision_id not in undone:
            codes = _put(codes, said.new, said.bits & about.bits, said.on_noise and about.on_noise)
    return codes


def _put(codes: Codes, other: Codes, bits: int, noise: bool) -> Codes:
    """The codes with these AU bits, and the noise mark, of the other's."""
    if not bits:
        return (*codes[:3], other[3] if noise else codes[3], codes[4])
    present, scored, unscorable = (one & ~bits | two & bits for one, two in zip(codes[:3], other[:3], strict=True))
    return (present, scored, unscorable, other[3] if noise else codes[3], sides_back(codes[4], other[4], bits))


def _row(codes: LayerCodes, place: int) -> Codes:
    masks = (int(codes.present[place]), int(codes.scored[place]), int(codes.unscorable[place]))
    return (*masks, bool(codes.noise[place]), codes.intensities.get(place))


def _codes(rows: Iterable[Codes]) -> LayerCodes:
    columns = list(zip(*rows, strict=True)) or [()] * 5
    return LayerCodes(
        np.array(columns[0], np.int64),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int64),
        np.array(columns[3], bool),
        {row: packed for row, packed in enumerate(columns[4]) if packed is not None},
    )
