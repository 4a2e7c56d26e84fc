"""What the detectors' parts are worth on ictau: curated labels, the discriminator, samplers, time, pretraining.

Every training is a run with a seed; finished runs lie as JSON in the work folder and are not done again,
so a broken-off benchmark goes on where it stopped. Parts:

- labels: the reference labels alone, with the weak, the re-annotated and the true labels of the other
  stills; the same number of steps for each.
- alpha: the adversarial method's α and its two ways of showing D predictions, tried on validation stills
  and the stills whose labels were withheld (half of them); no test still is looked at.
- adversarial: α as chosen over α = 0, with 10, 30 and 50% of the stills' labels missing.
- samplers: MOMU, stratified and random batches, on the AUs with a base rate under 10%.
- few: the same on the reference stills alone, where the rarest AUs have some fifteen faces.
- networks: DRML beside AlexNet and ResNet-18, each for as long (detectors_networks.py).
- pretraining: EmoCo, its ablations and scratch, with few and many labels (detectors_pretraining.py).
- hybrid: on the clips, what LSTMs and fusion add to single frames (detectors_clips.py).
- hybrid_conditions: the same with noisy pictures, and with fewer people to learn from.
- hybrid_tune: variants of it within the subjects that fold 0 learns from: the way its defaults were chosen.
- networks_tune: the rate of each network, judged on validation stills (detectors_networks.py).
- pretraining_tune: rates and λ of the pretraining, judged on reference stills (detectors_pretraining.py).
- hybrid_memory: what following clips of 20,000 and 100,000 frames asks for.
- divergence: how far features tell people apart, on the subjects of the clips (detectors_divergence.py).
- overhead: a step of our loop beside a bare PyTorch loop of the same network.
- resume: a worker killed by SIGKILL goes on to the weights of one that was not.

Reference stills are cut once into 1,600 to train on and 400 validation stills, which set the thresholds
and chose every setting. Test stills are scored by the finished runs and decide nothing.

    python benchmarks/detectors.py --data DIR [--parts labels samplers] [--seeds 5] [--quick] [--json]
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when torch is loaded

import torch

from benchmarks import detectors_networks, detectors_pretraining
from benchmarks.detectors_clips import conditions_part, hybrid_part, memory_part
from benchmarks.detectors_divergence import divergence_part
from benchmarks.detectors_mechanics import overhead_measure, resume_prove
from benchmarks.detectors_runs import FIGURES, PLAIN, Plan, plan_run
from benchmarks.detectors_task import Task, compared, mean
from trainer.algorithms.settings import AdversarialConfig

ALPHAS = (0.001, 0.01, 0.1, 0.3, 0.6, 0.9)  # the paper's best are the first two
ALPHA = 0.1  # the best validation F1 at one half in the part `alpha`
MISSING = (0.1, 0.3, 0.5)
LABELS = ("reference", "weak", "reannotated", "true")
LABELS_PAIRS = (("reannotated", "weak"), ("reannotated", "reference"), ("true", "reannotated"))
SAMPLERS = ("random", "stratified", "momu")
SAMPLER_PAIRS = (("momu", "random"), ("momu", "stratified"), ("stratified", "random"))


def labels_part(task: Task) -> dict[str, Any]:
    """The reference labels, alone or with others; as many steps for all."""
    return plans_measure(task, {name: replace(PLAIN, labels=name) for name in LABELS}, LABELS_PAIRS)


def adversarial_part(task: Task) -> dict[str, Any]:
    """With and without the discriminator, on the same batches."""
    plans, pairs = {}, []
    for missing in MISSING:
        with_, without = (f"{name}, {missing:.0%} missing" for name in ("adversarial", "alpha=0"))
        plans |= {without: adversarial_plan(0.0, missing), with_: adversarial_plan(ALPHA, missing)}
        pairs.append((with_, without))
    return plans_measure(task, plans, pairs)


def adversarial_plan(alpha: float, missing: float, predictions: str = "drawn") -> Plan:
    training = replace(PLAIN.training, batch=64)
    adversarial = AdversarialConfig(alpha=alpha, predictions=predictions)
    return replace(PLAIN, training=training, adversarial=adversarial, missing=missing, shown=0.35)


def samplers_part(task: Task, labels: str) -> dict[str, Any]:
    """Batches of 64, as many steps for all."""
    plan = replace(PLAIN, labels=labels, shown=0.5, rare_only=True)
    plans = {name: replace(plan, training=replace(plan.training, batch=64, sampler=name)) for name in SAMPLERS}
    return plans_measure(task, plans, SAMPLER_PAIRS)


def plans_measure(task: Task, plans: dict[str, Plan], pairs: Any) -> dict[str, Any]:
    """Every plan with every seed, scored on the test stills."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for name in task.chosen(plans):
        done = [plan_run(task.stills, plans[name], seed, task.work) for seed in range(task.seeds)]
        runs[name] = [run["test"] | {"seconds": run["seconds"]} for run in done]
    return compared(runs, pairs, (*FIGURES, "seconds"))


def alpha_part(task: Task) -> dict[str, Any]:
    """Validation figures of each α and way of showing D predictions; the test stills are not looked at."""
    told, tried = {}, ALPHAS[-1:] if task.quick else ALPHAS
    for way, alphas in (("drawn", (0.0, *tried)), ("probabilities", tried)):
        for alpha in alphas:
            plan = adversarial_plan(alpha, 0.5, way)
            seeds = range(min(task.seeds, 2))
            runs = [plan_run(task.stills, plan, seed, task.work, test=False) for seed in seeds]
            told[f"{way}, α = {alpha}"] = {figure: [run["validation"][figure] for run in runs] for figure in FIGURES}
    return {"validation": told, "chosen": ALPHA}


PARTS: dict[str, Callable[[Task], dict[str, Any]]] = {
    "labels": labels_part,
    "adversarial": adversarial_part,
    "samplers": partial(samplers_part, labels="reannotated"),
    "few": partial(samplers_part, labels="reference"),
    "networks": detectors_networks.networks_part,
    "pretraining": detectors_pretraining.pretraining_part,
    "hybrid": hybrid_part,
    "hybrid_conditions": conditions_part,
    "hybrid_memory": memory_part,
    "divergence": divergence_part,
    "overhead": lambda task: overhead_measure(task.stills, quick=task.quick),
    "resume": lambda task: resume_prove(task.stills, task.work),
    "alpha": alpha_part,
    "hybrid_tune": partial(hybrid_part, tune=True),
    "networks_tune": detectors_networks.tune_part,
    "pretraining_tune": detectors_pretraining.tune_part,
}
CHOOSING = ("alpha", "hybrid_tune", "networks_tune", "pretraining_tune")
"""Parts that chose settings; they are not measured again where no part is named."""


def part_print(part: str, told: dict[str, Any]) -> None:
    print(f"\n{part}")
    methods = told.get("methods") or told.get("validation")
    if methods is None:
        print(told)
        return
    for name, figures in methods.items():
        print(f"{name:36s}" + "  ".join(f"{figure} {mean(values):.4f}" for figure, values in figures.items()))
    for name, figures in told.get("differences", {}).items():
        shown = (
            f"{figure} {i['value']:+.4f} [{i['low']:+.4f}, {i['high']:+.4f}]"
            for figure, i in figures.items()
            if i["low"] is not None
        )
        print(f"{name}: " + "  ".join(shown))


def machine() -> dict[str, Any]:
    return {
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the ictau folder")
    parser.add_argument("--work", type=Path, default=Path("var/benchmarks/detectors"), help="finished runs lie here")
    parser.add_argument(
        "--parts", nargs="+", choices=[*PARTS], default=[part for part in PARTS if part not in CHOOSING]
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="methods whose name holds this, such as '50%%'")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--threads", type=int, default=1, help="of one training; one keeps two from hindering another"
    )
    parser.add_argument("--quick", action="store_true", help="a few hundred stills and steps: does it run at all?")
    parser.add_argument("--json", action="store_true", help="everything as JSON on the last line")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    work = options.work / ("quick" if options.quick else "full")
    work.mkdir(parents=True, exist_ok=True)
    seeds = min(options.seeds, 2) if options.quick else options.seeds
    task = Task(options.data, work, seeds, options.only, options.quick)
    told: dict[str, Any] = {"machine": machine(), "seeds": seeds, "parts": {}}
    for part in options.parts:
        told["parts"][part] = PARTS[part](task)
        part_print(part, told["parts"][part])
    told["methods"] = {
        f"{part}: {name}": {figure: mean(values) for figure, values in figures.items()}
        for part, table in told["parts"].items()
        for name, figures in table.get("methods", {}).items()
    }
    if options.json:
        print(json.dumps(told))


if __name__ == "__main__":
    main()
