"""How fast the embedding is found: the exact solver beside Algorithms 1 and 2, scikit-learn and LOBPCG.

    python benchmarks/wse_speed.py [--faces N] [--seeds S] [--features FILE.npz] [--growth N N ...] [--json]

Faces are made up (`wse_world.py`) unless `--features` names a file with `features` (N, d); weak labels are
made up in either case. One neighbour graph; then each solver on the same graph, kernels, threads and start.
The mark is the objective at which Algorithm 1 ends by its own rule (a change under 1e-5) or its cap:
`ratio_agd_over_exact` is the time that it needs over the time in which the exact solver gets there. Peers run
at `--peer-faces`: scikit-learn's `spectral_embedding` (LOBPCG) at lambda 0, and scipy's LOBPCG on our product,
each beside the exact solver asked for the residual that the peer ended with. Seconds are wall clock; those of
the processor, of all threads together, stand in brackets, since other work on the machine stretches the first.
`--growth` runs each size in a process of its own and tells its peak memory.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import scipy.sparse as sp
from numba import get_num_threads
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, lobpcg
from sklearn.manifold import spectral_embedding

from benchmarks.wse_world import codes_synthetic, features_read, features_synthetic
from clustering.algorithms.blocks import NumpyBlocks
from clustering.algorithms.eigen import column_residuals, rayleigh_ritz
from clustering.algorithms.embedding import faces_near, laplacian_ordered, wse_embed
from clustering.algorithms.graph import Graph, graph_laplacian, neighbour_graph
from clustering.algorithms.groups import UNKNOWN, Groups, groups_from_codes
from clustering.algorithms.modularity import modularity_sweep
from clustering.algorithms.neighbours import Neighbours, neighbour_search
from clustering.algorithms.operator import wse_operator
from clustering.algorithms.rank_order import clusters_local, rank_order_edges
from clustering.algorithms.settings import WSCSettings

CLUSTER_NEIGHBOURS = WSCSettings().cluster_neighbours
SPECTRUM_BOUND = 2.0
"""No normalised Laplacian has a larger eigenvalue: what we divide a residual by asks a little more of us."""
SHARES = (1.0, 0.1, 0.01, 0.001)
"""Objectives that the solvers are timed to, as shares above the exact one."""


class Clock:
    """Wall and processor seconds since it was made."""

    def __init__(self) -> None:
        self.began = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        wall, cpu = time.perf_counter() - self.began[0], time.process_time() - self.began[1]
        return {"seconds": round(wall, 3), "cpu": round(cpu, 3)}


def world_made(options: argparse.Namespace, faces: int) -> tuple[NDArray[np.float32], Groups, str]:
    if options.features:
        x, source = features_read(options.features, faces), options.features.name
    else:
        x, source = features_synthetic(faces, options.dimensions), "synthetic"
    return x, groups_from_codes(codes_synthetic(x)), source


def graph_made(x: NDArray[np.float32], neighbours: int) -> tuple[Neighbours, Graph, sp.csr_array, dict[str, Any]]:
    """The neighbours of the features, their graph, its symmetric Laplacian, and what each took."""
    clock = Clock()
    near = neighbour_search(x, neighbours)
    told: dict[str, Any] = {"search": clock.read() | {"method": near.method, "recall": near.recall}}
    clock = Clock()
    graph = neighbour_graph(near)
    laplacian = graph_laplacian(graph)
    return near, graph, laplacian, told | {"graph": clock.read() | {"edges": int(graph.affinity.nnz // 2)}}


def solver_timed(
    laplacian: sp.csr_array, groups: Groups, lam: float, k: int, solver: str, **given: Any
) -> dict[str, Any]:
    """One embedding: its objective over wall and processor time, the ordering of the faces included."""
    clock = Clock()
    marks: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = wse_embed(
            laplacian, groups, lam, k, solver, progress=lambda *_: marks.append(clock.read()["cpu"]), **given
        )
    whole = clock.read()
    wall = found.history[-len(marks) :, 0] + whole["seconds"] - found.history[-1, 0]
    return whole | {
        "objective": found.objective,
        "residual": found.residual,
        "rounds": found.iterations,
        "converged": found.converged,
        "trail": [
            [round(float(s), 3), c, float(o)]
            for s, c, o in zip(wall, marks, found.history[-len(marks) :, 1], strict=True)
        ],
    }


def reached(run: dict[str, Any], objective: float) -> tuple[float, float] | None:
    """Wall and processor seconds at which a run first was at or under an objective."""
    return next(((float(s), c) for s, c, o in run["trail"] if o <= objective * (1 + 1e-6)), None)


def solvers_measure(
    laplacian: sp.csr_array, groups: Groups, options: argparse.Namespace, seed: int
) -> dict[str, Any]:
    """The three solvers from one start, and the times to the marks."""
    k = options.components
    start = np.random.default_rng(seed).standard_normal((laplacian.shape[0], k), dtype=np.float32)
    caps = {"exact": None, "agd": options.agd_rounds, "sgd": options.sgd_epochs}
    runs = {}
    for name in caps:
        if name not in options.without:
            given = {"seed": seed, "start": start, "rounds": caps[name]}
            runs[name] = solver_timed(laplacian, groups, options.lam, k, name, **given)
            run_show(name, runs[name])
    told: dict[str, Any] = {"runs": runs}
    best = runs["exact"]["objective"]
    told["exact_within_a_thousandth"] = reached(runs["exact"], best * 1.001)
    told["reached"] = {
        name: {f"{share:g}": reached(run, best * (1 + share)) for share in SHARES} for name, run in runs.items()
    }
    if "agd" in runs:
        mark = min(o for _, _, o in runs["agd"]["trail"])
        exact, agd = reached(runs["exact"], mark), reached(runs["agd"], mark)
        told["to_the_end_of_agd"] = {"exact": exact, "agd": agd, "objective_over_exact": float(mark / best)}
        if exact and agd:
            told["ratio"], told["ratio_cpu"] = agd[0] / exact[0], agd[1] / exact[1]
    seed_show(told)
    return told


def peers_measure(
    graph: Graph, laplacian: sp.csr_array, groups: Groups, options: argparse.Namespace
) -> dict[str, Any]:
    """scikit-learn and scipy, each beside the exact solver at the residual where it ended."""
    n, k = laplacian.shape[0], options.components
    nobody = groups_from_codes(np.full(n, UNKNOWN, np.int8))

    def sklearn_embed() -> NDArray[np.floating[Any]]:
        # In single precision its LOBPCG breaks down after a few rounds.
        affinity = sp.csr_matrix(graph.affinity, dtype=np.float64)
        found = spectral_embedding(affinity, n_components=k, eigen_solver="lobpcg", random_state=0, drop_first=False)
        return np.asarray(found) * np.sqrt(np.asarray(graph.affinity.sum(axis=1)).reshape(-1, 1))

    order = faces_near(laplacian)
    m = wse_operator(laplacian_ordered(laplacian, order), Groups(sp.csr_array(groups.members[order])), options.lam)
    tolerance = 1e-4 * SPECTRUM_BOUND

    def product(block: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        return np.asarray(m.product(np.ascontiguousarray(block, np.float32)))

    def scipy_embed() -> NDArray[np.floating[Any]]:
        x = np.random.default_rng(0).standard_normal((n, k), dtype=np.float32)
        form = LinearOperator((n, n), matvec=product, matmat=product, dtype=np.float32)
        vectors = np.empty((n, k), np.float32)
        vectors[order] = lobpcg(form, x, largest=False, tol=tolerance, maxiter=options.peer_rounds)[1]
        return vectors

    told = {}
    for name, peer, gathered, lam in (
        ("sklearn", sklearn_embed, nobody, 0.0),
        ("lobpcg", scipy_embed, groups, options.lam),
    ):
        told[name] = beside_exact(peer, laplacian, gathered, lam, k)
        peer_show(name, told[name])
    return told


def beside_exact(
    peer: Callable[[], NDArray[np.floating[Any]]], laplacian: sp.csr_array, groups: Groups, lam: float, k: int
) -> dict[str, Any]:
    clock = Clock()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vectors = peer()
    told = clock.read()
    x, mx, values = rayleigh_ritz(wse_operator(laplacian, groups, lam), np.ascontiguousarray(vectors, np.float32))
    residual = float(column_residuals(NumpyBlocks(), x, mx, values).max())
    ours = solver_timed(laplacian, groups, lam, k, "exact", tolerance=residual / SPECTRUM_BOUND)
    del ours["trail"]
    told |= {"residual": residual, "objective": float(values.sum()), "exact": ours}
    return told | {"peer_over_exact": told["seconds"] / ours["seconds"], "cpu_ratio": told["cpu"] / ours["cpu"]}


def growth_one(options: argparse.Namespace, faces: int) -> dict[str, Any]:
    """One size in this process: seconds of each part and the peak memory of all."""
    x, groups, _ = world_made(options, faces)
    _, _, laplacian, told = graph_made(x, options.neighbours)
    clock = Clock()
    found = wse_embed(laplacian, groups, options.lam, options.components)
    told["embedding"] = clock.read() | {"residual": found.residual, "converged": found.converged}
    del laplacian
    clock = Clock()
    near = neighbour_search(found.vectors, CLUSTER_NEIGHBOURS)
    told["search_embedded"] = clock.read() | {"method": near.method, "recall": near.recall}
    clock = Clock()
    edges = rank_order_edges(near)
    labels = clusters_local(edges)
    curve = modularity_sweep(edges)
    told["clusters"] = clock.read() | {"found": int(labels.max()), "best_umqi": float(np.nanmax(curve.umqi))}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return told | {"faces": faces, "neighbours": options.neighbours, "peak_gib": round(peak, 2)}


def growth_measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Each size in a process of its own, so that peaks do not mix."""
    lines = []
    for faces in options.growth:
        command = [sys.executable, __file__, "--growth-one", str(faces), "--neighbours", str(options.neighbours)]
        command += ["--components", str(options.components), "--lam", str(options.lam)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        lines.append(json.loads(told.splitlines()[-1]))
        growth_show(lines[-1])
    return lines


def growth_show(line: dict[str, Any]) -> None:
    parts = (
        f"{name} {line[name]['seconds']:.1f} s ({line[name]['cpu']:.1f})"
        for name in ("search", "graph", "embedding", "search_embedded", "clusters")
    )
    print(f"{line['faces']:>9,} faces: {', '.join(parts)}, peak {line['peak_gib']} GiB", flush=True)


def machine() -> dict[str, Any]:
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": get_num_threads(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
    } | {part: version(part) for part in ("numpy", "scipy", "numba", "scikit-learn", "faiss-cpu", "torch")}


def run_show(name: str, run: dict[str, Any]) -> None:
    end = f"{run['rounds']} rounds{'' if run['converged'] else ', not converged'}"
    took = f"{run['seconds']:8.1f} s ({run['cpu']:.1f})"
    print(f"{name:6s} {took}  objective {run['objective']:.5f}  residual {run['residual']:.1e}  {end}", flush=True)


def world_show(world: dict[str, Any]) -> None:
    print(
        f"{world['faces']:,} faces ({world['source']}), search {world['search']}, graph {world['graph']}", flush=True
    )


def seed_show(seed: dict[str, Any]) -> None:
    print("seconds (of the processor) until the objective is at most so much above the exact one:")
    for name, times in seed["reached"].items():
        cells = (
            f"{100 * float(share):g}% {'never' if at is None else f'{at[0]:.1f} ({at[1]:.1f})'}"
            for share, at in times.items()
        )
        print(f"  {name:6s} {', '.join(cells)}")
    print("exact within 0.1% of its end after", seed["exact_within_a_thousandth"])
    print("to the end of Algorithm 1:", seed.get("to_the_end_of_agd"))
    print("ratio:", seed.get("ratio"), "by processor time:", seed.get("ratio_cpu"), flush=True)


def peer_show(name: str, peer: dict[str, Any]) -> None:
    for who, run in ((name, peer), ("exact", peer["exact"])):
        took = f"{run['seconds']:8.1f} s ({run['cpu']:.1f})"
        print(f"{who:8s} {took}  objective {run['objective']:.5f}  residual {run['residual']:.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="taken for likeness with the other benchmarks; not needed")
    parser.add_argument("--features", type=Path, help="an npz file with `features`, instead of made-up faces")
    parser.add_argument("--faces", type=int, default=20_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--neighbours", type=int, default=100)
    parser.add_argument("--components", type=int, default=100, help="K")
    parser.add_argument("--lam", type=float, default=0.03)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--agd-rounds", type=int, default=1000)
    parser.add_argument("--sgd-epochs", type=int, default=2)
    parser.add_argument("--without", nargs="*", default=[], choices=["agd", "sgd", "peers"])
    parser.add_argument("--peer-faces", type=int, default=10_000)
    parser.add_argument("--peer-rounds", type=int, default=500)
    parser.add_argument("--growth", type=int, nargs="*", default=[], metavar="N")
    parser.add_argument("--growth-one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="everything as JSON on the last line")
    options = parser.parse_args()
    if options.growth_one:
        growth_one(options, 300)  # compile
        print(json.dumps(growth_one(options, options.growth_one)))
        return
    told: dict[str, Any] = {"machine": machine(), "seeds": []}
    print(told["machine"])
    wse_embed(*small_world(), 4)  # compile
    if options.growth:
        told["growth"] = growth_measure(options)
    else:
        x, groups, source = world_made(options, options.faces)
        _, _, laplacian, parts = graph_made(x, options.neighbours)
        told["world"] = parts | {"faces": len(x), "source": source}
        world_show(told["world"])
        told["seeds"] = [solvers_measure(laplacian, groups, options, seed) for seed in range(options.seeds)]
        ratios = [seed["ratio"] for seed in told["seeds"] if "ratio" in seed]
        told["ratio_agd_over_exact"] = float(np.mean(ratios)) if ratios else None
        if "peers" not in options.without:
            few = min(options.peer_faces, len(x))
            _, graph, laplacian, _ = graph_made(x[:few], options.neighbours)
            told["peers"] = peers_measure(graph, laplacian, Groups(sp.csr_array(groups.members[:few])), options)
    told["machine"]["load_after"] = os.getloadavg()
    if options.json:
        print(json.dumps(told))


def small_world() -> tuple[sp.csr_array, Groups, float]:
    x = features_synthetic(200, 8)
    return graph_laplacian(neighbour_graph(neighbour_search(x, 5))), groups_from_codes(codes_synthetic(x)), 0.1


if __name__ == "__main__":
    main()
