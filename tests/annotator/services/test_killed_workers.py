"""A worker killed with SIGKILL in the middle of a job, with real processes, broker and leases."""

import csv
import os
import signal

import numpy as np
import pytest

from annotator.choices import JobState, LayerKind
from annotator.models import Cluster, FeatureSet, Job
from annotator.selectors.imports import mapping_of
from annotator.services.arrays import array_write
from annotator.services.importing import import_map, import_prepare, import_start
from annotator.services.jobs import job_send
from clustering.services.runs import run_create
from tests.factories import faces_make, layer_make, picture_bytes
from tests.workers import pool_child, wait_until, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def pictures(tmp_path):
    """900 pictures and their label file: enough for several chunks."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "AU12"])
        for number in range(900):
            (folder / f"{number:04d}.png").write_bytes(picture_bytes(number, size=96))
            writer.writerow([f"{number:04d}.png", number % 2])
    return folder


def killed_in_the_middle(job: Job, queue: str, under_way) -> Job:
    """Send the job, kill the worker's child once `under_way()`, and wait for its end."""
    with worker(queue) as process:
        job_send(job)
        wait_until(under_way, seconds=90)
        os.kill(pool_child(process), signal.SIGKILL)
        assert not Job.objects.filter(pk=job.pk, state=JobState.DONE).exists()
        wait_until(lambda: Job.objects.filter(pk=job.pk, state=JobState.DONE).exists(), seconds=150, reap=True)
    job.refresh_from_db()
    return job


def test_an_import_goes_on_and_loses_nothing(dataset, cast, pictures):
    batch = import_prepare(
        dataset=dataset,
        user=cast.alice,
        labels_path=pictures.parent / "labels.csv",
        labels_file="labels.csv",
        pictures=[pictures],
    )
    batch = import_map(batch=batch, mapping=mapping_of(batch))
    job = import_start(batch=batch, user=cast.alice)
    killed_in_the_middle(job, "io", lambda: dataset.faces.count() >= 200)
    assert dataset.faces.count() == 900
    assert sorted(dataset.faces.values_list("position", flat=True)) == list(range(900))
    layer = dataset.layers.get(kind=LayerKind.WEAK)
    assert (layer.labels.count(), layer.labels.filter(present__gt=0).count()) == (900, 450)


def test_a_clustering_run_goes_on_and_ends_once(dataset, cast):
    rng = np.random.default_rng(0)
    faces = faces_make(dataset, 3000)
    codes = rng.integers(0, 2, (3000, 4))
    layer_make(dataset, LayerKind.WEAK, faces, codes, [1, 4, 12, 25], name="weak")
    features = (codes @ rng.normal(size=(4, 32)) + rng.normal(size=(3000, 32))).astype(np.float32)
    FeatureSet.objects.create(
        dataset=dataset,
        name="drawn",
        revision=dataset.revision,
        features=array_write(dataset=dataset, purpose="features", values=features),
    )
    run, job = run_create(dataset=dataset, user=cast.alice)

    def under_way() -> bool:
        return Job.objects.filter(pk=job.pk, state=JobState.RUNNING, fraction__gt=0.05).exists()

    killed_in_the_middle(job, "cpu", under_way)
    run.refresh_from_db()
    assert run.finished_at is not None
    sizes = Cluster.objects.filter(run=run, partition=0).values_list("size", flat=True)
    assert sum(sizes) == 3000
