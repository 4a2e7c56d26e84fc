"""The next step follows the way of the data, and is a link only for whom it is for."""

import pytest
from django.urls import reverse
from django.utils import timezone

from annotator.choices import AssignmentState, JobState
from annotator.models import Assignment, ClusterRun, Detector, FeatureSet, Job
from annotator.selectors.next_steps import next_step, step_due
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_next
from tests.factories import detector_make, faces_make, run_make


def features_make(dataset):
    import numpy as np

    array = array_write(dataset=dataset, purpose="features", values=np.zeros((2, 4), np.float32))
    return FeatureSet.objects.create(dataset=dataset, name="net", revision=1, features=array)


def test_the_steps_follow_the_way_of_the_data(cast, dataset):
    assert step_due(dataset) == "import"
    faces = faces_make(dataset, 2)
    assert step_due(dataset) == "features"
    features_make(dataset)
    assert step_due(dataset) == "cluster"
    run = run_make(dataset, faces, 12, [1, 2], [1, 0], adopted=False)
    assert step_due(dataset) == "adopt"
    ClusterRun.objects.filter(pk=run.pk).update(adopted_at=timezone.now(), adopted_aus=[12])
    assert step_due(dataset) == "review"
    for cluster in run.clusters.all():
        Assignment.objects.create(
            dataset=dataset,
            coder=cast.bob,
            cluster=cluster,
            aus=cluster.aus,
            state=AssignmentState.DONE,
            lease_until=timezone.now(),
        )
    assert step_due(dataset) == "train"
    detector = detector_make(dataset)
    assert step_due(dataset) == "promote"
    Detector.objects.filter(pk=detector.pk).update(promoted_at=timezone.now())
    assert step_due(dataset) == "export"
    ClusterRun.objects.filter(pk=run.pk).update(adopted_at=timezone.now())
    assert step_due(dataset) == "train"


def all_reviewed(cast, dataset, clusters=2, done=2):
    faces = faces_make(dataset, clusters)
    run = run_make(dataset, faces, 12, list(range(1, clusters + 1)), [1] * clusters)
    for cluster in run.clusters.all()[:done]:
        Assignment.objects.create(
            dataset=dataset,
            coder=cast.bob,
            cluster=cluster,
            aus=cluster.aus,
            state=AssignmentState.DONE,
            lease_until=timezone.now(),
        )
    return run


def test_the_detector_of_the_features_is_no_training(cast, dataset):
    all_reviewed(cast, dataset)
    job = Job.objects.create(dataset=dataset, kind="features", target="features", queue="gpu", state=JobState.DONE)
    detector_make(dataset, job=job)
    assert step_due(dataset) == "train"


@pytest.mark.parametrize(("name", "label"), [("alice", "Train a detector"), ("dora", "Export"), ("ana", "Export")])
def test_training_is_proposed_to_admins_and_holds_nobody_else_up(cast, dataset, name, label):
    all_reviewed(cast, dataset)
    assert next_step(dataset, dataset.members.get(user=getattr(cast, name))).label == label


@pytest.mark.parametrize(("done", "offered"), [(1, False), (2, True), (3, True)])
def test_a_half_reviewed_round_may_be_trained_on(cast, dataset, done, offered):
    all_reviewed(cast, dataset, clusters=4, done=done)
    also = {name: next_step(dataset, dataset.members.get(user=getattr(cast, name))).also for name in ("alice", "bob")}
    assert also["bob"] is None
    assert bool(also["alice"]) is offered
    if offered:
        assert also["alice"][0] == reverse("detector_create", args=[dataset.pk])


@pytest.mark.parametrize(("done", "label"), [(4, "Export"), (1, "Start reviewing")])
def test_the_next_round_is_offered_where_it_starts_once_a_detector_is_promoted(cast, dataset, done, label):
    all_reviewed(cast, dataset, clusters=4, done=done)
    detector = detector_make(dataset, promoted_at=timezone.now())
    detector_make(dataset)
    step = next_step(dataset, dataset.members.get(user=cast.alice))
    start = reverse("detector_detail", args=[dataset.pk, detector.pk])
    assert (step.label, step.also) == (label, (start, "Next round"))


def test_a_detector_trained_while_reviewing_is_led_to(cast, dataset):
    all_reviewed(cast, dataset, clusters=4, done=1)
    detector_make(dataset)
    step = next_step(dataset, dataset.members.get(user=cast.alice))
    assert step.also == (reverse("detector_list", args=[dataset.pk]), "Look at the detectors")
    assert next_step(dataset, dataset.members.get(user=cast.bob)).also is None


def test_reviewing_is_begun_before_it_goes_on(cast, dataset):
    run = run_make(dataset, faces_make(dataset, 4), 12, [1, 1, 2, 2], [1, 1, 0, 0])
    bob = dataset.members.get(user=cast.bob)
    assert next_step(dataset, bob).label == "Start reviewing"
    assignment_next(dataset, cast.bob)
    assert next_step(dataset, bob).label == "Go on reviewing"
    Assignment.objects.filter(cluster__run=run).update(state=AssignmentState.DONE)
    assert next_step(dataset, bob).label == "Go on reviewing"


def test_a_job_at_work_is_named_in_a_sentence(cast, dataset):
    Job.objects.create(dataset=dataset, kind="features", target="features", queue="gpu", state=JobState.RUNNING)
    assert next_step(dataset, dataset.members.get(user=cast.alice)).title == "At work: Features"


@pytest.mark.parametrize("name", ["bob", "ana", "dora"])
def test_who_may_not_take_the_step_gets_no_link(cast, dataset, name):
    step = next_step(dataset, dataset.members.get(user=getattr(cast, name)))
    assert step.url == ""
    assert "admins" in step.text


def test_a_job_at_work_comes_before_the_step(cast, dataset):
    job = Job.objects.create(dataset=dataset, kind="import", target="import:1", queue="io", state=JobState.RUNNING)
    step = next_step(dataset, dataset.members.get(user=cast.alice))
    assert step.url.endswith(f"/jobs/{job.pk}/")


def test_review_is_not_held_up_by_a_job(cast, dataset):
    run_make(dataset, faces_make(dataset, 2), 12, [1, 2], [1, 0])
    Job.objects.create(dataset=dataset, kind="export", target="export:1", queue="io", state=JobState.RUNNING)
    assert "Review" in next_step(dataset, dataset.members.get(user=cast.bob)).title
