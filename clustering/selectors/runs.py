"""What the run pages show: one row an AU, the clusters, and the pictures' points."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet, Sum

from annotator.errors import NotAllowed, NotFound
from annotator.models import Cluster, ClusterRun, DataSet
from annotator.selectors.arrays import array_read
from annotator.selectors.codes import is_blind

MAP_POINTS = 2_000
"""Most faces drawn in the little map of a run page; a seeded sample of them."""
SIZE_STEPS = (2, 5, 10, 15, 20, 25, 30, 40, 60, 100, 1_000, 10_000)


def runs_of(dataset: DataSet) -> QuerySet[ClusterRun]:
    """The data set's runs, newest first, with their job and counts of clusters and corrections."""
    real = Q(clusters__number__gt=0)
    return dataset.runs.select_related("job", "created_by", "weak_layer", "feature_set").annotate(
        cluster_count=Count("clusters", filter=real),
        corrections=Sum("clusters__expected_corrections", filter=real),
    )


def run_for(user: User, dataset: DataSet, run_id: int) -> ClusterRun:
    """The run, unless the user is in the middle of a blind assignment, which runs would undo."""
    blind_refuse(user, dataset)
    run = runs_of(dataset).filter(pk=run_id).first()
    if run is None:
        raise NotFound("There is no such run in this data set.")
    return run


def blind_refuse(user: User, dataset: DataSet) -> None:
    """Raises NotAllowed for somebody who has a blind assignment open."""
    if is_blind(user, dataset):
        raise NotAllowed("You have a blind assignment open: runs and proposals are hidden until it is finished.")


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
            )
        )
    return rows


def clusters_first(run: ClusterRun, partition: int, limit: int = 12) -> list[Cluster]:
    """The partition's clusters with the most expected corrections."""
    return list(
        run.clusters.filter(partition=partition, number__gt=0).order_by("-expected_corrections", "number")[:limit]
    )


@dataclass(frozen=True)
class Bar:
    """One bar of a histogram: its label, count, and share of the tallest."""

    label: str
    count: int
    x: float
    y: float
    height: float


def size_bars(run: ClusterRun, partition: int) -> list[Bar]:
    """How many clusters have which size, in a picture of 100 × 100."""
    sizes = np.array(run.clusters.filter(partition=partition, number__gt=0).values_list("size", flat=True))
    steps = [1, *SIZE_STEPS]
    counts = np.histogram(sizes, bins=[*steps, 10**9])[0] if len(sizes) else np.zeros(len(steps), int)
    last = int(np.flatnonzero(counts)[-1]) + 1 if counts.any() else 0
    tallest = max(int(counts.max(initial=0)), 1)
    labels = [f"{low}–{high - 1}" if high - low > 1 else str(low) for low, high in itertools.pairwise(steps)]
    labels.append(f"{steps[-1]}+")
    return [
        Bar(labels[i], int(counts[i]), i * 100 / last, 100 - counts[i] * 100 / tallest, counts[i] * 100 / tallest)
        for i in range(last)
    ]


@dataclass(frozen=True)
class Curve:
    """The uMQI curve of Fig. 5(a) for a picture of 100 × 100, and its best point in words."""

    points: str
    lowest: float
    highest: float
    fewest: int
    most: int


def umqi_curve(run: ClusterRun, partition: int) -> Curve | None:
    """uMQI against the number of clusters (logarithmic) over the thresholds of one global cut."""
    tables = run.curves.get("umqi") or []
    table = np.array(tables[partition]) if partition < len(tables) and tables[partition] else np.zeros((0, 4))
    table = table[table[:, 2] > 0] if len(table) else table
    if len(table) < 2:
        return None
    clusters, umqi = table[:, 2], table[:, 1]
    x = np.log(clusters)
    across = (x - x.min()) / max(float(np.ptp(x)), 1e-9) * 100
    up = 100 - (umqi - umqi.min()) / max(float(np.ptp(umqi)), 1e-9) * 100
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in sorted(zip(across, up, strict=True)))
    return Curve(points, float(umqi.min()), float(umqi.max()), int(clusters.min()), int(clusters.max()))


@dataclass(frozen=True)
class MapPoint:
    x: float
    y: float
    kind: str
    """present or absent, as proposed."""


def map_points(run: ClusterRun, au: int) -> list[MapPoint]:
    """Up to MAP_POINTS faces in the first two coordinates of the AU's embedding, in 100 × 100."""
    if run.embedding is None or run.proposals is None or run.membership is None:
        return []
    partition = next(index for index, aus in enumerate(run.partitions) if au in aus)
    plane = np.asarray(array_read(run.embedding)[:, partition])
    codes = np.asarray(array_read(run.proposals)[:, run.aus.index(au)])
    rows = np.flatnonzero(np.isfinite(plane).all(axis=1) & (codes >= 0))
    if len(rows) == 0:
        return []
    if len(rows) > MAP_POINTS:
        rows = np.sort(np.random.default_rng(run.pk).choice(rows, MAP_POINTS, replace=False))
    # A few far faces must not squeeze the others into a dot.
    low, high = np.quantile(plane[rows], [0.01, 0.99], axis=0)
    place = np.clip((plane[rows] - low) / np.maximum(high - low, 1e-9), 0, 1) * 96 + 2
    kinds = np.where(codes[rows] == 1, "present", "absent")
    order = np.argsort(codes[rows], kind="stable")
    return [MapPoint(round(float(place[i, 0]), 1), round(float(place[i, 1]), 1), str(kinds[i])) for i in order]
