"""The import itself: rows in chunks, each chunk's faces, codes and rows written in one transaction.

What has been imported is told by the batch's own ImportRows, and they are written together with the
faces and codes: an import killed at any moment goes on after the last line they name, without a face
twice or half a face. Pictures are stored before their chunk is written, under names that the next
attempt uses again.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Count, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.errors import InputRefused
from annotator.formats import FORMATS
from annotator.formats.records import Problem, Record
from annotator.formats.tables import TableRefused, TableRow
from annotator.models import Face, ImportBatch
from annotator.pictures.errors import PictureProblem, SourceRefused
from annotator.pictures.sources import PictureSource
from annotator.selectors.arrays import file_sha256
from annotator.selectors.columns import columns_keep
from annotator.selectors.imports import mapping_of
from annotator.services.datasets import audit, coded_aus_ensure
from annotator.services.importing import import_files_remove
from annotator.services.importing_chunks import ChunkWriter
from annotator.services.importing_clips import frame_rates_tell
from annotator.services.importing_faces import FaceFinder
from annotator.services.importing_pictures import PictureClaims, PictureTaken, face_key, picture_take
from annotator.services.importing_probabilities import probabilities_write
from annotator.services.importing_tables import table_read
from annotator.services.job_running import JobContext

PICTURES_AT_ONCE = 200
ROWS_AT_ONCE = 2_000
THREADS = 2
"""Pillow lets go of the interpreter while it works; more threads than this only wait for the disk."""
COUNT_STEP = 20_000

Item = Record | Problem


class ImportRun:
    """One run of the job of one batch."""

    def __init__(self, context: JobContext) -> None:
        self.context = context
        batches = ImportBatch.objects.select_related("dataset", "layer", "created_by")
        self.batch = batches.get(pk=context.params["batch"])
        self.dataset = self.batch.dataset
        self.mapping = mapping_of(self.batch)
        self.finder = None if self.batch.with_pictures else FaceFinder(self.dataset)

    def run(self) -> dict[str, Any]:
        """Import what isn't imported yet and finish the batch. Raises InputRefused for unusable files."""
        started = time.monotonic()
        if self.batch.finished_at is None:
            self._work()
        else:
            # Killed right after its end: what was uploaded may still lie there.
            import_files_remove(self.batch)
        return self._result(time.monotonic() - started)

    def _work(self) -> None:
        self._file_check()
        coded_aus_ensure(dataset=self.dataset, aus=list(self.mapping.aus))
        try:
            with ExitStack() as stack:
                self._rows_import(stack)
        except (TableRefused, SourceRefused) as error:
            raise InputRefused(_("The import stopped: %s.") % error) from None
        self.context.progress(0.97, _("Finishing"))
        probabilities_write(self.context, self.batch, self.mapping)
        frame_rates_tell(self.batch)
        self._finish()

    def _file_check(self) -> None:
        """Refuse to go on with a label file that isn't the one the import began with."""
        path = Path(self.batch.labels_path)
        if not path.is_file():
            raise InputRefused(_("The label file %s is no longer there.") % self.batch.labels_file)
        digest = file_sha256(path)
        if self.context.checkpoint.get("labels_sha256", digest) != digest:
            raise InputRefused(
                _("The label file %s was changed since this import began: start a new import for the changed one.")
                % self.batch.labels_file
            )
        self.context.checkpoint_save(labels_sha256=digest)

    def _rows_import(self, stack: ExitStack) -> None:
        done = self.batch.rows.aggregate(Max("line"))["line__max"] or 0
        source = stack.enter_context(PictureSource(self.batch.pictures)) if self.batch.with_pictures else None
        total, claims = self._rows_count(source)
        pool = stack.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix="pictures"))
        records = FORMATS[self.batch.format].records_read(self.batch.labels_path, self.mapping)
        waiting = (item for item in records if item.line > done)
        writer = ChunkWriter(self.context, self.batch, self.mapping)
        size = PICTURES_AT_ONCE if source and self.mapping.shape == "wide" else ROWS_AT_ONCE
        while items := list(islice(waiting, size)):
            if source and claims:
                writer.faces_write(items, self._pictures_take(pool, source, claims, items))
            elif self.finder:
                writer.codes_write(items, self.finder.find(_images(items)))
            self._progress(total)

    def _rows_count(self, source: PictureSource | None) -> tuple[int, PictureClaims | None]:
        """How many rows there are and, in the same pass, which picture each image name may have."""
        table = table_read(self.batch.labels_path)
        place = table.header.index(self.mapping.image)
        total = 0

        def images() -> Iterator[str]:
            nonlocal total
            for row in table.rows():
                total += 1
                if total % COUNT_STEP == 0:
                    self.context.progress(0, _("Counting rows: %s") % f"{total:,}")
                if isinstance(row, TableRow):
                    yield row.cells[place]

        if source:
            claims = PictureClaims(source, images())
            return total, claims
        for _image in images():
            pass
        return total, None

    def _pictures_take(
        self, pool: ThreadPoolExecutor, source: PictureSource, claims: PictureClaims, items: list[Item]
    ) -> dict[str, tuple[Face, PictureTaken] | str]:
        """For each image of a chunk that the data set lacks: an unsaved face and its picture, or the
        reason why there is none."""
        images = _images(items)
        have = set(Face.objects.filter(dataset=self.dataset, image__in=images).values_list("image", flat=True))
        work: dict[str, tuple[Face, Future[PictureTaken]]] = {}
        taken: dict[str, tuple[Face, PictureTaken] | str] = {}
        for image in images:
            if image in have:
                continue
            face = Face(dataset=self.dataset, image=image, key=face_key(self.batch, image))
            try:
                work[image] = face, pool.submit(picture_take, source, claims.picture_of(image), face)
            except PictureProblem as problem:
                taken[image] = str(problem)
        try:
            for image, (face, future) in work.items():
                self.context.stop_if_asked()
                try:
                    taken[image] = face, future.result()
                except PictureProblem as problem:
                    taken[image] = str(problem)
        finally:
            for _face, future in work.values():
                future.cancel()
        return taken

    def _progress(self, total: int) -> None:
        batch = self.batch
        self.context.progress(
            0.97 * batch.rows_read / max(total, 1),
            _("Row %(done)s of %(total)s") % {"done": f"{batch.rows_read:,}", "total": f"{total:,}"},
            faces=batch.faces_added,
            labels=batch.labels_added,
            problems=batch.problems,
        )

    def _finish(self) -> None:
        """Close the batch and delete its uploads; what was brought in is noted in the audit trail."""
        batch = self.batch
        batch.finished_at = timezone.now()
        with transaction.atomic():
            batch.save(update_fields=["finished_at"])
            counts = {"rows": batch.rows_read, "faces": batch.faces_added, "problems": batch.problems}
            audit(self.dataset, batch.created_by, "import done", batch=batch.pk, **counts)
        import_files_remove(batch)
        columns_keep(self.dataset.pk)

    def _result(self, seconds: float) -> dict[str, Any]:
        batch = self.batch
        return {
            "dataset": self.dataset.pk,
            "batch": batch.pk,
            "rows": batch.rows_read,
            "faces": batch.faces_added,
            "labels": batch.labels_added,
            "problems": batch.problems,
            "layers": self.context.checkpoint.get("layers", {}),
            "identical_pictures": self._identical_pictures(),
            "seconds": round(seconds, 1),
        }

    def _identical_pictures(self) -> int:
        """How many faces of the data set have the very pixels of another, where pictures came in."""
        if not self.batch.with_pictures:
            return 0
        pixels = self.dataset.faces.aggregate(all=Count("id"), own=Count("pixels_sha256", distinct=True))
        return int(pixels["all"] - pixels["own"])


def _images(items: list[Item]) -> list[str]:
    """The image names of the good rows, each once, in order."""
    return list(dict.fromkeys(item.image for item in items if isinstance(item, Record)))
