"""What a detector sees, asked for and shown: the section of its page is made in detectors.py."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from annotator.errors import NotFound
from annotator.models import Detector
from annotator.selectors.access import EXPORT, MANAGE, member_for
from annotator.services.jobs import job_send
from annotator.views.media import picture_headers
from trainer.selectors.detectors import detector_for
from trainer.selectors.sights import attribution_png, face_asked, face_seen, sight_png, sight_shown
from trainer.services.seeing import attribution_create, sight_create

# A picture is made anew under the same address, so it is asked for each time.
CACHE = "private, no-cache"


def sight_context(request: HttpRequest, detector: Detector, au: int) -> dict[str, Any]:
    """What the section “What the network sees” needs of the page's own address."""
    context: dict[str, Any] = {"sees": sight_shown(detector, au), "face_number": request.GET.get("face", "")}
    try:
        face = face_asked(detector, context["face_number"])
    except NotFound as error:
        context["face_problem"] = str(error)
    else:
        context["seen"] = face_seen(detector, face, au) if face else None
    return context


@login_required
@require_POST
def detector_see(request: HttpRequest, dataset_id: int, detector_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, MANAGE)
    detector = detector_for(member.user, member.dataset, detector_id)
    job, _new = sight_create(detector=detector, user=member.user)
    job_send(job)
    return redirect(reverse("detector_detail", args=[dataset_id, detector.pk]) + "#sees")


@login_required
@require_POST
def detector_attribute(request: HttpRequest, dataset_id: int, detector_id: int) -> HttpResponse:
    """Ask which parts of the face `face`, a number, speak for each AU."""
    member = member_for(request.user, dataset_id, EXPORT)
    detector = detector_for(member.user, member.dataset, detector_id)
    face = face_asked(detector, request.POST.get("face", ""))
    if face is None:
        raise NotFound(_("Say which face: its number."))
    job, _new = attribution_create(detector=detector, face=face, user=member.user)
    job_send(job)
    asked = {"face": face.position} | ({"au": au} if (au := request.POST.get("au", "")).isdecimal() else {})
    address = reverse("detector_detail", args=[dataset_id, detector.pk])
    return redirect(f"{address}?{urlencode(asked)}#sees-face")


@login_required
@require_GET
def detector_sight_picture(request: HttpRequest, dataset_id: int, detector_id: int, au: int) -> HttpResponse:
    """The picture that the AU's output wants."""
    member = member_for(request.user, dataset_id, EXPORT)
    return _picture(sight_png(detector_for(member.user, member.dataset, detector_id), au))


@login_required
@require_GET
def face_attribution_picture(
    request: HttpRequest, dataset_id: int, detector_id: int, position: int, au: int
) -> HttpResponse:
    """How strongly each place of the face speaks for the AU; with `against=1`, against it."""
    member = member_for(request.user, dataset_id, EXPORT)
    detector = detector_for(member.user, member.dataset, detector_id)
    return _picture(attribution_png(detector, position, au, against=request.GET.get("against") == "1"))


def _picture(png: bytes) -> HttpResponse:
    response = HttpResponse(png, content_type="image/png")
    picture_headers(response, CACHE)
    return response
