"""A worker killed with SIGKILL in the middle of a training, with real processes, broker and leases."""

import os
import signal

import numpy as np
import pytest
from django.core.files.storage import default_storage

from annotator.choices import JobState
from annotator.models import Detector, Job
from annotator.selectors.arrays import array_read
from annotator.services.job_running import job_run
from annotator.services.jobs import job_send
from tests.trainer.services.world import QUICK, REFERENCE, text_of, world_make
from tests.workers import pool_child, wait_until, worker
from trainer.algorithms.weights import weights_load
from trainer.services.training import training_create

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# Long enough that a second of the second network can be met.
SETTINGS = QUICK | {"training.epochs": 120, "network.width": 16}


def training(dataset, cast, name: str) -> Job:
    job, _new = training_create(
        dataset=dataset, user=cast.alice, method="alexnet", settings=SETTINGS, sources=REFERENCE, name=name
    )
    return job


def weights_of(detector: Detector):
    return weights_load(default_storage.path(detector.weights_name))[0].state_dict()


def test_a_training_goes_on_to_the_very_same_weights_and_keeps_one_detector(dataset, cast):
    world_make(dataset, coded=48)
    unbroken = job_run(training(dataset, cast, "unbroken").pk)
    assert unbroken.state == JobState.DONE, text_of(unbroken)
    job = training(dataset, cast, "killed")

    def in_the_second_network() -> bool:
        return "fold-1.loss" in Job.objects.get(pk=job.pk).curves

    with worker("gpu") as process:
        job_send(job)
        wait_until(in_the_second_network, seconds=120)
        os.kill(pool_child(process), signal.SIGKILL)
        assert not Job.objects.filter(pk=job.pk, state=JobState.DONE).exists()
        wait_until(lambda: Job.objects.filter(pk=job.pk, state=JobState.DONE).exists(), seconds=150, reap=True)
    job.refresh_from_db()
    assert [point[0] for point in job.curves["fold-1.loss"]] == list(range(1, 121))
    assert job.log.count("fold-0: ") == 1 and job.log.count("Training on 48 faces") == 2
    first, second = Detector.objects.get(name="unbroken"), Detector.objects.get(name="killed")
    nets = weights_of(first), weights_of(second)
    assert nets[0].keys() == nets[1].keys() and all((nets[0][name] == nets[1][name]).all() for name in nets[0])
    assert np.array_equal(array_read(first.out_of_fold), array_read(second.out_of_fold), equal_nan=True)
    assert first.thresholds == second.thresholds and first.report["test"] == second.report["test"]
