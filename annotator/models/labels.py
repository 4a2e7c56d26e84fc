"""Label layers, their rows of three masks, and events in clips."""

from typing import cast

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import Exact

from annotator.choices import LayerKind, Side
from annotator.models.datasets import Clip, DataSet, Face


class LabelLayer(models.Model):
    """One source of codes for the faces of a data set."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="layers")
    kind = models.CharField(max_length=12, choices=LayerKind.choices)
    name = models.CharField(max_length=120)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="coder_layers")
    detector = models.ForeignKey("annotator.Detector", models.PROTECT, null=True, related_name="layers")
    probabilities = models.ForeignKey("annotator.ArrayFile", models.SET_NULL, null=True, related_name="+")
    """(positions, 63) float16 by AU bit, NaN where there is none."""
    revision = models.PositiveBigIntegerField(default=0)
    """Raised by everything that writes or deletes its rows, but a person's decisions: these have numbers."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "name"], name="layer_name_once"),
            models.UniqueConstraint(
                fields=["dataset", "kind"],
                condition=Q(kind__in=[LayerKind.PROPOSAL, LayerKind.CONSENSUS]),
                name="layer_one_proposal_one_consensus",
            ),
            models.UniqueConstraint(
                fields=["dataset", "user"], condition=Q(kind=LayerKind.CODER), name="layer_one_a_coder"
            ),
            models.UniqueConstraint(
                fields=["dataset", "detector"],
                condition=Q(kind=LayerKind.PREDICTION),
                name="layer_one_a_detector",
            ),
            models.CheckConstraint(
                condition=Q(kind=LayerKind.CODER, user__isnull=False)
                | (~Q(kind=LayerKind.CODER) & Q(user__isnull=True)),
                name="layer_coder_has_user",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Label(models.Model):
    """The codes of one face in one layer, by AU bit.

    `scored`: somebody or something told present from absent; `present` ⊆ `scored`;
    `unscorable`: looked at, can't be told, apart from `scored`. In none of them: not scored.
    """

    layer = models.ForeignKey(LabelLayer, models.CASCADE, related_name="labels", db_index=False)
    face = models.ForeignKey(Face, models.CASCADE, related_name="labels")
    present = models.BigIntegerField(default=0)
    scored = models.BigIntegerField(default=0)
    unscorable = models.BigIntegerField(default=0)
    noise = models.BooleanField(default=False)
    """This layer sets the whole face apart as noise or outlier."""
    intensities = models.BinaryField(null=True)
    """63 bytes, one an AU bit: left side in the high half, right side in the low (annotator.masks)."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["layer", "face"], name="label_once"),
            models.CheckConstraint(
                condition=Exact(F("scored").bitand(cast(int, F("unscorable"))), 0),
                name="label_unscorable_is_not_scored",
            ),
            models.CheckConstraint(
                condition=Q(present__gte=0, scored__gte=0, unscorable__gte=0), name="label_masks_of_63_bits"
            ),
            models.CheckConstraint(
                condition=Q(present=F("present").bitand(cast(int, F("scored")))), name="label_present_is_scored"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.layer_id}/{self.face_id}"


class Event(models.Model):
    """Onset, apex and offset of one AU in a clip, in one layer (a coder's, or the reference)."""

    layer = models.ForeignKey(LabelLayer, models.CASCADE, related_name="events")
    clip = models.ForeignKey(Clip, models.CASCADE, related_name="events")
    au = models.PositiveSmallIntegerField()
    onset = models.PositiveIntegerField()
    apex = models.PositiveIntegerField(null=True)
    offset = models.PositiveIntegerField(null=True)
    """Frame numbers; offset None while the event is still open."""
    intensity = models.PositiveSmallIntegerField(null=True)
    """At the apex, 1 = A … 5 = E."""
    side = models.CharField(max_length=5, choices=Side.choices, default=Side.BOTH)
    """Which side of the subject's own moved, where the protocol tells sides apart."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(apex=None) | Q(apex__gte=F("onset")), name="event_apex_after_onset"),
            models.CheckConstraint(
                condition=Q(offset=None) | Q(offset__gte=F("onset")), name="event_offset_after_onset"
            ),
        ]

    def __str__(self) -> str:
        return f"AU{self.au} from {self.onset}"
