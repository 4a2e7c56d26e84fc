"""The hybrid on the ictau clips, for benchmarks/detectors.py: what time adds to single frames.

Folds are those of clips.csv, subject-exclusive. The network of single frames begins with what the reference stills
taught, as the paper's begins with ImageNet, and learns its head from the frames of the other folds; so its features
are of people it doesn't know, in the frames that time is learned from as in those that are judged. On top of it come
the LSTMs and the fusion. All parts score the fold they never saw; thresholds are those of the best F1 on the other
folds' scores. A network of single frames is trained once for a seed and fold and shared by all variants.

`inner` stays within the subjects that fold 0 learns from, cut in three: the way to try settings without looking at
anybody of fold 0. Its people are those of folds 1 and 2, so that the figures of fold 0 alone are given beside those
of all.

Two conditions ask what the whole's gain over single frames hangs on: a camera's noise, which hides in each frame what
its neighbours show, and the number of people learned from.
"""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.detectors_keeping import mark_of, run_kept
from benchmarks.detectors_runs import PLAIN, network_kept
from benchmarks.detectors_task import Run, Task, compared
from benchmarks.ictau_features import cache_kept, labels_read, table_read
from trainer.algorithms.clips import Clips, runs_find
from trainer.algorithms.events import events_measure
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.folds import folds_assign, subjects_split
from trainer.algorithms.hybrid import CNN, LSTM, WHOLE, parts_predict, temporal_train
from trainer.algorithms.measures import auc_measure, f1_measure, mean_of
from trainer.algorithms.methods import METHODS
from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.settings import HybridConfig, TrainingConfig
from trainer.algorithms.temporal import Temporal, outputs_follow
from trainer.algorithms.thresholds import fold_thresholds_choose
from trainer.algorithms.training import NO_ROWS, stage_seed, train
from trainer.algorithms.weights import weights_load, weights_save

SIZE = 64
QUICK_SUBJECTS = 15
TRAINING = TrainingConfig(batch=32, epochs=3)
VALIDATION = 0.1
FIGURES = ("f1_frame", "f1_event", "area", "auc")
SMOOTHED, REACH = "smoothed", 5
"""The simplest use of time: the CNN's scores, each the mean over so many frames on both sides."""
ALONE = ", fold 0 alone"
PARTS = (CNN, SMOOTHED, LSTM, WHOLE)
PART_PAIRS = ((WHOLE, CNN), (WHOLE, SMOOTHED), (WHOLE, LSTM), (SMOOTHED, CNN))
assert METHODS["hybrid"].settings.hybrid is not None
HYBRID: HybridConfig = METHODS["hybrid"].settings.hybrid
VARIANTS: dict[str, HybridConfig] = {
    "hybrid": HYBRID,
    "both ways": replace(HYBRID, directions="both"),
}
TUNED: dict[str, HybridConfig] = {
    "as it is": HYBRID,
    "both ways": replace(HYBRID, directions="both"),
    "sequences of 80": replace(HYBRID, sequence=80),
    "rate 0.001, 120 epochs": replace(HYBRID, learning_rate=1e-3, epochs=120),
    "no decay": replace(HYBRID, decay=0.0),
    "margin 1": replace(HYBRID, margin=1.0),
    "three layers": replace(HYBRID, layers=3),
    "a fusion of 20 epochs at 0.001": replace(HYBRID, fusion_epochs=20, fusion_rate=1e-3),
}
"""What was tried for the defaults."""
NOISE = 40
"""Standard deviation of a camera's noise, in grey levels of 256."""


@dataclass(frozen=True)
class ClipWorld:
    """N frames, A AUs."""

    cache: FaceArray
    labels: NDArray[np.int8]
    subjects: NDArray[np.int64]
    clips: Clips
    folds: NDArray[np.int16]
    quick: bool
    people: float = 1.0
    """Share of the subjects of the other folds who are learned from."""

    def inner(self) -> "ClipWorld":
        """The same frames, those of fold 0 left out and the others cut in three folds of their own."""
        rows = np.flatnonzero(self.folds != 0)
        return replace(self, folds=folds_assign(rows, self.subjects, 3, seed=11))

    def noisy(self) -> "ClipWorld":
        """The same frames, each with noise of its own in every pixel."""
        random = np.random.default_rng(17)
        cache = np.empty_like(self.cache)
        for row, face in enumerate(self.cache):
            cache[row] = np.clip(face + random.normal(0, NOISE, face.shape), 0, 255)
        return replace(self, cache=cache)

    def share(self, people: float) -> "ClipWorld":
        """The same frames, so large a share of the people to learn from."""
        return replace(self, people=people)


def clips_load(data: Path, work: Path, quick: bool) -> ClipWorld:
    """Frames, codes and folds of clips.csv."""
    rows = table_read(data / "clips.csv")
    aus = [int(name[2:]) for name in rows[0] if name.startswith("AU")]
    names = sorted({row["subject"] for row in rows})
    if quick:
        rows = [row for row in rows if row["subject"] in names[:: len(names) // QUICK_SUBJECTS]]
    cache = cache_kept(data, [row["image"] for row in rows], SIZE, work / "frames", "clips")
    subject = np.array([names.index(row["subject"]) for row in rows], np.int64)
    clip = np.unique([f"{row['subject']} {row['clip']}" for row in rows], return_inverse=True)[1].astype(np.int64)
    frame = np.array([int(row["frame"]) for row in rows], np.int64)
    fold = np.array([int(row["fold"]) for row in rows], np.int16)
    return ClipWorld(cache, labels_read(rows, aus), subject, Clips(clip, frame), fold, quick)


def hybrid_part(task: Task, tune: bool = False) -> dict[str, Any]:
    """Each variant's parts by seed, and what the whole is worth over its parts."""
    world = clips_load(task.data, task.work, task.quick)
    variants, label = (TUNED, "inner") if tune else (VARIANTS, "fold")
    if tune:
        world = world.inner()
    runs: dict[str, list[Run]] = {}
    for name in task.chosen(variants):
        done = [variant_run(task, world, variants[name], seed, label) for seed in range(task.seeds)]
        runs |= parts_of(name, done)
    return compared(runs, pairs_of(variants), FIGURES)


CONDITIONS: dict[str, Callable[[ClipWorld], ClipWorld]] = {
    "noise": ClipWorld.noisy,
    "half of the people": lambda world: world.share(1 / 2),
    "a quarter": lambda world: world.share(1 / 4),
}
"""What the frames or those learned from are made to be, by name."""


def conditions_part(task: Task) -> dict[str, Any]:
    """The default's parts under each condition, by seed."""
    world = clips_load(task.data, task.work, task.quick)
    runs: dict[str, list[Run]] = {}
    for name in task.chosen(CONDITIONS):
        changed = CONDITIONS[name](world)
        done = [variant_run(task, changed, HYBRID, seed, name) for seed in range(task.seeds)]
        runs |= parts_of(name, done)
    return compared(runs, pairs_of(CONDITIONS), FIGURES)


def parts_of(name: str, done: Sequence[Mapping[str, Any]]) -> dict[str, list[Run]]:
    """Each part of the runs of one name; of all folds, and of the first alone."""
    kinds = {"": "all", ALONE: "first"}
    return {f"{name}: {part}{end}": [run[part][of] for run in done] for end, of in kinds.items() for part in PARTS}


def pairs_of(names: Iterable[str]) -> list[tuple[str, str]]:
    """The differences worth telling, of all folds and of the first alone."""
    ends = ("", ALONE)
    return [(f"{name}: {a}{end}", f"{name}: {b}{end}") for name in names for end in ends for a, b in PART_PAIRS]


def memory_part(task: Task) -> dict[str, Any]:
    """What following long clips asks for, MB."""
    return memory_measure()


def variant_run(task: Task, world: ClipWorld, variant: HybridConfig, seed: int, label: str) -> dict[str, Any]:
    """Figures of each part over all folds, from the work folder if this was done before."""
    told = [asdict(variant), asdict(PLAIN), asdict(TRAINING), seed, label, world.quick, REACH]
    return run_kept(task.work, "hybrid", told, partial(folds_run, task, world, variant, seed, label))


def folds_run(task: Task, world: ClipWorld, variant: HybridConfig, seed: int, label: str) -> dict[str, Any]:
    """Each fold by the hybrid that never saw it."""
    parts = {part: np.full(world.labels.shape, np.nan, np.float32) for part in (CNN, LSTM, WHOLE)}
    seen = np.ones(len(world.labels), bool)
    began = time.process_time()
    for fold in np.unique(world.folds[world.folds >= 0]):
        own = np.flatnonzero(world.folds == fold)
        network = fold_train(task, world, variant, int(fold), seed, label)
        for part, scores in parts_predict(network, world.cache, own, world.clips, seen).items():
            parts[part][own] = scores
    parts[SMOOTHED] = smoothed(parts[CNN], world.clips)
    run: dict[str, Any] = {part: figures(world, scores) for part, scores in parts.items()}
    return run | {"cpu_seconds": round(time.process_time() - began, 1)}


def fold_train(
    task: Task, world: ClipWorld, variant: HybridConfig, fold: int, seed: int, label: str = "fold"
) -> FaceNetwork:
    """The hybrid that never saw this fold, from the work folder if it was trained before; and so its network of
    single frames, for the other variants."""
    if world.quick:
        variant = replace(variant, epochs=2, fusion_epochs=2)
    stage = f"{label}-{fold}"
    told = [asdict(PLAIN), asdict(TRAINING), seed, stage, world.quick]
    whole = task.work / f"hybrid-{mark_of([*told, asdict(variant)])}.safetensors"
    if whole.exists():
        return weights_load(whole)[0]
    inside = np.flatnonzero((world.folds >= 0) & (world.folds != fold))
    own = stage_seed(seed, stage)
    inside, _ = subjects_split(inside, world.subjects, 1 - world.people, own)
    taught, kept = subjects_split(inside, world.subjects, VALIDATION, own)
    training = replace(TRAINING, epochs=1 if world.quick else TRAINING.epochs, seed=own)
    frames = task.work / f"frames-{mark_of(told)}.safetensors"
    if frames.exists():
        network, _ = weights_load(frames)
    else:
        network = network_kept(task.stills, PLAIN, seed, task.work)
        network.body_freeze()
        train(network, TrainingData(world.cache, world.labels, taught, NO_ROWS), training)
        weights_save(frames, network)
    seen = np.ones(len(world.labels), bool)
    temporal_train(
        network, world.cache, world.labels, world.clips, taught, kept, seen, variant, training, stage=stage
    )
    weights_save(whole, network)
    return network


def smoothed(scores: NDArray[np.float32], clips: Clips) -> NDArray[np.float32]:
    """(N, A): the mean of each clip's scores over up to REACH frames before and after."""
    told = scores.copy()
    for clip in np.unique(clips.clips):
        rows = np.flatnonzero(clips.clips == clip)
        rows = rows[np.argsort(clips.frames[rows])]
        sums = np.cumsum(np.pad(scores[rows], ((1, 0), (0, 0))), axis=0, dtype=np.float64)
        place = np.arange(len(rows))
        first, end = np.maximum(place - REACH, 0), np.minimum(place + REACH + 1, len(rows))
        told[rows] = (sums[end] - sums[first]) / (end - first)[:, None]
    return told


def figures(world: ClipWorld, scores: NDArray[np.float32]) -> dict[str, dict[str, float | None]]:
    """Means over AUs of one part's scores (N, A): of the frames of all folds together, and of the first alone."""
    rows = np.flatnonzero(world.folds >= 0)
    folds, index = np.unique(world.folds[rows], return_inverse=True)
    called = scores[rows] > fold_thresholds_choose(world.labels[rows], scores[rows], index)[index]
    first = world.folds[rows] == folds[0]
    return {
        "all": rows_figures(world, rows, scores[rows], called),
        "first": rows_figures(world, rows[first], scores[rows[first]], called[first]),
    }


def rows_figures(
    world: ClipWorld, rows: NDArray[np.intp], scores: NDArray[np.float32], called: NDArray[np.bool_]
) -> dict[str, float | None]:
    """Of these frames, in the order of `scores` and `called` (R, A)."""
    labels, clips = world.labels[rows], world.clips.of(rows)
    events = events_measure(labels, called, clips.clips, clips.frames)
    assert events is not None
    columns = range(labels.shape[1])
    return {
        "f1_frame": mean_of([f1_measure(labels[:, a], called[:, a]) for a in columns]),
        "f1_event": events["mean"]["f1_half"],
        "area": events["mean"]["area"],
        "auc": mean_of([auc_measure(labels[:, a], scores[:, a]) for a in columns]),
    }


def memory_measure(frames: int = 20_000) -> dict[str, float]:
    """What following one clip of so many frames, and one five times as long, asks for beside its files, in MB.

    Each in a process of its own, after a short clip has loaded what any clip needs.
    """
    program = "import sys\nfrom benchmarks.detectors_clips import clip_follow\nclip_follow(int(sys.argv[1]))"
    told = {}
    for count in (frames, 5 * frames):
        command = [sys.executable, "-c", program, str(count)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
        told[f"{count} frames"] = round(float(done.stdout), 1)
    return told


def clip_follow(frames: int, features: int = 256) -> None:
    """Follow one clip that lies in files, and print by how many MB the process's own memory grew at most."""
    temporal = Temporal(HYBRID.network(features, 100, 18))
    with tempfile.TemporaryDirectory() as folder:

        def mapped(name: str, width: int) -> NDArray[np.float32]:
            path = Path(folder) / f"{name}.npy"
            return np.lib.format.open_memmap(path, "w+", np.float32, (frames, width))

        shown = [mapped("features", features), mapped("logits", 18)]
        told = [mapped("outputs", 18), mapped("scores", 18)]
        for array in shown:
            array[:] = 1.0
        clips = Clips(np.zeros(frames, np.int64), np.arange(frames))
        outputs_follow(temporal, *shown, runs_find(clips, np.arange(100), 5), *told)
        with OwnMemory() as memory:
            outputs_follow(temporal, *shown, runs_find(clips, np.arange(frames), 5), *told)
    print(memory.grown)


class OwnMemory:
    """How far this process's memory, mapped files apart, grows at most while it is watched, in MB."""

    def __enter__(self) -> "OwnMemory":
        self.before = self.most = self._now()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.over.set()
        self.thread.join()

    @property
    def grown(self) -> float:
        return self.most - self.before

    def _watch(self) -> None:
        while not self.over.wait(0.005):
            self.most = max(self.most, self._now())

    @staticmethod
    def _now() -> float:
        lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return float(lines["RssAnon"].split()[0]) / 1024
