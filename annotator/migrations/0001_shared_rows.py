"""The rows that every part shares: the whole data model of the first release."""

import uuid

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ArrayFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("purpose", models.CharField(max_length=40)),
                ("name", models.CharField(max_length=200, unique=True)),
                ("shape", models.JSONField()),
                ("dtype", models.CharField(max_length=16)),
                ("sha256", models.CharField(max_length=64)),
                ("revision", models.PositiveBigIntegerField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="ClusterRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("aus", models.JSONField()),
                ("partitions", models.JSONField(default=list)),
                ("reference_layers", models.JSONField(default=list)),
                ("revision", models.PositiveBigIntegerField()),
                ("configuration", models.JSONField(default=dict)),
                ("seed", models.BigIntegerField(default=0)),
                ("summary", models.JSONField(default=dict)),
                ("curves", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("adopted_at", models.DateTimeField(null=True)),
                ("adopted_aus", models.JSONField(default=list)),
                (
                    "adopted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "embedding",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="annotator.arrayfile",
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="annotator.arrayfile",
                    ),
                ),
                (
                    "outlier_reasons",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="annotator.arrayfile",
                    ),
                ),
                (
                    "outlier_scores",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="annotator.arrayfile",
                    ),
                ),
                (
                    "probabilities",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="annotator.arrayfile",
                    ),
                ),
                (
                    "proposals",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="annotator.arrayfile",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Cluster",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("partition", models.PositiveSmallIntegerField()),
                ("number", models.PositiveIntegerField()),
                ("aus", models.BigIntegerField()),
                ("size", models.PositiveIntegerField()),
                ("votes", models.JSONField(default=dict)),
                ("agreement", models.FloatField(default=0)),
                ("expected_corrections", models.FloatField(default=0)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="clusters",
                        to="annotator.clusterrun",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DataSet",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, unique=True)),
                ("description", models.TextField(blank=True)),
                ("revision", models.PositiveBigIntegerField(default=1)),
                ("next_position", models.PositiveBigIntegerField(default=0)),
                ("accept_proposals", models.BooleanField(default=False)),
                ("retention_until", models.DateField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="CodedAU",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("au", models.PositiveSmallIntegerField()),
                ("bit", models.PositiveSmallIntegerField()),
                ("place", models.PositiveSmallIntegerField()),
                ("hidden", models.BooleanField(default=False)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="coded_aus", to="annotator.dataset"
                    ),
                ),
            ],
            options={
                "ordering": ["place", "au"],
            },
        ),
        migrations.AddField(
            model_name="clusterrun",
            name="dataset",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="runs", to="annotator.dataset"
            ),
        ),
        migrations.CreateModel(
            name="Clip",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                ("frame_rate", models.FloatField(null=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="clips", to="annotator.dataset"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("action", models.CharField(max_length=60)),
                ("detail", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="audit_entries",
                        to="annotator.dataset",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Assignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("aus", models.BigIntegerField()),
                ("seat", models.PositiveSmallIntegerField(default=0)),
                (
                    "mode",
                    models.CharField(
                        choices=[("assisted", "Assisted"), ("blind", "Blind")], default="assisted", max_length=10
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("done", "Done"), ("released", "Released")],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("lease_until", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "coder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="assignments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "cluster",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="assignments",
                        to="annotator.cluster",
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assignments",
                        to="annotator.dataset",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="arrayfile",
            name="dataset",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="arrays", to="annotator.dataset"
            ),
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("client_id", models.UUIDField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("confirm", "Confirmed"),
                            ("relabel", "Relabelled"),
                            ("unscorable", "Unscorable"),
                            ("noise", "Set apart as noise"),
                            ("restore", "Restored"),
                            ("undo", "Undone"),
                        ],
                        max_length=12,
                    ),
                ),
                ("aus", models.BigIntegerField()),
                ("mode", models.CharField(choices=[("assisted", "Assisted"), ("blind", "Blind")], max_length=10)),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("face", "One face"),
                            ("selection", "Selection"),
                            ("cluster", "Cluster"),
                            ("audit", "Audit sample"),
                        ],
                        max_length=10,
                    ),
                ),
                ("unsure", models.BooleanField(default=False)),
                ("note", models.TextField(blank=True)),
                ("in_view", models.JSONField(default=list)),
                ("protocol_version", models.PositiveIntegerField()),
                ("revision", models.PositiveBigIntegerField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "assignment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="annotator.assignment",
                    ),
                ),
                (
                    "cluster",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="annotator.cluster",
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="decisions", to="annotator.dataset"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="annotator.clusterrun",
                    ),
                ),
                (
                    "undoes",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undone_by",
                        to="annotator.decision",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Detector",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("method", models.CharField(max_length=40)),
                ("aus", models.JSONField()),
                ("configuration", models.JSONField(default=dict)),
                ("seed", models.BigIntegerField()),
                ("report", models.JSONField(default=dict)),
                ("weights_name", models.CharField(max_length=200)),
                ("weights_sha256", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="detectors", to="annotator.dataset"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Face",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveBigIntegerField()),
                ("key", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("image", models.CharField(max_length=500)),
                ("frame", models.PositiveIntegerField(null=True)),
                ("time_s", models.FloatField(null=True)),
                (
                    "role",
                    models.CharField(
                        choices=[("none", "None"), ("train", "Train"), ("test", "Test")], default="none", max_length=8
                    ),
                ),
                ("split", models.CharField(blank=True, max_length=60)),
                ("emotion", models.CharField(blank=True, max_length=60)),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("pixels_sha256", models.CharField(max_length=64)),
                ("sharpness", models.FloatField()),
                ("brightness", models.FloatField()),
                (
                    "clip",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="faces",
                        to="annotator.clip",
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="faces", to="annotator.dataset"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DecisionFace",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("old_present", models.BigIntegerField()),
                ("old_scored", models.BigIntegerField()),
                ("old_unscorable", models.BigIntegerField()),
                ("old_noise", models.BooleanField()),
                ("old_intensities", models.BinaryField(null=True)),
                ("new_present", models.BigIntegerField()),
                ("new_scored", models.BigIntegerField()),
                ("new_unscorable", models.BigIntegerField()),
                ("new_noise", models.BooleanField()),
                ("new_intensities", models.BinaryField(null=True)),
                (
                    "decision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="faces", to="annotator.decision"
                    ),
                ),
                (
                    "face",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="decisions", to="annotator.face"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AssignmentFace",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assigned_faces",
                        to="annotator.assignment",
                    ),
                ),
                (
                    "face",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="annotator.face"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="FeatureSet",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("backbone", models.CharField(blank=True, max_length=80)),
                ("revision", models.PositiveBigIntegerField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="feature_sets",
                        to="annotator.dataset",
                    ),
                ),
                (
                    "detector",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="feature_sets",
                        to="annotator.detector",
                    ),
                ),
                (
                    "features",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="annotator.arrayfile"
                    ),
                ),
                (
                    "scores",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="annotator.arrayfile",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="clusterrun",
            name="feature_set",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="runs", to="annotator.featureset"
            ),
        ),
        migrations.CreateModel(
            name="ImportBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("with_pictures", models.BooleanField()),
                ("pictures", models.JSONField(default=list)),
                ("labels_path", models.CharField(max_length=500)),
                ("labels_file", models.CharField(max_length=255)),
                ("owns_files", models.BooleanField(default=False)),
                ("format", models.CharField(blank=True, max_length=20)),
                ("layer_kind", models.CharField(max_length=12)),
                ("header", models.JSONField(default=list)),
                ("mapping", models.JSONField(default=dict)),
                ("split_roles", models.JSONField(default=dict)),
                ("rows_read", models.PositiveIntegerField(default=0)),
                ("faces_added", models.PositiveIntegerField(default=0)),
                ("labels_added", models.PositiveIntegerField(default=0)),
                ("problems", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="imports", to="annotator.dataset"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ImportRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line", models.PositiveIntegerField()),
                ("cells", models.JSONField()),
                ("problem", models.CharField(blank=True, max_length=500)),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rows", to="annotator.importbatch"
                    ),
                ),
                (
                    "face",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="import_rows",
                        to="annotator.face",
                    ),
                ),
            ],
            options={
                "ordering": ["line"],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("admin", "Admin"),
                            ("adjudicator", "Adjudicator"),
                            ("coder", "Coder"),
                            ("analyst", "Analyst"),
                        ],
                        max_length=12,
                    ),
                ),
                ("name", models.CharField(max_length=150)),
                ("token_sha256", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "accepted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="annotator.dataset",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("target", models.CharField(max_length=80)),
                ("queue", models.CharField(max_length=10)),
                ("params", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Waiting"),
                            ("running", "Running"),
                            ("cancelling", "Cancelling"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=12,
                    ),
                ),
                ("fraction", models.FloatField(default=0)),
                ("message", models.CharField(blank=True, max_length=300)),
                ("counts", models.JSONField(default=dict)),
                ("curves", models.JSONField(default=dict)),
                ("log", models.TextField(blank=True)),
                ("checkpoint", models.JSONField(default=dict)),
                ("result", models.JSONField(default=dict)),
                ("error", models.TextField(blank=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("claim", models.CharField(blank=True, max_length=36)),
                ("lease_until", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="jobs", to="annotator.dataset"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="importbatch",
            name="job",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="imports", to="annotator.job"
            ),
        ),
        migrations.AddField(
            model_name="featureset",
            name="job",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="annotator.job"
            ),
        ),
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "shape",
                    models.CharField(
                        choices=[("wide", "Wide: one row a face"), ("long", "Long: one row a label")],
                        default="wide",
                        max_length=8,
                    ),
                ),
                ("preset", models.CharField(default="standard", max_length=20)),
                ("accept_proposals", models.BooleanField(default=False)),
                ("revision", models.PositiveBigIntegerField()),
                ("protocol_version", models.PositiveIntegerField()),
                ("layers", models.JSONField(default=list)),
                ("file_name", models.CharField(blank=True, max_length=200)),
                ("dictionary_name", models.CharField(blank=True, max_length=200)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("rows", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="exports", to="annotator.dataset"
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="exports",
                        to="annotator.job",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="detector",
            name="job",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="annotator.job"
            ),
        ),
        migrations.AddField(
            model_name="clusterrun",
            name="job",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="runs", to="annotator.job"
            ),
        ),
        migrations.CreateModel(
            name="LabelLayer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("reference", "Reference"),
                            ("weak", "Weak"),
                            ("proposal", "Proposal"),
                            ("prediction", "Prediction"),
                            ("coder", "Coder"),
                            ("consensus", "Consensus"),
                        ],
                        max_length=12,
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="layers", to="annotator.dataset"
                    ),
                ),
                (
                    "detector",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="layers",
                        to="annotator.detector",
                    ),
                ),
                (
                    "probabilities",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="annotator.arrayfile",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="coder_layers",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Label",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("present", models.BigIntegerField(default=0)),
                ("scored", models.BigIntegerField(default=0)),
                ("unscorable", models.BigIntegerField(default=0)),
                ("noise", models.BooleanField(default=False)),
                ("intensities", models.BinaryField(null=True)),
                (
                    "face",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="labels", to="annotator.face"
                    ),
                ),
                (
                    "layer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="labels",
                        to="annotator.labellayer",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="importbatch",
            name="layer",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="annotator.labellayer"
            ),
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("au", models.PositiveSmallIntegerField()),
                ("onset", models.PositiveIntegerField()),
                ("apex", models.PositiveIntegerField(null=True)),
                ("offset", models.PositiveIntegerField(null=True)),
                ("intensity", models.PositiveSmallIntegerField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "clip",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="events", to="annotator.clip"
                    ),
                ),
                (
                    "layer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="events", to="annotator.labellayer"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="clusterrun",
            name="weak_layer",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="annotator.labellayer"
            ),
        ),
        migrations.CreateModel(
            name="LabelSnapshot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("revision", models.PositiveBigIntegerField()),
                ("aus", models.JSONField()),
                ("sources", models.JSONField(default=dict)),
                ("layers", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "codes",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="annotator.arrayfile"
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="snapshots", to="annotator.dataset"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="detector",
            name="snapshot",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="detectors", to="annotator.labelsnapshot"
            ),
        ),
        migrations.CreateModel(
            name="LoginLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token_sha256", models.CharField(max_length=64, unique=True)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="login_links",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Member",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("admin", "Admin"),
                            ("adjudicator", "Adjudicator"),
                            ("coder", "Coder"),
                            ("analyst", "Analyst"),
                        ],
                        max_length=12,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="members", to="annotator.dataset"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Protocol",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField()),
                (
                    "coding",
                    models.CharField(
                        choices=[("occurrence", "Occurrence"), ("intensity", "Intensity")],
                        default="occurrence",
                        max_length=12,
                    ),
                ),
                ("present_from", models.PositiveSmallIntegerField(default=2)),
                (
                    "laterality",
                    models.CharField(
                        choices=[("none", "One code for both sides"), ("sides", "Left and right")],
                        default="none",
                        max_length=8,
                    ),
                ),
                ("coders_per_item", models.PositiveSmallIntegerField(default=1)),
                ("note", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="protocols", to="annotator.dataset"
                    ),
                ),
            ],
            options={
                "ordering": ["-version"],
            },
        ),
        migrations.AddField(
            model_name="labelsnapshot",
            name="protocol",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="annotator.protocol"
            ),
        ),
        migrations.AddField(
            model_name="clusterrun",
            name="protocol",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="annotator.protocol"
            ),
        ),
        migrations.CreateModel(
            name="Subject",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("pseudonym", models.CharField(max_length=120)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="subjects", to="annotator.dataset"
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="face",
            name="subject",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="faces", to="annotator.subject"
            ),
        ),
        migrations.AddField(
            model_name="clip",
            name="subject",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="clips", to="annotator.subject"
            ),
        ),
        migrations.CreateModel(
            name="Withdrawal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("subject_sha256", models.CharField(max_length=64)),
                ("faces", models.PositiveIntegerField()),
                ("withdrawn_at", models.DateTimeField(auto_now_add=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="withdrawals",
                        to="annotator.dataset",
                    ),
                ),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="cluster",
            index=models.Index(fields=["run", "-expected_corrections"], name="cluster_most_corrections"),
        ),
        migrations.AddConstraint(
            model_name="cluster",
            constraint=models.UniqueConstraint(fields=("run", "partition", "number"), name="cluster_once"),
        ),
        migrations.AddConstraint(
            model_name="codedau",
            constraint=models.UniqueConstraint(fields=("dataset", "au"), name="coded_au_once"),
        ),
        migrations.AddConstraint(
            model_name="codedau",
            constraint=models.UniqueConstraint(fields=("dataset", "bit"), name="coded_au_bit_once"),
        ),
        migrations.AddConstraint(
            model_name="codedau",
            constraint=models.CheckConstraint(condition=models.Q(("bit__lte", 62)), name="coded_au_bit_of_63"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                condition=models.Q(("dataset__isnull", False)), fields=["dataset", "-id"], name="audit_newest"
            ),
        ),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(fields=["dataset", "coder", "state"], name="assignment_of_coder"),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["open", "done"])),
                fields=("cluster", "seat"),
                name="assignment_one_a_seat",
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["open", "done"])),
                fields=("cluster", "coder"),
                name="assignment_one_a_coder",
            ),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(fields=["dataset", "-id"], name="decision_newest"),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(fields=["user", "dataset", "-id"], name="decision_of_user"),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.UniqueConstraint(fields=("user", "client_id"), name="decision_client_id_once"),
        ),
        migrations.AddConstraint(
            model_name="decisionface",
            constraint=models.UniqueConstraint(fields=("decision", "face"), name="decision_face_once"),
        ),
        migrations.AddConstraint(
            model_name="assignmentface",
            constraint=models.UniqueConstraint(fields=("assignment", "face"), name="assigned_face_once"),
        ),
        migrations.AddIndex(
            model_name="importrow",
            index=models.Index(fields=["batch", "problem"], name="import_problems"),
        ),
        migrations.AddConstraint(
            model_name="importrow",
            constraint=models.UniqueConstraint(fields=("batch", "line"), name="import_line_once"),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(fields=["state", "lease_until"], name="job_state_lease"),
        ),
        migrations.AddConstraint(
            model_name="job",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("queued", "running", "cancelling"))),
                fields=("dataset", "kind", "target"),
                name="job_one_active_for_a_target",
            ),
        ),
        migrations.AddConstraint(
            model_name="labellayer",
            constraint=models.UniqueConstraint(fields=("dataset", "name"), name="layer_name_once"),
        ),
        migrations.AddConstraint(
            model_name="labellayer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind__in", ["proposal", "consensus"])),
                fields=("dataset", "kind"),
                name="layer_one_proposal_one_consensus",
            ),
        ),
        migrations.AddConstraint(
            model_name="labellayer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "coder")), fields=("dataset", "user"), name="layer_one_a_coder"
            ),
        ),
        migrations.AddConstraint(
            model_name="labellayer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "prediction")),
                fields=("dataset", "detector"),
                name="layer_one_a_detector",
            ),
        ),
        migrations.AddConstraint(
            model_name="labellayer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "coder"), ("user__isnull", False)),
                    models.Q(models.Q(("kind", "coder"), _negated=True), ("user__isnull", True)),
                    _connector="OR",
                ),
                name="layer_coder_has_user",
            ),
        ),
        migrations.AddConstraint(
            model_name="label",
            constraint=models.UniqueConstraint(fields=("layer", "face"), name="label_once"),
        ),
        migrations.AddConstraint(
            model_name="label",
            constraint=models.CheckConstraint(
                condition=django.db.models.lookups.Exact(
                    django.db.models.expressions.CombinedExpression(models.F("scored"), "&", models.F("unscorable")),
                    0,
                ),
                name="label_unscorable_is_not_scored",
            ),
        ),
        migrations.AddConstraint(
            model_name="label",
            constraint=models.CheckConstraint(
                condition=models.Q(("present__gte", 0), ("scored__gte", 0), ("unscorable__gte", 0)),
                name="label_masks_of_63_bits",
            ),
        ),
        migrations.AddConstraint(
            model_name="label",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "present",
                        django.db.models.expressions.CombinedExpression(models.F("present"), "&", models.F("scored")),
                    )
                ),
                name="label_present_is_scored",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(("apex", None), ("apex__gte", models.F("onset")), _connector="OR"),
                name="event_apex_after_onset",
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.CheckConstraint(
                condition=models.Q(("offset", None), ("offset__gte", models.F("onset")), _connector="OR"),
                name="event_offset_after_onset",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.UniqueConstraint(fields=("dataset", "user"), name="member_once"),
        ),
        migrations.AddConstraint(
            model_name="protocol",
            constraint=models.UniqueConstraint(fields=("dataset", "version"), name="protocol_version_once"),
        ),
        migrations.AddConstraint(
            model_name="protocol",
            constraint=models.CheckConstraint(
                condition=models.Q(("present_from__range", (1, 5))), name="protocol_threshold_a_to_e"
            ),
        ),
        migrations.AddConstraint(
            model_name="protocol",
            constraint=models.CheckConstraint(
                condition=models.Q(("coders_per_item__range", (1, 2))), name="protocol_one_or_two_coders"
            ),
        ),
        migrations.AddConstraint(
            model_name="subject",
            constraint=models.UniqueConstraint(fields=("dataset", "pseudonym"), name="subject_once"),
        ),
        migrations.AddIndex(
            model_name="face",
            index=models.Index(fields=["clip", "frame"], name="face_clip_frame"),
        ),
        migrations.AddIndex(
            model_name="face",
            index=models.Index(fields=["subject"], name="face_subject"),
        ),
        migrations.AddConstraint(
            model_name="face",
            constraint=models.UniqueConstraint(fields=("dataset", "position"), name="face_position_once"),
        ),
        migrations.AddConstraint(
            model_name="face",
            constraint=models.UniqueConstraint(fields=("dataset", "image"), name="face_image_once"),
        ),
        migrations.AddConstraint(
            model_name="clip",
            constraint=models.UniqueConstraint(fields=("dataset", "subject", "name"), name="clip_once"),
        ),
        migrations.AddConstraint(
            model_name="clip",
            constraint=models.UniqueConstraint(
                condition=models.Q(("subject", None)), fields=("dataset", "name"), name="clip_without_subject_once"
            ),
        ),
    ]
