"""Events in a clip, onset to offset of one AU, as the viewer may see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from annotator.choices import DecisionKind, Side
from annotator.facs import au_label
from annotator.models import Clip, Decision, DecisionEvent, Event, LabelLayer
from annotator.selectors.grades import LEVELS

MOST = 500
"""Events of a clip that a page shows."""


@dataclass(frozen=True)
class EventState:
    """Where an event lies: frame numbers, None for what isn't marked yet; intensity 1 = A … 5 = E."""

    onset: int
    apex: int | None = None
    offset: int | None = None
    intensity: int | None = None
    side: str = Side.BOTH

    @classmethod
    def of(cls, event: Event) -> "EventState":
        return cls(event.onset, event.apex, event.offset, event.intensity, event.side)

    @classmethod
    def from_json(cls, values: dict[str, Any] | None) -> "EventState | None":
        return None if values is None else cls(**values)

    def as_json(self) -> dict[str, Any]:
        return {
            "onset": self.onset,
            "apex": self.apex,
            "offset": self.offset,
            "intensity": self.intensity,
            "side": str(self.side),
        }

    @property
    def token(self) -> str:
        """What a page sends back, so that a change meanwhile is seen."""
        told = (self.onset, self.apex, self.offset, self.intensity, str(self.side))
        return ",".join("" if value is None else str(value) for value in told)

    @property
    def words(self) -> str:
        """“frames 10–30, apex 20 (C), left”."""
        if self.offset is None:
            said = _("from frame %(onset)d, still open") % {"onset": self.onset}
        else:
            said = _("frames %(onset)d–%(offset)d") % {"onset": self.onset, "offset": self.offset}
        if self.apex is not None:
            said += ", " + _("apex %(apex)d") % {"apex": self.apex}
        if self.intensity is not None:
            said += f" ({LEVELS[self.intensity]})"
        return said if self.side == Side.BOTH else f"{said}, {Side(self.side).label.lower()}"


@dataclass(frozen=True)
class ShownEvent:
    """One event of a visible layer."""

    event: Event
    own: bool

    @property
    def state(self) -> EventState:
        return EventState.of(self.event)


@dataclass(frozen=True)
class Lane:
    """The events of one AU in one layer, for a line of the timeline."""

    layer: LabelLayer
    au: int
    own: bool
    events: list[Event]


def events_of_clip(
    user: User, clip: Clip, visible: Sequence[LabelLayer], most: int | None = MOST
) -> list[ShownEvent]:
    """The clip's events in the layers that the user may see (codes.layers_visible_to), by AU and onset, one's
    own first; the first `most` of them, None for all."""
    layers = {layer.pk: layer for layer in visible}
    shown = []
    for event in Event.objects.filter(clip=clip, layer_id__in=list(layers)).order_by("au", "onset", "pk")[:most]:
        event.layer = layers[event.layer_id]
        shown.append(ShownEvent(event, event.layer.user_id == user.pk))
    return sorted(shown, key=lambda one: (not one.own, one.event.au, one.event.onset))


def lanes_of(events: Sequence[ShownEvent]) -> list[Lane]:
    """The events as lines of a timeline: one for each layer and AU, one's own first."""
    lanes: dict[tuple[int, int], Lane] = {}
    for shown in events:
        event = shown.event
        lane = lanes.setdefault((event.layer_id, event.au), Lane(event.layer, event.au, shown.own, []))
        lane.events.append(event)
    return sorted(lanes.values(), key=lambda lane: (not lane.own, lane.au, lane.layer.pk))


WIDTH = 1000
"""Width of the timeline in its own units, for the whole clip."""


@dataclass(frozen=True)
class Bar:
    """One event on the timeline."""

    event: Event
    x: float
    width: float
    apex: float | None
    words: str
    open: bool


@dataclass(frozen=True)
class TimelineRow:
    lane: Lane
    bars: list[Bar]


def playhead(frame: int, first: int, last: int, step: int = 1) -> float:
    """Where a frame is on the timeline."""
    return round((frame - first + step / 2) * WIDTH / (last - first + step), 2)


def timeline_of(lanes: Sequence[Lane], first: int, last: int, step: int = 1) -> list[TimelineRow]:
    """The lanes with their events laid out over the frames `first` to `last`, of which every `step`th is there; an
    open event is drawn as far as it is marked."""
    unit = WIDTH / (last - first + step)
    rows = []
    for lane in lanes:
        bars = []
        for event in lane.events:
            end = max(event.onset, event.apex or 0) if event.offset is None else event.offset
            apex = None if event.apex is None else playhead(event.apex, first, last, step)
            x, width = round((event.onset - first) * unit, 2), round(max((end - event.onset + step) * unit, 4), 2)
            bars.append(Bar(event, x, width, apex, EventState.of(event).words, event.offset is None))
        rows.append(TimelineRow(lane, bars))
    return rows


def event_words(decision: Decision) -> str:
    """What a decision on an event did: “AU12: frames 10–30, apex 20”; empty for other decisions."""
    change = getattr(decision, "event", None)
    if change is None:
        return ""
    old, new = EventState.from_json(change.old), EventState.from_json(change.new)
    if new is None:
        said = _("taken away: %(was)s") % {"was": old.words if old else ""}
    elif old is None or decision.kind != DecisionKind.EVENT:
        said = new.words
    else:
        said = _("%(now)s; before: %(was)s") % {"now": new.words, "was": old.words}
    return f"{au_label(change.au)}: {said}"


def event_undo_words(undo: Decision) -> str | None:
    """What an undo did to an event; None where what it undoes was about codes."""
    undone = undo.undoes
    if undone is None or DecisionEvent.objects.filter(decision=undone).first() is None:
        return None
    change = DecisionEvent.objects.filter(decision=undo).first()
    if change is None:
        return _("The event was changed since and stays as it is.")
    new = EventState.from_json(change.new)
    if new is None:
        return _("The event of %(au)s is gone again.") % {"au": au_label(change.au)}
    return _("%(au)s is as it was: %(now)s.") % {"au": au_label(change.au), "now": new.words}
