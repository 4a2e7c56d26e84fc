"""Small made-up worlds whose answer is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Blobs:
    features: NDArray[np.float32]
    truth: NDArray[np.int8]
    weak: NDArray[np.int8]
    scores: NDArray[np.float32]
    reference: NDArray[np.int8]


def blobs(faces: int = 400, aus: int = 2, flips: float = 0.2, seed: int = 0) -> Blobs:
    """Tight blobs; each AU is present in every other, third, ... of them; weak labels are flipped at random."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(8, 12)) * 4
    blob = rng.integers(0, 8, faces)
    features = centres[blob] + rng.normal(size=(faces, 12))
    truth = np.stack([(blob % (a + 2) == 0) for a in range(aus)], axis=1)
    weak = truth ^ (rng.random(truth.shape) < flips)
    noisy = np.where(truth, 1.0, -1.0) + rng.normal(size=truth.shape)
    reference = np.where((rng.random(faces) < 0.6)[:, None], truth, -1)
    return Blobs(
        features.astype(np.float32),
        truth.astype(np.int8),
        weak.astype(np.int8),
        (1 / (1 + np.exp(-noisy))).astype(np.float32),
        reference.astype(np.int8),
    )
