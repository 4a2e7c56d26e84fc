"""Algorithms 1 and 2 of Zhao et al. 2018: accelerated proximal gradient for Eq. 3, whole and stochastic."""

import time

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from clustering.algorithms.callbacks import Cancel, cancel_check
from clustering.algorithms.eigen import Solution
from clustering.algorithms.groups import Groups
from clustering.algorithms.operator import Block, WseOperator, orthonormal, wse_operator

STEP = 0.1
BACKTRACK = 0.9


def wse_agd(
    laplacian: sp.csr_array,
    groups: Groups,
    lam: float,
    k: int,
    *,
    tolerance: float = 1e-5,
    rounds: int = 1000,
    step: float = STEP,
    start: Block | None = None,
    seed: int = 0,
    cancelled: Cancel | None = None,
) -> Solution:
    """Algorithm 1: gradient step on Eq. 4, closed-form group step (Eqs. 5-7), momentum, orthonormalisation.

    Departures from the print, each needed for it to run or to mean what the text says:
    the group step uses the step size and the weight of the group (the text's lambda tilde; line 8 leaves both
    out), here with the balanced weight c_g; the backtracking of line 3 is repeated until the bound of Eq. 4
    holds at the point just computed; line 11's factor is read as a_t (1 - a_{t-1}) / a_{t-1}; momentum is
    dropped for a step when the objective rises (print: nothing), and the best orthonormal point is returned.
    Stops when the objective changes by less than `tolerance`. Groups must not overlap, since Eq. 7 is closed
    only then: raises ValueError.
    """
    if groups.overlapping:
        raise ValueError("Algorithm 1 needs groups that do not overlap; use the exact solver for these.")
    began = time.perf_counter()
    m = wse_operator(laplacian, groups, lam)
    smooth = wse_operator(laplacian, groups, 0.0)
    w = _start(m.size, k, start, seed)
    point, best, best_value = w, w, m.objective(w)
    a_before, value = 1.0, best_value
    history = [(time.perf_counter() - began, best_value)]
    converged, count = False, 0
    for t in range(1, rounds + 1):
        cancel_check(cancelled)
        count = t
        new, step = _proximal(smooth, m, groups, point, lam, step)
        new = orthonormal(new)
        value_new = m.objective(new)
        history.append((time.perf_counter() - began, value_new))
        if value_new < best_value:
            best, best_value = new, value_new
        converged = abs(value - value_new) < tolerance * max(1.0, abs(value)) and t > 1
        if converged:
            break
        a = 2.0 / (t + 3)
        push = 0.0 if value_new > value else a * (1 - a_before) / a_before
        point = orthonormal(new + np.float32(push) * (new - w))
        w, value, a_before = new, value_new, a
    return _solution(m, best, converged, count, history)


def wse_sgd(
    laplacian: sp.csr_array,
    groups: Groups,
    lam: float,
    k: int,
    *,
    share: float = 0.5,
    epochs: int = 5,
    batches: int = 4,
    inner: int = 10,
    start: Block | None = None,
    seed: int = 0,
    cancelled: Cancel | None = None,
) -> Solution:
    """Algorithm 2: runs of Algorithm 1 on edge-sampled Laplacians.

    Each edge stays with probability `share` and is then divided by it, so that the sampled Laplacian is L on
    average; the diagonal stays. `converged` tells that all epochs ran.
    """
    if not 0 < share <= 1:
        raise ValueError(f"The share of sampled edges must lie in (0, 1], not {share!r}.")
    began = time.perf_counter()
    rng = np.random.default_rng(seed)
    m = wse_operator(laplacian, groups, lam)
    w = _start(m.size, k, start, seed)
    history = [(time.perf_counter() - began, m.objective(w))]
    for _epoch in range(epochs):
        for _batch in range(batches):
            sampled = _edges_sampled(laplacian, share, rng)
            part = wse_agd(sampled, groups, lam, k, rounds=inner, start=w, cancelled=cancelled)
            w = orthonormal(part.vectors)
        history.append((time.perf_counter() - began, m.objective(w)))
    return _solution(m, w, True, epochs * batches, history)


def _start(n: int, k: int, start: Block | None, seed: int) -> Block:
    if start is not None:
        return orthonormal(np.ascontiguousarray(start[:, :k], dtype=np.float32))
    return orthonormal(np.random.default_rng(seed).standard_normal((n, k)).astype(np.float32))


def _proximal(
    smooth: WseOperator, m: WseOperator, groups: Groups, point: Block, lam: float, step: float
) -> tuple[Block, float]:
    """One step of Eqs. 5-7 from `point`, with a step short enough for the bound of Eq. 4."""
    gradient = 2 * smooth.product(point)
    base = float(np.sum(point * gradient, dtype=np.float64)) / 2
    while True:
        new = _group_step(groups, point - np.float32(step) * gradient, lam, step)
        gap = new - point
        bound = base + float(np.sum(gap * gradient, dtype=np.float64))
        bound += float(np.sum(gap * gap, dtype=np.float64)) / (2 * step)
        if smooth.objective(new) <= bound + 1e-6 * max(1.0, abs(bound)) or step < 1e-8:
            return new, step
        step *= BACKTRACK


def _group_step(groups: Groups, v: Block, lam: float, step: float) -> Block:
    """Eq. 7: each group drawn towards its mean, (I + 2 step lambda c_g C_g)^-1 V_g without the inverse."""
    if not groups.members.shape[1] or lam == 0:
        return v
    members = groups.members
    means = (members.T @ v) / groups.sizes[:, None].astype(np.float32)
    shrink = (1.0 / (1.0 + 2.0 * step * lam * groups.weights())).astype(np.float32)
    inside = np.diff(members.indptr) > 0
    which = members.indices
    out = v.copy()
    out[inside] = means[which] + (v[inside] - means[which]) * shrink[which][:, None]
    return np.ascontiguousarray(out, dtype=np.float32)


def _edges_sampled(laplacian: sp.csr_array, share: float, rng: np.random.Generator) -> sp.csr_array:
    diagonal = laplacian.diagonal()
    upper = sp.triu(laplacian, k=1, format="coo")
    keep = rng.random(upper.nnz) < share
    kept = sp.coo_array(
        (upper.data[keep] / np.float32(share), (upper.row[keep], upper.col[keep])), shape=laplacian.shape
    ).tocsr()
    return sp.csr_array(kept + kept.T + sp.diags_array(diagonal), dtype=np.float32)


def _solution(m: WseOperator, w: Block, converged: bool, count: int, history: list[tuple[float, float]]) -> Solution:
    mw = m.product(w)
    values: NDArray[np.float64] = np.einsum("nk,nk->k", w.astype(np.float64), mw)
    # Inside its span the block is free to turn: measure how far the span is from invariant.
    outside = mw - w @ (w.T @ mw)
    residual = float(np.linalg.norm(outside, axis=0).max())
    trail: NDArray[np.float64] = np.asarray(history)
    return Solution(w, values, residual, converged, count, trail)
