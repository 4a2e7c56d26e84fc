"""Decisions: recording one, and undoing one's own."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from annotator.api.datasets import REFUSALS, user_of
from annotator.api.shapes import (
    DecisionOrderSerializer,
    DecisionSerializer,
    PairsSerializer,
    StaleSerializer,
    UndoOrderSerializer,
)
from annotator.choices import DecisionKind, Mode, Scope
from annotator.errors import InputRefused, NotFound
from annotator.models import Assignment, Cluster, DataSet, Decision, Member
from annotator.selectors.access import REVIEW, member_for
from annotator.selectors.clusters import cluster_get
from annotator.selectors.codes import blind_refuse, is_blind
from annotator.selectors.listings import SIDE_WORDS
from annotator.selectors.review import undo_left
from annotator.services.decisions import DecisionStale, PairsAsked
from annotator.services.decisions import decision_make as decision_make_service
from annotator.services.decisions import decision_undo as decision_undo_service

LEVELS = {word: int(level) for level, word in SIDE_WORDS.items()}


@extend_schema(
    operation_id="decision_make",
    tags=["decisions"],
    request=DecisionOrderSerializer,
    responses={201: DecisionSerializer, 409: StaleSerializer, 422: PairsSerializer, **REFUSALS},
)
@api_view(["POST"])
def decision_make(request: Request, dataset_id: int) -> Response:
    """Record a decision into your own codes. 409 names what changed meanwhile, and writes nothing; 422 asks
    about an unusual pair of AUs: the same request with `sure` records it."""
    member = member_for(request.user, dataset_id, REVIEW)
    order = DecisionOrderSerializer(data=request.data)
    order.is_valid(raise_exception=True)
    try:
        decision = decision_make_service(**_arguments(member, order.validated_data))
    except DecisionStale as stale:
        both = {"detail": str(stale), "faces": stale.faces}
        return Response(StaleSerializer(both).data, status=stale.status)
    except PairsAsked as asked:
        return Response(PairsSerializer(_pairs_told(asked)).data, status=asked.status)
    return Response(DecisionSerializer(decision).data, status=201)


def _arguments(member: Member, asked: dict[str, Any]) -> dict[str, Any]:
    """The order as decision_make takes it. The mode is never the client's to choose."""
    assignment = _assignment(member, asked.pop("assignment", None))
    cluster = _cluster(member, asked.pop("cluster", None))
    if assignment is not None:
        mode = Mode(assignment.mode)
    else:
        mode = Mode.BLIND if is_blind(member.user, member.dataset) else Mode.ASSISTED
    one = len(set(asked["faces"])) == 1
    codes, code = asked.pop("codes", None), asked.pop("code", None)
    expected = asked.pop("expected", None)
    sides = _sides(asked.pop("sides", None))
    return {
        **asked,
        "dataset": member.dataset,
        "user": member.user,
        "kind": DecisionKind(asked["kind"]),
        "code": _by_position(codes) if codes is not None else code,
        "expected": _by_position(expected) if expected is not None else None,
        "sides": sides,
        "scope": Scope(asked.get("scope") or (Scope.FACE if one else Scope.SELECTION)),
        "mode": mode,
        "assignment": assignment,
        "cluster": cluster,
    }


def _pairs_told(asked: PairsAsked) -> dict[str, Any]:
    pairs = [{"aus": [pair.one, pair.other], "opposite": pair.opposite, "faces": pair.faces} for pair in asked.pairs]
    how = "Nothing was written: send the same request with “sure”: true if it is so."
    return {"detail": f"{asked.question} {how}", "pairs": pairs}


def _sides(told: dict[str, str] | None) -> tuple[int | None, int | None] | None:
    if told is None:
        return None
    if not told or set(told) - {"left", "right"}:
        raise InputRefused("The sides are left and right, the subject's own.")
    return (LEVELS[told["left"]] if "left" in told else None, LEVELS[told["right"]] if "right" in told else None)


def _by_position(values: dict[str, Any]) -> dict[int, Any]:
    if not all(key.isascii() and key.isdigit() for key in values):
        raise InputRefused("Positions are whole numbers.")
    return {int(key): value for key, value in values.items()}


def _assignment(member: Member, assignment_id: int | None) -> Assignment | None:
    if assignment_id is None:
        return None
    own = Assignment.objects.filter(dataset=member.dataset, coder=member.user)
    assignment = own.select_related("cluster__run__dataset").filter(pk=assignment_id).first()
    if assignment is None:
        raise NotFound("There is no such assignment of yours.")
    return assignment


def _cluster(member: Member, cluster_id: int | None) -> Cluster | None:
    if cluster_id is None:
        return None
    blind_refuse(member.user, member.dataset)
    return cluster_get(member.dataset, cluster_id)


@extend_schema(
    operation_id="decision_undo",
    tags=["decisions"],
    request=UndoOrderSerializer,
    responses={201: DecisionSerializer, 409: StaleSerializer, **REFUSALS},
)
@api_view(["POST"])
def decision_undo(request: Request, dataset_id: int) -> Response:
    """Undo your own decision; `left` names the faces that were changed since and so left alone."""
    member = member_for(request.user, dataset_id, REVIEW)
    order = UndoOrderSerializer(data=request.data)
    order.is_valid(raise_exception=True)
    undo = decision_undo_service(
        user=user_of(request),
        client_id=order.validated_data["client_id"],
        decision=_decision(member.dataset, order.validated_data.get("decision")),
        dataset=member.dataset,
    )
    undo.left = undo_left(undo)  # type: ignore[attr-defined]
    return Response(DecisionSerializer(undo).data, status=201)


def _decision(dataset: DataSet, decision_id: int | None) -> Decision | None:
    if decision_id is None:
        return None
    decision = Decision.objects.select_related("dataset").filter(dataset=dataset, pk=decision_id).first()
    if decision is None:
        raise NotFound("There is no such decision.")
    return decision
