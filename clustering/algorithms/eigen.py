"""The exact minimiser of Eq. 3: bottom eigenvectors of M by Chebyshev-filtered subspace iteration.

Each round multiplies a block by a polynomial of M that is small on the unwanted part of the spectrum, makes
it orthonormal, and solves the small projected problem (Rayleigh-Ritz). Only block products with M are
needed.
"""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clustering.algorithms.callbacks import Cancel, cancel_check
from clustering.algorithms.operator import Block, WseOperator, orthonormal

DEGREE = 24
"""Degree of the filter: sparse products in a round."""


@dataclass(frozen=True)
class Solution:
    """What a solver found: an orthonormal block and how it got there."""

    vectors: Block
    values: NDArray[np.float64]
    """(K,) x_j^T M x_j of each column, ascending for the exact solver."""
    residual: float
    """Largest |M x_j - value_j x_j| over the columns."""
    converged: bool
    iterations: int
    history: NDArray[np.float64]
    """(rounds, 2) seconds since the start, objective."""


def eigen_bottom(
    m: WseOperator,
    k: int,
    *,
    tolerance: float = 1e-4,
    rounds: int = 200,
    start: Block | None = None,
    seed: int = 0,
    cancelled: Cancel | None = None,
) -> Solution:
    """The k eigenvectors of M with the smallest eigenvalues.

    `tolerance` bounds the residual norm relative to the width of the spectrum. `start` (N, any) warms the
    block. A block a little wider than k keeps the last vectors converging; it is cut off at the end.
    """
    n = m.size
    wide = min(n, k + max(4, k // 4))
    began = time.perf_counter()
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, wide)).astype(np.float32)
    if start is not None:
        width = min(wide, start.shape[1])
        x[:, :width] = start[:, :width]
        x[:, width:] *= np.float32(1.0 / np.sqrt(n))
    x = orthonormal(x)
    top = _spectrum_top(m, rng)
    history: list[tuple[float, float]] = []
    values, residual, done = np.zeros(wide), np.inf, False
    count = 0
    for _round in range(1, rounds + 1):
        cancel_check(cancelled)
        count = _round
        x, mx, values = _rayleigh_ritz(m, x)
        residual = _residual(x[:, :k], mx[:, :k], values[:k])
        history.append((time.perf_counter() - began, float(values[:k].sum())))
        done = residual <= tolerance * top
        if done or wide == n:
            break
        x = orthonormal(_filtered(m, x, float(values[0]), float(values[-1]), top))
    done = done or wide == n
    vectors = np.ascontiguousarray(x[:, :k])
    return Solution(_signed(vectors), values[:k], residual, done, count, np.asarray(history))


def _rayleigh_ritz(m: WseOperator, x: Block) -> tuple[Block, Block, NDArray[np.float64]]:
    mx = m.product(x)
    small = (x.T @ mx).astype(np.float64)
    values, turn = np.linalg.eigh((small + small.T) / 2)
    turn32 = turn.astype(np.float32)
    return np.ascontiguousarray(x @ turn32), np.ascontiguousarray(mx @ turn32), values


def _residual(x: Block, mx: Block, values: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(mx - x * values.astype(np.float32), axis=0).max())


def _filtered(m: WseOperator, x: Block, low: float, cut: float, top: float) -> Block:
    """Chebyshev polynomial of M that grows below `cut` and stays within 1 on [cut, top], scaled at `low`."""
    cut = min(max(cut, 1e-6 * top), 0.999 * top)
    # The form has no negative values to speak of; scaling at an early guess above them would overflow.
    low = min(low, 0.0)
    half, centre = (top - cut) / 2, (top + cut) / 2
    sigma = half / (low - centre)
    tau = 2.0 / sigma
    before, now = x, m.combined(x, sigma / half, centre, x, 0.0)
    for _ in range(DEGREE - 1):
        following = 1.0 / (tau - sigma)
        before, now = now, m.combined(now, 2 * following / half, centre, before, -sigma * following)
        sigma = following
    return now


def _spectrum_top(m: WseOperator, rng: np.random.Generator, steps: int = 12) -> float:
    """A safe upper bound of the spectrum: the largest Lanczos value plus its remainder."""
    n = m.size
    steps = min(steps, n)
    v = rng.standard_normal((n, 1)).astype(np.float32)
    v /= np.linalg.norm(v)
    before = np.zeros_like(v)
    alphas, betas, beta = [], [], 0.0
    for _ in range(steps):
        w = m.product(v) - np.float32(beta) * before
        alpha = float(np.sum(w * v, dtype=np.float64))
        w -= np.float32(alpha) * v
        beta = float(np.linalg.norm(w))
        alphas.append(alpha)
        betas.append(beta)
        if beta < 1e-8:
            break
        before, v = v, np.ascontiguousarray(w / np.float32(beta))
    off = betas[: len(alphas) - 1]
    ritz = np.linalg.eigvalsh(np.diag(alphas) + np.diag(off, 1) + np.diag(off, -1))
    return max(float(ritz[-1]) + betas[-1], 1e-6)


def _signed(x: Block) -> Block:
    """Eigenvectors with a fixed sign: the entry of largest size is positive."""
    if not x.size:
        return x
    peak = x[np.abs(x).argmax(axis=0), np.arange(x.shape[1])]
    return np.ascontiguousarray(x * np.where(peak < 0, np.float32(-1), np.float32(1)))
