"""Starting, sending, cancelling, resuming and reaping jobs; job_running does the work of one."""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.choices import ACTIVE_STATES, JobState
from annotator.errors import Conflict
from annotator.jobs import JOB_KINDS
from annotator.models import DataSet, Job

log = logging.getLogger("corrugator.jobs")

MOST_ATTEMPTS = 3
SEND_AGAIN_SECONDS = 60
"""A job still waiting after this long is sent once more: its message may have been lost."""


def job_create(
    *,
    dataset: DataSet,
    kind: str,
    target: str,
    params: dict[str, Any] | None = None,
    user: User | None = None,
) -> tuple[Job, bool]:
    """A queued job, and whether it is new: a target that has an active job keeps that one,
    so that a double click starts one. It runs once sent (job_send) or run here (job_run)."""
    for _attempt in range(3):
        try:
            with transaction.atomic():
                job = Job.objects.create(
                    dataset=dataset,
                    kind=kind,
                    target=target,
                    queue=JOB_KINDS[kind].queue,
                    params=params or {},
                    created_by=user,
                    lease_until=timezone.now() + timedelta(seconds=SEND_AGAIN_SECONDS),
                )
        except IntegrityError:
            active = Job.objects.filter(dataset=dataset, kind=kind, target=target, state__in=ACTIVE_STATES).first()
            if active is not None:
                return active, False
            # It ended between the two questions: now there is room for a new one.
        else:
            return job, True
    raise Conflict(_("Others start and end this very work at the same time: try again."))


def job_send(job: Job) -> None:
    """Hand the job to the workers once the present transaction is committed. A broker that is away
    loses nothing: the row stays queued and the reaper sends it again."""
    transaction.on_commit(lambda: _publish(job.pk, job.queue))


def _publish(job_id: int, queue: str) -> None:
    from annotator.tasks import job_execute

    try:
        job_execute.apply_async(args=[job_id], queue=queue, retry=False)
    except Exception:  # whatever a broker's client raises, the row is what counts
        log.warning("job %s waits: the broker can't be reached", job_id)


def job_cancel(*, job: Job) -> Job:
    """Cancel a waiting job at once; ask a running one to stop at its next step."""
    now = timezone.now()
    if not Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(
        state=JobState.CANCELLED, finished_at=now, message=""
    ):
        Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(state=JobState.CANCELLING)
    job.refresh_from_db()
    return job


def job_resume(*, job: Job) -> Job:
    """Put a failed or cancelled job back to waiting; it goes on from its checkpoint."""
    try:
        with transaction.atomic():
            changed = Job.objects.filter(pk=job.pk, state__in=[JobState.FAILED, JobState.CANCELLED]).update(
                state=JobState.QUEUED,
                attempts=0,
                error="",
                claim="",
                finished_at=None,
                lease_until=timezone.now() + timedelta(seconds=SEND_AGAIN_SECONDS),
            )
    except IntegrityError:
        raise Conflict(_("Another job is at work on this already.")) from None
    if not changed:
        raise Conflict(_("Only a failed or cancelled job can be resumed."))
    job.refresh_from_db()
    return job


def job_put_back(job: Job) -> str:
    """Put back a job whose worker is lost, or end it where that can't help: “requeued”, “ended”, or
    nothing for a job that is not lost. Changed by one conditional update, in whatever process."""
    now = timezone.now()
    mine = Job.objects.filter(pk=job.pk, claim=job.claim, state=job.state, lease_until__lt=now)
    if job.state == JobState.CANCELLING:
        done, changed = "ended", mine.update(state=JobState.CANCELLED, finished_at=now, claim="")
    elif job.state != JobState.RUNNING:
        return ""
    elif job.attempts >= MOST_ATTEMPTS:
        done = "ended"
        changed = mine.update(
            state=JobState.FAILED,
            finished_at=now,
            claim="",
            error=f"The worker was lost {job.attempts} times, for example for want of memory. "
            "Nothing is lost: Resume goes on from the last checkpoint.",
        )
    else:
        done = "requeued"
        changed = mine.update(
            state=JobState.QUEUED, claim="", lease_until=now, message="The worker was lost; starting again."
        )
    return done if changed else ""


def jobs_reap() -> dict[str, int]:
    """Put back jobs whose worker is lost, end those it can't help, send again those long waiting.

    Returns how many were requeued, ended and sent again. Safe to run in several processes.
    """
    counts = {"requeued": 0, "ended": 0, "sent": 0}
    lost = [JobState.RUNNING, JobState.CANCELLING]
    for job in Job.objects.filter(state__in=lost, lease_until__lt=timezone.now()):
        if done := job_put_back(job):
            counts[done] += 1
    now = timezone.now()
    for job in Job.objects.filter(state=JobState.QUEUED, lease_until__lte=now):
        later = now + timedelta(seconds=SEND_AGAIN_SECONDS)
        if Job.objects.filter(pk=job.pk, state=JobState.QUEUED, lease_until__lte=now).update(lease_until=later):
            _publish(job.pk, job.queue)
            counts["sent"] += 1
    return counts


def lease_seconds() -> int:
    return int(settings.JOB_LEASE_SECONDS)
