"""How much better re-annotation makes weak AU labels on the ictau stills, beside simpler ways.

Runs weakly supervised clustering on the train and the unlabelled stills, from a feature file, and scores
proposals for the unlabelled stills against the truth: agreement and F1, averaged over seven AUs. Test
stills take no part.

    python benchmarks/wsc_quality.py --data DIR --features FILE.npz [--blind] [--set lam=0.1 ...] [--json]

FILE.npz holds image (N,), features (N, d), scores (N, A) out-of-fold network probabilities, aus (A,), split
(N,). `--blind` withholds all reference labels. `--held-out` scores on the train stills only and never opens
the truth: the way to try settings.
"""

import argparse
import csv
import io
import json
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from clustering.algorithms.graph import neighbour_search
from clustering.algorithms.pipeline import weakly_supervised_clustering
from clustering.algorithms.results import WSCResult
from clustering.algorithms.scores import agreement_f1
from clustering.algorithms.settings import WSCSettings

SCORED_AUS = (1, 4, 5, 6, 12, 25, 26)


@dataclass(frozen=True)
class World:
    """The train and unlabelled stills, aligned: N faces, A AUs."""

    images: list[str]
    aus: list[int]
    features: NDArray[np.float32]
    scores: NDArray[np.float32]
    weak: NDArray[np.int8]
    weak_probability: NDArray[np.float32]
    reference: NDArray[np.int8]
    unlabelled: NDArray[np.bool_]
    quality: NDArray[np.float32]


def rows_read(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def world_load(data: Path, features: Path) -> World:
    stored = np.load(features)
    stills, weak = rows_read(data / "stills.csv"), rows_read(data / "weak.csv")
    aus = [int(str(a).removeprefix("AU")) for a in stored["aus"]]
    kept = [i for i, name in enumerate(stored["image"]) if stills[str(name)]["split"] != "test"]
    images = [str(stored["image"][i]) for i in kept]
    train = np.array([stills[name]["split"] == "train_gt" for name in images])
    codes = np.array([[int(stills[name][f"AU{a}"]) for a in aus] for name in images], np.int8)
    return World(
        images,
        aus,
        stored["features"][kept].astype(np.float32),
        stored["scores"][kept].astype(np.float32),
        np.array([[int(weak[name][f"AU{a}"]) for a in aus] for name in images], np.int8),
        np.array([[float(weak[name][f"AU{a}_prob"]) for a in aus] for name in images], np.float32),
        np.where(train[:, None], codes, -1).astype(np.int8),
        ~train,
        quality_measure(data, images),
    )


def quality_measure(data: Path, images: list[str]) -> NDArray[np.float32]:
    """(N, 2) sharpness (spread of the grey Laplacian) and brightness (mean grey) of the zipped stills."""
    where: dict[str, zipfile.ZipFile] = {}
    for path in sorted((data / "stills").glob("*.zip")):
        archive = zipfile.ZipFile(path)
        where.update(dict.fromkeys(archive.namelist(), archive))
    out = np.zeros((len(images), 2), np.float32)
    for i, name in enumerate(images):
        with Image.open(io.BytesIO(where[name].read(name))) as picture:
            grey = np.asarray(picture.convert("L"), np.float32) / 255
        edges = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
        out[i] = edges.std(), grey.mean()
    return out


def at_base_rate(values: NDArray[np.floating], world: World) -> NDArray[np.int8]:
    """Codes (N, A) that call present the share of unlabelled faces that is present among the train faces."""
    train = ~world.unlabelled
    base = (world.reference[train] == 1).mean(axis=0)
    cuts = [np.quantile(values[world.unlabelled, a], 1 - base[a]) for a in range(values.shape[1])]
    return (values > np.array(cuts)).astype(np.int8)


def methods_run(world: World, result: WSCResult, blind: bool) -> dict[str, NDArray[np.int8]]:
    near = neighbour_search(world.features, 30).indices
    majority = (world.weak[near].mean(axis=1) > 0.5).astype(np.int8)
    clusters = np.stack(
        [cluster_majority(world.weak[:, a], result.membership[:, a]) for a in range(world.weak.shape[1])],
        axis=1,
    )
    out = {"weak labels": world.weak, "30 neighbours, majority": majority, "clusters, majority": clusters}
    if blind:
        out["network score at 0.5"] = (world.scores > 0.5).astype(np.int8)
    else:
        out["network score at base rate"] = at_base_rate(world.scores, world)
    return out | {"wsc": result.proposal}


def cluster_majority(weak: NDArray[np.int8], membership: NDArray[np.int32]) -> NDArray[np.int8]:
    """(N,) the weak majority of each face's cluster; faces in the noise group keep their weak label."""
    share = np.bincount(membership, weights=weak == 1) / np.maximum(np.bincount(membership), 1)
    return np.where(membership > 0, share[membership] > 0.5, weak).astype(np.int8)


def score(truth: NDArray[np.int8], codes: NDArray[np.int8], rows: NDArray[np.bool_]) -> tuple[float, float]:
    """Mean agreement in percent and mean F1 over the columns."""
    pairs = [agreement_f1(truth[rows, a], codes[rows, a]) for a in range(truth.shape[1])]
    return 100 * float(np.mean([p[0] for p in pairs])), float(np.mean([p[1] or 0.0 for p in pairs]))


def average_precision(marks: NDArray[np.bool_], ranking: NDArray[np.floating]) -> float:
    hits = marks[np.argsort(-ranking, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def truth_table(data: Path, world: World, result: WSCResult, blind: bool) -> dict[str, Any]:
    rows = rows_read(data / "truth.csv")
    kind = np.array([rows[name]["kind"] for name in world.images])
    truth = np.array([[int(rows[n][f"AU{a}"]) for a in world.aus] for n in world.images], np.int8)
    columns = [world.aus.index(a) for a in SCORED_AUS]
    every, clean = world.unlabelled, world.unlabelled & (kind != "noise")
    table: dict[str, Any] = {"rows": {}, "per_au": {}}
    for name, codes in methods_run(world, result, blind).items():
        table["rows"][name] = {
            "all": score(truth[:, columns], codes[:, columns], every),
            "without_noise": score(truth[:, columns], codes[:, columns], clean),
            "all_aus_without_noise": score(truth, codes, clean),
        }
    for a, au in enumerate(world.aus):
        table["per_au"][f"AU{au}"] = {
            "weak": agreement_f1(truth[clean, a], world.weak[clean, a]),
            "wsc": agreement_f1(truth[clean, a], result.proposal[clean, a]),
        }
    odd = kind[every] != "face"
    table["outlier_average_precision"] = average_precision(odd, result.outlier_score[every])
    table["outlier_share"] = float(odd.mean())
    purity = [cluster_purity(truth[:, a], result.membership[:, a]) for a in columns]
    table["cluster_purity"] = float(np.mean(purity))
    return table


def cluster_purity(truth: NDArray[np.int8], membership: NDArray[np.int32]) -> float:
    """Share of clustered faces whose truth is their cluster's more frequent one."""
    share = np.bincount(membership, weights=truth == 1) / np.maximum(np.bincount(membership), 1)
    inside = membership > 0
    return float(np.maximum(share, 1 - share)[membership[inside]].mean())


def held_out_table(world: World, result: WSCResult, blind: bool) -> dict[str, Any]:
    train = ~world.unlabelled
    columns = [world.aus.index(a) for a in SCORED_AUS]
    rows = {}
    for name, codes in methods_run(world, result, blind).items():
        few = score(world.reference[:, columns], codes[:, columns], train)
        rows[name] = {"train_stills": few, "train_stills_all_aus": score(world.reference, codes, train)}
    purity = [cluster_purity(world.reference[train, a], result.membership[train, a]) for a in columns]
    return {"rows": rows, "cluster_purity": float(np.mean(purity))}


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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder of the ictau data")
    parser.add_argument("--features", type=Path, required=True, help="npz with features and scores")
    parser.add_argument("--blind", action="store_true", help="withhold the reference labels")
    parser.add_argument("--held-out", action="store_true", help="score on the train stills, never on the truth")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    world = world_load(options.data, options.features)
    began = time.perf_counter()
    result = weakly_supervised_clustering(
        world.features,
        world.weak,
        weak_probability=world.weak_probability,
        scores=world.scores,
        reference=None if options.blind else world.reference,
        picture_quality=world.quality,
        settings=settings_parse(options.set),
        seed=options.seed,
    )
    seconds = time.perf_counter() - began
    if options.held_out:
        table = held_out_table(world, result, options.blind)
    else:
        table = truth_table(options.data, world, result, options.blind)
    table["seconds"] = seconds
    table["settings"] = result.summary["settings"]
    for name, columns in table["rows"].items():
        shown = "  ".join(f"{key} {v[0]:.1f} / {v[1]:.3f}" for key, v in columns.items())
        print(f"{name:28s} {shown}")
    for key, value in table.items():
        if isinstance(value, float):
            print(f"{key:28s} {value:.3f}")
    if options.json:
        print(json.dumps(table))


if __name__ == "__main__":
    main()
