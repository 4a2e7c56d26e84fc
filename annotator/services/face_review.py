"""What the buttons of the face page mean, as decisions: codes with intensities, noise, events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from annotator.choices import Coding, DecisionKind, Intensity, Laterality, Mode, Scope, Side
from annotator.errors import Conflict, InputRefused
from annotator.models import DataSet, Decision, Face, Protocol
from annotator.selectors.codes import is_blind
from annotator.selectors.face_history import standing_within
from annotator.services.decisions import decision_make
from annotator.services.events import POINTS, EventOrder, event_decide
from annotator.services.review import Request, action_named, turn_back


@dataclass(frozen=True)
class FaceRequest:
    """What the face page sends beside what every review page does."""

    base: Request
    side: str = Side.BOTH
    """The side at hand: the subject's own."""
    level: int | None = None
    """An intensity, for the action “grade”."""
    seen_sides: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """By position, the levels of the AU as the page showed them."""
    event: EventOrder | None = None
    """For onset, apex, offset, and for saving or deleting an event."""


def face_act(*, dataset: DataSet, user: User, face: Face, mode: Mode, request: FaceRequest) -> Decision:
    """Carry out one button of the face page: a code or intensity for one AU, the noise mark, an event,
    undo or redo.

    Raises Conflict where a blind assignment was opened since the page was shown, and what decision_make
    and event_decide raise.
    """
    asked = request.base
    if asked.action in ("undo", "redo"):
        return turn_back(dataset, user, asked, standing_within(face))
    if mode != Mode.BLIND and is_blind(user, dataset):
        raise Conflict(_("A blind assignment was opened since this page was shown. Nothing was written."))
    if asked.action in (*POINTS, "event-save", "event-delete"):
        return event_decide(
            dataset=dataset,
            user=user,
            face=face,
            order=request.event or EventOrder(),
            client_id=asked.client_id,
            mode=mode,
            protocol_version=asked.protocol_version,
            unsure=asked.unsure,
            note=asked.note,
        )
    return _code_act(dataset, user, face, mode, request)


def _code_act(dataset: DataSet, user: User, face: Face, mode: Mode, request: FaceRequest) -> Decision:
    asked = request.base
    sides = None
    action = action_named("present" if asked.action == "grade" else asked.action)
    whole = action.kind == DecisionKind.NOISE or asked.au is None
    if whole and action.kind not in (DecisionKind.NOISE, DecisionKind.RESTORE):
        raise InputRefused(_("Say which AU."))
    if asked.action in ("present", "absent", "grade"):
        sides = levels_asked(dataset.protocols.latest("version"), asked.action, request.level, request.side)
    return decision_make(
        dataset=dataset,
        user=user,
        kind=action.kind,
        code=action.code if sides is None else None,
        sides=sides,
        aus=[] if asked.au is None or whole else [asked.au],
        faces=[face.position],
        mode=mode,
        scope=Scope.FACE,
        client_id=asked.client_id,
        in_view=[face.position],
        unsure=asked.unsure,
        note=asked.note,
        expected=asked.seen,
        expected_sides=request.seen_sides,
        protocol_version=asked.protocol_version,
        keep_noise=asked.au is not None,
        hidden=asked.hidden,
        sure=asked.sure,
    )


def levels_asked(
    protocol: Protocol, action: str, level: int | None, side: str
) -> tuple[int | None, int | None] | None:
    """The levels that a button writes on (left, right), None for a side that it leaves alone; None
    altogether where the protocol knows neither intensities nor sides.

    “Present” is present without a grade, “absent” is none. Raises InputRefused for a grade or a side that
    the protocol doesn't know.
    """
    if side not in Side.values:
        raise InputRefused(_("The side is both, left or right."))
    if side != Side.BOTH and protocol.laterality != Laterality.SIDES:
        raise InputRefused(_("The protocol has one code for both sides."))
    if action == "grade" and protocol.coding != Coding.INTENSITY:
        raise InputRefused(_("The protocol codes occurrence: there are no intensities."))
    if protocol.coding != Coding.INTENSITY and protocol.laterality != Laterality.SIDES:
        return None
    if action != "grade":
        level = Intensity.UNGRADED if action == "present" else Intensity.NONE
    if level is None:
        raise InputRefused(_("Say which intensity."))
    told: Sequence[str] = (Side.LEFT, Side.RIGHT) if side == Side.BOTH else (side,)
    return (level if Side.LEFT in told else None, level if Side.RIGHT in told else None)
