"""`manage.py export_labels DATASET --out FILE`: the cleaned table and its dictionary, into files."""

import os
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from annotator.choices import ExportShape
from annotator.errors import InputRefused
from annotator.formats.presets import PRESETS
from annotator.management.base import CorrugatorCommand
from annotator.models import Export
from annotator.selectors.exports import export_file_open
from annotator.services.exporting import export_create, export_downloaded

PIECE = 1 << 20


class Command(CorrugatorCommand):
    help = "Export the labels of a data set as a CSV file with a data dictionary beside it."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name or id of the data set")
        parser.add_argument("--out", required=True, type=Path, help="the file to write; FILE-stem.dictionary.csv too")
        parser.add_argument("--shape", default=ExportShape.WIDE, choices=ExportShape.values)
        parser.add_argument("--preset", default="standard", choices=list(PRESETS), help="dialect of a wide table")
        parser.add_argument(
            "--accept-proposals", action="store_true", help="unreviewed proposals count before weak codes"
        )

    def run(self, **options: Any) -> dict[str, Any]:
        dataset = self.dataset_named(options["dataset"])
        out: Path = options["out"]
        if not out.parent.is_dir():
            raise InputRefused(f"There is no folder “{out.parent}” to write into.")
        if out.is_dir():
            raise InputRefused(f"“{out}” is a folder: name a file.")
        user = self.acting_user()
        export, job = export_create(
            dataset=dataset,
            user=user,
            shape=options["shape"],
            preset=options["preset"],
            accept_proposals=options["accept_proposals"],
        )
        job = self.job_finish(job)
        export = Export.objects.select_related("dataset").get(pk=export.pk)
        dictionary = out.with_name(f"{out.stem}.dictionary.csv")
        _copy(export, dictionary, dictionary=True)
        _copy(export, out)
        export_downloaded(export=export, user=user)
        return {
            "dataset": dataset.pk,
            "export": export.pk,
            "rows": export.rows,
            "codes": job.result["codes"],
            "by_source": job.result["by_source"],
            "sha256": export.sha256,
            "out": str(out),
            "dictionary": str(dictionary),
        }


def _copy(export: Export, target: Path, *, dictionary: bool = False) -> None:
    """Copy the stored file under a temporary name, then rename it: a whole file or none."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with export_file_open(export, dictionary=dictionary) as source, os.fdopen(handle, "wb") as file:
            while piece := source.read(PIECE):
                file.write(piece)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
