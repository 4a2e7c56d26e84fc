"""The whole history of one face, page by page: who decided what, and what it made of the face."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.db.models import Q
from django.utils.translation import gettext as _

from annotator.choices import Intensity, Scope
from annotator.masks import intensities_unpack
from annotator.models import CodedAU, DataSet, Decision, DecisionFace, Face
from annotator.selectors.grades import grade_words
from annotator.selectors.review import CODE_WORDS, DecisionLine, decision_lines, decisions_of

PAGE = 20
"""Decisions on one page of the history."""
NEITHER = (int(Intensity.NOT_SCORED), int(Intensity.NOT_SCORED))


@dataclass(frozen=True)
class FaceLine:
    """One decision with what it changed on this face: “not coded → present C”, one for each AU."""

    line: DecisionLine
    changes: list[tuple[int, str]]
    """(AU number, words); the number is 0 for the noise mark."""


@dataclass(frozen=True)
class FaceHistory:
    """One page of the decisions on a face, newest first."""

    page: Page[Decision]
    lines: list[FaceLine]


def face_history(dataset: DataSet, viewer: User, face: Face, number: int = 1) -> FaceHistory:
    """The decisions on a face, and on events of its clip, that the viewer may read; a page beyond the last
    is the last."""
    page = Paginator(decisions_of(dataset, viewer, face=face), PAGE).get_page(number)
    decisions = list(page.object_list)
    lines = decision_lines(dataset, decisions, viewer)
    changed = {row.decision_id: row for row in DecisionFace.objects.filter(decision__in=decisions, face=face)}
    listed = list(dataset.coded_aus.all())
    told = [FaceLine(line, _changes(changed.get(line.decision.pk), line, listed)) for line in lines]
    return FaceHistory(page, told)


def standing_within(face: Face) -> Q:
    """What the face page may undo: decisions on this face alone or, in a clip, on any one of its frames and
    on its events."""
    if face.clip_id is None:
        return Q(scope=Scope.FACE, faces__face=face)
    on_frames = DecisionFace.objects.filter(face__clip=face.clip_id, decision__scope=Scope.FACE)
    return Q(pk__in=on_frames.values("decision")) | Q(event__clip=face.clip_id)


def _changes(row: DecisionFace | None, line: DecisionLine, listed: Sequence[CodedAU]) -> list[tuple[int, str]]:
    if row is None:
        return []
    said = []
    sides = [intensities_unpack(row.old_intensities), intensities_unpack(row.new_intensities)]
    for coded in listed:
        if not coded.mask & line.decision.aus:
            continue
        old = _words(row.old_present, row.old_scored, row.old_unscorable, sides[0], coded)
        new = _words(row.new_present, row.new_scored, row.new_unscorable, sides[1], coded)
        said.append((coded.au, old if old == new else f"{old} → {new}"))
    if row.old_noise != row.new_noise:
        said.append((0, _("noise") if row.new_noise else _("no longer noise")))
    return said


def _words(present: int, scored: int, unscorable: int, sides: dict[int, tuple[int, int]], coded: CodedAU) -> str:
    mask = coded.mask
    letter = "u" if unscorable & mask else "p" if present & mask else "a" if scored & mask else "-"
    grade = grade_words(*sides.get(coded.bit, NEITHER))
    return f"{CODE_WORDS[letter]} {grade}".strip()
