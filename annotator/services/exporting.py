"""Exports: a cleaned table with its data dictionary, made by a job and served only once it is whole.

What is written follows from the data set's state alone: no clock and no id of the export is in it, so
that a second export of the same state is the same file byte for byte.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.choices import ExportShape, Intensity
from annotator.errors import Conflict, NotAllowed
from annotator.formats.dictionary import long_dictionary, wide_dictionary
from annotator.formats.events import EventRow, events_dictionary, events_write
from annotator.formats.presets import PRESETS
from annotator.formats.writing import ExportRow, line_write, long_write, wide_write
from annotator.models import DataSet, Export, Face, Job
from annotator.selectors.access import EXPORT, member_for
from annotator.selectors.codes import blind_refuse
from annotator.selectors.export_events import events_read
from annotator.selectors.export_plan import ExportPlan, chunks_read, export_plan
from annotator.selectors.export_rows import rows_make, sources_count
from annotator.selectors.exports import COUNTED, export_check
from annotator.services.datasets import audit
from annotator.services.jobs import job_create

if TYPE_CHECKING:
    from annotator.services.job_running import JobContext

EVENTS_TOLD = 2_000
"""Events between two words on how far the table is."""


def export_create(
    *, dataset: DataSet, user: User, shape: str, preset: str, accept_proposals: bool
) -> tuple[Export, Job]:
    """An export and the job that makes it; the same order given twice while it runs is the same export.

    Send the job with job_send or run it with job_run. Raises NotFound and NotAllowed for people who
    may not export, or who code blind now, and InputRefused for an unknown shape or preset.
    """
    member = member_for(user, dataset.pk, EXPORT)
    blind_refuse(member.user, member.dataset)
    export_check(shape, preset)
    dataset = member.dataset
    with transaction.atomic():
        job, new = job_create(
            dataset=dataset,
            kind="export",
            target=f"export:{shape}:{preset}:{int(accept_proposals)}:{user.pk}",
            user=user,
        )
        if not new:
            return Export.objects.get(job=job), job
        export = Export.objects.create(
            dataset=dataset,
            shape=shape,
            preset=preset,
            accept_proposals=accept_proposals,
            revision=dataset.revision,
            protocol_version=dataset.protocols.latest("version").version,
            job=job,
            created_by=user,
        )
        audit(
            dataset,
            user,
            "export created",
            export=export.pk,
            shape=shape,
            preset=preset,
            accept_proposals=accept_proposals,
            revision=export.revision,
        )
    return export, job


def export_downloaded(*, export: Export, user: User, dictionary: bool = False) -> None:
    """Note in the audit trail that this person took the file away."""
    what = "dictionary" if dictionary else "table"
    audit(export.dataset, user, "export downloaded", export=export.pk, file=what, sha256=export.sha256)


def exports_remove(*, dataset: DataSet) -> int:
    """Take away the files of all exports made so far, and return of how many; their rows stay.

    For the withdrawal of a subject, whose faces are in them. Call it within that transaction: the
    files go once it is committed. An export that is being written ends itself (see export_run).
    """
    made = Export.objects.select_for_update().filter(dataset=dataset).exclude(file_name="")
    names = [name for pair in made.values_list("file_name", "dictionary_name") for name in pair if name]
    count = made.update(file_name="", dictionary_name="", sha256="", size=0)
    transaction.on_commit(lambda: _files_delete(names), robust=True)
    return count


def _files_delete(names: list[str]) -> None:
    for name in names:
        default_storage.delete(name)


def export_run(context: JobContext) -> dict[str, Any]:
    """Write the table of the job's export from the start, then its dictionary, then make both known.

    Raises Conflict when a subject was withdrawn meanwhile: the file would still show their faces.
    """
    export = Export.objects.select_related("created_by").get(job=context.job)
    user = export.created_by
    if user is None:
        raise NotAllowed(_("The person who asked for this export is no longer here."))
    member = member_for(user, export.dataset_id, EXPORT)
    blind_refuse(member.user, member.dataset)
    dataset = member.dataset
    export.revision = dataset.revision
    export.protocol_version = dataset.protocols.latest("version").version
    withdrawals = dataset.withdrawals.count()
    plan = _plan(export, dataset, user)
    export.layers = [layer.pk for layer in plan.layers]
    with tempfile.TemporaryFile(dir=settings.DATA) as file:
        writing = _Writing(context, export, plan)
        writing.table_write(file)
        context.progress(0.99, _("Storing the file"))
        dataset.refresh_from_db(fields=["revision"])
        dictionary = writing.dictionary(dataset.revision)
        stem = f"datasets/{dataset.pk}/exports/{uuid.uuid4().hex}"
        saved: list[str] = []
        try:
            file.seek(0)
            saved.append(default_storage.save(f"{stem}.csv", File(file)))
            saved.append(default_storage.save(f"{stem}.dictionary.csv", ContentFile(dictionary)))
            context.heartbeat()
            context.stop_if_asked()
            _publish(export, writing, saved, withdrawals)
        except BaseException:
            _files_delete(saved)
            raise
    return writing.result() | {"export": export.pk, "revision_after": dataset.revision}


def _plan(export: Export, dataset: DataSet, user: User) -> ExportPlan:
    """Only what the table has columns for is looked up: times and clusters for a long one, intensities
    for a preset of levels, carried-over columns for the standard wide one."""
    long = export.shape == ExportShape.LONG
    return export_plan(
        user,
        dataset,
        accept_proposals=export.accept_proposals,
        detailed=long or PRESETS[export.preset].levels,
        carry=not long and export.preset == "standard",
    )


def _publish(export: Export, writing: _Writing, saved: list[str], withdrawals: int) -> None:
    """Make the stored files known, in one step: before it there is nothing to download."""
    with transaction.atomic():
        dataset = DataSet.objects.select_for_update().get(pk=export.dataset_id)
        if dataset.withdrawals.count() != withdrawals:
            raise Conflict(
                _("A subject was withdrawn while this file was written, so it was thrown away: export again.")
            )
        Export.objects.filter(pk=export.pk, file_name="").update(
            revision=export.revision,
            protocol_version=export.protocol_version,
            layers=export.layers,
            file_name=saved[0],
            dictionary_name=saved[1],
            sha256=writing.digest.hexdigest(),
            size=writing.size,
            rows=writing.rows,
            finished_at=timezone.now(),
        )


@dataclass
class _Writing:
    """One table on its way into a file, with what is counted on the way."""

    context: JobContext
    export: Export
    plan: ExportPlan
    rows: int = 0
    size: int = 0
    by_source: Counter[str] = field(default_factory=Counter)
    digest: Any = field(default_factory=hashlib.sha256)

    @property
    def aus(self) -> list[int]:
        return [coded.au for coded in self.plan.aus]

    def table_write(self, file: IO[bytes]) -> None:
        """Stream the table into the file: at no time more than a chunk of faces is held."""
        if self.export.shape == ExportShape.EVENTS:
            parts = events_write(self._events())
        elif self.export.shape == ExportShape.LONG:
            parts = long_write(self._faces(), aus=self.aus)
        else:
            preset = PRESETS[self.export.preset]
            parts = wide_write(self._faces(), aus=self.aus, preset=preset, extra=self.plan.extra)
        for part in parts:
            file.write(part)
            self.digest.update(part)
            self.size += len(part)
        file.flush()

    def _faces(self) -> Iterator[ExportRow]:
        total = Face.objects.filter(dataset=self.plan.dataset).count() or 1
        self.context.progress(0, _("Writing"), faces=0)
        for chunk in chunks_read(self.plan):
            self.by_source.update(sources_count(self.plan, chunk))
            yield from rows_make(self.plan, chunk)
            self.rows += len(chunk.faces)
            self.context.progress(0.98 * min(self.rows / total, 1), _("Writing"), faces=self.rows)

    def _events(self) -> Iterator[EventRow]:
        self.context.progress(0, _("Writing"), events=0)
        for event in events_read(self.plan):
            yield event
            self.rows += 1
            if self.rows % EVENTS_TOLD == 0:
                self.context.progress(0.5, _("Writing"), events=self.rows)

    def result(self) -> dict[str, Any]:
        """What the job's row keeps: faces (or events) written, codes, and how many came from which source."""
        return {
            "rows": self.rows,
            "codes": sum(self.by_source[name] for name in COUNTED[:5]),
            "by_source": {name: self.by_source[name] for name in COUNTED},
            "sha256": self.digest.hexdigest(),
        }

    def dictionary(self, revision_after: int) -> bytes:
        """The columns and what they mean, then of which state of the data set the table is."""
        if self.export.shape == ExportShape.EVENTS:
            columns = events_dictionary()
        elif self.export.shape == ExportShape.LONG:
            columns = long_dictionary(aus=self.aus)
        else:
            preset = PRESETS[self.export.preset]
            columns = wide_dictionary(aus=self.aus, preset=preset, extra=self.plan.extra)
        return columns + "".join(line_write(line) for line in self._facts(revision_after)).encode()

    def _facts(self, revision_after: int) -> list[tuple[str, str, str]]:
        """Lines of the dictionary that speak of the file; English, as its column names are."""
        plan, revision = self.plan, str(self.export.revision)
        protocol = plan.protocol
        if revision_after != self.export.revision:
            revision += f" to {revision_after}: codes were written meanwhile"
        rule = (
            f"{protocol.coding}; present from {Intensity(protocol.present_from).name}; "
            f"laterality {protocol.laterality}; coders for each item {protocol.coders_per_item}"
        )
        return [
            ("(data set)", "the data set that the table was made from", plan.dataset.name),
            ("(revision)", "its revision", revision),
            ("(protocol)", f"version {protocol.version} of its coding protocol", rule),
            (
                "(proposals)",
                "whether unreviewed proposals count before weak codes",
                "yes" if plan.accept_proposals else "no",
            ),
            (
                "(disagreement)",
                "as a source: coders disagree and no consensus settles it",
                "no code counts: the code is left out",
            ),
        ]
