"""Which faces are in which cluster: the run's array, and what reviewers split off since.

A run's membership is immutable. A cluster that was split off holds rows of its own (SplitFace) instead;
the cluster that it came from holds what is left.
"""

import numpy as np
from numpy.typing import NDArray

from annotator.models import Cluster, ClusterRun, SplitFace
from annotator.selectors.arrays import array_read


def cluster_positions(cluster: Cluster) -> NDArray[np.int64]:
    """The positions of a cluster's faces, ascending, (size,)."""
    if cluster.split_from_id is not None:
        held = _positions(SplitFace.objects.filter(cluster=cluster).values_list("face__position", flat=True))
    elif cluster.run.membership is None:
        return np.zeros(0, np.int64)
    else:
        membership = array_read(cluster.run.membership)
        held = np.flatnonzero(membership[:, cluster.partition] == cluster.number)
    gone = SplitFace.objects.filter(cluster__split_from=cluster).values_list("face__position", flat=True)
    left: NDArray[np.int64] = np.setdiff1d(held, _positions(gone))
    return left


def run_membership(run: ClusterRun, partition: int) -> NDArray[np.int32]:
    """The cluster number of every position in one partition, (positions,), as it is after all splits."""
    assert run.membership is not None
    membership = array_read(run.membership)[:, partition]
    places, numbers = splits_of(run, partition)
    if not len(places):
        return membership
    moved = np.array(membership)
    moved[places] = numbers
    return moved


def splits_of(run: ClusterRun, partition: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The positions that are no longer in the cluster that the run gave them, and the numbers of the
    clusters they are in now; both (faces split off,)."""
    rows = SplitFace.objects.filter(cluster__run=run, cluster__partition=partition)
    # A face split off twice is in the later of the two clusters.
    found = dict(rows.order_by("cluster_id").values_list("face__position", "cluster__number"))
    return np.array(list(found), np.int64), np.array(list(found.values()), np.int32)


def _positions(values: object) -> NDArray[np.int64]:
    return np.sort(np.fromiter(values, np.int64))  # type: ignore[call-overload]
