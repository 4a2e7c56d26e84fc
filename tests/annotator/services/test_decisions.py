"""Decisions: what they write, what they refuse, and that undo leads back."""

import contextlib
import threading
import uuid
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.choices import AssignmentState, DecisionKind, LayerKind, Mode, Scope
from annotator.errors import Conflict, InputRefused, NotAllowed, NotFound
from annotator.masks import intensities_pack, intensities_unpack
from annotator.models import Assignment, Clip, Decision, DecisionFace, Event, Face, Label, LabelLayer
from annotator.selectors.codes import layer_codes
from annotator.selectors.events import EventState
from annotator.selectors.review import (
    coder_layer,
    decision_lines,
    decision_undoable,
    decisions_of,
    state_tokens,
    undo_left,
)
from annotator.services import decisions
from annotator.services.assignments import assignment_finish, assignment_next
from annotator.services.datasets import coded_au_hide, coded_aus_ensure, dataset_create, protocol_change
from annotator.services.decisions import (
    AssignmentStale,
    DecisionStale,
    PairsAsked,
    ProtocolStale,
    decision_make,
    decision_redo,
    decision_undo,
)
from annotator.services.events import EventOrder, event_decide
from tests.factories import faces_make, layer_make, run_make

PROPOSED = [1, 1, 0, -1, 1, 0]


@pytest.fixture
def faces(dataset):
    return faces_make(dataset, 6)


@pytest.fixture
def run(dataset, faces):
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 6, [12])
    return run_make(dataset, faces, 12, [1, 1, 1, 1, 2, 0], PROPOSED, weak_layer=weak)


def decide(dataset, user, kind=DecisionKind.RELABEL, faces=(0,), code="present", aus=(12,), **fields):
    values = {"mode": Mode.ASSISTED, "scope": Scope.SELECTION, "client_id": uuid.uuid4(), **fields}
    return decision_make(dataset=dataset, user=user, kind=kind, aus=aus, faces=faces, code=code, **values)


def tokens(dataset, user, aus=(12,)):
    ids = list(dataset.faces.order_by("position").values_list("pk", flat=True))
    bits = [dataset.coded_aus.get(au=au).bit for au in aus]
    layer = coder_layer(dataset, user)
    return state_tokens(layer_codes(layer, ids), bits) if layer else ["-" * len(aus)] * len(ids)


def test_confirming_takes_each_proposal_and_passes_over_faces_without_one(dataset, cast, run):
    cluster = run.clusters.get(number=1)
    decision = decide(dataset, cast.bob, DecisionKind.CONFIRM, faces=[0, 1, 2, 3], cluster=cluster)
    assert tokens(dataset, cast.bob) == ["p", "p", "a", "-", "-", "-"]
    assert decision.faces.count() == 3
    assert decision.run == run


def test_confirming_without_a_cluster_takes_the_adopted_proposals(dataset, cast, run):
    decide(dataset, cast.bob, DecisionKind.CONFIRM, faces=[4, 5])
    assert tokens(dataset, cast.bob)[4:] == ["p", "a"]


def test_confirming_nothing_is_refused(dataset, cast, run):
    with pytest.raises(InputRefused, match="proposal"):
        decide(dataset, cast.bob, DecisionKind.CONFIRM, faces=[3], cluster=run.clusters.get(number=1))


def test_the_other_way_turns_the_own_code_else_the_proposal(dataset, cast, run):
    decide(dataset, cast.bob, faces=[0], code="absent")
    decide(dataset, cast.bob, faces=[0, 1, 2], code="other")
    assert tokens(dataset, cast.bob)[:3] == ["p", "a", "p"]


def test_a_relabelling_by_position(dataset, cast, faces):
    decide(dataset, cast.bob, faces=[2, 0], code={0: 1, 2: 0})
    assert tokens(dataset, cast.bob)[:3] == ["p", "-", "a"]


@pytest.mark.parametrize("code", ["sideways", None, {0: 2}, {1: 1}])
def test_a_relabelling_to_nonsense_is_refused(dataset, cast, faces, code):
    with pytest.raises(InputRefused):
        decide(dataset, cast.bob, code=code)


def test_unscorable_is_neither_present_nor_absent(dataset, cast, faces):
    decide(dataset, cast.bob, code="present")
    decide(dataset, cast.bob, DecisionKind.UNSCORABLE)
    label = Label.objects.get(layer__user=cast.bob)
    assert (label.present, label.scored) == (0, 0)
    assert tokens(dataset, cast.bob)[0] == "u"


def test_noise_leaves_the_codes_and_restore_clears_both(dataset, cast, faces):
    decide(dataset, cast.bob, code="present", aus=[12, 25])
    decide(dataset, cast.bob, DecisionKind.NOISE)
    assert tokens(dataset, cast.bob, [12, 25])[0] == "pp!"
    decide(dataset, cast.bob, DecisionKind.RESTORE)
    assert tokens(dataset, cast.bob, [12, 25])[0] == "-p"


def test_each_coder_writes_a_layer_of_their_own(dataset, cast, faces):
    decide(dataset, cast.bob, code="present")
    decide(dataset, cast.cleo, code="absent")
    assert tokens(dataset, cast.bob)[0] == "p"
    assert tokens(dataset, cast.cleo)[0] == "a"
    assert coder_layer(dataset, cast.bob).name == "coder bob"


def test_a_layer_name_that_is_taken_is_no_hindrance(dataset, cast, faces):
    layer_make(dataset, LayerKind.WEAK, name="coder bob")
    decide(dataset, cast.bob)
    assert tokens(dataset, cast.bob)[0] == "p"


def test_a_decision_raises_the_revision_and_remembers_it(dataset, cast, faces):
    before = dataset.revision
    decision = decide(dataset, cast.bob, in_view=[0, 1], unsure=True, note=" hm ")
    dataset.refresh_from_db()
    assert decision.revision == dataset.revision == before + 1
    assert (decision.in_view, decision.unsure, decision.note) == ([0, 1], True, "hm")
    assert decision.protocol_version == 1


def test_a_repeated_request_does_nothing_twice(dataset, cast, faces):
    name = uuid.uuid4()
    first = decide(dataset, cast.bob, code="present", client_id=name)
    decide(dataset, cast.bob, code="absent")
    again = decide(dataset, cast.bob, code="present", client_id=name)
    assert again == first
    assert tokens(dataset, cast.bob)[0] == "a"
    assert Decision.objects.count() == 2


def test_two_coders_may_use_the_same_client_id(dataset, cast, faces):
    name = uuid.uuid4()
    assert decide(dataset, cast.bob, client_id=name) != decide(dataset, cast.cleo, client_id=name)


def test_a_stale_page_is_told_both_sides_and_nothing_is_written(dataset, cast, faces):
    decide(dataset, cast.bob, faces=[1], code="present")
    with pytest.raises(DecisionStale) as caught:
        decide(dataset, cast.bob, faces=[0, 1], code="absent", expected={0: "-", 1: "-"})
    assert [(face.position, face.shown, face.now) for face in caught.value.faces] == [(1, "-", "p")]
    assert caught.value.status == 409
    assert tokens(dataset, cast.bob)[:2] == ["-", "p"]
    assert Decision.objects.count() == 1


def test_a_change_of_another_au_makes_nothing_stale(dataset, cast, faces):
    decide(dataset, cast.bob, aus=[25])
    decide(dataset, cast.bob, aus=[12], expected={0: "-"})
    assert tokens(dataset, cast.bob, [12, 25])[0] == "pp"


def test_a_changed_protocol_is_a_readable_conflict(dataset, cast, faces):
    protocol_change(dataset=dataset, user=cast.alice, present_from=1)
    with pytest.raises(ProtocolStale, match="version 2"):
        decide(dataset, cast.bob, protocol_version=1)
    assert not Decision.objects.exists()


def test_an_au_taken_off_the_list_is_a_readable_conflict(dataset, cast, faces):
    coded_au_hide(dataset=dataset, au=12, user=cast.alice)
    with pytest.raises(ProtocolStale, match="AU12"):
        decide(dataset, cast.bob)


def test_a_face_that_is_gone_makes_nothing_happen_to_the_others(dataset, cast, faces):
    with pytest.raises(Conflict, match="no longer"):
        decide(dataset, cast.bob, faces=[0, 99])
    assert not Label.objects.exists()


def test_faces_of_another_data_set_are_not_found(dataset, cast, faces):
    other = dataset_create(name="Other", user=cast.alice, aus=[12])
    with pytest.raises(Conflict):
        decide(other, cast.alice, faces=[0])


def test_no_faces_are_refused(dataset, cast):
    with pytest.raises(InputRefused, match="at least one"):
        decide(dataset, cast.bob, faces=[])


def test_opposites_are_asked_about_and_saved_when_sure(dataset, cast, faces):
    coded_aus_ensure(dataset=dataset, aus=[51, 52])
    decide(dataset, cast.bob, aus=[51])
    with pytest.raises(PairsAsked, match="AU51 and AU52 are opposites; 1 face"):
        decide(dataset, cast.bob, aus=[52], faces=[0, 1])
    assert tokens(dataset, cast.bob, [51, 52])[:2] == ["p-", "--"]
    decide(dataset, cast.bob, aus=[52], faces=[0, 1], sure=True)
    assert tokens(dataset, cast.bob, [51, 52])[:2] == ["pp", "-p"]


def test_a_rare_pair_is_asked_about_with_the_number_of_faces(dataset, cast, faces):
    coded_aus_ensure(dataset=dataset, aus=[15])
    decide(dataset, cast.bob, aus=[15], faces=[0, 1, 2])
    with pytest.raises(PairsAsked) as caught:
        decide(dataset, cast.bob, aus=[12], faces=[1, 2, 3])
    assert caught.value.status == 422
    assert [(pair.one, pair.other, pair.opposite, pair.faces) for pair in caught.value.pairs] == [
        (12, 15, False, [1, 2])
    ]


def test_a_pair_that_is_there_already_is_not_asked_about_again(dataset, cast, faces):
    coded_aus_ensure(dataset=dataset, aus=[15])
    decide(dataset, cast.bob, aus=[12])
    decide(dataset, cast.bob, aus=[15], sure=True)
    decide(dataset, cast.bob, aus=[1])
    assert tokens(dataset, cast.bob, [1, 12, 15])[0] == "ppp"


def test_confirming_proposals_asks_about_pairs_too(dataset, cast, run):
    coded_aus_ensure(dataset=dataset, aus=[15])
    decide(dataset, cast.bob, aus=[15], faces=[4])
    with pytest.raises(PairsAsked, match="AU12 with AU15 is rare; 1 face"):
        decide(dataset, cast.bob, DecisionKind.CONFIRM, faces=[0, 4])
    decide(dataset, cast.bob, DecisionKind.CONFIRM, faces=[0, 4], sure=True)
    assert tokens(dataset, cast.bob, [12, 15])[4] == "pp"


def test_an_unscorable_has_a_reason_and_nothing_else_has(dataset, cast, faces):
    assert decide(dataset, cast.bob, DecisionKind.UNSCORABLE).hidden == 74
    assert decide(dataset, cast.bob, DecisionKind.UNSCORABLE, hidden=72).hidden == 72
    assert decide(dataset, cast.bob, hidden=72).hidden is None
    with pytest.raises(InputRefused, match="AU70 to AU74"):
        decide(dataset, cast.bob, DecisionKind.UNSCORABLE, hidden=12)


def test_a_failure_midway_writes_none_of_it(dataset, cast, faces, monkeypatch):
    whole = decisions.rows_insert

    def broken(model, *args, **kwargs):
        if model is Label:
            raise RuntimeError("power cut")
        whole(model, *args, **kwargs)

    monkeypatch.setattr(decisions, "rows_insert", broken)
    with pytest.raises(RuntimeError):
        decide(dataset, cast.bob)
    assert not Decision.objects.exists()
    assert not DecisionFace.objects.exists()


def test_relabelling_takes_out_the_intensity_of_that_au_only(dataset, cast, faces):
    decide(dataset, cast.bob, aus=[12, 25])
    bits = {au: dataset.coded_aus.get(au=au).bit for au in (12, 25)}
    packed = intensities_pack({bits[12]: (3, 3), bits[25]: (2, 2)})
    Label.objects.update(intensities=packed)
    DecisionFace.objects.update(new_intensities=packed)
    decision = decide(dataset, cast.bob, code="absent")
    assert intensities_unpack(Label.objects.get().intensities) == {bits[25]: (2, 2)}
    decision_undo(user=cast.bob, decision=decision, client_id=uuid.uuid4())
    assert intensities_unpack(Label.objects.get().intensities) == {bits[12]: (3, 3), bits[25]: (2, 2)}


def grade(dataset, user, left=None, right=None, au=12, **fields):
    return decide(dataset, user, code=None, aus=[au], sides=(left, right), **fields)


def grades(dataset, user, au=12, position=0):
    """(token, (left, right)) of one face as the coder's layer has it."""
    label = Label.objects.get(layer__user=user, face__position=position)
    coded = dataset.coded_aus.get(au=au)
    return tokens(dataset, user, [au])[position], intensities_unpack(label.intensities).get(coded.bit)


@pytest.mark.parametrize(
    ("left", "right", "token"),
    [(3, 3, "p"), (1, 1, "a"), (0, 0, "a"), (6, 6, "p"), (0, 2, "p"), (1, None, "-"), (2, None, "p"), (None, 5, "p")],
)
def test_presence_follows_from_the_threshold(dataset, cast, faces, left, right, token):
    grade(dataset, cast.bob, left, right)
    kept = tuple(15 if side is None else side for side in (left, right))
    assert grades(dataset, cast.bob) == (token, kept)


def test_one_side_is_graded_and_the_other_keeps_its_level(dataset, cast, faces):
    grade(dataset, cast.bob, 2, 2)
    grade(dataset, cast.bob, right=4)
    assert grades(dataset, cast.bob) == ("p", (2, 4))


def test_a_lower_threshold_of_the_protocol_makes_a_trace_present(dataset, cast, faces):
    protocol_change(dataset=dataset, user=cast.alice, coding="intensity", present_from=1)
    grade(dataset, cast.bob, 1, 1)
    assert grades(dataset, cast.bob) == ("p", (1, 1))


@pytest.mark.parametrize("sides", [(None, None), (7, 7), (15, 15), (-1, 2)])
def test_no_intensity_is_refused(dataset, cast, faces, sides):
    with pytest.raises(InputRefused, match="An intensity is"):
        grade(dataset, cast.bob, *sides)


def test_two_aus_are_not_graded_at_once(dataset, cast, faces):
    with pytest.raises(InputRefused, match="one AU at a time"):
        decide(dataset, cast.bob, aus=[1, 12], code=None, sides=(3, 3))


def test_a_change_of_intensity_alone_is_undone_and_redone(dataset, cast, faces):
    grade(dataset, cast.bob, 3, 3)
    last = grade(dataset, cast.bob, 4, 4)
    assert undo_left(undo(dataset, cast.bob)) == []
    assert grades(dataset, cast.bob) == ("p", (3, 3))
    decision_redo(user=cast.bob, client_id=uuid.uuid4(), dataset=dataset)
    assert grades(dataset, cast.bob) == ("p", (4, 4))
    assert last.undone_by is not None


def test_an_undo_leaves_a_later_intensity_alone_and_names_the_face(dataset, cast, faces):
    first = grade(dataset, cast.bob, 3, 3)
    grade(dataset, cast.bob, 4, 4)
    assert undo_left(undo(dataset, cast.bob, decision=first)) == [0]
    assert grades(dataset, cast.bob) == ("p", (4, 4))


def test_clearing_and_unscorable_take_a_one_sided_trace_away(dataset, cast, faces):
    for kind in (DecisionKind.RESTORE, DecisionKind.UNSCORABLE):
        grade(dataset, cast.bob, left=1)
        decide(dataset, cast.bob, kind)
        assert Label.objects.get().intensities is None


def test_an_intensity_that_changed_meanwhile_is_a_conflict_with_both_sides(dataset, cast, faces):
    grade(dataset, cast.bob, 3, 3)
    with pytest.raises(DecisionStale) as caught:
        grade(dataset, cast.bob, 4, 4, expected={0: "p"}, expected_sides={0: (2, 2)})
    assert (caught.value.faces[0].shown_words, caught.value.faces[0].now_words) == ("present B", "present C")


# Blind


def test_blind_there_is_nothing_to_confirm(dataset, cast, run):
    with pytest.raises(NotAllowed, match="blind"):
        decide(dataset, cast.bob, DecisionKind.CONFIRM, mode=Mode.BLIND)


def test_blind_the_other_way_never_tells_the_proposal(dataset, cast, run):
    with pytest.raises(InputRefused):
        decide(dataset, cast.bob, code="other", mode=Mode.BLIND)
    decide(dataset, cast.bob, code="absent", mode=Mode.BLIND)
    decide(dataset, cast.bob, code="other", mode=Mode.BLIND)
    assert tokens(dataset, cast.bob)[0] == "p"


# Assignments


def test_an_assignment_renews_its_lease_with_each_decision(dataset, cast, run):
    assignment = assignment_next(dataset, cast.bob)
    before = assignment.lease_until
    decide(dataset, cast.bob, faces=[4], assignment=assignment)
    assignment.refresh_from_db()
    assert assignment.lease_until > before


def test_faces_and_aus_outside_the_assignment_are_refused(dataset, cast, run):
    assignment = assignment_next(dataset, cast.bob)
    with pytest.raises(InputRefused, match="not in the assignment"):
        decide(dataset, cast.bob, faces=[0], assignment=assignment)
    with pytest.raises(InputRefused, match="other AUs"):
        decide(dataset, cast.bob, faces=[4], aus=[25], assignment=assignment)


def test_somebody_elses_assignment_is_not_decided_in(dataset, cast, run):
    assignment = assignment_next(dataset, cast.bob)
    with pytest.raises(NotAllowed):
        decide(dataset, cast.cleo, faces=[4], assignment=assignment)


def test_a_finished_assignment_is_read_only_until_it_is_taken_up_again(dataset, cast, run):
    assignment = assignment_next(dataset, cast.bob)
    decision = decide(dataset, cast.bob, faces=[4], assignment=assignment)
    assignment_finish(assignment=assignment, user=cast.bob)
    with pytest.raises(AssignmentStale, match="finished"):
        decide(dataset, cast.bob, faces=[4], code="absent", assignment=assignment)
    decision_undo(user=cast.bob, decision=decision, client_id=uuid.uuid4())
    assignment.refresh_from_db()
    assert assignment.state == AssignmentState.OPEN


# Undo


def undo(dataset, user, **fields):
    return decision_undo(user=user, client_id=uuid.uuid4(), dataset=dataset, **fields)


def test_undo_restores_and_redo_does_it_again(dataset, cast, faces):
    decide(dataset, cast.bob, code="present")
    decide(dataset, cast.bob, code="absent")
    undo(dataset, cast.bob)
    assert tokens(dataset, cast.bob)[0] == "p"
    decision_redo(user=cast.bob, client_id=uuid.uuid4(), dataset=dataset)
    assert tokens(dataset, cast.bob)[0] == "a"
    undo(dataset, cast.bob)
    undo(dataset, cast.bob)
    assert tokens(dataset, cast.bob)[0] == "-"


def test_undo_names_the_faces_that_were_changed_since(dataset, cast, faces):
    first = decide(dataset, cast.bob, faces=[0, 1], code="present")
    decide(dataset, cast.bob, faces=[1], code="absent")
    done = undo(dataset, cast.bob, decision=first)
    assert tokens(dataset, cast.bob)[:2] == ["-", "a"]
    assert undo_left(done) == [1]


def test_undo_leaves_other_aus_alone(dataset, cast, faces):
    first = decide(dataset, cast.bob, aus=[12])
    decide(dataset, cast.bob, aus=[25])
    undo(dataset, cast.bob, decision=first)
    assert tokens(dataset, cast.bob, [12, 25])[0] == "-p"


def test_nobody_undoes_for_somebody_else(dataset, cast, faces):
    decision = decide(dataset, cast.bob)
    with pytest.raises(NotAllowed):
        undo(dataset, cast.cleo, decision=decision)
    with pytest.raises(InputRefused, match="nothing to undo"):
        undo(dataset, cast.cleo)


def test_a_decision_is_undone_once(dataset, cast, faces):
    decision = decide(dataset, cast.bob)
    undo(dataset, cast.bob, decision=decision)
    with pytest.raises(Conflict, match="undone already"):
        undo(dataset, cast.bob, decision=decision)


def test_a_repeated_undo_request_does_nothing_twice(dataset, cast, faces):
    decide(dataset, cast.bob, code="present")
    decide(dataset, cast.bob, code="absent")
    name = uuid.uuid4()
    first = decision_undo(user=cast.bob, client_id=name, dataset=dataset)
    assert decision_undo(user=cast.bob, client_id=name, dataset=dataset) == first
    assert tokens(dataset, cast.bob)[0] == "p"


def test_a_new_decision_ends_redo(dataset, cast, faces):
    decide(dataset, cast.bob)
    undo(dataset, cast.bob)
    decide(dataset, cast.bob, faces=[1])
    with pytest.raises(InputRefused, match="nothing to redo"):
        decision_redo(user=cast.bob, client_id=uuid.uuid4(), dataset=dataset)


def test_what_a_page_may_undo_is_what_it_is_about(dataset, cast, run):
    inside, other = run.clusters.get(number=1), run.clusters.get(number=2)
    first = decide(dataset, cast.bob, faces=[0], cluster=inside)
    decide(dataset, cast.bob, faces=[4], cluster=other)
    assert decision_undoable(dataset, cast.bob, within=Q(cluster=inside)) == first


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["bob", "cleo"]),
        st.sampled_from(
            [
                (DecisionKind.CONFIRM, None),
                (DecisionKind.RELABEL, "present"),
                (DecisionKind.RELABEL, "absent"),
                (DecisionKind.RELABEL, "other"),
                (DecisionKind.UNSCORABLE, None),
                (DecisionKind.NOISE, None),
                (DecisionKind.RESTORE, None),
                (DecisionKind.RELABEL, (3, 3)),
                (DecisionKind.RELABEL, (None, 1)),
                (DecisionKind.RELABEL, (5, None)),
                (DecisionKind.EVENT, "onset"),
                (DecisionKind.EVENT, "apex"),
                (DecisionKind.EVENT, "offset"),
                (DecisionKind.EVENT, "delete"),
            ]
        ),
        st.lists(st.sampled_from([0, 1, 2, 4]), min_size=1, max_size=4),
    ),
    max_size=8,
)


def clip_make(dataset):
    """The faces as frames of one clip, numbered as their positions."""
    clip = Clip.objects.create(dataset=dataset, name="laugh", frame_rate=25)
    Face.objects.filter(dataset=dataset).update(clip=clip, frame=F("position"))


def act(dataset, user, kind, code, faces):
    if kind == DecisionKind.EVENT:
        face = Face.objects.select_related("clip").get(dataset=dataset, position=faces[0])
        mine = Event.objects.filter(layer__user=user).order_by("pk").last()
        if code == "delete":
            order = EventOrder(event=mine.pk if mine else 0)
        else:
            order = EventOrder(au=12, point=code, frame=face.frame)
        with contextlib.suppress(NotFound):
            event_decide(
                dataset=dataset, user=user, face=face, order=order, mode=Mode.ASSISTED, client_id=uuid.uuid4()
            )
            return
        raise InputRefused("There is no event to take away.")
    if isinstance(code, tuple):
        decide(dataset, user, kind, faces=faces, code=None, sides=code)
    else:
        decide(dataset, user, kind, faces=faces, code=code)


def everything(dataset, user):
    """The user's tokens of AU12 with their intensities, and the user's events with their ids."""
    bit = dataset.coded_aus.get(au=12).bit
    stored = Label.objects.filter(layer__user=user, face__dataset=dataset).select_related("face")
    packed = {label.face.position: intensities_unpack(label.intensities).get(bit) for label in stored}
    events = Event.objects.filter(layer__user=user).order_by("pk")
    return (
        [(token, packed.get(position)) for position, token in enumerate(tokens(dataset, user))],
        [(event.pk, EventState.of(event)) for event in events],
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS, data=st.data())
def test_as_many_undos_as_actions_give_the_start_state_in_any_order_of_users(dataset, cast, run, actions, data):
    with transaction.atomic():
        made = []
        clip_make(dataset)
        for name, (kind, code), faces in actions:
            # An onset inside an open event, or a code to turn round where there is none, is refused.
            with contextlib.suppress(InputRefused):
                act(dataset, getattr(cast, name), kind, code, faces)
                made.append(name)
        after = {name: everything(dataset, getattr(cast, name)) for name in ("bob", "cleo")}
        order = data.draw(st.permutations(made))
        for name in order:
            undo(dataset, getattr(cast, name))
        assert everything(dataset, cast.bob) == everything(dataset, cast.cleo) == ([("-", None)] * 6, [])
        for name in reversed(order):
            decision_redo(user=getattr(cast, name), client_id=uuid.uuid4(), dataset=dataset)
        assert {name: everything(dataset, getattr(cast, name)) for name in ("bob", "cleo")} == after
        transaction.set_rollback(True)


# History


def test_coders_read_their_own_history_and_admins_everybodys(dataset, cast, faces):
    decide(dataset, cast.bob)
    decide(dataset, cast.cleo, code="absent")
    assert [one.user.username for one in decisions_of(dataset, cast.bob)] == ["bob"]
    assert [one.user.username for one in decisions_of(dataset, cast.ana, face=faces[0])] == ["cleo", "bob"]
    assert not decisions_of(dataset, cast.charlie).exists()


def test_an_adjudicator_who_codes_blind_reads_only_their_own_history(dataset, cast, run, faces):
    decide(dataset, cast.bob)
    Assignment.objects.create(
        dataset=dataset,
        coder=cast.dora,
        cluster=run.clusters.get(number=1),
        aus=1,
        mode=Mode.BLIND,
        lease_until="2100-01-01T00:00Z",
    )
    assert not decisions_of(dataset, cast.dora).exists()


def test_history_lines_say_what_became_of_the_faces(dataset, cast, faces, django_assert_num_queries):
    decide(dataset, cast.bob, faces=[0, 1], code="present")
    decide(dataset, cast.bob, faces=[0, 1], code={0: 0, 1: 1})
    undo(dataset, cast.bob)
    decisions = list(decisions_of(dataset, cast.bob))
    with django_assert_num_queries(3):
        lines = decision_lines(dataset, decisions, cast.bob)
    assert [(line.value, line.count, line.standing) for line in lines] == [
        ("", 1, True),
        ("mixed", 2, False),
        ("present", 2, True),
    ]


def test_five_thousand_faces_are_one_decision_in_few_queries(dataset, cast, django_assert_max_num_queries):
    many = faces_make(dataset, 5_000)
    decide(dataset, cast.bob, faces=[0])
    with django_assert_max_num_queries(120):
        decision = decide(dataset, cast.bob, faces=[face.position for face in many])
    assert decision.faces.count() == 5_000
    rows = layer_codes(LabelLayer.objects.get(user=cast.bob), [face.pk for face in many])
    assert np.all(rows.present == rows.scored)
    assert np.all(rows.present != 0)


@pytest.mark.django_db(transaction=True)
def test_the_same_request_eight_times_at_once_is_one_decision():
    user = User.objects.create_user("bob", password="x")
    dataset = dataset_create(name="Crowd", user=user, aus=[12])
    faces_make(dataset, 50)
    name, start, made, failures = uuid.uuid4(), threading.Barrier(8), [], []

    def send():
        try:
            start.wait()
            made.append(decide(dataset, user, faces=range(50), client_id=name).pk)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(made) == 8
    assert set(made) == {Decision.objects.get().pk}
    assert Label.objects.count() == 50


def test_a_face_withdrawn_while_the_decision_is_written_is_a_conflict(dataset, cast, monkeypatch):
    """On PostgreSQL the reading of the faces doesn't hold them, and the writing then fails."""
    faces_make(dataset, 3)

    def withdrawn(*_given):
        Face.objects.filter(dataset=dataset, position=1).delete()
        raise IntegrityError("a foreign key points to nothing")

    monkeypatch.setattr(decisions, "_decision_write", withdrawn)
    monkeypatch.setattr(decisions, "transaction", SimpleNamespace(atomic=nullcontext))
    with pytest.raises(Conflict, match="1 of these faces are no longer in the data set"):
        decide(dataset, cast.bob, faces=[0, 1, 2])
