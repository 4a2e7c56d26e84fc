"""Data sets, their protocols and AU lists, and the faces in them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotator.choices import Coding, FaceRole, Laterality


class DataSet(models.Model):
    """Faces, a list of AUs, a protocol, members; every write raises `revision`."""

    name = models.CharField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    revision = models.PositiveBigIntegerField(default=1)
    next_position = models.PositiveBigIntegerField(default=0)
    """The position the next new face gets; positions are given once and never used again."""
    accept_proposals = models.BooleanField(default=False)
    """Whether unreviewed proposals count before weak labels in exports and snapshots."""
    retention_until = models.DateField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Protocol(models.Model):
    """How a data set is coded; a change is a new version, never an edit. The highest one holds."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="protocols")
    version = models.PositiveIntegerField()
    coding = models.CharField(max_length=12, choices=Coding.choices, default=Coding.OCCURRENCE)
    present_from = models.PositiveSmallIntegerField(default=2)
    """The intensity (1 = A … 5 = E) from which an AU counts as present."""
    laterality = models.CharField(max_length=8, choices=Laterality.choices, default=Laterality.NONE)
    coders_per_item = models.PositiveSmallIntegerField(default=1)
    """How many coders look at each cluster or face: 1, or 2 for double coding."""
    note = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "version"], name="protocol_version_once"),
            models.CheckConstraint(condition=Q(present_from__range=(1, 5)), name="protocol_threshold_a_to_e"),
            models.CheckConstraint(condition=Q(coders_per_item__range=(1, 2)), name="protocol_one_or_two_coders"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} protocol {self.version}"


class CodedAU(models.Model):
    """One AU of a data set's list. It keeps its bit for ever; removing it hides it."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="coded_aus")
    au = models.PositiveSmallIntegerField()
    bit = models.PositiveSmallIntegerField()
    place = models.PositiveSmallIntegerField()
    hidden = models.BooleanField(default=False)

    class Meta:
        ordering = ["place", "au"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "au"], name="coded_au_once"),
            models.UniqueConstraint(fields=["dataset", "bit"], name="coded_au_bit_once"),
            models.CheckConstraint(condition=Q(bit__lte=62), name="coded_au_bit_of_63"),
        ]

    def __str__(self) -> str:
        return f"AU{self.au}"

    @property
    def mask(self) -> int:
        return 1 << self.bit


class Subject(models.Model):
    """A person by pseudonym."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="subjects")
    pseudonym = models.CharField(max_length=120)
    neutral = models.ForeignKey("annotator.Face", models.SET_NULL, null=True, related_name="+")
    """The face at rest that a coder chose to compare this person's others with."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "pseudonym"], name="subject_once")]

    def __str__(self) -> str:
        return self.pseudonym


class Clip(models.Model):
    """A video by its name and frame rate; its frames are faces."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="clips")
    subject = models.ForeignKey(Subject, models.CASCADE, null=True, related_name="clips")
    name = models.CharField(max_length=200)
    frame_rate = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "subject", "name"], name="clip_once"),
            models.UniqueConstraint(
                fields=["dataset", "name"], condition=Q(subject=None), name="clip_without_subject_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Face(models.Model):
    """One face picture: a still, or one of the faces of a frame."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="faces")
    position = models.PositiveBigIntegerField()
    """The row of this face in every array of the data set."""
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    """The unguessable name under which its picture is stored and served."""
    image = models.CharField(max_length=500)
    """The name that the lab gave the picture, as in its CSV."""
    subject = models.ForeignKey(Subject, models.CASCADE, null=True, related_name="faces")
    clip = models.ForeignKey(Clip, models.CASCADE, null=True, related_name="faces")
    frame = models.PositiveIntegerField(null=True)
    time_s = models.FloatField(null=True)
    role = models.CharField(max_length=8, choices=FaceRole.choices, default=FaceRole.NONE)
    split = models.CharField(max_length=60, blank=True)
    emotion = models.CharField(max_length=60, blank=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    pixels_sha256 = models.CharField(max_length=64)
    sharpness = models.FloatField()
    brightness = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["dataset", "position"], name="face_position_once"),
            models.UniqueConstraint(fields=["dataset", "image"], name="face_image_once"),
        ]
        indexes = [
            models.Index(fields=["clip", "frame"], name="face_clip_frame"),
            models.Index(fields=["subject"], name="face_subject"),
        ]

    def __str__(self) -> str:
        return self.image

    @property
    def picture_name(self) -> str:
        return f"datasets/{self.dataset_id}/pictures/{self.key.hex[:2]}/{self.key.hex}"

    @property
    def thumbnail_name(self) -> str:
        return f"datasets/{self.dataset_id}/thumbnails/{self.key.hex[:2]}/{self.key.hex}"


class Withdrawal(models.Model):
    """The receipt of a subject's withdrawal: the only deletion there is."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="withdrawals")
    subject_sha256 = models.CharField(max_length=64)
    """SHA-256 of the pseudonym, so that the receipt can be checked but names nobody."""
    faces = models.PositiveIntegerField()
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"withdrawal of {self.faces} faces"
