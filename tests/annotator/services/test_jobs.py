"""The life of a job row: claimed once, resumed, cancelled, reaped, never endless."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from annotator.choices import JobState
from annotator.errors import Conflict, JobCancelled
from annotator.jobs import JOB_KINDS, JobKind
from annotator.models import Job
from annotator.services.job_running import JobContext, JobPart, job_run
from annotator.services.jobs import MOST_ATTEMPTS, job_cancel, job_create, job_resume, jobs_reap
from tests.workers import wait_until


@pytest.fixture(autouse=True)
def kinds(monkeypatch):
    for name in ("counts", "waits", "breaks", "borrows"):
        kind = JobKind(name, name, queue="io", runner=f"tests.annotator.services.job_runners.{name}")
        monkeypatch.setitem(JOB_KINDS, name, kind)


def made(dataset, kind="counts", **params):
    return job_create(dataset=dataset, kind=kind, target="t", params=params)[0]


def test_a_finished_job_keeps_its_result(dataset):
    job = job_run(made(dataset).pk)
    assert (job.state, job.fraction, job.result) == (JobState.DONE, 1.0, {"started_at": 0})


def test_a_double_click_starts_one_job(dataset):
    first, new = job_create(dataset=dataset, kind="counts", target="t")
    second, again = job_create(dataset=dataset, kind="counts", target="t")
    assert (first.pk, new, again) == (second.pk, True, False)


def test_a_job_that_ends_while_another_is_asked_for_makes_room(dataset, monkeypatch):
    ask = Job.objects.create
    tries = []

    def create(**fields):
        tries.append(fields)
        if len(tries) == 1:
            raise IntegrityError("there is an active job, which ends right after this")
        return ask(**fields)

    monkeypatch.setattr(Job.objects, "create", create)
    assert job_create(dataset=dataset, kind="counts", target="t")[1]


def test_a_target_may_have_another_job_once_the_first_has_ended(dataset):
    job_run(made(dataset).pk)
    assert made(dataset).state == JobState.QUEUED


def test_a_message_delivered_twice_runs_once(dataset):
    job = made(dataset)
    assert job_run(job.pk).attempts == 1
    assert job_run(job.pk).attempts == 1


def test_a_failed_job_says_why_in_its_own_words(dataset):
    job = job_run(made(dataset, stop_at=3).pk)
    assert (job.state, job.error) == (JobState.FAILED, "The cable was pulled.")


def test_a_part_of_a_job_has_parameters_and_a_share_of_its_own(dataset):
    told = []
    job = made(dataset, "borrows", stop_at=9)
    job = job_run(job.pk, echo=lambda fraction, message: told.append((round(fraction, 2), message)))
    assert (job.state, job.error) == (JobState.FAILED, "The cable was pulled.")
    assert told == [(0.4, "By myself"), (0.5, "Step 0"), (0.55, "Step 1")]
    job = job_run(job_resume(job=job).pk)
    assert (job.state, job.fraction, job.result) == (JobState.DONE, 1.0, {"started_at": 2})


def test_a_part_of_a_job_hears_its_cancellation(dataset):
    job = made(dataset)
    whole = JobContext(job, "claim")
    part = JobPart(whole, 0.2, 0.4, {})
    whole._cancelled.set()
    assert part.cancelled()
    with pytest.raises(JobCancelled):
        part.progress(0.5)


def test_a_resumed_job_goes_on_from_its_checkpoint(dataset):
    job = job_run(made(dataset, stop_at=3).pk)
    job = job_run(job_resume(job=job).pk)
    assert (job.state, job.result) == (JobState.DONE, {"started_at": 3})


def test_an_unexpected_error_is_told_and_its_traceback_kept(dataset):
    job = job_run(made(dataset, "breaks").pk)
    assert job.state == JobState.FAILED
    assert "ZeroDivisionError: a bug of ours" in job.error
    assert "in breaks" in job.log


def test_a_done_job_cannot_be_resumed(dataset):
    job = job_run(made(dataset).pk)
    with pytest.raises(Conflict, match="Only a failed or cancelled job"):
        job_resume(job=job)


def test_a_waiting_job_is_cancelled_at_once(dataset):
    job = job_cancel(job=made(dataset))
    assert job.state == JobState.CANCELLED
    assert job_run(job.pk).state == JobState.CANCELLED


def under_way(job) -> threading.Thread:
    """A thread that runs the job, once it has claimed it."""

    def work():
        job_run(job.pk)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: Job.objects.filter(pk=job.pk, state=JobState.RUNNING).exists(), seconds=20)
    return thread


@pytest.mark.django_db(transaction=True)
def test_a_running_job_stops_when_cancelled(dataset):
    job = made(dataset, "waits")

    thread = under_way(job)
    assert job_cancel(job=job).state == JobState.CANCELLING
    thread.join(20)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def lost(dataset, **fields):
    """A job whose worker is gone."""
    job = made(dataset)
    past = timezone.now() - timedelta(seconds=1)
    Job.objects.filter(pk=job.pk).update(
        **{"state": JobState.RUNNING, "claim": "gone", "lease_until": past, **fields}
    )
    return job


def test_the_reaper_puts_back_a_job_whose_lease_ran_out(dataset):
    job = lost(dataset, attempts=1)
    assert jobs_reap()["requeued"] == 1
    assert job_run(job.pk).state == JobState.DONE


def test_the_reaper_leaves_a_living_job_alone(dataset):
    job = lost(dataset, lease_until=timezone.now() + timedelta(seconds=60))
    jobs_reap()
    job.refresh_from_db()
    assert (job.state, job.claim) == (JobState.RUNNING, "gone")


def test_a_job_that_loses_every_worker_fails_in_the_end(dataset):
    job = lost(dataset, attempts=MOST_ATTEMPTS)
    jobs_reap()
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "The worker was lost 3 times" in job.error


def test_a_lost_job_that_was_being_cancelled_ends_cancelled(dataset):
    job = lost(dataset, state=JobState.CANCELLING)
    jobs_reap()
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_its_job_writes_nothing_more(dataset):
    job = made(dataset, "waits")

    thread = under_way(job)
    Job.objects.filter(pk=job.pk).update(claim="another worker", message="mine now")
    thread.join(20)
    job.refresh_from_db()
    assert (job.state, job.claim, job.message) == (JobState.RUNNING, "another worker", "mine now")


def test_progress_since_the_last_loss_starts_the_count_of_losses_anew(dataset):
    job = made(dataset)
    Job.objects.filter(pk=job.pk).update(attempts=MOST_ATTEMPTS - 1)
    assert job_run(job.pk).attempts == 1
