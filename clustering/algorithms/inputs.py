"""Checks of what a run is given, with errors in the words of the person who gave it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.algorithms.groups import UNKNOWN
from clustering.algorithms.settings import WSCSettings

FloatArray = NDArray[np.float32]
CodeArray = NDArray[np.int8]

LEAST_FACES = 3
LARGEST = 1e15
"""Of the features: squares of their differences must be numbers in single precision, of hundreds of them summed."""


@dataclass(frozen=True)
class WSCInput:
    """Checked arrays of one run: N faces, A AUs."""

    features: FloatArray
    weak: CodeArray
    weak_probability: FloatArray | None
    scores: FloatArray | None
    reference: CodeArray | None
    picture_quality: FloatArray | None


def input_check(
    features: NDArray[np.floating],
    weak: NDArray[np.integer],
    weak_probability: NDArray[np.floating] | None,
    scores: NDArray[np.floating] | None,
    reference: NDArray[np.integer] | None,
    picture_quality: NDArray[np.floating] | None,
    *,
    labels_needed: bool = True,
) -> WSCInput:
    """The arrays in their own types; raises ValueError for what a run could only answer with nonsense."""
    x = np.ascontiguousarray(features, dtype=np.float32)
    if x.ndim != 2 or not x.shape[1]:
        raise ValueError("Features must be a table with a row for each face and at least one column.")
    n = len(x)
    if n < LEAST_FACES:
        raise ValueError(f"{n} faces cannot be clustered: at least {LEAST_FACES} are needed.")
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if len(bad):
        raise ValueError(
            f"The features of {len(bad)} faces hold NaN or infinite numbers (the first is face {bad[0]}): "
            "extract the features again or leave these faces out."
        )
    if np.abs(x).max() > LARGEST:
        raise ValueError(
            f"The features hold numbers up to {np.abs(x).max():.2g}; above {LARGEST:g} distances can't be told any "
            "more: scale the features."
        )
    if (x == x[0]).all():
        raise ValueError("All faces have the same features, so nothing can be told apart: check the feature set.")
    codes = _codes("weak labels", weak, n)
    shape = codes.shape
    known_score = _probabilities("scores", scores, shape)
    known_weak = _probabilities("weak probabilities", weak_probability, shape)
    if labels_needed and (codes == UNKNOWN).all() and known_score is None and known_weak is None:
        raise ValueError("No face has a weak label for these AUs: there is nothing to correct.")
    codes_reference = None if reference is None else _codes("reference labels", reference, n)
    if codes_reference is not None and codes_reference.shape != shape:
        raise ValueError(f"Reference labels have {codes_reference.shape[1]} AUs, the weak labels {shape[1]}.")
    if codes_reference is not None and (codes_reference == UNKNOWN).all():
        codes_reference = None
    quality = None if picture_quality is None else np.asarray(picture_quality, dtype=np.float32)
    if quality is not None and quality.shape != (n, 2):
        raise ValueError(f"Picture quality must be {n} rows of sharpness and brightness, not {quality.shape}.")
    return WSCInput(x, codes, known_weak, known_score, codes_reference, quality)


def _codes(what: str, values: NDArray[np.integer], n: int) -> CodeArray:
    table = np.asarray(values)
    if table.ndim != 2 or len(table) != n or not table.shape[1]:
        raise ValueError(f"The {what} must have {n} rows and a column for each AU, not shape {table.shape}.")
    odd = ~np.isin(table, (1, 0, UNKNOWN))
    if odd.any():
        raise ValueError(f"The {what} must be 1, 0 or -1 (not known); found {table[odd].flat[0]}.")
    return table.astype(np.int8)


def _probabilities(what: str, values: NDArray[np.floating] | None, shape: tuple[int, ...]) -> FloatArray | None:
    if values is None:
        return None
    table = np.asarray(values, dtype=np.float32)
    if table.shape != shape:
        raise ValueError(f"The {what} have shape {table.shape}, the weak labels {shape}.")
    with np.errstate(invalid="ignore"):
        if ((table < 0) | (table > 1) | np.isinf(table)).any():
            raise ValueError(f"The {what} must lie between 0 and 1 (or be NaN where not known).")
    return None if np.isnan(table).all() else table


def settings_fit(settings: WSCSettings, faces: int) -> tuple[WSCSettings, list[str]]:
    """Settings that so few faces can bear, and a warning for each that was lowered."""
    warnings: list[str] = []
    most = faces - 1
    lowered: dict[str, Any] = {}
    for name in ("neighbours", "cluster_neighbours", "dimensions"):
        if getattr(settings, name) > most:
            warnings.append(f"{name} lowered from {getattr(settings, name)} to {most}: there are {faces} faces.")
            lowered[name] = most
    return replace(settings, **lowered), warnings
