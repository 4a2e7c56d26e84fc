"""What a decision makes of codes: the codes asked for, the masks after it, the masks after its undo.

Nothing here writes; services.decisions does, inside its transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import DecisionKind, Intensity, LayerKind, Mode
from annotator.errors import InputRefused, NotAllowed
from annotator.facs import OPPOSITES, au_label
from annotator.masks import ABSENT, BITS, NOT_SCORED, PRESENT, UNSCORABLE
from annotator.models import Cluster, CodedAU, DataSet, Decision, LabelLayer
from annotator.selectors.clusters import run_proposals
from annotator.selectors.codes import LayerCodes, layer_codes

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
    """The codes after the decision; intensities of AUs whose code changes are taken out."""
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
    for row, packed in old.intensities.items():
        changed = int((old.present[row] ^ present[row]) | (old.scored[row] ^ scored[row]))
        sides = bytes(NEITHER_SIDE if changed >> bit & 1 else packed[bit] for bit in range(BITS))
        if any(side != NEITHER_SIDE for side in sides):
            intensities[row] = sides
    return LayerCodes(present, scored, unscorable, noise, intensities)


def opposites_check(dataset: DataSet, rows: FaceRows, new: LayerCodes) -> None:
    """Refuse what one face cannot show at once, where this decision would write it."""
    masks = {coded.au: coded.mask for coded in dataset.coded_aus.all()}
    for one, other in OPPOSITES:
        if one in masks and other in masks:
            both = masks[one] | masks[other]
            clash = ((new.present & both) == both) & ((rows.old.present & both) != both)
            if clash.any():
                raise InputRefused(
                    _(
                        "%(one)s and %(other)s exclude each other; face %(clash)s would have both. "
                        "Nothing was written."
                    )
                    % {"one": au_label(one), "other": au_label(other), "clash": rows.positions[clash][0]}
                )


def codes_before(decision: Decision, layer: LabelLayer) -> tuple[list[int], LayerCodes, LayerCodes]:
    """The faces that an undo restores, with their codes now and then. Only the AUs (and the noise
    mark) that the decision changed on a face are compared and put back."""
    rows = list(decision.faces.order_by("pk"))
    now = layer_codes(layer, [row.face_id for row in rows])
    ids: list[int] = []
    kept: list[int] = []
    back: list[tuple[int, int, int, bool, bytes | None]] = []
    for place, row in enumerate(rows):
        bits = (
            (row.old_present ^ row.new_present)
            | (row.old_scored ^ row.new_scored)
            | (row.old_unscorable ^ row.new_unscorable)
        )
        flips = row.old_noise != row.new_noise
        here = (int(now.present[place]), int(now.scored[place]), int(now.unscorable[place]))
        new = (row.new_present, row.new_scored, row.new_unscorable)
        same = all((one ^ other) & bits == 0 for one, other in zip(here, new, strict=True))
        if not (bits or flips) or not same or (flips and bool(now.noise[place]) != row.new_noise):
            continue
        old = (row.old_present, row.old_scored, row.old_unscorable)
        masks = [one & ~bits | other & bits for one, other in zip(here, old, strict=True)]
        noise = row.old_noise if flips else bool(now.noise[place])
        packed = _sides_back(now.intensities.get(place), row.old_intensities, bits)
        ids.append(row.face_id)
        kept.append(place)
        back.append((masks[0], masks[1], masks[2], noise, packed))
    columns = list(zip(*back, strict=True)) or [()] * 5
    then = LayerCodes(
        np.array(columns[0], np.int64),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int64),
        np.array(columns[3], bool),
        {row: packed for row, packed in enumerate(columns[4]) if packed is not None},
    )
    chosen = np.array(kept, np.int64)
    present = LayerCodes(
        now.present[chosen],
        now.scored[chosen],
        now.unscorable[chosen],
        now.noise[chosen],
        {row: now.intensities[place] for row, place in enumerate(kept) if place in now.intensities},
    )
    return ids, present, then


def _sides_back(now: bytes | None, old: bytes | memoryview | None, bits: int) -> bytes | None:
    """The intensities now, with those of these AU bits as they were."""
    if now is None and old is None:
        return None
    empty = bytes([NEITHER_SIDE] * BITS)
    here, then = now or empty, bytes(old) if old is not None else empty
    sides = bytes(then[bit] if bits >> bit & 1 else here[bit] for bit in range(BITS))
    return sides if any(side != NEITHER_SIDE for side in sides) else None
