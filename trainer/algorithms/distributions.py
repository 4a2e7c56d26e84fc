"""How often AUs are present, alone and under one another, and how faces spread over scores (Wang et al. Figs. 5, 6).

Needs numpy alone, so that pages may call it too.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

HISTOGRAM_BINS = 20
CHUNK = 65536
"""Faces turned into floats at once."""

Table = dict[str, list[Any]]


def distribution_compare(labels: NDArray[np.integer[Any]], called: NDArray[np.bool_]) -> dict[str, Any]:
    """Marginal and conditional distributions of codes and of calls, and how far they are apart.

    labels: (N, A) 1, 0, −1. called: (N, A). Both sides count the same faces: for AU i those with a known
    code of i, for i under j those with known codes of both. `marginal_mean` and `conditional_mean` are
    means over what is defined on both sides; the diagonal, always 1 against 1, has no say.
    """
    known = labels >= 0
    reference = distribution(labels == 1, known)
    predicted = distribution(called, known)
    marginal, conditional = (np.abs(np.subtract(one, other)) for one, other in zip(reference, predicted, strict=True))
    apart = ~np.eye(labels.shape[1], dtype=bool)
    return {
        "reference": _told(*reference),
        "predicted": _told(*predicted),
        "difference": {
            **_told(marginal, conditional),
            "marginal_mean": _mean(marginal),
            "conditional_mean": _mean(conditional[apart]),
        },
    }


def distribution(
    present: NDArray[np.bool_], known: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares (A,) of each AU, and (A, A) of AU i among the faces with AU j; NaN where no face is left.

    present, known: (N, A).
    """
    aus = known.shape[1]
    both, given = np.zeros((aus, aus)), np.zeros((aus, aus))
    for start in range(0, len(known), CHUNK):
        told = known[start : start + CHUNK].astype(np.float32)
        here = told * present[start : start + CHUNK]
        both += here.T @ here
        given += told.T @ here
    faces = np.count_nonzero(known, axis=0)
    with np.errstate(invalid="ignore"):  # 0/0 is NaN, which is what is meant
        return np.diagonal(both) / faces, both / given


def score_histogram(labels: NDArray[np.integer[Any]], scores: NDArray[np.floating[Any]]) -> dict[str, list[Any]]:
    """Faces of one AU by score in 20 bins of equal width, apart for present, absent and unknown codes.

    labels: (N,) 1, 0, −1. scores: (N,) in [0, 1]; NaN is left out. A bin holds its lower edge, the last
    also 1.
    """
    edges = np.round(np.linspace(0, 1, HISTOGRAM_BINS + 1), 6)
    scored = np.isfinite(scores)
    labels, values = labels[scored], scores[scored].astype(np.float64)
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, HISTOGRAM_BINS - 1)
    counts = {
        name: np.bincount(index[chosen], minlength=HISTOGRAM_BINS).tolist()
        for name, chosen in (("present", labels == 1), ("absent", labels == 0), ("unknown", labels < 0))
    }
    return {"edges": edges.tolist(), **counts}


def _told(marginal: NDArray[np.float64], conditional: NDArray[np.float64]) -> Table:
    return {
        "marginal": [_defined(value) for value in marginal],
        "conditional": [[_defined(value) for value in row] for row in conditional],
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
