"""The two pages of a detector's scores: the distribution in a scope, and the faces of one bar."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import FaceRole, LayerKind
from annotator.errors import NotFound
from annotator.models import Detector, Face, LabelLayer
from annotator.selectors.arrays import array_read
from annotator.selectors.codes import layer_codes
from annotator.selectors.review import CODE_SIGNS, CODE_WORDS, state_tokens
from annotator.selectors.scopes import Scope
from annotator.selectors.tiles import faces_at
from trainer.selectors import score_charts as charts
from trainer.selectors.score_codes import NONE, ROWS_INLINE, CodeChoice, CodeSource, Question, weak_choice
from trainer.selectors.scores import (
    ScoreCounts,
    ScoredAU,
    Scores,
    faces_between,
    scores_at,
    trained_count,
    trained_on,
)

PER_PAGE = 60
LOOKED_MOST = 10_000
"""Faces whose codes are read for one page of those that are coded alike."""
LOOK = 2_500
CODES = {"present": 1, "absent": 0, "unknown": -1}


@dataclass(frozen=True)
class ScoreView:
    """What is looked at: a detector's scores of the faces in a scope, with codes laid over them."""

    detector: Detector
    layers: Sequence[LabelLayer]
    """Those that the reader may see."""
    scope: Scope
    positions: NDArray[np.int64] | None
    """The scope's, ascending; None for all faces."""
    faces: int
    """In the scope."""
    scores: Scores
    aus: Sequence[ScoredAU]
    choices: Sequence[CodeChoice]
    choice: CodeChoice


@dataclass(frozen=True)
class Distribution:
    """The scores of A AUs in a scope, counted and drawn."""

    counts: ScoreCounts
    trained: int
    """Of the faces, those that the detector was trained on: their scores are out of fold."""
    rows: list[tuple[charts.Share, tuple[float, float]]]
    """Each AU's shares, and the bar of its difference."""
    mean: float | None
    """Mean absolute difference."""
    histograms: list[charts.Histogram]
    pairs: list[tuple[int, int, list[charts.PairCell]]]
    codes: CodeChoice | None
    """Laid over the scores; None too where no face of the scope has such a code,"""
    uncoded: CodeChoice | None
    """which is then this one."""
    weak: CodeChoice | None
    without: int
    """Faces of the scope without a score: they came after the detector looked."""
    later: bool
    """Codes of so many faces take a while: the page asks for them once it is shown."""

    @property
    def common(self) -> bool:
        """Whether an AU has no threshold of its own."""
        return any(not row.own for row, _bar in self.rows)


def distribution(view: ScoreView, *, wait: bool, root: bool) -> Distribution:
    """Count the scope. Where reading codes takes long, they are left for later, unless one would `wait`;
    `root` draws heights as square roots."""
    chosen = [] if view.choice.key == NONE else [view.choice]
    many = view.faces > ROWS_INLINE
    weak = weak_choice(view.choices)
    if chosen and weak is not None and weak != view.choice and (view.choice.rows or not many):
        chosen.append(weak)
    question = _question(view, chosen)
    later = many and view.choice.rows and not wait and question.answer_kept() is None
    if later:
        chosen, question = [], _question(view, [])
    counts = question.answer(view.positions)
    places = {choice.key: place for place, choice in enumerate(chosen)}
    codes = places.get(view.choice.key)
    beside = places.get(weak.key) if weak is not None and weak != view.choice else None
    rows = charts.shares(counts, view.aus, codes=codes, weak=beside)
    coded = any(row.known for row in rows)
    largest = max((abs(row.difference or 0) for row in rows), default=0)
    return Distribution(
        counts=counts,
        trained=trained_count(view.detector, view.positions),
        rows=[(row, charts.difference_bar(row.difference, largest)) for row in rows],
        mean=charts.difference_mean(rows),
        histograms=charts.histograms(counts, rows, codes=codes, root=root),
        pairs=charts.pairs(counts, view.aus),
        codes=view.choice if coded else None,
        uncoded=view.choice if codes is not None and not coded else None,
        weak=weak if any(row.weak_known for row in rows) else None,
        without=max(view.faces - counts.faces, 0),
        later=later,
    )


def _question(view: ScoreView, chosen: Sequence[CodeChoice]) -> Question:
    sources = [CodeSource(choice, view.detector, view.aus, view.layers) for choice in chosen]
    return Question(view.detector.dataset, view.scores, view.scope, view.aus, sources)


@dataclass(frozen=True)
class Said:
    """One layer's word on one face: p, a or u."""

    layer: LabelLayer
    code: str

    @property
    def sign(self) -> str:
        return CODE_SIGNS[self.code]

    @property
    def word(self) -> str:
        return str(CODE_WORDS[self.code])


@dataclass(frozen=True)
class ScoredFace:
    """One face of a bar."""

    face: Face
    score: float
    called: bool
    trained: bool
    said: list[Said]
    """Nothing for a test face: its codes are for the detector's report."""

    @property
    def shown(self) -> str:
        return f"{self.score:.3f}"

    @property
    def is_test(self) -> bool:
        return self.face.role == FaceRole.TEST


@dataclass(frozen=True)
class BarPage:
    """One page of the faces whose scores of an AU lie between two."""

    au: ScoredAU
    total: int
    """Faces of the bar, however coded."""
    start: int
    """Where in the bar's order the page begins,"""
    end: int
    """and the place behind the last face looked at."""
    tiles: list[ScoredFace]

    @property
    def first(self) -> int:
        """The page's first face, counted from 1."""
        return self.start + 1

    @property
    def more(self) -> bool:
        return self.end < self.total

    @property
    def before(self) -> int:
        return max(self.start - PER_PAGE, 0)


def scored_au(view: ScoreView, au: int) -> ScoredAU:
    """The AU of this number; NotFound where the detector doesn't score it."""
    found = next((one for one in view.aus if one.au == au), None)
    if found is None:
        raise NotFound(_("The detector has no scores of such an AU."))
    return found


def bar_page(
    view: ScoreView, au: ScoredAU, low: float, high: float, *, order: str, code: str = "", start: int = 0
) -> BarPage:
    """The page that begins at the place `start` of the bar's order; with `code`, of the faces that the
    chosen codes call so."""
    values = array_read(view.scores.array)
    ranked = faces_between(values, au.bit, low, high, view.positions, order)
    start = min(start, max(len(ranked) - 1, 0))
    shown, end = _coded_alike(view, au, ranked, code, start) if code in CODES else _page(ranked, start)
    return BarPage(au, len(ranked), start, end, _tiles(view, au, shown))


def _page(ranked: NDArray[np.int64], start: int) -> tuple[list[int], int]:
    shown = ranked[start : start + PER_PAGE].tolist()
    return shown, start + len(shown)


def _coded_alike(
    view: ScoreView, au: ScoredAU, ranked: NDArray[np.int64], code: str, start: int
) -> tuple[list[int], int]:
    """A page of faces with this code, and how far the search came: it ends after LOOKED_MOST faces, so
    that a rare code among a million faces doesn't keep the page waiting."""
    source = CodeSource(view.choice, view.detector, [au], view.layers)
    shown: list[int] = []
    place = start
    while place < len(ranked) and place - start < LOOKED_MOST:
        part = ranked[place : place + LOOK]
        hits = np.flatnonzero(source(part)[:, 0] == CODES[code])[: PER_PAGE - len(shown)]
        shown += part[hits].tolist()
        if len(shown) == PER_PAGE:
            return shown, place + int(hits[-1]) + 1
        place += len(part)
    return shown, place


def _tiles(view: ScoreView, au: ScoredAU, positions: Sequence[int]) -> list[ScoredFace]:
    faces = faces_at(view.detector.dataset, positions)
    there = [position for position in positions if position in faces]
    scores = scores_at(array_read(view.scores.array), au.bit, there)
    trained = trained_on(view.detector, there)
    said = _said(view.layers, au, [faces[position] for position in there])
    return [
        ScoredFace(faces[position], score, score > float(np.float32(au.threshold)), position in trained, words)
        for position, score, words in zip(there, scores, said, strict=True)
    ]


def _said(layers: Sequence[LabelLayer], au: ScoredAU, faces: Sequence[Face]) -> list[list[Said]]:
    """What each layer but predictions says on each face; nothing on test faces."""
    said: list[list[Said]] = [[] for _face in faces]
    shown = [(row, face.pk) for row, face in enumerate(faces) if face.role != FaceRole.TEST]
    for layer in layers:
        if layer.kind == LayerKind.PREDICTION:
            continue
        tokens = state_tokens(layer_codes(layer, [pk for _row, pk in shown]), [au.bit])
        for (row, _pk), token in zip(shown, tokens, strict=True):
            if token[0] != "-":
                said[row].append(Said(layer, token[0]))
    return said
