"""manage.py import_labels: one more label file for the faces of a data set."""

from argparse import ArgumentParser
from typing import Any

from annotator.errors import InputRefused
from annotator.management.imports import ImportCommand
from annotator.services.importing import import_prepare


class Command(ImportCommand):
    help = "Import labels for faces that are in the data set already, into a layer of their own."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name or id")
        parser.add_argument("--labels", required=True, metavar="CSV", help="AUx_prob columns become probabilities")
        parser.add_argument("--into", metavar="LAYER", help="an existing layer whose codes these replace")
        self.import_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        found = self.dataset_named(options["dataset"])
        labels, into = options["labels"], options["into"]
        layer = found.layers.filter(name=into).first() if into else None
        if into and layer is None:
            raise InputRefused(f"The data set has no layer called “{into}”.")
        if batch := self.broken_off(found, labels, with_pictures=False):
            return self.import_report(batch, options)
        batch = import_prepare(
            dataset=found,
            user=self.acting_user(),
            labels_path=labels,
            labels_file=labels,
            with_pictures=False,
            layer_kind=options["layer"],
            table=options["table"],
        )
        return self.import_finish(batch, options, layer=layer)
