"""Middles of clusters, against slow twins."""

import numpy as np
import pytest

from annotator.models import FeatureSet
from annotator.selectors import middles
from annotator.selectors.clusters import cluster_get
from annotator.selectors.memberships import cluster_positions
from annotator.selectors.middles import cluster_nearest, middle_distances, sums_by_number
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_take
from annotator.services.splitting import cluster_split
from tests.factories import faces_make, run_make

COUNT = 60


def features_give(run, vectors):
    run.feature_set = FeatureSet.objects.create(
        dataset=run.dataset,
        name="made up",
        revision=1,
        features=array_write(dataset=run.dataset, purpose="features", values=np.asarray(vectors, np.float32)),
    )
    run.save()


@pytest.fixture
def run(dataset):
    """Five clusters and the noise group, with a vector of five dimensions each; one face has none."""
    generator = np.random.default_rng(7)
    numbers = np.arange(COUNT) % 6
    run = run_make(dataset, faces_make(dataset, COUNT), 12, numbers.tolist(), [1] * COUNT)
    vectors = generator.normal(size=(COUNT, 5)) + numbers[:, None] * generator.normal(size=5)
    vectors[7] = np.nan
    features_give(run, vectors)
    return run


def slow_middle(cluster, vectors):
    rows = [vectors[place].astype(float) for place in cluster_positions(cluster).tolist()]
    rows = [row for row in rows if np.isfinite(row).all()]
    return sum(rows) / len(rows)


def slow_nearest(run, cluster, vectors):
    apart = {
        other.number: float(np.sqrt(((slow_middle(other, vectors) - slow_middle(cluster, vectors)) ** 2).sum()))
        for other in run.clusters.filter(number__gt=0).exclude(pk=cluster.pk)
    }
    number = min(apart, key=lambda key: apart[key])
    return number, apart[number]


def vectors_of(run):
    return np.array(middles.run_vectors(run, 0))


@pytest.mark.parametrize("rows", [4, 20_000])
def test_sums_by_number_in_blocks(monkeypatch, rows):
    monkeypatch.setattr(middles, "ROWS", rows)
    generator = np.random.default_rng(1)
    numbers, vectors = generator.integers(-1, 7, 50).astype(np.int32), generator.normal(size=(48, 3))
    vectors[3, 1] = np.nan
    sums, counts = sums_by_number(numbers, vectors)
    for number in range(1, 7):
        inside = [row for row in range(48) if numbers[row] == number and row != 3]
        assert counts[number] == len(inside)
        assert np.allclose(sums[number], sum((vectors[row] for row in inside), np.zeros(3)))


def test_distances_are_those_to_the_mean_of_the_known_faces(dataset, run):
    cluster = cluster_get(dataset, run.clusters.get(number=1).pk)
    positions = cluster_positions(cluster)
    vectors = vectors_of(run)
    apart = middle_distances(cluster, positions)
    for place, position in enumerate(positions.tolist()):
        if position == 7:
            assert np.isnan(apart[place])
        else:
            assert apart[place] == pytest.approx(np.linalg.norm(vectors[position] - slow_middle(cluster, vectors)))


def test_a_face_that_came_after_the_features_has_no_distance(dataset, run):
    cluster = cluster_get(dataset, run.clusters.get(number=1).pk)
    assert np.isnan(middle_distances(cluster, np.array([COUNT + 5]))).all()


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_the_nearest_cluster(dataset, run, number):
    cluster = cluster_get(dataset, run.clusters.get(number=number).pk)
    found, distance = cluster_nearest(cluster)
    assert (found.number, pytest.approx(distance, rel=1e-6)) == slow_nearest(run, cluster, vectors_of(run))


def test_the_nearest_cluster_after_splits(dataset, run, cast):
    cluster = run.clusters.get(number=2)
    assignment_take(cluster=cluster, user=cast.bob)
    part = cluster_split(cluster=cluster, user=cast.bob, faces=[2, 8, 14])
    for one in (part, cluster):
        one = cluster_get(dataset, one.pk)
        found, distance = cluster_nearest(one)
        assert (found.number, pytest.approx(distance, rel=1e-6)) == slow_nearest(run, one, vectors_of(run))


def test_middles_are_counted_once_for_all_processes(dataset, run, monkeypatch):
    run.refresh_from_db()
    middles._sums_kept.cache_clear()
    middles.middles_keep(run)
    found = cluster_nearest(run.clusters.get(number=2))
    middles._sums_kept.cache_clear()  # as in another process
    monkeypatch.setattr(middles, "sums_by_number", lambda *_given: pytest.fail("counted again"))
    assert cluster_nearest(run.clusters.get(number=2)) == found


def test_without_vectors_there_is_no_nearest(dataset):
    run = run_make(dataset, faces_make(dataset, 4), 12, [1, 1, 2, 2], [1] * 4)
    assert cluster_nearest(cluster_get(dataset, run.clusters.get(number=1).pk)) is None


def test_a_run_without_features_goes_by_its_embedding(dataset):
    run = run_make(dataset, faces_make(dataset, 6), 12, [1, 1, 2, 2, 3, 3], [1] * 6)
    plane = np.array([[0, 0], [0, 0], [9, 9], [9, 9], [1, 1], [1, 1]], np.float32)[:, None, :]
    run.embedding = array_write(dataset=dataset, purpose="embedding", values=plane)
    run.save()
    found, distance = cluster_nearest(cluster_get(dataset, run.clusters.get(number=1).pk))
    assert found.number == 3
    assert distance == pytest.approx(2**0.5)
