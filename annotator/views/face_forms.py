"""What the face page's form says, read into a request of the services."""

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from annotator.choices import Side
from annotator.errors import InputRefused
from annotator.models import Face
from annotator.selectors.events import EventState
from annotator.selectors.grades import LEVEL_OF
from annotator.services.events import POINTS, EventOrder
from annotator.services.face_review import FaceRequest
from annotator.views.review import request_read

LAST_FRAME = 2**31 - 1


def face_request_read(request: HttpRequest, face: Face) -> FaceRequest:
    """One button: `action` is its name, with the AU or the event's id after a colon where it has one, as in
    `present:12`, `grade-3:12`, `onset:12`, `event-save:7`. InputRefused for what no page of ours would send."""
    post = request.POST.copy()
    action, _colon, about = post.get("action", "").partition(":")
    level = None
    if action.startswith("grade-"):
        action, _dash, told = action.partition("-")
        level = _number(told)
    post["action"] = action
    event, sides = None, {}
    if action in (*POINTS, "event-save", "event-delete"):
        event = _event_order(post, action, about or post.get("about", ""), face)
        post["au"] = ""
        post.setlist("seen", [])
    elif about:
        post["au"] = about
        post.setlist("seen", post.getlist(f"seen-{about}"))
        sides = _sides(post.get(f"sides-{about}", ""), face)
    else:
        post.setlist("seen", post.getlist("seen-noise"))
    if action != "unscorable":
        post["hidden"] = ""
    side = post.get("side") or Side.BOTH
    return FaceRequest(request_read(post), side=side, level=level, seen_sides=sides, event=event)


def _event_order(post: QueryDict, action: str, about: str, face: Face) -> EventOrder:
    number = _number(about)
    if action in POINTS:
        chosen = post.get("event", "")
        return EventOrder(
            au=number,
            point=action,
            frame=face.frame or 0,
            side=post.get("side") or Side.BOTH,
            event=_number(chosen) if chosen else None,
            expected=post.get(f"event-{chosen}-seen") if chosen else None,
        )
    seen = post.get(f"event-{about}-seen")
    state = _event_state(post, f"event-{about}-") if action == "event-save" else None
    return EventOrder(event=number, state=state, expected=seen)


def _event_state(post: QueryDict, prefix: str) -> EventState:
    """The event as its fields say; an empty apex or offset is not marked yet."""
    words = {"onset": _("onset"), "apex": _("apex"), "offset": _("offset")}
    frames: dict[str, int | None] = {}
    for point in POINTS:
        text = post.get(prefix + point, "").strip()
        if not text and point != "onset":
            frames[point] = None
            continue
        if not text.isdecimal() or int(text) > LAST_FRAME:
            said = {"point": words[point], "text": text}
            raise InputRefused(_("The %(point)s needs the number of a frame, not “%(text)s”.") % said)
        frames[point] = int(text)
    letter = post.get(prefix + "intensity", "")
    if letter and letter not in LEVEL_OF:
        raise InputRefused(_("The intensity of an event is A to E."))
    return EventState(
        onset=frames["onset"] or 0,
        apex=frames["apex"],
        offset=frames["offset"],
        intensity=LEVEL_OF.get(letter),
        side=post.get(prefix + "side") or Side.BOTH,
    )


def _sides(text: str, face: Face) -> dict[int, tuple[int, int]]:
    """“3.15” → the levels of left and right that the page showed."""
    if not text:
        return {}
    left, _dot, right = text.partition(".")
    return {face.position: (_number(left), _number(right))}


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise InputRefused(_("The form can't be read. Load the page again."))
    return int(text)
