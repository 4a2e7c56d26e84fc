"""Splitting a cluster under review: the chosen faces become a cluster of their own, and can be put back
as long as nobody has decided in it (docs/decisions/0010-splitting-a-cluster.md).

Locks are taken in the order that decisions take them (the assignment, then the cluster), so that a split
and a decision of the same person never wait for each other.
"""

from collections.abc import Sequence

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.choices import AssignmentState, Mode
from annotator.errors import Conflict, InputRefused
from annotator.models import Assignment, Cluster, Member, SplitFace
from annotator.selectors.memberships import cluster_positions
from annotator.selectors.review import assignment_open
from annotator.selectors.splits import cluster_figures, merge_hindrance, split_hindrance
from annotator.selectors.tiles import faces_at
from annotator.services.assignments import assignment_renew, assignment_reopen, lease_end
from annotator.services.datasets import audit, revision_raise

BATCH = 1_000


def cluster_split(*, cluster: Cluster, user: User, faces: Sequence[int]) -> Cluster:
    """Make the faces at these positions a cluster of their own, in the same run and partition, and hand
    it to the user, who keeps the rest too. Codes and decisions stay as they are.

    Raises Conflict where the cluster isn't the user's or stays whole (selectors.splits.split_hindrance),
    and where faces are no longer in it; InputRefused for a choice of none, or of all of them.
    """
    dataset = cluster.run.dataset
    chosen = np.unique(np.array(faces, np.int64))
    if not len(chosen):
        raise InputRefused(_("Choose the faces to split off first."))
    with transaction.atomic():
        Member.objects.select_for_update().get(dataset=dataset, user=user)
        assignment = assignment_open(dataset, user, cluster)
        if reason := split_hindrance(cluster, user, assignment):
            raise Conflict(reason)
        assert assignment is not None
        assignment_renew(assignment=assignment, user=user)
        Cluster.objects.select_for_update().get(pk=cluster.pk)
        here = cluster_positions(cluster)
        rows = faces_at(dataset, chosen.tolist())
        if len(rows) != len(chosen) or not np.isin(chosen, here).all():
            raise Conflict(_("Some of these faces are no longer in this cluster. Nothing was split: look again."))
        if len(chosen) == len(faces_at(dataset, here.tolist())):
            raise InputRefused(_("That is every face of the cluster: leave at least one in it."))
        part = _part_make(cluster, user)
        SplitFace.objects.bulk_create(
            [SplitFace(cluster=part, face=rows[position]) for position in chosen.tolist()], batch_size=BATCH
        )
        Assignment.objects.create(
            dataset=dataset,
            coder=user,
            cluster=part,
            aus=assignment.aus,
            seat=0,
            mode=Mode(assignment.mode),
            lease_until=lease_end(),
        )
        for changed in (cluster, part):
            _figures_write(changed)
        revision_raise(dataset)
        audit(dataset, user, "cluster split", **_words(cluster, part))
    return part


def cluster_merge(*, cluster: Cluster, user: User) -> Cluster:
    """Put a split-off cluster back into the one it came from, which is returned; it is gone then, its
    number may be given again, and the audit trail keeps both. Conflict where it stays
    (selectors.splits.merge_hindrance)."""
    dataset = cluster.run.dataset
    with transaction.atomic():
        Member.objects.select_for_update().get(dataset=dataset, user=user)
        pair = [cluster.pk, cluster.split_from_id or 0]
        list(Assignment.objects.select_for_update().filter(cluster__in=pair).order_by("pk"))
        if len(Cluster.objects.select_for_update().filter(pk__in=pair).order_by("pk")) < 2:
            raise Conflict(_("This cluster was put back already, or never split off."))
        if reason := merge_hindrance(cluster, user):
            raise Conflict(reason)
        origin = cluster.split_from
        assert origin is not None
        said = _words(origin, cluster)
        Assignment.objects.filter(cluster=cluster).delete()
        cluster.delete()
        _figures_write(origin)
        done = Assignment.objects.filter(cluster=origin, coder=user, state=AssignmentState.DONE).first()
        if done is not None:
            assignment_reopen(assignment=done, user=user)
        revision_raise(dataset)
        audit(dataset, user, "cluster put back", **said)
    return origin


def _part_make(cluster: Cluster, user: User) -> Cluster:
    """An empty cluster beside this one. The row of the one it comes from is locked, but two others of the
    partition may be split at the same moment: the run's row puts them in order."""
    type(cluster.run).objects.select_for_update().get(pk=cluster.run_id)
    highest = cluster.run.clusters.filter(partition=cluster.partition).aggregate(highest=Max("number"))["highest"]
    return Cluster.objects.create(
        run=cluster.run,
        partition=cluster.partition,
        number=highest + 1,
        aus=cluster.aus,
        size=0,
        split_from=cluster,
        split_by=user,
        split_at=timezone.now(),
    )


def _figures_write(cluster: Cluster) -> None:
    figures = cluster_figures(cluster, cluster_positions(cluster))
    cluster.size, cluster.votes = figures.size, figures.votes
    cluster.agreement, cluster.expected_corrections = figures.agreement, figures.expected_corrections
    cluster.save(update_fields=["size", "votes", "agreement", "expected_corrections"])


def _words(origin: Cluster, part: Cluster) -> dict[str, int]:
    return {"run": origin.run_id, "cluster": origin.number, "part": part.number, "faces": part.size}
