"""manage.py import_dataset: faces and their labels from pictures and a label file."""

from argparse import ArgumentParser
from typing import Any

from annotator.errors import InputRefused
from annotator.management.imports import ImportCommand
from annotator.services.datasets import dataset_create
from annotator.services.importing import import_prepare


class Command(ImportCommand):
    help = "Import face pictures and their labels into a data set, which is made if there is none."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name (or id, of one that exists) of the data set")
        parser.add_argument("--images", nargs="+", required=True, metavar="PATH", help="folders or ZIP files")
        parser.add_argument("--labels", required=True, metavar="CSV", help="the label file, or a ZIP that holds it")
        self.import_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        user = self.acting_user()
        name, labels = options["name"], options["labels"]
        try:
            dataset = self.dataset_named(name)
        except InputRefused:
            dataset = dataset_create(name=name, user=user)
        if batch := self.broken_off(dataset, labels, with_pictures=True):
            return self.import_report(batch, options)
        batch = import_prepare(
            dataset=dataset,
            user=user,
            labels_path=labels,
            labels_file=labels,
            pictures=options["images"],
            layer_kind=options["layer"],
            table=options["table"],
        )
        return self.import_finish(batch, options)
