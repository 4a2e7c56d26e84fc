"""Who may stop or resume which job."""

import pytest
from django.urls import reverse

from annotator.choices import JobState
from annotator.errors import NotFound
from annotator.models import Job
from annotator.selectors.jobs import (
    job_actions,
    job_address,
    job_counts,
    job_of,
    job_place,
    job_steerable,
    job_title,
)
from annotator.services.datasets import dataset_create
from tests.factories import training_make


def job_make(dataset, kind="import", state=JobState.RUNNING, user=None):
    return Job.objects.create(
        dataset=dataset, kind=kind, target=f"{kind}:1", queue="io", state=state, created_by=user
    )


@pytest.mark.parametrize(("kind", "allowed"), [("import", {"alice"}), ("export", {"alice", "dora", "ana"})])
def test_admins_steer_all_jobs_and_exporters_exports(cast, dataset, kind, allowed):
    job = job_make(dataset, kind)
    steer = {
        name
        for name in ("alice", "dora", "bob", "ana")
        if job_steerable(job, dataset.members.get(user=getattr(cast, name)))
    }
    assert steer == allowed


def test_people_steer_the_jobs_they_started(cast, dataset):
    job = job_make(dataset, user=cast.bob)
    assert job_steerable(job, dataset.members.get(user=cast.bob))
    assert not job_steerable(job, dataset.members.get(user=cast.cleo))
    assert not job_steerable(job, None)


def test_membership_of_another_data_set_does_not_help(cast, dataset):
    other = dataset_create(name="Others", user=cast.charlie)
    assert not job_steerable(job_make(dataset), other.members.get(user=cast.charlie))
    with pytest.raises(NotFound):
        job_of(other, job_make(dataset, "export").pk)


@pytest.mark.parametrize(
    ("state", "cancel", "resume"),
    [
        (JobState.QUEUED, True, False),
        (JobState.RUNNING, True, False),
        (JobState.CANCELLING, False, False),
        (JobState.DONE, False, False),
        (JobState.FAILED, False, True),
        (JobState.CANCELLED, False, True),
    ],
)
def test_buttons_follow_the_state(cast, dataset, state, cancel, resume):
    alice = dataset.members.get(user=cast.alice)
    assert job_actions(job_make(dataset, state=state), alice) == {"cancel": cancel, "resume": resume}


def test_a_training_has_a_page_of_its_own_for_those_who_may_open_it(cast, dataset):
    job = training_make(dataset)
    own = reverse("training_detail", args=[dataset.pk, job.pk])
    members = {name: dataset.members.get(user=getattr(cast, name)) for name in ("alice", "ana", "bob")}
    assert [job_address(job, members[name]) for name in members] == [
        own, own, reverse("job_detail", args=[dataset.pk, job.pk]),
    ]  # fmt: skip
    assert job_address(job, None) == reverse("job_detail", args=[dataset.pk, job.pk])
    assert job_place(job, members["ana"])[0] == own
    assert job_place(job, members["bob"]) is None


def test_a_prediction_leads_to_its_detector(cast, dataset):
    job = job_make(dataset, "prediction")
    job.params = {"detector": 7}
    place = job_place(job, dataset.members.get(user=cast.ana))
    assert place == (reverse("detector_detail", args=[dataset.pk, 7]), "Detector 7")


def test_a_job_is_called_by_the_name_it_was_given(dataset):
    assert job_title(training_make(dataset)) == "Training: Brows and lips"
    assert job_title(training_make(dataset, params={})) == "Training"


def test_counts_are_told_in_words(dataset):
    job = training_make(dataset)
    assert job_counts(job) == [("faces a second", "212"), ("minutes left", "6"), ("faces", "1,200")]
    job.state = JobState.DONE
    assert ("minutes left", "6") not in job_counts(job)
