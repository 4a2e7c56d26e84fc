"""A deliberately weak AU detector: coarse features, taught in the lab, let loose in the wild.

It sees a small gray face as cells of edge directions, learned on a handful of people in even light. In
other light, poses and on other people it errs in the structured way that real detectors do: the errors
cluster by person, light and co-occurring units. No weights are stored; the seed makes it anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .renderer import AUS, PRESENT_FROM, FaceSpec, face_render

if TYPE_CHECKING:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

Array = np.ndarray
SIDE = 80  # pictures are seen at this size
CELLS = 16
BINS = 6
COMPONENTS = 120
LAB_FIRST = 900_000_007  # seeds of the lab's people, apart from those of the demo's
LAB_PEOPLE = 20
LAB_FACES = 24  # of each person
ACTING = 0.25  # odds of each AU in the lab


def gray_small(picture: Array) -> Array:
    """A picture (n, n, 3) uint8 as the detector's (SIDE, SIDE) gray uint8."""
    image = Image.fromarray(picture).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(image)


def coarse_features(grays: Array) -> Array:
    """Histograms of edge directions in coarse cells: (n, SIDE, SIDE) to (n, CELLS·CELLS·BINS) float32."""
    g = np.sqrt(np.asarray(grays, np.float32) / 255)
    dy, dx = np.gradient(g, axis=(1, 2))
    size = np.hypot(dx, dy)
    sector = ((np.arctan2(dy, dx) % np.pi) / np.pi * BINS).astype(np.int8) % BINS
    n, cell = len(g), SIDE // CELLS
    out = np.empty((n, CELLS, CELLS, BINS), np.float32)
    for b in range(BINS):
        out[..., b] = (size * (sector == b)).reshape(n, CELLS, cell, CELLS, cell).sum(axis=(2, 4))
    out /= np.sqrt((out**2).sum(axis=-1, keepdims=True)) + 0.6
    return out.reshape(n, -1)


@dataclass(frozen=True)
class WeakDetector:
    """A fitted weak detector; `detector_fit` makes one."""

    scaler: StandardScaler
    pca: PCA
    models: tuple[LogisticRegression, ...]

    def probabilities(self, grays: Array) -> Array:
        """Probability of each of AUS for pictures (n, SIDE, SIDE): (n, AUs), float64."""
        seen = self.pca.transform(self.scaler.transform(coarse_features(grays)))
        return np.stack([model.predict_proba(seen)[:, 1] for model in self.models], axis=1)


def lab_specs(seed: int) -> list[FaceSpec]:
    """The lab's pictures: few people, plain light, AUs drawn independently of each other."""
    rng = np.random.default_rng([seed, 71])
    specs = []
    for person in range(LAB_PEOPLE):
        for face in range(LAB_FACES):
            values = {au: float(rng.uniform(PRESENT_FROM, 5)) for au in AUS if rng.random() < ACTING}
            if 26 in values:
                values.setdefault(25, PRESENT_FROM)
            if 43 in values:
                values.pop(5, None)
            if 12 in values:
                values.pop(15, None)
            who = LAB_FIRST + 1000 * seed + person
            specs.append(FaceSpec(who, 1000 * person + face, tuple(sorted(values.items())), "lab"))
    return specs


def detector_fit(seed: int, specs: Sequence[FaceSpec], grays: Array) -> WeakDetector:
    """Teach the detector on the lab's pictures (n, SIDE, SIDE)."""
    # Imported late: the processes that draw import this module too and need no scikit-learn.
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    features = coarse_features(np.concatenate([grays, grays[:, :, ::-1]]))  # and each face mirrored
    scaler = StandardScaler().fit(features)
    pca = PCA(COMPONENTS, svd_solver="randomized", random_state=seed).fit(scaler.transform(features))
    seen = pca.transform(scaler.transform(features))
    truth = np.array([[dict(s.intensities).get(au, 0.0) >= PRESENT_FROM for au in AUS] for s in specs])
    truth = np.concatenate([truth, truth])
    models = tuple(
        LogisticRegression(C=0.003, max_iter=500).fit(seen, truth[:, column]) for column in range(len(AUS))
    )
    return WeakDetector(scaler, pca, models)


def lab_gray(spec: FaceSpec) -> Array:
    """One lab picture as the detector sees it."""
    return gray_small(face_render(spec, SIDE))


def thresholds_set(probabilities: Array, rates: Array) -> Array:
    """Cuts (AUs,) that call each AU present on about the share of faces it is thought to have.

    `rates` (AUs,) are shares of all pictures in 0..1; a vendor would have tuned them on faces like these.
    """
    pairs = zip(probabilities.T, rates, strict=True)
    return np.array([np.quantile(column, 1 - rate) for column, rate in pairs])
