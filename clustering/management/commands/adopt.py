"""manage.py adopt: make a run's proposals the data set's."""

from argparse import ArgumentParser
from typing import Any

from annotator.errors import InputRefused
from annotator.management.base import CorrugatorCommand
from annotator.models import ClusterRun
from clustering.services.runs import run_adopt


class Command(CorrugatorCommand):
    help = "Write a finished run's proposals into the proposal layer, which reviewers then see."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run_id", type=int, metavar="RUN", help="the id that `cluster --json` gives as run")

    def run(self, *, run_id: int, **options: Any) -> dict[str, Any]:
        run = ClusterRun.objects.select_related("dataset").filter(pk=run_id).first()
        if run is None:
            raise InputRefused(f"There is no run {run_id}.")
        layer = run_adopt(run=run, user=self.acting_user())
        return {"dataset": run.dataset_id, "run": run.pk, "layer": layer.pk, "aus": run.aus}
