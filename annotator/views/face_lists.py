"""The grid of the faces of any scope, and relabelling them one by one or all at once."""

import uuid
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from annotator.choices import Role
from annotator.errors import CorrugatorError
from annotator.models import Decision, Member
from annotator.numbers import whole_number
from annotator.selectors import face_grid, review
from annotator.selectors.access import REVIEW, member_for
from annotator.selectors.codes import blind_refuse, layers_visible_to
from annotator.selectors.face_grid import GridView
from annotator.selectors.projections import projection_for
from annotator.selectors.scope_words import faces_address, scope_chips
from annotator.selectors.scopes import PARAMETERS, Scope, scope_read
from annotator.selectors.tiles import tiles_alike
from annotator.services.relabelling import grid_act
from annotator.views.relabelling import done_of
from annotator.views.review import decision_words, is_htmx, refusal, request_read, saved

HERE = Q(cluster=None)
"""The decisions that the grid offers to undo: free ones, in no cluster."""


@login_required
@require_GET
def face_list(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """The faces of the address's scope. Htmx gets the grid alone (a panel beside the map), and with
    `after` the tiles that follow; a new condition of the form leads to the address that has it."""
    member = member_for(request.user, dataset_id)
    view, more = grid_asked(request, member)
    if request.GET.get("has"):
        given = face_grid.condition_added(
            member, view.scope, more.get("au", ""), request.GET.get("of", ""), request.GET["has"]
        )
        return redirect(_address(dataset_id, {**given, **more}))
    number = whole_number(request.GET.get("after", ""))
    scrolled = is_htmx(request) and number is not None
    page = face_grid.grid_page(view, number, face_grid.MORE if scrolled else face_grid.PER_PAGE)
    context = _context(member, view, more) | {"page": page}
    if "panel" in request.GET or (is_htmx(request) and not scrolled):  # a look, beside another page
        more = more | {"panel": "1"}
        context["may_choose"] = True  # the boxes narrow the choice, and change no code
    if page.after is not None:
        context["more"] = _address(dataset_id, {**view.scope.parameters, **more, "after": str(page.after)})
    if is_htmx(request):
        part = "annotator/_face_tiles.html" if scrolled else "annotator/_face_grid.html"
        return render(request, part, context)
    done = done_of(member, request.GET.get("done", "")) if context["may_decide"] else None
    context |= {"client_id": uuid.uuid4(), "after": number, "map": _map(member, view), **_standing(member)}
    context |= {"done": done, "done_words": decision_words(done) if done else "", "back": context["whole"]}
    return render(request, "annotator/face_list.html", context)


@login_required
@require_POST
def grid_decide(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """One button of the grid, about the faces chosen in it; answers like the noise gallery's."""
    member = member_for(request.user, dataset_id, REVIEW)
    blind_refuse(member.user, member.dataset)
    asked = request_read(request.POST)
    view, more = grid_asked(request, member)
    here = _address(dataset_id, {**view.scope.parameters, **more})
    try:
        decision = grid_act(dataset=member.dataset, user=member.user, request=asked, within=HERE)
    except CorrugatorError as error:
        return refusal(request, member, error, partial(_state, request, view, list(asked.chosen)), here)
    if not is_htmx(request):
        messages.success(request, decision_words(decision))
        return redirect(here)
    return saved(_state(request, view, review.faces_of_decision(decision), decision=decision), decision)


def grid_asked(request: HttpRequest, member: Member) -> tuple[GridView, dict[str, str]]:
    """What the address is about, and the parameters that say how it is shown."""
    layers = layers_visible_to(member.user, member.dataset)
    given = request.GET.dict()
    scope = scope_read(member, given, layers)
    view = face_grid.grid_view(member, scope, layers, au=str(given.get("au", "")), sort=str(given.get("sort", "")))
    more = {}
    if view.coded is not None and given.get("au"):
        more["au"] = str(view.coded.au)
    if view.sort.key != view.sorts[0].key:
        more["sort"] = view.sort.key
    return view, more


def _context(member: Member, view: GridView, more: dict[str, str]) -> dict[str, Any]:
    dataset_id = member.dataset_id
    here = reverse("face_list", args=[dataset_id])
    given = {**view.scope.parameters, **more}
    au = {"au": str(view.coded.au)} if view.coded else {}
    may_decide = Role(member.role) in REVIEW and not view.blind and view.coded is not None
    return {
        "dataset": member.dataset,
        "member": member,
        "view": view,
        "chips": scope_chips(view.scope, here, given),
        "may_review": Role(member.role) in REVIEW,
        "may_import": member.role == Role.ADMIN,
        "may_decide": may_decide,
        "may_choose": may_decide,
        "query": urlencode({**view.scope.parameters, **more}),
        "kept": {name: value for name, value in given.items() if name in PARAMETERS and name != "q"},
        "whole": faces_address(dataset_id, view.scope, **more),
        "distributions": faces_address(dataset_id, view.scope, "distributions"),
        "consequences": faces_address(dataset_id, view.scope, "faces_consequences", **au),
    }


def _map(member: Member, view: GridView) -> str:
    """The map with these faces chosen; empty where there is none to show."""
    if view.blind or projection_for(member.dataset) is None:
        return ""
    return faces_address(member.dataset_id, view.scope, "map", **({"au": str(view.coded.au)} if view.coded else {}))


def _address(dataset_id: int, parameters: dict[str, str]) -> str:
    return faces_address(dataset_id, Scope(), **parameters)


def _standing(member: Member) -> dict[str, object]:
    return review.standing_of(member.dataset, member.user, HERE)


def _state(
    request: HttpRequest,
    view: GridView,
    changed: list[int],
    error: CorrugatorError | None = None,
    decision: Decision | None = None,
) -> HttpResponse:
    """The fragments that bring the grid up to date."""
    tiles = face_grid.grid_tiles(view, changed[: 5 * face_grid.PER_PAGE])
    context = {
        "dataset": view.dataset,
        "groups": tiles_alike(tiles),
        "words": decision_words(decision) if decision else "",
        "error": error,
        **review.standing_of(view.dataset, view.user, HERE),
    }
    return render(request, "annotator/_noise_state.html", context)
