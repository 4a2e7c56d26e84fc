"""What adopting would change: counted as the adoption then does it, and what people decided told apart."""

import numpy as np
import pytest

from annotator.choices import LayerKind
from annotator.models import ClusterRun, Label
from annotator.selectors.codes import layer_codes
from annotator.services.datasets import revision_raise
from clustering.selectors import adoption
from clustering.selectors.adoption import AUChanges, adoption_count, adoption_ready
from clustering.services.runs import run_adopt
from tests.factories import faces_make, layer_make, run_make

BEFORE, AFTER = [-1, -1, 0, 0, 1, 1, 1, 0], [1, 0, 1, 1, 0, -1, 1, 0]
APART_BEFORE, NUMBERS = [0, 0, 0, 0, 0, 0, 1, 1], [1, 0, 0, 1, 1, 1, 1, 0]


@pytest.fixture
def faces(dataset):
    return faces_make(dataset, 8)


@pytest.fixture
def run(dataset, faces):
    """Not adopted; an earlier run's proposals are there, for AU12 and AU25."""
    proposal = layer_make(dataset, LayerKind.PROPOSAL, faces, [[code, 1] for code in BEFORE], [12, 25])
    for face, apart in zip(faces, APART_BEFORE, strict=True):
        Label.objects.filter(layer=proposal, face=face).update(noise=bool(apart))
    return run_make(dataset, faces, 12, NUMBERS, AFTER, adopted=False)


def test_each_change_is_counted_once(run, cast):
    counted = adoption_count(run, cast.alice)
    assert counted.lines == [AUChanges(12, added=2, to_present=2, to_absent=1, withdrawn=1, decided=0)]
    assert (counted.set_apart, counted.taken_back, counted.first) == (2, 1, False)
    assert (counted.total.all, counted.nothing) == (6, False)


def test_a_block_at_a_time_counts_alike(run, cast, monkeypatch):
    monkeypatch.setattr(adoption, "BLOCK", 3)
    assert adoption_count(run, cast.alice).lines[0].all == 6


def test_the_adoption_does_what_was_counted_and_then_nothing_is_left(run, cast, faces):
    counted = adoption_count(run, cast.alice)
    layer = run_adopt(run=run, user=cast.alice)
    bit = run.dataset.coded_aus.get(au=12).bit
    after = layer_codes(layer, [face.pk for face in faces])
    assert int((after.codes([bit])[:, 0] != np.array(BEFORE)).sum()) == counted.total.all
    assert int(after.noise.sum()) == sum(APART_BEFORE) + counted.set_apart - counted.taken_back
    again = ClusterRun.objects.select_related("dataset").get(pk=run.pk)
    assert adoption_count(again, cast.alice).nothing


def test_what_people_and_reference_codes_decided_is_told_apart(run, cast, faces):
    layer_make(run.dataset, LayerKind.REFERENCE, faces[:1], [[0]], [12])
    layer_make(run.dataset, LayerKind.CODER, [faces[2], faces[7]], [[-2], [1]], [12], user=cast.bob)
    # The last face's proposal doesn't change, and a code of another AU decides nothing here.
    layer_make(run.dataset, LayerKind.CODER, faces[3:4], [[1]], [25], user=cast.cleo)
    assert adoption_count(run, cast.alice).lines[0].decided == 2


def test_without_proposals_all_is_new(dataset, faces, cast):
    run = run_make(dataset, faces, 12, NUMBERS, AFTER, adopted=False)
    counted = adoption_count(run, cast.alice)
    assert counted.lines == [AUChanges(12, added=7, to_present=0, to_absent=0, withdrawn=0, decided=0)]
    assert (counted.set_apart, counted.first) == (3, True)


def test_faces_that_came_after_the_run_lose_their_proposal(run, cast):
    later = faces_make(run.dataset, 1)
    proposal = run.dataset.layers.get(kind=LayerKind.PROPOSAL)
    bit = run.dataset.coded_aus.get(au=12).mask
    Label.objects.create(layer=proposal, face=later[0], present=bit, scored=bit)
    assert adoption_count(run, cast.alice).lines[0].withdrawn == 2


def test_many_faces_are_counted_later_and_then_kept_until_something_is_written(run, cast, faces):
    many = adoption.INLINE_FACES + 1
    assert adoption_ready(run, cast.alice, many) is None
    counted = adoption_count(run, cast.alice)
    assert adoption_ready(run, cast.alice, many) == counted
    layer_make(run.dataset, LayerKind.REFERENCE, faces[:1], [[0]], [12])
    revision_raise(run.dataset)
    run.dataset.refresh_from_db()
    assert adoption_ready(run, cast.alice, many) is None
