"""What a decision makes of codes: the codes asked for, and the masks after it.

Nothing here writes; services.decisions does, inside its transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import DecisionKind, Intensity, LayerKind, Mode
from annotator.errors import InputRefused, NotAllowed
from annotator.masks import ABSENT, BITS, NOT_SCORED, PRESENT, UNSCORABLE
from annotator.models import Cluster, CodedAU, DataSet, LabelLayer
from annotator.selectors.codes import LayerCodes, layer_codes, sides_of
from annotator.selectors.tiles import run_proposals

KEEP = 9
"""In a matrix of wanted codes: leave this AU of this face as it is."""
NEITHER_SIDE = Intensity.NOT_SCORED << 4 | Intensity.NOT_SCORED


@dataclass(frozen=True)
class FaceRows:
    """The faces of a decision, in the order asked for, with the coder's present codes."""

    ids: list[int]
    positions: NDArray[np.int64]
    old: LayerCodes


def codes_wanted(
    kind: DecisionKind,
    code: Mapping[int, int] | str | None,
    rows: FaceRows,
    listed: Sequence[CodedAU],
    mode: Mode,
    dataset: DataSet,
    cluster: Cluster | None,
) -> NDArray[np.int8]:
    """The codes asked for, (faces, AUs), KEEP where a face is left as it is."""
    shape = (len(rows.ids), len(listed))
    if kind == DecisionKind.NOISE:
        return np.full(shape, KEEP, np.int8)
    if kind == DecisionKind.UNSCORABLE:
        return np.full(shape, UNSCORABLE, np.int8)
    if kind == DecisionKind.RESTORE:
        return np.full(shape, NOT_SCORED, np.int8)
    if kind == DecisionKind.CONFIRM:
        if mode == Mode.BLIND:
            raise NotAllowed(_("There is nothing to confirm while coding blind: say what you see."))
        proposed = _proposed(rows, listed, dataset, cluster)
        return np.where(proposed >= 0, proposed, KEEP).astype(np.int8)
    if kind != DecisionKind.RELABEL:
        raise InputRefused(_("A decision of kind %(kind)s is not made this way.") % {"kind": kind})
    if isinstance(code, Mapping):
        values = [code.get(position) for position in rows.positions.tolist()]
        if any(value not in (PRESENT, ABSENT) for value in values):
            raise InputRefused(_("A relabelling needs present (1) or absent (0) for every face."))
        return np.repeat(np.array(values, np.int8)[:, None], len(listed), axis=1)
    if code in ("present", "absent"):
        return np.full(shape, PRESENT if code == "present" else ABSENT, np.int8)
    if code != "other":
        raise InputRefused(_("A relabelling is to present, to absent, or to the other code."))
    return _other_way(rows, listed, mode, dataset, cluster)


def _other_way(
    rows: FaceRows, listed: Sequence[CodedAU], mode: Mode, dataset: DataSet, cluster: Cluster | None
) -> NDArray[np.int8]:
    """The opposite of the coder's own code, or of the proposal where there is none yet. Blind, only
    own codes can be turned round: turning the proposal would tell what it is."""
    shown = rows.old.codes([coded.bit for coded in listed])
    if mode != Mode.BLIND:
        proposed = _proposed(rows, listed, dataset, cluster)
        shown = np.where(shown >= 0, shown, proposed).astype(np.int8)
    if (shown < 0).any():
        raise InputRefused(_("Some of these faces have no code yet that could be turned round."))
    other: NDArray[np.int8] = (1 - shown).astype(np.int8)
    return other


def _proposed(
    rows: FaceRows, listed: Sequence[CodedAU], dataset: DataSet, cluster: Cluster | None
) -> NDArray[np.int8]:
    """The proposals, (faces, AUs): of the cluster's immutable run, else of the adopted layer."""
    if cluster is not None:
        return run_proposals(cluster.run, rows.positions, listed)[0]
    layer = LabelLayer.objects.filter(dataset=dataset, kind=LayerKind.PROPOSAL).first()
    if layer is None:
        return np.full((len(rows.ids), len(listed)), NOT_SCORED, np.int8)
    return layer_codes(layer, rows.ids).codes([coded.bit for coded in listed])


def confirmable(rows: FaceRows, wanted: NDArray[np.int8]) -> tuple[FaceRows, NDArray[np.int8]]:
    """Only the faces that have a proposal for at least one of the AUs."""
    kept = np.flatnonzero((wanted != KEEP).any(axis=1))
    if not len(kept):
        raise InputRefused(_("None of these faces has a proposal to confirm."))
    if len(kept) == len(rows.ids):
        return rows, wanted
    place = {int(row): number for number, row in enumerate(kept)}
    old = LayerCodes(
        rows.old.present[kept],
        rows.old.scored[kept],
        rows.old.unscorable[kept],
        rows.old.noise[kept],
        {place[row]: packed for row, packed in rows.old.intensities.items() if row in place},
    )
    return FaceRows([rows.ids[row] for row in kept], rows.positions[kept], old), wanted[kept]


def codes_apply(
    old: LayerCodes, wanted: NDArray[np.int8], bits: Sequence[int], kind: DecisionKind, keep_noise: bool
) -> LayerCodes:
    """The codes after the decision; intensities of AUs whose code changes, or is taken away, go with it."""
    single = np.array([1 << bit for bit in bits], np.int64)

    def mask(where: NDArray[np.bool_]) -> NDArray[np.int64]:
        summed: NDArray[np.int64] = (where * single).sum(axis=1, dtype=np.int64)
        return summed

    keep = ~mask(wanted != KEEP)
    present = old.present & keep | mask(wanted == PRESENT)
    scored = old.scored & keep | mask((wanted == PRESENT) | (wanted == ABSENT))
    unscorable = old.unscorable & keep | mask(wanted == UNSCORABLE)
    noise = old.noise.copy()
    if kind == DecisionKind.NOISE or (kind == DecisionKind.RESTORE and not keep_noise):
        noise[:] = kind == DecisionKind.NOISE
    intensities = {}
    cleared = mask((wanted == UNSCORABLE) | (wanted == NOT_SCORED))
    for row, packed in old.intensities.items():
        changed = int((old.present[row] ^ present[row]) | (old.scored[row] ^ scored[row]) | cleared[row])
        sides = bytes(NEITHER_SIDE if changed >> bit & 1 else packed[bit] for bit in range(BITS))
        if any(side != NEITHER_SIDE for side in sides):
            intensities[row] = sides
    return LayerCodes(present, scored, unscorable, noise, intensities)


def levels_wanted(
    sides: tuple[int | None, int | None], rows: FaceRows, listed: Sequence[CodedAU], present_from: int
) -> tuple[NDArray[np.int8], dict[int, tuple[int, int]]]:
    """What grading one AU asks for: codes (faces, 1), and (left, right) by row. A side that is None keeps
    the level that it has.

    As in imports, an AU is present where a side reaches the protocol's threshold (or is present without
    a grade), absent where both sides are told and neither does, and otherwise not scored. Raises
    InputRefused for what is no intensity, or for other than one AU.
    """
    if len(listed) != 1:
        raise InputRefused("Intensities are given to one AU at a time.")
    known = set(Intensity) - {Intensity.NOT_SCORED}
    if all(side is None for side in sides) or any(side is not None and side not in known for side in sides):
        raise InputRefused("An intensity is none (0), A to E (1 to 5), or present without a grade (6).")
    levels: dict[int, tuple[int, int]] = {}
    codes = np.full((len(rows.ids), 1), NOT_SCORED, np.int8)
    for row in range(len(rows.ids)):
        had = sides_of(rows.old, row, listed[0].bit)
        left, right = (old if new is None else int(new) for old, new in zip(had, sides, strict=True))
        levels[row] = (left, right)
        told = [level for level in (left, right) if level != Intensity.NOT_SCORED]
        if any(level >= present_from for level in told):
            codes[row] = PRESENT
        elif len(told) == 2:
            codes[row] = ABSENT
    return codes, levels


def levels_apply(codes: LayerCodes, levels: Mapping[int, tuple[int, int]], bit: int) -> LayerCodes:
    """The codes with these (left, right) levels of one AU written into their rows."""
    intensities = dict(codes.intensities)
    for row, (left, right) in levels.items():
        packed = bytearray(intensities.get(row) or bytes([NEITHER_SIDE] * BITS))
        packed[bit] = left << 4 | right
        intensities[row] = bytes(packed)
    return replace(codes, intensities=intensities)


def sides_changed(old: bytes | memoryview | None, new: bytes | memoryview | None) -> int:
    """Mask of the AU bits whose intensities differ."""
    if old is None and new is None:
        return 0
    empty = bytes([NEITHER_SIDE] * BITS)
    then, here = bytes(old) if old is not None else empty, bytes(new) if new is not None else empty
    return 0 if then == here else sum(1 << bit for bit in range(BITS) if then[bit] != here[bit])


def sides_back(now: bytes | None, old: bytes | memoryview | None, bits: int) -> bytes | None:
    """The intensities now, with those of these AU bits as they were."""
    if now is None and old is None:
        return None
    empty = bytes([NEITHER_SIDE] * BITS)
    here, then = now or empty, bytes(old) if old is not None else empty
    sides = bytes(then[bit] if bits >> bit & 1 else here[bit] for bit in range(BITS))
    return sides if any(side != NEITHER_SIDE for side in sides) else None
