"""One partition of the faces: the embedding for an AU (or several), its clusters, and what neighbours say there.

With `lam_steps` several strengths of lambda are tried on the same graph, each starting from the vectors of the
one before, and the partition with the most merit is kept (`sweep`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from clustering.algorithms import witnesses as wit
from clustering.algorithms.callbacks import Cancel, cancel_check
from clustering.algorithms.dendrogram import clusters_dense
from clustering.algorithms.embedding import Embedding, wse_embed
from clustering.algorithms.graph import graph_laplacian, neighbour_graph
from clustering.algorithms.groups import UNKNOWN, Groups, groups_from_code_sets, groups_from_codes
from clustering.algorithms.inputs import WSCInput
from clustering.algorithms.logistic import logit
from clustering.algorithms.modularity import clusters_global, modularity_sweep, modularity_umqi
from clustering.algorithms.neighbours import Neighbours, neighbour_search
from clustering.algorithms.operator import wse_operator
from clustering.algorithms.rank_order import RankOrderEdges, clusters_local, rank_order_edges
from clustering.algorithms.results import PartialResult
from clustering.algorithms.settings import WSCSettings
from clustering.algorithms.sweep import (
    SWEEP_COLUMNS,
    Merit,
    lambdas_spread,
    merit_by_halves,
    merit_by_reference,
    reference_usable,
)

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Ground:
    """What all partitions of a run share."""

    given: WSCInput
    neighbours: Neighbours
    laplacian: sp.csr_array
    start: FloatArray | None
    """Bottom eigenvectors of the graph alone, from which every solver sets out."""
    weak_logit: FloatArray
    score_logit: FloatArray
    partitions: tuple[tuple[int, ...], ...]
    """The AU columns of each partition."""
    facts: dict[str, object]


def ground_make(
    given: WSCInput,
    settings: WSCSettings,
    seed: int,
    report: Callable[[float, str], None],
    cancelled: Cancel | None,
    neighbours: Neighbours | None = None,
) -> Ground:
    """Neighbours (unless an earlier run's are given), graph, Laplacian and first eigenvectors."""
    if neighbours is None:
        report(0.0, "Searching neighbours")
        neighbours = neighbour_search(given.features, settings.neighbours, method=settings.search, seed=seed)
        cancel_check(cancelled)
    report(0.7, "Building the graph")
    graph = neighbour_graph(neighbours, kind=settings.graph, affinity=settings.affinity)
    laplacian = graph_laplacian(graph, settings.laplacian)
    start = None
    n, aus = given.weak.shape
    embeddings = (1 if settings.joint else aus) * max(1, settings.lam_steps)
    if settings.solver == "exact" and embeddings > 1:
        nobody = groups_from_codes(np.full(n, UNKNOWN, np.int8))
        start = wse_embed(laplacian, nobody, 0.0, settings.dimensions, seed=seed, cancelled=cancelled).vectors
    score = np.full((n, aus), np.nan, np.float32)
    if given.scores is not None:
        score = logit(given.scores).astype(np.float32)
    return Ground(
        given,
        neighbours,
        laplacian,
        start,
        wit.weak_logits(given.weak, given.weak_probability),
        score,
        (tuple(range(aus)),) if settings.joint else tuple((a,) for a in range(aus)),
        {
            "neighbour_recall": neighbours.recall,
            "neighbour_search": neighbours.method,
            "sigma": graph.sigma,
            "edges": int(graph.affinity.nnz // 2),
            "isolated": int(graph.isolated.sum()),
        },
    )


@dataclass(frozen=True)
class _Found:
    """The partition at one lambda."""

    lam: float
    embedding: Embedding
    near: Neighbours
    edges: RankOrderEdges
    clusters: NDArray[np.int32]

    @property
    def plane(self) -> FloatArray:
        """(N, 2) for a picture: the first two coordinates after the constant one, if there are so many."""
        coordinates = _coordinates(self.embedding)
        first = 1 if coordinates.shape[1] >= 3 else 0
        shown = coordinates[:, first : first + 2]
        out = np.zeros((len(shown), 2), np.float32)
        out[:, : shown.shape[1]] = shown
        return out


def partition_make(
    ground: Ground, aus: tuple[int, ...], settings: WSCSettings, seed: int, cancelled: Cancel | None
) -> tuple[PartialResult, FloatArray]:
    """The partition for the AU columns `aus`, at the lambda asked for or the best of several; its coordinates."""
    found, sweep, planes = _best_found(ground, aus, settings, seed, cancelled)
    curve = np.zeros((0, 4))
    if settings.sweep_steps:
        cuts = modularity_sweep(found.edges, steps=settings.sweep_steps, delta=settings.delta, cancelled=cancelled)
        curve = np.column_stack([cuts.threshold, cuts.umqi, cuts.clusters, cuts.largest])
    umqi = _umqi(found, settings)
    columns = list(aus)
    how = found.embedding
    part = PartialResult(
        found.clusters,
        found.plane,
        wit.neighbour_means(ground.weak_logit[:, columns], found.near.indices),
        wit.neighbour_means(ground.score_logit[:, columns], found.near.indices),
        curve,
        np.array([how.objective, how.residual, how.converged, how.iterations, umqi, found.lam], np.float64),
        sweep,
        np.stack([p for _, p in planes], axis=1) if planes else np.zeros((len(found.clusters), 0, 2), np.float32),
        np.array([lam for lam, _ in planes], np.float64),
    )
    return part, _coordinates(how)


def _best_found(
    ground: Ground, aus: tuple[int, ...], settings: WSCSettings, seed: int, cancelled: Cancel | None
) -> tuple[_Found, NDArray[np.float64], list[tuple[float, FloatArray]]]:
    """The partition kept, the (S, 7) account of the sweep, and the planes at its least, best and largest lambda.

    Only the best partition so far is held: edges of a million faces are large.
    """
    groups = _groups(ground.given.weak[:, list(aus)], settings)
    if not settings.lam_steps:
        alone = _found(ground, groups, settings.lam, ground.start, settings, seed, cancelled)
        return alone, np.zeros((0, len(SWEEP_COLUMNS)), np.float64), []
    best, most, start = None, -np.inf, ground.start
    rows, planes = [], []
    for lam in lambdas_spread(settings.lam_steps):
        found = _found(ground, groups, lam, start, settings, seed, cancelled)
        start = found.embedding.vectors
        merit = _merit(ground, aus, found, settings, seed, cancelled)
        rows.append((*_account(ground, groups, found, settings), merit.by_reference, merit.value))
        planes.append((lam, found.plane))
        value = -np.inf if np.isnan(merit.value) else merit.value
        if best is None or value > most:
            best, most = found, value
    assert best is not None
    planes = [planes[0], (best.lam, best.plane), planes[-1]]
    return best, np.array(rows, np.float64), planes


def _account(
    ground: Ground, groups: Groups, found: _Found, settings: WSCSettings
) -> tuple[float, float, float, int, float]:
    """Lambda, what looks and labels cost in Eq. 3, clusters and their uMQI."""
    looks = wse_operator(ground.laplacian, groups, 0.0).objective(found.embedding.vectors)
    labels = (found.embedding.objective - looks) / found.lam
    return found.lam, looks, labels, int(found.clusters.max(initial=0)), _umqi(found, settings)


def _umqi(found: _Found, settings: WSCSettings) -> float:
    return modularity_umqi(found.clusters, found.edges.first, found.edges.second, delta=settings.delta)


def _groups(weak: NDArray[np.int8], settings: WSCSettings) -> Groups:
    return groups_from_code_sets(weak) if settings.groups == "sets" else groups_from_codes(weak)


def _found(
    ground: Ground,
    groups: Groups,
    lam: float,
    start: FloatArray | None,
    settings: WSCSettings,
    seed: int,
    cancelled: Cancel | None,
) -> _Found:
    embedding = wse_embed(
        ground.laplacian, groups, lam, settings.dimensions, settings.solver,
        start=start, seed=seed, cancelled=cancelled,
    )  # fmt: skip
    cancel_check(cancelled)
    near = neighbour_search(_coordinates(embedding), settings.cluster_neighbours, method=settings.search, seed=seed)
    cancel_check(cancelled)
    edges = rank_order_edges(near)
    return _Found(lam, embedding, near, edges, _clusters(edges, settings, cancelled))


def _clusters(edges: RankOrderEdges, settings: WSCSettings, cancelled: Cancel | None) -> NDArray[np.int32]:
    """(N,) clusters of one partition by the cut that is set."""
    least = max(settings.cluster_least, settings.delta + 1)
    if settings.cut == "global":
        return clusters_global(edges, delta=settings.delta, cancelled=cancelled)
    if settings.cut == "density":
        return clusters_dense(edges, density=settings.cluster_density, size_least=least)
    return clusters_local(edges, size_cap=settings.cluster_cap, size_least=least)


def _coordinates(embedding: Embedding) -> FloatArray:
    """(N, K) of unit spread."""
    return embedding.vectors * np.float32(np.sqrt(len(embedding.vectors)))


def _merit(
    ground: Ground, aus: tuple[int, ...], found: _Found, settings: WSCSettings, seed: int, cancelled: Cancel | None
) -> Merit:
    """How much the partition knows: of reference codes where there are enough, else of withheld weak codes."""
    columns = list(aus)
    reference = None if ground.given.reference is None else ground.given.reference[:, columns]
    weak, score = ground.weak_logit[:, columns], ground.score_logit[:, columns]
    if reference is not None and reference_usable(reference):
        heard = [weak, score]
        for own in (weak, score):
            heard.append(wit.neighbour_means(own, found.near.indices))
            heard.append(np.stack([wit.cluster_means(own[:, a], found.clusters) for a in range(len(aus))], axis=1))
        return merit_by_reference(np.stack(heard, axis=2), reference, seed)

    def shares(half: NDArray[np.int8]) -> FloatArray:
        part = _found(ground, _groups(half, settings), found.lam, found.embedding.vectors, settings, seed, cancelled)
        told = np.where(half == UNKNOWN, np.nan, half).astype(np.float32)
        return np.stack([wit.cluster_means(told[:, a], part.clusters) for a in range(len(aus))], axis=1)

    return merit_by_halves(ground.given.weak[:, columns], shares, seed)
