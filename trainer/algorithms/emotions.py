"""Which emotion each face shows, for pretraining on emotions: read from a column, or inferred from AUs.

Inferred ones come from the company of AUs that is usually read as an emotion; they say no more of what anybody
felt than the AUs do. Needs numpy alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
"""AUs by emotion; those that a data set doesn't code are left out of the count."""
AFFECTNET = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
"""Its numbers, 0 to 7; 8 none, 9 uncertain, 10 no face."""
NO_EMOTION = frozenset({"", "none", "uncertain", "unknown", "no face", "no-face", "noface", "nan", "8", "9", "10"})
LEAST_SHARE = 0.5
"""So much of an emotion's AUs must be there."""
LEAST_FACES = 2


@dataclass(frozen=True)
class Emotions:
    """N faces."""

    classes: NDArray[np.int64]
    """(N,) places in `names`, −1 for none."""
    names: tuple[str, ...]
    source: str
    """"column" or "aus"."""

    @property
    def counts(self) -> dict[str, int]:
        return {name: int((self.classes == place).sum()) for place, name in enumerate(self.names)}


def emotions_read(values: Sequence[str]) -> Emotions:
    """From a column's cells: each different word is an emotion, AffectNet's numbers are its words."""
    words = [" ".join(str(value).split()).casefold() for value in values]
    numbers = {word for word in words if word and word not in NO_EMOTION}
    if numbers <= {str(number) for number in range(len(AFFECTNET))}:
        words = [AFFECTNET[int(word)] if word in numbers else "" for word in words]
    return _classes(np.array(["" if word in NO_EMOTION else word for word in words], dtype=object), "column")


def emotions_infer(codes: NDArray[np.int8], aus: Sequence[int]) -> Emotions:
    """From codes (N, A), 1, 0, below 0 unknown: the emotion with the largest share of its AUs present.

    Neutral where no AU of the table is present. None where several are as near, none reaches half of its AUs, or no
    code is known.
    """
    shares = np.zeros((len(codes), len(PROTOTYPES)))
    for place, units in enumerate(PROTOTYPES.values()):
        columns = [aus.index(au) for au in units if au in aus]
        if columns:
            shares[:, place] = (codes[:, columns] == 1).mean(axis=1)
    most = shares.max(axis=1, initial=0.0)
    alone = (shares == most[:, None]).sum(axis=1) == 1
    named = np.array([*PROTOTYPES], dtype=object)[shares.argmax(axis=1)]
    found = np.where(alone & (most >= LEAST_SHARE), named, "")
    found[(most == 0) & (codes >= 0).any(axis=1)] = NEUTRAL
    return _classes(found, "aus")


def _classes(words: NDArray[np.object_], source: str) -> Emotions:
    names, places, counts = np.unique(words.astype(str), return_inverse=True, return_counts=True)
    kept = [place for place, name in enumerate(names) if name and counts[place] >= LEAST_FACES]
    number = np.full(len(names), -1, np.int64)
    number[kept] = np.arange(len(kept))
    return Emotions(number[places], tuple(str(names[place]) for place in kept), source)
