"""Exports: ordering one, and where its files are."""

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from annotator.api.datasets import REFUSALS, user_of
from annotator.api.shapes import ExportOrderSerializer, ExportSerializer
from annotator.models import Export
from annotator.selectors.access import EXPORT, dataset_for
from annotator.selectors.exports import export_for, exports_of
from annotator.services.exporting import export_create
from annotator.services.jobs import job_send


def _linked(request: Request, export: Export) -> Export:
    """The export with the addresses of its files, where it has any."""
    for name, stored in (("csv", export.file_name), ("dictionary", export.dictionary_name)):
        route = "export_download" if name == "csv" else "export_dictionary"
        url = reverse(route, args=[export.dataset_id, export.pk])
        setattr(export, name, request.build_absolute_uri(url) if stored else None)
    return export


@extend_schema(
    methods=["GET"],
    operation_id="export_list",
    tags=["exports"],
    responses={200: ExportSerializer(many=True), **REFUSALS},
)
@extend_schema(
    methods=["POST"],
    operation_id="export_create",
    tags=["exports"],
    request=ExportOrderSerializer,
    responses={201: ExportSerializer, **REFUSALS},
)
@api_view(["GET", "POST"])
def exports(request: Request, dataset_id: int) -> Response:
    """The newest hundred exports; or order one, which a job then makes."""
    dataset = dataset_for(request.user, dataset_id, EXPORT)
    if request.method == "GET":
        found = [_linked(request, export) for export in exports_of(dataset)[:100]]
        return Response(ExportSerializer(found, many=True).data)
    order = ExportOrderSerializer(data=request.data)
    order.is_valid(raise_exception=True)
    export, job = export_create(dataset=dataset, user=user_of(request), **order.validated_data)
    job_send(job)
    return Response(ExportSerializer(_linked(request, export)).data, status=201)


@extend_schema(operation_id="export_detail", tags=["exports"], responses={200: ExportSerializer, **REFUSALS})
@api_view(["GET"])
def export_detail(request: Request, dataset_id: int, export_id: int) -> Response:
    """One export: its state, and once it is done its checksum and the addresses of its files."""
    dataset = dataset_for(request.user, dataset_id, EXPORT)
    return Response(ExportSerializer(_linked(request, export_for(dataset, export_id))).data)
