"""DRML beside AlexNet and ResNet, for benchmarks/detectors.py: each learns from the reference stills for as long.

As long is so many seconds of the processor: each network's pace is measured first and its epochs follow from it.
Pictures are 64 pixels wide for the small ones and 74 for DRML, whose layers need them; ResNet-18 begins from scratch.
"""

import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detectors_keeping import run_kept
from benchmarks.detectors_runs import FIGURES, figures
from benchmarks.detectors_task import Run, Task, compared
from benchmarks.detectors_world import World
from benchmarks.ictau_features import cache_kept, table_read
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.methods import METHODS
from trainer.algorithms.networks import network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.prediction import scores_predict
from trainer.algorithms.settings import NetworkConfig, TrainingConfig
from trainer.algorithms.thresholds import thresholds_choose
from trainer.algorithms.training import NO_ROWS, train

SECONDS, SECONDS_QUICK = 180.0, 8.0
PACE_STILLS = 320
NETWORKS: dict[str, NetworkConfig] = {
    "AlexNet": replace(METHODS["alexnet"].settings.network, dropout=0.3),
    "ResNet-18": NetworkConfig(outputs=1, name="resnet18", input_size=64, dropout=0.0),
    "DRML": replace(METHODS["drml"].settings.network, dropout=0.3),
}
RATES = {"AlexNet": 2e-3, "ResNet-18": 5e-4, "DRML": 2e-3}
RATES_TRIED = (5e-4, 2e-3, 8e-3)
TRAINING = TrainingConfig(batch=32)


def networks_part(task: Task) -> dict[str, Any]:
    """Every network with every seed, and DRML less the others."""
    runs: dict[str, list[Run]] = {}
    for name in task.chosen(NETWORKS):
        done = [network_run(task, name, RATES[name], SECONDS, seed) for seed in range(task.seeds)]
        runs[name] = [run["test"] | {"seconds": run["seconds"], "epochs": run["epochs"]} for run in done]
    return compared(runs, [("DRML", "AlexNet"), ("DRML", "ResNet-18")], (*FIGURES, "seconds", "epochs"))


def tune_part(task: Task) -> dict[str, Any]:
    """Every network with every rate, for a third of the time, judged on the validation stills alone."""
    tried = {f"{name}, rate {rate:g}": (name, rate) for name in NETWORKS for rate in RATES_TRIED}
    runs = {
        told: [network_run(task, *tried[told], SECONDS / 3, seed)["validation"] for seed in range(task.seeds)]
        for told in task.chosen(tried)
    }
    return compared(runs, [], FIGURES)


def network_run(task: Task, name: str, rate: float, seconds: float, seed: int) -> dict[str, Any]:
    """The run's figures, from the work folder if it was done before."""
    config = replace(NETWORKS[name], outputs=len(task.stills.aus))
    seconds = SECONDS_QUICK if task.quick else seconds
    told = [asdict(config), asdict(TRAINING), rate, seconds, seed, task.quick]
    return run_kept(task.work, "network", told, partial(network_learn, task, config, rate, seconds, seed))


def network_learn(
    task: Task, network_config: NetworkConfig, rate: float, seconds: float, seed: int
) -> dict[str, Any]:
    """Train for so many seconds of the processor; the figures on the validation and the test stills."""
    world = task.stills
    cache = cache_of(task.data, world, network_config.input_size, task.work)
    config = replace(TRAINING, learning_rate=rate, seed=seed)
    pace = pace_measure(cache, world, network_config, config)
    epochs = max(1, round(seconds * pace / len(world.train)))
    network = network_create(network_config, seed)
    began = time.process_time()
    train(
        network, TrainingData(cache, world.reference, world.train, NO_ROWS), replace(config, epochs=epochs)
    )  # fmt: skip
    spent = time.process_time() - began
    judged = scores_predict(network, cache, world.validation)
    thresholds = thresholds_choose(world.reference[world.validation], judged)
    scores, columns = scores_predict(network, cache, world.test), np.arange(len(world.aus))
    return {
        "network": asdict(network_config),
        "seed": seed,
        "epochs": epochs,
        "stills_a_second": round(pace, 1),
        "validation": figures(world.reference[world.validation], judged, thresholds, columns),
        "test": figures(world.reference[world.test], scores, thresholds, columns),
        "seconds": spent,
    }


def pace_measure(cache: FaceArray, world: World, network: NetworkConfig, config: TrainingConfig) -> float:
    """Stills that this network learns from in a second of the processor."""
    rows = world.train[:PACE_STILLS]
    data = TrainingData(cache, world.reference, rows, NO_ROWS)
    train(network_create(network, 0), data, replace(config, epochs=1))  # warms up
    began = time.process_time()
    train(network_create(network, 0), data, replace(config, epochs=1))
    return len(rows) / (time.process_time() - began)


def cache_of(data: Path, world: World, size: int, work: Path) -> FaceArray:
    """The stills in this size; made once."""
    if world.cache.shape[1] == size:
        return world.cache
    images = [row["image"] for row in table_read(data / "stills.csv")[: len(world.cache)]]
    return cache_kept(data, images, size, work / f"faces-{size}")
