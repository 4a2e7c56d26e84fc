"""Who may stop or resume which job."""

import pytest

from annotator.choices import JobState
from annotator.errors import NotFound
from annotator.models import Job
from annotator.selectors.jobs import job_actions, job_of, job_steerable
from annotator.services.datasets import dataset_create


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
