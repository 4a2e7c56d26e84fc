"""One face: large, with every layer's codes, its neighbours, its history, and the coder's own codes."""

import uuid
from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from annotator.choices import Mode, Scope
from annotator.errors import CorrugatorError
from annotator.models import Face, Member
from annotator.selectors import faces, review
from annotator.selectors.access import REVIEW, member_for
from annotator.services.review import face_act
from annotator.views.review import decision_words, is_htmx, refusal, request_read, saved

CHOICES = (
    {"action": "present", "letter": "p", "css": "present", "label": _("present")},
    {"action": "absent", "letter": "a", "css": "absent", "label": _("absent")},
    {"action": "unscorable", "letter": "u", "css": "unscorable", "label": _("unscorable")},
)
"""The codes that a face page offers for each AU."""


@login_required
@require_GET
def face_detail(request: HttpRequest, dataset_id: int, position: int) -> HttpResponse:
    member = member_for(request.user, dataset_id)
    face = faces.face_get(member.dataset, position)
    return render(request, "annotator/face_detail.html", _context(member, face))


@login_required
@require_POST
def face_decide(request: HttpRequest, dataset_id: int, position: int) -> HttpResponse:
    """One button of the face page: `action` is its name, with the AU after a colon where it has one."""
    member = member_for(request.user, dataset_id, REVIEW)
    face = faces.face_get(member.dataset, position)
    asked = request_read(_unfolded(request))
    here = reverse("face_detail", args=[dataset_id, position])
    try:
        decision = face_act(
            dataset=member.dataset,
            user=member.user,
            position=position,
            mode=Mode.BLIND if request.POST.get("mode") == Mode.BLIND else Mode.ASSISTED,
            in_view=[position],
            request=asked,
        )
    except CorrugatorError as error:
        return refusal(request, member, error, partial(_panel, request, member, face), here)
    if not is_htmx(request):
        messages.success(request, decision_words(decision))
        return redirect(here)
    return saved(_panel(request, member, face, words=decision_words(decision)), decision)


def _unfolded(request: HttpRequest) -> QueryDict:
    """The form with `action=present:12` taken apart, and only the tokens of what it is about."""
    post = request.POST.copy()
    action, _colon, au = post.get("action", "").partition(":")
    post["action"] = action
    if au:
        post["au"] = au
        post.setlist("seen", post.getlist(f"seen-{au}"))
    else:
        post.setlist("seen", post.getlist("seen-noise"))
    return post


def _context(member: Member, face: Face) -> dict[str, object]:
    dataset, user = member.dataset, member.user
    reviews = member.role in REVIEW
    return {
        "dataset": dataset,
        "member": member,
        "face": face,
        "page": faces.face_page(face, user, member),
        "may_review": reviews,
        "choices": CHOICES,
        "client_id": uuid.uuid4(),
        **review.standing_of(dataset, user, Q(scope=Scope.FACE, faces__face=face)),
    }


def _panel(
    request: HttpRequest,
    member: Member,
    face: Face,
    error: CorrugatorError | None = None,
    *,
    words: str = "",
) -> HttpResponse:
    """The face's codes, decision form and history as they are now."""
    context = {**_context(member, face), "words": words, "error": error}
    return render(request, "annotator/_face_state.html", context)
