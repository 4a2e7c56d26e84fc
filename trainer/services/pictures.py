"""Stored faces as pixels: decoded once into a cache that lies in the data folder, or passing by in parts.

Runs in a worker: this module imports torch by way of the algorithms. A cache is one file for a size and a
set of faces, `cache/faces-<data set>/<size>-<hash>.npy`, or `part-<size>-<hash>.npy` where not all faces are in
it; a newer one of the same kind and size takes its place, other sizes stay.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from PIL import Image

from annotator.errors import InputRefused
from annotator.models import DataSet
from annotator.services.job_running import JobContext
from trainer.algorithms.callbacks import Progress
from trainer.algorithms.faces import face_resize, faces_cache_build, faces_cache_open
from trainer.selectors.training_codes import FaceTable

Pixels = NDArray[np.uint8]
WHOLE_BYTES = 8 << 30
"""Larger caches of all faces are not made where a part of the faces is enough."""
WHOLE_FACES, WHOLE_SHARE = 20_000, 0.25
STREAM_FACES = 1024
WAIT_SECONDS = 0.2


def faces_cache(
    context: JobContext, dataset: DataSet, faces: FaceTable, size: int, progress: Progress, *, whole: bool = True
) -> Pixels:
    """The decoded faces (N, size, size, 3), mapped into memory; made once for this set of faces.

    Raises InputRefused where stored pictures can't be read or the disk is too full.
    """
    folder = _folder(dataset)
    kind = f"{size}-" if whole else f"part-{size}-"
    path = folder / f"{kind}{faces.digest}.npy"
    with _lock(context, folder / f"{kind}lock"):
        if not path.exists():
            for old in folder.glob(f"{kind}*.npy*"):
                old.unlink(missing_ok=True)
            _cache_make(context, dataset, faces, size, path, progress)
        return faces_cache_open(path)


def faces_prepare(
    context: JobContext,
    dataset: DataSet,
    faces: FaceTable,
    size: int,
    needed: NDArray[np.bool_],
    progress: Progress,
) -> tuple[FaceTable, Pixels]:
    """A cache with the faces needed, (N,) of the table, and the table of the faces that are in it.

    All faces where they are few enough: the next work finds them decoded. Otherwise those needed alone. A job
    that is resumed keeps to its choice, for what it has finished speaks of the rows of that cache.
    """
    if "whole_cache" not in context.checkpoint:
        whole = _is_there(dataset, faces, size) or _worth_whole(faces, size, needed)
        context.checkpoint_save(whole_cache=whole)
    if context.checkpoint["whole_cache"]:
        return faces, faces_cache(context, dataset, faces, size, progress)
    chosen = faces.part(np.flatnonzero(needed))
    return chosen, faces_cache(context, dataset, chosen, size, progress, whole=False)


def faces_stream(
    context: JobContext, dataset: DataSet, faces: FaceTable, size: int, start: int = 0
) -> Iterator[tuple[int, Pixels]]:
    """All faces of the table from row `start` on, in parts: (first row, (n, size, size, 3)), from the cache
    where there is one of them all, otherwise decoded as they pass by."""
    if _is_there(dataset, faces, size):
        cache = faces_cache(context, dataset, faces, size, lambda fraction, message: None)
        for row in range(start, len(faces.keys), STREAM_FACES):
            yield row, cache[row : row + STREAM_FACES]
        return
    with ThreadPoolExecutor(_threads()) as pool:
        for row in range(start, len(faces.keys), STREAM_FACES):
            part = slice(row, row + STREAM_FACES)
            decode = partial(face_pixels, dataset, size)
            yield row, np.stack(list(pool.map(decode, faces.keys[part], faces.ids[part])))


def _folder(dataset: DataSet) -> Path:
    folder = Path(settings.DATA) / "cache" / f"faces-{dataset.pk}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_there(dataset: DataSet, faces: FaceTable, size: int) -> bool:
    return (_folder(dataset) / f"{size}-{faces.digest}.npy").exists()


def _worth_whole(faces: FaceTable, size: int, needed: NDArray[np.bool_]) -> bool:
    if _bytes(faces, size) > WHOLE_BYTES:
        return False
    return len(needed) <= WHOLE_FACES or float(needed.mean()) >= WHOLE_SHARE


def _bytes(faces: FaceTable, size: int) -> int:
    return len(faces.keys) * size * size * 3


def _threads() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _lock(context: JobContext, path: Path) -> Iterator[None]:
    """One process makes a cache, the others wait for it; a killed one lets go of the lock."""
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                context.stop_if_asked()
                time.sleep(WAIT_SECONDS)
        yield


def _cache_make(
    context: JobContext, dataset: DataSet, faces: FaceTable, size: int, path: Path, progress: Progress
) -> None:
    free, wanted = shutil.disk_usage(path.parent).free, _bytes(faces, size)
    if wanted > free:
        raise InputRefused(
            _("The decoded faces need %(wanted).1f GB in the data folder, where %(free).1f GB are free.")
            % {"wanted": wanted / 1e9, "free": free / 1e9}
        )
    report = faces_cache_build(
        path,
        iter(faces.keys),
        len(faces.keys),
        size,
        lambda key: _picture(dataset, key),
        progress,
        context.cancelled,
        threads=_threads(),
    )
    if report.unreadable:
        row, reason = report.unreadable[0]
        path.unlink()
        raise _unreadable(len(report.unreadable), faces.ids[row], reason)


def _picture(dataset: DataSet, key: str) -> Image.Image:
    with default_storage.open(f"datasets/{dataset.pk}/pictures/{key[:2]}/{key}") as file:
        picture = Image.open(file)
        picture.load()
    return picture


def face_pixels(dataset: DataSet, size: int, key: str, face_id: int) -> Pixels:
    """One stored face as (size, size, 3). Raises InputRefused where its picture can't be read."""
    try:
        with _picture(dataset, key) as picture:
            return face_resize(picture, size)
    # As in the cache: Pillow's plug-ins raise SyntaxError and struct errors too.
    except Exception as error:
        raise _unreadable(1, face_id, f"{type(error).__name__}: {error}") from error


def _unreadable(count: int, face_id: int, reason: str) -> InputRefused:
    return InputRefused(
        _("%(count)d stored pictures can't be read; the first is that of face %(face)d: %(reason)s")
        % {"count": count, "face": face_id, "reason": reason}
    )
