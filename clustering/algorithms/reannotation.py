"""The vote that proposes a label for every face and AU (for the majority vote of Zhao et al. 2018, 3.2).

With reference faces each witness counts by what it has proved to know there: a logistic combination per AU,
drawn towards one fitted on all AUs together, since rare AUs have few reference faces. Proposals are cut so
that their share is the base rate among the reference faces; a plain majority under-calls rare AUs. Without
reference faces, or with few, the witnesses that the labels themselves did not shape are heard alike.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from clustering.algorithms.groups import UNKNOWN
from clustering.algorithms.logistic import Float64, log_loss, logistic_fit
from clustering.algorithms.scores import agreement_f1
from clustering.algorithms.votes import KeptReason, Vote, vote_cut, weak_kept
from clustering.algorithms.witnesses import WEAK, Witnesses

STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""How firmly one AU's weights are held at those of all AUs; the best on held-out reference faces is taken."""
POOLED_STRENGTH = 3.0
FOLDS = 5
BLIND_OWN = 0.3
"""Weight of a face's own weak label beside the forecast from others (1.0), both of unit spread."""
LEAST_REFERENCE = 200
"""Reference faces that an AU needs to be voted on by them. Seen on the train stills of ictau: the base rate of fewer
is so uncertain that a vote without any does better, and that of five or ten does worse than the weak labels."""
LEAST_EACH = 8
"""Reference faces of each class that an AU needs for weights of its own."""


def vote_known(
    witnesses: Witnesses,
    reference: NDArray[np.int8],
    weak: NDArray[np.int8] | None = None,
    *,
    counted: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> Vote:
    """Weigh the witnesses by the reference codes (N, A) in {1, 0, -1}, -1 where there is none.

    `counted` (N,): faces among which the base rate is cut (default: those without any reference code).
    Every AU must have reference codes. With `weak` (N, A) an AU on which the proposals of held-out reference
    faces have a lower agreement or F1 than the weak labels keeps these (`KeptReason.UNPROVEN`).
    """
    n, aus, _ = witnesses.values.shape
    known = reference != UNKNOWN
    if not known.any(axis=0).all():
        raise ValueError("The vote by reference faces needs reference codes of every AU.")
    x = _scaled(witnesses.values)
    spoken = ~np.isnan(x)
    patterns = _patterns(spoken)
    fold = np.random.default_rng(seed).permutation(n) % FOLDS
    z = np.full((n, aus), np.nan)
    held = np.full((n, aus), np.nan)
    weights = np.full((aus, x.shape[2]), np.nan)
    for bits in np.unique(patterns):
        columns = np.flatnonzero([(bits >> j) & 1 for j in range(x.shape[2])])
        if not len(columns):
            continue
        usable: NDArray[np.bool_] = np.all(spoken[:, :, columns], axis=2)
        fit = _fit(x[:, :, columns], reference, usable, fold)
        mine = patterns == bits
        z[mine] = fit.z[mine]
        inside = mine & known
        held[inside] = fit.held[inside]
        if bits == patterns.max() or len(columns) == x.shape[2]:
            weights[:, columns] = fit.weights
    probability = expit(np.where(np.isnan(held), z, held))
    present = ((reference == 1) & known).sum(axis=0)
    base = (present + 0.5) / (known.sum(axis=0) + 1.0)
    if counted is None:
        counted = ~known.any(axis=1)
    loss = np.array([_held_loss(held[:, a], reference[:, a]) for a in range(aus)])
    voters = counted if counted.any() else np.ones(n, bool)
    vote = vote_cut(probability, base, voters, weights=weights, loss=loss, names=witnesses.names)
    if weak is None:
        return vote
    unproven = np.array([_unproven(reference[:, a], weak[:, a], vote.proposal[:, a]) for a in range(aus)])
    return weak_kept(vote, weak, np.broadcast_to(unproven, weak.shape), KeptReason.UNPROVEN)


def _unproven(reference: NDArray[np.int8], weak: NDArray[np.int8], proposal: NDArray[np.int8]) -> bool:
    """Whether one AU's proposals (N,) fall behind its weak codes on the reference faces that have both."""
    both = (reference != UNKNOWN) & (weak != UNKNOWN)
    if min((reference[both] == code).sum() for code in (0, 1)) < LEAST_EACH:
        return False
    before, after = (agreement_f1(reference[both], codes[both]) for codes in (weak, proposal))
    return any(b is not None and a is not None and a < b for b, a in zip(before, after, strict=True))


@dataclass(frozen=True)
class _Fit:
    z: Float64
    held: Float64
    weights: Float64


def _fit(x: Float64, reference: NDArray[np.int8], usable: NDArray[np.bool_], fold: NDArray[np.intp]) -> _Fit:
    """Logits for all faces, held-out logits for the reference faces, and weights, from given witnesses."""
    n, aus, w = x.shape
    train = usable & (reference != UNKNOWN)
    flat = np.concatenate([np.where(np.isnan(x), 0.0, x), np.ones((n, aus, 1))], axis=2)
    held = np.full((len(STRENGTHS), n, aus), np.nan)
    for f in range(FOLDS):
        inside, outside = train & (fold != f)[:, None], train & (fold == f)[:, None]
        pooled = _pooled(flat, reference, inside)
        for s, strength in enumerate(STRENGTHS):
            b = _per_au(flat, reference, inside, pooled, strength)
            held[s][outside] = np.einsum("naw,aw->na", flat, b)[outside]
    losses = [log_loss(h[train], reference[train].astype(np.float64)) for h in held]
    best = int(np.argmin(losses))
    b = _per_au(flat, reference, train, _pooled(flat, reference, train), STRENGTHS[best])
    return _Fit(np.einsum("naw,aw->na", flat, b), held[best], b[:, :w])


def _pooled(x: Float64, reference: NDArray[np.int8], train: NDArray[np.bool_]) -> Float64:
    """(A, W + 1) one set of weights for all AUs and an intercept for each."""
    aus, w = x.shape[1], x.shape[2] - 1
    rows, which = np.nonzero(train)
    design = np.zeros((len(rows), w + aus))
    design[:, :w] = x[rows, which, :w]
    design[np.arange(len(rows)), w + which] = 1.0
    y = (reference[rows, which] == 1).astype(np.float64)
    strength = np.concatenate([np.full(w, POOLED_STRENGTH), np.full(aus, 0.05)])
    b = logistic_fit(design, y, centre=np.zeros(w + aus), strength=strength)
    return np.column_stack([np.tile(b[:w], (aus, 1)), b[w:]])


def _per_au(
    x: Float64, reference: NDArray[np.int8], train: NDArray[np.bool_], pooled: Float64, strength: float
) -> Float64:
    out = pooled.copy()
    firm = np.full(x.shape[2], strength)
    firm[-1] = 0.05
    for a in range(x.shape[1]):
        rows = np.flatnonzero(train[:, a])
        y = (reference[rows, a] == 1).astype(np.float64)
        if min(y.sum(), len(y) - y.sum()) >= LEAST_EACH:
            out[a] = logistic_fit(x[rows, a], y, centre=pooled[a], strength=firm)
    return out


def _held_loss(z: Float64, reference: NDArray[np.int8]) -> float:
    known = ~np.isnan(z) & (reference != UNKNOWN)
    return log_loss(z[known], (reference[known] == 1).astype(float)) / known.sum() if known.any() else np.nan


def vote_blind(witnesses: Witnesses, weak: NDArray[np.int8], *, counted: NDArray[np.bool_] | None = None) -> Vote:
    """A vote without any reference face, from witnesses and weak codes (N, A) in {1, 0, -1}.

    The witnesses that the face's own weak label had no part in are averaged to a forecast; this and the label
    itself add up, each scaled to unit spread. Embedding and clusters are left out: the label drew the face to
    where they look, so they would only repeat it. As many faces are called present as the forecast alone finds
    more likely labelled present than not: weak detectors call rare AUs too often, forecasts don't.
    """
    n, aus, count = witnesses.values.shape
    x = _scaled(witnesses.values)
    own = witnesses.names.index(WEAK)
    others = [j for j in range(count) if j != own and not witnesses.shaped[j]]
    if counted is None:
        counted = np.ones(n, bool)
    weights = np.zeros((aus, count))
    weights[:, others] = 1 / max(len(others), 1)
    weights[:, own] = BLIND_OWN
    with warnings.catch_warnings():  # where no other speaks there is no forecast
        warnings.simplefilter("ignore", RuntimeWarning)
        forecast = _unit(np.nanmean(x[:, :, others], axis=2))
    z, base = np.full((n, aus), np.nan), np.zeros(aus)
    for a in range(aus):
        z[:, a], base[a] = _blind_logit(forecast[:, a], x[:, a, own], weak[:, a], counted)
    return vote_cut(expit(z), base, counted, weights=weights, names=witnesses.names)


def _unit(z: Float64) -> Float64:
    with warnings.catch_warnings():  # a witness silent on every face has no mean
        warnings.simplefilter("ignore", RuntimeWarning)
        spread = np.nanstd(z, axis=0)
        centred = z - np.nanmean(z, axis=0)
    return np.asarray(centred / np.where(spread > 1e-9, spread, 1.0), dtype=np.float64)


def _blind_logit(
    forecast: Float64, own: Float64, weak: NDArray[np.int8], counted: NDArray[np.bool_]
) -> tuple[Float64, float]:
    """Logits (N,) and base rate of one AU from the forecast and the own weak witness, both of unit spread."""
    both = np.stack([forecast, BLIND_OWN * own])
    spoken = ~np.isnan(both)
    z = _labelled_logit(np.where(spoken.any(axis=0), np.where(spoken, both, 0.0).sum(axis=0), np.nan), weak)
    known = (weak != UNKNOWN) & ~np.isnan(z)
    rate = float(np.mean(weak[known] == 1)) if known.any() else 0.5
    if not 0 < rate < 1:
        return z, rate
    told = _labelled_logit(np.where(np.isnan(forecast), z, forecast), weak)[counted]
    told = told[~np.isnan(told)]
    base = float(np.mean(told > 0)) if len(told) else rate
    return z, max(base, 0.3 * rate)


def _labelled_logit(z: Float64, weak: NDArray[np.int8]) -> Float64:
    """z (N,) as the logit of being labelled present; as it is where the labels are of one class or none."""
    known = (weak != UNKNOWN) & ~np.isnan(z)
    y = (weak[known] == 1).astype(float)
    if not len(y) or y.min() == y.max():
        return z
    slope = logistic_fit(
        np.column_stack([z[known], np.ones(known.sum())]), y, centre=np.zeros(2), strength=np.full(2, 1e-3)
    )
    return np.asarray(slope[0] * z + slope[1])


def _scaled(values: NDArray[np.float32]) -> Float64:
    """Each witness of each AU with mean 0 and unit spread; NaN stays. A constant witness becomes 0."""
    n, aus, w = values.shape
    return _unit(values.astype(np.float64).reshape(n, aus * w)).reshape(n, aus, w)


def _patterns(spoken: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray((spoken * (1 << np.arange(spoken.shape[2]))).sum(axis=2), dtype=np.int64)
