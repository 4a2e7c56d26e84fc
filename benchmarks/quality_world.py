"""The ictau stills as benchmarks/wsc_quality.py clusters them: features, weak and reference labels."""

import csv
import io
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.ictau_features import features_make
from clustering.algorithms.neighbours import Neighbours, neighbour_search

NEIGHBOURS = 30


@dataclass(frozen=True)
class World:
    """The train and unlabelled stills, aligned: N faces, A AUs. Test stills take no part."""

    images: list[str]
    aus: list[int]
    features: NDArray[np.float32]
    scores: NDArray[np.float32]
    """(N, A) of the feature network, out of fold for the stills it was trained on."""
    weak: NDArray[np.int8]
    weak_probability: NDArray[np.float32]
    reference: NDArray[np.int8]
    """(N, A); -1 for the unlabelled stills."""
    unlabelled: NDArray[np.bool_]
    quality: NDArray[np.float32]
    """(N, 2) sharpness and brightness."""

    @cached_property
    def near(self) -> Neighbours:
        """The nearest faces among the features, searched once for all peers that ask."""
        return neighbour_search(self.features, NEIGHBOURS)


def world_load(data: Path, work: Path, labels: str, seed: int, *, faces: int, quick: bool) -> World:
    """The world with the features of this seed, made if the work folder has none, from `labels` (reference or
    weak)."""
    path = work / f"features-{labels}-{seed}-{faces or 'all'}{'-quick' if quick else ''}.npz"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        features_make(data, path, labels, seed, faces=faces, quick=quick)
    stored = np.load(path)
    stills, weak = rows_read(data / "stills.csv"), rows_read(data / "weak.csv")
    aus = [int(au) for au in stored["aus"]]
    kept = np.flatnonzero(stored["split"] != "test")
    images = [str(name) for name in stored["image"][kept]]
    train = stored["split"][kept] == "train_gt"
    codes = np.array([[int(stills[name][f"AU{a}"]) for a in aus] for name in images], np.int8)
    return World(
        images,
        aus,
        stored["features"][kept].astype(np.float32),
        stored["scores"][kept].astype(np.float32),
        np.array([[int(weak[name][f"AU{a}"]) for a in aus] for name in images], np.int8),
        np.array([[float(weak[name][f"AU{a}_prob"]) for a in aus] for name in images], np.float32),
        np.where(train[:, None], codes, -1).astype(np.int8),
        ~train,
        quality_measure(data, images),
    )


def rows_read(path: Path) -> dict[str, dict[str, str]]:
    """A CSV file by image."""
    with path.open(newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def quality_measure(data: Path, images: list[str]) -> NDArray[np.float32]:
    """(N, 2) sharpness (spread of the grey Laplacian) and brightness (mean grey) of the zipped stills."""
    where: dict[str, zipfile.ZipFile] = {}
    for path in sorted((data / "stills").glob("*.zip")):
        archive = zipfile.ZipFile(path)
        where.update(dict.fromkeys(archive.namelist(), archive))
    out = np.zeros((len(images), 2), np.float32)
    for i, name in enumerate(images):
        with Image.open(io.BytesIO(where[name].read(name))) as picture:
            grey = np.asarray(picture.convert("L"), np.float32) / 255
        edges = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
        out[i] = edges.std(), grey.mean()
    return out
