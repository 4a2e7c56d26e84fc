"""The noise gallery: faces a run couldn't place, to set apart or to keep."""

import uuid
from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from annotator.choices import Mode
from annotator.errors import CorrugatorError
from annotator.models import Decision, Member
from annotator.selectors import noise, review
from annotator.selectors.access import REVIEW, member_for
from annotator.selectors.codes import blind_refuse
from annotator.selectors.tiles import tiles_alike
from annotator.services.review import noise_act
from annotator.views.review import decision_words, is_htmx, page_read, refusal, request_read, saved

HERE = Q(cluster=None, aus=0)
"""The decisions that the gallery makes: about noise alone, in no cluster."""


@login_required
@require_GET
def noise_gallery(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, REVIEW)
    reason = request.GET.get("reason", "")
    gallery = noise.noise_gallery(member.dataset, member.user, reason=reason, number=page_read(request.GET))
    context = {
        "dataset": member.dataset,
        "member": member,
        "gallery": gallery,
        "client_id": uuid.uuid4(),
        **review.standing_of(member.dataset, member.user, HERE),
    }
    return render(request, "annotator/noise_gallery.html", context)


@login_required
@require_POST
def noise_decide(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """One button of the gallery; answers like the cluster page's."""
    member = member_for(request.user, dataset_id, REVIEW)
    blind_refuse(member.user, member.dataset)
    asked = request_read(request.POST)
    parameters = {"reason": str(request.POST.get("reason", "")), "page": str(asked.page)}
    here = reverse("noise_gallery", args=[dataset_id]) + "?" + urlencode(parameters)
    try:
        decision = noise_act(
            dataset=member.dataset,
            user=member.user,
            mode=Mode.ASSISTED,
            in_view=sorted(asked.seen),
            request=asked,
            within=HERE,
        )
    except CorrugatorError as error:
        return refusal(request, member, error, partial(_state, request, member, list(asked.chosen)), here)
    if not is_htmx(request):
        messages.success(request, decision_words(decision))
        return redirect(here)
    changed = review.faces_of_decision(decision)
    return saved(_state(request, member, changed, decision=decision), decision)


def _state(
    request: HttpRequest,
    member: Member,
    changed: list[int],
    error: CorrugatorError | None = None,
    decision: Decision | None = None,
) -> HttpResponse:
    """The fragments that bring the gallery up to date."""
    run = noise.noise_run(member.dataset)
    tiles = noise.noise_tiles(member.dataset, member.user, changed[: noise.PER_PAGE], run) if run else []
    context = {
        "dataset": member.dataset,
        "groups": tiles_alike(tiles),
        "words": decision_words(decision) if decision else "",
        "error": error,
        **review.standing_of(member.dataset, member.user, HERE),
    }
    return render(request, "annotator/_noise_state.html", context)
