"""The one wrapper that gives every job its claim, heartbeat, progress, cancellation and end."""

import logging
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.db import close_old_connections, connection
from django.utils import timezone

from annotator.choices import JobState
from annotator.errors import CorrugatorError, JobCancelled, LeaseLost
from annotator.jobs import JOB_KINDS
from annotator.models import Job
from annotator.services.jobs import lease_seconds

log = logging.getLogger("corrugator.jobs")

Echo = Callable[[float, str], None]
SAVE_EVERY_SECONDS = 0.5
BEAT_SECONDS = 2.0
"""Between two heartbeats at most; a cancellation is heard as late as that."""
LONGEST_LOG = 200_000


class JobContext:
    """What a runner sees of its job: parameters, a checkpoint, and ways to report and to stop."""

    def __init__(self, job: Job, claim: str, echo: Echo | None = None) -> None:
        self.job = job
        self._claim = claim
        self._echo = echo
        self._saved_at = 0.0
        self._cancelled = threading.Event()
        self._lost = threading.Event()

    @property
    def params(self) -> dict[str, Any]:
        params: dict[str, Any] = self.job.params
        return params

    @property
    def checkpoint(self) -> dict[str, Any]:
        checkpoint: dict[str, Any] = self.job.checkpoint
        return checkpoint

    def progress(self, fraction: float, message: str = "", **counts: int) -> None:
        """Report how far the work is (0…1). Raises JobCancelled or LeaseLost when it must stop."""
        self.stop_if_asked()
        self.job.fraction = min(max(float(fraction), 0.0), 1.0)
        self.job.message = message or self.job.message
        self.job.counts = {**self.job.counts, **counts}
        if self._echo:
            self._echo(self.job.fraction, self.job.message)
        if time.monotonic() - self._saved_at >= SAVE_EVERY_SECONDS:
            self._save(fraction=self.job.fraction, message=self.job.message[:300], counts=self.job.counts)
            self._saved_at = time.monotonic()

    def checkpoint_save(self, **values: Any) -> None:
        """Keep these values for a later resumption; call it once what they speak of is written."""
        self.job.checkpoint = {**self.job.checkpoint, **values}
        # What has come further since the last loss is not a job that kills its workers.
        self._save(checkpoint=self.job.checkpoint, attempts=1, fraction=self.job.fraction, counts=self.job.counts)

    def curve(self, name: str, points: Sequence[Sequence[float | None]]) -> None:
        self.job.curves = {**self.job.curves, name: points}
        self._save(curves=self.job.curves)

    def log(self, line: str) -> None:
        self.job.log = (self.job.log + f"{timezone.now():%H:%M:%S} {line}\n")[-LONGEST_LOG:]
        self._save(log=self.job.log)

    def cancelled(self) -> bool:
        return self._cancelled.is_set() or self._lost.is_set()

    def stop_if_asked(self) -> None:
        if self._lost.is_set():
            raise LeaseLost
        if self._cancelled.is_set():
            raise JobCancelled

    def _save(self, **values: Any) -> None:
        if not Job.objects.filter(pk=self.job.pk, claim=self._claim).update(**values):
            self._lost.set()
            raise LeaseLost

    def heartbeat(self) -> None:
        """Renew the lease; learn of a cancellation or of having lost the job."""
        mine = Job.objects.filter(pk=self.job.pk, claim=self._claim)
        if not mine.update(lease_until=timezone.now() + timedelta(seconds=lease_seconds())):
            self._lost.set()
        elif mine.filter(state=JobState.CANCELLING).exists():
            self._cancelled.set()


class JobPart(JobContext):
    """A share of a job, from `start` to `end` of its progress, in which the runner of another kind of job works
    with parameters of its own."""

    def __init__(self, whole: JobContext, start: float, end: float, params: dict[str, Any]) -> None:
        super().__init__(whole.job, whole._claim, whole._echo)
        self._cancelled, self._lost = whole._cancelled, whole._lost
        self._start, self._share, self._params = start, end - start, params

    @property
    def params(self) -> dict[str, Any]:
        return self._params

    def progress(self, fraction: float, message: str = "", **counts: int) -> None:
        super().progress(self._start + self._share * min(max(float(fraction), 0.0), 1.0), message, **counts)


def job_run(job_id: int, *, echo: Echo | None = None) -> Job:
    """Claim the job and run it to its end in this process.

    A job that somebody else has claimed, or that has ended, is left as it is: a message delivered
    twice does nothing twice. Returns the job as it stands afterwards; never raises for failed work.
    """
    claim = str(uuid.uuid4())
    now = timezone.now()
    queued = Job.objects.filter(pk=job_id, state=JobState.QUEUED)
    attempt = queued.values_list("attempts", flat=True).first()
    claimed = attempt is not None and queued.update(
        state=JobState.RUNNING,
        claim=claim,
        attempts=attempt + 1,
        started_at=now,
        lease_until=now + timedelta(seconds=lease_seconds()),
    )
    job = Job.objects.select_related("dataset").get(pk=job_id)
    if not claimed:
        return job
    context = JobContext(job, claim, echo)
    done = threading.Event()
    heart = threading.Thread(target=_beat, args=(context, done), daemon=True, name=f"heartbeat-{job_id}")
    heart.start()
    try:
        result = JOB_KINDS[job.kind].resolve()(context)
        end = {"state": JobState.DONE, "fraction": 1.0, "result": result or {}, "counts": job.counts}
    except (JobCancelled, KeyboardInterrupt):
        end = {"state": JobState.CANCELLED}
    except LeaseLost:
        log.warning("job %s was taken over by another worker", job_id)
        end = {}
    except CorrugatorError as error:
        end = {"state": JobState.FAILED, "error": str(error)}
    except Exception as error:
        log.exception("job %s failed", job_id)
        end = {
            "state": JobState.FAILED,
            "error": f"An unexpected error ended this job ({type(error).__name__}: {error}). "
            "What it had finished is kept; the log has the details.",
            "log": (job.log + traceback.format_exc())[-LONGEST_LOG:],
        }
    finally:
        done.set()
        # Not for ever: a beat that waits for a lock of this very process would wait for us.
        heart.join(timeout=2)
    if end:
        Job.objects.filter(pk=job_id, claim=claim).update(finished_at=timezone.now(), claim="", **end)
    job.refresh_from_db()
    return job


def _beat(context: JobContext, done: threading.Event) -> None:
    """Renew the lease from a thread, so that a long step of numerics doesn't lose the job."""
    try:
        while not done.wait(min(lease_seconds() / 4, BEAT_SECONDS)):
            try:
                close_old_connections()
                context.heartbeat()
            except Exception:  # a database that is away for a moment must not end the heart
                log.warning("heartbeat of job %s failed", context.job.pk, exc_info=True)
    finally:
        connection.close()
