"""manage.py project: lay the faces out on a plane, for the map."""

from argparse import ArgumentParser
from typing import Any

from annotator.choices import ProjectionMethod
from annotator.errors import InputRefused
from annotator.management.base import CorrugatorCommand
from clustering.services.projections import projection_create


class Command(CorrugatorCommand):
    help = "Make the map of a data set's faces, once, out of a feature set."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name or id")
        parser.add_argument(
            "--method",
            choices=ProjectionMethod.values,
            default="",
            help="umap keeps neighbours together and is slow; pca shows the two directions of most variance and "
            "is quick (default: by the number of faces)",
        )
        parser.add_argument(
            "--features",
            type=int,
            metavar="ID",
            help="feature set (default: the promoted detector's, else the newest)",
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--queue", action="store_true", help="hand the work to a worker")

    def run(
        self, *, dataset: str, method: str, features: int | None, seed: int, queue: bool, **options: Any
    ) -> dict[str, Any]:
        found = self.dataset_named(dataset)
        feature_set = found.feature_sets.filter(pk=features).first() if features is not None else None
        if features is not None and feature_set is None:
            raise InputRefused(f"The data set has no feature set {features}.")
        made, job = projection_create(
            dataset=found, user=self.acting_user(), method=method, feature_set=feature_set, seed=seed
        )
        if job is None:
            assert made is not None
            told = {"projection": made.pk, "faces": made.configuration["faces"], "method": made.method}
            return {"dataset": found.pk, **told, "job": made.job_id, "made": False}
        job = self.job_finish(job, queue=queue)
        return {
            "dataset": found.pk,
            "projection": job.result.get("projection"),
            "faces": job.result.get("faces"),
            "method": job.params["method"],
            "job": job.pk,
            "made": not queue,
        }
