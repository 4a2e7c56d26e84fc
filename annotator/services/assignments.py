"""Handing out clusters: one seat a coder, a lease that decisions renew, no cluster to two by chance.

Who gets a cluster is settled by the unique constraints on (cluster, seat) and (cluster, coder):
whoever inserts first has it, everybody else takes the next candidate.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.choices import AssignmentState, Mode
from annotator.errors import Conflict, InputRefused, NotAllowed
from annotator.models import Assignment, Cluster, DataSet, Member
from annotator.selectors.codes import mask_of_aus
from annotator.selectors.review import ACTIVE, cluster_aus, clusters_free, coders_needed

CANDIDATES = 50
"""Clusters tried before the list is read again."""


def assignment_next(
    dataset: DataSet, user: User, *, within: Collection[int] | None = None, mode: Mode = Mode.ASSISTED
) -> Assignment | None:
    """The user's open assignment if there is one, else the free cluster with the most expected
    corrections; None when nothing is left that this user could take now.

    With `within`, only clusters made for one of these AUs count, open ones too: what the user holds of
    others is kept for them until its lease runs out. Clusters the user gave back come last. Safe for any number
    of simultaneous callers.
    """
    with transaction.atomic():
        # One caller at a time for each person: a double click must not take two clusters.
        Member.objects.select_for_update().get(dataset=dataset, user=user)
        leases_expire(dataset=dataset, but=user)
        mine = _own_open(dataset, user, within)
        if mine is not None:
            return mine
        needed = coders_needed(dataset)
        tried: set[int] = set()
        while candidates := list(clusters_free(dataset, user, within).exclude(pk__in=tried)[:CANDIDATES]):
            for cluster in candidates:
                tried.add(cluster.pk)
                assignment = _seat_take(cluster, user, needed, mode)
                if assignment is not None:
                    return assignment
    return None


def assignment_take(*, cluster: Cluster, user: User, mode: Mode = Mode.ASSISTED) -> Assignment:
    """A seat on this very cluster; Conflict where none is free (it says who holds it)."""
    dataset = cluster.run.dataset
    with transaction.atomic():
        Member.objects.select_for_update().get(dataset=dataset, user=user)
        leases_expire(dataset=dataset, but=user)
        mine = Assignment.objects.filter(cluster=cluster, coder=user, state__in=ACTIVE).first()
        if mine is not None:
            if mine.state == AssignmentState.DONE:
                assignment_reopen(assignment=mine, user=user)
            return mine
        if cluster.number == 0:
            raise InputRefused(_("This is the noise group: it is reviewed in the noise gallery."))
        if not cluster_aus(cluster):
            raise Conflict(_("This cluster's proposals are no longer in use: a later run was adopted."))
        assignment = _seat_take(cluster, user, coders_needed(dataset), mode)
    if assignment is None:
        raise Conflict(_("This cluster is taken: %(holders)s.") % {"holders": ", ".join(_holders(cluster))})
    return assignment


def assignment_renew(*, assignment: Assignment, user: User) -> None:
    """Renew the lease on the user's own assignment; take it back if it ran out and nobody else has
    it. Raises Conflict when it is finished or somebody else has it now; call inside a transaction."""
    own_assignment_check(assignment, user)
    mine = Assignment.objects.filter(pk=assignment.pk, coder=user)
    until = lease_end()
    if mine.filter(state=AssignmentState.OPEN).update(lease_until=until):
        assignment.lease_until, assignment.state = until, AssignmentState.OPEN
        return
    if mine.filter(state=AssignmentState.DONE).exists():
        raise Conflict(_("You have finished this cluster. Take it up again to change it."))
    try:
        with transaction.atomic():
            back = mine.update(state=AssignmentState.OPEN, lease_until=until, closed_at=None)
    except IntegrityError:
        back = 0
    if not back:
        raise Conflict(
            _("Your time on this cluster ran out and it has gone to somebody else: %(holders)s.")
            % {"holders": ", ".join(_holders(assignment.cluster))}
        )
    assignment.lease_until, assignment.state = until, AssignmentState.OPEN


def assignment_finish(*, assignment: Assignment, user: User) -> Assignment:
    """Mark the user's assignment done; a second time does nothing. Conflict when it is no longer theirs."""
    own_assignment_check(assignment, user)
    mine = Assignment.objects.filter(pk=assignment.pk, coder=user)
    if not mine.filter(state=AssignmentState.DONE).exists():
        with transaction.atomic():
            assignment_renew(assignment=assignment, user=user)
            mine.update(state=AssignmentState.DONE, closed_at=timezone.now())
    assignment.refresh_from_db()
    return assignment


def assignment_release(*, assignment: Assignment, user: User) -> Assignment:
    """Give an open assignment back, for somebody else to take; decisions made in it stay."""
    own_assignment_check(assignment, user)
    Assignment.objects.filter(pk=assignment.pk, coder=user, state=AssignmentState.OPEN).update(
        state=AssignmentState.RELEASED, closed_at=timezone.now()
    )
    assignment.refresh_from_db()
    return assignment


def assignment_reopen(*, assignment: Assignment, user: User) -> Assignment:
    """Take a finished assignment up again: its seat was never given away. Conflict for a blind one:
    its coder may have seen the other codes since."""
    own_assignment_check(assignment, user)
    if assignment.mode == Mode.BLIND and assignment.state == AssignmentState.DONE:
        raise Conflict(_("This was coded blind and is finished: it stays as it is."))
    Assignment.objects.filter(pk=assignment.pk, coder=user, state=AssignmentState.DONE).update(
        state=AssignmentState.OPEN, lease_until=lease_end(), closed_at=None
    )
    assignment.refresh_from_db()
    return assignment


def leases_expire(*, dataset: DataSet, but: User | None = None) -> int:
    """Release open assignments whose lease ran out, except the caller's own; returns how many."""
    now = timezone.now()
    late = Assignment.objects.filter(dataset=dataset, state=AssignmentState.OPEN, lease_until__lt=now)
    if but is not None:
        late = late.exclude(coder=but)
    return late.update(state=AssignmentState.RELEASED, closed_at=now)


def lease_end() -> datetime:
    return timezone.now() + timedelta(minutes=settings.ASSIGNMENT_LEASE_MINUTES)


def own_assignment_check(assignment: Assignment, user: User) -> None:
    if assignment.coder_id != user.pk:
        raise NotAllowed(_("This assignment is somebody else's."))


def _own_open(dataset: DataSet, user: User, within: Collection[int] | None) -> Assignment | None:
    """The user's open assignment (of these AUs) with its lease renewed. One whose AUs a later run has
    taken over is given back."""
    wanted = None if within is None else mask_of_aus(dataset, within)
    mine = Assignment.objects.filter(
        dataset=dataset, coder=user, state=AssignmentState.OPEN, cluster__isnull=False
    ).select_related("cluster__run__dataset")
    for assignment in mine.order_by("-id"):
        if assignment.cluster is None or not cluster_aus(assignment.cluster):
            assignment_release(assignment=assignment, user=user)
            continue
        if wanted is not None and not assignment.aus & wanted:
            continue
        assignment_renew(assignment=assignment, user=user)
        return assignment
    return None


def _seat_take(cluster: Cluster, user: User, needed: int, mode: Mode) -> Assignment | None:
    """Insert the user into the first free seat; None when every seat is taken."""
    for seat in range(needed):
        try:
            with transaction.atomic():
                return Assignment.objects.create(
                    dataset=cluster.run.dataset,
                    coder=user,
                    cluster=cluster,
                    aus=cluster_aus(cluster),
                    seat=seat,
                    mode=mode,
                    lease_until=lease_end(),
                )
        except IntegrityError:
            continue
    return None


def _holders(cluster: Cluster | None) -> list[str]:
    """Who has the cluster's seats, in words."""
    words = []
    for other in Assignment.objects.filter(cluster=cluster, state__in=ACTIVE).select_related("coder"):
        if other.state == AssignmentState.DONE:
            words.append(_("%(name)s has finished it") % {"name": other.coder.get_username()})
        else:
            told = {"name": other.coder.get_username(), "until": f"{other.lease_until:%H:%M} UTC"}
            words.append(_("%(name)s holds it until %(until)s") % told)
    return words
