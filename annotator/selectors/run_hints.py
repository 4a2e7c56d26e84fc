"""What a run says beside its proposals: where it cut its probabilities, and which clusters are odd."""

import math

import numpy as np
from numpy.typing import NDArray

from annotator.models import ClusterRun
from annotator.selectors.arrays import array_read

ODD_FROM = 0.9
"""A cluster is odd where its mean outlier score lies above those of this share of the run's faces."""


def run_cut(run: ClusterRun, au: int) -> float | None:
    """The probability of presence from which on the run proposes the AU as present; None for a run
    that kept none."""
    rows = run.summary.get("per_au", [])
    if au not in run.aus or run.aus.index(au) >= len(rows):
        return None
    cut = rows[run.aus.index(au)].get("cut")
    return float(cut) if isinstance(cut, int | float) and math.isfinite(cut) else None


def cluster_odd(run: ClusterRun, positions: NDArray[np.int64]) -> bool:
    """Whether the faces at these positions, a cluster's, are as a whole unlike the run's other faces.

    Pictures that show no face resemble one another and so cluster well: the noise group misses them.
    """
    if run.outlier_scores is None:
        return False
    scores = np.asarray(array_read(run.outlier_scores), np.float32)
    inside = scores[positions[positions < len(scores)]]
    known, inside = scores[np.isfinite(scores)], inside[np.isfinite(inside)]
    if not len(inside):
        return False
    return bool(inside.mean() > np.quantile(known, ODD_FROM))
