"""What the detectors' parts are worth on the ictau stills: curated labels, the discriminator, samplers.

Every training is a run with a seed; finished runs lie as JSON in the work folder and are not done again,
so a broken-off benchmark goes on where it stopped. Parts:

- labels: the reference labels alone, with the weak, the re-annotated and the true labels of the other
  stills; the same number of steps for each.
- alpha: the adversarial method's α and its two ways of showing D predictions, tried on validation stills
  and the stills whose labels were withheld (half of them); no test still is looked at.
- adversarial: α as chosen over α = 0, with 10, 30 and 50% of the stills' labels missing.
- samplers: MOMU, stratified and random batches, on the AUs with a base rate under 10%.
- few: the same on the reference stills alone, where the rarest AUs have some fifteen faces.
- divergence: how far HOG's and networks' features tell people apart, on the subjects of the clips.
- overhead: a step of our loop beside a bare PyTorch loop of the same network.
- resume: a worker killed by SIGKILL goes on to the weights of one that was not.

Reference stills are cut once into 1,600 to train on and 400 validation stills, which set the thresholds
and chose every setting. Test stills are scored by the finished runs and decide nothing.

    python benchmarks/detectors.py --data DIR [--parts labels samplers] [--seeds 5] [--quick] [--json]
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.detectors_divergence import divergence_part, divergence_print
from benchmarks.detectors_mechanics import overhead_measure, resume_prove
from benchmarks.detectors_runs import PLAIN, Plan, plan_run
from benchmarks.detectors_world import World, world_load
from trainer.algorithms.measures import mean_of, paired_interval
from trainer.algorithms.settings import AdversarialConfig

ALPHAS = (0.001, 0.01, 0.1, 0.3, 0.6, 0.9)  # the paper's best are the first two
ALPHA = 0.1  # the best validation F1 at one half in the part `alpha`
MISSING = (0.1, 0.3, 0.5)
LABELS = ("reference", "weak", "reannotated", "true")
SAMPLERS = ("random", "stratified", "momu")
FIGURES = ("f1_fixed", "f1_validation", "f1_base_rate", "auc", "marginal", "conditional", "rates")


def labels_plans(world: World) -> dict[str, Plan]:
    """The reference labels, alone or with others; as many steps for all."""
    return {name: replace(PLAIN, labels=name) for name in LABELS}


def adversarial_plans(world: World) -> dict[str, Plan]:
    """With and without the discriminator, on the same batches."""
    plans = {}
    for missing in MISSING:
        for name, alpha in (("alpha=0", 0.0), ("adversarial", ALPHA)):
            plans[f"{name}, {missing:.0%} missing"] = adversarial_plan(alpha, missing)
    return plans


def adversarial_plan(alpha: float, missing: float, predictions: str = "drawn") -> Plan:
    training = replace(PLAIN.training, batch=64)
    adversarial = AdversarialConfig(alpha=alpha, predictions=predictions)
    return replace(PLAIN, training=training, adversarial=adversarial, missing=missing, shown=0.35)


def samplers_plans(world: World, labels: str = "reannotated") -> dict[str, Plan]:
    """Batches of 64, as many steps for all; from reference and re-annotated labels where not said else."""
    plan = replace(PLAIN, labels=labels, shown=0.5, rare_only=True)
    return {name: replace(plan, training=replace(plan.training, batch=64, sampler=name)) for name in SAMPLERS}


SAMPLER_PAIRS = (("momu", "random"), ("momu", "stratified"), ("stratified", "random"))
PARTS: dict[str, tuple[Callable[[World], dict[str, Plan]], tuple[tuple[str, str], ...]]] = {
    "labels": (labels_plans, (("reannotated", "weak"), ("reannotated", "reference"), ("true", "reannotated"))),
    "adversarial": (
        adversarial_plans,
        tuple((f"adversarial, {m:.0%} missing", f"alpha=0, {m:.0%} missing") for m in MISSING),
    ),
    "samplers": (samplers_plans, SAMPLER_PAIRS),
    "few": (partial(samplers_plans, labels="reference"), SAMPLER_PAIRS),
}


def part_measure(world: World, work: Path, part: str, seeds: int, only: str) -> dict[str, Any]:
    """Every plan of a part with every seed, and the differences of its pairs."""
    plans, pairs = PARTS[part]
    runs = {
        name: [plan_run(world, plan, seed, work) for seed in range(seeds)]
        for name, plan in plans(world).items()
        if only in name
    }
    methods = {name: figures_of(told) for name, told in runs.items()}
    differences = {
        f"{a} − {b}": {figure: paired(methods[a][figure], methods[b][figure]) for figure in FIGURES}
        for a, b in pairs
        if a in methods and b in methods
    }
    return {"methods": methods, "differences": differences}


def figures_of(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Each figure by seed, the AUs that are judged averaged."""
    return {figure: [run["test"][figure] for run in runs] for figure in FIGURES} | {
        "seconds": [run["seconds"] for run in runs]
    }


def alpha_sweep(world: World, work: Path, seeds: int) -> dict[str, Any]:
    """Validation figures of each α and way of showing D predictions; the test stills are not looked at."""
    told, tried = {}, ALPHAS[-1:] if world.quick else ALPHAS
    for way, alphas in (("drawn", (0.0, *tried)), ("probabilities", tried)):
        for alpha in alphas:
            plan = adversarial_plan(alpha, 0.5, way)
            runs = [plan_run(world, plan, seed, work, test=False) for seed in range(seeds)]
            told[f"{way}, α = {alpha}"] = {figure: [run["validation"][figure] for run in runs] for figure in FIGURES}
    return {"validation": told, "chosen": ALPHA}


def mean(values: list[float | None]) -> float:
    """Over the runs that have the figure; among a few hundred stills there may be no face of an AU."""
    return mean_of(values) or 0.0


def paired(a: list[float | None], b: list[float | None]) -> dict[str, float | None]:
    """The difference over the seeds that both have."""
    both = [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    return paired_interval([x for x, _ in both], [y for _, y in both])


def table_print(part: str, told: dict[str, Any]) -> None:
    print(f"\n{part}")
    for name, figures in told.get("methods", told.get("validation", {})).items():
        print(f"{name:28s}" + "  ".join(f"{figure} {mean(figures[figure]):.4f}" for figure in FIGURES))
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
    everything = [*PARTS, "alpha", "divergence", "overhead", "resume"]
    parser.add_argument("--parts", nargs="+", choices=everything, default=everything)
    parser.add_argument("--only", default="", metavar="TEXT", help="plans whose name holds this, such as '50%%'")
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
    world = world_load(options.data, work, quick=options.quick)
    seeds = min(options.seeds, 2) if options.quick else options.seeds
    told: dict[str, Any] = {"machine": machine(), "seeds": seeds, "parts": {}}
    for part in options.parts:
        if part in PARTS:
            told["parts"][part] = part_measure(world, work, part, seeds, options.only)
        elif part == "alpha":
            told["parts"][part] = alpha_sweep(world, work, min(seeds, 2))
        elif part == "divergence":
            told["parts"][part] = divergence_part(options.data, world, work, seeds, options.only)
            divergence_print(told["parts"][part])
        elif part == "overhead":
            told["parts"][part] = overhead_measure(world, quick=options.quick)
            print("\noverhead", told["parts"][part])
        else:
            told["parts"][part] = resume_prove(world, work)
            print("\nresume", told["parts"][part])
        table_print(part, told["parts"][part])
    told["methods"] = {
        f"{part}: {name}": {figure: mean(values) for figure, values in figures.items()}
        for part, table in told["parts"].items()
        for name, figures in table.get("methods", {}).items()
    }
    if options.json:
        print(json.dumps(told))


if __name__ == "__main__":
    main()
