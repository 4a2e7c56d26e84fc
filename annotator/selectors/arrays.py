"""Reading arrays by position: `.npy` files mapped into memory (services.arrays writes them)."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.errors import CorrugatorError
from annotator.models import ArrayFile

CHUNK = 1 << 20


@dataclass(frozen=True)
class StoredArray:
    """A stored array that isn't by position; its row keeps name and checksum."""

    name: str
    sha256: str


def array_read(array: ArrayFile | StoredArray, *, check: bool = False) -> NDArray[Any]:
    """The array, mapped into memory and read-only. With `check`, its checksum is compared first
    (workers do; pages don't). Raises CorrugatorError when the file is missing or damaged."""
    path = _local_path(array)
    if check and file_sha256(path) != array.sha256:
        raise CorrugatorError(_damaged(array))
    values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return values


def _damaged(array: ArrayFile | StoredArray) -> str:
    return f"The stored array {array.name} is damaged: its checksum doesn't match."


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def values_at(values: NDArray[Any], positions: NDArray[np.int64], missing: float) -> NDArray[Any]:
    """The rows of an array at these positions; `missing` for faces that came after it was made."""
    found = np.full((len(positions), *values.shape[1:]), missing, values.dtype)
    inside = positions < len(values)
    found[inside] = values[positions[inside]]
    return found


def _local_path(array: ArrayFile | StoredArray) -> Path:
    try:
        path = Path(default_storage.path(array.name))
    except NotImplementedError:  # a bucket: keep a copy here, under the name that is never used again
        path = Path(settings.DATA) / "cache" / array.name
        if not path.exists():
            _copy_fetch(array, path)
    if not path.exists():
        raise CorrugatorError(_("The stored array %(name)s is missing.") % {"name": array.name})
    return path


def _copy_fetch(array: ArrayFile | StoredArray, path: Path) -> None:
    """Copy the array out of the bucket to this path, whole or not at all. A copy that isn't what was
    stored is not kept, so that the next reader doesn't have to believe it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: threads of one process may fetch the same array at once.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as target, default_storage.open(array.name) as source:
            shutil.copyfileobj(source, target, CHUNK)
        if file_sha256(Path(temporary)) != array.sha256:
            raise CorrugatorError(_damaged(array))
        Path(temporary).replace(path)
    except FileNotFoundError:
        raise CorrugatorError(_("The stored array %(name)s is missing.") % {"name": array.name}) from None
    finally:
        Path(temporary).unlink(missing_ok=True)
