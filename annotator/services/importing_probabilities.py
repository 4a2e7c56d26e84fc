"""Probabilities that came in an import's columns, as one array for each layer.

They are read from the stored rows once all of them are in, so that an import that was killed and taken
up again has nothing to piece together; the array is built in a file, not in memory.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.formats.codes import RowReader
from annotator.formats.mapping import ColumnMapping
from annotator.masks import BITS
from annotator.models import ImportBatch, LabelLayer
from annotator.selectors.arrays import array_read
from annotator.selectors.imports import split_target
from annotator.services.arrays import array_write
from annotator.services.datasets import revision_raise
from annotator.services.job_running import JobContext

CHUNK = 5_000


def probabilities_write(context: JobContext, batch: ImportBatch, mapping: ColumnMapping) -> None:
    """Lay the probabilities of the batch's rows over those its layers have, (positions, 63) float16 by
    AU bit, NaN where there is none. Doing it twice gives the same."""
    if not (mapping.probabilities or mapping.long_probability):
        return
    for layer_id in context.checkpoint.get("layers", {}).values():
        layer = LabelLayer.objects.select_related("dataset", "probabilities").get(pk=layer_id)
        while not _layer_write(context, batch, mapping, layer):
            layer.refresh_from_db()


def _layer_write(context: JobContext, batch: ImportBatch, mapping: ColumnMapping, layer: LabelLayer) -> bool:
    """Whether the layer took the new array: not if another import gave it one meanwhile."""
    before = layer.probabilities
    dataset = layer.dataset
    dataset.refresh_from_db(fields=["next_position", "revision"])
    with tempfile.TemporaryDirectory(dir=settings.DATA, prefix="probabilities-") as folder:
        values = np.lib.format.open_memmap(
            Path(folder) / "values.npy", mode="w+", dtype=np.float16, shape=(dataset.next_position, BITS)
        )
        _begin(values, array_read(before, check=True) if before else None)
        if not _rows_lay(context, batch, mapping, layer, values):
            return True
        array = array_write(dataset=dataset, purpose="layer-probabilities", values=values)
    with transaction.atomic():
        unchanged = LabelLayer.objects.filter(pk=layer.pk, probabilities=before)
        taken = unchanged.update(probabilities=array)
        revision_raise(dataset)
    if not taken:
        default_storage.delete(array.name)
        array.delete()
    return bool(taken)


def _begin(values: NDArray[np.float16], old: NDArray[Any] | None) -> None:
    """The old array's rows, and NaN where it has none, a few thousand rows at a time."""
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        part[:] = np.nan
        if old is not None and start < len(old):
            rows = old[start : start + len(part)]
            part[: len(rows)] = rows


def _rows_lay(
    context: JobContext,
    batch: ImportBatch,
    mapping: ColumnMapping,
    layer: LabelLayer,
    values: NDArray[np.float16],
) -> int:
    """Write each row's probabilities at its face's position; how many there were."""
    reader = RowReader(mapping)
    bits = dict(layer.dataset.coded_aus.values_list("au", "bit"))
    split = mapping.header.index(mapping.split) if mapping.split else None
    count = 0
    for position, cells in _imported_rows(context, batch):
        value = cells[split].strip() if split is not None else ""
        if split_target(batch.split_roles, batch.layer_kind, value)[0] != layer.kind:
            continue
        for au, code in reader.read(cells).codes.items():
            if code.probability is not None:
                values[position, bits[au]] = code.probability
                count += 1
    return count


def _imported_rows(context: JobContext, batch: ImportBatch) -> Iterator[tuple[int, list[str]]]:
    """(position of the face, cells) of the good rows, by line, read in pages so that no long query
    holds the database."""
    line = 0
    while True:
        context.progress(0.98, _("Keeping probabilities"))
        page = list(
            batch.rows.filter(line__gt=line, face__isnull=False)
            .order_by("line")
            .values_list("line", "face__position", "cells")[:CHUNK]
        )
        if not page:
            return
        line = page[-1][0]
        for _line, position, cells in page:
            yield position, cells
