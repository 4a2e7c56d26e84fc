"""Events by the API: listed as far as one may see them, marked, rewritten, taken away and undone."""

import uuid

import pytest
from django.urls import reverse

from annotator.choices import LayerKind
from annotator.models import Clip, Event
from annotator.selectors.events import EventState
from tests.annotator.api.test_api import post
from tests.factories import faces_make, layer_make

NO_STATE = {"apex": None, "offset": None, "intensity": None, "side": "both"}


@pytest.fixture
def clip(dataset):
    """Frames 10 to 29 at positions 0 to 19."""
    clip = Clip.objects.create(dataset=dataset, name="laugh", frame_rate=25)
    for face in faces_make(dataset, 20, clip=clip):
        face.frame = 10 + face.position
        face.save()
    return clip


@pytest.fixture
def mark(dataset, cast, clip):
    """mark(position, point or state…): Bob's order."""

    def send(position=0, **order):
        url = reverse("api_event_mark", args=[dataset.pk])
        return post(cast.client("bob"), url, {"client_id": str(uuid.uuid4()), "position": position, **order})

    return send


def states():
    return [EventState.of(event) for event in Event.objects.order_by("onset")]


def test_points_make_an_event_that_the_list_has(dataset, cast, clip, mark):
    for position, point in ((2, "onset"), (4, "apex"), (9, "offset")):
        assert mark(position, point=point, au=12).status_code == 201
    listed = cast.client("bob").get(reverse("api_event_list", args=[dataset.pk]) + "?clip=laugh").json()["results"]
    assert [(one["au"], one["onset"], one["apex"], one["offset"], one["own"]) for one in listed] == [
        (12, 12, 14, 19, True)
    ]


def test_an_event_is_rewritten_taken_away_and_put_back_by_undo(dataset, cast, mark):
    number = mark(2, point="onset", au=12).json()["event"]["event_id"]
    assert mark(0, event=number, state={"onset": 11, "offset": 20}).status_code == 201
    assert states() == [EventState(11, None, 20)]
    gone = mark(0, event=number, state=None).json()
    assert states() == []
    undo = {"client_id": str(uuid.uuid4()), "decision": gone["id"]}
    assert post(cast.client("bob"), reverse("api_decision_undo", args=[dataset.pk]), undo).status_code == 201
    assert states() == [EventState(11, None, 20)]


def test_a_repeated_request_does_nothing_twice_and_a_stale_one_nothing_at_all(mark):
    again = {"client_id": str(uuid.uuid4())}
    first, second = (mark(2, point="onset", au=12, **again).json() for _time in range(2))
    assert first["id"] == second["id"]
    seen = {"onset": 13, **NO_STATE}
    assert mark(0, event=first["event"]["event_id"], state={"onset": 11}, expected=seen).status_code == 409
    assert states() == [EventState(12)]


@pytest.mark.parametrize(
    "order", [{}, {"point": "onset"}, {"point": "onset", "au": 12, "state": None}, {"state": {"onset": 11}}]
)
def test_an_order_that_makes_no_sense_is_refused(mark, order):
    assert mark(**order).status_code == 400


def test_another_coders_events_are_not_listed_to_a_coder(dataset, cast, clip):
    faces = list(dataset.faces.all()[:1])
    theirs = layer_make(dataset, LayerKind.CODER, faces, [[1]], [12], user=cast.cleo)
    Event.objects.create(layer=theirs, clip=clip, au=12, onset=12)
    url = reverse("api_event_list", args=[dataset.pk])
    assert cast.client("bob").get(url).json()["results"] == []
    assert len(cast.client("dora").get(url).json()["results"]) == 1
