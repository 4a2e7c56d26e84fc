"""The tiny data set of these tests: 32-pixel pictures whose AUs are bright bars."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.algorithms.features import FeatureSettings
from trainer.algorithms.settings import AugmentationConfig, TrainingConfig

STILL = AugmentationConfig(rotation=2, scale=0.02, shift=0.02, brightness=0.05, colour=0.05)
QUICK = TrainingConfig(epochs=4, batch=16, precision="float32", augmentation=STILL)
SETTINGS = FeatureSettings(
    folds=3,
    width=8,
    training=QUICK,
    shown=200,
    student_shown=200,
    epochs_least=2,
    epochs_most=4,
    student_faces=60,
)


@dataclass(frozen=True)
class Tiny:
    cache: NDArray[np.uint8]  # (72, 32, 32, 3)
    labels: NDArray[np.int8]  # (72, 3); the last 24 faces unknown, and some codes of the others
    train_rows: NDArray[np.bool_]  # (72,)
    groups: NDArray[np.int64]  # (72,), three faces a subject, the last twelve without one

    @property
    def rows(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.train_rows)

    def with_labels(self, labels: NDArray[Any]) -> "Tiny":
        return replace(self, labels=labels.astype(np.int8))


def tiny_make(random: np.random.Generator, faces: int = 72) -> Tiny:
    truth = random.random((faces, 3)) < 0.4
    cache = random.integers(60, 110, (faces, 32, 32, 3), dtype=np.uint8)
    for au, top in enumerate((3, 13, 23)):
        cache[truth[:, au], top : top + 6, 8:24] = 220
    labels = truth.astype(np.int8)
    labels[random.random(labels.shape) < 0.1] = -1
    labels[48:] = -1
    groups = np.arange(faces) // 3
    groups[-12:] = -1
    return Tiny(cache, labels, np.arange(faces) < 48, groups)
