"""What lies beside a cluster: sure faces, never of the test role, never blind, not one person over and over."""

import numpy as np
import pytest

from annotator.choices import FaceRole, LayerKind, Mode
from annotator.errors import NotAllowed
from annotator.models import Subject
from annotator.selectors.beside import cluster_beside
from annotator.selectors.clusters import cluster_get
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_take
from annotator.services.datasets import protocol_change
from tests.annotator.selectors.test_middles import features_give
from tests.factories import faces_make, layer_make, run_make

COUNT = 30


@pytest.fixture
def faces(dataset):
    return faces_make(dataset, COUNT)


@pytest.fixture
def run(dataset, faces):
    """Cluster 1 of the first ten faces, cluster 2 of ten, group 0 of the last ten; the cut at one half.
    The probability of face n is n/30."""
    run = run_make(dataset, faces, 12, [1] * 10 + [2] * 10 + [0] * 10, [0] * 15 + [1] * 15)
    shares = (np.arange(COUNT) / COUNT).astype(np.float16)[:, None]
    run.probabilities = array_write(dataset=dataset, purpose="probabilities", values=shares)
    run.summary = {"per_au": [{"cut": 0.5}]}
    run.save()
    return run


def examples(dataset, run, user, number=1):
    cluster = cluster_get(dataset, run.clusters.get(number=number).pk)
    (found,) = cluster_beside(cluster, user).examples
    return ([(one.face.position, one.why) for one in side] for side in (found.positives, found.negatives))


def shares_set(run, shares):
    values = np.asarray(shares, np.float16)[:, None]
    run.probabilities = array_write(dataset=run.dataset, purpose="probabilities", values=values)
    run.save()


def test_without_codes_the_ends_of_the_probabilities_are_sure(dataset, run, cast):
    shares_set(run, [0.5] * 10 + [0.97, 0.9, 0.7, 0.3, 0.05, 0.01] + [0.5] * 4 + [0.99] * 10)
    positives, negatives = examples(dataset, run, cast.bob)
    assert positives == [(10, "97%"), (11, "90%")]
    assert negatives == [(15, "1%"), (14, "5%")]


def test_the_clusters_own_faces_are_no_examples(dataset, run, cast):
    layer_make(dataset, LayerKind.REFERENCE, run_faces(dataset, range(10)), [[1]] * 10, [12])
    positives, negatives = examples(dataset, run, cast.bob)
    assert positives == []
    assert negatives == []


def run_faces(dataset, positions):
    found = {face.position: face for face in dataset.faces.all()}
    return [found[position] for position in positions]


def test_trusted_codes_come_before_probabilities(dataset, run, cast):
    shares_set(run, [0.5] * 10 + [0.2, 0.99] + [0.5] * 18)
    layer_make(dataset, LayerKind.REFERENCE, run_faces(dataset, [10, 12]), [[1], [0]], [12])
    positives, negatives = examples(dataset, run, cast.bob)
    assert positives == [(10, "reference"), (11, "99%")]
    assert negatives == [(12, "reference")]


def test_a_code_that_contradicts_the_probability_keeps_the_face_out(dataset, run, cast):
    shares_set(run, [0.5] * 10 + [0.99, 0.99, 0.99] + [0.5] * 17)
    layer_make(dataset, LayerKind.REFERENCE, run_faces(dataset, [10, 11]), [[0], [-2]], [12])
    positives, negatives = examples(dataset, run, cast.bob)
    assert positives == [(12, "99%")]
    assert negatives == [(10, "reference")]


def test_a_test_face_is_never_an_example(dataset, run, cast, faces):
    shares_set(run, [0.5] * 10 + [0.99, 0.01] + [0.5] * 18)
    layer_make(dataset, LayerKind.REFERENCE, run_faces(dataset, [10, 11, 12]), [[1], [0], [1]], [12])
    dataset.faces.filter(position__in=[10, 11, 12]).update(role=FaceRole.TEST)
    positives, negatives = examples(dataset, run, cast.bob)
    assert positives == []
    assert negatives == []


def test_another_coders_code_is_no_example_for_a_coder(dataset, run, cast):
    layer_make(dataset, LayerKind.CODER, run_faces(dataset, [12]), [[1]], [12], user=cast.cleo)
    layer_make(dataset, LayerKind.CODER, run_faces(dataset, [13]), [[1]], [12], user=cast.bob)
    positives, _negatives = examples(dataset, run, cast.bob)
    assert positives == [(13, "coded")]


def test_one_of_two_coders_is_not_enough(dataset, run, cast):
    layer_make(dataset, LayerKind.CODER, run_faces(dataset, [12]), [[1]], [12], user=cast.bob)
    protocol_change(dataset=dataset, user=cast.alice, coders_per_item=2)
    positives, _negatives = examples(dataset, run, cast.alice)
    assert positives == []


def test_different_people_come_first_and_nobody_three_times(dataset, run, cast, faces):
    same, other = (Subject.objects.create(dataset=dataset, pseudonym=name) for name in ("same", "other"))
    dataset.faces.filter(position__range=(10, 14)).update(subject=same)
    dataset.faces.filter(position=15).update(subject=other)
    layer_make(dataset, LayerKind.REFERENCE, run_faces(dataset, range(10, 16)), [[1]] * 6, [12])
    positives, _negatives = examples(dataset, run, cast.bob)
    assert [position for position, _why in positives] == [15, 14, 13]


def test_at_most_eight_are_shown(dataset, run, cast):
    layer_make(dataset, LayerKind.REFERENCE, run_faces(dataset, range(10, 20)), [[1]] * 10, [12])
    positives, _negatives = examples(dataset, run, cast.bob)
    assert len(positives) == 8


def test_blind_there_is_nothing_beside(dataset, run, cast):
    cluster = cluster_get(dataset, run.clusters.get(number=1).pk)
    assignment = assignment_take(cluster=cluster, user=cast.bob, mode=Mode.BLIND)
    for given in (None, assignment):
        with pytest.raises(NotAllowed):
            cluster_beside(cluster, cast.bob, given)


def test_the_nearest_cluster_comes_with_the_faces_at_its_middle(dataset, run, cast):
    features_give(run, np.arange(COUNT)[:, None])
    nearest = cluster_beside(cluster_get(dataset, run.clusters.get(number=1).pk), cast.bob).nearest
    assert nearest.cluster.number == 2
    assert nearest.proposal == "p"
    assert nearest.distance == pytest.approx(10)
    assert {face.position for face in nearest.faces[:2]} == {14, 15}
