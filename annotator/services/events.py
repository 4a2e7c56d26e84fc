"""Events in clips: a coder marks the onset, apex and offset of an AU, moves them, or takes an event away.

Each is one append-only decision with the event before and after it, so that undo puts it back.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max, Min
from django.utils.translation import gettext as _

from annotator.choices import Coding, DecisionKind, Laterality, Mode, Scope, Side
from annotator.errors import Conflict, InputRefused, NotFound
from annotator.facs import au_label
from annotator.models import Clip, DataSet, Decision, DecisionEvent, Event, Face, LabelLayer, Protocol
from annotator.selectors.codes import layer_codes, sides_of
from annotator.selectors.events import EventState
from annotator.selectors.grades import LEVELS
from annotator.services.coder_layers import layer_lock, same_dataset
from annotator.services.datasets import revision_raise
from annotator.services.decision_checks import aus_check, protocol_check

POINTS = ("onset", "apex", "offset")


class EventStale(Conflict):
    """The event changed since the page showed it."""


@dataclass(frozen=True)
class EventOrder:
    """What is asked for: `point` marks one at `frame`; `state` rewrites the event; neither takes it away.

    Without `event` an onset begins a new event, and apex and offset go to the open one, or to the one
    that holds the frame. `expected` is the event's token as the page showed it.
    """

    au: int = 0
    point: str = ""
    frame: int = 0
    side: str = Side.BOTH
    event: int | None = None
    state: EventState | None = None
    expected: str | None = None


@dataclass(frozen=True)
class EventEdit:
    """An event as it is (None: there is none yet) and as it becomes (None: taken away)."""

    au: int
    event: Event | None
    new: EventState | None


def event_decide(
    *,
    dataset: DataSet,
    user: User,
    face: Face,
    order: EventOrder,
    client_id: uuid.UUID,
    mode: Mode,
    protocol_version: int | None = None,
    unsure: bool = False,
    note: str = "",
) -> Decision:
    """Carry out one order on the user's own events in the face's clip, and record it.

    A repeated `client_id` returns the earlier decision. Raises InputRefused for what can't be an event
    (apex or offset before the onset, outside the clip, over another event of the same AU and side, below
    the protocol's threshold), EventStale or ProtocolStale (409) where the page showed what no longer holds.
    """
    clip = face.clip
    if clip is None or clip.dataset_id != dataset.pk:
        raise InputRefused(_("This picture is a still: events are marked in clips."))
    with transaction.atomic():
        layer = layer_lock(dataset, user)
        earlier = Decision.objects.filter(user=user, client_id=client_id).first()
        if earlier is not None:
            return same_dataset(earlier, dataset)
        protocol = protocol_check(dataset, protocol_version)
        edit = _edit_plan(layer, clip, protocol, order)
        coded = aus_check(dataset, [edit.au], DecisionKind.EVENT)[0]
        if edit.new is not None:
            _state_check(layer, clip, protocol, edit)
        decision = Decision(
            dataset=dataset,
            user=user,
            client_id=client_id,
            kind=DecisionKind.EVENT,
            aus=coded.mask,
            mode=mode,
            scope=Scope.FACE,
            unsure=unsure,
            note=note.strip(),
            in_view=[face.position],
            protocol_version=protocol.version,
            revision=revision_raise(dataset),
        )
        decision.save(force_insert=True)
        old = EventState.of(edit.event) if edit.event else None
        number = _event_write(layer, clip, edit.au, edit.event.pk if edit.event else None, edit.new)
        _change_record(decision, clip, edit.au, number, old, edit.new)
    return decision


def event_turn_back(decision: Decision, undo: Decision, layer: LabelLayer) -> None:
    """Put the event of a decision back as it was before, if it is still as the decision left it; called
    within the undo's transaction. Raises InputRefused where another event lies there now."""
    change = DecisionEvent.objects.filter(decision=decision).select_related("clip").first()
    if change is None:
        return
    old, new = EventState.from_json(change.old), EventState.from_json(change.new)
    event = Event.objects.filter(pk=change.event_id, layer=layer).first()
    if (EventState.of(event) if event else None) != new:
        return
    if old is not None:
        _overlap_check(layer, change.clip, change.au, old, change.event_id)
    _event_write(layer, change.clip, change.au, change.event_id, old)
    _change_record(undo, change.clip, change.au, change.event_id, new, old)


def _change_record(
    decision: Decision, clip: Clip, au: int, event_id: int, old: EventState | None, new: EventState | None
) -> None:
    decision.event = DecisionEvent.objects.create(
        decision=decision,
        clip=clip,
        au=au,
        event_id=event_id,
        old=old.as_json() if old else None,
        new=new.as_json() if new else None,
    )


def _event_write(layer: LabelLayer, clip: Clip, au: int, event_id: int | None, state: EventState | None) -> int:
    """Make the event's row so, and return its id, which it keeps when it comes back."""
    if state is None:
        if event_id is not None:
            Event.objects.filter(pk=event_id, layer=layer).delete()
        return event_id or 0
    values = state.as_json()
    if event_id is not None and Event.objects.filter(pk=event_id, layer=layer).update(**values):
        return event_id
    return Event.objects.create(pk=event_id, layer=layer, clip=clip, au=au, **values).pk


def _edit_plan(layer: LabelLayer, clip: Clip, protocol: Protocol, order: EventOrder) -> EventEdit:
    """Which event the order means, and what it makes of it."""
    event = None
    if order.event is not None:
        event = Event.objects.filter(pk=order.event, layer=layer, clip=clip).first()
        if event is None:
            raise NotFound(_("There is no such event of yours in this clip."))
        if order.expected is not None and order.expected != EventState.of(event).token:
            raise EventStale(
                _(
                    "This event of %(au)s changed since this page was shown, and is now %(now)s. "
                    "Nothing was written: look again and decide once more."
                )
                % {"au": au_label(event.au), "now": EventState.of(event).words}
            )
    if not order.point:
        if event is None:
            raise InputRefused(_("Say which event."))
        return EventEdit(event.au, event, order.state)
    if order.point not in POINTS:
        raise InputRefused(
            _("An event has an onset, an apex and an offset, but no “%(point)s”.") % {"point": order.point}
        )
    if event is not None and event.au != order.au:
        raise InputRefused(
            _("The event that you chose is of %(au)s, not of %(au_2)s.")
            % {"au": au_label(event.au), "au_2": au_label(order.au)}
        )
    return _point_plan(event, layer, clip, protocol, order)


def _point_plan(
    event: Event | None, layer: LabelLayer, clip: Clip, protocol: Protocol, order: EventOrder
) -> EventEdit:
    """What marking one point does: to the event chosen, else to the open one or the one that holds the frame."""
    own = Event.objects.filter(layer=layer, clip=clip, au=order.au, side=order.side).order_by("onset")
    frame, name = order.frame, au_label(order.au)
    open_one = own.filter(offset=None).last()
    holding = own.filter(onset__lte=frame, offset__gte=frame).first()
    if event is None and order.point == "onset":
        if open_one is not None:
            raise InputRefused(
                _(
                    "An event of %(name)s is open since frame %(onset)s: mark its offset first, or choose it in "
                    "the list to move its onset."
                )
                % {"name": name, "onset": open_one.onset}
            )
        if holding is None:
            return EventEdit(order.au, None, EventState(frame, side=order.side))
        event = holding
    if event is None:
        event = open_one if open_one is not None and open_one.onset <= frame else holding
    if event is None:
        raise InputRefused(
            _(
                "No event of %(name)s holds frame %(frame)s: mark its onset first, or choose one in the list to "
                "move it."
            )
            % {"name": name, "frame": frame}
        )
    moved: dict[str, Any] = {order.point: frame}
    state = replace(EventState.of(event), **moved)
    if order.point == "apex" and protocol.coding == Coding.INTENSITY:
        state = replace(state, intensity=_apex_intensity(layer, clip, order) or state.intensity)
    return EventEdit(order.au, event, state)


def _apex_intensity(layer: LabelLayer, clip: Clip, order: EventOrder) -> int | None:
    """The intensity that the coder gave the AU on the apex frame, of the side that the event is about."""
    coded = clip.dataset.coded_aus.filter(au=order.au).first()
    face = Face.objects.filter(clip=clip, frame=order.frame, labels__layer=layer).first()
    if coded is None or face is None:
        return None
    left, right = sides_of(layer_codes(layer, [face.pk]), 0, coded.bit)
    levels: Mapping[str, tuple[int, ...]] = {Side.LEFT: (left,), Side.RIGHT: (right,)}
    graded = [level for level in levels.get(order.side, (left, right)) if level in LEVELS]
    return max(graded, default=None)


def _state_check(layer: LabelLayer, clip: Clip, protocol: Protocol, edit: EventEdit) -> None:
    """Refuse what can't be an event, in the order in which people mark it."""
    state, name = edit.new, au_label(edit.au)
    assert state is not None
    if state.side not in Side.values:
        raise InputRefused(_("The side of an event is both, left or right."))
    if state.side != Side.BOTH and protocol.laterality != Laterality.SIDES:
        raise InputRefused(_("The protocol has one code for both sides, so an event has no side of its own."))
    if state.apex is not None and state.apex < state.onset:
        raise InputRefused(
            _("The apex (frame %(apex)s) can't be before the onset (frame %(onset)s).")
            % {"apex": state.apex, "onset": state.onset}
        )
    if state.offset is not None and state.offset < max(state.onset, state.apex or 0):
        named = "onset" if state.offset < state.onset else "apex"
        at = state.onset if named == "onset" else state.apex
        raise InputRefused(
            _("The offset (frame %(offset)s) can't be before the %(named)s (frame %(at)s).")
            % {"offset": state.offset, "named": named, "at": at}
        )
    _inside_check(clip, state)
    if state.intensity is not None:
        if state.intensity not in LEVELS:
            raise InputRefused(_("The intensity of an event is A to E."))
        if state.intensity < protocol.present_from:
            raise InputRefused(
                _("%(name)s is %(level)s at its apex; under this protocol an event counts from %(level_2)s.")
                % {"name": name, "level": LEVELS[state.intensity], "level_2": LEVELS[protocol.present_from]}
            )
    _overlap_check(layer, clip, edit.au, state, edit.event.pk if edit.event else None)


def _inside_check(clip: Clip, state: EventState) -> None:
    ends = Face.objects.filter(clip=clip).aggregate(first=Min("frame"), last=Max("frame"))
    for point in POINTS:
        frame = getattr(state, point)
        if frame is not None and (ends["first"] is None or not ends["first"] <= frame <= ends["last"]):
            raise InputRefused(
                _("The %(point)s (frame %(frame)s) is outside the clip, which goes from frame %(first)s to %(last)s.")
                % {"point": point, "frame": frame, "first": ends["first"], "last": ends["last"]}
            )


def _overlap_check(layer: LabelLayer, clip: Clip, au: int, state: EventState, event_id: int | None) -> None:
    """Two events of one AU and side can't lie over each other; an open one may stand before a later one,
    until its offset is marked."""
    others = Event.objects.filter(layer=layer, clip=clip, au=au)
    if event_id is not None:
        others = others.exclude(pk=event_id)
    if state.side != Side.BOTH:
        others = others.filter(side__in=[state.side, Side.BOTH])
    end = state.onset if state.offset is None else state.offset
    for other in others.filter(onset__lte=end):
        last = other.onset if other.offset is None else other.offset
        if last >= state.onset:
            raise InputRefused(
                _("This would lie over another event of %(au)s, %(words)s. Move or delete that one first.")
                % {"au": au_label(au), "words": EventState.of(other).words}
            )
