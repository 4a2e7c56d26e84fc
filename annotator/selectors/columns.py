"""Codes and faces as columns by position, for questions about any of a million faces.

The rows of a layer are read once, by one query, into an array of masks that lies beside the other caches
of this machine and is mapped into memory from then on. Its name holds a stamp of what it was read from;
another stamp makes another file, and the older one goes. Decisions don't touch the codes of machines, so
the stamps of these let them pass.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Count, F, IntegerField, OuterRef, Subquery, Window
from django.db.models.functions import Coalesce, Rank
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.masks import ABSENT, PRESENT, UNSCORABLE, codes_unpack
from annotator.models import DataSet, Decision, Face, Label, LabelLayer, Subject

ROWS = 50_000
"""Rows taken from the database at once."""
NOISE = np.int64(-1 << 63)
"""The bit of the unscorable column that no AU has."""
NO_FACE, NO_SUBJECT = -2, -1


@dataclass(frozen=True)
class LayerColumns:
    """One layer's masks at all P positions of its data set, mapped into memory."""

    masks: NDArray[np.int64]
    """(3, P): present, scored, and unscorable with the noise mark in its highest bit."""

    def __len__(self) -> int:
        return int(self.masks.shape[1])

    def codes(self, bit: int, positions: NDArray[np.int64] | None = None) -> NDArray[np.int8]:
        """(n,) codes of one AU bit: 1 present, 0 absent, −1 not scored, −2 unscorable."""
        present, scored, unscorable = self.at(positions)
        return codes_unpack(present, scored, unscorable, [bit])[:, 0]

    def having(self, bit: int, code: int) -> NDArray[np.bool_]:
        """(P,) whether the layer has this code of the AU bit; only the masks that tell it are read."""
        present, scored, unscorable = self.masks
        single = np.int64(1 << bit)
        if code == PRESENT:
            return np.asarray((present & single) != 0)
        if code == UNSCORABLE:
            return np.asarray((unscorable & single) != 0)
        if code == ABSENT:
            return np.asarray((scored & ~present & single) != 0)
        return np.asarray(((scored | unscorable) & single) == 0)

    def at(self, positions: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """(3, n): the masks at these positions, or at all; zeros at those that came later."""
        if positions is None:
            return self.masks
        inside = positions < len(self)
        found = np.zeros((3, len(positions)), np.int64)
        found[:, inside] = self.masks[:, positions[inside]]
        return found

    def noise(self, positions: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """(n,) whether the layer sets the face apart."""
        return np.asarray(self.at(positions)[2] < 0)


class Columns:
    """The columns of one data set as it is now; made for one request, which then asks for its state once."""

    def __init__(self, dataset: DataSet) -> None:
        self.dataset = dataset
        self._layers: dict[int, LayerColumns] = {}

    def layer(self, layer: LabelLayer) -> LayerColumns:
        """The layer's columns; the first call after a change reads all its rows, seconds for a million."""
        if layer.pk not in self._layers:
            path = self._path(f"layer-{layer.pk}", self._layer_stamp(layer))
            self._layers[layer.pk] = LayerColumns(_kept(path, partial(_layer_read, layer, self.dataset)))
        return self._layers[layer.pk]

    def ready(self, layer: LabelLayer) -> bool:
        """Whether the layer's columns are at hand, so that a page needn't wait for them."""
        return self._path(f"layer-{layer.pk}", self._layer_stamp(layer)).exists()

    @cached_property
    def subjects(self) -> NDArray[np.int32]:
        """(P,): each face's subject, as its place among all by pseudonym; NO_SUBJECT; NO_FACE for a hole."""
        return _kept(self._path("subjects", str(self.machine_stamp)), partial(_subjects_read, self.dataset))

    def stamp(self, layer: LabelLayer) -> str:
        """Another one once the layer's codes have changed."""
        return f"{self.dataset.next_position}-{self._layer_stamp(layer)}"

    @cached_property
    def machine_stamp(self) -> int:
        """The revision less the decisions: the same until something else than a decision is written. Both
        are read by one query, for between two a decision could slip in."""
        counted = Decision.objects.filter(dataset=OuterRef("pk")).order_by().values("dataset").annotate(n=Count("pk"))
        decided = Coalesce(Subquery(counted.values("n"), output_field=IntegerField()), 0)
        found = DataSet.objects.annotate(stamp=F("revision") - decided).values_list("stamp", flat=True)
        return int(found.get(pk=self.dataset.pk))

    def _layer_stamp(self, layer: LabelLayer) -> str:
        said = [int(layer.created_at.timestamp() * 1e6), self.machine_stamp]
        if layer.kind == LayerKind.CODER:
            own = Decision.objects.filter(dataset=self.dataset, user=layer.user_id).order_by("-pk")
            said.append(own.values_list("pk", flat=True).first() or 0)
        elif layer.kind == LayerKind.CONSENSUS:
            said.append(self.dataset.revision)
        return "-".join(map(str, said))

    def _path(self, name: str, stamp: str) -> Path:
        born = int(self.dataset.created_at.timestamp() * 1e6)
        folder = Path(settings.DATA) / "cache" / f"columns-{self.dataset.pk}"
        return folder / f"{name}.{born}-{self.dataset.next_position}-{stamp}.npy"


def _kept(path: Path, read: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """The stored column, or one read now and stored."""
    try:
        stored: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:  # not there yet, or gone since a newer one was stored
        stored = read()
        with contextlib.suppress(OSError):  # a full disk costs the next reader time, and this one nothing
            _store(path, stored)
    return stored


def _store(path: Path, values: NDArray[Any]) -> None:
    """Whole or not at all; what was read from an earlier state of the same goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.save(file, values, allow_pickle=False)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    for older in path.parent.glob(f"{path.name.partition('.')[0]}.*"):
        if older != path:
            older.unlink(missing_ok=True)


def _layer_read(layer: LabelLayer, dataset: DataSet) -> NDArray[np.int64]:
    masks = np.zeros((3, dataset.next_position), np.int64)
    labels = Label.objects.filter(layer=layer).order_by()
    rows = labels.values_list("face__position", "present", "scored", "unscorable", "noise")
    for batch in _batches(rows.iterator(chunk_size=ROWS)):
        inside = batch[batch[:, 0] < dataset.next_position]
        masks[:, inside[:, 0]] = inside[:, 1:4].T
        masks[2, inside[inside[:, 4] != 0, 0]] |= NOISE
    return masks


def _subjects_read(dataset: DataSet) -> NDArray[np.int32]:
    column = np.full(dataset.next_position, NO_FACE, np.int32)
    ranks = Subject.objects.filter(dataset=dataset).annotate(place=Window(Rank(), order_by=F("pseudonym").asc()))
    place = dict(ranks.values_list("pk", "place"))
    rows = Face.objects.filter(dataset=dataset).order_by().values_list("position", "subject_id")
    told = ((position, place.get(subject, NO_SUBJECT)) for position, subject in rows.iterator(chunk_size=ROWS))
    for batch in _batches(told):
        inside = batch[batch[:, 0] < dataset.next_position]
        column[inside[:, 0]] = inside[:, 1]
    return column


def _batches(rows: Iterable[tuple[int | bool, ...]]) -> Iterable[NDArray[np.int64]]:
    """Rows of whole numbers as (≤ ROWS, columns) arrays."""
    batch: list[tuple[int | bool, ...]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS:
            yield np.array(batch, np.int64)
            batch = []
    if batch:
        yield np.array(batch, np.int64)
