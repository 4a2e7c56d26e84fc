"""Which lambda to take: a range from looks alone to labels alone, and what each partition proves to know.

With reference faces: the log-likelihood of their codes, foretold from the partition by weights that were fitted
on other reference faces. Their codes never shaped the embedding, so nothing is judged by what made it. Without
any: how far two partitions agree, each made with one random half of the weak labels withheld; lambda too small
ignores what labels say of looks, too large repeats each half's errors.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clustering.algorithms.groups import UNKNOWN
from clustering.algorithms.logistic import log_loss, logistic_fit

LOWEST, HIGHEST = 2.0**-8, 2.0**2
"""Balanced lambda from looks to labels."""
SWEEP_COLUMNS = ("lam", "looks", "labels", "clusters", "umqi", "by_reference", "merit")
"""Of the account of a sweep: lambda, Tr(W^T L W), the group term of Eq. 3 without lambda, clusters, uMQI, whether
merit was measured by reference codes (1) or by halves of the weak ones (0), and merit, higher is better."""
LEAST_EACH = 20
"""Reference codes of each class that an AU needs to be judged by them."""
FOLDS = 5
STRENGTH = 3.0


@dataclass(frozen=True)
class Merit:
    """How much a partition knows; only merits of the same kind compare."""

    value: float
    """Mean log-likelihood of held-out reference codes, or correlation of two halves; NaN where undefined."""
    by_reference: bool


def lambdas_spread(steps: int) -> list[float]:
    """`steps` balanced values from LOWEST to HIGHEST, evenly in their logarithm."""
    if steps < 2:
        raise ValueError(f"A sweep needs at least 2 values of lambda, not {steps}.")
    return [float(lam) for lam in np.geomspace(LOWEST, HIGHEST, steps)]


def reference_usable(reference: NDArray[np.int8]) -> bool:
    """Whether any AU (column of (N, P)) has enough reference codes of both classes."""
    return bool(_usable(reference).any())


def _usable(reference: NDArray[np.int8]) -> NDArray[np.bool_]:
    each = np.stack([(reference == code).sum(axis=0) for code in (0, 1)])
    return np.asarray(each.min(axis=0) >= LEAST_EACH)


def merit_by_reference(heard: NDArray[np.float32], reference: NDArray[np.int8], seed: int) -> Merit:
    """Mean log-likelihood of the reference codes (N, P) under a ridge logistic fit of what was heard (N, P, W).

    Five folds; silence (NaN) counts as the mean. AUs with too few codes of either class are left out.
    """
    fold = np.random.default_rng(seed).permutation(len(reference)) % FOLDS
    loss, count = 0.0, 0
    for a in np.flatnonzero(_usable(reference)):
        rows = np.flatnonzero(reference[:, a] != UNKNOWN)
        y = (reference[rows, a] == 1).astype(np.float64)
        x = _standard(heard[:, a].astype(np.float64))[rows]
        x = np.column_stack([x, np.ones(len(rows))])
        strength = np.full(x.shape[1], STRENGTH)
        strength[-1] = 0.05
        for f in range(FOLDS):
            inside = fold[rows] != f
            b = logistic_fit(x[inside], y[inside], centre=np.zeros(x.shape[1]), strength=strength)
            loss += log_loss(x[~inside] @ b, y[~inside])
        count += len(rows)
    return Merit(-loss / count, True)


def _standard(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns of mean 0 and unit spread, NaN as 0; constant or silent columns all 0."""
    silent = np.isnan(x)
    count = np.maximum((~silent).sum(axis=0), 1)
    centred = np.where(silent, 0.0, x - np.where(silent, 0.0, x).sum(axis=0) / count)
    spread = np.sqrt(np.square(centred).sum(axis=0) / count)
    return np.asarray(centred / np.where(spread > 1e-9, spread, 1.0))


def merit_by_halves(
    weak: NDArray[np.int8], shares: Callable[[NDArray[np.int8]], NDArray[np.float32]], seed: int
) -> Merit:
    """Correlation of the cluster shares that two disjoint halves of the weak codes (N, P) lead to.

    `shares` makes a partition from codes of which a half is withheld (-1) and returns (N, P), the share of
    present among the other faces of each face's cluster. Mean over the AUs where it is defined.
    """
    first = np.random.default_rng(seed).random(len(weak)) < 0.5
    one, two = (shares(np.where(half[:, None], weak, UNKNOWN).astype(np.int8)) for half in (first, ~first))
    values = []
    for a in range(weak.shape[1]):
        both = ~np.isnan(one[:, a]) & ~np.isnan(two[:, a])
        x, y = one[both, a], two[both, a]
        if both.sum() > 2 and x.std() > 0 and y.std() > 0:
            values.append(float(np.corrcoef(x, y)[0, 1]))
    return Merit(float(np.mean(values)) if values else np.nan, False)
