"""Bulk writing of label rows: the one way in which many codes enter a layer at once."""

from collections.abc import Mapping, Sequence

import numpy as np
from django.db import transaction
from django.db.models import F
from numpy.typing import NDArray

from annotator.choices import Intensity
from annotator.masks import BITS, bits_of
from annotator.models import Label, LabelLayer

BATCH = 2_000
_NEITHER = Intensity.NOT_SCORED << 4 | Intensity.NOT_SCORED
_ALL = (1 << BITS) - 1


def labels_write(
    *,
    layer: LabelLayer,
    face_ids: Sequence[int],
    present: NDArray[np.int64],
    scored: NDArray[np.int64],
    unscorable: NDArray[np.int64],
    intensities: Mapping[int, bytes] | None = None,
    merge_mask: int | NDArray[np.int64] | None = None,
) -> int:
    """Write the codes of N faces into a layer, and return how many rows were written.

    `present`, `scored`, `unscorable` are (N,) masks by AU bit; `intensities` holds packed bytes by row,
    where a row has any (as in selectors.codes.LayerCodes). Without `merge_mask` the rows are replaced;
    with it, one mask or (N,) masks, only those AUs' bits change and the rest of a row stays. Whether a
    face is set apart as noise is never touched. Call it within the transaction that raises the data
    set's revision. Raises ValueError for masks that contradict each other or a face given twice.
    """
    masks = np.stack([np.asarray(mask, dtype=np.int64) for mask in (present, scored, unscorable)])
    _masks_check(masks, face_ids)
    packed = dict(intensities or {})
    merge = None if merge_mask is None else np.broadcast_to(np.int64(merge_mask), len(face_ids))
    with transaction.atomic():
        if merge is not None:
            # Two merges into one row must not both start from the same old row.
            LabelLayer.objects.select_for_update().get(pk=layer.pk)
        for start in range(0, len(face_ids), BATCH):
            part = slice(start, start + BATCH)
            rows = _rows_made(layer, face_ids[part], masks[:, part], packed, start)
            if merge is not None:
                _rows_merge(layer, rows, merge[part])
            Label.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=["layer", "face"],
                update_fields=["present", "scored", "unscorable", "intensities"],
            )
        LabelLayer.objects.filter(pk=layer.pk).update(revision=F("revision") + 1)
    return len(face_ids)


def _masks_check(masks: NDArray[np.int64], face_ids: Sequence[int]) -> None:
    present, scored, unscorable = masks
    if masks.shape[1] != len(face_ids):
        raise ValueError(f"{masks.shape[1]} masks were given for {len(face_ids)} faces.")
    if len(set(face_ids)) < len(face_ids):
        raise ValueError("A face is given twice.")
    if (masks < 0).any() or (present & ~scored).any() or (scored & unscorable).any():
        raise ValueError("Present must be scored, unscorable must not, and no mask may be negative.")


def _rows_made(
    layer: LabelLayer, face_ids: Sequence[int], masks: NDArray[np.int64], packed: dict[int, bytes], start: int
) -> list[Label]:
    return [
        Label(
            layer=layer,
            face_id=face_id,
            present=present,
            scored=scored,
            unscorable=unscorable,
            intensities=packed.get(row),
        )
        for row, (face_id, present, scored, unscorable) in enumerate(
            zip(face_ids, *masks.tolist(), strict=True), start=start
        )
    ]


def _rows_merge(layer: LabelLayer, rows: list[Label], merge: NDArray[np.int64]) -> None:
    """Give each row the bits outside its merge mask from the row that is stored already."""
    stored = Label.objects.filter(layer=layer, face_id__among=[row.face_id for row in rows])
    old_rows = {old.face_id: old for old in stored}
    for row, mask in zip(rows, merge.tolist(), strict=True):
        old = old_rows.get(row.face_id)
        keep = _ALL & ~mask
        for name in ("present", "scored", "unscorable"):
            before = getattr(old, name) if old else 0
            setattr(row, name, before & keep | getattr(row, name) & mask)
        row.intensities = intensities_merge(old.intensities if old else None, row.intensities, mask)


def intensities_merge(old: bytes | memoryview | None, new: bytes | memoryview | None, mask: int) -> bytes | None:
    """Packed intensities with the bits of `mask` from `new` and the others from `old`; None if none."""
    neither = bytes([_NEITHER] * BITS)
    merged = bytearray(neither if old is None else old)
    fresh = neither if new is None else bytes(new)
    for bit in bits_of(mask):
        merged[bit] = fresh[bit]
    return None if merged == neither else bytes(merged)
