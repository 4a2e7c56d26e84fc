"""A detector's scores of faces: where they lie, how they are distributed, which faces have which.

A score is the probability of presence that the detector gave an AU on a face. Scores are read from
arrays mapped into memory, a block of positions at a time, so that a million faces cost a fraction of
a second and little memory.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db.models import F, Q
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.models import ArrayFile, CodedAU, DataSet, Detector, LabelLayer
from annotator.selectors.arrays import array_read
from annotator.selectors.codes import coded_aus

BARS = 20
"""Bars of a histogram of scores, of equal width."""
BLOCK = 32_768
"""Positions read at once: their scores fit a processor's cache."""
COMMON_THRESHOLD = 0.5
"""What counts as present by a detector that has no threshold of its own for an AU."""
NO_SCORE = 2 * BARS
KEYS = NO_SCORE + 1

CodeReader = Callable[[NDArray[np.int64]], NDArray[np.int8]]
"""Positions (n,) to codes (n, A): 1 present, 0 absent, −1 unknown."""


@dataclass(frozen=True)
class Scores:
    """Where a detector's scores of the data set's faces lie."""

    array: ArrayFile
    """(positions, 63) float16 by AU bit, NaN where there is none."""
    made_at: datetime
    layer: LabelLayer | None
    """The prediction layer, where the scores are one's."""


@dataclass(frozen=True)
class ScoredAU:
    """One AU that a detector scores, and the score from which on it predicts “present”."""

    au: int
    bit: int
    threshold: float
    own: bool
    """The threshold was chosen in training, and isn't the common one."""


def scores_of(detector: Detector, layers: Sequence[LabelLayer]) -> Scores | None:
    """The detector's scores: those of its prediction layer, if it is among the layers given (the ones
    that its reader may see), else those beside its newest features. None before the first prediction."""
    for layer in layers:
        if layer.kind == LayerKind.PREDICTION and layer.detector_id == detector.pk and layer.probabilities:
            return Scores(layer.probabilities, layer.probabilities.created_at, layer)
    beside = detector.feature_sets.filter(scores__isnull=False).select_related("scores").first()
    if beside is None or beside.scores is None:
        return None
    return Scores(beside.scores, beside.created_at, None)


def detector_scored(dataset: DataSet) -> Detector | None:
    """The detector whose scores pages offer: the promoted one, else the newest with scores."""
    scored = Q(layers__kind=LayerKind.PREDICTION, layers__probabilities__isnull=False)
    scored |= Q(feature_sets__scores__isnull=False)
    found = Detector.objects.filter(scored, dataset=dataset)
    return found.order_by(F("promoted_at").desc(nulls_last=True), "-pk").first()


def scored_aus(detector: Detector) -> list[ScoredAU]:
    """The AUs on the data set's list that the detector scores, in the list's order."""
    thresholds = dict(zip(detector.aus, detector.thresholds, strict=False))
    return [
        _scored(coded, thresholds.get(coded.au)) for coded in coded_aus(detector.dataset) if coded.au in detector.aus
    ]


def _scored(coded: CodedAU, threshold: float | None) -> ScoredAU:
    return ScoredAU(coded.au, coded.bit, COMMON_THRESHOLD if threshold is None else threshold, threshold is not None)


@dataclass(frozen=True)
class ScoreCounts:
    """How the scores of A AUs are distributed, and how they go with codes of C sources."""

    faces: int
    """Faces with a score of any of the AUs."""
    counts: NDArray[np.int64]
    """(max(C, 1), A, bars, 2, 3): faces by bar, by absent or present as predicted, and by unknown, absent
    or present as coded. Without a source all are unknown."""
    both: NDArray[np.int64]
    """(A, A): faces on which the row's AU and the column's are predicted present."""

    @property
    def bars(self) -> NDArray[np.int64]:
        """(A, bars) faces."""
        return np.asarray(self.counts[0].sum(axis=(2, 3)))

    @property
    def scored(self) -> NDArray[np.int64]:
        """(A,) faces with a score."""
        return np.asarray(self.counts[0].sum(axis=(1, 2, 3)))

    @property
    def called(self) -> NDArray[np.int64]:
        """(A,) faces predicted present."""
        return np.asarray(self.counts[0][:, :, 1].sum(axis=(1, 2)))


def scores_count(
    values: NDArray[Any],
    aus: Sequence[ScoredAU],
    positions: NDArray[np.int64] | None = None,
    sources: Sequence[CodeReader] = (),
) -> ScoreCounts:
    """Count the scores `values` (positions, 63) of the AUs, at these positions or at all.

    A float16 has 65,536 values: each AU's bar and prediction is looked up by the score's own bits.
    """
    tables = np.stack([_table(au.threshold) for au in aus]) if aus else np.zeros((0, 1 << 16), np.uint8)
    counts = np.zeros((max(len(sources), 1), len(aus), KEYS, 3), np.int64)
    both = np.zeros((len(aus), len(aus)))
    faces = 0
    for rows, block in _blocks(values, [au.bit for au in aus], positions):
        keys = np.stack([table[column] for table, column in zip(tables, block, strict=True)]) if aus else block
        scored = (keys != NO_SCORE).any(axis=0)
        faces += int(scored.sum())
        called = ((keys & 1) == 1).astype(np.float32)  # exact: a block has fewer faces than 2²⁴
        both += called @ called.T
        if not sources:
            counts[0, :, :, 0] += [np.bincount(row, minlength=KEYS) for row in keys]
        elif scored.any():
            for source, read in enumerate(sources):
                # At most 122: all of it fits eight bits.
                joint = keys[:, scored] * np.uint8(3) + (read(rows[scored]).T + 1).astype(np.uint8)
                counts[source] += [np.bincount(row, minlength=KEYS * 3).reshape(KEYS, 3) for row in joint]
    shape = (len(counts), len(aus), BARS, 2, 3)
    return ScoreCounts(faces, counts[:, :, :NO_SCORE].reshape(shape), np.rint(both).astype(np.int64))


def _table(threshold: float) -> NDArray[np.uint8]:
    """(65,536,): for the bits of each float16 twice its bar, one more where it is predicted present;
    NO_SCORE for what is no number."""
    scores = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float64)
    keys = np.full(1 << 16, NO_SCORE, np.uint8)
    told = np.isfinite(scores)
    called = scores[told] > np.float32(threshold)  # as the prediction layer's codes were made
    keys[told] = np.clip(scores[told] * BARS, 0, BARS - 1).astype(np.uint8) * 2 + called
    return keys


def _blocks(
    values: NDArray[Any], bits: Sequence[int], positions: NDArray[np.int64] | None
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint16]]]:
    """Positions (n,) and the bits of their float16 scores (A, n), a block at a time."""
    inside = None if positions is None else positions[positions < len(values)]
    total = len(values) if inside is None else len(inside)
    for start in range(0, total, BLOCK):
        if inside is None:
            rows = np.arange(start, min(start + BLOCK, total))
            block = values[start : start + BLOCK][:, list(bits)]
        else:
            rows = inside[start : start + BLOCK]
            block = np.take(values, rows, axis=0)[:, list(bits)]
        yield rows, np.ascontiguousarray(block.T.astype(np.float16, copy=False)).view(np.uint16)


ORDERS = ("highest", "lowest", "number")


def faces_between(
    values: NDArray[Any],
    bit: int,
    low: float,
    high: float,
    positions: NDArray[np.int64] | None = None,
    order: str = "highest",
) -> NDArray[np.int64]:
    """The positions whose score of the AU bit is from `low` on and below `high` (1 is included in the
    last bar), by score or by number."""
    column = _column(values, bit, positions)
    rows = np.arange(len(column)) if positions is None else positions[positions < len(values)]
    scores = column.astype(np.float32)
    hits = np.flatnonzero((scores >= low) & ((scores < high) | ((high >= 1) & (scores >= 1))))
    if order != "number":
        # The bits of float16s that aren't negative are in their order, and numpy sorts 16 bits by radix.
        ranks = np.maximum(column[hits], np.float16(0)).view(np.uint16).astype(np.uint16)
        if order == "highest":
            ranks = np.uint16(0xFFFF) - ranks
        hits = hits[np.argsort(ranks, kind="stable")]
    found: NDArray[np.int64] = rows[hits]
    return found


def _column(values: NDArray[Any], bit: int, positions: NDArray[np.int64] | None) -> NDArray[np.float16]:
    column = values[:, bit] if positions is None else values[positions[positions < len(values)], bit]
    return np.ascontiguousarray(column).astype(np.float16, copy=False)


def scores_at(values: NDArray[Any], bit: int, positions: Sequence[int]) -> list[float]:
    """One AU's scores at positions that faces_between gave."""
    return [float(values[position, bit]) for position in positions]


def trained_count(detector: Detector, positions: NDArray[np.int64] | None) -> int:
    """How many of the faces at these positions (None: of all) the detector was trained on."""
    codes = array_read(detector.snapshot.codes)
    if positions is not None:
        codes = codes[positions[positions < len(codes)]]
    return int((codes >= 0).any(axis=1).sum())


def trained_on(detector: Detector, positions: Sequence[int]) -> set[int]:
    """Those of these few positions whose faces the detector was trained on."""
    codes = array_read(detector.snapshot.codes)
    return {position for position in positions if position < len(codes) and (codes[position] >= 0).any()}
