"""Assignments (who looks at what, how long) and decisions (what a person did; append-only)."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotator.choices import AssignmentState, DecisionKind, Hidden, Mode, Scope
from annotator.models.datasets import Clip, DataSet, Face
from annotator.models.machine import Cluster, ClusterRun


class Assignment(models.Model):
    """A coder, a cluster or faces, the AUs to look at, a mode, a lease, a state.

    `seat` numbers the coders of one cluster: the constraint below is what keeps a cluster from
    going to two people (seat 0 only) unless the protocol asks for two (seats 0 and 1).
    """

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="assignments")
    coder = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="assignments")
    cluster = models.ForeignKey(Cluster, models.PROTECT, null=True, related_name="assignments")
    aus = models.BigIntegerField()
    seat = models.PositiveSmallIntegerField(default=0)
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.ASSISTED)
    state = models.CharField(max_length=10, choices=AssignmentState.choices, default=AssignmentState.OPEN)
    lease_until = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cluster", "seat"],
                condition=Q(state__in=[AssignmentState.OPEN, AssignmentState.DONE]),
                name="assignment_one_a_seat",
            ),
            models.UniqueConstraint(
                fields=["cluster", "coder"],
                condition=Q(state__in=[AssignmentState.OPEN, AssignmentState.DONE]),
                name="assignment_one_a_coder",
            ),
        ]
        indexes = [models.Index(fields=["dataset", "coder", "state"], name="assignment_of_coder")]

    def __str__(self) -> str:
        return f"assignment {self.id}"


class AssignmentFace(models.Model):
    """One face of an assignment that hands out faces and not a cluster."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="assigned_faces")
    face = models.ForeignKey(Face, models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["assignment", "face"], name="assigned_face_once")]

    def __str__(self) -> str:
        return f"{self.assignment_id}/{self.face_id}"


class Decision(models.Model):
    """What a person did, in an assignment or freely. Never edited, never deleted."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="decisions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="decisions")
    client_id = models.UUIDField()
    """Made by the client, so that a repeated request does nothing twice."""
    kind = models.CharField(max_length=12, choices=DecisionKind.choices)
    aus = models.BigIntegerField()
    """Mask of the AUs decided on, by bit."""
    mode = models.CharField(max_length=10, choices=Mode.choices)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    unsure = models.BooleanField(default=False)
    hidden = models.PositiveSmallIntegerField(choices=Hidden.choices, null=True)
    """Of an unscorable: what can't be seen."""
    note = models.TextField(blank=True)
    assignment = models.ForeignKey(Assignment, models.PROTECT, null=True, related_name="decisions")
    cluster = models.ForeignKey(Cluster, models.PROTECT, null=True, related_name="decisions")
    run = models.ForeignKey(ClusterRun, models.PROTECT, null=True, related_name="decisions")
    undoes = models.OneToOneField("self", models.PROTECT, null=True, related_name="undone_by")
    in_view = models.JSONField(default=list)
    """Positions of the faces that were on the page, changed or not."""
    protocol_version = models.PositiveIntegerField()
    revision = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "client_id"], name="decision_client_id_once")]
        indexes = [
            models.Index(fields=["dataset", "-id"], name="decision_newest"),
            models.Index(fields=["user", "dataset", "-id"], name="decision_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class DecisionFace(models.Model):
    """One face of a decision: the coder's codes before and after, all AUs by bit."""

    decision = models.ForeignKey(Decision, models.CASCADE, related_name="faces")
    face = models.ForeignKey(Face, models.CASCADE, related_name="decisions")
    old_present = models.BigIntegerField()
    old_scored = models.BigIntegerField()
    old_unscorable = models.BigIntegerField()
    old_noise = models.BooleanField()
    old_intensities = models.BinaryField(null=True)
    new_present = models.BigIntegerField()
    new_scored = models.BigIntegerField()
    new_unscorable = models.BigIntegerField()
    new_noise = models.BooleanField()
    new_intensities = models.BinaryField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["decision", "face"], name="decision_face_once")]

    def __str__(self) -> str:
        return f"{self.decision_id}/{self.face_id}"


class DecisionEvent(models.Model):
    """The event that a decision marked, moved or took away, before and after."""

    decision = models.OneToOneField(Decision, models.CASCADE, related_name="event")
    clip = models.ForeignKey(Clip, models.CASCADE, related_name="+")
    au = models.PositiveSmallIntegerField()
    event_id = models.BigIntegerField()
    """The id of the Event row, which keeps it through undo and redo."""
    old = models.JSONField(null=True)
    """{"onset", "apex", "offset", "intensity", "side"}; None where there was none."""
    new = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.decision_id}/event {self.event_id}"


class Selection(models.Model):
    """Faces that one person chose, kept because they are too many for an address."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="selections")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="selections")
    positions = models.BinaryField()
    """Ascending positions as little-endian uint32 differences, deflated."""
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    """Of the positions: the same choice is kept once."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "user", "sha256"], name="selection_once")]

    def __str__(self) -> str:
        return f"selection {self.id}"
