"""The withdrawal of a subject, looked at: who is meant, what would go, and the receipts there are."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import ACTIVE_STATES
from annotator.errors import Conflict, CorrugatorError, NotFound
from annotator.formats.cells import cell_quote
from annotator.formats.mapping import ColumnMapping
from annotator.jobs import JOB_KINDS
from annotator.models import (
    ArrayFile,
    AuditEntry,
    Clip,
    DataSet,
    DecisionFace,
    Detector,
    Event,
    Export,
    Face,
    ImportBatch,
    ImportRow,
    Job,
    Label,
    Subject,
    Withdrawal,
)
from annotator.pictures.endings import cell_parts, part_plain
from annotator.selectors.arrays import array_read
from annotator.selectors.imports import mapping_of

FACES_SHOWN = 8
AUDITED = "subject withdrawn"
AUDITED_FILES = "files of a withdrawn subject deleted"
_QUOTED = re.compile(r"'[^']*'")
_QUOTE_LIMIT = 80
"""How long a name that an import's problem quotes can be before it is cut."""


@dataclass(frozen=True)
class Withdrawable:
    """A subject by pseudonym, or a face without one, which is its own subject."""

    dataset: DataSet
    name: str
    subject: Subject | None

    def faces(self) -> QuerySet[Face]:
        faces = Face.objects.filter(dataset=self.dataset)
        return faces.filter(subject=self.subject) if self.subject else faces.filter(subject=None, image=self.name)

    def clips(self) -> QuerySet[Clip]:
        """The subject's clips, or the one in which a face without subject is the only face."""
        clips = Clip.objects.filter(dataset=self.dataset)
        if self.subject:
            return clips.filter(subject=self.subject)
        mine = self.faces().values_list("pk", flat=True)
        shared = Face.objects.filter(dataset=self.dataset).exclude(pk__in=list(mine)).exclude(clip=None)
        return clips.filter(subject=None, faces__in=list(mine)).exclude(pk__in=shared.values("clip"))

    @property
    def sha256(self) -> str:
        return name_sha256(self.name)


def name_sha256(name: str) -> str:
    """What a receipt keeps of a pseudonym; imports refuse rows of subjects with this digest."""
    return hashlib.sha256(name.encode()).hexdigest()


def subject_find(dataset: DataSet, name: str) -> Withdrawable:
    """Whom this pseudonym (or image name of a face without subject) means. Raises NotFound."""
    subject = Subject.objects.filter(dataset=dataset, pseudonym=name).first()
    found = Withdrawable(dataset, name, subject)
    if subject is None and not found.faces().exists():
        if Withdrawal.objects.filter(dataset=dataset, subject_sha256=name_sha256(name)).exists():
            raise NotFound(_("This subject is withdrawn already: see the receipts."))
        raise NotFound(_("There is no subject of that pseudonym here, nor a face without subject of that name."))
    return found


def jobs_refuse(dataset: DataSet) -> None:
    """Raises Conflict while a job of the data set is at work or waits: it could bring back what goes."""
    job = Job.objects.filter(dataset=dataset, state__in=ACTIVE_STATES).first()
    if job is not None:
        title = JOB_KINDS[job.kind].title if job.kind in JOB_KINDS else job.kind
        raise Conflict(
            _("A job is at work on this data set (%(kind)s, number %(id)d): wait for its end or cancel it.")
            % {"kind": title, "id": job.pk}
        )


@dataclass(frozen=True)
class WithdrawalPreview:
    """What the withdrawal would delete, in numbers, with a few of the faces to know the person by."""

    name: str
    faces: int
    clips: int
    labels: int
    decisions: int
    events: int
    rows: int
    arrays: int
    exports: int
    detectors: list[Detector]
    """Those that learned from the faces; they are kept."""
    encoders: list[str]
    """Files of encoders that learned from the faces; they are kept too."""
    shown: list[Face] = field(default_factory=list)


def withdrawal_preview(dataset: DataSet, name: str) -> WithdrawalPreview:
    """Count what would go. Raises NotFound for a name that nobody has."""
    found = subject_find(dataset, name)
    faces = found.faces()
    positions = np.array(faces.values_list("position", flat=True), dtype=np.int64)
    taught = taught_by(dataset, positions)
    lengths = ArrayFile.objects.filter(dataset=dataset).values_list("shape", flat=True)
    return WithdrawalPreview(
        name=name,
        faces=len(positions),
        clips=found.clips().count(),
        labels=Label.objects.filter(face__in=faces).count(),
        decisions=DecisionFace.objects.filter(face__in=faces).count(),
        events=Event.objects.filter(clip__in=found.clips()).count(),
        rows=ImportRow.objects.filter(face__in=faces).count(),
        arrays=sum(bool(shape) and bool((positions < shape[0]).any()) for shape in lengths),
        exports=Export.objects.filter(dataset=dataset).exclude(file_name="").count(),
        detectors=taught.detectors,
        encoders=taught.encoders,
        shown=list(faces.order_by("position")[:FACES_SHOWN]),
    )


LOOKING_AT_MORE = ("adversarial", "emoco", "hybrid")
"""Parts of a detector's settings by which it learns from faces without a code too."""


@dataclass(frozen=True)
class Taught:
    """What learned from some faces, and is kept."""

    detectors: list[Detector]
    encoders: list[str]
    """Files below the data folder, made on the way to a detector, from which other trainings can begin."""


def taught_by(dataset: DataSet, positions: NDArray[np.int64]) -> Taught:
    """The detectors and encoders that learned from a face at one of these positions."""
    taught = Taught([], [])
    for detector in Detector.objects.filter(dataset=dataset).select_related("snapshot__codes", "seen").order_by("pk"):
        learned, encoder_learned = _learned(detector, positions)
        if learned:
            taught.detectors.append(detector)
        if encoder_learned and detector.encoder_name and (Path(settings.DATA) / detector.encoder_name).exists():
            taught.encoders.append(detector.encoder_name)
    return taught


def _learned(detector: Detector, positions: NDArray[np.int64]) -> tuple[bool, bool]:
    """Whether the detector, and whether its encoder, learned from one of these. Where nobody can tell any more, yes:
    better named than kept quiet."""
    try:
        if detector.seen is not None:
            seen = array_read(detector.seen)
            seen = seen[positions[positions < len(seen)]]
            return bool(seen[:, 0].any()), bool(seen[:, 1].any())
        codes = array_read(detector.snapshot.codes)
    except (CorrugatorError, OSError, ValueError):
        return True, True
    codes = codes[positions[positions < len(codes)]]
    # of an older detector codes alone are known; it may have seen any picture of its time
    looks = any(detector.configuration.get(part) for part in LOOKING_AT_MORE)
    return bool(len(codes)) if looks else bool((codes >= 0).any()), False


@dataclass(frozen=True)
class Receipt:
    """A withdrawal as the page lists it."""

    withdrawal: Withdrawal
    detectors: list[str]
    """Names of detectors that had learned from the faces, and are kept."""
    encoders: list[str]
    """Files of encoders that had, the same."""
    files_deleted: bool
    """Whether all stored files are gone; if not, `withdrawal_leftovers_delete` finishes it."""


def receipts(dataset: DataSet) -> list[Receipt]:
    """The data set's withdrawals, newest first."""
    entries = AuditEntry.objects.filter(dataset=dataset)
    told = {e.detail["receipt"]: e.detail for e in entries.filter(action=AUDITED)}
    cleared = {e.detail["receipt"] for e in entries.filter(action=AUDITED_FILES)}
    rows = Withdrawal.objects.filter(dataset=dataset).select_related("withdrawn_by").order_by("-pk")
    return [
        Receipt(row, detail.get("detectors", []), detail.get("encoders", []), row.pk in cleared)
        for row in rows
        for detail in [told.get(row.pk, {})]
    ]


def receipts_unfinished(dataset: DataSet) -> list[Receipt]:
    """Those after which files were left in the storage."""
    return [receipt for receipt in receipts(dataset) if not receipt.files_deleted]


class NameMatcher:
    """Tells whether a row of a label table speaks of the subject.

    The pseudonym is looked for in the column of subjects, or where none is known in all columns that
    have no other meaning; the images' names, whole or by their endings, in the column of images. A
    broken row is searched cell by cell.
    """

    def __init__(self, name: str, images: Iterable[str]) -> None:
        self.name = name
        endings = [_endings(image) for image in images]
        self.images = {paths[0] for paths in endings if paths}
        self.endings = {ending for paths in endings for ending in paths}
        self.quoted = {cell_quote(text, _QUOTE_LIMIT) for text in (*self.endings, name)}

    def speaks(self, batch: ImportBatch, cells: Sequence[str]) -> bool:
        mapping = mapping_of(batch)
        if len(cells) != len(batch.header):
            return any(self._is_name(cell) or self._is_image(cell) for cell in cells)
        row = dict(zip(batch.header, cells, strict=True))
        subjects = [mapping.subject] if mapping.subject else _without_meaning(mapping)
        images = [mapping.image] if mapping.image else batch.header
        return any(self._is_name(row[column]) for column in subjects) or any(
            self._is_image(row[column]) for column in images
        )

    def quotes(self, text: str) -> bool:
        """Whether a message quotes the pseudonym or one of the images."""
        return not self.quoted.isdisjoint(_QUOTED.findall(text))

    def in_text(self, text: str) -> bool:
        """Whether free text has the pseudonym or an image's name in it, as a word of its own."""
        return any(
            re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None for name in (self.name, *self.images)
        )

    def _is_name(self, cell: str) -> bool:
        return cell.strip() == self.name

    def _is_image(self, cell: str) -> bool:
        paths = _endings(cell)
        return bool(paths) and (paths[0] in self.endings or not self.images.isdisjoint(paths))


def _without_meaning(mapping: ColumnMapping) -> list[str]:
    """The table's columns that the mapping doesn't use."""
    used: set[str] = set()
    for value in vars(mapping).values():
        if isinstance(value, str):
            used.add(value)
    for pairs in (mapping.codes, mapping.intensities, mapping.probabilities, mapping.left, mapping.right):
        used.update(column for _au, column in pairs)
    return [column for column in mapping.header if column not in used]


def _endings(path: str) -> list[str]:
    """The path and its endings, longest first."""
    parts = [part_plain(part) for part in cell_parts(path)]
    return ["/".join(parts[start:]) for start in range(len(parts))]
