"""How far features tell people apart (Chu et al. 2019, Fig. 4), on the subjects of fold 0 of the ictau clips.

No network here has seen these people: those of single frames learned from the stills, the hybrid followed the clips
of the other folds in time. `divergence_measure` takes any named features of the same faces, so that a further kind
is one more entry.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.detectors_clips import HYBRID, ClipWorld, clips_load, fold_train
from benchmarks.detectors_keeping import run_kept
from benchmarks.detectors_pretraining import EMOCO, body_make, emotions_load
from benchmarks.detectors_runs import PLAIN, network_kept, network_train
from benchmarks.detectors_task import Run, Task, compared
from benchmarks.detectors_world import SIZE
from trainer.algorithms.clips import runs_find
from trainer.algorithms.divergence import features_from_zero, subject_divergence
from trainer.algorithms.emotions import Emotions
from trainer.algorithms.face_network import FaceNetwork
from trainer.algorithms.prediction import outputs_predict

FOLD = 0
EVERY = 4
"""Of the frames of a clip one in so many is looked at: neighbours are nearly the same picture."""
BINS, CELL, BLOCK, CLIPPED = 9, 8, 2, 0.2


@dataclass(frozen=True)
class Looked:
    """What is looked at: N frames of S subjects."""

    task: Task
    clips: ClipWorld
    """All frames of all folds."""
    rows: NDArray[np.intp]
    """(N,) those looked at, one in EVERY of each clip of the fold."""

    @cached_property
    def emotions(self) -> Emotions:
        """Of the stills, those for testing apart."""
        return emotions_load(self.task.data, self.task.stills)

    @property
    def subjects(self) -> NDArray[np.int64]:
        return self.clips.subjects[self.rows]


Maker = Callable[[Looked, int], NDArray[np.floating[Any]]]
"""Features (N, F) of the frames looked at, with a seed."""


def divergence_part(task: Task) -> dict[str, Any]:
    """The divergence of every kind of features with every seed; what was measured before is read again."""
    clips = clips_load(task.data, task.work, task.quick)
    rows = np.flatnonzero((clips.folds == FOLD) & (clips.clips.frames % EVERY == 0))
    looked = Looked(task, clips, rows)
    runs: dict[str, list[Run]] = {}
    for name in task.chosen(MAKERS):
        maker, seeded = MAKERS[name]
        runs[name] = [_kept(looked, name, maker, seed) for seed in range(task.seeds if seeded else 1)]
    pairs = [("emoco", "scratch"), ("hybrid", "scratch")]
    return compared(runs, pairs, ("mean", "chance", "ratio"))


def _kept(looked: Looked, name: str, maker: Maker, seed: int) -> dict[str, Any]:
    def measured() -> dict[str, Any]:
        return divergence_measure({name: maker(looked, seed)}, looked.subjects, seed)[name]

    told = [name, seed, looked.task.quick, EVERY, FOLD, SIZE, *map(asdict, (PLAIN, EMOCO, HYBRID))]
    return run_kept(looked.task.work, "divergence", told, measured)


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


def hog_features(looked: Looked, seed: int) -> NDArray[np.float32]:
    faces = looked.clips.cache[looked.rows]
    return np.concatenate([hog(faces[start : start + 256]) for start in range(0, len(faces), 256)])


def scratch_features(looked: Looked, seed: int) -> NDArray[np.float32]:
    """The plain network, trained on the stills' reference labels."""
    return _seen(network_kept(looked.task.stills, PLAIN, seed, looked.task.work), looked)


def emoco_features(looked: Looked, seed: int) -> NDArray[np.float32]:
    """The same network and training, begun from what the emotions of the stills taught; no test still is used."""
    task = looked.task
    body, _report = body_make(task.stills, looked.emotions, EMOCO, seed, task.work)
    return _seen(network_train(task.stills, PLAIN, seed, body)[0], looked)


def hybrid_features(looked: Looked, seed: int) -> NDArray[np.float32]:
    """The cells of the last LSTM, of the hybrid that never saw the fold; each frame in its whole clip."""
    clips = looked.clips
    network = fold_train(looked.task, clips, HYBRID, FOLD, seed)
    assert network.temporal is not None
    own = np.flatnonzero(clips.folds == FOLD)
    runs = runs_find(clips.clips, own, HYBRID.gap)
    features = outputs_predict(network, clips.cache, runs.rows)[0]
    cells = np.zeros((len(clips.folds), HYBRID.cells), np.float32)
    with torch.inference_mode():
        for start, length in zip(runs.starts.tolist(), runs.lengths.tolist(), strict=True):
            told = torch.from_numpy(features[None, start : start + length])
            cells[runs.rows[start : start + length]] = network.temporal.lstm.hidden(told)[0][0].numpy()
    return cells[looked.rows]


def _seen(network: FaceNetwork, looked: Looked) -> NDArray[np.float32]:
    return outputs_predict(network, looked.clips.cache, looked.rows)[0]


MAKERS: dict[str, tuple[Maker, bool]] = {
    "hog": (hog_features, False),
    "scratch": (scratch_features, True),
    "emoco": (emoco_features, True),
    "hybrid": (hybrid_features, True),
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
