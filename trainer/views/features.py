"""The button that asks for a feature set."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from annotator.selectors.access import MANAGE, member_for
from annotator.services.jobs import job_send
from trainer.services.features import features_create


@login_required
@require_POST
def features_create_view(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    job, _ = features_create(dataset=member.dataset, user=member.user)
    job_send(job)
    return redirect("run_list", dataset_id)
