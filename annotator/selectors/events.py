"""Events in a clip, onset to offset of one AU, as the viewer may see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from annotator.choices import DecisionKind, Side
from annotator.facs import au_label
from annotator.models import Clip, DataSet, Decision, Event, LabelLayer
from annotator.selectors.codes import layers_visible_to
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


def events_of_clip(dataset: DataSet, user: User, clip: Clip) -> list[ShownEvent]:
    """The clip's events in the layers that the user may see, by AU and onset, one's own first; the first
    MOST of them."""
    visible = {layer.pk: layer for layer in layers_visible_to(user, dataset)}
    events = list(
        Event.objects.filter(clip=clip, layer_id__in=list(visible)).order_by("au", "onset", "pk")[: MOST + 1]
    )
    shown = []
    for event in events[:MOST]:
        event.layer = visible[event.layer_id]
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
