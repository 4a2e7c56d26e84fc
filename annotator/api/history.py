"""The history of decisions, with the filters of its page."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from annotator.api.datasets import REFUSALS
from annotator.api.paging import LIMIT, MOST, number_asked
from annotator.errors import InputRefused
from annotator.selectors.access import READ, member_for
from annotator.selectors.history import history_page
from annotator.selectors.history_filters import history_filter
from annotator.selectors.history_lines import HistoryLine
from annotator.selectors.history_table import WORDS

PARAMETERS = [
    OpenApiParameter(
        "before", int, description="Go on with decisions older than this one: the `next` of the page before."
    ),
    OpenApiParameter("limit", int, description=f"How many, {LIMIT} unless told, {MOST} at most."),
    OpenApiParameter("person", str, description="A user name."),
    OpenApiParameter("kind", str),
    OpenApiParameter("au", int),
    OpenApiParameter("cluster", int, description="Not in a blind assignment."),
    OpenApiParameter("run", int, description="Not in a blind assignment."),
    OpenApiParameter("face", str, description="A position, or a picture's name."),
    OpenApiParameter("subject", str),
    OpenApiParameter("seen", str, description="1: also decisions in which the face was only in view."),
    OpenApiParameter("since", str, description="A day, as 2026-03-31."),
    OpenApiParameter("until", str, description="A day, itself included."),
    OpenApiParameter("zone", str, description="The time zone of the days, such as Europe/Berlin; UTC unless told."),
]


class HistoryChangeSerializer(serializers.Serializer[dict[str, Any]]):
    au = serializers.IntegerField()
    old = serializers.CharField(help_text="present, absent or unscorable; empty for not scored.")
    new = serializers.CharField()
    faces = serializers.IntegerField()


class HistoryDecisionSerializer(serializers.Serializer[dict[str, Any]]):
    id = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    person = serializers.CharField()
    kind = serializers.CharField()
    mode = serializers.CharField()
    scope = serializers.CharField()
    unsure = serializers.BooleanField()
    hidden = serializers.IntegerField(allow_null=True)
    note = serializers.CharField()
    run = serializers.IntegerField(allow_null=True)
    cluster = serializers.IntegerField(allow_null=True)
    undoes = serializers.IntegerField(allow_null=True)
    undone_by = serializers.IntegerField(allow_null=True)
    faces = serializers.IntegerField()
    in_view = serializers.IntegerField(help_text="How many faces were in view.")
    changes = HistoryChangeSerializer(many=True)


class HistoryPageSerializer(serializers.Serializer[dict[str, Any]]):
    results = HistoryDecisionSerializer(many=True)
    next = serializers.IntegerField(
        allow_null=True, help_text="Give it as `before` to go on; a page may hold few or none and still go on."
    )


@extend_schema(
    operation_id="history",
    tags=["decisions"],
    parameters=PARAMETERS,
    responses={200: HistoryPageSerializer, **REFUSALS},
)
@api_view(["GET"])
def history(request: Request, dataset_id: int) -> Response:
    """Decisions, newest first: everybody's for admins, adjudicators and analysts, else your own."""
    member = member_for(request.user, dataset_id, READ)
    limit = number_asked(request, "limit", LIMIT)
    if limit is None or not 1 <= limit <= MOST:
        raise InputRefused(f"limit must lie between 1 and {MOST}.")
    asked = history_filter(member, request.query_params.dict())
    page = history_page(member, asked, before=number_asked(request, "before"), limit=limit)
    return Response({"results": [_told(line) for line in page.lines], "next": page.older})


def _told(line: HistoryLine) -> dict[str, Any]:
    one = line.decision
    return {
        "id": one.pk,
        "created_at": one.created_at,
        "person": one.user.get_username(),
        "kind": one.kind,
        "mode": one.mode,
        "scope": one.scope,
        "unsure": one.unsure,
        "hidden": one.hidden,
        "note": one.note,
        "run": one.run_id if line.shows_cluster else None,
        "cluster": one.cluster_id if line.shows_cluster else None,
        "undoes": one.undoes_id,
        "undone_by": line.undone_by.pk if line.undone_by else None,
        "faces": line.faces,
        "in_view": line.seen,
        "changes": [
            {"au": change.au, "old": WORDS[change.old], "new": WORDS[change.new], "faces": change.count}
            for change in line.changes
        ],
    }
