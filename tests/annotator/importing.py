"""Makers of label files, pictures and archives for the import tests, and the import in one call."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User

from annotator.masks import NOT_SCORED, codes_unpack
from annotator.models import DataSet, ImportBatch, Job, LabelLayer
from annotator.selectors.imports import mapping_of
from annotator.services import job_running
from annotator.services.importing import import_map, import_prepare, import_start
from annotator.services.job_running import job_run
from tests.factories import picture_bytes


@pytest.fixture(autouse=True)
def quiet_heart(monkeypatch):
    """A job's heart beats over a connection of its own, which doesn't see a test's uncommitted rows
    and would take a slow import for lost."""
    monkeypatch.setattr(job_running, "_beat", lambda context, done: None)


def table_write(path: Path, rows: Iterable[Sequence[Any]], delimiter: str = ",") -> Path:
    """A CSV with these rows; the first is the header."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def pictures_write(folder: Path, names: Iterable[str]) -> Path:
    """A small picture of its own under each name."""
    for seed, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture_bytes(seed))
    return folder


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def zip_write(path: Path, files: Mapping[str, bytes]) -> Path:
    path.write_bytes(zip_bytes(files))
    return path


def batch_make(
    dataset: DataSet,
    user: User,
    labels: Path,
    pictures: Sequence[Path] = (),
    *,
    kind: str = "weak",
    layer: LabelLayer | None = None,
    split: Mapping[str, Sequence[str]] | None = None,
    **rules: Any,
) -> ImportBatch:
    """A batch ready to start; `rules` change the guessed mapping."""
    batch = import_prepare(
        dataset=dataset,
        user=user,
        labels_path=labels,
        labels_file=labels.name,
        pictures=pictures,
        with_pictures=bool(pictures),
        layer_kind=kind,
    )
    mapping = replace(mapping_of(batch), **rules)
    return import_map(batch=batch, mapping=mapping, split_roles=split, layer=layer)


def import_do(dataset: DataSet, user: User, labels: Path, *args: Any, **options: Any) -> tuple[ImportBatch, Job]:
    """The whole import, run here; the job as it ended."""
    batch = batch_make(dataset, user, labels, *args, **options)
    job = job_run(import_start(batch=batch, user=user).pk)
    batch.refresh_from_db()
    return batch, job


def codes_of(layer: LabelLayer) -> dict[str, dict[int, int]]:
    """{image: {AU: code}} of a layer, without what is not scored."""
    aus = {coded.bit: coded.au for coded in layer.dataset.coded_aus.all()}
    bits = list(aus)
    rows = list(layer.labels.select_related("face"))
    masks = [np.array([getattr(row, name) for row in rows], np.int64) for name in ("present", "scored", "unscorable")]
    codes = codes_unpack(*masks, bits)
    return {
        row.face.image: {aus[bit]: int(code) for bit, code in zip(bits, line, strict=True) if code != NOT_SCORED}
        for row, line in zip(rows, codes, strict=True)
    }


def world_of(dataset: DataSet) -> dict[str, Any]:
    """Everything an import writes, without ids, so that two ways to the same end can be compared."""
    faces = dataset.faces.select_related("subject", "clip").order_by("position")
    return {
        "faces": [
            (
                f.position,
                f.image,
                str(f.subject),
                str(f.clip),
                f.frame,
                f.role,
                f.split,
                f.emotion,
                f.pixels_sha256,
            )
            for f in faces
        ],
        "labels": {
            layer.name: sorted(layer.labels.values_list("face__image", "present", "scored", "unscorable"))
            for layer in dataset.layers.all()
        },
        "rows": sorted(
            (row.line, row.face.image if row.face else None, tuple(row.cells), row.problem)
            for batch in dataset.imports.all()
            for row in batch.rows.select_related("face")
        ),
        "subjects": sorted(dataset.subjects.values_list("pseudonym", flat=True)),
        "next_position": dataset.next_position,
    }
