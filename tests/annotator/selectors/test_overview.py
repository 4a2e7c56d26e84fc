"""An overview shows the layers its reader may see, and no others."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from annotator.choices import FaceRole, LayerKind, Mode
from annotator.models import Assignment, Face
from annotator.selectors.datasets import figures_compute
from annotator.selectors.overview import better_of, overview
from tests.factories import faces_make, layer_make


@pytest.fixture
def world(cast, dataset):
    """Four faces (one of them for testing) in every kind of layer: AU12 weak 3/4, proposal and reference 2/4."""
    cache.clear()
    faces = faces_make(dataset, 4)
    Face.objects.filter(pk=faces[3].pk).update(role=FaceRole.TEST)
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1], [1], [0], [0]], [12])
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [1], [1], [0]], [12])
    layer_make(dataset, LayerKind.PROPOSAL, faces, [[1], [1], [0], [0]], [12])
    layer_make(dataset, LayerKind.CODER, faces[:1], [[1]], [12], user=cast.bob)
    layer_make(dataset, LayerKind.CODER, faces[:1], [[0]], [12], user=cast.cleo)
    return figures_compute(dataset)


def kinds(shown):
    return [layer.name for layer in shown.layers]


def test_an_admin_sees_every_layer(cast, dataset, world):
    assert kinds(overview(dataset, cast.alice, world)) == [
        "coder bob", "coder cleo", "reference", "proposal", "weak",
    ]  # fmt: skip


def test_a_coder_does_not_see_another_coders_rates(cast, dataset, world):
    assert kinds(overview(dataset, cast.bob, world)) == ["coder bob", "reference", "proposal", "weak"]


def test_a_coder_at_a_blind_assignment_sees_only_their_own_codes(cast, dataset, world):
    Assignment.objects.create(
        dataset=dataset,
        coder=cast.bob,
        aus=1,
        mode=Mode.BLIND,
        lease_until=timezone.now() + timedelta(hours=1),
    )
    shown = overview(dataset, cast.bob, world)
    assert kinds(shown) == ["coder bob"]
    assert shown.comparisons == []
    assert shown.heat_layer.kind == LayerKind.CODER


def test_a_layer_that_is_not_visible_cannot_be_asked_for(cast, dataset, world):
    hidden = dataset.layers.get(user=cast.cleo)
    assert overview(dataset, cast.bob, world, hidden.pk).heat_layer.pk != hidden.pk


def test_rates_carry_how_many_faces_they_stand_on(cast, dataset, world):
    row = next(row for row in overview(dataset, cast.ana, world).rates if row.au == 12)
    weak = row.cells[-1]
    assert (weak.kind, weak.rate, weak.scored) == ("weak", 0.75, 4)
    assert (row.reviewed, row.share) == (1, 0.25)


def test_test_faces_are_compared_apart(cast, dataset, world):
    others, test = overview(dataset, cast.ana, world).comparisons
    assert (others.test, test.test) == (False, True)
    assert (others.rows[0].faces, test.rows[0].faces) == (3, 1)
    assert others.mean.weak == pytest.approx(2 / 3)
    assert others.mean.proposal == 1.0
    assert others.mean.weak_f1 == pytest.approx(0.8)
    assert test.mean.weak_f1 is None


def test_co_occurrence_is_given_by_row(cast, dataset, world):
    faces = faces_make(dataset, 4)
    layer = layer_make(dataset, LayerKind.PREDICTION, faces, [[1, 1], [1, 0], [1, -1], [0, 1]], [1, 4], name="net")
    shown = overview(dataset, cast.ana, figures_compute(dataset), layer.pk)
    au, present, cells = shown.heat[0]
    assert (au, present, cells[1].share, cells[1].shade) == (1, 3, 0.5, 5)


@pytest.mark.parametrize(
    ("weak", "proposal", "better"),
    [(0.95, 0.939, "weak"), (0.9, 0.91, "proposal"), (0.9001, 0.9002, ""), (None, 0.9, ""), (0.9, None, "")],
)
def test_the_better_source_is_the_higher_one_as_printed(weak, proposal, better):
    assert better_of(weak, proposal, 3) == better
