"""The job row: the truth about any long work. Celery only carries its id.

    queued ──claimed──▶ running ──▶ done | failed
      │                    │
      └─cancel▶ cancelled  └─cancel▶ cancelling ──▶ cancelled

A running job renews `lease_until`; one whose lease ran out has lost its worker, and the reaper puts
it back to queued (or fails it once `attempts` are used up). The worker that holds `claim` may write.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotator.choices import ACTIVE_STATES, JobState
from annotator.models.datasets import DataSet


class Job(models.Model):
    dataset = models.ForeignKey(DataSet, models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=20)
    target = models.CharField(max_length=80)
    """What it works on, such as `import:7`; a target has one active job at most."""
    queue = models.CharField(max_length=10)
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=JobState.choices, default=JobState.QUEUED)
    fraction = models.FloatField(default=0)
    message = models.CharField(max_length=300, blank=True)
    counts = models.JSONField(default=dict)
    curves = models.JSONField(default=dict)
    log = models.TextField(blank=True)
    checkpoint = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.CharField(max_length=36, blank=True)
    lease_until = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "kind", "target"],
                condition=Q(state__in=ACTIVE_STATES),
                name="job_one_active_for_a_target",
            )
        ]
        indexes = [models.Index(fields=["state", "lease_until"], name="job_state_lease")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.state})"

    @property
    def active(self) -> bool:
        return self.state in ACTIVE_STATES

    @property
    def percent(self) -> int:
        return int(self.fraction * 100)
