"""Arrays by position: `.npy` files, written whole under a new name and described by a row."""

import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from numpy.typing import NDArray

from annotator.models import ArrayFile, DataSet
from annotator.selectors.arrays import file_sha256


def array_write(*, dataset: DataSet, purpose: str, values: NDArray[Any]) -> ArrayFile:
    """Store an array (positions, …) of the data set and return its row. No pickle: object arrays
    raise ValueError."""
    name, digest = array_store(f"datasets/{dataset.pk}/arrays", purpose, values)
    return ArrayFile.objects.create(
        dataset=dataset,
        purpose=purpose,
        name=name,
        shape=list(values.shape),
        dtype=str(values.dtype),
        sha256=digest,
        revision=dataset.revision,
    )


def array_store(folder: str, purpose: str, values: NDArray[Any]) -> tuple[str, str]:
    """Store an array under a new name in a stored folder: (name, SHA-256). For those that aren't by position,
    whose row names the file itself."""
    name = f"{folder}/{purpose}-{uuid.uuid4().hex}.npy"
    with tempfile.NamedTemporaryFile(dir=settings.DATA, suffix=".npy") as file:
        np.save(file, values, allow_pickle=False)
        file.flush()
        digest = file_sha256(Path(file.name))
        file.seek(0)
        default_storage.save(name, File(file))
    return name, digest
