"""What import_dataset and import_labels share: the columns named by hand, the report at the end."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from annotator.errors import InputRefused
from annotator.formats import FORMATS
from annotator.formats.headers import au_cell_parse
from annotator.formats.mapping import ROLES, ColumnMapping
from annotator.management.base import CorrugatorCommand
from annotator.models import DataSet, ImportBatch
from annotator.selectors.arrays import file_sha256
from annotator.selectors.imports import mapping_of, problem_rows
from annotator.services.importing import import_map, import_start

PROBLEMS_SHOWN = 10


class ImportCommand(CorrugatorCommand):
    """A command that imports one label file, in the foreground or by a worker."""

    def import_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", default="auto", choices=["auto", *FORMATS])
        parser.add_argument("--layer", default="weak", choices=["weak", "reference"])
        parser.add_argument("--table", default="", help="the label file inside a ZIP file that holds several")
        parser.add_argument(
            "--columns",
            nargs="+",
            default=[],
            metavar="WHAT=COLUMN",
            help="what a column is, where the guess is wrong: image=file subject=person AU12=smile …",
        )
        parser.add_argument("--not-scored", nargs="+", metavar="CELL", help="cells that mean: nobody looked")
        parser.add_argument("--split-column", metavar="C")
        parser.add_argument("--reference-values", nargs="+", default=[], metavar="V")
        parser.add_argument("--test-values", nargs="+", default=[], metavar="V")
        parser.add_argument("--queue", action="store_true", help="hand the work to a worker")

    def mapping_chosen(self, batch: ImportBatch, options: dict[str, Any]) -> ColumnMapping:
        """The guessed mapping with what the options say; what was guessed is told on standard error."""
        if not batch.header:
            raise InputRefused("The archive holds several label files: name one with --table.")
        mapping = mapping_of(batch)
        if options["format"] not in ("auto", batch.format):
            raise InputRefused(f"The table looks {batch.format}; it can't be read as {options['format']}.")
        for question in mapping.questions:
            self.stderr.write(question)
        mapping = columns_name(mapping, options["columns"])
        if options["split_column"]:
            mapping = columns_name(mapping, [f"split={options['split_column']}"])
        if options["not_scored"]:
            mapping = replace(mapping, not_scored=("", *options["not_scored"]))
        return mapping

    def import_finish(self, batch: ImportBatch, options: dict[str, Any], **chosen: Any) -> dict[str, Any]:
        """Map, start and run the import. Raises InputRefused if no row at all was good."""
        test = options["test_values"]
        roles = {"train": [v for v in options["reference_values"] if v not in test], "test": test}
        batch = import_map(batch=batch, mapping=self.mapping_chosen(batch, options), split_roles=roles, **chosen)
        return self.import_report(batch, options)

    def broken_off(self, dataset: DataSet, labels: str, *, with_pictures: bool) -> ImportBatch | None:
        """An earlier import of this very file that was killed or stopped, to go on with."""
        path = Path(labels).absolute()
        if not path.is_file():
            return None
        batch = ImportBatch.objects.filter(
            dataset=dataset,
            labels_path=str(path),
            with_pictures=with_pictures,
            finished_at=None,
            job__checkpoint__labels_sha256=file_sha256(path),
        ).first()
        if batch is not None:
            self.stderr.write(f"Going on with import {batch.pk}, which was broken off after {batch.rows_read} rows.")
        return batch

    def import_report(self, batch: ImportBatch, options: dict[str, Any]) -> dict[str, Any]:
        """Start the batch, or go on with it, and tell what came of it."""
        job = self.job_finish(import_start(batch=batch, user=self.acting_user()), queue=options["queue"])
        if options["queue"]:
            return {"dataset": batch.dataset_id, "batch": batch.pk, "job": job.pk}
        first = list(problem_rows(batch)[:PROBLEMS_SHOWN])
        for row in first:
            self.stderr.write(f"{row}: {row.problem}")
        result = job.result
        if result["problems"] > len(first):
            self.stderr.write(f"… and {result['problems'] - len(first)} more, on the import's page.")
        if result["problems"] == result["rows"]:
            raise InputRefused(f"None of the {result['rows']} rows could be imported; the first: {first[0].problem}.")
        return {**result, "job": job.pk}


def columns_name(mapping: ColumnMapping, named: Sequence[str]) -> ColumnMapping:
    """The mapping with columns given by hand as role=column or AU12=column. InputRefused for others."""
    for entry in named:
        what, equals, column = entry.partition("=")
        if not equals or column not in mapping.header:
            raise InputRefused(f"“{entry}” names no column; there are: {', '.join(mapping.header[:40])}.")
        mapping = _column_free(mapping, column)
        au = au_cell_parse(what) if what.lower().startswith("au") else None
        if au is not None:
            codes = {**dict(mapping.codes), au: column}
            mapping = replace(mapping, codes=tuple(sorted(codes.items())))
        elif what in ROLES:
            role: dict[str, Any] = {what: column}
            mapping = replace(mapping, **role)
        else:
            raise InputRefused(f"“{what}” is none of {', '.join(ROLES)}, nor an AU.")
    return mapping


def _column_free(mapping: ColumnMapping, column: str) -> ColumnMapping:
    """The mapping without any use of this column."""
    single: dict[str, Any] = {role: "" for role in ROLES if getattr(mapping, role) == column}
    pairs: dict[str, Any] = {
        name: tuple(pair for pair in getattr(mapping, name) if pair[1] != column)
        for name in ("codes", "intensities", "probabilities", "left", "right")
    }
    return replace(mapping, **single, **pairs)
