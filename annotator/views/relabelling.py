"""Relabelling all faces of a scope: the consequences first, then one decision, which one undo takes back."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from annotator.errors import CorrugatorError, InputRefused
from annotator.models import Decision, Member
from annotator.numbers import whole_number
from annotator.selectors.access import REVIEW, member_for
from annotator.selectors.codes import blind_refuse, coded_aus, layers_visible_to
from annotator.selectors.consequences import RELABEL_MOST, Consequences, Tally, consequences
from annotator.selectors.face_grid import shown_au
from annotator.selectors.scope_words import faces_address, scope_chips
from annotator.selectors.scopes import scope_read
from annotator.selectors.tiles import faces_at
from annotator.services.relabelling import RelabelStale, faces_relabel
from annotator.services.review import turn_back
from annotator.views.review import decision_words, is_htmx, request_read, saved

ACTIONS = {
    "present": gettext_lazy("present"),
    "absent": gettext_lazy("absent"),
    "unscorable": gettext_lazy("unscorable"),
    "accept": gettext_lazy("as proposed"),
    "noise": gettext_lazy("noise"),
    "restore": gettext_lazy("no code of mine"),
}


@login_required
@require_GET
def faces_consequences(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """What would change where all faces of the scope became so; htmx gets it as a part of its page."""
    member = member_for(request.user, dataset_id, REVIEW)
    told = _told(member, request.GET)
    return _page(request, member, told)


@login_required
@require_POST
def faces_decide(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Decide what the consequences showed, or take such a decision back. A page out of date gets 409 with
    both sides."""
    member = member_for(request.user, dataset_id, REVIEW)
    blind_refuse(member.user, member.dataset)
    asked = request_read(request.POST)
    back = _back(request, reverse("face_list", args=[dataset_id]))
    if asked.action in ("undo", "redo"):
        decision = turn_back(member.dataset, member.user, asked)
        return _done(request, member, decision, back)
    told = _told(member, request.POST)
    try:
        decision = faces_relabel(
            dataset=member.dataset,
            user=member.user,
            told=told,
            shown=str(request.POST.get("shown", "")),
            was=Tally.read(str(request.POST.get("was", ""))),
            client_id=asked.client_id,
            protocol_version=asked.protocol_version,
            note=asked.note,
            sure=asked.sure,
        )
    except CorrugatorError as error:
        return _page(request, member, _told(member, request.POST), error)
    here = faces_address(dataset_id, told.scope, au=str(told.coded.au))
    return _done(request, member, decision, _back(request, here))


def _told(member: Member, values: QueryDict) -> Consequences:
    """The consequences of the action that an address or a form names."""
    blind_refuse(member.user, member.dataset)
    layers = layers_visible_to(member.user, member.dataset)
    scope = scope_read(member, {name: str(value) for name, value in values.items()}, layers)
    coded = shown_au(scope, coded_aus(member.dataset), str(values.get("au", "")))
    if coded is None:
        raise InputRefused(_("This data set has no AUs to code."))
    action = str(values.get("action") or "present")
    if action not in ACTIONS:
        raise InputRefused(_("There is no action “%(action)s” here.") % {"action": action})
    return consequences(member.dataset, member.user, layers, scope, coded, action)


def _page(
    request: HttpRequest, member: Member, told: Consequences, error: CorrugatorError | None = None
) -> HttpResponse:
    here = reverse("faces_consequences", args=[member.dataset_id])
    given = {**told.scope.parameters, "au": str(told.coded.au), "action": told.action}
    sample = faces_at(member.dataset, told.sample)
    context: dict[str, Any] = {
        "dataset": member.dataset,
        "member": member,
        "told": told,
        "actions": [
            (name, words, f"{here}?{urlencode({**given, 'action': name})}") for name, words in ACTIONS.items()
        ],
        "word": ACTIONS[told.action],
        "chips": scope_chips(told.scope, here, given),
        "may_review": True,
        "aus": coded_aus(member.dataset),
        "parameters": told.scope.parameters,
        "faces": [sample[position] for position in told.sample if position in sample],
        "most": RELABEL_MOST,
        "client_id": uuid.uuid4(),
        "protocol_version": member.dataset.protocols.latest("version").version,
        "back": _back(request, faces_address(member.dataset_id, told.scope, au=str(told.coded.au))),
        "panel": is_htmx(request),
        "error": error,
        "was": error.was if isinstance(error, RelabelStale) else None,
    }
    part = "annotator/_faces_consequences.html" if is_htmx(request) else "annotator/faces_consequences.html"
    response = render(request, part, context, status=error.status if error else 200)
    if error is not None and is_htmx(request):  # not among the notices: it is the part itself, brought up to date
        response["HX-Retarget"], response["HX-Reswap"] = "#consequences", "outerHTML"
    return response


def _done(request: HttpRequest, member: Member, decision: Decision, back: str) -> HttpResponse:
    """What was decided, with the button that takes it back; a plain form goes on to the page it came from."""
    if not is_htmx(request):
        if done_of(member, str(decision.pk)) is None:  # undone since, by another tab
            messages.success(request, decision_words(decision))
        return redirect(f"{back}{'&' if '?' in back else '?'}done={decision.pk}")
    context = {
        "dataset": member.dataset,
        "done": done_of(member, str(decision.pk)),
        "done_words": decision_words(decision),
        "panel": True,
        "back": back,
        "client_id": uuid.uuid4(),
    }
    response = saved(render(request, "annotator/_faces_done.html", context), decision)
    response["HX-Trigger"] = "facesDecided"
    return response


def done_of(member: Member, number: str) -> Decision | None:
    """One's own decision that an address says was just made, while it stands."""
    wanted = whole_number(number)
    if wanted is None:
        return None
    mine = Decision.objects.filter(dataset=member.dataset, user=member.user, undone_by=None)
    return mine.select_related("undoes__undoes").filter(pk=wanted).first()


def _back(request: HttpRequest, default: str) -> str:
    """The page named by `next`, if it is one of this server's, without what it was last told of."""
    wanted = str(request.POST.get("next") or request.GET.get("next") or "")
    if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}):
        return default
    path, mark, query = wanted.partition("?")
    values = QueryDict(query, mutable=True)
    values.pop("done", None)
    return path + (mark + values.urlencode() if values else "")
