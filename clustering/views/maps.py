"""Asking for a map of the faces in the browser; the map itself is annotator's page."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from annotator.selectors.access import MANAGE, member_for
from annotator.services.jobs import job_send
from clustering.services.projections import projection_create


@login_required
@require_POST
def map_create(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    made, job = projection_create(dataset=member.dataset, user=member.user, method=request.POST.get("method", ""))
    if made is not None:
        messages.info(request, _("This map is there already: it is made once for each feature set and method."))
        return redirect(reverse("map", args=[dataset_id]) + f"?projection={made.pk}")
    if job is not None:
        job_send(job)
    return redirect("map", dataset_id)
