"""The middles of clusters among the vectors that the run grouped, and how far faces lie from them."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from annotator.models import Cluster, ClusterRun
from annotator.selectors.arrays import array_read
from annotator.selectors.columns import Columns
from annotator.selectors.memberships import cluster_positions, splits_of

ROWS = 20_000
"""Rows of vectors that are in memory at once."""
KEPT = 4
"""Partitions whose middles a process keeps: the arrays behind them never change."""


def has_vectors(run: ClusterRun) -> bool:
    return run.feature_set_id is not None or run.embedding_id is not None


def run_vectors(run: ClusterRun, partition: int) -> NDArray[np.float32]:
    """(positions, dimensions), mapped: the features that the run started from, or else the two
    dimensions of its embedding. Rows without a face hold NaN. Ask `has_vectors` first."""
    if run.feature_set is not None:
        features: NDArray[np.float32] = array_read(run.feature_set.features)
        return features
    assert run.embedding is not None
    plane: NDArray[np.float32] = array_read(run.embedding)[:, partition]
    return plane


def middle_distances(cluster: Cluster, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far each face (N,) lies from the middle of the cluster's faces; NaN without a vector."""
    vectors = run_vectors(cluster.run, cluster.partition)
    middle = _middle(vectors, cluster_positions(cluster))
    apart = np.full(len(positions), np.nan)
    inside = np.flatnonzero(positions < len(vectors))
    for start in range(0, len(inside), ROWS):
        rows = inside[start : start + ROWS]
        apart[rows] = np.linalg.norm(vectors[positions[rows]].astype(np.float64) - middle, axis=1)
    return apart


def _middle(vectors: NDArray[np.float32], positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean of these rows that are known, (dimensions,); NaN where none is."""
    total, count = np.zeros(vectors.shape[1]), 0
    positions = positions[positions < len(vectors)]
    for start in range(0, len(positions), ROWS):
        rows = vectors[positions[start : start + ROWS]].astype(np.float64)
        known = np.isfinite(rows).all(axis=1)
        total += rows[known].sum(axis=0)
        count += int(known.sum())
    return total / count if count else np.full(vectors.shape[1], np.nan)


def cluster_nearest(cluster: Cluster) -> tuple[Cluster, float] | None:
    """The cluster of the same partition whose middle is nearest to this one's, and how far it is; None
    where there is no other, or no vector to tell by. Group 0 is no neighbour: it has no middle."""
    run = cluster.run
    if run.membership is None or not has_vectors(run):
        return None
    middles = _middles_after_splits(run, cluster.partition)
    own = middles[cluster.number] if cluster.number < len(middles) else np.full(middles.shape[1], np.nan)
    if not np.isfinite(own).all():
        own = _middle(run_vectors(run, cluster.partition), cluster_positions(cluster))
    apart = np.linalg.norm(middles - own, axis=1)
    apart[[number for number in (0, cluster.number) if number < len(apart)]] = np.nan
    for number in np.argsort(apart)[: np.isfinite(apart).sum()].tolist():
        found = run.clusters.filter(partition=cluster.partition, number=number, size__gt=0).first()
        if found is not None:
            return found, float(apart[number])
    return None


def _middles_after_splits(run: ClusterRun, partition: int) -> NDArray[np.float64]:
    """The middle of every cluster number of a partition, (numbers, dimensions)."""
    assert run.membership is not None
    sums, counts = _sums_kept(run.pk, partition, run.membership.sha256, _vectors_sha(run))
    places, numbers = splits_of(run, partition)
    if len(places):
        more = max(int(numbers.max()) + 1 - len(counts), 0)
        sums, counts = np.pad(sums, ((0, more), (0, 0))), np.pad(counts, (0, more))
        vectors = run_vectors(run, partition)
        inside = places < len(vectors)
        places, numbers = places[inside], numbers[inside]
        rows = vectors[places].astype(np.float64)
        known = np.isfinite(rows).all(axis=1)
        before = array_read(run.membership)[places, partition]
        for numbered, step in ((before, -1), (numbers, 1)):
            np.add.at(sums, numbered[known], step * rows[known])
            np.add.at(counts, numbered[known], step)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums / counts[:, None])


def _vectors_sha(run: ClusterRun) -> str:
    if run.feature_set is not None:
        return str(run.feature_set.features.sha256)
    return run.embedding.sha256 if run.embedding is not None else ""


@lru_cache(maxsize=KEPT)
def _sums_kept(
    run_id: int, partition: int, membership_sha256: str, vectors_sha256: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The sum of the vectors of each cluster number (numbers, dimensions) and how many there are
    (numbers,); stored, for a million faces take seconds. The checksums are there for the caches: blanked
    arrays (a withdrawal) have others."""
    run = ClusterRun.objects.select_related("dataset", "membership", "embedding", "feature_set__features").get(
        pk=run_id
    )
    membership = run.membership
    assert membership is not None

    def made() -> NDArray[np.float64]:
        numbers = np.asarray(array_read(membership)[:, partition])
        return np.column_stack(sums_by_number(numbers, run_vectors(run, partition)))

    stamp = f"{membership_sha256[:16]}-{vectors_sha256[:16]}"
    table = Columns(run.dataset).kept(f"middles-{run_id}-{partition}", stamp, made)
    return np.asarray(table[:, :-1]), table[:, -1].astype(np.int64)


def middles_keep(run: ClusterRun) -> None:
    """Count the middles of a run's clusters now, so that no page has to: for the end of its job."""
    if run.membership is not None and has_vectors(run):
        for partition in range(len(run.partitions)):
            _sums_kept(run.pk, partition, run.membership.sha256, _vectors_sha(run))


def sums_by_number(
    numbers: NDArray[np.int32], vectors: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sums (numbers, dimensions) and counts (numbers,) of the known rows of each number above 0."""
    size = max(int(numbers.max(initial=0)), 0) + 1
    sums, counts = np.zeros((size, vectors.shape[1])), np.zeros(size, np.int64)
    for start in range(0, min(len(numbers), len(vectors)), ROWS):
        rows = np.asarray(vectors[start : start + ROWS])
        here = numbers[start : start + len(rows)]
        order = np.argsort(here, kind="stable")
        # A row with a hole has a sum that is none; looking at every number takes twice as long.
        order = order[(here[order] > 0) & np.isfinite(rows.sum(axis=1))[order]]
        if not len(order):
            continue
        found, first, count = np.unique(here[order], return_index=True, return_counts=True)
        sums[found] += np.add.reduceat(rows[order].astype(np.float64), first, axis=0)
        counts[found] += count
    return sums, counts
