"""A job's card: it polls while the job is at work, says once that it ended, and has its buttons."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotator.choices import JobState, Mode
from annotator.models import Assignment, ImportBatch, Job

HTMX = {"HX-Request": "true"}


@pytest.fixture
def job(cast, dataset):
    return Job.objects.create(
        dataset=dataset,
        kind="import",
        target="import:1",
        queue="io",
        state=JobState.RUNNING,
        fraction=0.42,
        message="Reading pictures",
        counts={"rows": 12},
        claim="somebody",
    )


def address(name, job):
    return reverse(name, args=[job.dataset_id, job.pk])


def test_the_card_shows_how_far_the_job_is_and_polls(cast, job):
    card = cast.client("ana").get(address("job_progress", job)).content.decode()
    for words in (
        'value="42"',
        "Reading pictures",
        "rows",
        'hx-trigger="every 1s"',
        address("job_progress", job),
    ):
        assert words in card


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
def test_the_card_of_an_ended_job_says_so_and_stops_polling(cast, job, state):
    Job.objects.filter(pk=job.pk).update(state=state, error="The disk is full.")
    answer = cast.client("ana").get(address("job_progress", job))
    assert answer["HX-Trigger-After-Settle"] == "jobEnded"
    assert "hx-trigger" not in answer.content.decode()
    assert "The disk is full." in answer.content.decode()


def test_the_page_of_a_job_leads_back_to_what_it_works_on(cast, dataset, job):
    batch = ImportBatch.objects.create(dataset=dataset, labels_file="faces.csv", with_pictures=True, job=job)
    page = cast.client("alice").get(address("job_detail", job)).content.decode()
    assert f'href="{reverse("import_detail", args=[dataset.pk, batch.pk])}">faces.csv</a>' in page
    assert "import:1" not in page


def test_the_card_links_to_the_job_but_not_from_the_jobs_own_page(cast, job):
    link = f'href="{address("job_detail", job)}"'
    client = cast.client("alice")
    assert link in client.get(address("job_progress", job)).content.decode()
    assert link not in client.get(address("job_detail", job)).content.decode()
    on_it = {**HTMX, "HX-Current-URL": f"http://testserver{address('job_detail', job)}"}
    assert link not in client.get(address("job_progress", job), headers=on_it).content.decode()


def test_counts_of_a_card_are_read_in_thousands(cast, job):
    Job.objects.filter(pk=job.pk).update(counts={"labels": 14400})
    assert "14,400" in cast.client("ana").get(address("job_progress", job)).content.decode()


def test_buttons_are_only_for_who_may_press_them(cast, job):
    assert address("job_cancel", job) in cast.client("alice").get(address("job_progress", job)).content.decode()
    assert address("job_cancel", job) not in cast.client("bob").get(address("job_progress", job)).content.decode()


def test_cancelling_by_htmx_answers_with_the_card(cast, job):
    answer = cast.client("alice").post(address("job_cancel", job), headers=HTMX)
    assert f'id="job-{job.pk}"' in answer.content.decode()
    assert "<html" not in answer.content.decode()
    job.refresh_from_db()
    assert job.state == JobState.CANCELLING


def test_cancelling_by_a_plain_form_leads_to_the_jobs_page(cast, job):
    assert cast.client("alice").post(address("job_cancel", job))["Location"] == address("job_detail", job)


def test_a_failed_job_resumes(cast, job):
    Job.objects.filter(pk=job.pk).update(state=JobState.FAILED, error="lost")
    cast.client("alice").post(address("job_resume", job))
    job.refresh_from_db()
    assert (job.state, job.error) == (JobState.QUEUED, "")


def test_resuming_what_runs_is_a_conflict(cast, job):
    answer = cast.client("alice").post(address("job_resume", job), headers=HTMX)
    assert answer.status_code == 409
    assert 'role="alert"' in answer.content.decode()


def test_the_page_of_a_failed_job_opens_its_log(cast, job):
    Job.objects.filter(pk=job.pk).update(state=JobState.FAILED, log="10:00:00 <b>reading</b>")
    page = cast.client("ana").get(address("job_detail", job)).content.decode()
    assert "10:00:00 &lt;b&gt;reading&lt;/b&gt;" in page
    assert "<details" in page


def test_a_blind_coder_is_not_told_what_a_job_found(cast, dataset, job):
    Job.objects.filter(pk=job.pk).update(
        message="Told 1", error="Told 2", log="Told 3", counts={"Told 4": 4}, state=JobState.RUNNING
    )
    pages = [address("job_detail", job), address("job_progress", job)]
    pages += [reverse("dataset_detail", args=[dataset.pk]), reverse("dataset_list")]
    bob = cast.client("bob")
    assert "Told" in bob.get(pages[0]).content.decode()
    later = timezone.now() + timedelta(hours=1)
    Assignment.objects.create(dataset=dataset, coder=cast.bob, aus=1, mode=Mode.BLIND, lease_until=later)
    for page in pages:
        answer = bob.get(page)
        assert answer.status_code == 200
        assert "Told" not in answer.content.decode(), page
