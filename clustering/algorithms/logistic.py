"""Ridge logistic regression towards a given centre, small enough to be fitted hundreds of times in a vote."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Float64 = NDArray[np.float64]


def logit(probability: NDArray[np.floating], least: float = 0.005) -> Float64:
    """log(p / (1 - p)) with p kept within [least, 1 - least]; NaN stays NaN."""
    p = np.clip(np.asarray(probability, dtype=np.float64), least, 1 - least)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float64)


def logistic_fit(
    x: Float64, y: Float64, *, centre: Float64, strength: Float64, rounds: int = 30, tolerance: float = 1e-6
) -> Float64:
    """Coefficients (W,) that minimise log-loss + sum_j strength_j (b_j - centre_j)^2 / 2, by Newton's method.

    x (n, W) with a column of ones where an intercept is wanted, y (n,) in [0, 1] (soft targets are fine).
    Steps are halved while they raise the loss, so separable data converge too (strength must be positive).
    """
    b = centre.astype(np.float64).copy()
    value = _loss(x, y, b, centre, strength)
    for _ in range(rounds):
        p = expit(x @ b)
        gradient = x.T @ (p - y) + strength * (b - centre)
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(strength + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        length, fresh = 1.0, b - step
        value_new = _loss(x, y, fresh, centre, strength)
        while value_new > value + 1e-12 and length > 1e-4:
            length /= 2
            fresh = b - length * step
            value_new = _loss(x, y, fresh, centre, strength)
        gain, b, value = value - value_new, fresh, value_new
        if gain < tolerance * max(1.0, abs(value)):
            break
    return b


def _loss(x: Float64, y: Float64, b: Float64, centre: Float64, strength: Float64) -> float:
    z = x @ b
    gap = b - centre
    return float(np.sum(np.logaddexp(0.0, z) - y * z) + 0.5 * np.sum(strength * gap * gap))


def log_loss(z: Float64, y: Float64) -> float:
    """Summed log-loss of logits z against targets y."""
    return float(np.sum(np.logaddexp(0.0, z) - y * z))
