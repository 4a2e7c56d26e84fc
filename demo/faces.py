"""The demo's pictures and label files: a folder that can be imported like any lab's own.

The faces are drawn, not photographed, so that they may be shown to anybody. `labels.csv` and
`reference.csv` are for import; `truth.csv` is for scoring alone.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from .renderer import AUS, FaceSpec, face_render
from .renderer.population import FaceRow, population
from .weak_detector import detector_fit, gray_small, lab_gray, lab_specs, thresholds_set

__all__ = ["AUS", "DemoFiles", "FaceSpec", "face_render", "faces_draw"]

Array = np.ndarray
T = TypeVar("T")
Progress = Callable[[float, str], None]
SIZE = 160
QUALITY = 92
VERSION = 1  # raise it when the drawing changes, so that old folders are drawn anew
BATCH = 24
PROCESSES = 2
CAUTION = 0.92  # the weak detector calls an AU a little less often than it occurs
MARKER = "demo.json"


@dataclass(frozen=True)
class DemoFiles:
    """Where a demo data set lies. `aus` are the AU numbers of its columns."""

    folder: Path
    pictures: Path
    labels: Path
    reference: Path
    truth: Path
    aus: tuple[int, ...] = AUS


def faces_draw(folder: Path, *, faces: int = 1200, seed: int = 1, progress: Progress | None = None) -> DemoFiles:
    """Draw a demo data set into a folder, or return at once if it is there already.

    An interrupted or differently made demo in the folder is removed and drawn anew. `progress` is called
    with the done share 0..1 and a message. Raises ValueError for fewer than 60 faces, and FileExistsError
    when the folder holds a `pictures` folder that no demo made.
    """
    if faces < 60:
        raise ValueError(f"faces is {faces}: a demo needs 60 or more to hold all splits and emotions")
    files = DemoFiles(
        folder, folder / "pictures", folder / "labels.csv", folder / "reference.csv", folder / "truth.csv"
    )
    made_from = {"faces": faces, "seed": seed, "version": VERSION}
    if _is_complete(files, made_from):
        return files
    _clear(files)
    report = progress or (lambda share, message: None)
    _mark(folder, made_from, complete=False)
    rows = population(faces, seed)
    lab = lab_specs(seed)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        lab_grays = _gather(
            pool.map(_lab_batch, _batches(lab)), len(lab), 0.0, 0.15, "Teaching the weak detector", report
        )
        detector = detector_fit(seed, lab, lab_grays)
        jobs = [(files.pictures, batch) for batch in _batches(rows)]
        grays = _gather(pool.map(_picture_batch, jobs), len(rows), 0.15, 0.97, "Drawing faces", report)
    probabilities = detector.probabilities(grays)
    occurrence = np.array([row.occurrence for row in rows])
    cuts = thresholds_set(probabilities, CAUTION * occurrence.mean(axis=0))
    weak = (probabilities >= cuts).astype(int)
    _labels_write(files.labels, rows, weak, probabilities)
    _reference_write(files.reference, rows)
    _truth_write(files.truth, rows)
    _mark(folder, made_from, complete=True)
    report(1.0, f"{len(rows)} faces drawn")
    return files


def _is_complete(files: DemoFiles, made_from: dict[str, int]) -> bool:
    try:
        mark = json.loads((files.folder / MARKER).read_text())
    except (OSError, ValueError):
        return False
    there = all(path.exists() for path in (files.pictures, files.labels, files.reference, files.truth))
    return bool(there and mark == {**made_from, "complete": True})


def _clear(files: DemoFiles) -> None:
    if files.pictures.exists() and not (files.folder / MARKER).exists():
        raise FileExistsError(f"{files.pictures} was not made by the demo; choose another folder")
    shutil.rmtree(files.pictures, ignore_errors=True)
    for path in (files.labels, files.reference, files.truth):
        path.unlink(missing_ok=True)


def _mark(folder: Path, made_from: dict[str, int], *, complete: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / (MARKER + ".new")
    fresh.write_text(json.dumps({**made_from, "complete": complete}))
    fresh.replace(folder / MARKER)


def _batches(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]


def _lab_batch(specs: Sequence[FaceSpec]) -> Array:
    return np.stack([lab_gray(spec) for spec in specs])


def _picture_batch(job: tuple[Path, Sequence[FaceRow]]) -> Array:
    """Draw and save some rows; returns them as the detector sees them."""
    pictures, rows = job
    grays = []
    for row in rows:
        picture = face_render(row.spec, SIZE)
        path = pictures / row.image
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path, quality=QUALITY, subsampling=0)
        grays.append(gray_small(picture))
    return np.stack(grays)


def _gather(parts: Iterable[Array], total: int, low: float, high: float, message: str, report: Progress) -> Array:
    found: list[Array] = []
    done = 0
    report(low, message)
    for part in parts:
        found.append(part)
        done += len(part)
        report(low + (high - low) * done / total, f"{message}: {done} of {total}")
    return np.concatenate(found)


def _table_write(path: Path, header: Sequence[str], lines: Iterator[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def _labels_write(path: Path, rows: Sequence[FaceRow], weak: Array, probabilities: Array) -> None:
    header = [
        "image",
        "subject",
        "emotion",
        "split",
        *(f"AU{au}" for au in AUS),
        *(f"AU{au}_prob" for au in AUS),
    ]
    _table_write(path, header, (
        [row.image, row.subject, row.emotion, row.split, *codes.tolist(), *(f"{p:.4f}" for p in scores)]
        for row, codes, scores in zip(rows, weak, probabilities, strict=True)
    ))  # fmt: skip


def _reference_write(path: Path, rows: Sequence[FaceRow]) -> None:
    coded = (row for row in rows if row.split != "unlabelled")
    header = ["image", "split", *(f"AU{au}" for au in AUS)]
    _table_write(path, header, ([row.image, row.split, *row.occurrence] for row in coded))


def _truth_write(path: Path, rows: Sequence[FaceRow]) -> None:
    """Every row's true codes and intensities; both stay empty where the picture shows no face."""
    header = ["image", "subject", "emotion", "split", "kind", "subkind", *(f"AU{au}" for au in AUS),
              *(f"AU{au}_intensity" for au in AUS)]  # fmt: skip
    _table_write(path, header, (_truth_line(row) for row in rows))


def _truth_line(row: FaceRow) -> list[object]:
    head: list[object] = [row.image, row.subject, row.emotion, row.split, row.spec.kind, row.spec.subkind]
    if row.spec.kind == "noise":
        return head + [""] * (2 * len(AUS))
    values = dict(row.spec.intensities)
    return [*head, *row.occurrence, *(values.get(au, 0.0) for au in AUS)]
