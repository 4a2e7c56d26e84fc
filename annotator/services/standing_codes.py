"""What a coder's codes are once a decision is undone or done again: those of the decisions that stand.

A face's codes are what its decisions say one after another, each where it says something, without those
that are undone. So an undo never overwrites a later decision, never brings back what was itself undone,
and all undos together, in whatever order, lead back to the start. Nothing here writes.
"""

from dataclasses import dataclass

import numpy as np
from django.db.models import Case, Q, When
from numpy.typing import NDArray

from annotator.choices import DecisionKind
from annotator.models import Decision, DecisionFace, LabelLayer
from annotator.selectors.codes import LayerCodes, layer_codes
from annotator.selectors.columns import rows_read
from annotator.selectors.review import undo_depth, undone_of
from annotator.services.decision_codes import sides_back, sides_changed

MASKS = ("present", "scored", "unscorable", "noise")
FIELDS = ("face_id", "decision_id", *(f"old_{name}" for name in MASKS), *(f"new_{name}" for name in MASKS), "sided")
NO_SIDES: tuple[bytes | None, bytes | None] = (None, None)


@dataclass(frozen=True)
class _Words:
    """What W times a decision says something of a face, the oldest first of each face."""

    places: NDArray[np.int64]
    """(W,) the face's place among those asked for."""
    decisions: NDArray[np.int64]
    """(W,)"""
    bits: NDArray[np.int64]
    """(W,) the AUs that it says something about."""
    on_noise: NDArray[np.bool_]
    old: NDArray[np.int64]
    new: NDArray[np.int64]
    """(4, W): present, scored, unscorable, noise before and after."""
    sides: dict[int, tuple[bytes | None, bytes | None]]
    """Packed intensities before and after, by word, where there are any."""

    def in_turn(self) -> list[NDArray[np.int64]]:
        """The first word on each face, the second on each that has one, and so on."""
        words = np.arange(len(self.places))
        firsts = np.searchsorted(self.places, self.places)
        turns = words - firsts
        order = np.argsort(turns, kind="stable")
        return np.split(words[order], np.searchsorted(turns[order], np.arange(1, turns.max(initial=0) + 1)))


def codes_turned(decision: Decision, layer: LabelLayer) -> tuple[list[int], LayerCodes, LayerCodes]:
    """The faces whose codes change when this decision is undone (or, being an undo, is taken back), with
    their codes now and then. Only the AUs, and the noise mark, that it speaks of are looked at."""
    root, stands = decision, undo_depth(decision) % 2 == 1
    while root.undoes is not None:
        root = root.undoes
    face_ids = list(root.faces.order_by("pk").values_list("face_id", flat=True))
    words = _words(layer, face_ids, _since(layer, root))
    undone = undone_of(set(words.decisions.tolist()))
    undone = undone - {root.pk} if stands else undone | {root.pk}
    now = layer_codes(layer, face_ids)
    then = _standing(words, undone, root.pk, now)
    kept = np.flatnonzero(
        (now.present != then.present)
        | (now.scored != then.scored)
        | (now.unscorable != then.unscorable)
        | (now.noise != then.noise)
        | np.array([now.intensities.get(row) != then.intensities.get(row) for row in range(len(face_ids))], bool)
    )
    return [face_ids[row] for row in kept.tolist()], _rows_of(now, kept), _rows_of(then, kept)


def _since(layer: LabelLayer, root: Decision) -> int:
    """The first decision that has to be looked at. What `root` found is what stood before it, unless an earlier
    decision was undone or done again since; then all that was ever said of its faces has to be gone through."""
    later = Decision.objects.filter(dataset=layer.dataset_id, user=layer.user, pk__gt=root.pk, undoes__lt=root.pk)
    return 0 if later.exists() else root.pk


def _words(layer: LabelLayer, face_ids: list[int], since: int) -> _Words:
    """All that the coder's decisions from this one on say of these faces, undone ones included; undos themselves
    say nothing."""
    own = Decision.objects.filter(dataset=layer.dataset_id, user=layer.user, undoes=None, pk__gte=since)
    said = list(own.values_list("pk", flat=True))
    has_sides = Q(old_intensities__isnull=False) | Q(new_intensities__isnull=False)
    told = DecisionFace.objects.filter(face_id__among=face_ids, decision_id__among=said).order_by()
    batches = list(rows_read(told.annotate(sided=Case(When(has_sides, then=1), default=0)).values_list(*FIELDS)))
    rows = np.concatenate(batches) if batches else np.zeros((0, len(FIELDS)), np.int64)
    order = np.argsort(face_ids)
    places = order[np.searchsorted(np.array(face_ids, np.int64)[order], rows[:, 0])]
    by_face = np.lexsort((rows[:, 1], places))
    rows, places = rows[by_face], places[by_face]
    decisions, old, new = rows[:, 1], rows[:, 2:6].T, rows[:, 6:10].T

    sides: dict[int, tuple[bytes | None, bytes | None]] = {}
    if len(sided := np.flatnonzero(rows[:, 10])):
        word_of = dict(zip(map(tuple, rows[sided, :2].tolist()), sided.tolist(), strict=True))
        packed = told.filter(has_sides).values_list("face_id", "decision_id", "old_intensities", "new_intensities")
        sides = {word_of[face, number]: (_bytes(before), _bytes(after)) for face, number, before, after in packed}
    changed = np.bitwise_or.reduce(old[:3] ^ new[:3], axis=0)
    for word, (before, after) in sides.items():
        changed[word] |= sides_changed(before, after)
    sure, noise = _spoken_of(decisions)
    return _Words(places, decisions, changed | sure, noise | (old[3] != new[3]), old, new, sides)


def _bytes(packed: bytes | memoryview | None) -> bytes | None:
    return None if packed is None else bytes(packed)


def _spoken_of(decisions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Of each word's decision the AUs that it speaks of whether or not it changed something (W,): all that it
    was made for, also where the code was that one already. A confirmation of several AUs passes over those
    without a proposal, so of it only the changes are sure. And whether it is about the noise mark (W,)."""
    numbers, where = np.unique(decisions, return_inverse=True)
    found = Decision.objects.filter(pk__among=numbers.tolist()).order_by("pk").values_list("kind", "aus")
    kinds = np.array([kind for kind, _aus in found], object)
    aus = np.array([mask for _kind, mask in found], np.int64)
    unsure = (kinds == DecisionKind.NOISE) | ((kinds == DecisionKind.CONFIRM) & ((aus & (aus - 1)) != 0))
    return np.where(unsure, 0, aus)[where], np.asarray(kinds == DecisionKind.NOISE)[where]


def _standing(words: _Words, undone: set[int], root: int, now: LayerCodes) -> LayerCodes:
    """The faces' codes by the decisions that stand, in what the decision `root` speaks of."""
    codes = np.stack([now.present, now.scored, now.unscorable, now.noise.astype(np.int64)])
    sides = dict(now.intensities)
    about = np.zeros((2, len(now.noise)), np.int64)  # AU bits, and 1 for the noise mark
    own = words.decisions == root
    about[:, words.places[own]] = words.bits[own], words.on_noise[own]
    stands = ~np.isin(words.decisions, list(undone))
    fresh = about.copy()
    for turn in words.in_turn():
        places = words.places[turn]
        said = np.stack([words.bits[turn], words.on_noise[turn].astype(np.int64)])
        # Before the first word on an AU the codes are what that word found.
        found, spoken = said & fresh[:, places], said & about[:, places] * stands[turn]
        for part, codes_then in ((found, words.old[:, turn]), (spoken, words.new[:, turn])):
            bits = part[[0, 0, 0, 1]]
            codes[:, places] = codes[:, places] & ~bits | codes_then & bits
        fresh[:, places] &= ~said
        _sides_put(sides, words, turn, found[0], spoken[0])
    return LayerCodes(codes[0], codes[1], codes[2], codes[3] != 0, sides)


def _sides_put(
    sides: dict[int, bytes],
    words: _Words,
    turn: NDArray[np.int64],
    found: NDArray[np.int64],
    spoken: NDArray[np.int64],
) -> None:
    """The same for intensities, which few faces have: one by one."""
    if not sides and not words.sides:
        return
    rows = zip(turn.tolist(), words.places[turn].tolist(), found.tolist(), spoken.tolist(), strict=True)
    for word, place, before, after in rows:
        if place not in sides and word not in words.sides:
            continue
        old, new = words.sides.get(word, NO_SIDES)
        packed = sides_back(sides.pop(place, None), old, before) if before else sides.pop(place, None)
        packed = sides_back(packed, new, after) if after else packed
        if packed is not None:
            sides[place] = packed


def _rows_of(codes: LayerCodes, rows: NDArray[np.int64]) -> LayerCodes:
    packed = {place: codes.intensities.get(row) for place, row in enumerate(rows.tolist())}
    return LayerCodes(
        codes.present[rows],
        codes.scored[rows],
        codes.unscorable[rows],
        codes.noise[rows],
        {place: one for place, one in packed.items() if one is not None},
    )
