"""How fast rank-order clustering is, beside plain Python, faiss k-means and scikit-learn's HDBSCAN.

Parts, all in one run and on the same features:

- distance: every pair's rank-order distance, the dendrogram and the threshold sweep of uMQI, against a plain
  Python rendering of the published distance. Python is timed on the pairs of some faces and extrapolated by
  pair and by face; its distances there must be ours to the last bit.
- whole: neighbour search, distances, sweep and each of our cuts, beside k-means with as many clusters as our
  default cut finds, and HDBSCAN on as many faces as it can do in reasonable time.
- clusters: time against the number of clusters (Zhao et al. 2018, Fig. 5b), on made-up features.

    python benchmarks/rank_order_speed.py [--faces 200000] [--features FILE.npz [--data DIR]] [--json]

Without a file the features are made up: a mixture of Gaussians of very unequal sizes, and one face in twenty
from anywhere. Seconds are wall time, the best of `--repeats`; "cpu" is the processor time of all threads, which
other work on the machine changes less. The suite runs `--faces 2000`.
"""

import argparse
import csv
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import faiss
import numpy as np
from numba import get_num_threads
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from clustering.algorithms.dendrogram import clusters_dense, dendrogram_build
from clustering.algorithms.modularity import clusters_global, modularity_sweep
from clustering.algorithms.neighbours import Neighbours, neighbour_search
from clustering.algorithms.rank_order import RankOrderEdges, clusters_local, rank_order_edges

FloatArray = NDArray[np.float32]
T = TypeVar("T")

DIMENSIONS = 32
"""Of made-up features."""
ITERATIONS = 10
"""Of k-means; its time grows with them."""
CUTS: dict[str, Callable[[RankOrderEdges], NDArray[np.int32]]] = {
    "local": clusters_local,
    "density": clusters_dense,
    "global": clusters_global,
}


def features_made(faces: int, clusters: int, seed: int) -> FloatArray:
    """(faces, 32): Gaussians whose shares are log-normal, and 5% outliers."""
    rng = np.random.default_rng(seed)
    share = rng.lognormal(size=clusters)
    which = rng.choice(clusters, faces, p=share / share.sum())
    x = rng.normal(size=(clusters, DIMENSIONS))[which] + 0.5 * rng.normal(size=(faces, DIMENSIONS))
    odd = rng.random(faces) < 0.05
    x[odd] = 1.5 * rng.normal(size=(int(odd.sum()), DIMENSIONS))
    return x.astype(np.float32)


def features_read(path: Path, data: Path | None, faces: int, seed: int) -> FloatArray:
    """Up to `faces` rows of the file, drawn at random; with the ictau folder its test stills are left out."""
    stored = np.load(path)
    rows = np.arange(len(stored["features"]))
    if data is not None:
        with (data / "stills.csv").open(newline="") as file:
            split = {row["image"]: row["split"] for row in csv.DictReader(file)}
        rows = np.array([i for i, name in enumerate(stored["image"]) if split[str(name)] != "test"])
    if len(rows) > faces:
        rows = np.sort(np.random.default_rng(seed).choice(rows, faces, replace=False))
    return np.asarray(stored["features"][rows], dtype=np.float32)


def timed(work: Callable[[], T], repeats: int = 1) -> tuple[T, dict[str, float]]:
    """What the work gives, and the best wall and processor seconds of its repeats."""
    wall, cpu = [], []
    for _ in range(repeats):
        began = time.perf_counter(), time.process_time()
        out = work()
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
    return out, {"seconds": min(wall), "cpu": min(cpu)}


class PlainDistance:
    """The published distance with Python's lists and dicts, ranks counted alike on both sides."""

    def __init__(self, indices: NDArray[np.int32], faces: list[int]) -> None:
        self.k = indices.shape[1]
        self.lists = {a: [a, *indices[a].tolist()] for a in faces}
        self.ranks = {a: {face: rank for rank, face in enumerate(row)} for a, row in self.lists.items()}

    def __call__(self, a: int, b: int) -> float:
        of_a, of_b = self.ranks[a], self.ranks[b]
        o_ab, o_ba = of_a.get(b, self.k + 1), of_b.get(a, self.k + 1)
        missing = 0
        for face in self.lists[a][: min(o_ab, self.k) + 1]:
            if face not in of_b:
                missing += 1
        for face in self.lists[b][: min(o_ba, self.k) + 1]:
            if face not in of_a:
                missing += 1
        return missing / min(o_ab, o_ba)


def distance_measure(near: Neighbours, rows: int, repeats: int, seed: int) -> dict[str, Any]:
    """Compiled distances and sweep beside plain Python; raises SystemExit where a distance differs."""
    edges, told = timed(partial(rank_order_edges, near), repeats)
    tree, tree_told = timed(partial(dendrogram_build, edges), repeats)
    _, sweep_told = timed(partial(modularity_sweep, edges, tree=tree), repeats)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    n = len(near.indices)
    chosen = np.random.default_rng(seed).choice(n, min(rows, n), replace=False)
    listed = [(a, b) for a in chosen.tolist() for b in near.indices[a].tolist()]
    needed = sorted({*chosen.tolist(), *(b for _, b in listed)})
    plain, built = timed(lambda: PlainDistance(near.indices, needed))
    distances, walked = timed(lambda: [plain(a, b) for a, b in listed])
    touching = np.flatnonzero(np.isin(edges.first, chosen) | np.isin(edges.second, chosen))
    pairs = zip(edges.first[touching].tolist(), edges.second[touching].tolist(), strict=True)
    ours = dict(zip(pairs, edges.distance[touching], strict=True))
    if any(ours[min(a, b), max(a, b)] != np.float32(d) for (a, b), d in zip(listed, distances, strict=True)):
        raise SystemExit("A compiled distance differs from the plain one.")
    python = {
        key: walked[key] / len(listed) * len(edges.first) + built[key] / len(needed) * n for key in ("seconds", "cpu")
    }
    whole = {key: told[key] + tree_told[key] + sweep_told[key] for key in ("seconds", "cpu")}
    return {
        "pairs": len(edges.first),
        "distances": told,
        "dendrogram": tree_told,
        "sweep": sweep_told,
        "python_extrapolated": python,
        "python_pairs_timed": len(listed),
        "identical": True,
        "ratio_python_over_compiled": python["seconds"] / whole["seconds"],
        "ratio_python_over_compiled_cpu": python["cpu"] / whole["cpu"],
        "ratio_python_over_distances": python["seconds"] / told["seconds"],
        "peak_memory_gib": memory,
    }


def whole_measure(
    x: FloatArray, near: Neighbours, search: dict[str, float], hdbscan: int, seed: int
) -> dict[str, Any]:
    """Whole clusterings of the same features, neighbour search and sweep included in ours."""
    told: dict[str, Any] = {}
    edges, ground = timed(partial(rank_order_edges, near))
    _, sweep = timed(partial(modularity_sweep, edges))
    for name, cut in CUTS.items():
        labels, took = timed(partial(cut, edges))
        parts = (search, ground, sweep, took)
        told[f"ours, {name} cut"] = sizes_of(labels) | {
            "faces": len(x),
            "cut_seconds": took["seconds"],
            **{key: sum(part[key] for part in parts) for key in ("seconds", "cpu")},
        }
    count = max(told["ours, local cut"]["clusters"], 1)
    means, took = timed(partial(kmeans, x, count, seed))
    told["k-means"] = sizes_of(means) | {"faces": len(x), **took}
    few = x[np.random.default_rng(seed).permutation(len(x))[:hdbscan]]
    labels, took = timed(lambda: HDBSCAN(min_cluster_size=5, n_jobs=-1, copy=True).fit_predict(few))
    told["HDBSCAN"] = sizes_of(labels + 1) | {"faces": len(few), **took}
    return told


def sizes_of(labels: NDArray[np.integer]) -> dict[str, Any]:
    """Of clusters numbered from 1, where 0 is noise."""
    sizes = np.bincount(labels, minlength=1)
    n = len(labels)
    return {
        "clusters": int((sizes[1:] > 0).sum()),
        "largest": float(sizes[1:].max(initial=0) / n),
        "noise": float(sizes[0] / n),
    }


def kmeans(x: FloatArray, count: int, seed: int) -> NDArray[np.int64]:
    """faiss k-means on all faces, numbered from 1."""
    model = faiss.Kmeans(
        x.shape[1], count, niter=ITERATIONS, seed=seed, min_points_per_centroid=1, max_points_per_centroid=len(x)
    )
    model.train(x)
    return np.asarray(model.index.search(x, 1)[1][:, 0] + 1)


def clusters_measure(faces: int, k: int, seed: int) -> list[dict[str, Any]]:
    """Fig. 5(b): the same number of faces in ever more clusters; ours is the global cut with its sweep."""
    rows = []
    for count in (c for c in (10, 50, 250, 1250, 6250) if c <= faces // 8):
        x = features_made(faces, count, seed)
        near, search = timed(partial(neighbour_search, x, min(k, faces - 1), seed=seed))
        edges, distances = timed(partial(rank_order_edges, near))
        labels, cut = timed(partial(clusters_global, edges))
        _, peer = timed(partial(kmeans, x, count, seed))
        ours = {key: distances[key] + cut[key] for key in ("seconds", "cpu")}
        rows.append(
            {
                "faces": faces,
                "made": count,
                "found": int(labels.max()),
                "search": search,
                "ours": ours,
                "kmeans": peer,
            }
        )
    return rows


def tables_print(told: dict[str, Any]) -> None:
    distance = told["distance"]
    print(f"\n{told['faces']} faces, {told['neighbours']} neighbours, {distance['pairs']} pairs")
    print(f"{'neighbour search':28s} {told['search']['seconds']:9.2f} s {told['search']['cpu']:9.2f} s cpu")
    for name in ("distances", "dendrogram", "sweep", "python_extrapolated"):
        print(f"{name:28s} {distance[name]['seconds']:9.2f} s {distance[name]['cpu']:9.2f} s cpu")
    for name in ("ratio_python_over_compiled", "ratio_python_over_compiled_cpu", "ratio_python_over_distances"):
        print(f"{name:34s} {distance[name]:6.1f}")
    print(f"peak memory {distance['peak_memory_gib']:.2f} GiB\n")
    for name, row in told["whole"].items():
        print(
            f"{name:28s} {row['faces']:8d} faces {row['seconds']:9.2f} s {row['cpu']:9.2f} s cpu"
            f" {row['clusters']:7d} clusters, largest {row['largest']:.3f}, noise {row['noise']:.3f}"
        )
    print()
    for row in told["clusters"]:
        print(
            f"{row['faces']:8d} faces in {row['made']:5d} clusters: search {row['search']['seconds']:.2f} s,"
            f" ours {row['ours']['seconds']:.2f} s ({row['found']} found), k-means {row['kmeans']['seconds']:.2f} s"
        )


def machine() -> dict[str, Any]:
    return {
        "processor": platform.processor() or platform.machine(),
        "threads": get_num_threads(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=20_000, help="at most so many")
    parser.add_argument("--neighbours", type=int, default=100)
    parser.add_argument("--features", type=Path, help="npz with features (N, d); made up without")
    parser.add_argument("--data", type=Path, help="the ictau folder: leaves its test stills out of --features")
    parser.add_argument("--rows", type=int, default=200, help="faces whose pairs plain Python is timed on")
    parser.add_argument("--hdbscan-faces", type=int, default=10_000, help="most that HDBSCAN is given")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="everything as JSON on the last line")
    options = parser.parse_args()
    if options.features is None:
        x = features_made(options.faces, max(options.faces // 100, 2), options.seed)
    else:
        x = features_read(options.features, options.data, options.faces, options.seed)
    small = rank_order_edges(neighbour_search(x[:300], 9))  # compiles, or loads what was compiled before
    for cut in CUTS.values():
        cut(small)
    modularity_sweep(small)
    load = machine()
    near, search = timed(lambda: neighbour_search(x, min(options.neighbours, len(x) - 1), seed=options.seed))
    told: dict[str, Any] = {
        "machine": load,
        "faces": len(x),
        "neighbours": near.k,
        "search": search | {"method": near.method, "recall": near.recall},
        "distance": distance_measure(near, options.rows, options.repeats, options.seed),
        "whole": whole_measure(x, near, search, options.hdbscan_faces, options.seed),
        "clusters": clusters_measure(max(len(x) // 4, 16), options.neighbours, options.seed),
    }
    told["ratio_python_over_compiled"] = told["distance"]["ratio_python_over_compiled"]
    tables_print(told)
    if options.json:
        print(json.dumps(told))


if __name__ == "__main__":
    main()
