"""What a network begins with, for benchmarks/detectors.py: EmoCo's pretraining on emotions, its ablations, scratch.

A body learns from the emotions of all stills that are not for testing, then the codes of a few or of all reference
stills are learned, by the head alone (linear) or by everything (finetune). A fifth of the labelled stills sets the
thresholds. Test stills are scored by the finished runs and decide nothing; nor are their pictures seen before.

Pretrained bodies and finished runs lie in the work folder and are not made again.
"""

import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from benchmarks.detectors_keeping import mark_of, run_kept
from benchmarks.detectors_runs import FIGURES, figures, network_begin
from benchmarks.detectors_task import Run, Task, compared
from benchmarks.detectors_world import World
from benchmarks.ictau_features import table_read
from trainer.algorithms.emotions import Emotions, emotions_read
from trainer.algorithms.measures import auc_measure, mean_of
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.prediction import outputs_predict, scores_predict
from trainer.algorithms.pretraining import emoco_pretrain
from trainer.algorithms.settings import DetectorSettings, EmoCoConfig, NetworkConfig, TrainingConfig
from trainer.algorithms.thresholds import thresholds_choose
from trainer.algorithms.training import NO_ROWS, train
from trainer.algorithms.weights import body_read, weights_save

NETWORK = NetworkConfig(outputs=1, input_size=64, width=16, dropout=0.3)
FIRST = EmoCoConfig(epochs=6)
EMOCO = replace(FIRST, emotion=10.0, learning_rate=0.1)
CLASSIFICATION = replace(FIRST, contrast=0)
CONTRAST = replace(FIRST, emotion=0.0, queues="one", centring="none")
STARTS: dict[str, EmoCoConfig | None] = {
    "scratch": None,
    "EmoCo": EMOCO,
    "momentum contrast": CONTRAST,
    "emotion classification": replace(CLASSIFICATION, learning_rate=0.3),
    "EmoCo, not centred": replace(EMOCO, centring="none"),
    "EmoCo, one queue": replace(EMOCO, queues="one"),
}
TUNED: dict[str, EmoCoConfig | None] = {
    "scratch": None,
    "EmoCo, λ 1, rate 0.03": FIRST,
    "EmoCo, λ 1, rate 0.12": replace(FIRST, learning_rate=0.12),
    "EmoCo, λ 1, rate 0.3": replace(FIRST, learning_rate=0.3),
    "EmoCo, λ 10, rate 0.03": replace(EMOCO, learning_rate=0.03),
    "EmoCo, λ 10, rate 0.1": EMOCO,
    "EmoCo, not centred": replace(EMOCO, centring="none"),
    "EmoCo, λ 1, rate 0.3, not centred": replace(FIRST, learning_rate=0.3, centring="none"),
    "EmoCo, one queue": replace(EMOCO, queues="one"),
    "EmoCo, queues of 64": replace(EMOCO, queue=64),
    "emotion classification, rate 0.03": CLASSIFICATION,
    "emotion classification, rate 0.3": replace(CLASSIFICATION, learning_rate=0.3),
    "emotion classification, rate 1": replace(CLASSIFICATION, learning_rate=1.0),
    "momentum contrast, rate 0.03": CONTRAST,
    "momentum contrast, rate 0.3": replace(CONTRAST, learning_rate=0.3),
}
"""What was tried for each start's rate and for λ, and to see what centring and queues hang on."""
PROBED, PROBE_STRENGTH = 500, 0.003
LABELLED = (500, 2000)
PROTOCOLS = ("linear", "finetune")
SHOWN = {"linear": 16_000, "finetune": 32_000}
SHOWN_QUICK, EPOCHS_QUICK = 600, 1
TRAINING = TrainingConfig(batch=32)
VALIDATION = 0.2
PAIRS = tuple(("EmoCo", other) for other in STARTS if other != "EmoCo")


@dataclass(frozen=True)
class Start:
    """A network before it sees a code: how its body was found, and how codes are learned."""

    emoco: EmoCoConfig | None
    labelled: int
    protocol: str


def starts_all() -> dict[str, Start]:
    """By name, every start with every number of labelled stills and protocol."""
    return {
        f"{name}, {labelled}, {protocol}": Start(emoco, labelled, protocol)
        for labelled in LABELLED
        for protocol in PROTOCOLS
        for name, emoco in STARTS.items()
    }


def pairs_all() -> list[tuple[str, str]]:
    return [
        (f"{a}, {labelled}, {protocol}", f"{b}, {labelled}, {protocol}")
        for labelled in LABELLED
        for protocol in PROTOCOLS
        for a, b in PAIRS
    ]


def pretraining_part(task: Task) -> dict[str, Any]:
    """Every start with every seed, and EmoCo less the others."""
    world, emotions, starts = task.stills, emotions_load(task.data, task.stills), starts_all()
    runs: dict[str, list[Run]] = {}
    for name in task.chosen(starts):
        done = [start_run(world, emotions, starts[name], seed, task.work) for seed in range(task.seeds)]
        runs[name] = [run["test"] | {"seconds": run["seconds"]} for run in done]
    return compared(runs, pairs_all(), (*FIGURES, "seconds"))


def tune_part(task: Task) -> dict[str, Any]:
    """Each variant's body by how well a logistic regression on 500 reference stills ranks the other 1,500, mean AUC
    over AUs; no test still is looked at."""
    world, emotions = task.stills, emotions_load(task.data, task.stills)
    runs = {
        name: [{"auc": body_probe(world, emotions, TUNED[name], seed, task.work)} for seed in range(task.seeds)]
        for name in task.chosen(TUNED)
    }
    return compared(runs, [], ("auc",))


def body_probe(world: World, emotions: Emotions, emoco: EmoCoConfig | None, seed: int, work: Path) -> float:
    """The mean AUC of a regression on the body's features."""
    body, _report = body_make(world, emotions, emoco, seed, work)
    network = network_begin(NETWORK, world, seed, body)
    every = np.sort(np.concatenate([world.train, world.validation]))
    features = outputs_predict(network, world.cache, every)[0]
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    order = np.random.default_rng(seed).permutation(len(every))
    cut = min(PROBED, len(order) // 2)
    taught, judged = order[:cut], order[cut:]
    told = []
    for codes in world.reference[every].T:
        if (codes[taught] == 1).sum() >= 3:
            model = LogisticRegression(C=PROBE_STRENGTH, max_iter=200).fit(features[taught], codes[taught])
            told.append(auc_measure(codes[judged], model.predict_proba(features[judged])[:, 1].astype(np.float32)))
    return mean_of(told) or 0.0


def emotions_load(data: Path, world: World) -> Emotions:
    """The emotions of the stills that are not for testing, as the column has them: of noise a random word."""
    cells = [row["emotion"] for row in table_read(data / "stills.csv")[: len(world.cache)]]
    found = emotions_read(cells)
    classes = found.classes.copy()
    classes[world.test] = -1
    return replace(found, classes=classes)


def start_run(world: World, emotions: Emotions, start: Start, seed: int, work: Path) -> dict[str, Any]:
    """The run's figures on the test stills, from the work folder if it was done before."""
    told = [asdict(start), asdict(NETWORK), asdict(TRAINING), SHOWN, VALIDATION, seed, world.quick]
    return run_kept(work, "start", told, partial(start_train, world, emotions, start, seed, work))


def start_train(world: World, emotions: Emotions, start: Start, seed: int, work: Path) -> dict[str, Any]:
    """Learn the codes from this start; the figures on the test stills."""
    body, report = body_make(world, emotions, start.emoco, seed, work)
    began = time.process_time()
    network = network_begin(NETWORK, world, seed, body)
    if start.protocol == "linear":
        network.body_freeze()
    taught, judged = stills_labelled(world, start.labelled, seed)
    shown = SHOWN_QUICK if world.quick else SHOWN[start.protocol]
    config = replace(TRAINING, epochs=max(1, round(shown / len(taught))), seed=seed)
    train(network, TrainingData(world.cache, world.reference, taught, NO_ROWS), config)
    thresholds = thresholds_choose(world.reference[judged], scores_predict(network, world.cache, judged))
    scores = scores_predict(network, world.cache, world.test)
    columns = np.arange(len(world.aus))
    return {
        "start": asdict(start),
        "seed": seed,
        "test": figures(world.reference[world.test], scores, thresholds, columns),
        "seconds": time.process_time() - began,
        "pretraining": report,
    }


def stills_labelled(world: World, count: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """So many reference stills: those to learn from, and the fifth that sets the thresholds."""
    every = np.concatenate([world.train, world.validation])
    chosen = np.random.default_rng((seed, 5)).permutation(every)[:count]
    cut = round(len(chosen) * VALIDATION)
    return np.sort(chosen[cut:]), np.sort(chosen[:cut])


def body_make(
    world: World, emotions: Emotions, emoco: EmoCoConfig | None, seed: int, work: Path
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A pretrained body and what is told of its pretraining; nothing for scratch."""
    if emoco is None:
        return {}, {}
    if world.quick:
        emoco = replace(emoco, epochs=EPOCHS_QUICK)
    mark = mark_of([asdict(emoco), asdict(NETWORK), seed, world.quick])
    path = work / f"body-{mark}.safetensors"
    kept = body_read(path, mark)
    if kept is None:
        settings = DetectorSettings(method="emoco", seed=seed, network=NETWORK, emoco=emoco)
        began = time.process_time()
        network, report = emoco_pretrain(
            world.cache,
            emotions,
            settings,
            checkpoint=work / f"body-{mark}.checkpoint",
        )
        report |= {"cpu_seconds": round(time.process_time() - began, 1)}
        weights_save(path, network, {"report": report, "fingerprint": mark})
        kept = network.body.state_dict(), report
    told_of = {name: kept[1].get(name) for name in ("losses", "cpu_seconds", "emotions")}
    return kept[0], told_of
