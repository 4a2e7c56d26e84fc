"""Faces for the embedding's benchmark: made up with the shape of real features, or read from a file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLUSTERS = 80
LATENT = 12
HIDDEN = 64
NOISE = 0.05
FLIPS = 0.2
BASE_RATE = 0.2
CHUNK = 50_000


def features_synthetic(faces: int, dimensions: int = 256, seed: int = 0) -> NDArray[np.float32]:
    """(faces, dimensions): 80 stretched Gaussians of unequal size on a bent 12-dimensional surface, with noise.

    A random two-layer network bends the surface, so that neighbours lie along it and not in a ball.
    """
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(CLUSTERS, LATENT)) * 1.2
    spread = rng.uniform(0.15, 0.7, size=(CLUSTERS, LATENT))
    shares = rng.dirichlet(np.full(CLUSTERS, 3.0))
    first = (rng.normal(size=(LATENT, HIDDEN)) / np.sqrt(LATENT)).astype(np.float32)
    second = (rng.normal(size=(HIDDEN, dimensions)) / np.sqrt(HIDDEN)).astype(np.float32)
    out = np.empty((faces, dimensions), np.float32)
    for begin in range(0, faces, CHUNK):
        part = out[begin : begin + CHUNK]
        which = rng.choice(CLUSTERS, len(part), p=shares)
        latent = centres[which] + rng.normal(size=(len(part), LATENT)) * spread[which]
        part[:] = np.tanh(latent.astype(np.float32) @ first) @ second
        part += NOISE * rng.standard_normal(part.shape, dtype=np.float32)
    return out


def features_read(path: Path, faces: int | None) -> NDArray[np.float32]:
    """The `features` (N, d) of an npz file, the first `faces` of them."""
    with np.load(path) as held:
        return np.ascontiguousarray(held["features"][:faces], dtype=np.float32)


def codes_synthetic(features: NDArray[np.float32], seed: int = 0) -> NDArray[np.int8]:
    """(N,) a weak label that follows the features: present in a fifth, one in five wrong."""
    rng = np.random.default_rng(seed)
    along = features @ rng.normal(size=features.shape[1]).astype(np.float32)
    present = along > np.quantile(along, 1 - BASE_RATE)
    return (present ^ (rng.random(len(features)) < FLIPS)).astype(np.int8)
