"""What the buttons of the review pages mean, as decisions."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from annotator.choices import DecisionKind, Mode, Scope
from annotator.errors import Conflict, InputRefused
from annotator.models import Assignment, Cluster, DataSet, Decision
from annotator.selectors.arrangement import cluster_arrange, undecided
from annotator.selectors.review import decision_redoable, decision_undoable
from annotator.services.coder_layers import layer_lock
from annotator.services.decisions import AssignmentStale, decision_make, decision_undo


@dataclass(frozen=True)
class Action:
    """One button: the decision it makes, and whether it takes every face when none is chosen."""

    kind: DecisionKind
    code: str | None = None
    all_faces: bool = False


ACTIONS: Mapping[str, Action] = {
    "accept": Action(DecisionKind.CONFIRM, all_faces=True),
    "present": Action(DecisionKind.RELABEL, "present", all_faces=True),
    "absent": Action(DecisionKind.RELABEL, "absent", all_faces=True),
    "other": Action(DecisionKind.RELABEL, "other"),
    "unscorable": Action(DecisionKind.UNSCORABLE),
    "noise": Action(DecisionKind.NOISE),
    "restore": Action(DecisionKind.RESTORE),
}


@dataclass(frozen=True)
class Request:
    """What a review page sends: the button, the faces chosen, and what the page showed."""

    action: str
    client_id: uuid.UUID
    chosen: Sequence[int] = ()
    """Positions; none means every face for the actions that allow it."""
    seen: Mapping[int, str] = field(default_factory=dict)
    """State tokens as the page showed them, by position."""
    au: int | None = None
    """One AU of several; None for all that the page is about."""
    page: int = 1
    order: str = ""
    """What the page was sorted by: it says which faces a page of several holds."""
    protocol_version: int | None = None
    undo: int | None = None
    """The decision that the page offered to undo."""
    redo: int | None = None
    """The undo that the page offered to take back."""
    after: uuid.UUID | None = None
    """For an undo or redo that was asked for while others of its page waited to be saved: the client id of
    the last of them. What it takes back is what stood then, of which the page had no number yet."""
    unsure: bool = False
    note: str = ""
    hidden: int | None = None
    """Why an AU is unscorable (choices.Hidden)."""
    sure: bool = False
    """The answer to the question about an unusual pair: it is so."""


def cluster_act(*, cluster: Cluster, user: User, assignment: Assignment | None, request: Request) -> Decision:
    """Carry out one button of the cluster page in the user's assignment.

    Accepting without a choice confirms the proposals of faces that have no code yet; accepting
    chosen faces confirms those, whatever they had. Raises AssignmentStale without an assignment.
    """
    dataset = cluster.run.dataset
    if request.action in ("undo", "redo"):
        return turn_back(dataset, user, request, Q(cluster=cluster))
    if assignment is None:
        raise AssignmentStale(_("This cluster is not yours to review now. Take it first; nothing was written."))
    action = action_named(request.action)
    shown = cluster_arrange(cluster, user, assignment, number=request.page, ordered=False, order=request.order)
    faces = list(request.chosen)
    if not faces:
        if not action.all_faces:
            raise InputRefused(_("Choose at least one face."))
        faces = shown.positions.tolist()
        if action.kind == DecisionKind.CONFIRM:
            faces = undecided(dataset, user, shown.positions, shown.aus)
            if not faces:
                raise InputRefused(_("Every face here is decided already."))
    aus = [coded.au for coded in shown.aus]
    wanted = [au for au in aus if request.au in (None, au)]
    return decision_make(
        dataset=dataset,
        user=user,
        kind=action.kind,
        code=action.code,
        aus=wanted,
        faces=faces,
        mode=Mode(assignment.mode),
        scope=_scope(request, faces, shown.total),
        client_id=request.client_id,
        assignment=assignment,
        in_view=shown.positions.tolist(),
        unsure=request.unsure,
        note=request.note,
        expected=_narrowed(request.seen, aus, wanted),
        protocol_version=request.protocol_version,
        hidden=request.hidden,
        sure=request.sure,
    )


def noise_act(
    *, dataset: DataSet, user: User, mode: Mode, in_view: Sequence[int], request: Request, within: Q
) -> Decision:
    """Carry out one button of the noise gallery: set faces apart, or keep them; `within` are the decisions that
    it offers to undo."""
    if request.action in ("undo", "redo"):
        return turn_back(dataset, user, request, within)
    if request.action not in ("noise", "restore"):
        raise InputRefused(_("There is no action “%(action)s” here.") % {"action": request.action})
    return decision_make(
        dataset=dataset,
        user=user,
        kind=ACTIONS[request.action].kind,
        aus=[],
        faces=request.chosen,
        mode=mode,
        scope=_scope(request, request.chosen, 0),
        client_id=request.client_id,
        in_view=in_view,
        note=request.note,
        expected=request.seen,
        protocol_version=request.protocol_version,
    )


def action_named(name: str) -> Action:
    """The button of this name; InputRefused for none."""
    if name not in ACTIONS:
        raise InputRefused(_("There is no action “%(name)s”.") % {"name": name})
    return ACTIONS[name]


def turn_back(dataset: DataSet, user: User, request: Request, within: Q | None = None) -> Decision:
    """Undo or redo what the page named, so that a page never takes back what another page did.

    `within` are the decisions that the page is about. Then the one named must still be the latest of them: a
    request may have waited for days in a browser. Raises Conflict where it isn't, or was undone already.
    """
    with transaction.atomic():
        layer_lock(dataset, user)
        earlier = Decision.objects.filter(user=user, client_id=request.client_id, dataset=dataset).first()
        if earlier is not None:
            return earlier
        named = request.undo if request.action == "undo" else request.redo
        decision = Decision.objects.select_related("dataset").filter(pk=named or 0, dataset=dataset).first()
        if within is not None:
            decision = _latest_named(dataset, user, request, within, decision)
        if decision is None:
            raise InputRefused(_("There is nothing to %(action)s here.") % {"action": request.action})
        return decision_undo(user=user, client_id=request.client_id, decision=decision)


def _latest_named(
    dataset: DataSet, user: User, request: Request, within: Q, named: Decision | None
) -> Decision | None:
    """What an undo or redo was meant for; Conflict where that isn't the latest any more."""
    find = decision_undoable if request.action == "undo" else decision_redoable
    latest = find(dataset, user, within=within)
    since = Conflict(_("You decided something else here since this was asked for. Nothing was undone or redone."))
    if request.after is not None:
        before = Decision.objects.filter(user=user, client_id=request.after, dataset=dataset).first()
        if before is None:
            raise Conflict(_("What this was to take back was not saved. Nothing was undone or redone."))
        own = Decision.objects.filter(within, dataset=dataset, user=user)
        if own.filter(pk=before.pk).exists():
            if own.filter(pk__gt=before.pk).exists():
                raise since
            return latest
        # It waited on another page: this one's form told what stood here.
    # Others' decisions, and those that are undone, are refused in their own words.
    refused = named is None or named.user_id != user.pk or Decision.objects.filter(undoes=named).exists()
    if not refused and named != latest:
        raise since
    return named


def _scope(request: Request, faces: Sequence[int], total: int) -> Scope:
    if len(faces) == 1:
        return Scope.FACE
    return Scope.CLUSTER if not request.chosen or len(faces) == total else Scope.SELECTION


def _narrowed(seen: Mapping[int, str], aus: Sequence[int], wanted: Sequence[int]) -> dict[int, str]:
    """The tokens of a page about `aus`, cut down to the AUs that are decided on."""
    if len(aus) == len(wanted):
        return dict(seen)
    places = [aus.index(au) for au in wanted]
    return {
        position: "".join(token[place : place + 1] for place in places) + ("!" if token.endswith("!") else "")
        for position, token in seen.items()
    }
