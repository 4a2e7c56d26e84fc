"""Detectors: reading them, training one, promoting one, predicting with one."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from annotator.api.datasets import REFUSALS, user_of
from annotator.api.shapes import JobSerializer
from annotator.selectors.access import EXPORT, MANAGE, member_for
from annotator.selectors.codes import blind_refuse
from annotator.services.jobs import job_send
from trainer.api.shapes import (
    DetectorDetailSerializer,
    DetectorSerializer,
    PromotionSerializer,
    TrainingOrderSerializer,
)
from trainer.selectors.detector_listing import detector_described, detector_detailed, detectors_listed
from trainer.selectors.detectors import detector_for
from trainer.services import training


@extend_schema(
    methods=["GET"],
    operation_id="detector_list",
    tags=["detectors"],
    responses={200: DetectorSerializer(many=True), **REFUSALS},
)
@extend_schema(
    methods=["POST"],
    operation_id="detector_train",
    tags=["detectors"],
    request=TrainingOrderSerializer,
    responses={200: JobSerializer, 201: JobSerializer, **REFUSALS},
)
@api_view(["GET", "POST"])
def detectors(request: Request, dataset_id: int) -> Response:
    """The newest hundred detectors; or train one: a job does, and its result names the detector. The very
    same order, while it waits or runs, is answered with that job and 200."""
    if request.method == "GET":
        member = member_for(request.user, dataset_id, EXPORT)
        rows = detectors_listed(user_of(request), member.dataset)
        return Response(DetectorSerializer(rows, many=True).data)  # type: ignore[arg-type]
    member = member_for(request.user, dataset_id, MANAGE)
    blind_refuse(user_of(request), member.dataset)
    order = TrainingOrderSerializer(data=request.data)
    order.is_valid(raise_exception=True)
    job, new = training.training_create(dataset=member.dataset, user=user_of(request), **order.validated_data)
    job_send(job)
    return Response(JobSerializer(job).data, status=201 if new else 200)


@extend_schema(
    operation_id="detector_detail", tags=["detectors"], responses={200: DetectorDetailSerializer, **REFUSALS}
)
@api_view(["GET"])
def detector_detail(request: Request, dataset_id: int, detector_id: int) -> Response:
    """One detector with its report, its settings, and the addresses of its weights and model card."""
    member = member_for(request.user, dataset_id, EXPORT)
    told: dict[str, Any] = detector_detailed(user_of(request), member.dataset, detector_id)
    for name, route in (("weights", "detector_weights"), ("card", "detector_card")):
        told[name] = request.build_absolute_uri(reverse(route, args=[dataset_id, detector_id]))
    return Response(DetectorDetailSerializer(told).data)


@extend_schema(
    operation_id="detector_promote",
    tags=["detectors"],
    request=None,
    responses={200: PromotionSerializer, **REFUSALS},
)
@api_view(["POST"])
def detector_promote(request: Request, dataset_id: int, detector_id: int) -> Response:
    """Make it the detector that the next round begins with."""
    member = member_for(request.user, dataset_id, MANAGE)
    detector = detector_for(user_of(request), member.dataset, detector_id)
    job = training.detector_promote(detector=detector, user=user_of(request))
    return Response(PromotionSerializer({"detector": detector_described(detector), "job": job}).data)


@extend_schema(
    operation_id="detector_predict",
    tags=["detectors"],
    request=None,
    responses={200: JobSerializer, 201: JobSerializer, **REFUSALS},
)
@api_view(["POST"])
def detector_predict(request: Request, dataset_id: int, detector_id: int) -> Response:
    """Let it look at every face: a job makes its label layer and its feature set, which its result names."""
    member = member_for(request.user, dataset_id, MANAGE)
    detector = detector_for(user_of(request), member.dataset, detector_id)
    job, new = training.prediction_create(detector=detector, user=user_of(request))
    job_send(job)
    return Response(JobSerializer(job).data, status=201 if new else 200)
