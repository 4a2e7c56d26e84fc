"""Events in clips: marked point by point, edited, taken away, put back; what can't be one is refused in words."""

import uuid

import pytest

from annotator.choices import DecisionKind, Mode, Scope
from annotator.errors import Conflict, InputRefused, NotFound
from annotator.models import Clip, Decision, Event, Face
from annotator.selectors.events import EventState, event_words
from annotator.services.datasets import coded_au_hide, protocol_change
from annotator.services.decisions import ProtocolStale, decision_make, decision_redo, decision_undo
from annotator.services.events import EventOrder, EventStale, event_decide
from tests.factories import faces_make


@pytest.fixture
def clip(dataset):
    """Frames 10 to 29 at positions 0 to 19."""
    clip = Clip.objects.create(dataset=dataset, name="laugh", frame_rate=25)
    for face in faces_make(dataset, 20, clip=clip):
        face.frame = 10 + face.position
        face.save()
    return clip


def give(dataset, user, order, frame=10, **fields):
    face = Face.objects.select_related("clip").get(dataset=dataset, frame=frame)
    values = {"client_id": uuid.uuid4(), "mode": Mode.ASSISTED, **fields}
    return event_decide(dataset=dataset, user=user, face=face, order=order, **values)


def mark(dataset, user, point, frame, au=12, event=None, side="both", **fields):
    order = EventOrder(au=au, point=point, frame=frame, event=event, side=side)
    return give(dataset, user, order, frame, **fields)


def marked(dataset, user, onset, apex, offset, au=12):
    for point, frame in (("onset", onset), ("apex", apex), ("offset", offset)):
        decision = mark(dataset, user, point, frame, au)
    return decision.event.event_id


def states(user, au=12):
    return [EventState.of(event) for event in Event.objects.filter(layer__user=user, au=au).order_by("onset")]


def undo(dataset, user, decision=None):
    return decision_undo(user=user, client_id=uuid.uuid4(), dataset=dataset, decision=decision)


def test_three_marks_make_an_event_and_three_decisions(dataset, cast, clip):
    marked(dataset, cast.bob, 12, 15, 20)
    assert states(cast.bob) == [EventState(12, 15, 20)]
    decisions = Decision.objects.order_by("pk")
    assert [decision.kind for decision in decisions] == [DecisionKind.EVENT] * 3
    assert [decision.aus for decision in decisions] == [dataset.coded_aus.get(au=12).mask] * 3
    assert decisions[0].event.old is None
    assert decisions[2].event.old == EventState(12, 15).as_json()
    assert decisions[2].event.new == EventState(12, 15, 20).as_json()


def test_each_mark_raises_the_revision(dataset, cast, clip):
    before = dataset.revision
    assert mark(dataset, cast.bob, "onset", 12).revision == before + 1


def test_undo_and_redo_step_by_step_with_the_same_id(dataset, cast, clip):
    number = marked(dataset, cast.bob, 12, 15, 20)
    undo(dataset, cast.bob)
    assert states(cast.bob) == [EventState(12, 15)]
    undo(dataset, cast.bob)
    undo(dataset, cast.bob)
    assert states(cast.bob) == []
    for _ in range(3):
        decision_redo(user=cast.bob, client_id=uuid.uuid4(), dataset=dataset)
    assert states(cast.bob) == [EventState(12, 15, 20)]
    assert Event.objects.get().pk == number


def test_a_deleted_event_comes_back_under_its_id(dataset, cast, clip):
    number = marked(dataset, cast.bob, 12, 15, 20)
    decision = give(dataset, cast.bob, EventOrder(event=number))
    assert states(cast.bob) == []
    assert event_words(decision) == "AU12: taken away: frames 12–20, apex 15"
    undo(dataset, cast.bob)
    assert Event.objects.get().pk == number


def test_an_undo_leaves_an_event_that_was_changed_since(dataset, cast, clip):
    mark(dataset, cast.bob, "onset", 12)
    apex = mark(dataset, cast.bob, "apex", 15)
    mark(dataset, cast.bob, "offset", 20)
    undo(dataset, cast.bob, apex)
    assert states(cast.bob) == [EventState(12, 15, 20)]


def test_an_undo_that_would_lie_over_a_new_event_is_refused(dataset, cast, clip):
    deleted = give(dataset, cast.bob, EventOrder(event=marked(dataset, cast.bob, 12, 15, 20)))
    marked(dataset, cast.bob, 14, 16, 18)
    with pytest.raises(InputRefused, match="over another event"):
        undo(dataset, cast.bob, deleted)
    assert states(cast.bob) == [EventState(14, 16, 18)]


def test_a_repeated_request_marks_once(dataset, cast, clip):
    name = uuid.uuid4()
    first = mark(dataset, cast.bob, "onset", 12, client_id=name)
    assert mark(dataset, cast.bob, "onset", 12, client_id=name) == first
    assert Event.objects.count() == 1


def test_marks_inside_a_finished_event_move_its_points(dataset, cast, clip):
    marked(dataset, cast.bob, 12, 15, 20)
    mark(dataset, cast.bob, "apex", 17)
    mark(dataset, cast.bob, "onset", 13)
    mark(dataset, cast.bob, "offset", 19)
    assert states(cast.bob) == [EventState(13, 17, 19)]


def test_a_chosen_event_moves_wherever_the_frame_is(dataset, cast, clip):
    number = marked(dataset, cast.bob, 12, 15, 20)
    mark(dataset, cast.bob, "offset", 25, event=number)
    assert states(cast.bob) == [EventState(12, 15, 25)]


def test_a_second_onset_while_one_is_open_is_refused_in_words(dataset, cast, clip):
    mark(dataset, cast.bob, "onset", 12)
    with pytest.raises(InputRefused, match="open since frame 12"):
        mark(dataset, cast.bob, "onset", 20)
    assert states(cast.bob) == [EventState(12)]


@pytest.mark.parametrize("point", ["apex", "offset"])
def test_apex_and_offset_need_an_onset(dataset, cast, clip, point):
    with pytest.raises(InputRefused, match="mark its onset first"):
        mark(dataset, cast.bob, point, 12)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (EventState(15, 12, 20), "apex \\(frame 12\\) can't be before the onset"),
        (EventState(15, 18, 17), "offset \\(frame 17\\) can't be before the apex"),
        (EventState(15, None, 14), "offset \\(frame 14\\) can't be before the onset"),
        (EventState(9, 12, 20), "onset \\(frame 9\\) is outside the clip, which goes from frame 10 to 29"),
        (EventState(12, 15, 30), "offset \\(frame 30\\) is outside"),
        (EventState(12, 15, 20, 7), "A to E"),
        (EventState(12, 15, 20, 1), "counts from B"),
        (EventState(12, 15, 20, side="left"), "one code for both sides"),
        (EventState(12, 15, 20, side="middle"), "both, left or right"),
    ],
)
def test_what_can_not_be_an_event_is_refused_and_loses_nothing(dataset, cast, clip, state, words):
    number = marked(dataset, cast.bob, 12, 15, 20)
    with pytest.raises(InputRefused, match=words):
        give(dataset, cast.bob, EventOrder(event=number, state=state))
    assert states(cast.bob) == [EventState(12, 15, 20)]
    assert Decision.objects.count() == 3


def test_two_events_of_one_au_do_not_overlap_but_those_of_others_may(dataset, cast, clip):
    marked(dataset, cast.bob, 12, 15, 20)
    second = marked(dataset, cast.bob, 22, 23, 25)
    with pytest.raises(InputRefused, match=r"frames 12–20, apex 15\. Move or delete"):
        mark(dataset, cast.bob, "onset", 20, event=second)
    marked(dataset, cast.bob, 12, 15, 20, au=25)
    marked(dataset, cast.cleo, 12, 15, 20)
    assert states(cast.bob) == [EventState(12, 15, 20), EventState(22, 23, 25)]


def test_an_open_event_is_not_closed_over_a_later_one(dataset, cast, clip):
    marked(dataset, cast.bob, 20, 21, 22)
    mark(dataset, cast.bob, "onset", 12)
    with pytest.raises(InputRefused, match="over another event"):
        mark(dataset, cast.bob, "offset", 25)
    mark(dataset, cast.bob, "offset", 19)


def test_sides_have_events_of_their_own_where_the_protocol_tells_them_apart(dataset, cast, clip):
    protocol_change(dataset=dataset, user=cast.alice, laterality="sides")
    for side in ("left", "right"):
        mark(dataset, cast.bob, "onset", 12, side=side)
        mark(dataset, cast.bob, "offset", 20, side=side)
    assert {state.side for state in states(cast.bob)} == {"left", "right"}
    with pytest.raises(InputRefused, match="over another event"):
        mark(dataset, cast.bob, "onset", 15, side="both")


def test_the_apex_takes_the_intensity_that_its_frame_has(dataset, cast, clip):
    protocol_change(dataset=dataset, user=cast.alice, coding="intensity")
    face = Face.objects.get(frame=15)
    values = {"mode": Mode.ASSISTED, "scope": Scope.FACE, "client_id": uuid.uuid4()}
    decision_make(
        dataset=dataset,
        user=cast.bob,
        kind=DecisionKind.RELABEL,
        aus=[12],
        faces=[face.position],
        sides=(3, 4),
        **values,
    )
    marked(dataset, cast.bob, 12, 15, 20)
    assert states(cast.bob) == [EventState(12, 15, 20, 4)]


def test_an_apex_below_the_threshold_is_no_event(dataset, cast, clip):
    protocol_change(dataset=dataset, user=cast.alice, coding="intensity", present_from=3)
    number = marked(dataset, cast.bob, 12, 15, 20)
    with pytest.raises(InputRefused, match="AU12 is B at its apex; under this protocol an event counts from C"):
        give(dataset, cast.bob, EventOrder(event=number, state=EventState(12, 15, 20, 2)))


def test_a_stale_page_and_a_stale_protocol_are_conflicts(dataset, cast, clip):
    number = marked(dataset, cast.bob, 12, 15, 20)
    order = EventOrder(event=number, state=EventState(12, 15, 22), expected=EventState(12, 15).token)
    with pytest.raises(EventStale, match="is now frames 12–20, apex 15"):
        give(dataset, cast.bob, order)
    with pytest.raises(ProtocolStale):
        give(dataset, cast.bob, EventOrder(event=number), protocol_version=7)
    assert states(cast.bob) == [EventState(12, 15, 20)]


def test_an_au_off_the_list_has_no_new_events(dataset, cast, clip):
    coded_au_hide(dataset=dataset, au=12, user=cast.alice)
    with pytest.raises(ProtocolStale, match="AU12"):
        mark(dataset, cast.bob, "onset", 12)


def test_others_events_and_stills_are_out_of_reach(dataset, cast, clip):
    number = marked(dataset, cast.cleo, 12, 15, 20)
    for order in (EventOrder(event=number), EventOrder(event=number, au=12, point="apex", frame=16)):
        with pytest.raises(NotFound):
            give(dataset, cast.bob, order)
    still = faces_make(dataset, 1)[0]
    with pytest.raises(InputRefused, match="still"):
        event_decide(
            dataset=dataset,
            user=cast.bob,
            face=still,
            order=EventOrder(au=12, point="onset"),
            client_id=uuid.uuid4(),
            mode=Mode.ASSISTED,
        )


def test_a_client_id_of_another_data_set_is_a_conflict(dataset, cast, clip):
    from annotator.services.datasets import dataset_create

    name = uuid.uuid4()
    other = dataset_create(name="Other", user=cast.alice, aus=[12])
    faces_make(other, 1)
    decision_make(
        dataset=other,
        user=cast.bob,
        kind=DecisionKind.NOISE,
        aus=[],
        faces=[0],
        mode=Mode.ASSISTED,
        scope=Scope.FACE,
        client_id=name,
    )
    with pytest.raises(Conflict, match="another data set"):
        mark(dataset, cast.bob, "onset", 12, client_id=name)
