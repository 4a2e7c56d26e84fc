"""Data sets, their faces, layers and labels, runs and clusters: what may be read."""

from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from annotator.api.paging import PAGE_PARAMETERS, number_asked, page_asked, page_of
from annotator.api.shapes import (
    ClusterPageSerializer,
    DataSetDetailSerializer,
    DataSetSerializer,
    FacePageSerializer,
    LabelPageSerializer,
    LayerSerializer,
    ProblemSerializer,
    RunSerializer,
)
from annotator.errors import InputRefused
from annotator.selectors.access import EXPORT, dataset_for, datasets_of, member_for
from annotator.selectors.codes import layers_visible_to
from annotator.selectors.listings import (
    clusters_page,
    dataset_described,
    dataset_detailed,
    faces_page,
    labels_page,
    runs_shown,
)

REFUSALS = {400: ProblemSerializer, 403: ProblemSerializer, 404: ProblemSerializer}


def user_of(request: Request) -> User:
    """The person who asks; every address of the API needs a login."""
    assert isinstance(request.user, User)
    return request.user


@extend_schema(operation_id="dataset_list", tags=["data sets"], responses=DataSetSerializer(many=True))
@api_view(["GET"])
def dataset_list(request: Request) -> Response:
    """The data sets that you are a member of."""
    members = user_of(request).memberships.select_related("dataset").order_by("dataset__name")
    members = members.filter(dataset__in=datasets_of(request.user)).prefetch_related("dataset__coded_aus")
    rows = [dataset_described(member) for member in members]
    return Response(DataSetSerializer(rows, many=True).data)  # type: ignore[arg-type]


@extend_schema(
    operation_id="dataset_detail", tags=["data sets"], responses={200: DataSetDetailSerializer, **REFUSALS}
)
@api_view(["GET"])
def dataset_detail(request: Request, dataset_id: int) -> Response:
    """One data set with the protocol that holds."""
    member = member_for(request.user, dataset_id)
    return Response(DataSetDetailSerializer(dataset_detailed(member)).data)


@extend_schema(
    operation_id="face_list",
    tags=["faces and labels"],
    parameters=[
        *PAGE_PARAMETERS,
        OpenApiParameter("subject", OpenApiTypes.STR, description="A subject's pseudonym."),
        OpenApiParameter("split", OpenApiTypes.STR, description="Not for coders."),
        OpenApiParameter("role", OpenApiTypes.STR, enum=["train", "test", "none"], description="Not for coders."),
    ],
    responses={200: FacePageSerializer, **REFUSALS},
)
@api_view(["GET"])
def face_list(request: Request, dataset_id: int) -> Response:
    """Faces in the order of their positions; `after` is a position."""
    member = member_for(request.user, dataset_id)
    after, limit = page_asked(request)
    asked = {name: request.query_params.get(name, "") for name in ("subject", "split", "role")}
    rows = faces_page(member, after=after, limit=limit, **asked)
    return Response(FacePageSerializer(page_of(rows, "position", limit)).data)


@extend_schema(
    operation_id="layer_list",
    tags=["faces and labels"],
    responses={200: LayerSerializer(many=True), **REFUSALS},
)
@api_view(["GET"])
def layer_list(request: Request, dataset_id: int) -> Response:
    """The label layers that you may see now, most trusted first."""
    dataset = dataset_for(request.user, dataset_id)
    return Response(LayerSerializer(layers_visible_to(user_of(request), dataset), many=True).data)


@extend_schema(
    operation_id="label_list",
    tags=["faces and labels"],
    parameters=[
        OpenApiParameter("layer", OpenApiTypes.INT, required=True, description="One of the visible layers."),
        *PAGE_PARAMETERS,
    ],
    responses={200: LabelPageSerializer, **REFUSALS},
)
@api_view(["GET"])
def label_list(request: Request, dataset_id: int) -> Response:
    """The codes of one layer, face by face; `after` is a position."""
    dataset = dataset_for(request.user, dataset_id)
    layer = number_asked(request, "layer")
    if layer is None:
        raise InputRefused("Say which layer: ?layer=<id>, one of those that the layers list names.")
    after, limit = page_asked(request)
    rows = labels_page(user_of(request), dataset, layer, after=after, limit=limit)
    return Response(LabelPageSerializer(page_of(rows, "position", limit)).data)


@extend_schema(operation_id="run_list", tags=["clustering"], responses={200: RunSerializer(many=True), **REFUSALS})
@api_view(["GET"])
def run_list(request: Request, dataset_id: int) -> Response:
    """The newest hundred finished clustering runs."""
    dataset = dataset_for(request.user, dataset_id, EXPORT)
    return Response(RunSerializer(runs_shown(user_of(request), dataset)[:100], many=True).data)


@extend_schema(
    operation_id="cluster_list",
    tags=["clustering"],
    parameters=[OpenApiParameter("run", OpenApiTypes.INT, description="Only this run's."), *PAGE_PARAMETERS],
    responses={200: ClusterPageSerializer, **REFUSALS},
)
@api_view(["GET"])
def cluster_list(request: Request, dataset_id: int) -> Response:
    """Clusters in the order of their ids; `after` is an id."""
    dataset = dataset_for(request.user, dataset_id)
    after, limit = page_asked(request)
    rows = clusters_page(user_of(request), dataset, after=after, limit=limit, run=number_asked(request, "run"))
    return Response(ClusterPageSerializer(page_of(rows, "id", limit)).data)
