"""Two measures of codes against a truth."""

import numpy as np
from numpy.typing import NDArray

from clustering.algorithms.groups import UNKNOWN


def agreement_f1(truth: NDArray[np.int8], codes: NDArray[np.int8]) -> tuple[float | None, float | None]:
    """Agreement and F1 of codes (N,) against truth (N,) where both are known.

    None where undefined: no face known to both; for F1 also no present code on either side.
    """
    known = (truth != UNKNOWN) & (codes != UNKNOWN)
    if not known.any():
        return None, None
    t, c = truth[known] == 1, codes[known] == 1
    both = int((t & c).sum())
    marked = int(t.sum() + c.sum())
    return float((t == c).mean()), (2 * both / marked if marked else None)
