"""The clustering job: cancelled and resumed it takes up the partitions it finished, and ends as an unbroken one."""

from pathlib import Path

import numpy as np
import pytest
from django.conf import settings as django_settings

from annotator.choices import LayerKind
from annotator.models import ClusterRun, FeatureSet, Job
from annotator.selectors.arrays import array_read
from annotator.services.arrays import array_write
from annotator.services.job_running import job_run
from annotator.services.jobs import job_cancel, job_resume
from clustering.algorithms.pipeline import weakly_supervised_clustering
from clustering.services import running
from clustering.services.runs import run_create
from tests.factories import faces_make, layer_make

pytestmark = pytest.mark.django_db(transaction=True)
AUS = [4, 12, 25]


@pytest.fixture
def ready(dataset):
    """Sixty faces with weak labels of three AUs, and features."""
    faces = faces_make(dataset, 60)
    rng = np.random.default_rng(0)
    layer_make(dataset, LayerKind.WEAK, faces, rng.integers(0, 2, (60, 3)).tolist(), AUS)
    values = rng.normal(size=(60, 8)).astype(np.float32)
    features = array_write(dataset=dataset, purpose="features", values=values)
    FeatureSet.objects.create(dataset=dataset, name="made", revision=1, features=features)
    return dataset


@pytest.fixture
def partitions(monkeypatch):
    """The numbers of the partitions as they are made, and how many are made before the job is cancelled."""

    class Made(list[int]):
        cancel_after = 0

    made = Made()

    def cluster(*given, on_partition, cancelled, **more):
        def keep(index, part):
            on_partition(index, part)
            made.append(index)
            if len(made) == made.cancel_after:
                job_cancel(job=Job.objects.get(kind="clustering", state="running"))
                cancelled.__self__.heartbeat()

        return weakly_supervised_clustering(*given, on_partition=keep, cancelled=cancelled, **more)

    monkeypatch.setattr(running, "weakly_supervised_clustering", cluster)
    return made


def finished(run: ClusterRun) -> dict[str, np.ndarray]:
    run.refresh_from_db()
    return {name: array_read(getattr(run, name)) for name in ("membership", "proposals", "outlier_scores")}


def test_a_cancelled_run_resumes_where_it_stopped_and_ends_as_an_unbroken_one(ready, cast, partitions):
    partitions.cancel_after = 2
    run, job = run_create(dataset=ready, user=cast.alice, aus=AUS)
    assert job_run(job.pk).state == "cancelled"
    run.refresh_from_db()
    assert (run.finished_at, list(partitions)) == (None, [0, 1])

    job_resume(job=job)
    assert job_run(job.pk).state == "done"
    assert list(partitions) == [0, 1, 2]
    whole, other = run_create(dataset=ready, user=cast.alice, aus=AUS)
    assert job_run(other.pk).state == "done"
    broken, unbroken = finished(run), finished(whole)
    assert all(np.array_equal(broken[name], unbroken[name]) for name in broken)
    assert run.summary["partitions"] == whole.summary["partitions"]


def test_what_a_finished_run_kept_for_resuming_is_gone(ready, cast, partitions):
    _run, job = run_create(dataset=ready, user=cast.alice, aus=AUS)
    job_run(job.pk)
    assert not (Path(django_settings.DATA) / "jobs" / str(job.pk)).exists()
