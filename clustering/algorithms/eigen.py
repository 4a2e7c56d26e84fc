"""The exact minimiser of Eq. 3: bottom eigenvectors of M by Chebyshev-filtered subspace iteration.

Each round multiplies the columns that have not converged by a polynomial of M that is small on the unwanted
part of the spectrum, and solves the small projected problem over all columns (Rayleigh-Ritz). Only block
products with M are needed.
"""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clustering.algorithms.blocks import Block, Blocks, Small, orthonormal, triangle_inverse
from clustering.algorithms.callbacks import Cancel, Progress, cancel_check
from clustering.algorithms.operator import WseOperator

TOLERANCE = 1e-4
REST = 1e-4
"""Share of the objective that the last round may still lower it by."""
DEGREE = 12
"""Degree of the filter: sparse products in a round."""
SPARE = 0.2
"""Columns beyond those wanted, as a share of them."""
WHOLE = 500
"""Up to this many faces the projected problem is the whole one: one round, and exact. Of a few dozen faces nearly
all list each other, and a filter finds no gap between the wanted part of the spectrum and the rest."""


@dataclass(frozen=True)
class Solution:
    """What a solver found: an orthonormal block and how it got there."""

    vectors: NDArray[np.float32]
    """(N, K)."""
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
    tolerance: float = TOLERANCE,
    rounds: int = 200,
    degree: int = DEGREE,
    spare: float = SPARE,
    start: NDArray[np.float32] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> Solution:
    """The k eigenvectors of M with the smallest eigenvalues.

    `tolerance` bounds the residual norm relative to the width of the spectrum; where that is wide beside the
    wanted values, as with plain Laplacians, the sum of these has to come to rest as well. `start` (N, any) warms the
    block. A block a little wider than k keeps the last vectors converging; it is cut off at the end.
    """
    n, blocks = m.size, m.blocks
    wide = n if n <= WHOLE else min(n, k + max(4, round(spare * k)))
    began = time.perf_counter()
    rng = np.random.default_rng(seed)
    x = orthonormal(blocks, blocks.made(_started(n, wide, start, rng)))
    top = _spectrum_top(m, rng)
    history: list[tuple[float, float]] = []
    kept, near = 0, 0.0
    for count in range(1, rounds + 1):
        cancel_check(cancelled)
        x, mx, values = rayleigh_ritz(m, x)
        residuals = column_residuals(blocks, x, mx, values)[:k]
        history.append((time.perf_counter() - began, float(values[:k].sum())))
        done = residuals <= tolerance * top
        if progress is not None:
            near = max(near, _nearness(residuals.max(), tolerance * top))  # a round may raise the residual
            progress(near, f"Round {count}: residual {residuals.max():.2g}")
        if (done.all() and _rested(history, top)) or wide == n or count == rounds:
            break
        kept = int(np.argmin(done))
        filtered = _filtered(m, x[:, kept:], float(values[0]), float(values[-1]), top, degree)
        x = blocks.joined(x[:, :kept], filtered) if kept else filtered
    vectors = _signed(np.ascontiguousarray(blocks.array(x)[:, :k]))
    converged = bool(done.all() and _rested(history, top)) or wide == n
    return Solution(vectors, values[:k], float(residuals.max()), converged, count, np.asarray(history))


def _started(n: int, wide: int, start: NDArray[np.float32] | None, rng: np.random.Generator) -> NDArray[np.float32]:
    """(n, wide) noise, the first columns those of `start`."""
    x = rng.standard_normal((n, wide), dtype=np.float32)
    if start is not None:
        width = min(wide, start.shape[1])
        x[:, :width] = start[:, :width]
        x[:, width:] *= np.float32(1.0 / np.sqrt(n))
    return x


def _rested(history: list[tuple[float, float]], top: float) -> bool:
    """Whether the last round lowered the objective by less than `REST` of it."""
    if len(history) < 2:
        return True
    before, now = history[-2][1], history[-1][1]
    return before - now <= REST * max(abs(now), 1e-5 * top)


def _nearness(residual: float, wanted: float) -> float:
    """How far a residual has come from 1 to the one wanted, on the scale of its logarithm."""
    return float(np.clip(np.log(max(residual, 1e-30)) / np.log(min(wanted, 0.5)), 0.0, 1.0))


def rayleigh_ritz(m: WseOperator, x: Block) -> tuple[Block, Block, Small]:
    """Orthonormal Ritz vectors of the span of x, M times them, and their values, ascending."""
    blocks = m.blocks
    turn, lean = triangle_inverse(blocks.gram(x, x))
    if turn is None or lean < 0.1:
        x, turn = orthonormal(blocks, x), np.eye(x.shape[1])
    mx = m.product(x)
    small = turn.T @ blocks.gram(x, mx) @ turn
    values, vectors = np.linalg.eigh((small + small.T) / 2)
    turn = turn @ vectors
    return blocks.turned(x, turn), blocks.turned(mx, turn), values


def column_residuals(blocks: Blocks, x: Block, mx: Block, values: Small) -> Small:
    """(K,) |M x_j - value_j x_j|."""
    gap = mx - blocks.scaled(x, values)
    return np.asarray(np.sqrt(blocks.dots(gap, gap)))


def _filtered(m: WseOperator, x: Block, low: float, cut: float, top: float, degree: int) -> Block:
    """Chebyshev polynomial of M that grows below `cut` and stays within 1 on [cut, top], scaled at `low`."""
    cut = min(max(cut, 1e-6 * top), 0.999 * top)
    # The form has no negative values to speak of; scaling at an early guess above them would overflow.
    low = min(low, 0.0)
    half, centre = (top - cut) / 2, (top + cut) / 2
    sigma = half / (low - centre)
    tau = 2.0 / sigma
    before = m.blocks.copied(x)
    now = m.combined(before, sigma / half, centre, before, 0.0)
    for _ in range(degree - 1):
        following = 1.0 / (tau - sigma)
        turn = m.combined(now, 2 * following / half, centre, before, -sigma * following, into=before)
        before, now, sigma = now, turn, following
    return now


def _spectrum_top(m: WseOperator, rng: np.random.Generator, steps: int = 12) -> float:
    """A safe upper bound of the spectrum: the largest Lanczos value plus its remainder."""
    blocks, n = m.blocks, m.size
    v = rng.standard_normal((n, 1), dtype=np.float32)
    v = blocks.made(v / np.linalg.norm(v))
    before, beta = v * 0.0, 0.0
    alphas, betas = [], []
    for _ in range(min(steps, n)):
        w = m.product(v) - before * beta
        alphas.append(float(blocks.dots(w, v)[0]))
        w = w - v * alphas[-1]
        beta = float(np.sqrt(blocks.dots(w, w)[0]))
        betas.append(beta)
        if beta < 1e-8:
            break
        before, v = v, w * (1.0 / beta)
    off = betas[: len(alphas) - 1]
    ritz = np.linalg.eigvalsh(np.diag(alphas) + np.diag(off, 1) + np.diag(off, -1))
    return max(float(ritz[-1]) + betas[-1], 1e-6)


def _signed(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Eigenvectors with a fixed sign: the entry of largest size is positive."""
    if not x.size:
        return x
    peak = x[np.abs(x).argmax(axis=0), np.arange(x.shape[1])]
    return np.ascontiguousarray(x * np.where(peak < 0, np.float32(-1), np.float32(1)))
