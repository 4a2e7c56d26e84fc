"""What machines make: arrays by position, feature sets, detectors, clustering runs and clusters.

Runs, feature sets and detectors are immutable once made; each names the data set's revision, the
protocol version, layers, settings and seed that it was made from.
"""

from django.conf import settings
from django.db import models

from annotator.choices import ProjectionMethod
from annotator.models.datasets import DataSet, Face, Protocol
from annotator.models.jobs import Job


class ArrayFile(models.Model):
    """One `.npy` file whose first axis is the data set's positions (annotator.services.arrays)."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="arrays")
    purpose = models.CharField(max_length=40)
    name = models.CharField(max_length=200, unique=True)
    shape = models.JSONField()
    dtype = models.CharField(max_length=16)
    sha256 = models.CharField(max_length=64)
    revision = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class LabelSnapshot(models.Model):
    """The codes that a detector was trained on, frozen. Never holds a test face."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="snapshots")
    revision = models.PositiveBigIntegerField()
    protocol = models.ForeignKey(Protocol, models.PROTECT, related_name="+")
    aus = models.JSONField()
    sources = models.JSONField(default=dict)
    """How many codes each kind of layer gave."""
    layers = models.JSONField(default=dict)
    """Ids of the layers that went in, by kind."""
    codes = models.ForeignKey(ArrayFile, models.PROTECT, related_name="+")
    """(positions, AUs) int8: 1 present, 0 absent, −1 unknown."""
    summary = models.JSONField(default=dict)
    """Faces, subjects, positives by AU, and how many faces were left out for which reason."""
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"snapshot {self.id}"


class Detector(models.Model):
    """A trained network with its label snapshot, configuration and report."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="detectors")
    name = models.CharField(max_length=120)
    method = models.CharField(max_length=40)
    aus = models.JSONField()
    snapshot = models.ForeignKey(LabelSnapshot, models.PROTECT, related_name="detectors")
    configuration = models.JSONField(default=dict)
    seed = models.BigIntegerField()
    report = models.JSONField(default=dict)
    weights_name = models.CharField(max_length=200)
    weights_sha256 = models.CharField(max_length=64)
    thresholds = models.JSONField(default=list)
    """By AU, in the order of `aus`: the probability above which it predicts the AU present."""
    out_of_fold = models.ForeignKey(ArrayFile, models.PROTECT, null=True, related_name="+")
    """(positions, AUs) float32: probabilities of the faces trained on, by networks that never saw their
    subject; NaN for other faces."""
    seen = models.ForeignKey(ArrayFile, models.PROTECT, null=True, related_name="+")
    """(positions, 2) bool: faces that it learned from, by their codes, pictures or emotions, those of an encoder that
    it began from among them; and faces that its own encoder learned from. Older detectors have none."""
    encoder_name = models.CharField(max_length=200, blank=True)
    """Below the data folder: the body that learned from emotions alone, from which other trainings can begin."""
    encoder_sha256 = models.CharField(max_length=64, blank=True)
    promoted_at = models.DateTimeField(null=True)
    """Set on the one detector whose predictions the next round begins with."""
    promoted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class FeatureSet(models.Model):
    """One vector for each face, from one detector or backbone, with that detector's scores."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="feature_sets")
    name = models.CharField(max_length=120)
    detector = models.ForeignKey(Detector, models.PROTECT, null=True, related_name="feature_sets")
    backbone = models.CharField(max_length=80, blank=True)
    revision = models.PositiveBigIntegerField()
    features = models.ForeignKey(ArrayFile, models.PROTECT, related_name="+")
    """(positions, dimensions) float32, NaN where there is no face."""
    scores = models.ForeignKey(ArrayFile, models.PROTECT, null=True, related_name="+")
    """(positions, 63) float16 by AU bit: probabilities, out of fold for the faces trained on."""
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class Projection(models.Model):
    """A feature set laid out on a plane, once: what the map shows."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="projections")
    feature_set = models.ForeignKey(FeatureSet, models.PROTECT, related_name="projections")
    method = models.CharField(max_length=8, choices=ProjectionMethod.choices)
    coordinates = models.ForeignKey(ArrayFile, models.PROTECT, related_name="+")
    """(positions, 2) float32, each axis within [-1, 1]; NaN where there is no face."""
    configuration = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    revision = models.PositiveBigIntegerField()
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"projection {self.id}"


class DetectorSight(models.Model):
    """What a detector sees: a picture that each AU's output wants, and how far its features tell people apart."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="+")
    detector = models.OneToOneField(Detector, models.CASCADE, related_name="sight")
    pictures_name = models.CharField(max_length=200)
    """(AUs, side, side, 3) uint8, in the order of the detector's AUs. Not by position: no `ArrayFile`."""
    pictures_sha256 = models.CharField(max_length=64)
    scores = models.JSONField()
    """(AUs, AUs) the detector's probabilities of all AUs on the picture of each."""
    feature_set = models.ForeignKey(FeatureSet, models.PROTECT, related_name="+")
    projection = models.ForeignKey(Projection, models.PROTECT, null=True, related_name="+")
    drawn = models.JSONField(default=dict)
    """Positions of the faces that the pictures of the projection show: {"sample", "subjects"}, no test face."""
    divergence = models.JSONField(default=dict)
    """trainer.algorithms.divergence.SubjectDivergence; empty with fewer than two subjects. It names nobody."""
    configuration = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    revision = models.PositiveBigIntegerField()
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"sight of detector {self.detector_id}"


class FaceAttribution(models.Model):
    """Which parts of a face speak for and against each AU of a detector. It shows the face, and goes with it."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="+")
    detector = models.ForeignKey(Detector, models.CASCADE, related_name="attributions")
    face = models.ForeignKey(Face, models.CASCADE, related_name="attributions")
    maps_name = models.CharField(max_length=200)
    """(AUs, side, side) float32: what each place adds to the AU's logit. Not by position: no `ArrayFile`."""
    maps_sha256 = models.CharField(max_length=64)
    logits = models.JSONField()
    """(AUs) of the face, and what they would be of an empty picture: [[face, empty], …]."""
    revision = models.PositiveBigIntegerField()
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["detector", "face"], name="attribution_once")]

    def __str__(self) -> str:
        return f"attribution of face {self.face_id} by detector {self.detector_id}"


class ClusterRun(models.Model):
    """One run of weakly supervised clustering. Its arrays are there once `finished_at` is set."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="runs")
    aus = models.JSONField()
    partitions = models.JSONField(default=list)
    """The AU numbers of each partition: [[12], [25]] for one each, [[12, 25]] for a joint one."""
    feature_set = models.ForeignKey(FeatureSet, models.PROTECT, null=True, related_name="runs")
    weak_layer = models.ForeignKey("annotator.LabelLayer", models.PROTECT, null=True, related_name="+")
    reference_layers = models.JSONField(default=list)
    protocol = models.ForeignKey(Protocol, models.PROTECT, related_name="+")
    revision = models.PositiveBigIntegerField()
    configuration = models.JSONField(default=dict)
    seed = models.BigIntegerField(default=0)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="runs")
    membership = models.ForeignKey(ArrayFile, models.PROTECT, null=True, related_name="+")
    """(positions, partitions) int32: cluster numbers, 0 noise group, −1 no face."""
    proposals = models.ForeignKey(ArrayFile, models.PROTECT, null=True, related_name="+")
    """(positions, AUs) int8: 1 present, 0 absent, −1 none."""
    probabilities = models.ForeignKey(ArrayFile, models.PROTECT, null=True, related_name="+")
    """(positions, AUs) float16: probability of presence by the vote."""
    embedding = models.ForeignKey(ArrayFile, models.PROTECT, null=True, related_name="+")
    """(positions, partitions, 2) float32: the first two dimensions, for pictures."""
    sweep_planes = models.ForeignKey(ArrayFile, models.PROTECT, null=True, related_name="+")
    """(positions, partitions, 3, 2) float32: the same at the least, the chosen and the largest λ that was tried."""
    outlier_scores = models.ForeignKey(ArrayFile, models.PROTECT, null=True, related_name="+")
    """(positions,) float32 in [0, 1]."""
    outlier_reasons = models.ForeignKey(ArrayFile, models.PROTECT, null=True, related_name="+")
    """(positions,) uint32: bits of `summary["reasons"]`."""
    summary = models.JSONField(default=dict)
    curves = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    adopted_at = models.DateTimeField(null=True)
    adopted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    adopted_aus = models.JSONField(default=list)
    """The AUs for which this is the run behind the proposal layer; another run's adoption takes them."""

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"run {self.id}"


class Cluster(models.Model):
    """One group of a run; number 0 is the noise group.

    The run's membership array says which faces are in it, unless a reviewer split it off from another
    cluster: then its SplitFace rows do (annotator.selectors.memberships).
    """

    run = models.ForeignKey(ClusterRun, models.CASCADE, related_name="clusters")
    partition = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    aus = models.BigIntegerField()
    """Mask of the AUs that this group was made for, by bit."""
    size = models.PositiveIntegerField()
    votes = models.JSONField(default=dict)
    """By AU number: share of proposals present, share of weak labels present, agreement."""
    agreement = models.FloatField(default=0)
    """How much its faces agree with one another: the confidence shown to the coder."""
    expected_corrections = models.FloatField(default=0)
    split_from = models.ForeignKey("self", models.CASCADE, null=True, related_name="splits")
    split_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    split_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "partition", "number"], name="cluster_once")]
        indexes = [models.Index(fields=["run", "-expected_corrections"], name="cluster_most_corrections")]

    def __str__(self) -> str:
        return f"cluster {self.number}"


class SplitFace(models.Model):
    """One face of a cluster that was split off; it is in the cluster it came from no longer."""

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="split_faces")
    face = models.ForeignKey(Face, models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cluster", "face"], name="split_face_once")]

    def __str__(self) -> str:
        return f"{self.cluster_id}/{self.face_id}"
