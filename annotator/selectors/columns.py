"""Codes and faces as columns by position, for questions about any of a million faces.

The rows of a layer are read once, by one query, into an array of masks that lies beside the other caches
of this machine and is mapped into memory from then on. Its name holds a stamp of what it was read from: the
layer's revision, which every writer of its rows raises, and for a person's layer the last decision. Another
stamp makes another file, and the older one goes. Jobs that write many rows make the file at their end
(`columns_keep`), and decisions are added to the older file, so that a page seldom has to read all rows.
"""

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery, Value, Window
from django.db.models.functions import Coalesce, Rank
from numpy.typing import NDArray

from annotator.choices import FaceRole, LayerKind
from annotator.masks import ABSENT, PRESENT, UNSCORABLE, codes_unpack
from annotator.models import DataSet, Decision, DecisionFace, Face, Label, LabelLayer, Subject
from annotator.selectors.codes import LayerCodes, face_ids, layer_codes

log = logging.getLogger("corrugator.columns")

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

    def layer_codes(self, positions: NDArray[np.int64]) -> LayerCodes:
        """The layer's codes of these faces (n,), as selectors.codes.layer_codes gives them, without intensities."""
        present, scored, unscorable = self.at(positions)
        return LayerCodes(present, scored, unscorable & ~NOISE, unscorable < 0, {})

    def noise(self, positions: NDArray[np.int64] | None = None) -> NDArray[np.bool_]:
        """(n,) whether the layer sets the face apart."""
        return np.asarray(self.at(positions)[2] < 0)


class Columns:
    """The columns of one data set as it is now; made for one request, which then asks for its state once."""

    def __init__(self, dataset: DataSet) -> None:
        self.dataset = dataset
        self._layers: dict[int, LayerColumns] = {}

    def layer(self, layer: LabelLayer) -> LayerColumns:
        """The layer's columns. The first call after its rows were written reads all of them, seconds for a
        million; after decisions only what these changed."""
        if layer.pk not in self._layers:
            path = self._layer_path(layer)
            read = partial(_coder_masks, layer, self.dataset, path) if layer.user_id else None
            self._layers[layer.pk] = LayerColumns(_kept(path, read or partial(_layer_read, layer, self.dataset)))
        return self._layers[layer.pk]

    def ready(self, layer: LabelLayer) -> bool:
        """Whether the layer's columns are at hand, so that a page needn't wait for them."""
        path = self._layer_path(layer)
        return path.exists() or bool(layer.user_id and _earlier(path))

    @cached_property
    def subjects(self) -> NDArray[np.int32]:
        """(P,): each face's subject, as its place among all by pseudonym; NO_SUBJECT; NO_FACE for a hole."""
        # A face has its subject from the start: others come with new positions, or go with a withdrawal.
        return self.kept("subjects", str(self.dataset.withdrawals.count()), partial(_subjects_read, self.dataset))

    @cached_property
    def tests(self) -> NDArray[np.bool_]:
        """(P,) whether it is a test face."""
        return self.kept("tests", str(self.machine_stamp), partial(_tests_read, self.dataset))

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

    def kept(self, name: str, stamp: str, read: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Any array of the data set's that takes long to make, stored under this name until the stamp changes."""
        return _kept(self._path(name, stamp), read)

    def _layer_stamp(self, layer: LabelLayer) -> str:
        said = [int(layer.created_at.timestamp() * 1e6), layer.revision]
        if layer.user_id:
            own = Decision.objects.filter(dataset=self.dataset, user=layer.user_id).order_by("-pk")
            said.append(own.values_list("pk", flat=True).first() or 0)
        elif layer.kind == LayerKind.CONSENSUS:
            said.append(self.dataset.revision)
        return "-".join(map(str, said))

    def _layer_path(self, layer: LabelLayer) -> Path:
        return self._path(f"layer-{layer.pk}", self._layer_stamp(layer))

    def _path(self, name: str, stamp: str) -> Path:
        born = int(self.dataset.created_at.timestamp() * 1e6)
        folder = Path(settings.DATA) / "cache" / f"columns-{self.dataset.pk}"
        return folder / f"{name}.{born}-{self.dataset.next_position}-{stamp}.npy"


def codes_at(layer: LabelLayer, positions: NDArray[np.int64]) -> LayerCodes:
    """The layer's codes of the faces at these positions (n,), without intensities: out of its column where that
    is at hand, or else from their rows."""
    columns = Columns(layer.dataset)
    if columns.ready(layer):
        return columns.layer(layer).layer_codes(positions)
    return layer_codes(layer, face_ids(layer.dataset, positions))


def columns_keep(dataset_id: int) -> None:
    """Read now what is not at hand of a data set's columns, so that the next page needn't: for the end of what
    wrote many rows. Never raises: a page reads for itself what is missing."""
    try:
        dataset = DataSet.objects.get(pk=dataset_id)
        columns = Columns(dataset)
        for layer in dataset.layers.all():
            columns.layer(layer)
        _at_hand_too = columns.subjects
    except (OSError, DatabaseError, DataSet.DoesNotExist):
        log.warning("the columns of data set %s could not be kept", dataset_id, exc_info=True)


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


def _coder_masks(layer: LabelLayer, dataset: DataSet, path: Path) -> NDArray[np.int64]:
    """A person's masks: those after an earlier decision, with what was decided since; or else from the rows.

    A person's layer is written by that person's decisions alone, one after another, and each holds the codes
    that it left. The last number in the name of the path is that of the decision to come up to.
    """
    for then, older in _earlier(path):
        try:
            masks: NDArray[np.int64] = np.load(older, allow_pickle=False)
        except FileNotFoundError:  # another request has just brought it up to date
            continue
        own = Decision.objects.filter(dataset=dataset, user=layer.user_id, pk__gt=then, pk__lte=_number_of(path))
        told = DecisionFace.objects.filter(decision_id__among=list(own.values_list("pk", flat=True)))
        rows = told.order_by("decision_id").values_list(
            "face__position", "new_present", "new_scored", "new_unscorable", "new_noise"
        )
        _masks_fill(masks, rows)
        return masks
    return _layer_read(layer, dataset)


def _earlier(path: Path) -> list[tuple[int, Path]]:
    """The columns of the same person after earlier decisions, the newest first, with the decision's number."""
    base = path.stem.rpartition("-")[0]
    found = [(_number_of(older), older) for older in path.parent.glob(f"{base}-*.npy")]
    return sorted((one for one in found if one[0] < _number_of(path)), reverse=True)


def _number_of(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _layer_read(layer: LabelLayer, dataset: DataSet) -> NDArray[np.int64]:
    masks = np.zeros((3, dataset.next_position), np.int64)
    labels = Label.objects.filter(layer=layer).order_by()
    _masks_fill(masks, labels.values_list("face__position", "present", "scored", "unscorable", "noise"))
    return masks


def _masks_fill(masks: NDArray[np.int64], rows: QuerySet[Any, Any]) -> None:
    """Put rows of position, present, scored, unscorable and noise in their places; of one position the last."""
    for batch in rows_read(rows):
        inside = batch[batch[:, 0] < masks.shape[1]]
        told = inside[:, 1:4].T.copy()
        told[2, inside[:, 4] != 0] |= NOISE
        masks[:, inside[:, 0]] = told


def _subjects_read(dataset: DataSet) -> NDArray[np.int32]:
    column = np.full(dataset.next_position, NO_FACE, np.int32)
    ranks = Subject.objects.filter(dataset=dataset).annotate(place=Window(Rank(), order_by=F("pseudonym").asc()))
    place_of = dict(ranks.values_list("pk", "place"))
    numbers = np.array(sorted(place_of), np.int64)
    places = np.array([place_of[number] for number in numbers.tolist()] + [NO_SUBJECT], np.int32)
    faces = Face.objects.filter(dataset=dataset).order_by()
    for batch in rows_read(faces.values_list("position", Coalesce("subject_id", Value(0)))):
        inside = batch[batch[:, 0] < dataset.next_position]
        found = np.searchsorted(numbers, inside[:, 1])
        known = np.append(numbers, 0)[found] == inside[:, 1]
        column[inside[:, 0]] = np.where(known, places[found], NO_SUBJECT)
    return column


def _tests_read(dataset: DataSet) -> NDArray[np.bool_]:
    column = np.zeros(dataset.next_position, bool)
    faces = Face.objects.filter(dataset=dataset, role=FaceRole.TEST).order_by()
    for batch in rows_read(faces.values_list("position")):
        column[batch[batch < len(column)]] = True
    return column


def rows_read(rows: QuerySet[Any, Any]) -> Iterator[NDArray[np.int64]]:
    """Rows of whole numbers as (≤ ROWS, columns) arrays, straight from the database: what the library makes of
    each value costs as much as the reading itself."""
    sql, values = rows.query.sql_with_params()
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, values)
        while batch := cursor.fetchmany(ROWS):
            yield np.array(batch, np.int64)
