"""Jobs: how far they are, and their cancellation."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from annotator.api.datasets import REFUSALS, user_of
from annotator.api.shapes import JobSerializer, ProblemSerializer
from annotator.errors import NotAllowed
from annotator.selectors.access import dataset_for, member_for
from annotator.selectors.jobs import job_of, job_steerable
from annotator.selectors.listings import job_shown, jobs_shown
from annotator.services.jobs import job_cancel as job_cancel_service


@extend_schema(operation_id="job_list", tags=["jobs"], responses={200: JobSerializer(many=True), **REFUSALS})
@api_view(["GET"])
def job_list(request: Request, dataset_id: int) -> Response:
    """The newest hundred jobs."""
    dataset = dataset_for(request.user, dataset_id)
    return Response(JobSerializer(jobs_shown(user_of(request), dataset), many=True).data)


@extend_schema(operation_id="job_detail", tags=["jobs"], responses={200: JobSerializer, **REFUSALS})
@api_view(["GET"])
def job_detail(request: Request, dataset_id: int, job_id: int) -> Response:
    """One job: its state, how far it is, and what it gave."""
    dataset = dataset_for(request.user, dataset_id)
    return Response(JobSerializer(job_shown(user_of(request), dataset, job_id)).data)


@extend_schema(
    operation_id="job_cancel",
    tags=["jobs"],
    request=None,
    responses={200: JobSerializer, 409: ProblemSerializer, **REFUSALS},
)
@api_view(["POST"])
def job_cancel(request: Request, dataset_id: int, job_id: int) -> Response:
    """Cancel a waiting job, or ask a running one to stop: your own, or any as an admin."""
    member = member_for(request.user, dataset_id)
    job = job_of(member.dataset, job_id)
    if not job_steerable(job, member):
        raise NotAllowed("Only an admin, or the person who started this job, can cancel it.")
    job_cancel_service(job=job)
    return Response(JobSerializer(job_shown(user_of(request), member.dataset, job_id)).data)
