"""What a detector sees, in general and in one face: reading it, and having it made."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from annotator.api.datasets import REFUSALS, user_of
from annotator.api.shapes import JobSerializer
from annotator.selectors.access import EXPORT, MANAGE, member_for
from annotator.selectors.faces import face_get
from annotator.services.jobs import job_send
from trainer.api.shapes import AttributionSerializer, SightSerializer
from trainer.selectors.detectors import detector_for
from trainer.selectors.sights import attribution_described, sight_described
from trainer.services.seeing import attribution_create, sight_create


@extend_schema(
    methods=["GET"],
    operation_id="detector_sight",
    tags=["detectors"],
    responses={200: SightSerializer, **REFUSALS},
)
@extend_schema(
    methods=["POST"],
    operation_id="detector_see",
    tags=["detectors"],
    request=None,
    responses={200: JobSerializer, 201: JobSerializer, **REFUSALS},
)
@api_view(["GET", "POST"])
def detector_sight(request: Request, dataset_id: int, detector_id: int) -> Response:
    """What the detector sees; or have a job make it, anew where it is there."""
    allowed = EXPORT if request.method == "GET" else MANAGE
    member = member_for(request.user, dataset_id, allowed)
    detector = detector_for(user_of(request), member.dataset, detector_id)
    if request.method == "GET":
        told: dict[str, Any] = sight_described(detector)
        for one in told["wanted"]:
            address = reverse("detector_sight_picture", args=[dataset_id, detector_id, one["au"]])
            one["picture"] = request.build_absolute_uri(address)
        return Response(SightSerializer(told).data)
    job, new = sight_create(detector=detector, user=user_of(request))
    job_send(job)
    return Response(JobSerializer(job).data, status=201 if new else 200)


@extend_schema(
    methods=["GET"],
    operation_id="face_attribution",
    tags=["detectors"],
    responses={200: AttributionSerializer, **REFUSALS},
)
@extend_schema(
    methods=["POST"],
    operation_id="face_attribute",
    tags=["detectors"],
    request=None,
    responses={200: JobSerializer, 201: JobSerializer, **REFUSALS},
)
@api_view(["GET", "POST"])
def face_attribution(request: Request, dataset_id: int, detector_id: int, position: int) -> Response:
    """Which parts of the face at a position speak for each AU; or have a job find it."""
    member = member_for(request.user, dataset_id, EXPORT)
    detector = detector_for(user_of(request), member.dataset, detector_id)
    if request.method == "GET":
        told: dict[str, Any] = attribution_described(detector, position)
        for one in told["aus"]:
            address = reverse("face_attribution_picture", args=[dataset_id, detector_id, position, one["au"]])
            one["speaks_for"] = request.build_absolute_uri(address)
            one["speaks_against"] = request.build_absolute_uri(f"{address}?against=1")
        return Response(AttributionSerializer(told).data)
    face = face_get(detector.dataset, position)
    job, new = attribution_create(detector=detector, face=face, user=user_of(request))
    job_send(job)
    return Response(JobSerializer(job).data, status=201 if new else 200)
