"""The history of a data set: decisions, assignments, and what people did besides."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from annotator.audit import ACTIONS
from annotator.choices import DecisionKind, Role
from annotator.errors import InputRefused, NotAllowed
from annotator.models import Member
from annotator.selectors.access import READ, member_for
from annotator.selectors.codes import coded_aus, is_blind
from annotator.selectors.history import PAGE, assignments_page, audit_page, history_page, people_of, sees_all
from annotator.selectors.history_filters import FILTERS, LARGEST, FilterRefused, HistoryFilter, history_filter
from annotator.selectors.history_table import history_csv
from annotator.services.datasets import audit

SHOWN = {"decisions": _("Decisions"), "assignments": _("Who held what"), "audit": _("Other actions")}


@login_required
@require_GET
def history(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, READ)
    show = _show(request, member)
    asked, problems = HistoryFilter(), {}
    try:
        asked = history_filter(member, request.GET.dict())
    except FilterRefused as refused:
        problems = refused.problems
    context: dict[str, Any] = {
        "dataset": member.dataset,
        "member": member,
        "show": show,
        "shown": [(name, words) for name, words in SHOWN.items() if name != "audit" or member.role == Role.ADMIN],
        "asked": asked,
        "given": {name: request.GET.get(name, "") for name in FILTERS},
        "problems": problems,
        "narrowed": any(request.GET.get(name) for name in FILTERS),
        "all": sees_all(member),
        "blind": is_blind(member.user, member.dataset),
        "people": people_of(member),
        "kinds": DecisionKind.choices,
        "actions": ACTIONS.items(),
        "aus": coded_aus(member.dataset),
    }
    if not problems:
        context |= _rows(member, asked, show, _before(request))
    return render(request, "annotator/history.html", context, status=422 if problems else 200)


def _rows(member: Member, asked: HistoryFilter, show: str, before: int | None) -> dict[str, Any]:
    if show == "decisions":
        page = history_page(member, asked, before=before)
        return {"page": page, "rows": page.lines, "older": page.older, "before": before}
    read = assignments_page if show == "assignments" else audit_page
    rows: list[Any] = list(read(member, asked, before=before))
    return {"rows": rows, "older": rows[-1].pk if len(rows) == PAGE else None, "before": before}


@login_required
@require_GET
def history_download(request: HttpRequest, dataset_id: int) -> StreamingHttpResponse:
    """The filtered history as CSV, made while it is sent; the audit trail notes who took it."""
    member = member_for(request.user, dataset_id, READ)
    show = _show(request, member)
    asked = history_filter(member, request.GET.dict())
    told = {name: request.GET[name][:200] for name in FILTERS if request.GET.get(name)}
    audit(member.dataset, member.user, "history downloaded", show=show, filters=told)
    name = slugify(member.dataset.name)[:60] or f"dataset-{dataset_id}"
    return StreamingHttpResponse(
        (text.encode() for text in history_csv(member, asked, show)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}-{show}.csv"'},
    )


def _show(request: HttpRequest, member: Member) -> str:
    """Which list is asked for; the audit trail is the admins'."""
    show = request.GET.get("show") or "decisions"
    if show not in SHOWN:
        raise InputRefused(_("There is no such list."))
    if show == "audit" and member.role != Role.ADMIN:
        raise NotAllowed(_("What people did besides coding is shown to admins."))
    return show


def _before(request: HttpRequest) -> int | None:
    text = request.GET.get("before", "")
    return min(int(text), LARGEST) if text.isascii() and text.isdigit() and len(text) < 20 else None
