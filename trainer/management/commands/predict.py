"""manage.py predict: a detector looks at every face; its scores, codes and features are kept."""

from argparse import ArgumentParser
from typing import Any

from annotator.errors import InputRefused
from annotator.management.base import CorrugatorCommand
from annotator.models import Detector
from trainer.services.training import prediction_create


class Command(CorrugatorCommand):
    help = "Let a detector look at every face: a layer of predictions with probabilities, and a feature set."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name or id")
        parser.add_argument("--detector", type=int, metavar="ID", required=True)
        parser.add_argument("--queue", action="store_true", help="hand the work to a worker")

    def run(self, *, dataset: str, detector: int, queue: bool, **options: Any) -> dict[str, Any]:
        found = self.dataset_named(dataset)
        chosen = Detector.objects.filter(pk=detector, dataset=found).select_related("dataset").first()
        if chosen is None:
            raise InputRefused(f"The data set has no detector {detector}.")
        job, _new = prediction_create(detector=chosen, user=self.acting_user())
        job = self.job_finish(job, queue=queue)
        result = {key: job.result.get(key) for key in ("layer", "feature_set", "faces")}
        return {"dataset": found.pk, "job": job.pk, "detector": detector, **result}
