"""The orders of a cluster's faces, against slow twins, over pages, and blind."""

import math

import numpy as np
import pytest

from annotator.choices import LayerKind, Mode
from annotator.models import Subject
from annotator.selectors import arrangement
from annotator.selectors.arrangement import ORDERS, cluster_arrange, disagreement, orders_offered
from annotator.selectors.clusters import cluster_get
from annotator.selectors.middles import middle_distances
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_take
from tests.annotator.selectors.test_middles import features_give
from tests.factories import detector_make, faces_make, layer_make, prediction_layer_make, run_make

COUNT = 40


@pytest.fixture
def world(dataset, cast):
    """One cluster of forty faces with everything that it can be sorted by, held by Bob."""
    generator = np.random.default_rng(3)
    faces = faces_make(dataset, COUNT)
    subjects = [Subject.objects.create(dataset=dataset, pseudonym=name) for name in ("s2", "s10", "s1")]
    for face in faces[:30]:
        face.subject = subjects[face.position % 3]
        face.save()
    weak = layer_make(dataset, LayerKind.WEAK, faces, generator.integers(-1, 2, (COUNT, 1)), [12])
    proposals = generator.integers(0, 2, COUNT)
    run = run_make(dataset, faces, 12, [1] * COUNT, proposals.tolist(), weak_layer=weak)
    shares = generator.random((COUNT, 1)).astype(np.float16)
    shares[11] = np.nan
    run.probabilities = array_write(dataset=dataset, purpose="probabilities", values=shares)
    features_give(run, generator.normal(size=(COUNT, 4)))
    scores = generator.random((COUNT, 1))
    scores[5] = np.nan
    prediction_layer_make(detector_make(dataset, aus=[12], thresholds=[0.3]), faces, scores)
    cluster = cluster_get(dataset, run.clusters.get().pk)
    assignment = assignment_take(cluster=cluster, user=cast.bob)
    codes = {label.face.position: 1 if label.present else 0 if label.scored else -1 for label in weak.labels.all()}
    return cluster, assignment, codes, proposals, shares[:, 0].astype(float), scores[:, 0]


def slow_keys(world, order):
    """By position, the key that a plain sort would have."""
    cluster, _assignment, weak, proposals, shares, scores = world

    def unknown_last(value):
        return math.inf if math.isnan(value) else value

    if order in ("far", "near"):
        apart = middle_distances(cluster, np.arange(COUNT))
        return {place: -apart[place] if order == "far" else apart[place] for place in range(COUNT)}
    if order in ("probable", "improbable"):
        sign = -1 if order == "probable" else 1
        return {place: unknown_last(sign * shares[place]) for place in range(COUNT)}
    if order == "subject":
        names = {face.position: face.subject.pseudonym if face.subject else "" for face in faces_of(cluster)}
        return {place: (names[place] == "", names[place]) for place in range(COUNT)}
    if order == "position":
        return dict.fromkeys(range(COUNT), 0)
    certainty = {place: 1.0 if math.isnan(shares[place]) else abs(shares[place] - 0.5) for place in range(COUNT)}
    if order == "bands":
        band = {
            place: 0 if weak[place] not in (-1, proposals[place]) else 1 if weak[place] == -1 else 2
            for place in range(COUNT)
        }
        return {place: (band[place], np.float32(certainty[place])) for place in range(COUNT)}
    apart = {}
    for place in range(COUNT):
        apart[place] = float(weak[place] not in (-1, proposals[place]))
        score = float(np.float16(scores[place]))
        if not math.isnan(score):
            called = score / 0.3 * 0.5 if score < 0.3 else 0.5 + (score - 0.3) / 0.7 * 0.5
            apart[place] += abs(called - proposals[place])
    return {place: (-round(apart[place], 9), certainty[place]) for place in range(COUNT)}


def faces_of(cluster):
    return cluster.run.dataset.faces.select_related("subject")


@pytest.mark.parametrize("order", list(ORDERS))
def test_each_order_is_that_of_a_plain_sort(world, cast, order):
    cluster, assignment = world[:2]
    shown = cluster_arrange(cluster, cast.bob, assignment, order=order)
    assert shown.order == order
    keys = slow_keys(world, order)
    expected = sorted(range(COUNT), key=lambda place: (keys[place], place))
    assert [keys[place] for place in shown.positions.tolist()] == [keys[place] for place in expected]
    assert sorted(shown.positions.tolist()) == list(range(COUNT))


@pytest.mark.parametrize("order", list(ORDERS))
def test_pages_join_to_the_whole(world, cast, monkeypatch, order):
    cluster, assignment = world[:2]
    whole = cluster_arrange(cluster, cast.bob, assignment, order=order)
    monkeypatch.setattr(arrangement, "PAGE", 15)
    pages = [
        cluster_arrange(cluster, cast.bob, assignment, order=order, number=number, ordered=ordered)
        for number, ordered in ((1, True), (2, False), (3, True))
    ]
    assert np.concatenate([page.positions for page in pages]).tolist() == whole.positions.tolist()
    assert [note for page in pages for note in page.notes] == whole.notes


def test_the_first_order_holds_unless_another_is_asked_for(world, cast):
    cluster, assignment = world[:2]
    for order in ("", "name", "bands' --"):
        assert cluster_arrange(cluster, cast.bob, assignment, order=order).order == "bands"


@pytest.mark.parametrize("order", list(ORDERS))
def test_blind_no_order_tells_what_machines_say(world, cast, order):
    cluster, assignment = world[:2]
    assignment.mode = Mode.BLIND
    assignment.save()
    shown = cluster_arrange(cluster, cast.bob, assignment, order=order)
    assert set(orders_offered(cluster, blind=True)) == {"position", "subject"}
    assert shown.order == ("subject" if order == "subject" else "position")
    assert not shown.bands.any()


def test_a_run_without_vectors_offers_no_middle(dataset, cast):
    run = run_make(dataset, faces_make(dataset, 2), 12, [1, 1], [1, 1])
    cluster = cluster_get(dataset, run.clusters.get().pk)
    assert not {"far", "near"} & set(orders_offered(cluster, blind=False))
    assert cluster_arrange(cluster, cast.alice, order="far").order == "bands"


def test_what_is_not_known_contradicts_nothing():
    weak, proposed = np.array([[-1], [1], [0], [1]], np.int8), np.array([[1], [-1], [1], [1]], np.int8)
    scored = np.array([[np.nan], [0.0], [0.25], [1.0]])
    assert disagreement(weak, proposed, scored).tolist() == [0.0, 0.0, 1.75, 0.0]


def test_of_several_aus_the_one_with_most_disagreement_counts():
    weak, proposed = np.array([[1, 0]], np.int8), np.array([[1, 1]], np.int8)
    assert disagreement(weak, proposed, np.full((1, 2), np.nan)).tolist() == [1.0]
