"""The history of a data set: who decided what and who saw what, page by page.

Decisions are read from the newest on, cut by id. A page looks through a window of decisions and no more,
so that a rare filter costs the same in a history of millions; it then says how far it looked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import BooleanField, F, Q, QuerySet, Value
from django.db.models.expressions import Combinable, CombinedExpression, RawSQL

from annotator.choices import Role
from annotator.models import (
    Assignment,
    AssignmentFace,
    AuditEntry,
    Cluster,
    ClusterRun,
    DataSet,
    Decision,
    DecisionFace,
    Face,
    Member,
)
from annotator.selectors.arrays import array_read
from annotator.selectors.codes import is_blind
from annotator.selectors.history_filters import HistoryFilter
from annotator.selectors.history_lines import HistoryLine, lines_of
from annotator.selectors.review import SEE_ALL, decisions_of

PAGE = 50
WINDOW = 50_000
"""Decisions that one page looks through at most."""
FEW = 10_000
"""Up to so many decisions on the faces asked for are listed by their ids, without a window."""
IN_VIEW = '"annotator_decision"."in_view"'
SEEN_SQL = {
    "sqlite": f"EXISTS (SELECT 1 FROM json_each({IN_VIEW}) AS seen WHERE seen.value IN ({{faces}}))",
    "postgresql": f"EXISTS (SELECT 1 FROM jsonb_array_elements_text({IN_VIEW}) AS seen(value) "
    "WHERE seen.value::bigint IN ({faces}))",
}
"""Whether one of these positions was in a decision's view."""


@dataclass(frozen=True)
class HistoryPage:
    """One page; `older` goes on behind it, and `looked_to` tells how far a page looked that isn't full."""

    lines: list[HistoryLine]
    older: int | None
    looked_to: datetime | None


def sees_all(member: Member) -> bool:
    """Whether the member reads everybody's decisions now, as decisions_of does."""
    return member.role in SEE_ALL and not is_blind(member.user, member.dataset)


def history_page(
    member: Member, asked: HistoryFilter, *, before: int | None = None, limit: int = PAGE
) -> HistoryPage:
    """Up to `limit` decisions that the member may read, older than the decision `before`, newest first."""
    found, last = _found(member, asked, before, limit)
    lines = lines_of(member, found, face=asked.face)
    if len(found) == limit:
        return HistoryPage(lines, found[-1].pk, None)
    if last is None:
        return HistoryPage(lines, None, None)
    return HistoryPage(lines, last.pk, last.created_at)


def history_walk(member: Member, asked: HistoryFilter, *, chunk: int = 200) -> Iterator[list[HistoryLine]]:
    """The whole filtered history in pieces, newest first, however long it is."""
    before: int | None = None
    while True:
        page = history_page(member, asked, before=before, limit=chunk)
        if page.lines:
            yield page.lines
        if page.older is None:
            return
        before = page.older


def _found(
    member: Member, asked: HistoryFilter, before: int | None, limit: int
) -> tuple[list[Decision], Decision | None]:
    """The decisions, and the last one looked at if there may be more behind it."""
    dataset = member.dataset
    visible = decisions_of(dataset, member.user)
    if asked.person is not None:
        visible = visible.filter(user=asked.person)
    if before is not None:
        visible = visible.filter(pk__lt=before)
    if asked.until is not None and (bound := _id_at(dataset, asked.until)) is not None:
        visible = visible.filter(pk__lt=bound)
    if asked.since is not None:
        bound = _id_at(dataset, asked.since)
        visible = visible.none() if bound is None else visible.filter(pk__gte=bound)
    named = _ids_of_faces(asked)
    if named is not None:
        return list(_narrowed(visible.filter(pk__in=named), asked)[:limit]), None
    last = visible.select_related(None).only("pk", "created_at")[WINDOW - 1 : WINDOW].first()
    if last is not None:
        visible = visible.filter(pk__gte=last.pk)
    return list(_narrowed(visible, asked)[:limit]), last


def _narrowed(decisions: QuerySet[Decision], asked: HistoryFilter) -> QuerySet[Decision]:
    if asked.kind:
        decisions = decisions.filter(kind=asked.kind)
    if asked.cluster is not None:
        decisions = decisions.filter(cluster=asked.cluster)
    if asked.run is not None:
        decisions = decisions.filter(run_id=asked.run)
    if asked.au is not None:
        decisions = decisions.annotate(
            asked_aus=CombinedExpression(F("aus"), Combinable.BITAND, Value(asked.mask))
        ).filter(Q(event__au=asked.au) | ~Q(asked_aus=0))
    if asked.face is None and asked.subject is None:
        return decisions
    on_them = Q(pk__in=_face_rows(asked).values("decision_id"))
    return decisions.filter(on_them | Q(_in_view(asked)) if asked.seen else on_them)


def _face_rows(asked: HistoryFilter) -> QuerySet[DecisionFace]:
    if asked.face is not None:
        return DecisionFace.objects.filter(face=asked.face)
    return DecisionFace.objects.filter(face__subject=asked.subject)


def _ids_of_faces(asked: HistoryFilter) -> list[int] | None:
    """The decisions on the faces asked for, if they are few; None where a window must do."""
    if asked.seen or (asked.face is None and asked.subject is None):
        return None
    ids = list(_face_rows(asked).order_by().values_list("decision_id", flat=True).distinct()[: FEW + 1])
    return ids if len(ids) <= FEW else None


def _in_view(asked: HistoryFilter) -> RawSQL:
    """True for decisions on whose page the face, or one of the subject's, was shown."""
    if asked.face is not None:
        column, number = "id", asked.face.pk
    else:
        assert asked.subject is not None
        column, number = "subject_id", asked.subject.pk
    faces = f"SELECT position FROM annotator_face WHERE {column} = %s"
    return RawSQL(SEEN_SQL[connection.vendor].format(faces=faces), [number], output_field=BooleanField())


def _id_at(dataset: DataSet, moment: datetime) -> int | None:
    """The id of the first decision at or after the moment, by halving: ids grow with time. None: there is none."""
    decisions = Decision.objects.filter(dataset=dataset)
    ends = decisions.order_by("-id").values_list("id", flat=True).first()
    low, high, found = 0, (ends or 0) + 1, None
    while low < high:
        middle = (low + high) // 2
        row = decisions.filter(pk__gte=middle).order_by("id").values_list("id", "created_at").first()
        if row is None:
            high = middle
        elif row[1] >= moment:
            found, high = row[0], middle
        else:
            low = row[0] + 1
    return found


def assignments_page(
    member: Member, asked: HistoryFilter, *, before: int | None = None, limit: int = PAGE
) -> list[Assignment]:
    """Who held what, newest first: everybody's for those who see all, one's own for the others. With a face or
    subject, the assignments that showed it."""
    held = Assignment.objects.filter(dataset=member.dataset).select_related("coder", "cluster")
    if not sees_all(member):
        held = held.filter(coder=member.user)
    if asked.person is not None:
        held = held.filter(coder=asked.person)
    if asked.cluster is not None:
        held = held.filter(cluster=asked.cluster)
    if asked.run is not None:
        held = held.filter(cluster__run_id=asked.run)
    if asked.au is not None:
        held = held.annotate(asked_aus=CombinedExpression(F("aus"), Combinable.BITAND, Value(asked.mask))).exclude(
            asked_aus=0
        )
    if asked.since is not None:
        held = held.filter(Q(closed_at=None) | Q(closed_at__gte=asked.since))
    if asked.until is not None:
        held = held.filter(created_at__lt=asked.until)
    if asked.face is not None or asked.subject is not None:
        held = held.filter(_held_faces(member.dataset, asked))
    if before is not None:
        held = held.filter(pk__lt=before)
    return list(held.order_by("-pk")[:limit])


def _held_faces(dataset: DataSet, asked: HistoryFilter) -> Q:
    """True for assignments of clusters with one of the faces, or of the faces by themselves."""
    faces = Face.objects.filter(dataset=dataset)
    faces = faces.filter(pk=asked.face.pk) if asked.face else faces.filter(subject=asked.subject)
    positions = np.array(faces.values_list("position", flat=True), np.int64)
    wanted = Q(pk__in=AssignmentFace.objects.filter(face__in=faces).values("assignment_id"))
    clusters = Q(pk=None)
    for run in ClusterRun.objects.filter(dataset=dataset, membership__isnull=False).select_related("membership"):
        assert run.membership is not None
        membership = array_read(run.membership)
        numbers = membership[positions[positions < len(membership)]]
        for partition in range(numbers.shape[1]):
            inside = np.unique(numbers[:, partition]).tolist()
            clusters |= Q(run=run, partition=partition, number__in=[number for number in inside if number >= 0])
    return wanted | Q(cluster__in=Cluster.objects.filter(clusters))


def audit_page(
    member: Member, asked: HistoryFilter, *, before: int | None = None, limit: int = PAGE
) -> list[AuditEntry]:
    """What people did other than coding, newest first; for admins."""
    entries = AuditEntry.objects.filter(dataset=member.dataset).select_related("user")
    if member.role != Role.ADMIN:
        return []
    if asked.person is not None:
        entries = entries.filter(user=asked.person)
    if asked.action:
        entries = entries.filter(action=asked.action)
    if asked.since is not None:
        entries = entries.filter(created_at__gte=asked.since)
    if asked.until is not None:
        entries = entries.filter(created_at__lt=asked.until)
    if before is not None:
        entries = entries.filter(pk__lt=before)
    return list(entries.order_by("-pk")[:limit])


def people_of(member: Member) -> list[str]:
    """The names to choose from: the members, for those who see all."""
    if not sees_all(member):
        return [member.user.get_username()]
    return list(
        User.objects.filter(memberships__dataset=member.dataset)
        .order_by("username")
        .values_list("username", flat=True)
    )
