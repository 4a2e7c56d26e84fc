"""Columns by position: read once, brought up to date by decisions, and always what the rows say."""

import uuid

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotator.choices import DecisionKind, LayerKind, Mode, Scope
from annotator.models import Label, Subject
from annotator.selectors import columns as module
from annotator.selectors.codes import face_ids, layer_codes
from annotator.selectors.columns import NO_FACE, NO_SUBJECT, NOISE, Columns, codes_at, columns_keep
from annotator.services.assignments import assignment_take
from annotator.services.decisions import decision_make, decision_undo
from annotator.services.splitting import cluster_split
from annotator.services.withdrawal import subject_withdraw
from tests.factories import faces_make, layer_make, run_make

FACES = 30


@pytest.fixture
def faces(dataset):
    return faces_make(dataset, FACES)


def decide(dataset, user, faces, kind=DecisionKind.RELABEL, code="present", aus=(12,)):
    return decision_make(
        dataset=dataset, user=user, kind=kind, code=code if kind == DecisionKind.RELABEL else None, aus=aus,
        faces=faces, mode=Mode.ASSISTED, scope=Scope.SELECTION, client_id=uuid.uuid4(),
    )  # fmt: skip


def masks_of(dataset, layer):
    dataset.refresh_from_db()
    return np.array(Columns(dataset).layer(dataset.layers.get(pk=layer.pk)).masks)


def masks_slowly(dataset, layer):
    """Row by row."""
    masks = np.zeros((3, dataset.next_position), np.int64)
    for row in Label.objects.filter(layer=layer).select_related("face"):
        masks[:, row.face.position] = row.present, row.scored, row.unscorable | (int(NOISE) if row.noise else 0)
    return masks


def test_what_was_decided_is_added_without_reading_all_rows_again(dataset, cast, faces, monkeypatch):
    decide(dataset, cast.bob, range(20))
    mine = dataset.layers.get(user=cast.bob)
    assert (masks_of(dataset, mine) == masks_slowly(dataset, mine)).all()
    monkeypatch.setattr(module, "_layer_read", lambda *_given: pytest.fail("all rows were read again"))
    steps = [
        lambda: decide(dataset, cast.bob, [3, 25], code="absent", aus=(12, 25)),
        lambda: decide(dataset, cast.bob, [4, 5], DecisionKind.NOISE, aus=()),
        lambda: decide(dataset, cast.bob, [5, 6], DecisionKind.UNSCORABLE),
        lambda: decision_undo(user=cast.bob, dataset=dataset, client_id=uuid.uuid4()),
        lambda: decide(dataset, cast.cleo, [1, 2], code="absent"),
    ]
    for step in steps:
        step()
        assert (masks_of(dataset, mine) == masks_slowly(dataset, mine)).all()
    for step in steps[:3]:
        step()
    assert Columns(dataset).ready(mine)
    assert (masks_of(dataset, mine) == masks_slowly(dataset, mine)).all()


def test_splits_settings_and_new_runs_leave_columns_alone(dataset, cast, faces):
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * FACES, [12])
    run = run_make(dataset, faces, 12, [1] * FACES, [1] * FACES, weak_layer=weak)
    before = Columns(dataset).stamp(dataset.layers.get(pk=weak.pk))
    assignment_take(cluster=run.clusters.get(number=1), user=cast.bob)
    cluster_split(cluster=run.clusters.get(number=1), user=cast.bob, faces=[1, 2])
    dataset.refresh_from_db()
    assert Columns(dataset).stamp(dataset.layers.get(pk=weak.pk)) == before


def test_a_withdrawal_leaves_holes(dataset, cast, faces):
    decide(dataset, cast.bob, range(20))
    mine = dataset.layers.get(user=cast.bob)
    masks_of(dataset, mine)
    subject_withdraw(dataset=dataset, user=cast.alice, pseudonym="face-3.png", confirm="face-3.png")
    assert masks_of(dataset, mine)[:, 3].tolist() == [0, 0, 0]
    assert np.flatnonzero(Columns(dataset).subjects == NO_FACE).tolist() == [3]


def test_subjects_are_told_by_their_place_among_all(dataset, faces):
    for name, positions in (("b", [1, 2]), ("a", [5])):
        subject = Subject.objects.create(dataset=dataset, pseudonym=name)
        dataset.faces.filter(position__in=positions).update(subject=subject)
    subjects = Columns(dataset).subjects
    assert subjects[[1, 2, 5, 0]].tolist() == [2, 2, 1, NO_SUBJECT]


def test_kept_columns_are_not_read_by_the_next_page(dataset, cast, faces):
    layer_make(dataset, LayerKind.WEAK, faces, [[1]] * FACES, [12])
    decide(dataset, cast.bob, [1])
    columns_keep(dataset.pk)
    dataset.refresh_from_db()
    columns = Columns(dataset)
    with CaptureQueriesContext(connection) as asked:
        read = [columns.layer(layer) for layer in dataset.layers.all()]
    assert len(read) == 2
    assert [one["sql"] for one in asked if 'annotator_label"' in one["sql"]] == []


def test_a_folder_that_can_t_be_written_costs_no_page(dataset, faces, monkeypatch):
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * FACES, [12])

    def full(*_given):
        raise OSError("No space left on device")

    monkeypatch.setattr(module, "_store", full)
    columns_keep(dataset.pk)
    assert (masks_of(dataset, weak) == masks_slowly(dataset, weak)).all()


def test_codes_at_positions_are_the_rows_whether_or_not_the_columns_are_at_hand(dataset, cast, faces):
    codes = np.array([1, 0, -1, 1, -2, 1])[:, None]
    layer = layer_make(dataset, LayerKind.WEAK, faces[:6], codes, [12])
    asked = np.array([4, 0, 2, 1])
    expected = layer_codes(layer, face_ids(dataset, asked)).codes([0, 1, 2])
    assert not Columns(dataset).ready(layer)
    without = codes_at(layer, asked).codes([0, 1, 2])
    columns_keep(dataset.pk)
    with CaptureQueriesContext(connection) as asked_for:
        found = codes_at(layer, asked).codes([0, 1, 2])
    assert np.array_equal(without, expected) and np.array_equal(found, expected)
    assert not [query for query in asked_for if 'annotator_label"' in query["sql"]]
