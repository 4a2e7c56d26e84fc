"""One chunk of an import as one transaction: subjects, clips, faces, codes, and the rows as they came."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from annotator.choices import FaceRole, LayerKind
from annotator.formats.cells import cell_quote
from annotator.formats.codes import PRESENT, UNSCORABLE, AuCode
from annotator.formats.headers import au_cell_parse
from annotator.formats.mapping import ColumnMapping
from annotator.formats.records import Problem, Record
from annotator.masks import intensities_pack
from annotator.models import Clip, DataSet, Face, ImportBatch, ImportRow, LabelLayer, Subject
from annotator.selectors.imports import record_codes_told, split_target
from annotator.services.datasets import coded_aus_ensure, revision_raise
from annotator.services.importing_pictures import PictureTaken, face_key, pictures_remove
from annotator.services.job_running import JobContext
from annotator.services.labels import labels_write

REASON_LIMIT = 500
SUBJECT_LIMIT = 120

Item = Record | Problem
Taken = Mapping[str, tuple[Face, PictureTaken] | str]


class RowRefused(ValueError):
    """This row is not imported, for the reason in the message; the others are."""


class SubjectWithdrawn(RowRefused):
    """The row is about somebody whose data were deleted on request: not even its cells are kept."""


@dataclass
class Codes:
    """The codes of one face that a chunk brings into one layer."""

    present: int = 0
    scored: int = 0
    unscorable: int = 0
    sides: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, bit: int, code: AuCode) -> None:
        if code.state == UNSCORABLE:
            self.unscorable |= 1 << bit
        elif code.state >= 0:
            self.scored |= 1 << bit
            self.present |= (code.state == PRESENT) << bit
            if code.graded:
                self.sides[bit] = code.left, code.right


class ChunkWriter:
    """Writes the chunks of one batch, each with everything that belongs to it or not at all."""

    def __init__(self, context: JobContext, batch: ImportBatch, mapping: ColumnMapping) -> None:
        self.context, self.batch, self.mapping = context, batch, mapping
        self.dataset: DataSet = batch.dataset
        self.long = mapping.shape == "long"
        self.bits = dict(self.dataset.coded_aus.values_list("au", "bit"))
        self.layers: dict[str, LabelLayer] = {}
        self.withdrawn: set[str] = set()

    def faces_write(self, items: Sequence[Item], taken: Taken) -> None:
        """New faces with their codes; rows whose image is there already or has no picture are named."""
        with transaction.atomic():
            self._begin(items)
            faces = self._faces_of(items)
            seen = self._seen(faces.values())
            fresh: dict[str, tuple[Face, Record]] = {}
            chunk = Chunk()
            for item in items:
                try:
                    record = _good(item)
                    face = faces.get(record.image)
                    if face is None:
                        face = faces[record.image] = self._face_made(record, taken)
                        fresh[record.image] = face, record
                    elif face.key != face_key(self.batch, record.image):
                        raise RowRefused(_("the image %s is in the data set already") % _quoted(record))
                    self._claim(record, seen)
                except RowRefused as refusal:
                    chunk.refuse(item, refusal)
                else:
                    chunk.take(record, face)
            self._faces_save(list(fresh.values()))
            # A row may be refused, or another import bring the same image, after ours was stored.
            for image, got in taken.items():
                if image not in fresh and not isinstance(got, str) and _is_orphan(got[0], faces.get(image)):
                    transaction.on_commit(partial(pictures_remove, got[0]))
            self._finish(chunk, len(fresh))

    def codes_write(self, items: Sequence[Item], found: Mapping[str, Face | str]) -> None:
        """Codes for faces that are there; rows that name none, or one twice, are named."""
        with transaction.atomic():
            self._begin(items)
            seen = self._seen(face for face in found.values() if isinstance(face, Face))
            chunk = Chunk()
            for item in items:
                try:
                    record = _good(item)
                    face = found[record.image]
                    if isinstance(face, str):
                        raise RowRefused(face)
                    self._claim(record, seen, face.image)
                except RowRefused as refusal:
                    chunk.refuse(item, refusal)
                else:
                    chunk.take(record, face)
            self._roles_set(chunk)
            self._finish(chunk, 0)

    def _begin(self, items: Sequence[Item]) -> None:
        """Lock the data set, and make sure that this worker still holds the job."""
        locked = DataSet.objects.select_for_update().get(pk=self.dataset.pk)
        self.dataset.next_position = locked.next_position
        self.context.checkpoint_save(line=items[-1].line)
        self.withdrawn = set(self.dataset.withdrawals.values_list("subject_sha256", flat=True))
        aus = {au for item in items if isinstance(item, Record) for au in item.codes.codes}
        if new := aus - set(self.bits):
            coded = coded_aus_ensure(dataset=self.dataset, aus=sorted(new))
            self.bits = {au: one.bit for au, one in coded.items()}

    def _faces_of(self, items: Sequence[Item]) -> dict[str, Face]:
        """The faces that the data set has of a chunk's images already, by image."""
        images = {item.image for item in items if isinstance(item, Record)}
        return {face.image: face for face in Face.objects.filter(dataset=self.dataset, image__in=images)}

    def _seen(self, faces: Iterable[Face]) -> dict[tuple[str, int | None], int]:
        """The lines that earlier chunks of this batch read for these faces: by image, and AU if long."""
        image_of = {face.pk: face.image for face in faces}
        rows = self.batch.rows.filter(face_id__in=image_of).values_list("face_id", "line", "cells")
        place = self.mapping.header.index(self.mapping.long_au) if self.long else None
        return {
            (image_of[face_id], None if place is None else au_cell_parse(cells[place])): line
            for face_id, line, cells in rows
        }

    def _claim(self, record: Record, seen: dict[tuple[str, int | None], int], image: str = "") -> None:
        """Refuse a second row for the same face, or in a long table for the same AU of it."""
        for au in record.codes.codes if self.long else (None,):
            line = seen.setdefault((image or record.image, au), record.line)
            if line != record.line:
                what = _quoted(record) if au is None else f"{_quoted(record)}, AU{au},"
                raise RowRefused(_("%(what)s is in line %(line)d already") % {"what": what, "line": line})

    def _face_made(self, record: Record, taken: Taken) -> Face:
        got = taken.get(record.image, _("the face was there a moment ago and is gone: import the row again"))
        # A face without a subject is its own: it was withdrawn by its image name.
        if self._is_withdrawn(record.subject or record.image):
            raise SubjectWithdrawn(_("the subject has withdrawn from this data set"))
        if isinstance(got, str):
            raise RowRefused(got)
        if len(record.subject) > SUBJECT_LIMIT:
            raise RowRefused(_("the subject's name is longer than %d characters") % SUBJECT_LIMIT)
        face, picture = got
        face.width, face.height = picture.width, picture.height
        face.pixels_sha256 = picture.pixels_sha256
        face.sharpness, face.brightness = picture.sharpness, picture.brightness
        face.frame, face.time_s = record.frame, record.time_s
        face.split, face.emotion = record.split, record.emotion
        face.role = self._target(record)[1]
        return face

    def _is_withdrawn(self, subject: str) -> bool:
        return hashlib.sha256(subject.encode()).hexdigest() in self.withdrawn

    def _target(self, record: Record) -> tuple[LayerKind, FaceRole]:
        return split_target(self.batch.split_roles, self.batch.layer_kind, record.split)

    def _faces_save(self, fresh: list[tuple[Face, Record]]) -> None:
        """Give the new faces their subjects, clips and positions, and write them."""
        subjects = self._subjects_ensure({record.subject for _face, record in fresh} - {""})
        wanted = {(record.subject, record.clip) for _face, record in fresh if record.clip}
        clips = self._clips_ensure(wanted, subjects)
        start = self.dataset.next_position
        for position, (face, record) in enumerate(fresh, start=start):
            face.position = position
            face.subject = subjects.get(record.subject)
            face.clip = clips.get((record.subject, record.clip))
        Face.objects.bulk_create([face for face, _record in fresh])
        self.dataset.next_position = start + len(fresh)
        self.dataset.save(update_fields=["next_position"])

    def _subjects_ensure(self, names: set[str]) -> dict[str, Subject]:
        Subject.objects.bulk_create(
            [Subject(dataset=self.dataset, pseudonym=name) for name in sorted(names)], ignore_conflicts=True
        )
        found = Subject.objects.filter(dataset=self.dataset, pseudonym__in=names)
        return {subject.pseudonym: subject for subject in found}

    def _clips_ensure(
        self, wanted: set[tuple[str, str]], subjects: Mapping[str, Subject]
    ) -> dict[tuple[str, str], Clip]:
        """Clips by (subject, name); two subjects' clips of one name are two clips."""
        made = [
            Clip(dataset=self.dataset, subject=subjects.get(subject), name=name) for subject, name in sorted(wanted)
        ]
        Clip.objects.bulk_create(made, ignore_conflicts=True)
        names = {name for _subject, name in wanted}
        found = Clip.objects.filter(dataset=self.dataset, name__in=names).select_related("subject")
        return {(clip.subject.pseudonym if clip.subject else "", clip.name): clip for clip in found}

    def _roles_set(self, chunk: "Chunk") -> None:
        """Give faces without a role the one that the split names; a face's role is never changed."""
        for role in (FaceRole.TRAIN, FaceRole.TEST):
            ids = [face.pk for record, face in chunk.good if self._target(record)[1] == role]
            Face.objects.filter(pk__in=ids, role=FaceRole.NONE).update(role=role)

    def _codes_save(self, chunk: "Chunk") -> None:
        """Write the chunk's codes into their layers. An AU that a row doesn't score stays as it was."""
        by_kind: dict[str, dict[int, Codes]] = {}
        for record, face in chunk.good:
            codes = by_kind.setdefault(self._target(record)[0], {}).setdefault(face.pk, Codes())
            for au, code in record.codes.codes.items():
                codes.add(self.bits[au], code)
        for kind, faces in by_kind.items():
            told = {pk: codes for pk, codes in faces.items() if codes.scored or codes.unscorable}
            if not told:
                continue
            masks = np.array(
                [(codes.present, codes.scored, codes.unscorable) for codes in told.values()], dtype=np.int64
            ).T
            packed = {row: intensities_pack(codes.sides) for row, codes in enumerate(told.values())}
            labels_write(
                layer=self._layer(kind),
                face_ids=list(told),
                present=masks[0],
                scored=masks[1],
                unscorable=masks[2],
                intensities={row: sides for row, sides in packed.items() if sides is not None},
                merge_mask=masks[1] | masks[2],
            )

    def _layer(self, kind: str) -> LabelLayer:
        """The layer of this kind that the batch writes into: chosen once, and kept in the checkpoint."""
        if kind in self.layers:
            return self.layers[kind]
        kept = self.context.checkpoint.get("layers", {})
        if kind in kept:
            layer = LabelLayer.objects.get(pk=kept[kind])
        else:
            layer = self._layer_choose(kind)
            self.context.checkpoint_save(layers={**kept, kind: layer.pk})
        self.layers[kind] = layer
        if self.batch.layer is None:
            self.batch.layer = layer
        return layer

    def _layer_choose(self, kind: str) -> LabelLayer:
        """The user's choice; for new faces the layer that is there, which says nothing of them yet; for
        a later label file a new one, so that no earlier code is overwritten unasked."""
        chosen = self.batch.layer
        if chosen is not None and chosen.kind == kind:
            return chosen
        layers = LabelLayer.objects.filter(dataset=self.dataset)
        first = layers.filter(kind=kind).order_by("pk").first()
        if self.batch.with_pictures and first is not None:
            return first
        taken = set(layers.values_list("name", flat=True))
        names = (kind if number == 1 else f"{kind} {number}" for number in range(1, len(taken) + 2))
        name = next(name for name in names if name not in taken)
        return LabelLayer.objects.create(dataset=self.dataset, kind=kind, name=name)

    def _finish(self, chunk: "Chunk", faces: int) -> None:
        """Write codes and rows, count them, and raise the revision."""
        self._codes_save(chunk)
        ImportRow.objects.bulk_create(chunk.rows(self.batch))
        self.batch.rows_read += len(chunk.good) + len(chunk.refused)
        self.batch.faces_added += faces
        self.batch.labels_added += sum(record_codes_told(record) for record, _face in chunk.good)
        self.batch.problems += len(chunk.refused)
        self.batch.save(update_fields=["rows_read", "faces_added", "labels_added", "problems", "layer"])
        revision_raise(self.dataset)


@dataclass
class Chunk:
    """The rows of a chunk, parted into those that have a face and those that were refused."""

    good: list[tuple[Record, Face]] = field(default_factory=list)
    refused: list[tuple[Item, RowRefused]] = field(default_factory=list)

    def take(self, record: Record, face: Face) -> None:
        self.good.append((record, face))

    def refuse(self, item: Item, reason: RowRefused) -> None:
        self.refused.append((item, reason))

    def rows(self, batch: ImportBatch) -> list[ImportRow]:
        """The original cells of every row, as the tables keep them."""
        taken = [ImportRow(batch=batch, line=r.line, face=face, cells=_cells(r)) for r, face in self.good]
        refused = [
            ImportRow(
                batch=batch,
                line=item.line,
                cells=[] if isinstance(reason, SubjectWithdrawn) else _cells(item),
                problem=str(reason)[:REASON_LIMIT],
            )
            for item, reason in self.refused
        ]
        return sorted(taken + refused, key=lambda row: row.line)


def _is_orphan(taken: Face, stored: Face | None) -> bool:
    return stored is None or stored.key != taken.key


def _good(item: Item) -> Record:
    if isinstance(item, Problem):
        raise RowRefused(item.reason)
    return item


def _cells(item: Item) -> list[str]:
    # PostgreSQL takes no NUL in JSON; a row that holds one is refused anyway.
    return [cell.replace("\0", "�") for cell in item.cells]


def _quoted(record: Record) -> str:
    return cell_quote(record.image, 80)
