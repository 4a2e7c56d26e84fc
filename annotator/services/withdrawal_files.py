"""What the withdrawal of a subject does to files: blanks rows of arrays, deletes what no row names."""

import hashlib
import logging
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from numpy.typing import NDArray

from annotator.choices import JobState
from annotator.errors import CorrugatorError
from annotator.models import ArrayFile, DataSet, DetectorSight, Export, Face, FaceAttribution, ImportBatch, Job
from annotator.selectors.arrays import array_read
from annotator.selectors.withdrawal import jobs_refuse

log = logging.getLogger("corrugator.withdrawal")

CHUNK_BYTES = 8 << 20
THREADS = 8
"""Deletions in a bucket wait for the network, one round trip each."""
PICTURE_FOLDERS = ("pictures", "thumbnails")
ABANDONED_SECONDS = 24 * 3600
"""An upload that no import names after so long belongs to a request that broke off."""


def dataset_hold(dataset: DataSet) -> DataSet:
    """Lock the data set so that no job of it begins before the transaction ends, and return it afresh.

    Raises Conflict while one is at work or waits.
    """
    locked = DataSet.objects.select_for_update().get(pk=dataset.pk)
    # New jobs wait for the data set, to which their rows point; resumed ones for their own row.
    list(Job.objects.select_for_update().filter(dataset=dataset).exclude(state=JobState.DONE).values_list("pk"))
    jobs_refuse(locked)
    return locked


def array_blank(array: ArrayFile, positions: NDArray[np.int64]) -> bool:
    """Store the array anew without the rows at these positions and point its row to the new file; False
    where it has none of them. The old file is the caller's to delete, after the commit.

    Blank is NaN in arrays of floats, −1 in those of signed integers, 0 in masks and truth values. A file
    too damaged to be read can't be blanked: it is deleted whole, and its readers learn that it is missing.
    """
    try:
        values, digest = _array_open(array)
    except (CorrugatorError, OSError, ValueError):
        log.warning("array %s can't be read: it is deleted whole", array.name)
        transaction.on_commit(partial(stored_delete, [array.name]))
        return True
    inside = positions[positions < len(values)]
    if len(inside) == 0:
        return False
    name = f"datasets/{array.dataset_id}/arrays/{array.purpose}-{uuid.uuid4().hex}.npy"
    # A file without a name: should this process be killed, nothing of it is left behind.
    with tempfile.TemporaryFile(dir=settings.DATA) as file:
        _blank_write(file, values, inside)
        file.seek(0)
        new_digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        default_storage.save(name, File(file))
    array.name, array.sha256 = name, digest or new_digest
    array.save(update_fields=["name", "sha256"])
    return True


def _array_open(array: ArrayFile) -> tuple[NDArray[Any], str]:
    """The values, and the checksum to keep: a damaged array is blanked too, but not passed off as whole."""
    try:
        return array_read(array, check=True), ""
    except CorrugatorError:
        return array_read(array), array.sha256


def _blank_write(file: Any, values: NDArray[Any], rows: NDArray[np.int64]) -> None:
    kind = values.dtype.kind
    empty: Any = np.nan if kind == "f" else -1 if kind == "i" else 0
    header = {
        "descr": np.lib.format.dtype_to_descr(values.dtype),
        "fortran_order": False,
        "shape": values.shape,
    }
    np.lib.format.write_array_header_1_0(file, header)
    step = max(1, CHUNK_BYTES // max(values[:1].nbytes, 1))
    for start in range(0, len(values), step):
        part = np.array(values[start : start + step], order="C")
        part[rows[(rows >= start) & (rows < start + step)] - start] = empty
        file.write(part.tobytes())


def caches_remove(dataset: DataSet) -> None:
    """Delete what was made of the faces for quicker work: decoded faces, neighbour lists, columns of codes,
    checkpoints of ended jobs.

    A job that broke off and is resumed makes them again, of the faces that are left. Call it while no
    job of the data set can begin.
    """
    data = Path(settings.DATA)
    for made in ("faces", "neighbours", "columns"):
        shutil.rmtree(data / "cache" / f"{made}-{dataset.pk}", ignore_errors=True)
    for job_id in Job.objects.filter(dataset=dataset).values_list("pk", flat=True):
        shutil.rmtree(data / "jobs" / str(job_id), ignore_errors=True)


def stored_delete(names: Iterable[str]) -> int:
    """Delete these stored files, and return how many could not be."""
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(not deleted for deleted in pool.map(_stored_delete, names))


def _stored_delete(name: str) -> bool:
    try:
        default_storage.delete(name)
    except Exception:  # whatever a bucket's client raises: the sweep tries again
        log.warning("the stored file %s can't be deleted now", name, exc_info=True)
        return False
    return True


def small_folders_sweep(dataset: DataSet) -> int:
    """Delete stored arrays, what detectors see, and exports, and local copies of arrays, that no row names;
    how many are left.

    Folders of pictures are not listed, which takes long for a million of them: see `leftovers_delete`.
    """
    left = _folder_sweep(dataset, f"datasets/{dataset.pk}/arrays", _arrays_kept)
    left += _folder_sweep(dataset, f"datasets/{dataset.pk}/sights", _sights_kept)
    left += _folder_sweep(dataset, f"datasets/{dataset.pk}/exports", _exports_kept)
    for folder, kept in (("arrays", _arrays_kept(dataset, [])), ("sights", _sights_kept(dataset, []))):
        for path in (Path(settings.DATA) / "cache" / f"datasets/{dataset.pk}/{folder}").glob("*"):
            if path.name not in kept:
                path.unlink(missing_ok=True)
    return left


def leftovers_delete(dataset: DataSet) -> int:
    """Delete every stored file of the data set that no row names, of whatever broke off; how many are left.

    Raises Conflict while a job is at work, whose files may not have their rows yet. It locks the data set
    for one folder at a time, so that no job begins meanwhile.
    """
    left = small_folders_sweep(dataset)
    for kind in PICTURE_FOLDERS:
        top = f"datasets/{dataset.pk}/{kind}"
        for folder in _listed(top)[0]:
            left += _folder_sweep(dataset, f"{top}/{folder}", _pictures_kept)
    uploads_sweep()
    return left


def uploads_sweep() -> None:
    """Delete old uploads that no import names."""
    folder = Path(settings.UPLOADS)
    before = time.time() - ABANDONED_SECONDS
    old = [path for path in folder.glob("*") if path.is_file() and path.stat().st_mtime < before]
    if not old:
        return
    named: set[Path] = set()
    for labels, pictures in ImportBatch.objects.values_list("labels_path", "pictures"):
        named.update(Path(path).resolve() for path in (labels, *pictures))
    for path in old:
        if path.resolve() not in named:
            path.unlink(missing_ok=True)


Kept = Callable[[DataSet, Sequence[str]], set[str]]


def _folder_sweep(dataset: DataSet, folder: str, kept: Kept) -> int:
    with transaction.atomic():
        dataset_hold(dataset)
        names = _listed(folder)[1]
        named = kept(dataset, names)
        return stored_delete(f"{folder}/{name}" for name in names if name not in named)


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """(folders, files) in a stored folder; nothing where there is none."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []
    return folders, files


def _arrays_kept(dataset: DataSet, names: Sequence[str]) -> set[str]:
    stored = ArrayFile.objects.filter(dataset=dataset).values_list("name", flat=True)
    return {Path(name).name for name in stored}


def _sights_kept(dataset: DataSet, names: Sequence[str]) -> set[str]:
    stored = [
        *DetectorSight.objects.filter(dataset=dataset).values_list("pictures_name", flat=True),
        *FaceAttribution.objects.filter(dataset=dataset).values_list("maps_name", flat=True),
    ]
    return {Path(name).name for name in stored}


def _exports_kept(dataset: DataSet, names: Sequence[str]) -> set[str]:
    stored = Export.objects.filter(dataset=dataset).values_list("file_name", "dictionary_name")
    return {Path(name).name for pair in stored for name in pair}


def _pictures_kept(dataset: DataSet, names: Sequence[str]) -> set[str]:
    """Those of these names that are keys of faces."""
    keys = {name: value for name in names if (value := _key(name)) is not None}
    kept: set[uuid.UUID] = set()
    wanted = list(keys.values())
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        kept.update(Face.objects.filter(dataset=dataset, key__in=part).values_list("key", flat=True))
    return {name for name, key in keys.items() if key in kept}


def _key(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(hex=name)
    except ValueError:
        return None
