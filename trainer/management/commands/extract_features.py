"""manage.py extract_features: a feature set, from the default small detector or another."""

from argparse import ArgumentParser
from typing import Any

from annotator.errors import InputRefused
from annotator.management.base import CorrugatorCommand
from annotator.models import Detector
from trainer.services.features import BACKBONES, features_create


class Command(CorrugatorCommand):
    help = "Give every face a vector. Without --detector or --backbone the default small detector is trained."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name or id")
        source = parser.add_mutually_exclusive_group()
        source.add_argument("--detector", type=int, metavar="ID")
        source.add_argument("--backbone", metavar="NAME", default="", help=f"one of: {', '.join(BACKBONES)}")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--queue", action="store_true", help="hand the work to a worker")

    def run(
        self, *, dataset: str, detector: int | None, backbone: str, seed: int, queue: bool, **options: Any
    ) -> dict[str, Any]:
        found = self.dataset_named(dataset)
        chosen = Detector.objects.filter(pk=detector, dataset=found).first() if detector else None
        if detector and chosen is None:
            raise InputRefused(f"The data set has no detector {detector}.")
        job, _ = features_create(
            dataset=found, user=self.acting_user(), detector=chosen, backbone=backbone, seed=seed
        )
        job = self.job_finish(job, queue=queue)
        result = {key: job.result.get(key) for key in ("feature_set", "detector", "faces")}
        return {"dataset": found.pk, "job": job.pk, **result}
