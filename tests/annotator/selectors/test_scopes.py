"""Scopes: which faces an address names, for whom, and in what words."""

import uuid
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from annotator.choices import DecisionKind, FaceRole, LayerKind, Mode
from annotator.choices import Scope as DecisionScope
from annotator.errors import InputRefused, NotAllowed, NotFound
from annotator.models import Clip, Face, Label, Member, Selection, Subject
from annotator.selectors.codes import layers_visible_to
from annotator.selectors.columns import Columns
from annotator.selectors.scope_words import scope_chips, scope_words
from annotator.selectors.scopes import Scope, faces_count, scope_positions, scope_read, splits_of
from annotator.services import selections
from annotator.services.assignments import assignment_take
from annotator.services.datasets import revision_raise
from annotator.services.decisions import decision_make
from annotator.services.labels import labels_write
from annotator.services.selections import selection_keep, selection_scope
from annotator.services.withdrawal import subject_withdraw
from annotator.services.withdrawal_files import caches_remove
from tests.factories import faces_make, layer_make, run_make


@pytest.fixture
def mixed(dataset):
    """Ten faces: two test, three of a split, four of Ann, of which two are of her clip. Weak codes of AU12 and
    AU25 on all, reference codes on the first four, one of which is unscorable."""
    faces = faces_make(dataset, 10)
    Face.objects.filter(position__lt=2).update(role=FaceRole.TEST)
    Face.objects.filter(position__in=[1, 2, 3]).update(split="held out")
    ann = Subject.objects.create(dataset=dataset, pseudonym="Ann")
    clip = Clip.objects.create(dataset=dataset, subject=ann, name="walk")
    Face.objects.filter(position__gte=6).update(subject=ann)
    Face.objects.filter(position__gte=8).update(clip=clip)
    codes = [[1, 1]] * 3 + [[1, 0]] * 3 + [[0, 1]] * 2 + [[-1, -1]] * 2
    layer_make(dataset, LayerKind.WEAK, faces, codes, [12, 25], name="weak")
    layer_make(dataset, LayerKind.REFERENCE, faces[:4], [[1], [0], [0], [-2]], [12], name="reference")
    revision_raise(dataset)
    return faces


@pytest.fixture
def alice(dataset, cast, mixed):
    return Member.objects.select_related("dataset", "user").get(dataset=dataset, user=cast.alice)


@pytest.fixture
def bob(dataset, cast, mixed):
    return Member.objects.select_related("dataset", "user").get(dataset=dataset, user=cast.bob)


def layer(dataset, name):
    return dataset.layers.get(name=name).pk


def found(member, **values):
    positions = scope_positions(member.dataset, scope_read(member, values))
    return None if positions is None else positions.tolist()


@pytest.mark.parametrize(
    ("values", "positions"),
    [
        ({}, None),
        ({"role": "test"}, [0, 1]),
        ({"split": "held out"}, [1, 2, 3]),
        ({"split": "held out", "role": "test"}, [1]),
        ({"subject": "Ann"}, [6, 7, 8, 9]),
        ({"clip": "walk"}, [8, 9]),
        ({"faces": "2-4,7"}, [2, 3, 4, 7]),
        ({"faces": "2-7", "subject": "Ann"}, [6, 7]),
        ({"subject": "nobody"}, []),
        ({"q": "ann"}, [6, 7, 8, 9]),
        ({"q": "WALK"}, [8, 9]),
        ({"q": "5"}, [5]),
        ({"q": "face-3.png"}, [3]),
        ({"q": "%"}, []),
        ({"q": "ann", "faces": "0-6"}, [6]),
    ],
)
def test_a_scope_is_the_faces_that_meet_every_condition(alice, mixed, values, positions):
    assert found(alice, **values) == positions
    scope = scope_read(alice, values)
    counted = scope_positions(alice.dataset, scope)
    assert faces_count(alice.dataset, counted) == (10 if positions is None else len(positions))
    assert scope_read(alice, scope.parameters) == scope


@pytest.mark.parametrize(
    ("where", "positions"),
    [
        ("W:12:p", [0, 1, 2, 3, 4, 5]),
        ("W:12:a", [6, 7]),
        ("W:12:n", [8, 9]),
        ("R:12:u", [3]),
        ("R:12:n", [4, 5, 6, 7, 8, 9]),
        ("W:12:p,W:25:p", [0, 1, 2]),
        ("W:12:p,R:12:a", [1, 2]),
    ],
)
def test_conditions_on_codes_are_joined_by_and(alice, mixed, where, positions):
    named = {"W": layer(alice.dataset, "weak"), "R": layer(alice.dataset, "reference")}
    for letter, number in named.items():
        where = where.replace(f"{letter}:", f"{number}:")
    assert found(alice, where=where) == positions
    assert scope_read(alice, scope_read(alice, {"where": where}).parameters).where


def test_a_difference_needs_a_code_of_both(alice, mixed):
    weak, reference = layer(alice.dataset, "weak"), layer(alice.dataset, "reference")
    assert found(alice, differ=f"{weak}:{reference}:12") == [1, 2]
    assert found(alice, differ=f"{weak}:{reference}:12", faces="2-9") == [2]


def test_withdrawn_faces_are_not_counted(alice, mixed):
    subject_withdraw(dataset=alice.dataset, user=alice.user, pseudonym="face-3.png", confirm="face-3.png")
    assert found(alice, faces="2-4,40") == [2, 4]
    assert found(alice, where=f"{layer(alice.dataset, 'reference')}:12:n") == [4, 5, 6, 7, 8, 9]
    kept = selection_keep(dataset=alice.dataset, user=alice.user, positions=np.arange(10))
    assert found(alice, selection=str(kept.pk)) == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_a_withdrawn_face_is_not_counted_in_its_cluster(alice, mixed):
    run = run_make(alice.dataset, mixed, 12, [1] * 4 + [2] * 6, [1] * 10)
    subject_withdraw(dataset=alice.dataset, user=alice.user, pseudonym="face-3.png", confirm="face-3.png")
    assert found(alice, cluster=str(run.clusters.get(number=1).pk)) == [0, 1, 2]


def test_one_s_own_decisions_are_seen_at_once_and_leave_machines_columns_alone(alice, mixed):
    dataset, user = alice.dataset, alice.user
    weak = dataset.layers.get(name="weak")
    before = Columns(dataset).stamp(weak)
    for faces, code in (([1, 2], "present"), ([2], "absent")):
        decide(dataset, user, faces, code)
    dataset.refresh_from_db()
    mine = dataset.layers.get(user=user)
    assert found(alice, where=f"{mine.pk}:12:p") == [1]
    decide(dataset, user, [1], "absent")
    assert found(alice, where=f"{mine.pk}:12:a") == [1, 2]
    assert Columns(dataset).stamp(weak) == before
    weak_write(weak, mixed[0])
    assert Columns(dataset).stamp(dataset.layers.get(pk=weak.pk)) != before


def weak_write(layer, face):
    labels_write(
        layer=layer, face_ids=[face.pk], present=np.array([0]), scored=np.array([1]), unscorable=np.array([0])
    )


def decide(dataset, user, faces, code):
    return decision_make(
        dataset=dataset,
        user=user,
        kind=DecisionKind.RELABEL,
        code=code,
        aus=[12],
        faces=faces,
        mode=Mode.ASSISTED,
        scope=DecisionScope.SELECTION,
        client_id=uuid.uuid4(),
    )


def test_columns_tell_what_the_rows_say(alice, mixed):
    weak = alice.dataset.layers.get(name="weak")
    Label.objects.filter(layer=weak, face=mixed[4]).update(noise=True)
    columns = Columns(alice.dataset).layer(weak)
    bit = alice.dataset.coded_aus.get(au=25).bit
    assert columns.codes(bit).tolist() == [1, 1, 1, 0, 0, 0, 1, 1, -1, -1]
    assert columns.codes(bit, np.array([9, 6, 12])).tolist() == [-1, 1, -1]
    assert np.flatnonzero(columns.noise()).tolist() == [4]


def test_columns_lie_on_disk_once_and_go_with_a_withdrawal(alice, mixed):
    weak = alice.dataset.layers.get(name="weak")
    folder = Path(settings.DATA) / "cache" / f"columns-{alice.dataset.pk}"
    for _round in range(2):
        Columns(alice.dataset).layer(weak)
        revision_raise(alice.dataset)
    assert len(list(folder.glob(f"layer-{weak.pk}.*"))) == 1
    caches_remove(alice.dataset)
    assert not folder.exists()
    assert len(Columns(alice.dataset).layer(weak)) == 10


def test_the_scope_of_a_cluster(alice, mixed):
    run = run_make(alice.dataset, mixed, 12, [1] * 4 + [2] * 6, [1] * 10)
    cluster = run.clusters.get(number=1)
    assert found(alice, cluster=str(cluster.pk)) == [0, 1, 2, 3]
    with pytest.raises(NotFound):
        scope_read(alice, {"cluster": "999999"})


@pytest.mark.parametrize(
    "values",
    [
        {"role": "tests"},
        {"split": "a\0b"},
        {"subject": "x" * 300},
        {"cluster": "1 or 1"},
        {"selection": "gone"},
        {"where": "1:12"},
        {"where": "1:12:x"},
        {"differ": "1:1:12"},
        {"where": ",".join(f"1:{au}:p" for au in range(9))},
    ],
)
def test_an_address_that_no_page_wrote_is_refused(alice, values):
    with pytest.raises(InputRefused):
        scope_read(alice, values)


def test_layers_and_aus_that_are_not_there_are_not_found(alice, mixed):
    for where in ("999999:12:p", f"{layer(alice.dataset, 'weak')}:99:p"):
        with pytest.raises(NotFound):
            scope_read(alice, {"where": where})


def test_a_coder_asks_only_of_what_they_may_see(bob, cast, mixed):
    others = layer_make(bob.dataset, LayerKind.CODER, mixed, [[1]] * 10, [12], user=cast.cleo)
    with pytest.raises(NotFound):
        scope_read(bob, {"where": f"{others.pk}:12:p"})
    for values in ({"role": "test"}, {"split": "held out"}):
        with pytest.raises(NotAllowed):
            scope_read(bob, values)


def test_blind_nothing_is_asked_that_machines_or_others_said(bob, mixed):
    weak = layer(bob.dataset, "weak")
    run = run_make(bob.dataset, mixed, 12, [1] * 4 + [2] * 6, [1] * 10)
    kept = selection_keep(dataset=bob.dataset, user=bob.user, positions=np.arange(3))
    assignment = assignment_take(cluster=run.clusters.get(number=1), user=bob.user)
    assignment.mode = Mode.BLIND
    assignment.save()
    assert layers_visible_to(bob.user, bob.dataset) == []
    with pytest.raises(NotFound):
        scope_read(bob, {"where": f"{weak}:12:p"})
    for values in ({"cluster": str(run.clusters.get(number=2).pk)}, {"selection": str(kept.pk)}):
        with pytest.raises(NotAllowed):
            scope_read(bob, values)
    assert found(bob, faces="1-2") == [1, 2]


def test_splits_for_the_form_follow_the_data_set(dataset, mixed):
    assert splits_of(dataset) == ["held out"]


# Kept selections


def test_a_short_choice_is_written_and_a_long_one_kept(alice, mixed):
    short = selection_scope(dataset=alice.dataset, user=alice.user, positions=np.array([1, 2]))
    assert (short.selection, short.parameters) == (None, {"faces": "1-2"})
    faces_make(alice.dataset, 5000)
    long = selection_scope(dataset=alice.dataset, user=alice.user, positions=np.arange(0, 5000, 2))
    assert set(long.parameters) == {"selection"}
    assert found(alice, **long.parameters) == list(range(0, 5000, 2))


def test_the_same_choice_is_kept_once_and_others_can_not_read_it(alice, bob, mixed):
    one = selection_keep(dataset=alice.dataset, user=alice.user, positions=np.array([1, 5]))
    assert selection_keep(dataset=alice.dataset, user=alice.user, positions=np.array([1, 5])) == one
    with pytest.raises(NotFound):
        scope_read(bob, {"selection": str(one.pk)})
    assert selection_keep(dataset=alice.dataset, user=bob.user, positions=np.array([1, 5])) != one


def test_old_selections_go_and_those_used_again_stay(alice, mixed, monkeypatch):
    monkeypatch.setattr(selections, "SELECTIONS_KEPT", 3)
    keep = [selection_keep(dataset=alice.dataset, user=alice.user, positions=np.array([one])) for one in range(3)]
    selection_keep(dataset=alice.dataset, user=alice.user, positions=np.array([0]))
    selection_keep(dataset=alice.dataset, user=alice.user, positions=np.array([7]))
    left = set(Selection.objects.filter(user=alice.user).values_list("pk", flat=True))
    assert keep[0].pk in left and keep[1].pk not in left and len(left) == 3


@pytest.mark.parametrize("positions", [[], [10], [-1, 3]])
def test_no_face_and_faces_that_never_were_are_refused(alice, mixed, positions):
    with pytest.raises(InputRefused):
        selection_keep(dataset=alice.dataset, user=alice.user, positions=np.array(positions, np.int64))


# In words


def test_each_condition_is_a_chip_that_leads_to_the_rest(alice, mixed):
    weak = layer(alice.dataset, "weak")
    scope = scope_read(alice, {"subject": "Ann", "where": f"{weak}:12:p,{weak}:25:a"})
    assert scope_words(scope) == "subject Ann, weak: AU12 present, weak: AU25 absent"
    chips = scope_chips(scope, "/here/", {**scope.parameters, "au": "25"})
    assert chips[0].without == f"/here/?where={weak}%3A12%3Ap%2C{weak}%3A25%3Aa&au=25"
    assert chips[1].without == f"/here/?subject=Ann&where={weak}%3A25%3Aa&au=25"
    assert scope_words(Scope()) == "all faces"
