"""The review queue and the cluster under review."""

import uuid
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from annotator.choices import DecisionKind
from annotator.errors import CorrugatorError, InputRefused, NotFound
from annotator.facs import ACTION_UNITS
from annotator.models import Assignment, Cluster, Decision, Member
from annotator.selectors import arrangement, clusters, review
from annotator.selectors.access import REVIEW, member_for
from annotator.selectors.events import event_undo_words, event_words
from annotator.selectors.passes import Pass, pass_of, passes_offered
from annotator.selectors.splits import merge_hindrance, split_hindrance, splits_listed
from annotator.selectors.tiles import tiles_alike
from annotator.services import assignments
from annotator.services.decisions import LAST_POSITION, DecisionStale, PairsAsked, decision_undo
from annotator.services.review import Request, cluster_act

WHOLE_NUMBERS = ("au", "undo", "redo", "protocol", "hidden")
ORDER_COOKIE = "cluster_order"
"""What this browser's clusters are sorted by; a year, so that nobody has to choose it each day."""
ORDER_KEPT = 365 * 24 * 3600


@login_required
@require_GET
def review_queue(request: HttpRequest, dataset_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, REVIEW)
    queue = review.queue_of(member.dataset, member.user)
    context = {
        "dataset": member.dataset,
        "member": member,
        "queue": queue,
        "passes": passes_offered(queue.rows),
        "client_id": uuid.uuid4(),
    }
    return render(request, "annotator/review_queue.html", context)


@login_required
@require_POST
def review_next(request: HttpRequest, dataset_id: int) -> HttpResponse:
    """Finish the assignment named, if any, and go to the next one: with `au`, of that AU or region alone."""
    member = member_for(request.user, dataset_id, REVIEW)
    stay = pass_read(request.POST)
    if finished := request.POST.get("assignment"):
        assignment = _assignment(member, finished)
        assignments.assignment_finish(assignment=assignment, user=member.user)
    following = assignments.assignment_next(member.dataset, member.user, within=stay.aus if stay else None)
    if following is None or following.cluster_id is None:
        if stay is not None:
            said = _("%(name)s has nothing left that you could take now.")
            messages.success(request, said % {"name": stay.title[:1].upper() + stay.title[1:]})
        return redirect("review_queue", dataset_id)
    return redirect(cluster_address(dataset_id, following.cluster_id, stay))


@login_required
@require_POST
def assignment_release(request: HttpRequest, dataset_id: int, assignment_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, REVIEW)
    assignments.assignment_release(assignment=_assignment(member, str(assignment_id)), user=member.user)
    messages.success(request, _("The cluster is free for others again. Your decisions in it are kept."))
    return redirect("review_queue", dataset_id)


@login_required
@require_POST
def cluster_take(request: HttpRequest, dataset_id: int, cluster_id: int) -> HttpResponse:
    """Take this very cluster, or take one's finished one up again."""
    member = member_for(request.user, dataset_id, REVIEW)
    cluster = clusters.cluster_get(member.dataset, cluster_id)
    assignments.assignment_take(cluster=cluster, user=member.user)
    return redirect("cluster_detail", dataset_id, cluster_id)


@login_required
@require_POST
def decision_undo_view(request: HttpRequest, dataset_id: int, decision_id: int) -> HttpResponse:
    """Undo one of one's own decisions from a list of them."""
    member = member_for(request.user, dataset_id, REVIEW)
    decision = Decision.objects.select_related("dataset").filter(pk=decision_id, dataset=member.dataset).first()
    if decision is None:
        raise NotFound(_("There is no such decision."))
    undo = decision_undo(user=member.user, decision=decision, client_id=client_id_read(request.POST))
    messages.success(request, undo_words(undo))
    return redirect(back_to(request, reverse("review_queue", args=[dataset_id])))


@login_required
@require_GET
def cluster_detail(request: HttpRequest, dataset_id: int, cluster_id: int) -> HttpResponse:
    member = member_for(request.user, dataset_id, REVIEW)
    cluster = clusters.cluster_get(member.dataset, cluster_id)
    context = _cluster_context(member, cluster, page_read(request.GET), order_read(request))
    stay = pass_read(request.GET)
    context |= {"only": stay, "query": cluster_query(cluster, context["page"].order, stay)}
    response = render(request, "annotator/cluster_detail.html", context)
    if request.GET.get("order") in arrangement.ORDERS:
        response.set_cookie(
            ORDER_COOKIE,
            request.GET["order"],
            max_age=ORDER_KEPT,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return response


@login_required
@require_POST
def cluster_decide(request: HttpRequest, dataset_id: int, cluster_id: int) -> HttpResponse:
    """One button of the cluster page. Answers htmx with the new state of what changed, read back from
    the database, and a plain form with a redirect."""
    member = member_for(request.user, dataset_id, REVIEW)
    cluster = clusters.cluster_get(member.dataset, cluster_id)
    assignment = review.assignment_latest(cluster, member.user)
    asked = request_read(request.POST)
    here = cluster_address(dataset_id, cluster_id, pass_read(request.POST, "only"), asked.page)
    try:
        decision = cluster_act(cluster=cluster, user=member.user, assignment=assignment, request=asked)
    except CorrugatorError as error:
        return refusal(request, member, error, partial(_cluster_changed, request, member, cluster, asked), here)
    if not is_htmx(request):
        messages.success(request, decision_words(decision))
        return redirect(here)
    changed = review.faces_of_decision(decision)
    return saved(_cluster_state(request, member, cluster, asked, changed, decision), decision)


def cluster_address(dataset_id: int, cluster_id: int, stay: Pass | None = None, page: int = 1) -> str:
    """The page of a cluster; with `stay`, of a reviewer who goes through the clusters of this AU or region."""
    named = (("page", page if page > 1 else None), ("au", stay.key if stay else None))
    values = {name: value for name, value in named if value}
    return reverse("cluster_detail", args=[dataset_id, cluster_id]) + ("?" + urlencode(values) if values else "")


def cluster_query(cluster: Cluster, order: str, stay: Pass | None = None) -> str:
    """What the pages of a cluster's faces are told, so that they go on within it: the same for every face."""
    values = {"cluster": str(cluster.pk), "order": order}
    return urlencode(values | ({"au": stay.key} if stay else {}))


def _cluster_context(member: Member, cluster: Cluster, number: int, order: str) -> dict[str, Any]:
    dataset, user = member.dataset, member.user
    mine = review.assignment_latest(cluster, user)
    held = mine if mine is not None and mine.state == "open" else None
    finished = mine is not None and mine.state == "done"
    seats = [] if held else review.seats_of(cluster, user)
    page = clusters.cluster_page(cluster, user, held, number=number, order=order)
    return {
        "dataset": dataset,
        "member": member,
        "cluster": cluster,
        "page": page,
        "assignment": held,
        "finished": finished,
        "seats": seats,
        "lapsed": None if held or finished else review.lapsed_of(cluster),
        "takeable": finished or (cluster.number > 0 and len(seats) < review.coders_needed(dataset)),
        "units": [ACTION_UNITS[coded.au] for coded in page.aus],
        "client_id": uuid.uuid4(),
        "undecided": page.undecided,
        "split_hindrance": "" if page.blind else split_hindrance(cluster, user, held),
        "splits": [] if page.blind else splits_listed(cluster, user),
        "merge_hindrance": "" if page.blind or cluster.split_from is None else merge_hindrance(cluster, user),
        **review.standing_of(dataset, user, Q(cluster=cluster)),
    }


def _cluster_state(
    request: HttpRequest,
    member: Member,
    cluster: Cluster,
    asked: Request,
    changed: list[int],
    decision: Decision | None = None,
    error: CorrugatorError | None = None,
) -> HttpResponse:
    """The fragments that bring the cluster page up to date: its status, and the faces that changed."""
    assignment = review.assignment_open(member.dataset, member.user, cluster)
    shown = arrangement.cluster_arrange(
        cluster, member.user, assignment, number=asked.page, ordered=False, order=asked.order
    )
    tiles = clusters.cluster_tiles(cluster, member.user, changed, shown.aus, assignment, weak=False)
    context: dict[str, object] = {
        "dataset": member.dataset,
        "assignment": assignment,
        "groups": tiles_alike(tiles),
        "undecided": len(arrangement.undecided(member.dataset, member.user, shown.positions, shown.aus)),
    }
    context |= review.standing_of(member.dataset, member.user, Q(cluster=cluster))
    context |= {"words": decision_words(decision) if decision else "", "error": error}
    return render(request, "annotator/_cluster_state.html", context)


def _cluster_changed(
    request: HttpRequest, member: Member, cluster: Cluster, asked: Request, error: CorrugatorError
) -> HttpResponse:
    """What a refused request gets: the reason, both sides where codes changed, and the present state."""
    faces = [face.position for face in error.faces] if isinstance(error, DecisionStale) else []
    return _cluster_state(request, member, cluster, asked, faces or list(asked.chosen), error=error)


def _assignment(member: Member, number: str) -> Assignment:
    found = Assignment.objects.filter(dataset=member.dataset, coder=member.user)
    wanted = int(number) if number.isdecimal() else 0
    assignment = found.select_related("cluster__run__dataset").filter(pk=wanted).first()
    if assignment is None:
        raise NotFound(_("There is no such assignment of yours."))
    return assignment


# What the review, noise and face pages share


def is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def request_read(post: QueryDict) -> Request:
    """A review page's form as a Request; InputRefused for what no page of ours would send."""
    try:
        seen = dict(_pair(word) for words in post.getlist("seen") for word in words.split())
        chosen = positions_read(post.getlist("face"))
        numbers = {name: int(post.get(name, "")) if post.get(name) else None for name in WHOLE_NUMBERS}
        if any(not 0 <= position <= LAST_POSITION for position in seen):
            raise ValueError("no position")
    except ValueError:
        raise InputRefused(_("The form can't be read. Load the page again.")) from None
    return Request(
        action=post.get("action", ""),
        client_id=client_id_read(post),
        chosen=chosen,
        seen=seen,
        au=numbers["au"],
        page=page_read(post),
        order=post.get("order", ""),
        protocol_version=numbers["protocol"],
        undo=numbers["undo"],
        redo=numbers["redo"],
        after=client_id_read(post, "after") if post.get("after") else None,
        unsure=post.get("unsure") == "1",
        # PostgreSQL takes no NUL in a text.
        note=post.get("note", "")[:2000].replace("\0", ""),
        hidden=numbers["hidden"],
        sure=post.get("sure") == "1",
    )


def positions_read(values: Iterable[str]) -> list[int]:
    """Positions out of a form, one or several in a field; InputRefused for what is none."""
    words = [word for value in values for word in value.split()]
    if not all(word.isascii() and word.isdigit() and int(word) <= LAST_POSITION for word in words):
        raise InputRefused(_("The form can't be read. Load the page again."))
    return [int(word) for word in words]


def _pair(word: str) -> tuple[int, str]:
    position, colon, token = word.partition(":")
    if not colon:
        raise ValueError(word)
    return int(position), token


def client_id_read(post: QueryDict, name: str = "client_id") -> uuid.UUID:
    try:
        return uuid.UUID(post.get(name, ""))
    except ValueError:
        raise InputRefused(_("The form lacks its id. Load the page again.")) from None


def page_read(values: QueryDict) -> int:
    number = values.get("page", "1")
    return int(number) if number.isdecimal() and len(number) < 8 else 1


def pass_read(values: QueryDict, name: str = "au") -> Pass | None:
    """The AU or region to stay with from one cluster to the next; None for any."""
    return pass_of(values.get(name, ""))


def order_read(request: HttpRequest) -> str:
    """What to sort a cluster by: as the address says, or else as this browser had it last."""
    asked = request.GET.get("order", "")
    return asked if asked in arrangement.ORDERS else request.COOKIES.get(ORDER_COOKIE, "")


def saved(response: HttpResponse, decision: Decision) -> HttpResponse:
    """Mark an answer as the server's word on a decision: pages keep asking until they see this mark."""
    response["X-Decision"] = str(decision.pk)
    return response


def refusal(
    request: HttpRequest,
    member: Member,
    error: CorrugatorError,
    fragment: Callable[[CorrugatorError], HttpResponse],
    back: str,
) -> HttpResponse:
    """Answer a refused decision: htmx by the fragment with the error's status, a plain form by a
    notice on the page it came from; a stale page by the conflict's own page. An unusual pair is a question:
    its words alone for a script, a page that sends the same form again for a browser without."""
    if isinstance(error, PairsAsked):
        return _pairs_question(request, member, error, back)
    if is_htmx(request):
        response = fragment(error)
        response.status_code = error.status
        response["X-Decision"] = "refused"
        return response
    if error.status == 409:
        context = {"dataset": member.dataset, "member": member, "error": error, "back": back}
        return render(request, "annotator/review_conflict.html", context, status=409)
    messages.error(request, str(error))
    return redirect(back)


def _pairs_question(request: HttpRequest, member: Member, error: PairsAsked, back: str) -> HttpResponse:
    if is_htmx(request):
        answer = HttpResponse(error.question, content_type="text/plain; charset=utf-8", status=error.status)
        answer["X-Decision"] = "asked"
        return answer
    given = [(name, value) for name, values in request.POST.lists() for value in values]
    kept = [(name, value) for name, value in given if name not in ("csrfmiddlewaretoken", "sure")]
    context = {"dataset": member.dataset, "member": member, "error": error, "back": back, "kept": kept}
    return render(request, "annotator/review_pairs.html", context, status=error.status)


def back_to(request: HttpRequest, default: str) -> str:
    """The page named by the form's `next`, if it is one of this server's."""
    wanted = request.POST.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}) else default


def undo_words(undo: Decision) -> str:
    """What an undo did, naming the faces it had to leave alone."""
    if (about := event_undo_words(undo)) is not None:
        return about
    left = review.undo_left(undo)
    restored = undo.faces.count()
    words = ngettext("%(n)d face is as it was.", "%(n)d faces are as they were.", restored) % {"n": restored}
    if left:
        named = ", ".join(str(position) for position in left[:8]) + ("…" if len(left) > 8 else "")
        words += " " + ngettext(
            "Face %(named)s was changed since and stays as it is.",
            "%(n)d faces were changed since and stay as they are: %(named)s.",
            len(left),
        ) % {"n": len(left), "named": named}
    return words


def decision_words(decision: Decision) -> str:
    """What a decision did, in a few words for the status line."""
    if decision.undoes_id is not None:
        return undo_words(decision)
    if decision.kind == DecisionKind.EVENT:
        return event_words(decision)
    count = decision.faces.count()
    return ngettext("%(kind)s: %(n)d face.", "%(kind)s: %(n)d faces.", count) % {
        "kind": decision.get_kind_display(),
        "n": count,
    }
