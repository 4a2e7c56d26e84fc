"""Events in clips: those that one may see, and marking, moving or taking away one's own."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from annotator.api.datasets import REFUSALS, user_of
from annotator.api.paging import PAGE_PARAMETERS, PageSerializer, page_asked, page_of
from annotator.api.shapes import DecisionSerializer, Row
from annotator.choices import Mode, Side
from annotator.errors import InputRefused
from annotator.selectors.access import REVIEW, member_for
from annotator.selectors.codes import is_blind
from annotator.selectors.events import EventState
from annotator.selectors.faces import face_get
from annotator.selectors.listings import events_page
from annotator.services.events import POINTS, EventOrder, event_decide

PARAMETERS = [
    *PAGE_PARAMETERS,
    OpenApiParameter("clip", str, description="Only of clips of this name."),
    OpenApiParameter("subject", str, description="Only of this subject's clips."),
]


class EventStateSerializer(serializers.Serializer[Row]):
    """Frame numbers; null for what isn't marked yet."""

    onset = serializers.IntegerField()
    apex = serializers.IntegerField(allow_null=True, default=None)
    offset = serializers.IntegerField(allow_null=True, default=None)
    intensity = serializers.IntegerField(
        allow_null=True, default=None, min_value=1, max_value=5, help_text="At the apex, 1 to 5 for A to E."
    )
    side = serializers.ChoiceField(choices=Side.choices, default=Side.BOTH, help_text="The subject's own.")


class EventSerializer(EventStateSerializer):
    id = serializers.IntegerField()
    layer = serializers.IntegerField()
    own = serializers.BooleanField(help_text="In your own codes, so that you may change it.")
    subject = serializers.CharField(allow_null=True)
    clip = serializers.CharField()
    au = serializers.IntegerField()


class EventPageSerializer(PageSerializer):
    results = EventSerializer(many=True)


class EventOrderSerializer(serializers.Serializer[Row]):
    """What to do with an event of your own: mark a point of it, or rewrite it, or take it away."""

    client_id = serializers.UUIDField(help_text="Made by you; a repeated request with it does nothing twice.")
    position = serializers.IntegerField(min_value=0, help_text="A face of the clip: the frame of a point.")
    point = serializers.ChoiceField(
        choices=POINTS, required=False, help_text="Marks it at that frame; an onset begins a new event."
    )
    au = serializers.IntegerField(required=False, help_text="With a point.")
    side = serializers.ChoiceField(choices=Side.choices, default=Side.BOTH, help_text="With a point.")
    event = serializers.IntegerField(
        required=False, help_text="Without it a point goes to the open event, or to the one that holds the frame."
    )
    state = EventStateSerializer(
        required=False, allow_null=True, help_text="In the place of a point: what the event becomes; null: gone."
    )
    expected = EventStateSerializer(
        required=False, help_text="The event as you saw it; if it is another now, the answer is 409."
    )
    unsure = serializers.BooleanField(default=False)
    note = serializers.CharField(default="", allow_blank=True, max_length=2_000)
    protocol_version = serializers.IntegerField(required=False, allow_null=True)


@extend_schema(
    operation_id="event_list",
    tags=["events"],
    parameters=PARAMETERS,
    responses={200: EventPageSerializer, **REFUSALS},
)
@api_view(["GET"])
def event_list(request: Request, dataset_id: int) -> Response:
    """Events of the layers that you may see now, in the order of their ids; `after` is an id."""
    member = member_for(request.user, dataset_id)
    after, limit = page_asked(request)
    asked = {name: request.query_params.get(name, "") for name in ("clip", "subject")}
    rows = events_page(member.user, member.dataset, after=after, limit=limit, **asked)
    return Response(EventPageSerializer(page_of(rows, "id", limit)).data)


@extend_schema(
    operation_id="event_mark",
    tags=["events"],
    request=EventOrderSerializer,
    responses={201: DecisionSerializer, **REFUSALS, 409: REFUSALS[400]},
)
@api_view(["POST"])
def event_mark(request: Request, dataset_id: int) -> Response:
    """Mark, rewrite or take away an event of yours; recorded as a decision, which can be undone. 409: the event
    or the protocol changed meanwhile, and nothing was written."""
    member = member_for(request.user, dataset_id, REVIEW)
    order = EventOrderSerializer(data=request.data)
    order.is_valid(raise_exception=True)
    asked = order.validated_data
    face = face_get(member.dataset, asked["position"])
    decision = event_decide(
        dataset=member.dataset,
        user=user_of(request),
        face=face,
        order=_order(asked, face.frame or 0),
        client_id=asked["client_id"],
        mode=Mode.BLIND if is_blind(member.user, member.dataset) else Mode.ASSISTED,
        protocol_version=asked.get("protocol_version"),
        unsure=asked["unsure"],
        note=asked["note"],
    )
    return Response(DecisionSerializer(decision).data, status=201)


def _order(asked: dict[str, Any], frame: int) -> EventOrder:
    point, state = asked.get("point", ""), asked.get("state")
    if bool(point) == ("state" in asked):
        raise InputRefused("Give either a point, or a state (null takes the event away).")
    if point and "au" not in asked:
        raise InputRefused("Say which AU.")
    expected = asked.get("expected")
    return EventOrder(
        au=asked.get("au", 0),
        point=point,
        frame=frame,
        side=asked["side"],
        event=asked.get("event"),
        state=EventState(**state) if state else None,
        expected=EventState(**expected).token if expected else None,
    )
