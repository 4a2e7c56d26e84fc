"""The job that makes a map: once, by size, with the lists that a run left, and blanked by a withdrawal."""

import numpy as np
import pytest

from annotator.choices import JobState
from annotator.errors import InputRefused
from annotator.models import ArrayFile, FeatureSet, Projection
from annotator.selectors.arrays import array_read
from annotator.selectors.projections import UMAP_MOST, method_default
from annotator.services.arrays import array_write
from annotator.services.job_running import job_run
from annotator.services.jobs import job_cancel
from annotator.services.withdrawal import subject_withdraw
from clustering.algorithms.neighbours import neighbour_search
from clustering.algorithms.settings import WSCSettings
from clustering.services import projecting
from clustering.services.neighbour_lists import neighbours_keep, neighbours_path
from clustering.services.projections import projection_create
from tests.factories import faces_make, run_make


@pytest.fixture
def featured(dataset):
    """Forty faces with features, but for the face at position 7."""
    faces_make(dataset, 40)
    values = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    values[7] = np.nan
    features = array_write(dataset=dataset, purpose="features", values=values)
    FeatureSet.objects.create(dataset=dataset, name="made", revision=1, features=features)
    return dataset


def made(dataset, user, method="pca"):
    _none, job = projection_create(dataset=dataset, user=user, method=method)
    job = job_run(job.pk)
    assert job.state == JobState.DONE, job.error
    return Projection.objects.get(pk=job.result["projection"])


def test_coordinates_lie_in_the_square_and_holes_are_nan(featured, cast):
    projection = made(featured, cast.alice)
    plane = array_read(projection.coordinates)
    assert (plane.shape, plane.dtype) == ((40, 2), np.float32)
    assert np.flatnonzero(np.isnan(plane).any(axis=1)).tolist() == [7]
    assert np.nanmax(np.abs(plane)) == pytest.approx(1)
    assert projection.configuration["faces"] == 39


def test_a_map_is_made_once_for_each_feature_set_and_method(featured, cast):
    projection = made(featured, cast.alice)
    again, job = projection_create(dataset=featured, user=cast.alice, method="pca")
    assert (again, job) == (projection, None)
    other, job = projection_create(dataset=featured, user=cast.alice, method="umap")
    assert other is None and job is not None


def test_a_double_click_starts_one_job(featured, cast):
    jobs = {projection_create(dataset=featured, user=cast.alice, method="pca")[1].pk for _click in range(2)}
    assert len(jobs) == 1


def test_a_job_carried_out_twice_makes_one_map(featured, cast):
    _none, job = projection_create(dataset=featured, user=cast.alice, method="pca")
    job_run(job.pk)
    type(job).objects.filter(pk=job.pk).update(state=JobState.QUEUED)
    assert job_run(job.pk).state == JobState.DONE
    assert Projection.objects.count() == ArrayFile.objects.filter(purpose="projection").count() == 1


def test_umap_takes_the_lists_that_a_run_left(featured, cast, monkeypatch):
    feature_set = featured.feature_sets.get()
    run = run_make(featured, list(featured.faces.all()), 12, [1] * 40, [1] * 40)
    wanted = WSCSettings(neighbours=20)
    run.feature_set, run.configuration = feature_set, wanted.as_dict()
    run.save()
    positions = np.delete(np.arange(40), 7)
    features = np.asarray(array_read(feature_set.features))[positions]
    lists = neighbours_path(feature_set.features, positions, wanted, run.seed)
    neighbours_keep(lists, neighbour_search(features, 20))
    monkeypatch.setattr(projecting, "neighbour_search", lambda *a, **k: pytest.fail("searched again"))
    assert made(featured, cast.alice, "umap").configuration["lists_reused"] is True


def test_without_lists_the_neighbours_are_searched(featured, cast):
    assert made(featured, cast.alice, "umap").configuration["lists_reused"] is False


def test_a_cancelled_job_leaves_no_map(featured, cast, monkeypatch):
    _none, job = projection_create(dataset=featured, user=cast.alice, method="umap")

    def cancelled(features, count, seed):
        job_cancel(job=job)
        return neighbour_search(features, count, seed=seed)

    monkeypatch.setattr(projecting, "neighbour_search", cancelled)
    monkeypatch.setattr(
        "annotator.services.job_running.JobContext.cancelled",
        lambda self: self.heartbeat() or self._cancelled.is_set(),
    )
    assert job_run(job.pk).state == JobState.CANCELLED
    assert not Projection.objects.exists()


def test_the_method_goes_by_the_number_of_faces():
    assert [str(method_default(faces)) for faces in (10, 5_000, UMAP_MOST, UMAP_MOST + 1)] == [
        "pca", "umap", "umap", "pca",
    ]  # fmt: skip


def test_without_features_it_says_so(dataset, cast):
    with pytest.raises(InputRefused, match="extract features"):
        projection_create(dataset=dataset, user=cast.alice)


def test_another_method_is_refused_by_name(featured, cast):
    with pytest.raises(InputRefused, match="tsne"):
        projection_create(dataset=featured, user=cast.alice, method="tsne")


def test_the_withdrawal_of_a_subject_takes_their_points_off_the_map(featured, cast):
    ann = featured.subjects.create(pseudonym="Ann")
    featured.faces.filter(position__in=[3, 4]).update(subject=ann)
    projection = made(featured, cast.alice)
    before = projection.coordinates.name
    subject_withdraw(dataset=featured, user=cast.alice, pseudonym="Ann", confirm="Ann")
    projection = Projection.objects.get()
    plane = array_read(projection.coordinates, check=True)
    assert np.flatnonzero(np.isnan(plane[:, 0])).tolist() == [3, 4, 7]
    assert projection.coordinates.name != before
