"""What came in and what went out: import batches with their original rows, exports."""

from django.conf import settings
from django.db import models

from annotator.choices import ExportShape
from annotator.models.datasets import DataSet, Face
from annotator.models.jobs import Job
from annotator.models.labels import LabelLayer


class ImportBatch(models.Model):
    """One CSV (with pictures or without) on its way into a data set, and what became of it."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="imports")
    with_pictures = models.BooleanField()
    """False for a later label file for faces that are there already."""
    pictures = models.JSONField(default=list)
    """Paths on the server: ZIP files or folders."""
    labels_path = models.CharField(max_length=500)
    labels_file = models.CharField(max_length=255)
    """The name the user's file had."""
    owns_files = models.BooleanField(default=False)
    """Whether the files are uploads, to be removed once the import is done."""
    format = models.CharField(max_length=20, blank=True)
    layer_kind = models.CharField(max_length=12)
    layer = models.ForeignKey(LabelLayer, models.SET_NULL, null=True, related_name="+")
    header = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    split_roles = models.JSONField(default=dict)
    """{"train": [values], "test": [values]}: which values of the split column give which role."""
    rows_read = models.PositiveIntegerField(default=0)
    faces_added = models.PositiveIntegerField(default=0)
    labels_added = models.PositiveIntegerField(default=0)
    problems = models.PositiveIntegerField(default=0)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="imports")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.labels_file


class ImportRow(models.Model):
    """One row of an imported CSV as it was given: its cells, its line, its face or its problem."""

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="rows")
    line = models.PositiveIntegerField()
    face = models.ForeignKey(Face, models.CASCADE, null=True, related_name="import_rows")
    cells = models.JSONField()
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["line"]
        constraints = [models.UniqueConstraint(fields=["batch", "line"], name="import_line_once")]
        indexes = [models.Index(fields=["batch", "problem"], name="import_problems")]

    def __str__(self) -> str:
        return f"line {self.line}"


class Export(models.Model):
    """One cleaned CSV with its data dictionary, made by a job."""

    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="exports")
    shape = models.CharField(max_length=8, choices=ExportShape.choices, default=ExportShape.WIDE)
    preset = models.CharField(max_length=20, default="standard")
    accept_proposals = models.BooleanField(default=False)
    revision = models.PositiveBigIntegerField()
    protocol_version = models.PositiveIntegerField()
    layers = models.JSONField(default=list)
    """Ids of the layers that it was read from."""
    file_name = models.CharField(max_length=200, blank=True)
    dictionary_name = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="exports")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"export {self.id}"
