"""One run of benchmarks/detectors.py: a plan and a seed in, the figures of a trained network out."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.detectors_keeping import mark_of, run_kept
from benchmarks.detectors_world import World
from trainer.algorithms.detectors import objective_of
from trainer.algorithms.distributions import distribution_compare
from trainer.algorithms.measures import auc_measure, base_rate_call, f1_measure, mean_of
from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.prediction import scores_predict
from trainer.algorithms.settings import AdversarialConfig, DetectorSettings, NetworkConfig, TrainingConfig
from trainer.algorithms.thresholds import thresholds_choose
from trainer.algorithms.training import NO_ROWS, train
from trainer.algorithms.weights import weights_load, weights_save

SHOWN, SHOWN_QUICK = 64_000, 1_500
FIGURES = ("f1_fixed", "f1_validation", "f1_base_rate", "auc", "marginal", "conditional", "rates")
RARE = 0.1


@dataclass(frozen=True)
class Plan:
    """What a run trains on and how; the epochs follow from the faces shown."""

    labels: str  # a name for World.labels
    network: NetworkConfig
    training: TrainingConfig
    adversarial: AdversarialConfig | None = None
    missing: float = 0.0  # share of the reference stills that lose their labels
    shown: float = 1.0  # coded faces shown, as a share of SHOWN
    rare_only: bool = False  # judge the AUs with a base rate under 10%


PLAIN = Plan(
    labels="reference",
    network=NetworkConfig(outputs=1, input_size=64, width=16, dropout=0.3),
    training=TrainingConfig(batch=32),
)


def plan_run(world: World, plan: Plan, seed: int, work: Path, test: bool = True) -> dict[str, Any]:
    """The run's figures, from the work folder if it was done before."""
    told = [asdict(plan), seed, test, world.quick]
    return run_kept(work, "plan", told, partial(plan_train, world, plan, seed, test))


def plan_train(world: World, plan: Plan, seed: int, test: bool) -> dict[str, Any]:
    """Train by the plan; the figures on the validation stills, and on the test stills."""
    began = time.perf_counter()
    network, losses = network_train(world, plan, seed)
    labels = world.reference
    columns = columns_judged(world, plan)
    # stills that lost their labels are judged too: nothing was learned from those labels
    unseen = np.concatenate([world.validation, stills_lost(world, plan, seed)])
    scores = scores_predict(network, world.cache, unseen)
    chosen = slice(0, len(world.validation))
    thresholds = thresholds_choose(labels[world.validation], scores[chosen])
    run: dict[str, Any] = {
        "plan": asdict(plan),
        "seed": seed,
        "losses": losses,
        "validation": figures(labels[unseen], scores, thresholds, columns),
    }
    if test:
        scores = scores_predict(network, world.cache, world.test)
        run["test"] = figures(labels[world.test], scores, thresholds, columns)
    run["seconds"] = time.perf_counter() - began
    return run


def network_train(
    world: World, plan: Plan, seed: int, body: Mapping[str, Tensor] | None = None
) -> tuple[FaceNetwork, list[float]]:
    """The plan's network of this seed, begun with a body or from scratch, and its losses."""
    labels = world.labels(plan.labels)
    coded, uncoded = world.train, NO_ROWS
    if plan.labels != "reference":
        coded = np.sort(np.concatenate([coded, world.others]))
    if plan.adversarial is not None:
        lost = stills_lost(world, plan, seed)
        coded, uncoded = np.setdiff1d(world.train, lost), np.sort(np.concatenate([lost, world.others]))
    network = network_begin(plan.network, world, seed, body)
    settings = DetectorSettings(adversarial=plan.adversarial)
    shown = plan.shown * (SHOWN_QUICK if world.quick else SHOWN)
    epochs = max(1, round(shown / len(coded)))
    config = replace(plan.training, epochs=epochs, seed=seed)
    data = TrainingData(world.cache, labels, coded, uncoded)
    report = train(network, data, config, objective=objective_of(settings))
    return network, list(report.losses)


def network_begin(
    config: NetworkConfig, world: World, seed: int, body: Mapping[str, Tensor] | None = None
) -> FaceNetwork:
    """A network for the world's AUs, its body this one or fresh."""
    network = network_create(replace(config, outputs=len(world.aus)), seed)
    if body:
        network.body.load_state_dict(body)
    return network


def network_kept(world: World, plan: Plan, seed: int, work: Path) -> FaceNetwork:
    """The plan's network of this seed, from the work folder if it was trained before."""
    path = work / f"network-{mark_of([asdict(plan), seed, world.quick])}.safetensors"
    if not path.exists():
        weights_save(path, network_train(world, plan, seed)[0])
    return weights_load(path)[0]


def stills_lost(world: World, plan: Plan, seed: int) -> NDArray[np.intp]:
    """The reference stills that lose their labels in this run."""
    order = np.random.default_rng((seed, 7)).permutation(world.train)
    lost: NDArray[np.intp] = np.sort(order[: round(len(order) * plan.missing)])
    return lost


def columns_judged(world: World, plan: Plan) -> NDArray[np.intp]:
    """The AUs that are averaged: all, or those with a base rate under 10% on the reference stills."""
    rows = np.concatenate([world.train, world.validation])
    rates = (world.reference[rows] == 1).mean(axis=0)
    return np.flatnonzero(rates < RARE) if plan.rare_only else np.arange(len(rates))


def figures(
    labels: NDArray[np.int8], scores: NDArray[np.float32], thresholds: NDArray[np.float32], columns: NDArray[np.intp]
) -> dict[str, Any]:
    """Means over the AUs in `columns`; over all AUs the distributions at one half, and `rates`, how far the
    mean score of an AU lies from its base rate."""
    calls = {
        "fixed": scores > 0.5,
        "validation": scores > thresholds,
        "base_rate": np.stack(
            [base_rate_call(scores[:, a], float((labels[:, a] == 1).mean())) for a in range(labels.shape[1])], axis=1
        ),
    }
    per_au = {
        f"f1_{name}": [f1_measure(labels[:, a], called[:, a]) for a in range(labels.shape[1])]
        for name, called in calls.items()
    }
    per_au["auc"] = [auc_measure(labels[:, a], scores[:, a]) for a in range(labels.shape[1])]
    told = {name: mean_of([values[a] for a in columns]) for name, values in per_au.items()}
    apart = distribution_compare(labels, calls["fixed"])["difference"]
    return told | {
        "marginal": apart["marginal_mean"],
        "conditional": apart["conditional_mean"],
        "rates": float(np.abs(scores.mean(axis=0) - (labels == 1).mean(axis=0)).mean()),
        "per_au": per_au,
    }
