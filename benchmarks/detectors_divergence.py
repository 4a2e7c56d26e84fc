"""How far features tell people apart (Chu et al. 2019, Fig. 4), on the subjects of the ictau clips.

No network here has seen a clip: all of them learned from the stills, whose people are others. `divergence_measure`
takes any named features of the same faces, so that a further kind is one more entry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detectors_keeping import run_kept
from benchmarks.detectors_pretraining import body_make, emotions_load
from benchmarks.detectors_runs import PLAIN, SHOWN, SHOWN_QUICK
from benchmarks.detectors_task import Run, Task, compared
from benchmarks.detectors_world import SIZE, World
from benchmarks.ictau_features import cache_kept, table_read
from trainer.algorithms.divergence import features_from_zero, subject_divergence
from trainer.algorithms.emotions import Emotions
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.networks import network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.prediction import outputs_predict
from trainer.algorithms.settings import EmoCoConfig
from trainer.algorithms.training import NO_ROWS, train

EVERY = 8
"""Of the frames of a clip one in so many is looked at: neighbours are nearly the same picture."""
QUICK_SUBJECTS = 6
BINS, CELL, BLOCK, CLIPPED = 9, 8, 2, 0.2


@dataclass(frozen=True)
class Clips:
    """N frames of S subjects."""

    cache: FaceArray
    subjects: NDArray[np.int64]
    emotions: Emotions
    """Of the world's stills, those for testing apart."""


Maker = Callable[[World, Clips, int, Path], NDArray[np.floating[Any]]]
"""Features (N, F) of the clips' frames; of the stills' labels with a seed, work kept in a folder."""


def clips_load(task: Task) -> Clips:
    """One in EVERY frames of each clip, decoded once."""
    rows = [row for row in table_read(task.data / "clips.csv") if int(row["frame"]) % EVERY == 0]
    names = sorted({row["subject"] for row in rows})[: QUICK_SUBJECTS if task.quick else None]
    rows = [row for row in rows if row["subject"] in names]
    cache = cache_kept(task.data, [row["image"] for row in rows], SIZE, task.work / "clips", "clips")
    subjects = np.array([names.index(row["subject"]) for row in rows])
    return Clips(cache, subjects, emotions_load(task.data, task.stills))


def divergence_part(task: Task) -> dict[str, Any]:
    """The divergence of every kind of features with every seed; what was measured before is read again."""
    clips = clips_load(task)
    runs: dict[str, list[Run]] = {}
    for name in task.chosen(MAKERS):
        maker, seeded = MAKERS[name]
        seeds = range(task.seeds if seeded else 1)
        runs[name] = [_kept(task.stills, clips, name, maker, seed, task.work) for seed in seeds]
    return compared(runs, [("emoco", "scratch")], ("mean", "chance", "ratio"))


def _kept(world: World, clips: Clips, name: str, maker: Maker, seed: int, work: Path) -> dict[str, float]:
    def measured() -> dict[str, Any]:
        return divergence_measure({name: maker(world, clips, seed, work)}, clips.subjects, seed)[name]

    return run_kept(work, "divergence", [name, seed, world.quick, EVERY, SIZE], measured)


def divergence_measure(
    named: Mapping[str, NDArray[np.floating[Any]]], subjects: NDArray[np.int64], seed: int = 0
) -> dict[str, dict[str, float]]:
    """Divergence, chance and their ratio of each named features (N, F). Features with values below zero, such as
    an LSTM's, are counted from the least of each dimension."""
    told = {}
    for name, features in named.items():
        moved = features_from_zero(features) if features.min() < 0 else features
        found = subject_divergence(moved, subjects, seed)
        told[name] = found.as_json() | {"ratio": found.mean / found.chance, "dimensions": features.shape[1]}
    return told


def hog_features(world: World, clips: Clips, seed: int, work: Path) -> NDArray[np.float32]:
    return np.concatenate([hog(clips.cache[start : start + 256]) for start in range(0, len(clips.cache), 256)])


def scratch_features(world: World, clips: Clips, seed: int, work: Path) -> NDArray[np.float32]:
    """The plain network, trained on the stills' reference labels."""
    return _trained(world, clips, seed, None)


def emoco_features(world: World, clips: Clips, seed: int, work: Path) -> NDArray[np.float32]:
    """The same network and training, begun from what the emotions of the stills taught; no test still is used."""
    body, _report = body_make(world, clips.emotions, EmoCoConfig(), seed, work)
    return _trained(world, clips, seed, body)


def _trained(world: World, clips: Clips, seed: int, body: dict[str, Any] | None) -> NDArray[np.float32]:
    network = network_create(replace(PLAIN.network, outputs=len(world.aus)), seed)
    if body is not None:
        network.body.load_state_dict(body)
    epochs = max(1, round((SHOWN_QUICK if world.quick else SHOWN) / len(world.train)))
    config = replace(PLAIN.training, epochs=epochs, seed=seed)
    train(network, TrainingData(world.cache, world.reference, world.train, NO_ROWS), config)
    return outputs_predict(network, clips.cache, np.arange(len(clips.cache)))[0]


MAKERS: dict[str, tuple[Maker, bool]] = {
    "hog": (hog_features, False),
    "scratch": (scratch_features, True),
    "emoco": (emoco_features, True),
}
"""By name: what makes the features, and whether a seed changes them."""


def hog(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Histograms of oriented gradients (Dalal, Triggs 2005) of (B, S, S, 3): nine unsigned orientations in cells
    of 8 pixels, votes shared between the two nearest, blocks of 2 × 2 cells at every cell, normalised by L2-Hys."""
    grey = faces.astype(np.float32).mean(axis=3)
    down, right = np.zeros_like(grey), np.zeros_like(grey)
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    right[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    strength = np.hypot(down, right)
    place = np.mod(np.arctan2(down, right), np.pi) / np.pi * BINS - 0.5
    below = np.floor(place)
    share = place - below
    cells = grey.shape[1] // CELL
    told = np.zeros((len(faces), cells, cells, BINS), np.float32)
    for bin_ in range(BINS):
        votes = np.where(below % BINS == bin_, strength * (1 - share), 0)
        votes += np.where((below + 1) % BINS == bin_, strength * share, 0)
        votes = votes[:, : cells * CELL, : cells * CELL].reshape(len(faces), cells, CELL, cells, CELL)
        told[..., bin_] = votes.sum(axis=(2, 4))
    corners = [(row, column) for row in range(BLOCK) for column in range(BLOCK)]
    last = cells - BLOCK + 1
    blocks = np.concatenate([told[:, r : r + last, c : c + last] for r, c in corners], axis=3)
    blocks = np.minimum(_unit(blocks), CLIPPED)
    return np.asarray(_unit(blocks).reshape(len(faces), -1), np.float32)


def _unit(blocks: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    return np.asarray(blocks / np.sqrt(np.square(blocks).sum(axis=-1, keepdims=True) + 1e-6))
