"""How much better re-annotation makes weak AU labels on the ictau stills, beside what a lab would do instead.

Weakly supervised clustering with its defaults (`wsc`), the paper's majority vote over the same clusters
(`wsc_majority`) and the peers of quality_peers.py, on the train and the unlabelled stills. For each seed a
feature network is trained anew (about ten minutes, kept in the work folder). Two tables: with the reference
labels of the train stills, and without any, where the feature network learns from the weak labels alone.

Codes of the unlabelled stills are scored against the truth: agreement and F1 of each AU, the pictures without
a face left out. The truth is read at the end, for scores alone. `--held-out` scores on the train stills and
never opens it: the way to try settings (`--set lam=0.1 vote=majority`).

`--few N…` tells from how many reference faces on a vote by them does better than one without: features of the weak
labels, codes of N train stills given, scored on the other train stills.

    python benchmarks/wsc_quality.py --data DIR [--seeds 5] [--faces N] [--keep FOLDER] [--few N…] [--json]

`--keep` writes each finished seed there, with the machine it ran on, and takes those up that are there already, as
long as they are of the same settings and program: five seeds of two tables take hours of processor time.
"""

import argparse
import hashlib
import json
import os
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when torch is loaded

import torch

from benchmarks.quality_peers import PEERS, PEERS_BLIND, RANKINGS, Codes
from benchmarks.quality_world import World, rows_read, world_load
from clustering.algorithms import pipeline
from clustering.algorithms.cluster_votes import vote_majority
from clustering.algorithms.pipeline import weakly_supervised_clustering
from clustering.algorithms.results import WSCResult
from clustering.algorithms.scores import agreement_f1
from clustering.algorithms.settings import WSCSettings
from trainer.algorithms.measures import mean_of, paired_interval

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ("clustering/algorithms/*.py", "benchmarks/quality_*.py", "trainer/algorithms/features.py")
"""Files whose change makes kept seeds stale."""
SCORED_AUS = (1, 4, 5, 6, 12, 25, 26)
"""Those of the paper."""
Table = dict[str, dict[str, dict[str, float | None]]]
"""{method: {AU: {"agreement", "f1"}}}"""


def clustered(world: World, blind: bool, settings: WSCSettings, seed: int) -> WSCResult:
    return weakly_supervised_clustering(
        world.features,
        world.weak,
        weak_probability=world.weak_probability,
        scores=world.scores,
        reference=None if blind else world.reference,
        picture_quality=world.quality,
        settings=settings,
        seed=seed,
    )


def codes_by_method(world: World, result: WSCResult, blind: bool, seed: int, peers: bool) -> dict[str, Codes]:
    """Each method's codes (N, A)."""
    told = {"wsc": result.proposal, "wsc_majority": vote_majority(world.weak, result.membership).proposal}
    if peers:
        told |= {name: peer(world, seed) for name, peer in (PEERS_BLIND if blind else PEERS).items()}
    return told


def scored(codes: dict[str, Codes], truth: Codes, rows: NDArray[np.bool_], aus: list[int]) -> Table:
    """Agreement and F1 of each method and AU on some rows; None where undefined."""
    return {
        method: {
            f"AU{au}": dict(zip(("agreement", "f1"), agreement_f1(truth[rows, a], table[rows, a]), strict=True))
            for a, au in enumerate(aus)
        }
        for method, table in codes.items()
    }


def seed_kept(options: argparse.Namespace, blind: bool, seed: int) -> dict[str, Any]:
    """One seed's tables, from the folder of finished ones where they are there and of this very work."""
    if options.keep is None:
        return seed_measure(options, blind, seed)
    path = options.keep / f"{'blind' if blind else 'reference'}-{seed}.json"
    mark = fingerprint(options)
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text())
        if kept["fingerprint"] == mark:
            return kept
    told = seed_measure(options, blind, seed)
    told |= {"fingerprint": mark, "machine": f"{platform.machine()}, {os.cpu_count()} cores", "load": os.getloadavg()}
    options.keep.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=1) + "\n")
    return told


def fingerprint(options: argparse.Namespace) -> str:
    """A hash of the settings and of the program that decides the figures."""
    given = [settings_parse(options.set).as_dict(), options.faces, options.quick, options.held_out, options.no_peers]
    digest = hashlib.sha256(json.dumps(given).encode())
    for name in PROGRAM:
        for path in sorted(ROOT.glob(name)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def seed_measure(options: argparse.Namespace, blind: bool, seed: int) -> dict[str, Any]:
    """One seed's tables: {"faces": Table, "all": Table, "outliers": {ranking: AP}, ...}."""
    labels = "weak" if blind else "reference"
    world = world_load(options.data, options.work, labels, seed, faces=options.faces, quick=options.quick)
    began = time.perf_counter()
    result = clustered(world, blind, settings_parse(options.set), seed)
    told: dict[str, Any] = {"seconds": time.perf_counter() - began}
    told["lams"] = [part["lam"] for part in result.summary["partitions"]]
    codes = codes_by_method(world, result, blind, seed, not options.no_peers)
    if options.held_out:
        told["purity"] = purity(world.reference, result.membership, ~world.unlabelled)
        return told | {"faces": scored(codes, world.reference, ~world.unlabelled, world.aus)}
    rows = rows_read(options.data / "truth.csv")
    kind = np.array([rows[name]["kind"] for name in world.images])
    truth = np.array([[int(rows[name][f"AU{au}"]) for au in world.aus] for name in world.images], np.int8)
    odd = kind[world.unlabelled] != "face"
    rankings = {"wsc": result.outlier_score} | {name: rank(world, seed) for name, rank in RANKINGS.items()}
    return told | {
        "purity": purity(truth, result.membership, world.unlabelled),
        "faces": scored(codes, truth, world.unlabelled & (kind != "noise"), world.aus),
        "all": scored(codes, truth, world.unlabelled, world.aus),
        "noise": int((world.unlabelled & (kind == "noise")).sum()),
        "outliers": {
            name: float(average_precision_score(odd, ranking[world.unlabelled])) for name, ranking in rankings.items()
        },
        "outlier_share": float(odd.mean()),
    }


def few_measure(options: argparse.Namespace) -> dict[str, Any]:
    """Agreement and F1, by seed, of a vote without reference faces and of votes that N of them weigh, however few."""
    told: dict[str, list[dict[str, float | None]]] = {}
    for seed in range(options.seeds):
        world = world_load(options.data, options.work, "weak", seed, faces=options.faces, quick=options.quick)
        train = np.flatnonzero(~world.unlabelled)
        seven = [f"AU{au}" for au in SCORED_AUS if au in world.aus]
        blind = clustered(world, True, settings_parse(options.set), seed).proposal
        for count in options.few:
            given = np.random.default_rng((seed, count)).choice(train, min(count, len(train) // 2), replace=False)
            reference = np.full_like(world.reference, -1)
            reference[given] = world.reference[given]
            with patch.object(pipeline, "LEAST_REFERENCE", 1):
                known = clustered(
                    replace(world, reference=reference), False, settings_parse(options.set), seed
                ).proposal
            rest = np.isin(np.arange(len(world.reference)), np.setdiff1d(train, given))
            table = scored({"without": blind, "by reference": known}, world.reference, rest, world.aus)
            for name, aus in table.items():
                told.setdefault(f"{name}, {count}", []).append(mean_over(aus, seven))
    for name, runs in told.items():
        shown = {figure: mean_of([run[figure] for run in runs]) for figure in ("agreement", "f1")}
        print(f"{name:22s}{figures(shown)}")
    return told


def purity(truth: Codes, membership: NDArray[np.int32], rows: NDArray[np.bool_]) -> float:
    """Share of clustered faces among some rows whose code is their cluster's more frequent one there, all AUs."""
    values = []
    for a in range(truth.shape[1]):
        clusters, codes = membership[rows, a], truth[rows, a] == 1
        shares = np.bincount(clusters, weights=codes) / np.maximum(np.bincount(clusters), 1)
        values.append(np.maximum(shares, 1 - shares)[clusters[clusters > 0]].mean())
    return float(np.mean(values))


def averaged(tables: list[Table]) -> Table:
    """The mean over seeds."""
    return {
        method: {
            au: {name: mean_of([table[method][au][name] for table in tables]) for name in ("agreement", "f1")}
            for au in tables[0][method]
        }
        for method in tables[0]
    }


def mean_over(table: dict[str, dict[str, float | None]], aus: list[str]) -> dict[str, float | None]:
    return {name: mean_of([table[au][name] for au in aus]) for name in ("agreement", "f1")}


def summed_up(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over AUs and seeds, the paper's AUs where not said else; ours less each peer with its interval."""
    tables: list[Table] = [run["faces"] for run in runs]
    every = list(tables[0]["wsc"])
    seven = [f"AU{au}" for au in SCORED_AUS if f"AU{au}" in every]
    by_au = averaged(tables)
    methods = list(by_au)
    told: dict[str, Any] = {
        "mean": {method: mean_over(by_au[method], seven) for method in methods},
        "mean_all_aus": {method: mean_over(by_au[method], every) for method in methods},
        "per_au": {au: {method: by_au[method][au] for method in methods} for au in every},
        "by_seed": [{method: mean_over(table[method], seven) for method in methods} for table in tables],
        "seconds": [run["seconds"] for run in runs],
        "lams": [run["lams"] for run in runs],
        "purity": [run["purity"] for run in runs],
    }
    told["ours_less"] = {
        method: {
            name: paired_interval(*([seed[which][name] for seed in told["by_seed"]] for which in ("wsc", method)))
            for name in ("agreement", "f1")
        }
        for method in methods
        if method != "wsc" and len(runs) > 1
    }
    if "all" in runs[0]:
        with_noise = averaged([run["all"] for run in runs])
        told["mean_with_noise"] = {method: mean_over(with_noise[method], seven) for method in methods}
        told["noise"] = runs[0]["noise"]
        told["outlier_share"] = runs[0]["outlier_share"]
        told["outliers"] = {name: [run["outliers"][name] for run in runs] for name in runs[0]["outliers"]}
    return told


def table_print(title: str, told: dict[str, Any]) -> None:
    print(f"\n{title}: agreement % / mean F1")
    for method in told["mean"]:
        columns = ("mean", "mean_with_noise", "mean_all_aus")
        shown = (f"{name} {figures(told[name][method])}" for name in columns if name in told)
        print(f"{method:22s}" + "  ".join(shown))
    for method, difference in told["ours_less"].items():
        shown = (f"{n} {i['value']:+.4f} [{i['low']:+.4f}, {i['high']:+.4f}]" for n, i in difference.items())
        print(f"wsc − {method:16s}" + "  ".join(shown))
    print(f"purity of the clusters {np.mean(told['purity']):.3f}")
    for name, values in told.get("outliers", {}).items():
        print(f"average precision of {name:22s}{np.mean(values):.3f}  ({min(values):.3f} to {max(values):.3f})")
    lower = [
        au
        for au, methods in told["per_au"].items()
        if any((methods["wsc"][n] or 0) < (methods["weak"][n] or 0) for n in ("agreement", "f1") if "weak" in methods)
    ]
    print(f"AUs on which wsc falls behind the weak labels in either figure: {', '.join(lower) or 'none'}")
    print("\n| AU | " + " | ".join(told["mean"]) + " |")
    for au, methods in told["per_au"].items():
        print(f"| {au} | " + " | ".join(figures(pair) for pair in methods.values()) + " |")


def figures(pair: dict[str, float | None]) -> str:
    return f"{100 * (pair['agreement'] or 0):.2f} / {pair['f1'] or 0:.4f}"


def settings_parse(pairs: list[str]) -> WSCSettings:
    values: dict[str, Any] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            values[name] = json.loads(text)
        except json.JSONDecodeError:
            values[name] = text
    return WSCSettings(**values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the ictau folder")
    parser.add_argument("--work", type=Path, default=Path("var/benchmarks/quality"), help="features are kept here")
    parser.add_argument("--faces", type=int, default=0, help="only the first N stills")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tables", nargs="+", choices=("reference", "blind"), default=("reference", "blind"))
    parser.add_argument("--held-out", action="store_true", help="score on the train stills, never on the truth")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the run")
    parser.add_argument("--keep", type=Path, help="finished seeds are kept here, and taken up")
    parser.add_argument("--few", nargs="+", type=int, default=[], metavar="N", help="reference faces that are given")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="hardly trained features: does it run at all?")
    parser.add_argument("--json", action="store_true", help="everything as JSON on the last line")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    told: dict[str, Any] = {"machine": platform.machine(), "seeds": options.seeds}
    if options.few:
        told["few"] = few_measure(options)
    for table in options.tables if not options.few else ():
        blind = table == "blind"
        summary = summed_up([seed_kept(options, blind, seed) for seed in range(options.seeds)])
        table_print("Without reference labels" if blind else "With reference labels", summary)
        if blind:
            told["without_reference"] = summary
        else:
            told |= summary
    if options.json:
        print(json.dumps(told))


if __name__ == "__main__":
    main()
