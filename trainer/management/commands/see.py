"""manage.py see: make what a detector sees, for its page."""

from argparse import ArgumentParser
from typing import Any

from annotator.errors import InputRefused
from annotator.management.base import CorrugatorCommand
from annotator.models import Detector
from trainer.services.seeing import sight_create


class Command(CorrugatorCommand):
    help = (
        "Make what a detector sees: a picture for each AU, its features on a plane, how far they tell people apart."
    )

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name or id")
        parser.add_argument("--detector", type=int, metavar="ID", required=True)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--queue", action="store_true", help="hand the work to a worker")

    def run(self, *, dataset: str, detector: int, seed: int, queue: bool, **options: Any) -> dict[str, Any]:
        found = self.dataset_named(dataset)
        chosen = Detector.objects.filter(pk=detector, dataset=found).select_related("dataset").first()
        if chosen is None:
            raise InputRefused(f"The data set has no detector {detector}.")
        job, _new = sight_create(detector=chosen, user=self.acting_user(), seed=seed)
        job = self.job_finish(job, queue=queue)
        result = {key: job.result.get(key) for key in ("sight", "feature_set", "projection")}
        return {"dataset": found.pk, "job": job.pk, "detector": detector, **result}
