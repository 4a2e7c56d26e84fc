"""One face: large, with every layer's codes, its clip, its neutral face, its history, the coder's own codes."""

import uuid
from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from annotator.choices import DecisionKind, Hidden, Mode, Side
from annotator.errors import CorrugatorError
from annotator.models import Decision, Face, Member
from annotator.numbers import whole_number
from annotator.selectors import clips, events, faces, film, neighbours, neutral, review
from annotator.selectors.access import EXPORT, REVIEW, member_for
from annotator.selectors.clusters import cluster_get
from annotator.selectors.codes import coded_aus
from annotator.selectors.face_history import standing_within
from annotator.selectors.scope_words import faces_address
from annotator.services.face_review import face_act
from annotator.services.neutral import neutral_choose
from annotator.views.face_forms import face_request_read
from annotator.views.face_lists import grid_asked
from annotator.views.review import (
    back_to,
    cluster_address,
    cluster_query,
    decision_words,
    is_htmx,
    pass_read,
    refusal,
    saved,
)

CHOICES = (
    {"action": "present", "letter": "p", "css": "present", "sign": "+", "label": gettext_lazy("present")},
    {"action": "absent", "letter": "a", "css": "absent", "sign": "−", "label": gettext_lazy("absent")},
    {"action": "unscorable", "letter": "u", "css": "unscorable", "sign": "?", "label": gettext_lazy("unscorable")},
)
"""The codes that a face page offers for each AU."""


@login_required
@require_GET
def face_detail(request: HttpRequest, dataset_id: int, position: int) -> HttpResponse:
    """The face's page. The query of the grid or cluster that it was opened from says which faces come before
    and next."""
    member = member_for(request.user, dataset_id)
    face = faces.face_get(member.dataset, position)
    around = faces.surroundings_of(face)
    context = {
        **_context(request, member, face),
        **(_in_cluster(request, member, position) or _in_grid(request, member, position)),
        "strip": around.strip,
        "others": around.others,
        "neutral": neutral.neutral_of(face, member.user),
    }
    return render(request, "annotator/face_detail.html", context)


def _in_grid(request: HttpRequest, member: Member, position: int) -> dict[str, object]:
    """The face among those of the grid that the query names."""
    view, more = grid_asked(request, member)
    return {
        "neighbours": neighbours.grid_neighbours(view, position),
        "back": faces_address(member.dataset_id, view.scope, **more),
        "query": urlencode({**view.scope.parameters, **more}),
    }


def _in_cluster(request: HttpRequest, member: Member, position: int) -> dict[str, object] | None:
    """The face among those of the cluster's page that it was opened from; None where it was none. A cluster
    named with an order, for a blind coder goes on in their cluster too."""
    number = whole_number(request.GET.get("cluster", ""))
    order = request.GET.get("order", "")
    if not number or not order:
        return None
    cluster = cluster_get(member.dataset, number)
    stay = pass_read(request.GET)
    found = neighbours.cluster_neighbours(cluster, member.user, position, order=order)
    return {
        "neighbours": found,
        "back": cluster_address(member.dataset_id, cluster.pk, stay, found.page),
        "cluster": cluster,
        "query": cluster_query(cluster, order, stay),
    }


@login_required
@require_GET
def face_panel(request: HttpRequest, dataset_id: int, position: int) -> HttpResponse:
    """What changes when the page steps to another frame: codes, facts, events, history."""
    member = member_for(request.user, dataset_id)
    return _panel(request, member, faces.face_get(member.dataset, position))


@login_required
@require_GET
def face_strip(request: HttpRequest, dataset_id: int, position: int) -> HttpResponse:
    """The window of the film strip around a frame."""
    member = member_for(request.user, dataset_id)
    face = faces.face_get(member.dataset, position)
    context = {"dataset": member.dataset, "face": face, "strip": clips.strip_of(face)}
    return render(request, "annotator/_face_strip.html", context)


@login_required
@require_GET
def clip_frame(request: HttpRequest, dataset_id: int, clip_id: int) -> HttpResponse:
    """Go to the frame `?frame=` of a clip."""
    member = member_for(request.user, dataset_id)
    text = request.GET.get("frame", "")
    frame = int(text) if text.isdecimal() and len(text) < 10 else 0
    face = clips.clip_frame(member.dataset, clip_id, frame)
    return redirect("face_detail", dataset_id, face.position)


@login_required
@require_GET
def clip_film(request: HttpRequest, dataset_id: int, clip_id: int) -> HttpResponse:
    """A clip over time: codes and scores of every visible layer, by AU."""
    member = member_for(request.user, dataset_id)
    context = {
        "dataset": member.dataset,
        "member": member,
        "film": film.film_of(member.user, member.dataset, clip_id),
    }
    return render(request, "annotator/clip_film.html", context)


@login_required
@require_POST
def face_neutral(request: HttpRequest, dataset_id: int, position: int) -> HttpResponse:
    """Make this face its subject's neutral one; with `chosen=0`, no longer."""
    member = member_for(request.user, dataset_id, REVIEW)
    face = faces.face_get(member.dataset, position)
    chosen = request.POST.get("chosen") != "0"
    neutral_choose(dataset=member.dataset, user=member.user, face=face, chosen=chosen)
    words = _("This face is the neutral one of its subject now.") if chosen else _("No neutral face is chosen now.")
    messages.success(request, words)
    shown = request.POST.get("shown", "")
    return redirect("face_detail", dataset_id, int(shown) if shown.isdecimal() and len(shown) < 19 else position)


@login_required
@require_POST
def face_decide(request: HttpRequest, dataset_id: int, position: int) -> HttpResponse:
    """One button of the face page (see face_forms)."""
    member = member_for(request.user, dataset_id, REVIEW)
    face = faces.face_get(member.dataset, position)
    here = back_to(request, reverse("face_detail", args=[dataset_id, position]))
    try:
        decision = face_act(
            dataset=member.dataset,
            user=member.user,
            face=face,
            mode=Mode.BLIND if request.POST.get("mode") == Mode.BLIND else Mode.ASSISTED,
            request=face_request_read(request, face),
        )
    except CorrugatorError as error:
        return refusal(request, member, error, partial(_panel, request, member, face), here)
    words = _words(decision, face)
    if not is_htmx(request):
        messages.success(request, words)
        return redirect(here)
    return saved(_panel(request, member, face, words=words), decision)


def _words(decision: Decision, face: Face) -> str:
    """What the decision did; of an undo on another frame of the clip also which."""
    if decision.undoes_id is None and decision.kind != DecisionKind.EVENT:
        about = ", ".join(str(coded) for coded in coded_aus(decision.dataset, decision.aus))
        return f"{about}: {decision.get_kind_display()}" if about else str(decision.get_kind_display())
    words = decision_words(decision)
    if decision.undoes_id is None or not decision.in_view or decision.in_view[0] == face.position:
        return words
    other = Face.objects.filter(dataset_id=face.dataset_id, position=decision.in_view[0]).first()
    if other is None or other.frame is None:
        return words
    return _("Frame %(frame)d: %(words)s") % {"frame": other.frame, "words": words}


def _context(request: HttpRequest, member: Member, face: Face) -> dict[str, object]:
    dataset, user = member.dataset, member.user
    number = request.GET.get("history", "1")
    history = int(number) if number.isdecimal() and len(number) < 8 else 1
    page = faces.face_panel(face, user, member, history=history)
    ends = clips.ends_of(face)
    return {
        "dataset": dataset,
        "member": member,
        "face": face,
        "page": page,
        "may_review": member.role in REVIEW,
        "may_see_detectors": member.role in EXPORT and not page.blind,
        "choices": CHOICES,
        "levels": faces.LEVELS,
        "sides": Side.choices,
        "reasons": Hidden.choices,
        "ends": ends,
        "timeline": events.timeline_of(page.lanes, ends.first, ends.last) if ends else [],
        "playhead": events.playhead(face.frame or 0, ends.first, ends.last) if ends else 0,
        "client_id": uuid.uuid4(),
        **review.standing_of(dataset, user, standing_within(face)),
    }


def _panel(
    request: HttpRequest,
    member: Member,
    face: Face,
    error: CorrugatorError | None = None,
    *,
    words: str = "",
) -> HttpResponse:
    """The face's codes, decision form, events and history as they are now."""
    context = {**_context(request, member, face), "words": words, "error": error}
    return render(request, "annotator/_face_state.html", context)
