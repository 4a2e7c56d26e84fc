"""What is checked before a decision is written: that the page it comes from still shows what holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotator.choices import DecisionKind, Hidden, Mode
from annotator.errors import Conflict, InputRefused
from annotator.facs import au_label
from annotator.models import Assignment, Cluster, CodedAU, DataSet, Protocol
from annotator.selectors.codes import LayerCodes, sides_of
from annotator.selectors.grades import grade_words
from annotator.selectors.memberships import cluster_positions
from annotator.selectors.review import state_tokens, token_words
from annotator.services.assignments import assignment_renew, own_assignment_check
from annotator.services.decision_codes import FaceRows


@dataclass(frozen=True)
class StaleFace:
    """A face whose state is not what the page showed; tokens as in selectors.review.state_tokens, and
    the intensities of the one AU where the page told them."""

    position: int
    shown: str
    now: str
    aus: tuple[int, ...] = ()
    shown_sides: tuple[int, int] | None = None
    now_sides: tuple[int, int] | None = None

    @property
    def shown_words(self) -> str:
        return _words(self.shown, self.aus, self.shown_sides)

    @property
    def now_words(self) -> str:
        return _words(self.now, self.aus, self.now_sides)


def _words(token: str, aus: Sequence[int], sides: tuple[int, int] | None) -> str:
    return " ".join(word for word in (token_words(token, aus), grade_words(*sides) if sides else "") if word)


class DecisionStale(Conflict):
    """The coder's own codes changed since the page was made, in another tab or by a replay."""

    def __init__(self, faces: list[StaleFace]) -> None:
        self.faces = faces
        super().__init__(
            ngettext(
                "A face changed since this page was shown, for example in another tab. "
                "Nothing was written: look again and decide once more.",
                "%(count)s faces changed since this page was shown, for example in another tab. "
                "Nothing was written: look again and decide once more.",
                len(faces),
            )
            % {"count": f"{len(faces):,}"}
        )


class ProtocolStale(Conflict):
    """The protocol or the AU list changed since the page was made."""


class AssignmentStale(Conflict):
    """The assignment that the page worked in is no longer this coder's, or is finished."""


def aus_check(dataset: DataSet, aus: Sequence[int], kind: DecisionKind) -> list[CodedAU]:
    """The AUs decided on. Raises ProtocolStale where one was taken off the list."""
    listed = {coded.au: coded for coded in dataset.coded_aus.filter(hidden=False)}
    gone = [au_label(au) for au in aus if au not in listed]
    if gone:
        raise ProtocolStale(
            _("%(aus)s was taken off the AU list meanwhile. Nothing was written; your earlier codes are kept.")
            % {"aus": ", ".join(gone)}
        )
    if not aus and kind not in (DecisionKind.NOISE, DecisionKind.RESTORE):
        raise InputRefused(_("A decision on codes needs an AU."))
    return [listed[au] for au in dict.fromkeys(aus)]


def protocol_check(dataset: DataSet, shown: int | None) -> Protocol:
    """The protocol that holds. Raises ProtocolStale where the page showed another."""
    protocol = dataset.protocols.latest("version")
    if shown is not None and shown != protocol.version:
        raise ProtocolStale(
            _(
                "The protocol changed meanwhile: this page was made under version %(shown)s, now version "
                "%(now)s holds. Nothing was written; load the page again."
            )
            % {"shown": shown, "now": protocol.version}
        )
    return protocol


def hidden_check(kind: DecisionKind, hidden: int | None) -> int | None:
    """Why an AU can't be scored: 74 where an unscorable gives no reason, nothing for other decisions."""
    if kind != DecisionKind.UNSCORABLE:
        return None
    if hidden is not None and hidden not in Hidden.values:
        raise InputRefused(_("The reason of an unscorable is AU70 to AU74."))
    return hidden or int(Hidden.UNSCORABLE)


def assignment_check(
    assignment: Assignment,
    user: User,
    dataset: DataSet,
    listed: Sequence[CodedAU],
    faces: Sequence[int],
    mode: Mode,
) -> Cluster | None:
    """Check that the decision stays within the assignment, renew its lease, return its cluster."""
    own_assignment_check(assignment, user)
    if assignment.dataset_id != dataset.pk or assignment.mode != mode:
        raise InputRefused(_("The assignment is for another data set or mode."))
    if any(not coded.mask & assignment.aus for coded in listed):
        raise InputRefused(_("The assignment is for other AUs."))
    if assignment.cluster is not None:
        inside = bool(np.isin(np.asarray(faces, np.int64), cluster_positions(assignment.cluster)).all())
    else:
        given = set(assignment.assigned_faces.values_list("face__position", flat=True))
        inside = given.issuperset(faces)
    if not inside:
        raise InputRefused(_("Some of these faces are not in the assignment."))
    try:
        assignment_renew(assignment=assignment, user=user)
    except Conflict as error:
        raise AssignmentStale(str(error)) from None
    return assignment.cluster


def expected_check(
    rows: FaceRows,
    listed: Sequence[CodedAU],
    expected: Mapping[int, str] | None,
    sides: Mapping[int, tuple[int, int]] | None,
) -> None:
    """Raise DecisionStale where a face's state tokens, or its intensities of the one AU, are not as shown."""
    bits = [coded.bit for coded in listed]
    aus = tuple(coded.au for coded in listed)
    expected, told = expected or {}, (sides or {}) if len(bits) == 1 else {}
    tokens = state_tokens(rows.old, bits) if expected else [""] * len(rows.ids)
    stale = []
    for row, (position, now) in enumerate(zip(rows.positions.tolist(), tokens, strict=True)):
        levels = _levels(rows.old, row, bits) if position in told else None
        changed = position in expected and expected[position] != now
        if changed or (levels is not None and levels != told[position]):
            shown = expected.get(position, now)
            stale.append(StaleFace(position, shown, now, aus, told.get(position), levels))
    if stale:
        raise DecisionStale(stale)


def _levels(old: LayerCodes, row: int, bits: Sequence[int]) -> tuple[int, int]:
    return sides_of(old, row, bits[0])
