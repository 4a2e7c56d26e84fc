"""`features_standardise` for more faces than memory holds: the same in parts, from a file to a file."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainer.algorithms.features import SCALE_FLOOR

Floats = NDArray[np.float32]
PART = 8_192


def standardised_parts(features: Floats, part: int = PART) -> Iterator[tuple[int, Floats]]:
    """(first row, rows of unit length) of features (N, F), which may be mapped from a file.

    Each column is brought to zero mean and unit variance, a dead one to zero, then each row to unit
    length, as `features_standardise` does with all rows at once.
    """
    mean, spread = columns_measure(features, part)
    for start in range(0, len(features), part):
        centred = features[start : start + part] - mean
        scaled = np.where(spread > SCALE_FLOOR, centred / np.maximum(spread, SCALE_FLOOR), 0.0)
        length = np.linalg.norm(scaled, axis=1, keepdims=True)
        yield start, (scaled / np.maximum(length, SCALE_FLOOR)).astype(np.float32)


def columns_measure(features: Floats, part: int = PART) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation (F,) of the columns of (N, F), in two passes as numpy does it."""
    mean = np.zeros(features.shape[1])
    for start in range(0, len(features), part):
        mean += features[start : start + part].sum(axis=0, dtype=np.float64)
    mean /= max(1, len(features))
    squares = np.zeros_like(mean)
    for start in range(0, len(features), part):
        squares += np.square(features[start : start + part] - mean).sum(axis=0)
    return mean, np.sqrt(squares / max(1, len(features)))
