"""One partition of the faces: the embedding for an AU (or several), its clusters, and what neighbours say there.

With `lam_steps` several strengths of lambda are tried on the same graph, each starting from the vectors of the
one before, and the partition with the most merit is kept (`sweep`).
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from clustering.algorithms import witnesses as wit
from clustering.algorithms.callbacks import Cancel, Progress, cancel_check, progress_ignore, progress_part
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
    report: Progress,
    cancelled: Cancel | None,
    neighbours: Neighbours | None = None,
) -> Ground:
    """Neighbours (unless an earlier run's are given), graph, Laplacian and first eigenvectors."""
    if neighbours is None:
        report(0.0, "Searching neighbours")
        neighbours = neighbour_search(
            given.features, settings.neighbours, method=settings.search, seed=seed,
            progress=progress_part(report, 0.0, 0.7), cancelled=cancelled,
        )  # fmt: skip
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
    ground: Ground,
    aus: tuple[int, ...],
    settings: WSCSettings,
    seed: int,
    report: Progress = progress_ignore,
    cancelled: Cancel | None = None,
) -> tuple[PartialResult, FloatArray]:
    """The partition for the AU columns `aus`, at the lambda asked for or the best of several; its coordinates."""
    work = _Work(ground, list(aus), settings, seed, report, cancelled)
    found, sweep, planes = work.best_of_several() if settings.lam_steps else work.single()
    curve = np.zeros((0, 4))
    if settings.sweep_steps:
        cuts = modularity_sweep(found.edges, steps=settings.sweep_steps, delta=settings.delta, cancelled=cancelled)
        curve = np.column_stack([cuts.threshold, cuts.umqi, cuts.clusters, cuts.largest])
    how = found.embedding
    facts = (how.objective, how.residual, how.converged, how.iterations, work.umqi(found), found.lam)
    part = PartialResult(
        found.clusters,
        found.plane,
        wit.neighbour_means(work.weak_logit, found.near.indices),
        wit.neighbour_means(work.score_logit, found.near.indices),
        curve,
        np.array(facts, np.float64),
        sweep,
        np.stack([p for _, p in planes], axis=1) if planes else np.zeros((len(found.clusters), 0, 2), np.float32),
        np.array([lam for lam, _ in planes], np.float64),
    )
    return part, _coordinates(how)


Tried = tuple[_Found, NDArray[np.float64], list[tuple[float, FloatArray]]]
"""A partition, the (S, 7) account of its sweep, and the planes at the least, its own and the largest lambda."""


@dataclass(frozen=True)
class _Work:
    """The making of one partition, for the AU columns `columns`."""

    ground: Ground
    columns: list[int]
    settings: WSCSettings
    seed: int
    report: Progress
    cancelled: Cancel | None

    @property
    def weak(self) -> NDArray[np.int8]:
        return self.ground.given.weak[:, self.columns]

    @property
    def weak_logit(self) -> FloatArray:
        return self.ground.weak_logit[:, self.columns]

    @property
    def score_logit(self) -> FloatArray:
        return self.ground.score_logit[:, self.columns]

    def single(self) -> Tried:
        """The partition at the lambda that is set."""
        found = self.found(self.groups(self.weak), self.settings.lam, self.ground.start, self.report)
        return found, np.zeros((0, len(SWEEP_COLUMNS)), np.float64), []

    def best_of_several(self) -> Tried:
        """The partition with the most merit. Only the best so far is held: edges of a million faces are large."""
        groups = self.groups(self.weak)
        best, most, start = None, -np.inf, self.ground.start
        rows, planes = [], []
        lams = lambdas_spread(self.settings.lam_steps)
        for step, lam in enumerate(lams):
            report = progress_part(self.report, step / len(lams), (step + 1) / len(lams))
            report(0.0, f"λ {lam:.2g}, {step + 1} of {len(lams)}")
            found = self.found(groups, lam, start, progress_part(report, 0.0, 0.5))
            start = found.embedding.vectors
            merit = self.merit(found, progress_part(report, 0.5, 1.0))
            rows.append((lam, *self.costs(groups, found), merit.by_reference, merit.value))
            planes.append((lam, found.plane))
            value = -np.inf if np.isnan(merit.value) else merit.value
            if best is None or value > most:
                best, most = found, value
        assert best is not None
        return best, np.array(rows, np.float64), [planes[0], (best.lam, best.plane), planes[-1]]

    def groups(self, weak: NDArray[np.int8]) -> Groups:
        return groups_from_code_sets(weak) if self.settings.groups == "sets" else groups_from_codes(weak)

    def found(self, groups: Groups, lam: float, start: FloatArray | None, report: Progress) -> _Found:
        """Embedding, its neighbours, and the clusters cut from their rank-order distances."""
        settings = self.settings
        embedding = wse_embed(
            self.ground.laplacian, groups, lam, settings.dimensions, settings.solver,
            start=start, seed=self.seed, progress=progress_part(report, 0.0, 0.6), cancelled=self.cancelled,
        )  # fmt: skip
        cancel_check(self.cancelled)
        report(0.6, "Neighbours in the embedding")
        near = neighbour_search(
            _coordinates(embedding), settings.cluster_neighbours, method=settings.search, seed=self.seed,
            cancelled=self.cancelled,
        )  # fmt: skip
        report(0.8, "Cutting clusters")
        edges = rank_order_edges(near)
        return _Found(lam, embedding, near, edges, self.clusters(edges))

    def clusters(self, edges: RankOrderEdges) -> NDArray[np.int32]:
        """(N,) by the cut that is set."""
        settings = self.settings
        least = max(settings.cluster_least, settings.delta + 1)
        if settings.cut == "global":
            return clusters_global(edges, delta=settings.delta, cancelled=self.cancelled)
        if settings.cut == "density":
            return clusters_dense(edges, density=settings.cluster_density, size_least=least)
        return clusters_local(edges, size_cap=settings.cluster_cap, size_least=least)

    def umqi(self, found: _Found) -> float:
        return modularity_umqi(found.clusters, found.edges.first, found.edges.second, delta=self.settings.delta)

    def costs(self, groups: Groups, found: _Found) -> tuple[float, float, int, float]:
        """What looks and labels cost in Eq. 3, clusters and their uMQI."""
        looks = wse_operator(self.ground.laplacian, groups, 0.0).objective(found.embedding.vectors)
        labels = (found.embedding.objective - looks) / found.lam
        return looks, labels, int(found.clusters.max(initial=0)), self.umqi(found)

    def merit(self, found: _Found, report: Progress) -> Merit:
        """How much the partition knows: of reference codes where there are enough, else of withheld weak codes."""
        reference = self.ground.given.reference
        if reference is not None and reference_usable(reference[:, self.columns]):
            heard = [self.weak_logit, self.score_logit]
            for own in (self.weak_logit, self.score_logit):
                heard += [wit.neighbour_means(own, found.near.indices), _cluster_means(own, found.clusters)]
            return merit_by_reference(np.stack(heard, axis=2), reference[:, self.columns], self.seed)

        def shares(half: NDArray[np.int8]) -> FloatArray:
            part = self.found(self.groups(half), found.lam, found.embedding.vectors, progress_ignore)
            return _cluster_means(np.where(half == UNKNOWN, np.nan, half).astype(np.float32), part.clusters)

        report(0.0, "Judging it by halves of the labels")
        return merit_by_halves(self.weak, shares, self.seed)


def _coordinates(embedding: Embedding) -> FloatArray:
    """(N, K) of unit spread."""
    return embedding.vectors * np.float32(np.sqrt(len(embedding.vectors)))


def _cluster_means(values: FloatArray, clusters: NDArray[np.int32]) -> FloatArray:
    """(N, P) `witnesses.cluster_means` of each column."""
    return np.stack([wit.cluster_means(column, clusters) for column in values.T], axis=1)
