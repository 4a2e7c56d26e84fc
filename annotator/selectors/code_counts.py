"""Counting codes over any faces: how often each AU is present in a layer, and in whose company.

Masks come from columns by position, a block at a time, so that a million faces of a layer cost a fraction
of a second once its columns are at hand.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.cache import cache
from numpy.typing import NDArray

from annotator.models import CodedAU, LabelLayer
from annotator.selectors.columns import Columns
from annotator.selectors.scopes import Scope

BLOCK = 65_536
"""Faces counted at once: fewer than 2²⁴, so that sums in float32 are exact."""
KEEP_SECONDS = 3600


@dataclass(frozen=True)
class CodeCounts:
    """The codes of A AUs in one layer over N faces."""

    faces: int
    """Faces on which any of the AUs is scored."""
    scored: NDArray[np.int64]
    """(A,) faces with a code present or absent."""
    present: NDArray[np.int64]
    """(A,) of these, present."""
    unscorable: NDArray[np.int64]
    """(A,) faces on which the AU can't be told."""
    both: NDArray[np.int64]
    """(A, A): faces on which the row's AU and the column's are present."""
    asked: NDArray[np.int64]
    """(A, A): faces on which the row's AU is scored and the column's present."""
    shared: NDArray[np.int64]
    """(A,) faces that the reference has scored too;"""
    shared_present: NDArray[np.int64]
    """(A,) of these, present in the layer,"""
    shared_reference: NDArray[np.int64]
    """(A,) and present in the reference."""


def code_counts(
    columns: Columns,
    scope: Scope,
    positions: NDArray[np.int64] | None,
    layer: LabelLayer,
    reference: LabelLayer | None,
    aus: Sequence[CodedAU],
) -> CodeCounts:
    """Count the layer on these faces (None: all), beside the reference; kept until the codes change."""
    read = {one.pk: one for one in [layer, *([reference] if reference else []), *scope.layers]}
    said: list[Any] = [columns.dataset.pk, columns.dataset.created_at.timestamp(), columns.machine_stamp]
    said += [scope.parameters, [coded.au for coded in aus], layer.pk, reference.pk if reference else 0]
    said.append({pk: columns.stamp(one) for pk, one in sorted(read.items())})
    key = "codes:" + hashlib.sha256(json.dumps(said).encode()).hexdigest()
    counts: CodeCounts | None = cache.get(key)
    if counts is None:
        counts = codes_count(columns, positions, layer, reference, aus)
        cache.set(key, counts, KEEP_SECONDS)
    return counts


def codes_count(
    columns: Columns,
    positions: NDArray[np.int64] | None,
    layer: LabelLayer,
    reference: LabelLayer | None,
    aus: Sequence[CodedAU],
) -> CodeCounts:
    """Count the layer at these positions (None: at all), beside the reference."""
    single = np.array([coded.mask for coded in aus], np.int64)[:, None]
    held = columns.layer(layer)
    beside = columns.layer(reference) if reference else None
    sums, faces = np.zeros((6, len(aus)), np.int64), 0
    both, asked = np.zeros((2, len(aus), len(aus)))
    total = len(held) if positions is None else len(positions)
    for start in range(0, total, BLOCK):
        here = slice(start, start + BLOCK)
        masks = held.masks[:, here] if positions is None else held.at(positions[here])
        present, scored = (masks[0] & single) != 0, (masks[1] & single) != 0  # (A, n)
        sums[:3] += [scored.sum(axis=1), present.sum(axis=1), ((masks[2] & single) != 0).sum(axis=1)]
        faces += int(scored.any(axis=0).sum())
        given = present.astype(np.float32)
        both += given @ given.T
        asked += scored.astype(np.float32) @ given.T
        if beside is not None:
            other = beside.masks[:, here] if positions is None else beside.at(positions[here])
            shared = scored & ((other[1] & single) != 0)
            told = shared & ((other[0] & single) != 0)
            sums[3:] += [shared.sum(axis=1), (shared & present).sum(axis=1), told.sum(axis=1)]
    pairs = np.rint(np.stack([both, asked])).astype(np.int64)
    return CodeCounts(faces, sums[0], sums[1], sums[2], pairs[0], pairs[1], sums[3], sums[4], sums[5])
