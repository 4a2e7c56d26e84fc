"""What the review pages read of decisions: state tokens, histories, what may be undone or redone."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.db.models import BooleanField, Case, Count, Exists, F, OuterRef, Q, QuerySet, Sum, Value, When
from django.db.models.expressions import Combinable, CombinedExpression
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from annotator.choices import AssignmentState, DecisionKind, Role
from annotator.masks import ABSENT, NOT_SCORED, PRESENT, UNSCORABLE
from annotator.models import (
    Assignment,
    Cluster,
    ClusterRun,
    CodedAU,
    DataSet,
    Decision,
    DecisionEvent,
    DecisionFace,
    Face,
    LabelLayer,
    Member,
)
from annotator.selectors.codes import LayerCodes, coded_aus, is_blind
from annotator.selectors.events import event_words

CODE_WORDS = {"p": _("present"), "a": _("absent"), "u": _("unscorable"), "-": _("not coded")}
CODE_SIGNS = {"p": "+", "a": "−", "u": "?", "-": "·"}
LETTERS = {UNSCORABLE: "u", NOT_SCORED: "-", ABSENT: "a", PRESENT: "p"}
SEE_ALL = frozenset({Role.ADMIN, Role.ADJUDICATOR, Role.ANALYST})
"""Roles that read everybody's decisions; coders read their own."""
ACTIVE = (AssignmentState.OPEN, AssignmentState.DONE)
RECENT = 12
LINE_PARTS = ("user", "cluster", "undoes__undoes", "event")
"""What decision_lines needs beside a decision."""


def state_tokens(rows: LayerCodes, bits: Sequence[int]) -> list[str]:
    """A coder's own state of N faces, one short token each: a letter for each AU (p present,
    a absent, u unscorable, - not scored) and “!” where the face is set apart as noise.

    A page sends the tokens it showed back with a decision; a token that has changed meanwhile makes
    the decision stale.
    """
    letters = np.array([LETTERS[code] for code in range(UNSCORABLE, PRESENT + 1)])
    marks = np.full((len(rows.noise), len(bits) + 1), "!")
    marks[:, :-1] = letters[rows.codes(bits) - UNSCORABLE]
    marks[~rows.noise, -1] = ""
    return [str(token) for token in marks.view(f"U{len(bits) + 1}")[:, 0].tolist()]


def token_words(token: str, aus: Sequence[int]) -> str:
    """A state token for people: “present”, “AU12 present, AU25 absent”, “not coded, noise”."""
    words = [str(CODE_WORDS[letter]) for letter in token.rstrip("!")]
    if len(words) > 1:
        words = [f"AU{au} {word}" for au, word in zip(aus, words, strict=False)]
    if token.endswith("!"):
        words.append(str(_("noise")))
    return ", ".join(words) or str(_("kept"))


def coder_layer(dataset: DataSet, user: User) -> LabelLayer | None:
    """The user's own layer; None before their first decision."""
    return LabelLayer.objects.filter(dataset=dataset, user=user).first()


def decisions_of(
    dataset: DataSet, viewer: User, *, cluster: Cluster | None = None, face: Face | None = None
) -> QuerySet[Decision]:
    """The decisions that the viewer may read, newest first: everybody's for admins, adjudicators and
    analysts, one's own for coders and for anyone who is coding blind. Of a frame also those on its clip's
    events."""
    decisions = Decision.objects.filter(dataset=dataset).select_related(*LINE_PARTS)
    member = Member.objects.filter(dataset=dataset, user=viewer).first()
    if member is None:
        return decisions.none()
    if member.role not in SEE_ALL or is_blind(viewer, dataset):
        decisions = decisions.filter(user=viewer)
    if cluster is not None:
        decisions = decisions.filter(cluster=cluster)
    if face is not None:
        decided = Q(pk__in=DecisionFace.objects.filter(face=face).values("decision"))
        marked = Q(pk__in=DecisionEvent.objects.filter(clip=face.clip_id).values("decision"))
        decisions = decisions.filter(decided | marked if face.clip_id else decided)
    return decisions.order_by("-id")


def decision_undoable(dataset: DataSet, user: User, *, within: Q | None = None) -> Decision | None:
    """The user's latest decision that stands: neither an undo nor undone. A redo counts as standing.
    `within` narrows it to what a page is about."""
    return next((one for one in _own_standing(dataset, user, within) if not undo_depth(one) % 2), None)


def decision_redoable(dataset: DataSet, user: User, *, within: Q | None = None) -> Decision | None:
    """The user's latest undo that may be taken back; None once a new decision was made after it."""
    for decision in _own_standing(dataset, user, within):
        depth = undo_depth(decision)
        if depth % 2:
            return decision
        if depth == 0:
            return None
    return None


def _own_standing(dataset: DataSet, user: User, within: Q | None) -> Iterable[Decision]:
    decisions = Decision.objects.filter(within or Q(), dataset=dataset, user=user, undone_by=None)
    return decisions.select_related("undoes", "undoes__undoes").order_by("-id").iterator(chunk_size=50)


def undo_depth(decision: Decision) -> int:
    """0 for a decision, 1 for its undo, 2 for the undo of that (a redo), and so on."""
    depth = 0
    while decision.undoes is not None:
        decision, depth = decision.undoes, depth + 1
    return depth


def undone_of(decisions: set[int]) -> set[int]:
    """Those of the decisions that an undo took back, and no redo brought again."""
    undone: set[int] = set()
    last = {number: number for number in decisions}
    while last:
        undos = Decision.objects.filter(undoes_id__in=last).values_list("pk", "undoes_id")
        last = {undo: last[undoes] for undo, undoes in undos}
        undone ^= set(last.values())
    return undone


def standing_of(dataset: DataSet, user: User, within: Q) -> dict[str, object]:
    """What every review page's form needs: what may be undone and redone there, and the protocol."""
    return {
        "undoable": decision_undoable(dataset, user, within=within),
        "redoable": decision_redoable(dataset, user, within=within),
        "protocol_version": dataset.protocols.latest("version").version,
    }


CHANGED = (
    ~Q(
        old_present=F("new_present"),
        old_scored=F("new_scored"),
        old_unscorable=F("new_unscorable"),
        old_noise=F("new_noise"),
    )
    | Q(old_intensities__isnull=True, new_intensities__isnull=False)
    | Q(old_intensities__isnull=False, new_intensities__isnull=True)
    | Q(old_intensities__isnull=False, new_intensities__isnull=False) & ~Q(old_intensities=F("new_intensities"))
)


def undo_left(undo: Decision) -> list[int]:
    """The positions of faces that an undo left alone, because they were changed after what it undoes."""
    restored = DecisionFace.objects.filter(decision=undo).values("face_id")
    left = DecisionFace.objects.filter(CHANGED, decision__undone_by=undo).exclude(face_id__in=restored)
    return list(left.order_by("face__position").values_list("face__position", flat=True))


def faces_of_decision(decision: Decision) -> list[int]:
    """The positions that a decision changed, or looked at; for an undo also those it left alone."""
    faces = DecisionFace.objects.filter(decision__in=[decision.pk, decision.undoes_id or decision.pk])
    return sorted(set(faces.values_list("face__position", flat=True)))


@dataclass(frozen=True)
class DecisionLine:
    """One decision as the history shows it."""

    decision: Decision
    aus: list[CodedAU]
    count: int
    value: str
    """“present”, “absent”, “mixed” or nothing: what a relabelling made of the faces."""
    standing: bool
    """Whether the viewer may undo it now: their own, and not undone."""
    undone: bool
    redo: bool
    """Undoing it does something again: it is an undo itself."""
    client_id: uuid.UUID
    """For the form that undoes it."""
    event: str = ""
    """What became of an event, in words."""


def decision_lines(dataset: DataSet, decisions: Sequence[Decision], viewer: User) -> list[DecisionLine]:
    """The decisions with their AUs, number of faces and outcome, in three queries."""
    numbers = [decision.pk for decision in decisions]
    undone = set(Decision.objects.filter(undoes_id__in=numbers).values_list("undoes_id", flat=True))
    counts = {
        row["decision_id"]: row
        for row in DecisionFace.objects.filter(decision_id__in=numbers)
        .annotate(inside=CombinedExpression(F("new_present"), Combinable.BITAND, F("decision__aus")))
        .values("decision_id")
        .annotate(
            count=Count("pk"),
            present=Count("pk", filter=Q(inside=F("decision__aus"))),
            absent=Count("pk", filter=Q(inside=0)),
        )
    }
    listed = coded_aus(dataset)
    lines = []
    for decision in decisions:
        row = counts.get(decision.pk)
        lines.append(
            DecisionLine(
                decision=decision,
                aus=[coded for coded in listed if coded.mask & decision.aus],
                count=row["count"] if row else 0,
                value=_outcome(decision, row["count"], row["present"], row["absent"]) if row else "",
                standing=decision.user_id == viewer.pk and decision.pk not in undone,
                undone=decision.pk in undone,
                redo=undo_depth(decision) % 2 == 1,
                client_id=uuid.uuid4(),
                event=event_words(decision),
            )
        )
    return lines


def _outcome(decision: Decision, count: int, present: int, absent: int) -> str:
    if decision.kind not in (DecisionKind.RELABEL, DecisionKind.CONFIRM):
        return ""
    if present == count:
        return "present"
    return "absent" if absent == count else "mixed"


@dataclass(frozen=True)
class Progress:
    """How far the clusters of one adopted partition are reviewed."""

    aus: list[CodedAU]
    clusters: int
    done: int
    held: int
    corrections: float
    """Expected corrections in the clusters that are not done."""
    place: tuple[int, int]
    """The run and the number of the partition in it."""

    @property
    def left(self) -> int:
        return self.clusters - self.done

    @property
    def share(self) -> float:
        return self.done / self.clusters if self.clusters else 0.0


def adopted_clusters(dataset: DataSet, within: Collection[int] | None = None) -> QuerySet[Cluster]:
    """The clusters to review: of partitions whose AUs' proposals come from their run; never group 0.
    With `within`, those made for one of these AUs, alone or with others."""
    wanted = Q(pk=None)
    hidden = set(dataset.coded_aus.filter(hidden=True).values_list("au", flat=True))
    runs = ClusterRun.objects.filter(dataset=dataset, adopted_at__isnull=False)
    for run_id, partitions, adopted in runs.values_list("pk", "partitions", "adopted_aus"):
        aus = set(adopted) - hidden
        if within is not None:
            aus &= set(within)
        places = [place for place, group in enumerate(partitions) if aus & set(group)]
        wanted |= Q(run_id=run_id, partition__in=places)
    return Cluster.objects.filter(wanted, number__gt=0)


def cluster_aus(cluster: Cluster) -> int:
    """Mask of the AUs to review in a cluster: those it was made for, adopted and still on the list."""
    adopted = set(cluster.run.adopted_aus)
    mask = 0
    for coded in coded_aus(cluster.run.dataset, cluster.aus):
        if coded.au in adopted:
            mask |= coded.mask
    return mask


def coders_needed(dataset: DataSet) -> int:
    return int(dataset.protocols.latest("version").coders_per_item)


def _seats(needed: int, *states: str) -> Q:
    """True for clusters all of whose seats are in one of these states."""
    every = Q()
    for seat in range(needed):
        every &= Q(Exists(Assignment.objects.filter(cluster=OuterRef("pk"), seat=seat, state__in=states)))
    return every


def clusters_free(dataset: DataSet, user: User, within: Collection[int] | None = None) -> QuerySet[Cluster]:
    """Clusters (of these AUs) with a free seat that the user neither holds nor has finished: most
    expected corrections first, those the user gave back last."""
    active = Assignment.objects.filter(cluster=OuterRef("pk"), state__in=ACTIVE)
    given_back = Assignment.objects.filter(cluster=OuterRef("pk"), coder=user, state=AssignmentState.RELEASED)
    return (
        adopted_clusters(dataset, within)
        .filter(~_seats(coders_needed(dataset), *ACTIVE), ~Exists(active.filter(coder=user)))
        .annotate(given_back=Exists(given_back))
        .select_related("run__dataset")
        .order_by("given_back", "-expected_corrections", "pk")
    )


def clusters_progress(dataset: DataSet) -> list[Progress]:
    """One row for each adopted partition, in the order of the AU list."""
    needed = coders_needed(dataset)
    done = _seats(needed, AssignmentState.DONE)
    held = Exists(
        Assignment.objects.filter(cluster=OuterRef("pk"), state=AssignmentState.OPEN, lease_until__gte=timezone.now())
    )
    groups = (
        adopted_clusters(dataset)
        .annotate(
            is_done=Case(When(done, then=Value(True)), default=Value(False), output_field=BooleanField()),
            is_held=held,
        )
        .values("run_id", "partition", "run__adopted_aus", "run__partitions")
        .annotate(
            clusters=Count("pk"),
            done=Count("pk", filter=Q(is_done=True)),
            held=Count("pk", filter=Q(is_held=True, is_done=False)),
            corrections=Sum("expected_corrections", filter=Q(is_done=False)),
        )
        .order_by("run_id", "partition")
    )
    listed = coded_aus(dataset)
    rows = []
    for group in groups:
        aus = set(group["run__partitions"][group["partition"]]) & set(group["run__adopted_aus"])
        rows.append(
            Progress(
                aus=[coded for coded in listed if coded.au in aus],
                clusters=group["clusters"],
                done=group["done"],
                held=group["held"],
                corrections=group["corrections"] or 0.0,
                place=(group["run_id"], group["partition"]),
            )
        )
    return sorted(rows, key=lambda row: [(coded.place, coded.au) for coded in row.aus])


@dataclass(frozen=True)
class Queue:
    """Everything on the queue page."""

    progress: list[Progress]
    mine: Assignment | None
    free: set[tuple[int, int]]
    """The partitions in which there is a cluster that this reviewer could take now."""
    held: list[Assignment]
    """Open assignments of others on clusters, soonest to expire first."""
    recent: list[DecisionLine]
    blind: bool

    @property
    def mine_aus(self) -> list[CodedAU]:
        return coded_aus(self.mine.dataset, self.mine.aus) if self.mine else []

    @property
    def rows(self) -> list[tuple[Progress, bool]]:
        """The partitions, and of each whether this reviewer could go on in it now."""
        held = {coded.au for coded in self.mine_aus}
        return [
            (row, row.place in self.free or not held.isdisjoint(coded.au for coded in row.aus))
            for row in self.progress
        ]

    @property
    def left(self) -> int:
        return sum(row.left for row in self.progress)

    @property
    def clusters(self) -> int:
        return sum(row.clusters for row in self.progress)


def assignment_open(dataset: DataSet, user: User, cluster: Cluster | None = None) -> Assignment | None:
    """The user's open assignment: of this cluster, or the latest of a cluster at all."""
    mine = Assignment.objects.filter(
        dataset=dataset, coder=user, state=AssignmentState.OPEN, cluster__isnull=False
    ).select_related("cluster__run__dataset")
    if cluster is not None:
        mine = mine.filter(cluster=cluster)
    return mine.order_by("-id").first()


def assignment_latest(cluster: Cluster, user: User) -> Assignment | None:
    """The user's latest assignment of a cluster, whatever its state."""
    mine = Assignment.objects.filter(cluster=cluster, coder=user).select_related("cluster__run__dataset")
    return mine.order_by("-id").first()


def seats_of(cluster: Cluster, user: User) -> list[Assignment]:
    """Others' finished assignments of a cluster, and open ones whose time hasn't run out, for a reviewer who
    hasn't got it."""
    taken = Q(state=AssignmentState.DONE) | Q(state=AssignmentState.OPEN, lease_until__gte=timezone.now())
    others = Assignment.objects.filter(taken, cluster=cluster).exclude(coder=user)
    return list(others.select_related("coder").order_by("seat"))


def lapsed_of(cluster: Cluster) -> Assignment | None:
    """The assignment of this cluster whose time ran out last; those given back don't count."""
    over = Q(state=AssignmentState.OPEN, lease_until__lt=timezone.now()) | Q(
        state=AssignmentState.RELEASED, closed_at__gte=F("lease_until")
    )
    return Assignment.objects.filter(over, cluster=cluster).select_related("coder").order_by("-lease_until").first()


def queue_of(dataset: DataSet, user: User) -> Queue:
    """The queue page of one reviewer."""
    held = Assignment.objects.filter(
        dataset=dataset, state=AssignmentState.OPEN, cluster__isnull=False, lease_until__gte=timezone.now()
    ).exclude(coder=user)
    own = Decision.objects.filter(dataset=dataset, user=user).select_related(*LINE_PARTS)
    return Queue(
        progress=clusters_progress(dataset),
        mine=assignment_open(dataset, user),
        free=set(clusters_free(dataset, user).order_by().values_list("run_id", "partition").distinct()),
        held=list(held.select_related("coder", "cluster").order_by("lease_until")),
        recent=decision_lines(dataset, list(own.order_by("-id")[:RECENT]), user),
        blind=is_blind(user, dataset),
    )
