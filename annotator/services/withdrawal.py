"""The withdrawal of a subject: the only deletion there is. It leaves a receipt that names nobody.

Rows go in one transaction, files once it is committed. Files that could not be deleted then, or that a
killed process left, are found again because no row names them (`withdrawal_leftovers_delete`), and the
receipt counts as unfinished until that has been done.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import AssignmentState
from annotator.errors import Conflict, CorrugatorError, InputRefused
from annotator.formats.tables import TableRefused
from annotator.models import (
    Assignment,
    AssignmentFace,
    Cluster,
    ClusterRun,
    DataSet,
    Decision,
    DecisionEvent,
    DecisionFace,
    Face,
    ImportBatch,
    ImportRow,
    Withdrawal,
)
from annotator.selectors.arrays import array_read
from annotator.selectors.memberships import run_membership
from annotator.selectors.withdrawal import (
    AUDITED,
    AUDITED_FILES,
    NameMatcher,
    Withdrawable,
    jobs_refuse,
    receipts_unfinished,
    subject_find,
    taught_by,
)
from annotator.services.datasets import audit, revision_raise
from annotator.services.exporting import exports_remove
from annotator.services.importing_tables import is_archive, table_read, uploads_remove
from annotator.services.withdrawal_files import (
    array_blank,
    caches_remove,
    dataset_hold,
    leftovers_delete,
    small_folders_sweep,
    stored_delete,
)

log = logging.getLogger("corrugator.withdrawal")

CHUNK = 500


def subject_withdraw(*, dataset: DataSet, user: User, pseudonym: str, confirm: str) -> Withdrawal:
    """Delete a subject (or a face without one, by its image's name) with everything made of them.

    Gone: faces with pictures, thumbnails and what detectors look at in them, codes, decisions on them, clips
    and events, the rows of label files, their rows in every array, uploads of unfinished imports that hold
    them, and all files of exports. Kept: the numbers that runs report, the weights of detectors and encoders
    (those that learned from the faces are named in the audit trail), and the receipt. The positions are never
    used again.

    Raises InputRefused unless `confirm` repeats the pseudonym, NotFound for one that nobody has, and
    Conflict while a job of the data set is at work.
    """
    if confirm != pseudonym:
        raise InputRefused(_("What you typed to confirm is not what you want to withdraw."))
    jobs_refuse(dataset)
    found = subject_find(dataset, pseudonym)
    # Long reads come before the lock: label files, and arrays that a bucket must send first.
    matcher = NameMatcher(pseudonym, found.faces().values_list("image", flat=True))
    searched = {batch.pk: _import_holds(batch, matcher) for batch in _imports_unfinished(dataset)}
    for array in dataset.arrays.all():
        try:
            array_read(array)
        except (CorrugatorError, OSError, ValueError):
            continue
    _database_erases()
    with transaction.atomic():
        dataset = dataset_hold(dataset)
        found = subject_find(dataset, pseudonym)
        if not {batch.pk for batch in _imports_unfinished(dataset)} <= set(searched):
            raise Conflict(_("Files for an import came in at this very moment: try again."))
        return _withdraw(found, user, [pk for pk, holds in searched.items() if holds])


def withdrawal_leftovers_delete(*, dataset: DataSet, user: User) -> int:
    """Delete every stored file that no row names, and return how many could not be deleted now.

    With none left, the receipts that were unfinished are finished. Raises Conflict while a job is at work.
    """
    unfinished = receipts_unfinished(dataset)
    left = leftovers_delete(dataset)
    _database_forgets()
    if not left:
        for receipt in unfinished:
            audit(dataset, user, AUDITED_FILES, receipt=receipt.withdrawal.pk)
    return left


def _withdraw(found: Withdrawable, user: User, batches: Sequence[int]) -> Withdrawal:
    dataset = found.dataset
    faces = list(found.faces().only("pk", "dataset_id", "position", "key", "image"))
    positions = np.array([face.position for face in faces], dtype=np.int64)
    matcher = NameMatcher(found.name, [face.image for face in faces])
    taught = taught_by(dataset, positions)
    _clusters_reduce(dataset, positions)
    blanked = sum(array_blank(array, positions) for array in dataset.arrays.all())
    _import_rows_erase(dataset, matcher)
    uploads = _imports_end(dataset, batches)
    _faces_delete(found, faces, matcher)
    receipt = Withdrawal.objects.create(
        dataset=dataset, subject_sha256=found.sha256, faces=len(faces), withdrawn_by=user
    )
    # Registered before the exports' own, so that its trouble with the storage can't keep this from running.
    transaction.on_commit(partial(_files_delete, receipt, faces, uploads))
    exports = exports_remove(dataset=dataset)
    audit(
        dataset,
        user,
        AUDITED,
        receipt=receipt.pk,
        faces=len(faces),
        arrays=blanked,
        exports=exports,
        detectors=[detector.name for detector in taught.detectors],
        encoders=taught.encoders,
    )
    dataset.layers.update(revision=F("revision") + 1)
    revision_raise(dataset)
    caches_remove(dataset)
    return receipt


def _files_delete(receipt: Withdrawal, faces: Sequence[Face], uploads: Sequence[str]) -> None:
    """Delete the files that nothing names any more. Never raises: the rows are gone whatever happens here."""
    try:
        uploads_remove(uploads)
        left = stored_delete(name for face in faces for name in (face.picture_name, face.thumbnail_name))
        left += small_folders_sweep(receipt.dataset)
        _database_forgets()
        if not left:
            audit(receipt.dataset, receipt.withdrawn_by, AUDITED_FILES, receipt=receipt.pk)
    except Exception:
        log.warning("files of withdrawal %s are left; deleting them is to be tried again", receipt.pk, exc_info=True)


def _clusters_reduce(dataset: DataSet, positions: NDArray[np.int64]) -> None:
    """Take the faces out of the sizes of their clusters; an empty one has nothing to correct."""
    for run in ClusterRun.objects.filter(dataset=dataset).exclude(membership=None).select_related("membership"):
        for partition in range(len(run.partitions)):
            try:
                membership = run_membership(run, partition)
            except (CorrugatorError, OSError, ValueError):
                break
            numbers, counts = np.unique(membership[positions[positions < len(membership)]], return_counts=True)
            for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
                run.clusters.filter(partition=partition, number=number).update(size=Greatest(F("size") - count, 0))
    empty = Cluster.objects.filter(run__dataset=dataset, size=0)
    empty.update(expected_corrections=0)
    Assignment.objects.filter(cluster__in=empty, state=AssignmentState.OPEN).update(
        state=AssignmentState.RELEASED, closed_at=timezone.now()
    )


def _import_rows_erase(dataset: DataSet, matcher: NameMatcher) -> None:
    """Empty the refused rows that speak of the subject; the good ones go with their faces."""
    said = _("The subject of this row has withdrawn.")
    for batch in ImportBatch.objects.filter(dataset=dataset):
        rows = ImportRow.objects.filter(batch=batch, face=None).only("pk", "cells", "problem", "batch_id")
        erased = [
            row.pk
            for row in rows.iterator(chunk_size=CHUNK)
            if matcher.speaks(batch, row.cells) or matcher.quotes(row.problem)
        ]
        for part in _parts(erased):
            ImportRow.objects.filter(pk__in=part).update(cells=[], problem=said)
        roles = {role: [v for v in values if v != matcher.name] for role, values in batch.split_roles.items()}
        if roles != batch.split_roles:
            batch.split_roles = roles
            batch.save(update_fields=["split_roles"])


def _imports_unfinished(dataset: DataSet) -> QuerySet[ImportBatch]:
    return ImportBatch.objects.filter(dataset=dataset, finished_at=None)


def _import_holds(batch: ImportBatch, matcher: NameMatcher) -> bool:
    """Whether the batch's table speaks of the subject; also where that can't be told."""
    try:
        if is_archive(batch.labels_path):
            return True  # which of its tables it is, nobody has chosen yet
        return any(matcher.speaks(batch, row.cells) for row in table_read(batch.labels_path).rows())
    except (InputRefused, TableRefused):
        return True


def _imports_end(dataset: DataSet, batches: Sequence[int]) -> list[str]:
    """Forget the imports never started of these batches, and take the files from those that broke off;
    the uploads to delete. Files of the lab's own folders stay: rows of withdrawn subjects are refused."""
    folder = Path(settings.UPLOADS).resolve()
    ended: list[str] = []
    for batch in ImportBatch.objects.filter(pk__in=batches):
        uploads = [p for p in (batch.labels_path, *batch.pictures) if p and Path(p).resolve().parent == folder]
        if not uploads:
            continue
        ended += uploads
        if batch.job_id is None:
            batch.delete()
        else:
            batch.labels_path, batch.pictures = "", []
            batch.save(update_fields=["labels_path", "pictures"])
    done = ImportBatch.objects.filter(dataset=dataset, owns_files=True).exclude(finished_at=None)
    # A process killed between the end of an import and the deletion of its uploads leaves them.
    return ended + [path for batch in done for path in (batch.labels_path, *batch.pictures)]


def _faces_delete(found: Withdrawable, faces: Sequence[Face], matcher: NameMatcher) -> None:
    clips = list(found.clips().values_list("pk", flat=True))
    decided: set[int] = set()
    assigned: set[int] = set()
    for part in _parts([face.pk for face in faces]):
        # Locked, so that nobody points at a face while it goes.
        list(Face.objects.select_for_update().filter(pk__in=part).values_list("pk"))
        decided.update(DecisionFace.objects.filter(face__in=part).values_list("decision", flat=True))
        assigned.update(AssignmentFace.objects.filter(face__in=part).values_list("assignment", flat=True))
        Face.objects.filter(pk__in=part).delete()
    # Decisions on events of these clips go on without the event, and without their notes.
    decided.update(DecisionEvent.objects.filter(clip__in=clips).values_list("decision", flat=True))
    # A bystander in the subject's clip is somebody else, and stays.
    Face.objects.filter(clip__in=clips).update(clip=None)
    found.dataset.clips.filter(pk__in=clips).delete()
    if found.subject is not None:
        found.subject.delete()
    _notes_erase(sorted(decided), matcher)
    for part in _parts(sorted(assigned)):
        mine = AssignmentFace.objects.filter(assignment=OuterRef("pk"))
        Assignment.objects.filter(~Exists(mine), pk__in=part, state=AssignmentState.OPEN).update(
            state=AssignmentState.RELEASED, closed_at=timezone.now()
        )


def _notes_erase(decisions: Sequence[int], matcher: NameMatcher) -> None:
    """Empty the notes of decisions that were on these faces alone, or that name one of them."""
    for part in _parts(decisions):
        noted = Decision.objects.filter(pk__in=part).exclude(note="")
        noted = noted.annotate(on_others=Exists(DecisionFace.objects.filter(decision=OuterRef("pk"))))
        erased = [d.pk for d in noted if not d.on_others or matcher.in_text(d.note)]
        Decision.objects.filter(pk__in=erased).update(note="")


def _parts(keys: Sequence[int]) -> Iterator[list[int]]:
    rest = iter(keys)
    while part := list(islice(rest, CHUNK)):
        yield part


def _database_erases() -> None:
    """Have SQLite overwrite what is deleted; by itself it only forgets where it lay."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete=ON")


def _database_forgets() -> None:
    """Move SQLite's log into the file and empty it: the log still holds the pages as they were before."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
