"""What the run pages show: the runs, one row for each AU, the clusters to look at first."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from annotator.errors import NotFound
from annotator.models import Cluster, ClusterRun, DataSet
from annotator.selectors.codes import blind_refuse
from annotator.selectors.overview import better_of

SETTING_WORDS = {
    "neighbours": _("neighbours of a face"),
    "search": _("neighbour search"),
    "graph": _("which neighbours are tied"),
    "affinity": _("weight of a tie by distance"),
    "laplacian": _("normalisation of the graph"),
    "lam": _("pull of the weak labels, balanced unit"),
    "dimensions": _("dimensions of the embedding"),
    "solver": _("how the embedding is found"),
    "joint": _("one set of clusters for all AUs"),
    "groups": _("faces that labels pull together in a joint run: alike in an AU, or in the set"),
    "vote": _("how codes are proposed"),
    "cluster_neighbours": _("neighbours in the embedding"),
    "cut": _("how clusters are cut"),
    "delta": _("faces up to which a cluster is noise"),
    "cluster_density": _("density that a cluster must keep, for the cut by density"),
    "cluster_cap": _("faces at which a cluster stops growing"),
    "cluster_least": _("faces that a cluster has at least"),
    "noise_fraction": _("share of the faces that goes to the noise group"),
    "sweep_steps": _("cuts on the uMQI curve"),
}
SEARCH_WORDS = {"flat": _("all pairs compared"), "ivf": _("inverted file"), "hnsw": _("small-world graph")}


def settings_told(run: ClusterRun) -> dict[str, Any]:
    """The run's settings by name, as people read them: λ and its sweep are one."""
    told = dict(run.configuration)
    if steps := told.pop("lam_steps", 0):
        told["lam"] = _("best of %(steps)d") % {"steps": steps}
    return {name: _yes_or_no(value) if isinstance(value, bool) else value for name, value in told.items()}


def _yes_or_no(value: bool) -> Any:
    return _("yes") if value else _("no")


def runs_of(dataset: DataSet) -> QuerySet[ClusterRun]:
    """The data set's runs, newest first, with their job and counts of clusters and corrections."""
    # Counted beside the runs: grouped with them, each cluster's row would carry its run's curves and summary.
    real = Cluster.objects.filter(run=OuterRef("pk"), number__gt=0).order_by().values("run")
    runs = dataset.runs.select_related("job", "created_by", "weak_layer", "feature_set").annotate(
        cluster_count=Coalesce(Subquery(real.annotate(n=Count("pk")).values("n")), 0),
        corrections=Subquery(real.annotate(n=Sum("expected_corrections")).values("n")),
    )
    return runs.order_by("-id")


def run_for(user: User, dataset: DataSet, run_id: int) -> ClusterRun:
    """The run, unless the user is in the middle of a blind assignment, which runs would undo."""
    blind_refuse(user, dataset)
    run = runs_of(dataset).filter(pk=run_id).first()
    if run is None:
        raise NotFound(_("There is no such run in this data set."))
    return run


@dataclass(frozen=True)
class AURow:
    """One AU of a finished run, shares between 0 and 1."""

    au: int
    weak_rate: float | None
    proposal_rate: float | None
    changed: int
    added: int
    clusters: int
    noise: int
    corrections: float
    held_out: dict[str, Any] | None
    """Agreement and F1 on reference faces, weights fitted without each of them; None without reference."""
    witnesses: list[tuple[str, float]]
    """What the vote listened to, the heaviest first."""
    kept: list[tuple[str, int]]
    """Why faces keep their weak label whatever the vote says, and how many for each reason; none left out."""

    @property
    def better(self) -> dict[str, str]:
        """For agreement and F1: which side is the better one as printed; empty where they are alike."""
        told = self.held_out or {}
        return {
            "agreement": better_of(told.get("weak_agreement"), told.get("agreement"), 3),
            "f1": better_of(told.get("weak_f1"), told.get("f1"), 2),
        }


def run_rows(run: ClusterRun) -> list[AURow]:
    """The finished run's AUs in the order of its columns."""
    partition_of = {au: index for index, aus in enumerate(run.partitions) for au in aus}
    corrections: dict[str, float] = {}
    for votes in run.clusters.filter(number__gt=0).values_list("votes", flat=True).iterator():
        for au, vote in votes.items():
            corrections[au] = corrections.get(au, 0.0) + (vote.get("corrections") or 0.0)
    rows = []
    for au, told in zip(run.aus, run.summary["per_au"], strict=True):
        part = run.summary["partitions"][partition_of[au]]
        witnesses = [(name, weight) for name, weight in told["witnesses"].items() if weight]
        rows.append(
            AURow(
                au,
                told["weak_rate"],
                told["proposal_rate"],
                told["changed"],
                told["added"],
                part["clusters"],
                part["noise"],
                corrections.get(str(au), 0.0),
                told.get("held_out"),
                sorted(witnesses, key=lambda pair: -abs(pair[1])),
                [(reason, count) for reason, count in told.get("kept", {}).items() if count],
            )
        )
    return rows


def clusters_first(run: ClusterRun, partition: int, limit: int = 12) -> list[Cluster]:
    """The partition's clusters with the most expected corrections."""
    return list(
        run.clusters.filter(partition=partition, number__gt=0).order_by("-expected_corrections", "number")[:limit]
    )
