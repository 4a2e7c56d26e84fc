"""The figures of an overview, against counting one face after another."""

import numpy as np
import pytest
from django.core.cache import cache
from django.utils import timezone

from annotator.choices import AssignmentState, FaceRole, LayerKind
from annotator.models import Assignment, Cluster, Face, Label
from annotator.selectors import datasets
from annotator.selectors.datasets import figures_compute, figures_of, figures_ready
from annotator.services.datasets import coded_au_hide, protocol_change, revision_raise
from tests.factories import faces_make, layer_make, run_make

AUS = [1, 4, 12, 25]


@pytest.fixture(autouse=True)
def nothing_kept():
    cache.clear()


@pytest.fixture
def world(cast, dataset):
    """60 faces, every third a test face, with all kinds of codes in four layers."""
    faces = faces_make(dataset, 60)
    for place, face in enumerate(faces):
        face.role = FaceRole.TEST if place % 3 == 0 else FaceRole.TRAIN
    Face.objects.bulk_update(faces, ["role"])
    rng = np.random.default_rng(7)
    codes = {kind: rng.integers(-2, 2, (60, 4)) for kind in ("reference", "weak", "proposal", "coder")}
    layers = {
        kind: layer_make(
            dataset, LayerKind(kind), faces, codes[kind], AUS, user=cast.bob if kind == "coder" else None
        )
        for kind in codes
    }
    return faces, codes, layers


def test_base_rates_are_those_of_a_plain_count(dataset, world):
    _, codes, layers = world
    figures = figures_compute(dataset)
    assert figures.aus == tuple(AUS)
    for kind, layer in layers.items():
        counted = next(one for one in figures.layers if one.layer_id == layer.pk)
        assert counted.faces == 60
        assert counted.present.tolist() == (codes[kind] == 1).sum(axis=0).tolist()
        assert counted.scored.tolist() == (codes[kind] >= 0).sum(axis=0).tolist()
        assert counted.unscorable.tolist() == (codes[kind] == -2).sum(axis=0).tolist()


def test_co_occurrence_is_that_of_a_plain_count(dataset, world):
    _, codes, layers = world
    weak = next(one for one in figures_compute(dataset).layers if one.layer_id == layers["weak"].pk)
    for row in range(4):
        for column in range(4):
            here, there = codes["weak"][:, row], codes["weak"][:, column]
            assert weak.both[row, column] == np.sum((here == 1) & (there == 1))
            assert weak.asked[row, column] == np.sum((here == 1) & (there >= 0))


@pytest.mark.parametrize("test", [False, True])
def test_agreement_is_counted_where_both_are_scored(dataset, world, test):
    faces, codes, layers = world
    chosen = np.array([(face.role == FaceRole.TEST) == test for face in faces])
    wanted, claimed = codes["reference"][chosen], codes["proposal"][chosen]
    agreement = figures_compute(dataset).agreement[layers["proposal"].pk, test]
    for place in range(4):
        both = (wanted[:, place] >= 0) & (claimed[:, place] >= 0)
        assert agreement.both[place] == both.sum()
        assert agreement.share(place) == pytest.approx(np.mean(wanted[both, place] == claimed[both, place]))
        hits = np.sum((wanted[both, place] == 1) & (claimed[both, place] == 1))
        total = np.sum(wanted[both, place] == 1) + np.sum(claimed[both, place] == 1)
        assert agreement.f1(place) == pytest.approx(2 * hits / total)


def test_of_two_reference_layers_the_newer_counts(dataset):
    faces = faces_make(dataset, 4)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1], [1], [1], [1]], [12])
    layer_make(dataset, LayerKind.REFERENCE, faces, [[0], [0], [0], [1]], [12], name="first")
    layer_make(dataset, LayerKind.REFERENCE, faces[:3], [[1], [-1], [-2]], [12], name="corrected")
    agreement = figures_compute(dataset).agreement[weak.pk, False]
    place = AUS.index(12)
    assert (agreement.both[place], agreement.agreed[place]) == (3, 2)


def test_a_face_that_two_people_coded_is_reviewed_once(cast, dataset, world):
    faces, codes, _ = world
    layer_make(dataset, LayerKind.CODER, faces[:10], [[1, -1, -1, -1]] * 10, AUS, user=cast.cleo)
    figures = figures_compute(dataset)
    looked = codes["coder"] != -1
    looked[:10, 0] = True
    assert figures.reviewed.tolist() == looked.sum(axis=0).tolist()
    assert figures.reviewed_faces == looked.any(axis=1).sum()


def test_a_face_set_apart_as_noise_is_reviewed(cast, dataset):
    face = faces_make(dataset, 2)[0]
    Label.objects.create(layer=layer_make(dataset, LayerKind.CODER, user=cast.bob), face=face, noise=True)
    assert figures_compute(dataset).reviewed_share == 0.5


def test_hidden_aus_are_left_out(dataset, world):
    dataset.coded_aus.filter(au=4).update(hidden=True)
    figures = figures_compute(dataset)
    assert figures.aus == (1, 12, 25)
    assert all(len(layer.present) == 3 for layer in figures.layers)


def test_an_empty_data_set_has_figures_too(dataset):
    figures = figures_compute(dataset)
    assert (figures.faces, figures.reviewed_share, figures.reviewed_codes_share) == (0, None, None)


def assignment_done(cluster, coder, seat=0):
    Assignment.objects.create(
        dataset=cluster.run.dataset,
        coder=coder,
        cluster=cluster,
        aus=cluster.aus,
        seat=seat,
        state=AssignmentState.DONE,
        lease_until=timezone.now(),
    )


def test_clusters_count_as_done_when_enough_coders_are(cast, dataset):
    faces = faces_make(dataset, 6)
    run = run_make(dataset, faces, 12, [0, 1, 1, 2, 2, 3], [0, 1, 1, 0, 0, 1])
    first, second = Cluster.objects.filter(run=run, number__in=[1, 2]).order_by("number")
    assignment_done(first, cast.bob)
    assignment_done(first, cast.cleo, seat=1)
    assignment_done(second, cast.bob)
    assert datasets.clusters_count(dataset) == (3, 2)
    protocol_change(dataset=dataset, user=cast.alice, coders_per_item=2)
    assert datasets.clusters_count(dataset) == (3, 1)


def test_a_run_whose_aus_another_has_taken_over_no_longer_counts(dataset):
    faces = faces_make(dataset, 2)
    run = run_make(dataset, faces, 12, [1, 2], [1, 0])
    run.adopted_aus = []
    run.save()
    assert datasets.clusters_count(dataset) == (0, 0)


def test_clusters_of_a_hidden_au_are_not_waited_for(cast, dataset):
    run_make(dataset, faces_make(dataset, 4), 12, [1, 1, 2, 2], [1, 1, 0, 0])
    assert datasets.clusters_count(dataset) == (2, 0)
    coded_au_hide(dataset=dataset, au=12, user=cast.alice)
    assert datasets.clusters_count(dataset) == (0, 0)


def test_figures_are_kept_for_a_revision(dataset, world, django_assert_num_queries):
    figures_of(dataset)
    with django_assert_num_queries(1):  # the AU list, which decides whether the kept ones fit
        figures_of(dataset)


def test_quickly_counted_figures_follow_a_new_revision(dataset, world):
    first = figures_of(dataset)
    Face.objects.filter(position=0).delete()
    revision_raise(dataset)
    assert figures_of(dataset).faces == first.faces - 1


def test_slowly_counted_figures_last_a_while(dataset, world, monkeypatch):
    monkeypatch.setattr(datasets, "SLOW_SECONDS", 0)
    monkeypatch.setattr(datasets, "KEEP_FACTOR", 1e6)
    first = figures_of(dataset)
    revision_raise(dataset)
    assert figures_of(dataset).revision == first.revision


def test_with_many_faces_a_page_does_not_wait_for_figures(dataset, world, monkeypatch):
    monkeypatch.setattr(datasets, "INLINE_FACES", 10)
    assert figures_ready(dataset, 60) is None
    figures_of(dataset)
    assert figures_ready(dataset, 60) is not None


def test_the_number_of_queries_does_not_grow_with_the_faces(dataset, world, django_assert_max_num_queries):
    with django_assert_max_num_queries(24):
        figures_compute(dataset)
