"""The face at rest to compare a person's others with: the one a coder chose, else the calmest by the codes."""

from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotator.masks import NOT_SCORED, PRESENT
from annotator.models import Face
from annotator.selectors.codes import coded_aus, is_blind, layers_visible_to
from annotator.selectors.effective import effective_codes

SEARCHED = 500
"""Faces of a subject that are looked through for the calmest one."""


@dataclass(frozen=True)
class Neutral:
    """The face beside the picture, and how it was found."""

    face: Face
    chosen: bool
    how: str


def neutral_of(face: Face, user: User) -> Neutral | None:
    """The neutral face of the face's subject: the chosen one, else that with the fewest AUs by the codes
    that count. The codes are never asked while the user codes blind; None where there is nothing to show."""
    subject = face.subject
    if subject is None:
        return None
    if subject.neutral is not None:
        return Neutral(subject.neutral, True, _("chosen by a coder"))
    if is_blind(user, face.dataset):
        return None
    return _calmest(face, user)


def _calmest(face: Face, user: User) -> Neutral | None:
    dataset = face.dataset
    faces = list(Face.objects.filter(subject=face.subject).order_by("position")[: SEARCHED + 1])
    cut, faces = len(faces) > SEARCHED, faces[:SEARCHED]
    aus = coded_aus(dataset)
    if not aus or len(faces) < 2:
        return None
    counted = effective_codes(
        dataset,
        layers_visible_to(user, dataset),
        [one.pk for one in faces],
        aus,
        accept_proposals=dataset.accept_proposals,
        coders_needed=dataset.protocols.latest("version").coders_per_item,
    )
    known = (counted.codes != NOT_SCORED).sum(axis=1)
    active = (counted.codes == PRESENT).sum(axis=1)
    # Of equally calm faces the one of which most AUs are known, of those the first.
    usable = np.flatnonzero((known > 0) & ~counted.noise)
    if not len(usable):
        return None
    best = min(usable.tolist(), key=lambda row: (active[row], -known[row], row))
    return Neutral(faces[best], False, _how(int(active[best]), len(faces), cut=cut))


def _how(active: int, searched: int, *, cut: bool) -> str:
    said = (
        _("no AU is present by the codes that count")
        if not active
        else ngettext(
            "%(n)d AU by the codes that count: the fewest of this person",
            "%(n)d AUs by the codes that count: the fewest of this person",
            active,
        )
        % {"n": active}
    )
    return said + " " + _("(among the first %(n)d faces)") % {"n": searched} if cut else said
