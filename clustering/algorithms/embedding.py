"""Weakly supervised spectral embedding (Zhao et al. 2018, Eq. 3): one door to three solvers."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from clustering.algorithms.callbacks import Cancel
from clustering.algorithms.descent import wse_agd, wse_sgd
from clustering.algorithms.eigen import Solution, eigen_bottom
from clustering.algorithms.groups import Groups
from clustering.algorithms.operator import wse_operator
from clustering.algorithms.settings import Solver


@dataclass(frozen=True)
class Embedding:
    """An orthonormal embedding of faces and how well it was found."""

    vectors: NDArray[np.float32]
    """(N, K)."""
    objective: float
    """Tr(W^T L W) + lambda sum_g c_g Tr(W_g^T C_g W_g), balanced unit."""
    residual: float
    converged: bool
    iterations: int
    history: NDArray[np.float64]
    """(rounds, 2) seconds since the start, objective."""


def wse_embed(
    laplacian: sp.csr_array,
    groups: Groups,
    lam: float,
    dimensions: int,
    solver: Solver = "exact",
    *,
    tolerance: float | None = None,
    rounds: int | None = None,
    start: NDArray[np.float32] | None = None,
    seed: int = 0,
    cancelled: Cancel | None = None,
) -> Embedding:
    """Embed N faces in `dimensions` coordinates that follow looks (L) and, by lambda, the groups.

    `lam` is balanced (c_g = N / (G n_g)); `groups.lambda_balanced` converts the printed unit. "exact" takes
    the bottom eigenvectors of M and allows overlapping groups; "agd" is Algorithm 1, "sgd" Algorithm 2.
    `start` (N, any) warms the solver. Raises ValueError unless 1 <= dimensions < N and lam >= 0.
    """
    n = laplacian.shape[0]
    if not 1 <= dimensions < n:
        raise ValueError(f"{n} faces cannot be embedded in {dimensions} dimensions: ask for 1 to {n - 1}.")
    found: Solution
    if solver == "exact":
        m = wse_operator(laplacian, groups, lam)
        found = eigen_bottom(
            m, dimensions, tolerance=tolerance or 1e-4, rounds=rounds or 200, start=start, seed=seed,
            cancelled=cancelled,
        )  # fmt: skip
    elif solver == "agd":
        found = wse_agd(
            laplacian, groups, lam, dimensions, tolerance=tolerance or 1e-5, rounds=rounds or 1000,
            start=start, seed=seed, cancelled=cancelled,
        )  # fmt: skip
    elif solver == "sgd":
        found = wse_sgd(
            laplacian,
            groups,
            lam,
            dimensions,
            epochs=rounds or 5,
            start=start,
            seed=seed,
            cancelled=cancelled,
        )
    else:
        raise ValueError(f"Unknown solver {solver!r}: choose exact, agd or sgd.")
    return Embedding(
        found.vectors,
        float(found.values.sum()),
        found.residual,
        found.converged,
        found.iterations,
        found.history,
    )
