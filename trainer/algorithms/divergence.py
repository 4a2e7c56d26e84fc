"""How far features tell people apart: the Jensen-Shannon divergence between subjects (Chu et al. 2019, Sec. 4.3).

The estimator, step by step:

1. Each subject's mean vector μ over its faces.
2. σ(a) = 1 / (1 + exp(−a / m)) on each of its numbers, m the median of that subject's μ. A median of zero is
   taken as the limit from above: a number above zero becomes 1, zero one half.
3. Divided by the sum, μ is read as a discrete distribution over the dimensions.
4. D(p, q) of each pair by Eq. 2, with natural logarithms: 0 for equal ones, ln 2 for ones that share nothing.
5. A subject's figure is the sum of D over all others, as in the paper; beside it the mean over all pairs, which
   doesn't grow with the number of subjects.

The paper's features are not negative, and step 2 needs that: a negative median would turn the order round, and
means about zero would be blown up by a median just as small. `features_from_zero` moves others there.

Means of few faces differ by chance alone. So the same figure is told for faces dealt to the subjects at random:
what lies above it is due to who is who, looks and habits alike, for people also differ in the AUs they show.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DEALS = 5
"""Times that faces are dealt to subjects at random."""


@dataclass(frozen=True)
class SubjectDivergence:
    """S subjects; in nats."""

    subjects: int
    faces: int
    sums: Floats
    """(S,) each subject's sum of D over the others, subjects in ascending order."""
    mean: float
    """Of D over all pairs."""
    chance: float
    """The same where the faces are dealt to the subjects at random, each keeping its number of faces."""

    def as_json(self) -> dict[str, Any]:
        """Figures over all subjects, none of one by itself."""
        return {
            "subjects": self.subjects,
            "faces": self.faces,
            "sum": float(self.sums.mean()),
            "sum_spread": float(self.sums.std()),
            "mean": self.mean,
            "chance": self.chance,
        }


def subject_divergence(
    features: NDArray[np.floating[Any]], subjects: NDArray[np.integer[Any]], seed: int = 0
) -> SubjectDivergence:
    """The divergence between all subjects of (N, F) features, none below zero; subjects (N,), below 0 left out.

    Raises ValueError for arrays that don't fit, values that are no finite numbers from zero on, or fewer than
    two subjects.
    """
    if features.ndim != 2 or subjects.shape != (len(features),):
        raise ValueError(f"features {features.shape} and subjects {subjects.shape} don't fit together")
    known = subjects >= 0
    values = np.asarray(features[known], np.float64)
    names, of = np.unique(subjects[known], return_inverse=True)
    count = len(names)
    if count < 2:
        raise ValueError(f"{count} subjects, at least 2")
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError("features must be finite and not below zero (see features_from_zero)")
    distances = pair_divergences(distributions_make(subject_means(values, of, count)))
    random = np.random.default_rng(seed)
    dealt = [
        pair_divergences(distributions_make(subject_means(values, random.permutation(of), count)))
        for _ in range(DEALS)
    ]
    pairs = count * (count - 1)
    return SubjectDivergence(
        subjects=count,
        faces=len(values),
        sums=distances.sum(axis=1),
        mean=float(distances.sum() / pairs),
        chance=float(np.mean([one.sum() / pairs for one in dealt])),
    )


def features_from_zero(features: NDArray[np.floating[Any]]) -> Floats:
    """(N, F) with every dimension counted from its least value; features that reach zero and no less stay."""
    values = np.asarray(features, np.float64)
    return np.asarray(values - values.min(axis=0))


def subject_means(features: Floats, of: NDArray[np.integer[Any]], count: int) -> Floats:
    """(S, F) mean over the faces of each subject; of (N,) in 0 … count − 1, each at least once."""
    faces = np.bincount(of, minlength=count)
    order = np.argsort(of, kind="stable")
    sums = np.add.reduceat(features[order], np.cumsum(faces) - faces, axis=0)
    return np.asarray(sums / faces[:, None])


def distributions_make(means: Floats) -> Floats:
    """(S, F) mean vectors, none below zero, as distributions over the dimensions (steps 2 and 3)."""
    median = np.median(means, axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(means > 0, means / median, 0.0)  # above zero over zero: infinite, the limit
    squeezed = 1 / (1 + np.exp(-share))
    return np.asarray(squeezed / squeezed.sum(axis=1, keepdims=True))


def js_divergence(p: Floats, q: Floats) -> Floats:
    """D(p, q) in nats of distributions over the last axis (Eq. 2); 0 · log 0 is 0."""
    middle = (p + q) / 2

    def kl(one: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(one > 0, one * np.log(one / middle), 0.0).sum(axis=-1))

    # rounding leaves −1e-17 of two equal ones
    return np.asarray(np.maximum((kl(p) + kl(q)) / 2, 0.0))


def pair_divergences(distributions: Floats) -> Floats:
    """(S, S) D of each pair of (S, F), symmetric, its diagonal zero.

    By entropies, D(p, q) = H((p + q) / 2) − (H(p) + H(q)) / 2, which takes one logarithm for each pair and
    dimension where Eq. 2 takes two.
    """
    entropies = _entropy(distributions)
    count = len(distributions)
    distances = np.zeros((count, count))
    for row in range(count):
        others = slice(row + 1, count)
        middle = (distributions[row] + distributions[others]) / 2
        distances[row, others] = _entropy(middle) - (entropies[row] + entropies[others]) / 2
    distances = np.maximum(distances, 0.0)
    return np.asarray(distances + distances.T)


def _entropy(distributions: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-np.where(distributions > 0, distributions * np.log(distributions), 0.0).sum(axis=-1))
