"""Neighbour lists kept between runs: another AU, another lambda, the same faces and features need no new search.

They lie under `cache/neighbours-<data set>/` in the data folder, the last few, and go with a withdrawal.
"""

import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from annotator.models import ArrayFile
from clustering.algorithms.neighbours import Neighbours
from clustering.algorithms.settings import WSCSettings

KEPT = 3
"""Lists of a data set that are kept; those of a million faces take a gigabyte each."""


def neighbours_path(features: ArrayFile, positions: NDArray[np.int64], wanted: WSCSettings, seed: int) -> Path:
    """Where the lists for these features (by checksum), faces and search settings lie, if they are there."""
    told = (features.sha256, wanted.neighbours, wanted.search, seed)
    digest = hashlib.sha256(repr(told).encode())
    digest.update(np.ascontiguousarray(positions).data)
    folder = Path(settings.DATA) / "cache" / f"neighbours-{features.dataset_id}"
    return folder / f"{digest.hexdigest()[:24]}.npz"


def neighbours_read(path: Path) -> Neighbours | None:
    """The kept lists, marked as used; None where there are none that can be read."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            found = Neighbours(kept["indices"], kept["distances"], float(kept["recall"]), str(kept["method"]))
        os.utime(path)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return found


def neighbours_keep(path: Path, found: Neighbours) -> None:
    """Keep the lists, whole or not at all, and let the longest unused go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    with unfinished.open("wb") as file:
        np.savez(file, indices=found.indices, distances=found.distances, recall=found.recall, method=found.method)
    unfinished.replace(path)
    newest = sorted(path.parent.glob("*.npz"), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in newest[KEPT:]:
        old.unlink(missing_ok=True)
