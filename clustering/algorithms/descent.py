"""Algorithms 1 and 2 of Zhao et al. 2018: accelerated proximal gradient for Eq. 3, whole and stochastic."""

import time
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numba import njit, prange
from numpy.typing import NDArray

from clustering.algorithms.blocks import Block, Blocks, NumpyBlocks, orthonormal, triangle_inverse
from clustering.algorithms.callbacks import Cancel, Progress, cancel_check
from clustering.algorithms.eigen import Solution, column_residuals
from clustering.algorithms.groups import Groups
from clustering.algorithms.operator import WseOperator, group_operator, wse_operator

STEP = 1.0
BACKTRACK = 0.9


@dataclass
class _Problem:
    """Eq. 3 in the two parts that the proximal gradient treats apart."""

    laplacian: sp.csr_array
    groups: Groups
    lam: float
    blocks: Blocks
    smooth: WseOperator = field(init=False)
    """L alone."""
    pull: WseOperator = field(init=False)
    """lambda sum_g c_g C_g alone."""

    def __post_init__(self) -> None:
        nobody = Groups(self.groups.members[:, :0])
        self.smooth = wse_operator(self.laplacian, nobody, 0.0, self.blocks)
        self.pull = group_operator(self.groups, self.lam * self.groups.weights(), self.blocks)

    def objective(self, w: Block, lw: Block) -> float:
        """Eq. 3 at w (N, K), given L w."""
        looks = float(self.blocks.dots(w, lw).sum())
        return looks + (self.pull.objective(w) if self.lam else 0.0)

    def drawn(self, v: Block, step: float) -> Block:
        """Eq. 7: each group drawn towards its mean, (I + 2 step lambda c_g C_g)^-1 V_g without the inverse."""
        if not self.lam:
            return v
        reach = 2.0 * step * self.lam * self.groups.weights()
        return group_operator(self.groups, reach / (1.0 + reach), self.blocks).combined(v, -1.0, 1.0, v, 0.0)


def wse_agd(
    laplacian: sp.csr_array,
    groups: Groups,
    lam: float,
    k: int,
    *,
    tolerance: float = 1e-5,
    rounds: int = 1000,
    step: float = STEP,
    start: NDArray[np.float32] | None = None,
    seed: int = 0,
    blocks: Blocks | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> Solution:
    """Algorithm 1: gradient step on Eq. 4, closed-form group step (Eqs. 5-7), momentum, orthonormalisation.

    Departures from the print, each needed for it to run or to mean what the text says:
    the group step uses the step size and the weight of the group (the text's lambda tilde; line 8 leaves both
    out), here with the balanced weight c_g; the backtracking of line 3 is repeated until the bound of Eq. 4
    holds at the point just computed; line 11's factor is read as a_t (1 - a_{t-1}) / a_{t-1}; momentum is
    dropped for a step when the objective rises (print: nothing), and the best orthonormal point is returned.
    Stops when the objective changes by less than `tolerance`. Groups must not overlap, since Eq. 7 is closed
    only then: raises ValueError. L times a block is turned along with the block, so that a round costs one
    sparse product.
    """
    began = time.perf_counter()
    problem = _problem(laplacian, groups, lam, blocks)
    w = _start(problem, k, start, seed)
    run = _Descent(problem, w, step)
    history = [(time.perf_counter() - began, run.value)]
    converged, count = False, 0
    for count in range(1, rounds + 1):
        cancel_check(cancelled)
        before = run.value
        run.advance()
        history.append((time.perf_counter() - began, run.value))
        if progress is not None:
            progress(count / rounds, f"Round {count}: objective {run.value:.6g}")
        converged = abs(before - run.value) < tolerance * max(1.0, abs(before)) and count > 1
        if converged:
            break
    return _solution(problem, run.best, converged, count, history)


def wse_sgd(
    laplacian: sp.csr_array,
    groups: Groups,
    lam: float,
    k: int,
    *,
    share: float = 0.5,
    epochs: int = 20,
    batches: int = 10,
    inner: int = 10,
    step: float = STEP,
    slowing: float = 0.5,
    tolerance: float = 1e-3,
    start: NDArray[np.float32] | None = None,
    seed: int = 0,
    blocks: Blocks | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> Solution:
    """Algorithm 2: runs of Algorithm 1, `inner` rounds each, on edge-sampled Laplacians.

    Departures from the print: an edge stays with probability `share` and is then divided by it, in the
    diagonal as well (`edges_sampled`), so that the sampled Laplacian is L on average (the print keeps L_ij as
    it is, which makes it share times L); from the block before a sample to the one after it, only 1 / (1 +
    slowing t) of the way is gone in epoch t, without which the block follows the last sample; the best epoch's
    block is returned. Stops when the whole objective changes by less than `tolerance` of itself from one epoch
    to the next. What a sample's own minimum differs from that of L stays as a bias of some percent.
    """
    if not 0 < share <= 1:
        raise ValueError(f"The share of sampled edges must lie in (0, 1], not {share!r}.")
    began = time.perf_counter()
    rng = np.random.default_rng(seed)
    whole = _problem(laplacian, groups, lam, blocks)
    w = _start(whole, k, start, seed)
    value = whole.objective(w, whole.smooth.product(w))
    best, best_value = w, value
    history = [(time.perf_counter() - began, value)]
    converged, epoch = False, 0
    for epoch in range(1, epochs + 1):
        pace = 1.0 / (1.0 + slowing * (epoch - 1))
        for _batch in range(batches):
            cancel_check(cancelled)
            part = _Problem(edges_sampled(laplacian, share, rng), groups, lam, whole.blocks)
            run = _Descent(part, w, step)
            for _ in range(inner):
                run.advance()
            w, step = orthonormal(whole.blocks, w + pace * (run.w - w)), run.step
        before, value = value, whole.objective(w, whole.smooth.product(w))
        history.append((time.perf_counter() - began, value))
        if progress is not None:
            progress(epoch / epochs, f"Epoch {epoch}: objective {value:.6g}")
        if value < best_value:
            best, best_value = w, value
        converged = abs(before - value) < tolerance * abs(before)
        if converged:
            break
    return _solution(whole, best, converged, epoch, history)


class _Descent:
    """The state of Algorithm 1: an orthonormal block w, the point that the next gradient is taken at, the step."""

    def __init__(self, problem: _Problem, w: Block, step: float) -> None:
        self.problem, self.step = problem, step
        self.w, self.lw = w, problem.smooth.product(w)
        self.value = problem.objective(w, self.lw)
        self.best, self.best_value = self.w, self.value
        self.point, self.lpoint = self.w, self.lw
        self.a, self.t = 1.0, 0

    def advance(self) -> None:
        """One round, lines 3 to 12."""
        self.t += 1
        new, lnew = self._proximal()
        new, lnew = self._orthonormal(new, lnew)
        value = self.problem.objective(new, lnew)
        if value < self.best_value:
            self.best, self.best_value = new, value
        a = 2.0 / (self.t + 3)
        push = 0.0 if value > self.value else a * (1 - self.a) / self.a
        self.point, self.lpoint = new, lnew
        if push:
            ahead, lahead = new + push * (new - self.w), lnew + push * (lnew - self.lw)
            self.point, self.lpoint = self._orthonormal(ahead, lahead)
        self.w, self.lw, self.value, self.a = new, lnew, value, a

    def _proximal(self) -> tuple[Block, Block]:
        """One step of Eqs. 5-7 from the point, short enough for the bound of Eq. 4; and L times it."""
        p, point, lpoint = self.problem, self.point, self.lpoint
        base = float(p.blocks.dots(point, lpoint).sum())
        while True:
            new = p.drawn(point - (2.0 * self.step) * lpoint, self.step)
            lnew = p.smooth.product(new)
            gap = new - point
            bound = base + 2 * float(p.blocks.dots(gap, lpoint).sum())
            bound += float(p.blocks.dots(gap, gap).sum()) / (2 * self.step)
            if float(p.blocks.dots(new, lnew).sum()) <= bound + 1e-6 * max(1.0, abs(bound)) or self.step < 1e-8:
                return new, lnew
            self.step *= BACKTRACK

    def _orthonormal(self, x: Block, lx: Block) -> tuple[Block, Block]:
        """An orthonormal basis of x, and L times it."""
        blocks = self.problem.blocks
        turn, lean = triangle_inverse(blocks.gram(x, x))
        if turn is None or lean < 0.1:
            x = orthonormal(blocks, x)
            return x, self.problem.smooth.product(x)
        return blocks.turned(x, turn), blocks.turned(lx, turn)


def _problem(laplacian: sp.csr_array, groups: Groups, lam: float, blocks: Blocks | None) -> _Problem:
    if groups.overlapping:
        raise ValueError("Algorithm 1 needs groups that do not overlap; use the exact solver for these.")
    return _Problem(laplacian, groups, lam, blocks or NumpyBlocks())


def _start(problem: _Problem, k: int, start: NDArray[np.float32] | None, seed: int) -> Block:
    n = problem.smooth.size
    noise = np.random.default_rng(seed).standard_normal((n, k), dtype=np.float32)
    if start is not None:
        width = min(k, start.shape[1])
        noise *= np.float32(1.0 / np.sqrt(n))
        noise[:, :width] = start[:, :width]
    return orthonormal(problem.blocks, problem.blocks.made(noise))


def edges_sampled(laplacian: sp.csr_array, share: float, rng: np.random.Generator) -> sp.csr_array:
    """A Laplacian (N, N) of edges that each stay with probability `share`, on average equal to `laplacian`.

    What stays is divided by `share`. A face's diagonal is split over its edges in proportion to their weight
    and sampled along with them: for D - A that makes it the degree among the sampled edges, and for the
    normalised kinds it keeps the sample from having directions far below zero, which a whole diagonal would.
    """
    key = np.uint64(rng.integers(0, 2**63))
    indptr, indices, data = _edges_sampled(laplacian.indptr, laplacian.indices, laplacian.data, share, key)
    return sp.csr_array((data, indices, indptr), shape=laplacian.shape)


@njit(cache=True)
def _stays(i, j, share, key):  # type: ignore[no-untyped-def]
    """Whether the edge of i and j stays: both directions ask and hear the same (a splitmix64 hash)."""
    low, high = np.uint64(min(i, j)), np.uint64(max(i, j))
    z = key + low * np.uint64(0x9E3779B97F4A7C15) + high * np.uint64(0xD1B54A32D192ED03)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.float64(z >> np.uint64(11)) * 2.0**-53 < share


@njit(parallel=True, cache=True)
def _edges_sampled(indptr, indices, data, share, key):  # type: ignore[no-untyped-def]
    n = len(indptr) - 1
    starts = np.zeros(n + 1, indptr.dtype)
    for i in prange(n):
        kept = 1
        for e in range(indptr[i], indptr[i + 1]):
            if indices[e] != i and _stays(i, indices[e], share, key):
                kept += 1
        starts[i + 1] = kept
    for i in range(n):
        starts[i + 1] += starts[i]
    out = np.empty(starts[n], indices.dtype)
    values = np.empty(starts[n], np.float32)
    for i in prange(n):
        at = starts[i] + 1
        own, weight, heard = np.float32(0.0), 0.0, 0.0
        for e in range(indptr[i], indptr[i + 1]):
            j = indices[e]
            if j == i:
                own = data[e]
                continue
            weight += abs(data[e])
            if _stays(i, j, share, key):
                heard += abs(data[e])
                out[at] = j
                values[at] = data[e] / share
                at += 1
        out[starts[i]] = i
        values[starts[i]] = own if weight == 0.0 else own * heard / (share * weight)
    return starts, out, values


def _solution(
    problem: _Problem, w: Block, converged: bool, count: int, history: list[tuple[float, float]]
) -> Solution:
    blocks = problem.blocks
    m = wse_operator(problem.laplacian, problem.groups, problem.lam, blocks)
    # Inside its span the block is free to turn: turned to the Ritz vectors it tells what the exact solver tells.
    mw = m.product(w)
    inside = blocks.gram(w, mw)
    values, turn = np.linalg.eigh((inside + inside.T) / 2)
    w, mw = blocks.turned(w, turn), blocks.turned(mw, turn)
    residual = float(column_residuals(blocks, w, mw, values).max())
    trail: NDArray[np.float64] = np.asarray(history)
    return Solution(blocks.array(w), values, residual, converged, count, trail)
