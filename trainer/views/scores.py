"""A detector's scores in the browser: how they are distributed in a scope, and the faces of one bar."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from annotator.choices import FaceRole, Role
from annotator.errors import InputRefused
from annotator.models import Detector, Member
from annotator.numbers import whole_number
from annotator.selectors.access import EXPORT, REVIEW, member_for
from annotator.selectors.codes import layers_visible_to
from annotator.selectors.scope_words import scope_chips
from annotator.selectors.scopes import Scope, faces_count, scope_positions, scope_read, splits_of
from annotator.services.selections import selection_scope
from trainer.selectors.detectors import detector_for
from trainer.selectors.score_codes import code_choice, code_choices
from trainer.selectors.score_pages import CODES, ScoreView, bar_page, distribution, scored_au
from trainer.selectors.scores import ORDERS, scored_aus, scores_of


@login_required
@require_http_methods(["GET", "POST"])
def score_distribution(request: HttpRequest, dataset_id: int, detector_id: int) -> HttpResponse:
    """The distribution in the scope of the address. A POST brings chosen faces and leads to theirs; where
    none is chosen, to the scope of the address it was sent to, or to the faces that were shown."""
    member = member_for(request.user, dataset_id, EXPORT)
    detector = detector_for(member.user, member.dataset, detector_id)
    if request.method == "POST":
        return redirect(_address(detector, _selection_kept(request, member)))
    scope, view = _view(request, member, detector)
    context = _frame(request, member, detector, scope, view)
    if view is not None:
        root = request.GET.get("heights") != "faces"
        context["shown"] = distribution(view, wait="wait" in request.GET, root=root)
        faces = reverse("score_faces", args=[dataset_id, detector_id])
        scoped = f"{context['query_of_scope']}&" if context["query_of_scope"] else ""
        context |= {"root": root, "splits": splits_of(member.dataset), "faces_address": f"{faces}?{scoped}"}
    return render(request, "trainer/score_distribution.html", context)


@login_required
@require_GET
def score_faces(request: HttpRequest, dataset_id: int, detector_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, EXPORT)
    detector = detector_for(member.user, member.dataset, detector_id)
    scope, view = _view(request, member, detector)
    context = _frame(request, member, detector, scope, view)
    if view is not None:
        low, high = share_read(request.GET, "low", 0.0), share_read(request.GET, "high", 1.0)
        if low >= high:
            raise InputRefused(_("The lower score must be below the higher one."))
        au = scored_au(view, number_read(request.GET, "au", view.aus[0].au))
        order = request.GET.get("order", "")
        order = order if order in ORDERS else ORDERS[0]
        code = request.GET.get("code", "")
        code = code if code in CODES and view.choice.key != "none" else ""
        start = number_read(request.GET, "start", 0)
        page = bar_page(view, au, low, high, order=order, code=code, start=start)
        context |= {"page": page, "low": score_told(low), "high": score_told(high), "order": order, "code": code}
        context["beside"] = _bars_beside(low, high)
    return render(request, "trainer/score_faces.html", context)


def _view(request: HttpRequest, member: Member, detector: Detector) -> tuple[Scope, ScoreView | None]:
    """The scope of the address, and what is looked at; None where there are no scores yet."""
    layers = layers_visible_to(member.user, member.dataset)
    scope = scope_read(member, request.GET.dict(), layers)
    scores, aus = scores_of(detector, layers), scored_aus(detector)
    if scores is None or not aus:
        return scope, None
    positions = scope_positions(member.dataset, scope)
    faces = faces_count(member.dataset, positions)
    choices = code_choices(detector, layers)
    choice = code_choice(choices, request.GET.get("codes", ""), faces)
    return scope, ScoreView(detector, layers, scope, positions, faces, scores, aus, choices, choice)


def _frame(
    request: HttpRequest, member: Member, detector: Detector, scope: Scope, view: ScoreView | None
) -> dict[str, Any]:
    """What both pages show around their figures."""
    parameters = dict(scope.parameters)
    if view is not None and request.GET.get("codes") == view.choice.key:
        parameters["codes"] = view.choice.key
    return {
        "dataset": member.dataset,
        "member": member,
        "detector": detector,
        "may_manage": member.role == Role.ADMIN,
        "may_review": Role(member.role) in REVIEW,
        "view": view,
        "scope": scope,
        "parameters": parameters,
        "query_of_scope": urlencode(parameters),
        "chips": scope_chips(scope, _address(detector), parameters),
        "roles": FaceRole.choices,
    }


def _address(detector: Detector, parameters: Mapping[str, str] | None = None) -> str:
    here = reverse("score_distribution", args=[detector.dataset_id, detector.pk])
    return f"{here}?{urlencode(parameters)}" if parameters else here


def _selection_kept(request: HttpRequest, member: Member) -> dict[str, str]:
    """The parameters of the faces chosen in a form."""
    chosen = faces_read(request.POST, "face")
    if not chosen and request.GET:
        return {name: str(value) for name, value in request.GET.dict().items()}
    positions = np.unique(np.array(chosen or faces_read(request.POST, "seen"), np.int64))
    return selection_scope(dataset=member.dataset, user=member.user, positions=positions).parameters


def faces_read(post: QueryDict, name: str) -> list[int]:
    """The positions of a form's faces: those chosen (face), or all shown (seen, each with its state)."""
    words = [word.partition(":")[0] for value in post.getlist(name) for word in value.split()]
    positions = [position for word in words if (position := whole_number(word)) is not None]
    if len(positions) < len(words):
        raise InputRefused(_("The form can't be read. Load the page again."))
    return positions


def share_read(values: QueryDict, name: str, default: float) -> float:
    """A score of the address, from 0 to 1."""
    try:
        share = float(values.get(name) or default)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise InputRefused(_("Scores go from 0 to 1."))
    return share


def number_read(values: QueryDict, name: str, default: int) -> int:
    """A whole number of the address, or the default for what is none."""
    number = whole_number(values.get(name, ""))
    return default if number is None else number


def score_told(score: float) -> str:
    """A bound as people and addresses write it: “0.30”, “0.125”."""
    short = f"{score:.4f}".rstrip("0")
    return short.ljust(4, "0")


def _bars_beside(low: float, high: float) -> dict[str, tuple[str, str]]:
    """The bars as wide as this one on both sides of it, where there are any."""
    found = {}
    if low > 0:
        found["lower"] = (score_told(max(low - (high - low), 0)), score_told(low))
    if high < 1:
        found["higher"] = (score_told(high), score_told(min(high + (high - low), 1)))
    return found
