"""Decisions on faces chosen in the grid, and on all faces of a scope at once."""

import uuid

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils.translation import gettext as _

from annotator.choices import DecisionKind, Mode, Scope
from annotator.errors import Conflict, InputRefused
from annotator.models import DataSet, Decision
from annotator.selectors.consequences import RELABEL_MOST, Consequences, Tally
from annotator.services.decisions import decision_make
from annotator.services.review import Request, action_named, turn_back


def grid_act(*, dataset: DataSet, user: User, request: Request, within: Q) -> Decision:
    """Carry out one button of the grid of faces: a code of the AU shown, the noise mark, undo or redo; `within`
    are the decisions that the grid offers to undo."""
    if request.action in ("undo", "redo"):
        return turn_back(dataset, user, request, within)
    action = action_named(request.action)
    noise = action.kind == DecisionKind.NOISE or request.au is None
    expected = {position: "!" if "!" in token else "" for position, token in request.seen.items()}
    return decision_make(
        dataset=dataset,
        user=user,
        kind=action.kind,
        code=action.code,
        aus=[] if noise or request.au is None else [request.au],
        faces=request.chosen,
        mode=Mode.ASSISTED,
        scope=Scope.FACE if len(request.chosen) == 1 else Scope.SELECTION,
        client_id=request.client_id,
        in_view=sorted(request.seen),
        unsure=request.unsure,
        note=request.note,
        expected=expected if noise else request.seen,
        protocol_version=request.protocol_version,
        hidden=request.hidden,
        sure=request.sure,
    )


class RelabelStale(Conflict):
    """The faces of a scope, or the user's codes of them, are not what the page of consequences showed."""

    def __init__(self, was: Tally | None, now: Consequences) -> None:
        self.was = was
        self.now = now
        super().__init__(
            _(
                "These faces or your codes of them changed since the consequences were shown. "
                "Nothing was written: look again and decide once more."
            )
        )


def faces_relabel(
    *,
    dataset: DataSet,
    user: User,
    told: Consequences,
    shown: str,
    was: Tally | None,
    client_id: uuid.UUID,
    protocol_version: int | None = None,
    note: str = "",
    sure: bool = False,
) -> Decision:
    """One decision on all faces of a scope that it changes: all of them or none. `told` are the consequences now,
    `shown` the fingerprint of those that the user agreed to.

    Raises RelabelStale (409, nothing written) where the two differ, InputRefused where there is nothing
    to change or too much at once, PairsAsked (422) where it makes an unusual pair and nobody is `sure`.
    """
    earlier = Decision.objects.filter(user=user, client_id=client_id, dataset=dataset).first()
    if earlier is not None:
        return earlier
    if told.too_many:
        most = f"{RELABEL_MOST:,}"
        raise InputRefused(_("At most %(most)s faces are relabelled at once: narrow the selection.") % {"most": most})
    if shown != told.shown:
        raise RelabelStale(was, told)
    if not told.changes:
        raise InputRefused(_("This would change nothing."))
    action = action_named(told.action)
    return decision_make(
        dataset=dataset,
        user=user,
        kind=action.kind,
        code=action.code,
        aus=[] if action.kind == DecisionKind.NOISE else [told.coded.au],
        faces=told.positions[told.touched].tolist(),
        mode=Mode.ASSISTED,
        scope=Scope.SELECTION,
        client_id=client_id,
        in_view=told.sample,
        note=note,
        expected=told.tokens,
        protocol_version=protocol_version,
        sure=sure,
    )
