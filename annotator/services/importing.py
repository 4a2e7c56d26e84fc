"""Imports: a label file, with its pictures or for faces that are there, becomes faces and codes.

    import_prepare → (import_table_choose) → import_map → import_start → import_run, in a job

Until `import_start` nothing of the data set is touched; what the job does is in importing_run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from annotator.choices import JobState, LayerKind
from annotator.errors import Conflict, InputRefused
from annotator.formats import FORMATS, format_detect
from annotator.formats.columns import columns_guess
from annotator.formats.mapping import ColumnMapping
from annotator.formats.records import image_lacks, image_read
from annotator.masks import BITS
from annotator.models import DataSet, ImportBatch, Job, LabelLayer
from annotator.pictures.errors import PictureProblem, SourceRefused
from annotator.pictures.sources import PictureSource
from annotator.selectors.imports import first_rows, mapping_faults, mapping_of, sample_rows
from annotator.services.datasets import audit
from annotator.services.importing_faces import FaceFinder
from annotator.services.importing_tables import (
    archive_table_unpack,
    archive_tables,
    is_archive,
    table_read,
    uploads_remove,
)
from annotator.services.jobs import job_create, job_resume

if TYPE_CHECKING:
    from annotator.services.job_running import JobContext

IMPORT_KINDS = (LayerKind.WEAK, LayerKind.REFERENCE)
ROLE_NAMES = ("train", "test")
MATCHES_SHOWN = 5


def import_prepare(
    *,
    dataset: DataSet,
    user: User | None,
    labels_path: Path | str,
    labels_file: str,
    pictures: Sequence[Path | str] = (),
    with_pictures: bool = True,
    layer_kind: str = LayerKind.WEAK,
    owns_files: bool = False,
    table: str = "",
) -> ImportBatch:
    """A batch with its header read and its mapping guessed; the data set is not touched yet.

    `labels_path` may be a ZIP file that holds the table, and then is a source of pictures as well;
    where it holds several tables, `table` names one, or else the batch waits for
    `import_table_choose`. `owns_files` says that the files are uploads, deleted after the import.
    Raises InputRefused for files that can't be used.
    """
    if layer_kind not in IMPORT_KINDS:
        raise InputRefused(_("Labels are imported as weak or reference, not as “%s”.") % layer_kind)
    sources = [str(Path(path).absolute()) for path in pictures] if with_pictures else []
    labels_path = Path(labels_path).absolute()
    archive = ""
    if is_archive(labels_path):
        archive = str(labels_path)
        if with_pictures and archive not in sources:
            sources.append(archive)
    if with_pictures:
        _sources_check(sources)
    batch = ImportBatch(
        dataset=dataset,
        with_pictures=with_pictures,
        pictures=sources,
        labels_path=str(labels_path),
        labels_file=Path(labels_file).name[-255:] or labels_path.name,
        owns_files=owns_files,
        layer_kind=layer_kind,
        created_by=user,
    )
    if not archive:
        _table_take(batch)
    else:
        _archive_open(batch, archive, table)
    batch.save()
    return batch


def import_table_choose(*, batch: ImportBatch, table: str) -> ImportBatch:
    """Take this table of the batch's archive, where it holds several."""
    if batch.header:
        raise Conflict(_("The table of this import is chosen already."))
    _archive_open(batch, batch.labels_path, table)
    batch.save()
    return batch


def import_map(
    *,
    batch: ImportBatch,
    mapping: ColumnMapping,
    split_roles: Mapping[str, Sequence[str]] | None = None,
    layer_kind: str | None = None,
    layer: LabelLayer | None = None,
) -> ImportBatch:
    """Check and keep what each column means and where its codes go.

    `split_roles` is {"train": [values], "test": [values]} of the split column; `layer`, one of the data
    set's weak or reference layers, takes the codes in the place of a new one. Raises InputRefused with
    everything that is wrong, and Conflict once the import has begun.
    """
    roles = {role: [str(value) for value in (split_roles or {}).get(role, ())] for role in ROLE_NAMES}
    kind = layer.kind if layer else layer_kind or batch.layer_kind
    if kind not in IMPORT_KINDS:
        raise InputRefused(_("Labels are imported as weak or reference, not as “%s”.") % kind)
    if layer is not None and layer.dataset_id != batch.dataset_id:
        raise InputRefused(_("That layer belongs to another data set."))
    if both := set(roles["train"]) & set(roles["test"]):
        raise InputRefused(_("“%s” can't be both train and test.") % sorted(both)[0])
    with transaction.atomic():
        current = ImportBatch.objects.select_for_update().get(pk=batch.pk)
        if current.job_id is not None:
            raise Conflict(_("This import has begun: its columns can't be changed any more."))
        _mapping_check(current, mapping, roles)
        current.mapping = mapping.to_json()
        current.split_roles = roles if any(roles.values()) else {}
        current.layer_kind, current.layer = kind, layer
        current.format = _format_for(current, mapping)
        current.save()
    return current


@dataclass(frozen=True)
class Matches:
    """How many of the first rows find what they name, and why some don't."""

    rows: int
    found: int
    reasons: list[str]


def import_matches(*, batch: ImportBatch, limit: int = 200) -> Matches:
    """Look for the pictures of the first rows, or for their faces. Raises InputRefused for sources that
    can't be used. Opening a source of a million pictures takes seconds."""
    column = mapping_of(batch).image
    if not column:
        raise InputRefused(_("No column names the image."))
    place = batch.header.index(column)
    images = [image_read(row[place]) for row in first_rows(table_read(batch.labels_path), limit)]
    named = [image for image in images if image]
    reasons = [image_lacks(column)] * (len(images) - len(named))
    if batch.with_pictures:
        try:
            with PictureSource(batch.pictures) as source:
                for image in named:
                    try:
                        source.match(image)
                    except PictureProblem as problem:
                        reasons.append(str(problem))
        except SourceRefused as error:
            raise InputRefused(_("The pictures were refused: %s.") % error) from None
    else:
        found = FaceFinder(batch.dataset).find(list(dict.fromkeys(named)))
        reasons += [face for image in named if isinstance(face := found[image], str)]
    return Matches(len(images), len(images) - len(reasons), list(dict.fromkeys(reasons))[:MATCHES_SHOWN])


def import_start(*, batch: ImportBatch, user: User | None) -> Job:
    """The job that imports the batch: a new one, the one at work, or the broken-off one, waiting again.

    Send it with job_send or run it with job_run. Raises InputRefused if the mapping isn't fit for use.
    """
    with transaction.atomic():
        current = ImportBatch.objects.select_for_update().get(pk=batch.pk)
        if current.finished_at is not None:
            raise Conflict(_("This import is done already."))
        if current.job is not None:
            broken_off = current.job.state in (JobState.FAILED, JobState.CANCELLED)
            return job_resume(job=current.job) if broken_off else current.job
        _mapping_check(current, mapping_of(current), current.split_roles)
        job, _new = job_create(
            dataset=current.dataset,
            kind="import",
            target=f"import:{current.pk}",
            params={"batch": current.pk},
            user=user,
        )
        current.job = job
        current.save(update_fields=["job"])
        audit(current.dataset, user, "import started", batch=current.pk, file=current.labels_file)
    return job


def import_discard(*, batch: ImportBatch) -> None:
    """Forget an import that was never started, and delete its uploads."""
    with transaction.atomic():
        current = ImportBatch.objects.select_for_update().get(pk=batch.pk)
        if current.job_id is not None:
            raise Conflict(_("This import has begun: what it brought in stays."))
        current.delete()
    import_files_remove(current)


def import_files_remove(batch: ImportBatch) -> None:
    """Delete the batch's uploads and what was unpacked for it; files of the user's are left alone."""
    uploads_remove([batch.labels_path, *(batch.pictures if batch.owns_files else [])])


def import_run(context: JobContext) -> dict[str, Any]:
    """The runner of import jobs (see importing_run)."""
    from annotator.services.importing_run import ImportRun

    return ImportRun(context).run()


def _sources_check(sources: Sequence[str]) -> None:
    """Refuse archives that can't be trusted now, while the user is there; folders are walked in the job."""
    if not sources:
        raise InputRefused(_("Name the folders or ZIP files that hold the pictures."))
    if missing := [Path(path).name for path in sources if not Path(path).exists()]:
        raise InputRefused(_("There is no file or folder “%s”.") % missing[0])
    if all(Path(path).is_file() for path in sources):
        try:
            PictureSource(sources).close()
        except SourceRefused as error:
            raise InputRefused(_("The pictures were refused: %s.") % error) from None


def _archive_open(batch: ImportBatch, archive: str, table: str) -> None:
    """Unpack the archive's table: the only one, or the one named; with several, leave the choice open."""
    tables = archive_tables(archive)
    if not tables:
        raise InputRefused(_("There is no label file (.csv) in the archive."))
    if not table and len(tables) > 1:
        return
    batch.labels_path = str(archive_table_unpack(archive, table or tables[0]))
    batch.labels_file = Path(table or tables[0]).name[-255:]
    try:
        _table_take(batch)
    except InputRefused:
        uploads_remove([batch.labels_path])
        raise
    if batch.owns_files and archive not in batch.pictures:
        uploads_remove([archive])


def _table_take(batch: ImportBatch) -> None:
    table = table_read(batch.labels_path)
    rows = sample_rows(table)
    if not rows and next(iter(table.rows()), None) is None:
        raise InputRefused(_("The label file has a header but no rows."))
    batch.header = list(table.header)
    # From which intensity an AU is present is the protocol's to say.
    present_from = batch.dataset.protocols.latest("version").present_from
    batch.mapping = replace(columns_guess(table.header, rows), threshold=present_from).to_json()
    batch.format = format_detect(table.header)


def _mapping_check(batch: ImportBatch, mapping: ColumnMapping, roles: Mapping[str, Sequence[str]]) -> None:
    faults = mapping_faults(table_read(batch.labels_path), mapping, roles)
    have = set(batch.dataset.coded_aus.values_list("au", flat=True))
    if len(have.union(mapping.aus)) > BITS:
        faults.append(_("a data set holds %d AUs at most") % BITS)
    if faults:
        raise InputRefused(_("The columns can't be read this way: %s.") % "; ".join(faults))


def _format_for(batch: ImportBatch, mapping: ColumnMapping) -> str:
    """The format that reads this mapping's shape: the one detected if it does, else the plain one."""
    if mapping.shape == "long" or batch.format not in FORMATS or batch.format == "long":
        return mapping.shape
    return batch.format
