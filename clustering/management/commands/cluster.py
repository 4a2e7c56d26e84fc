"""manage.py cluster: a run of weakly supervised clustering for some AUs, or all."""

from argparse import ArgumentParser
from typing import Any, get_args

from annotator.errors import InputRefused
from annotator.management.base import CorrugatorCommand
from annotator.models import ClusterRun
from clustering.algorithms.groups import lambda_balanced
from clustering.algorithms.settings import Affinity, Cut, GroupKind, Solver, VoteKind
from clustering.selectors.inputs import weak_layers
from clustering.services.runs import run_create


class Command(CorrugatorCommand):
    help = "Group faces that look alike and carry alike labels, and propose corrected labels."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name or id")
        parser.add_argument("--au", type=int, nargs="+", help="default: every AU on the list")
        parser.add_argument("--lambda", type=float, dest="lam", help="pull of the weak labels, balanced unit")
        parser.add_argument(
            "--literal", action="store_true", help="--lambda is in the paper's unit: the balanced one times the faces"
        )
        parser.add_argument(
            "--lambda-steps",
            type=int,
            dest="lam_steps",
            metavar="N",
            help="try N values of lambda from 0.004 to 4 for each partition and take the best; 0 takes --lambda",
        )
        parser.add_argument("--dimensions", type=int, help="coordinates of the embedding")
        parser.add_argument("--neighbours", type=int)
        parser.add_argument("--solver", choices=get_args(Solver))
        parser.add_argument("--affinity", choices=get_args(Affinity), help="how nearness counts (default: gaussian)")
        parser.add_argument("--joint", action="store_true", default=None, help="one partition for all AUs")
        parser.add_argument(
            "--groups", choices=get_args(GroupKind), help="of a joint run: alike by each AU, or by the whole set"
        )
        parser.add_argument("--cut", choices=get_args(Cut), help="how clusters are cut (default: local)")
        parser.add_argument("--delta", type=int, metavar="N", help="clusters of N faces or fewer are noise")
        parser.add_argument("--vote", choices=get_args(VoteKind), help="how codes are proposed (default: witnesses)")
        parser.add_argument(
            "--features",
            type=int,
            metavar="ID",
            help="feature set (default: the promoted detector's, else the newest)",
        )
        parser.add_argument(
            "--weak-layer", type=int, metavar="ID", help="default: the promoted detector's, else most faces"
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--queue", action="store_true", help="hand the work to a worker")

    def run(self, *, dataset: str, seed: int, queue: bool, literal: bool, **options: Any) -> dict[str, Any]:
        found = self.dataset_named(dataset)
        if literal:
            if options["lam"] is None:
                raise InputRefused("--literal says what unit a lambda is in, so it needs --lambda.")
            options["lam"] = lambda_balanced(options["lam"], max(found.faces.count(), 1))
        names = (
            "lam", "lam_steps", "dimensions", "neighbours", "affinity", "solver", "joint", "groups", "cut", "delta",
            "vote",
        )  # fmt: skip
        run, job = run_create(
            dataset=found,
            user=self.acting_user(),
            aus=options["au"],
            configuration={name: options[name] for name in names if options[name] is not None},
            feature_set=_chosen(found.feature_sets, options["features"], "feature set"),
            weak_layer=_chosen(weak_layers(found), options["weak_layer"], "weak layer"),
            seed=seed,
        )
        job = self.job_finish(job, queue=queue)
        run.refresh_from_db()
        return {
            "dataset": found.pk,
            "run": run.pk,
            "job": job.pk,
            "faces": job.result.get("faces"),
            "clusters": job.result.get("clusters"),
            "changed": job.result.get("changed"),
            "partitions": _partitions(run),
        }


def _partitions(run: ClusterRun) -> list[dict[str, Any]]:
    """Of a finished run: the AUs of each partition, its lambda in both units, its clusters and their uMQI."""
    parts = (run.summary or {}).get("partitions", [])
    return [
        {
            "aus": aus,
            "lambda": part["lam"],
            "lambda_literal": part["lam_literal"],
            "clusters": part["clusters"],
            "umqi": part["umqi"],
        }
        for aus, part in zip(run.partitions, parts, strict=True)
    ]


def _chosen(rows: Any, wanted: int | None, what: str) -> Any:
    if wanted is None:
        return None
    found = rows.filter(pk=wanted).first()
    if found is None:
        raise InputRefused(f"The data set has no {what} {wanted}.")
    return found
