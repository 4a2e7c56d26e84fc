"""Features as neighbour search wants them, worked on in parts: of a million faces they lie in files."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SCALE_FLOOR = 1e-6
PART = 8_192


def features_standardise(features: Floats) -> Floats:
    """Each column of (N, F) to zero mean and unit variance, then each row to unit length.

    A dead column becomes zero. With unit rows the L2 distance orders neighbours as the cosine does;
    on ictau it lets 30 neighbours vote better than the bare or the only standardised features.
    """
    unit = np.empty(features.shape, dtype=np.float32)
    for start, rows in standardised_parts(features):
        unit[start : start + len(rows)] = rows
    return unit


def standardised_parts(features: Floats, part: int = PART) -> Iterator[tuple[int, Floats]]:
    """(first row, rows as `features_standardise` makes them) of features (N, F), which may be mapped from a
    file."""
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
