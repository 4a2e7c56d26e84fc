"""Undo jumped to the start, or was missing (Label Studio 7037, Argilla 5113).

Ours: whatever several people decide, on one face or in the bulk, as many undos lead back to the start, in
any order of the people and of the decisions; and redos lead to where they were. In between, a face always
has the codes of the decisions that stand.
"""

import uuid

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.choices import DecisionKind, LayerKind, Mode, Scope
from annotator.models import Decision
from annotator.selectors.codes import layer_codes
from annotator.selectors.review import coder_layer, state_tokens
from annotator.services.decisions import decision_make, decision_redo, decision_undo
from tests.factories import faces_make, layer_make, run_make

FACES = 6
AUS = (12, 25)
START = ["--"] * FACES
KINDS = [
    (DecisionKind.CONFIRM, None),
    (DecisionKind.RELABEL, "present"),
    (DecisionKind.RELABEL, "absent"),
    (DecisionKind.UNSCORABLE, None),
    (DecisionKind.NOISE, None),
    (DecisionKind.RESTORE, None),
]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["bob", "cleo", "dora"]),
        st.sampled_from(KINDS),
        st.one_of(
            st.just(list(range(FACES))), st.lists(st.integers(0, FACES - 1), min_size=1, max_size=3, unique=True)
        ),
        st.sampled_from([(12,), (25,), (12, 25)]),
    ),
    min_size=1,
    max_size=9,
)
STEADY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def world(dataset):
    """Six faces, each proposed present or absent for AU12 and for AU25."""
    faces = faces_make(dataset, FACES)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * FACES, [12])
    run_make(dataset, faces, 12, [1] * FACES, [1, 0, 1, 0, 1, 0], weak_layer=weak, adopted=False)
    layer_make(dataset, LayerKind.PROPOSAL, faces, [[1, 0], [0, 1]] * 3, AUS)
    return dataset


def decide(dataset, user, kind, code, faces, aus):
    return decision_make(
        dataset=dataset, user=user, kind=kind, code=code, faces=faces, aus=aus, mode=Mode.ASSISTED,
        scope=Scope.SELECTION, client_id=uuid.uuid4(),
    )  # fmt: skip


def undo(user, decision=None, dataset=None):
    return decision_undo(user=user, client_id=uuid.uuid4(), decision=decision, dataset=dataset)


def tokens(dataset, user):
    layer = coder_layer(dataset, user)
    if layer is None:
        return START
    ids = list(dataset.faces.order_by("position").values_list("pk", flat=True))
    return state_tokens(layer_codes(layer, ids), [dataset.coded_aus.get(au=au).bit for au in AUS])


def everyone(dataset, cast):
    return {name: tokens(dataset, getattr(cast, name)) for name in ("bob", "cleo", "dora")}


def plainly(dataset, cast, actions, standing):
    """What the decisions that stand say one after another, by the slow way: anew from the start."""
    codes = {name: [["-", "-", ""] for _face in range(FACES)] for name in ("bob", "cleo", "dora")}
    proposed = [("p", "a"), ("a", "p")] * 3
    for (name, (kind, code), faces, aus), stands in zip(actions, standing, strict=True):
        if not stands:
            continue
        for face in faces:
            row = codes[name][face]
            if kind in (DecisionKind.NOISE, DecisionKind.RESTORE):
                row[2] = "!" if kind == DecisionKind.NOISE else ""
            for place in [AUS.index(au) for au in aus] if kind != DecisionKind.NOISE else []:
                said = {"present": "p", "absent": "a"}.get(code or "")
                by_kind = {DecisionKind.UNSCORABLE: "u", DecisionKind.RESTORE: "-"}
                row[place] = said or by_kind.get(kind) or proposed[face][place]
    return {name: ["".join(row) for row in rows] for name, rows in codes.items()}


@STEADY
@given(actions=ACTIONS, data=st.data())
def test_each_undoing_their_latest_leads_to_the_start_and_redoing_back(world, cast, actions, data):
    with transaction.atomic():
        for name, (kind, code), faces, aus in actions:
            decide(world, getattr(cast, name), kind, code, faces, aus)
        after = everyone(world, cast)
        order = data.draw(st.permutations([name for name, *_rest in actions]))
        for name in order:
            undo(getattr(cast, name), dataset=world)
        assert everyone(world, cast) == dict.fromkeys(after, START)
        for name in reversed(order):
            decision_redo(user=getattr(cast, name), client_id=uuid.uuid4(), dataset=world)
        assert everyone(world, cast) == after
        transaction.set_rollback(True)


@STEADY
@given(actions=ACTIONS, data=st.data())
def test_undoing_any_decision_before_any_other_leads_to_the_start_too(world, cast, actions, data):
    with transaction.atomic():
        made = [
            (name, decide(world, getattr(cast, name), kind, code, faces, aus))
            for name, (kind, code), faces, aus in actions
        ]
        after = everyone(world, cast)
        order = data.draw(st.permutations(made))
        undone = [(name, undo(getattr(cast, name), decision)) for name, decision in order]
        assert everyone(world, cast) == dict.fromkeys(after, START)
        for name, decision in data.draw(st.permutations(undone)):
            undo(getattr(cast, name), decision)
        assert everyone(world, cast) == after
        transaction.set_rollback(True)


ONE_BY_ONE = ACTIONS.map(lambda actions: [(who, what, faces, aus[:1]) for who, what, faces, aus in actions])


@STEADY
@given(actions=ONE_BY_ONE, data=st.data())
def test_in_between_the_codes_are_those_of_the_decisions_that_stand(world, cast, actions, data):
    with transaction.atomic():
        made = [
            (name, decide(world, getattr(cast, name), kind, code, faces, aus))
            for name, (kind, code), faces, aus in actions
        ]
        standing = [True] * len(made)
        latest = [decision for _name, decision in made]
        for place in data.draw(st.lists(st.integers(0, len(made) - 1), max_size=12)):
            latest[place] = undo(getattr(cast, made[place][0]), latest[place])
            standing[place] = not standing[place]
            told = plainly(world, cast, actions, standing)
            # A noise mark that a restoring found gone already is not spoken of by it.
            assert codes_only(everyone(world, cast)) == codes_only(told)
        transaction.set_rollback(True)


def codes_only(told):
    return {name: [token.rstrip("!") for token in rows] for name, rows in told.items()}


def test_an_undo_does_not_reach_below_what_was_decided_again_since(world, cast):
    first = decide(world, cast.bob, DecisionKind.RELABEL, "present", [0], (12,))
    decide(world, cast.bob, DecisionKind.RELABEL, "absent", [0], (12,))
    decide(world, cast.bob, DecisionKind.RELABEL, "present", [0], (12,))
    undo(cast.bob, first)
    assert tokens(world, cast.bob)[0] == "p-"


def test_an_undo_does_not_bring_back_what_was_undone_before(world, cast):
    first = decide(world, cast.bob, DecisionKind.RELABEL, "present", [0], (12,))
    second = decide(world, cast.bob, DecisionKind.RELABEL, "absent", [0], (12,))
    undo(cast.bob, first)
    undo(cast.bob, second)
    assert tokens(world, cast.bob)[0] == "--"


def test_a_bulk_decision_is_undone_as_one(world, cast):
    decide(world, cast.bob, DecisionKind.RELABEL, "present", list(range(FACES)), AUS)
    undo(cast.bob, dataset=world)
    assert tokens(world, cast.bob) == START
    assert Decision.objects.count() == 2
