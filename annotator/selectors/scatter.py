"""Faces as dots on a small plane, as SVG paths: how several pages draw some of a data set's faces."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 200
LAYERS = 5
"""Times that each kind is drawn in turn, so that none lies on top of the others."""


def places_on_map(plane: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(N, 2) places in a picture of WIDTH × HEIGHT, each axis stretched to it."""
    # A few far faces must not squeeze the others into a dot.
    low, high = np.quantile(plane, [0.01, 0.99], axis=0)
    size = np.array([WIDTH, HEIGHT])
    return np.asarray(np.clip((plane - low) / np.maximum(high - low, 1e-9), 0, 1) * (size - 12) + 6)


def dots(
    places: NDArray[np.float64], codes: NDArray[np.integer[Any]], kinds: Mapping[int, str]
) -> list[tuple[str, str]]:
    """The places (N, 2) as (kind, path data), to be drawn with round ends: the kinds in turn, some of each. A
    code (N,) that has no kind is not drawn."""
    paths = []
    for part in range(LAYERS):
        inside = np.arange(len(places)) % LAYERS == part
        for code, kind in kinds.items():
            if (chosen := inside & (codes == code)).any():
                paths.append((kind, "".join(f"M{x:.0f} {y:.0f}h0" for x, y in places[chosen])))
    return paths
