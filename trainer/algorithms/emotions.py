"""Which emotion each face shows, for pretraining on emotions: read from a column, or inferred from AUs.

Inferred ones come from the company of AUs that is usually read as an emotion; they say no more of what anybody
felt than the AUs do. Needs numpy alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.algorithms.settings import COLUMN, INFERRED

NEUTRAL = "neutral"
PROTOTYPES: dict[str, tuple[int, ...]] = {
    "happiness": (6, 12),
    "sadness": (1, 4, 15, 17),
    "surprise": (1, 2, 5, 26),
    "fear": (1, 2, 4, 5, 20),
    "anger": (4, 5, 7, 23, 24),
    "disgust": (9, 10, 16),
    "contempt": (14,),
}
"""AUs by emotion; those that no face of a data set has a code of are left out of the count."""
AFFECTNET = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
"""Its numbers, 0 to 7; 8 none, 9 uncertain, 10 no face."""
NO_EMOTION = frozenset({"", "none", "uncertain", "unknown", "no face", "no-face", "noface", "nan", "8", "9", "10"})
WHOLE = re.compile(r"^(\d+)\.0*$", re.ASCII)
"""A number as tables write it that hold no whole ones."""
LEAST_SHARE = 0.5
"""So much of an emotion's AUs must be known, and so much of the known ones there."""
LEAST_FACES = 2


@dataclass(frozen=True)
class Emotions:
    """N faces."""

    classes: NDArray[np.int64]
    """(N,) places in `names`, −1 for none."""
    names: tuple[str, ...]
    source: str
    """COLUMN or INFERRED."""

    @property
    def counts(self) -> dict[str, int]:
        return {name: int((self.classes == place).sum()) for place, name in enumerate(self.names)}


def emotions_read(values: Sequence[str]) -> Emotions:
    """From a column's cells: each different word is an emotion, AffectNet's numbers are its words."""
    words = [WHOLE.sub(r"\1", " ".join(str(value).split()).casefold()) for value in values]
    numbers = {word for word in words if word and word not in NO_EMOTION}
    if numbers <= {str(number) for number in range(len(AFFECTNET))}:
        words = [AFFECTNET[int(word)] if word in numbers else "" for word in words]
    return _classes(np.array(["" if word in NO_EMOTION else word for word in words], dtype=object), COLUMN)


def emotions_infer(codes: NDArray[np.int8], aus: Sequence[int]) -> Emotions:
    """From codes (N, A), 1, 0, below 0 unknown: the emotion with the largest share of its AUs present.

    An unknown AU counts neither as present nor as absent: the share is of the known ones, and an emotion of which
    less than half is known is left out, as too little was looked at to speak for it. Neutral is a face of which all
    AUs of the table are known to be absent. None where several emotions are as near, or none reaches half of its
    known AUs.
    """
    listed = {au for units in PROTOTYPES.values() for au in units}
    coded = {au: column for column, au in enumerate(aus) if au in listed and (codes[:, column] >= 0).any()}
    shares = np.zeros((len(codes), len(PROTOTYPES)))
    for place, units in enumerate(PROTOTYPES.values()):
        shown = codes[:, [coded[au] for au in units if au in coded]]
        known = (shown >= 0).sum(axis=1)
        looked = known >= np.maximum(1, LEAST_SHARE * shown.shape[1])
        shares[:, place] = np.where(looked, (shown == 1).sum(axis=1) / np.maximum(known, 1), 0.0)
    most = shares.max(axis=1, initial=0.0)
    alone = (shares == most[:, None]).sum(axis=1) == 1
    named = np.array([*PROTOTYPES], dtype=object)[shares.argmax(axis=1)]
    found = np.where(alone & (most >= LEAST_SHARE), named, "")
    if coded:
        found[(codes[:, [*coded.values()]] == 0).all(axis=1)] = NEUTRAL
    return _classes(found, INFERRED)


def _classes(words: NDArray[np.object_], source: str) -> Emotions:
    names, places, counts = np.unique(words.astype(str), return_inverse=True, return_counts=True)
    kept = [place for place, name in enumerate(names) if name and counts[place] >= LEAST_FACES]
    number = np.full(len(names), -1, np.int64)
    number[kept] = np.arange(len(kept))
    return Emotions(number[places], tuple(str(names[place]) for place in kept), source)
