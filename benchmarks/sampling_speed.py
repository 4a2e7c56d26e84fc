"""Seconds that each sampler takes for one epoch, beside its plain-Python twin, and what its batches hold.

    python benchmarks/sampling_speed.py [--faces N] [--small N] [--size N] [--draw S] [--seed S] [--json]

Codes are drawn at random: 18 AUs, base rates from 50% down to 0.5%, tied to each other a little, one code
in ten unknown. At `--small` faces each sampler runs beside the twin that its tests compare it with; at
`--faces` it runs alone. The best of three times is told, compilation apart. Shares of positives are those of
the most frequent, the middle and the rarest AU in the batches at `--faces`; "spread" is the standard deviation
of an AU's positives between batches over their mean, averaged over AUs; "seen" is the share of the faces that
the epoch holds.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.trainer.algorithms.sampling_twins import (
    momu_twin,
    oversampled_twin,
    pick_random,
    random_twin,
    stratified_twin,
)
from trainer.algorithms.sampling import SAMPLERS, composition, epoch_batches

AUS = 18
UNKNOWN = 0.1
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=1_000, help="faces for the comparison with the twins")
    parser.add_argument("--size", type=int, default=32, help="faces in a batch")
    parser.add_argument("--draw", type=int, default=4, help="faces that MOMU draws at a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    small, large = (codes_draw(n, options.seed) for n in (options.small, options.faces))
    table = {
        "faces": options.faces,
        "small": options.small,
        "samplers": {name: row(name, small, large, options) for name in SAMPLERS},
    }
    show(table)
    if options.json:
        print(json.dumps(table))


def codes_draw(faces: int, seed: int) -> NDArray[np.int8]:
    """(faces, AUS) codes."""
    rng = np.random.default_rng(seed)
    strength = rng.normal(size=(faces, 1)) * 0.5 + rng.normal(size=(faces, AUS))
    rates = np.geomspace(0.5, 0.005, AUS)
    cuts = np.array([np.quantile(strength[:, a], 1 - rates[a]) for a in range(AUS)])
    labels = (strength > cuts).astype(np.int8)
    labels[rng.random(labels.shape) < UNKNOWN] = -1
    return labels


def row(name: str, small: NDArray[np.int8], large: NDArray[np.int8], options: argparse.Namespace) -> dict[str, Any]:
    """One sampler's line of the table."""
    few, many = (max(1, round(len(labels) / options.size)) for labels in (small, large))
    seed = (options.seed, 0)
    batches, seconds = timed(lambda: epoch_batches(name, large, options.size, many, seed, options.draw))
    counts, counting = timed(lambda: composition(large, batches))
    mean = counts.mean(axis=0)
    share = mean / (sum(len(batch) for batch in batches) / many)
    return {
        "small_seconds": timed(lambda: epoch_batches(name, small, options.size, few, seed, options.draw))[1],
        "twin_seconds": timed(lambda: twin_run(name, small, few, options))[1],
        "seconds": seconds,
        "composition_seconds": counting,
        "share": [round(float(share[a]), 4) for a in (0, AUS // 2, AUS - 1)],
        "spread": round(float((counts.std(axis=0) / np.maximum(mean, 1e-9)).mean()), 3),
        "seen": round(len(np.unique(np.concatenate(batches))) / len(large), 3),
    }


def twin_run(name: str, labels: NDArray[np.int8], count: int, options: argparse.Namespace) -> list[list[int]]:
    pick = pick_random(options.seed)
    if name == "random":
        return random_twin(len(labels), count, pick)
    if name == "oversampled":
        return oversampled_twin(labels, options.size, count, pick)
    if name == "stratified":
        return stratified_twin(labels, count, pick)
    return momu_twin(labels, options.size, count, options.draw, pick)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gave, and the best of its times in seconds."""
    best, result = float("inf"), None
    for _ in range(REPEATS):
        began = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - began)
    return result, best


def show(table: dict[str, Any]) -> None:
    print(f"{table['small']:,} faces beside the twin, then {table['faces']:,} alone")
    heads = ("ours", 9), ("twin", 9), ("alone", 8), ("shares of positives", 23), ("spread", 7), ("seen", 6)
    print(f"{'sampler':12s} " + " ".join(f"{head:>{width}s}" for head, width in heads))
    for name, line in table["samplers"].items():
        shares = " ".join(f"{share:7.1%}" for share in line["share"])
        print(
            f"{name:12s} {1000 * line['small_seconds']:6.1f} ms {1000 * line['twin_seconds']:6.0f} ms"
            f" {line['seconds']:6.2f} s {shares} {line['spread']:7.3f} {line['seen']:6.1%}"
        )


if __name__ == "__main__":
    main()
