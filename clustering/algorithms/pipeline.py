"""Weakly supervised clustering from features and weak labels to proposals (Zhao et al. 2018, section 3).

One neighbour graph for all AUs; for each AU (or once, jointly) an embedding, rank-order clusters and the
witnesses they give; then the vote, the outliers and the tables. Each finished partition is handed out, so
that a job can keep it and a later run with the same input, settings and seed takes it up and ends the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from clustering.algorithms import witnesses as wit
from clustering.algorithms.callbacks import Cancel, Progress, cancel_check, progress_part
from clustering.algorithms.embedding import wse_embed
from clustering.algorithms.graph import graph_laplacian, neighbour_graph
from clustering.algorithms.groups import UNKNOWN, Groups, groups_from_codes
from clustering.algorithms.inputs import WSCInput, input_check, settings_fit
from clustering.algorithms.logistic import logit
from clustering.algorithms.modularity import modularity_sweep, modularity_umqi
from clustering.algorithms.neighbours import Neighbours, mutual_counts, neighbour_search
from clustering.algorithms.outliers import Outliers, OutlierSignals, outlier_rank
from clustering.algorithms.rank_order import clusters_local, clusters_numbered, rank_order_edges
from clustering.algorithms.reannotation import Vote, vote_blind, vote_known
from clustering.algorithms.results import PartialResult, WSCResult, cluster_table, curve_from
from clustering.algorithms.settings import WSCSettings
from clustering.algorithms.summary import run_summary

FloatArray = NDArray[np.float32]
PartitionCallback = Callable[[int, PartialResult], None]


@dataclass(frozen=True)
class _Ground:
    """What all partitions share."""

    given: WSCInput
    neighbours: Neighbours
    laplacian: sp.csr_array
    start: FloatArray | None
    weak_logit: FloatArray
    score_logit: FloatArray
    partitions: tuple[tuple[int, ...], ...]
    """The AU columns of each partition."""


def weakly_supervised_clustering(
    features: NDArray[np.floating],
    weak: NDArray[np.integer],
    *,
    weak_probability: NDArray[np.floating] | None = None,
    scores: NDArray[np.floating] | None = None,
    reference: NDArray[np.integer] | None = None,
    picture_quality: NDArray[np.floating] | None = None,
    settings: WSCSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
    done: Mapping[int, PartialResult] | None = None,
    on_partition: PartitionCallback | None = None,
) -> WSCResult:
    """Cluster N faces and propose labels for A AUs.

    features (N, d); weak (N, A) codes 1, 0, -1 (unknown); weak_probability (N, A) in [0, 1] or NaN; scores
    (N, A) the feature network's probabilities, out of fold for the faces it was trained on; reference (N,
    A) codes of train faces, never of test faces; picture_quality (N, 2) sharpness and brightness. `done`
    takes up partitions that an earlier, equal call handed to `on_partition` under the same index. Raises
    ValueError for input that cannot be clustered and Cancelled when `cancelled` says stop.
    """
    given = input_check(features, weak, weak_probability, scores, reference, picture_quality)
    settings, warnings = settings_fit(settings or WSCSettings(), len(given.features))
    ground, facts = _ground(given, settings, seed, progress_part(progress, 0.0, 0.15), cancelled)
    parts: list[PartialResult] = []
    for index, aus in enumerate(ground.partitions):
        cancel_check(cancelled)
        share = 0.15 + 0.7 * index / len(ground.partitions)
        if progress is not None:
            progress(share, f"Clustering {index + 1} of {len(ground.partitions)}")
        part = (done or {}).get(index)
        if part is None or len(part.clusters) != len(given.features):
            part = _partition(ground, aus, settings, seed, cancelled)
            if on_partition is not None:
                on_partition(index, part)
        parts.append(part)
    cancel_check(cancelled)
    if progress is not None:
        progress(0.86, "Weighing the witnesses")
    result = _assembled(ground, parts, settings, seed, facts, warnings)
    if progress is not None:
        progress(1.0, "Done")
    return result


def _ground(
    given: WSCInput, settings: WSCSettings, seed: int, report: Progress, cancelled: Cancel | None
) -> tuple[_Ground, dict[str, object]]:
    report(0.0, "Searching neighbours")
    neighbours = neighbour_search(given.features, settings.neighbours, method=settings.search, seed=seed)
    cancel_check(cancelled)
    report(0.7, "Building the graph")
    graph = neighbour_graph(neighbours, kind=settings.graph, affinity=settings.affinity)
    laplacian = graph_laplacian(graph, settings.laplacian)
    start = None
    n, aus = given.weak.shape
    if settings.solver == "exact" and not settings.joint and aus > 1:
        nobody = groups_from_codes(np.full(n, UNKNOWN, np.int8))
        start = wse_embed(laplacian, nobody, 0.0, settings.dimensions, seed=seed, cancelled=cancelled).vectors
    score = np.full((n, aus), np.nan, np.float32)
    if given.scores is not None:
        score = logit(given.scores).astype(np.float32)
    partitions = (tuple(range(aus)),) if settings.joint else tuple((a,) for a in range(aus))
    facts: dict[str, object] = {
        "neighbour_recall": neighbours.recall,
        "neighbour_search": neighbours.method,
        "sigma": graph.sigma,
        "edges": int(graph.affinity.nnz // 2),
        "isolated": int(graph.isolated.sum()),
    }
    weak_logit = wit.weak_logits(given.weak, given.weak_probability)
    return _Ground(given, neighbours, laplacian, start, weak_logit, score, partitions), facts


def _partition(
    ground: _Ground, aus: tuple[int, ...], settings: WSCSettings, seed: int, cancelled: Cancel | None
) -> PartialResult:
    """Embedding, clusters and embedding neighbours of one AU, or of all jointly."""
    columns = list(aus)
    groups: Groups = groups_from_codes(ground.given.weak[:, columns])
    found = wse_embed(
        ground.laplacian, groups, settings.lam, settings.dimensions, settings.solver,
        start=ground.start, seed=seed, cancelled=cancelled,
    )  # fmt: skip
    cancel_check(cancelled)
    coordinates = found.vectors * np.float32(np.sqrt(len(found.vectors)))
    near = neighbour_search(coordinates, settings.cluster_neighbours, method=settings.search, seed=seed)
    cancel_check(cancelled)
    edges = rank_order_edges(near)
    clusters = clusters_local(edges, size_cap=settings.cluster_cap, size_least=settings.cluster_least)
    curve = np.zeros((0, 4))
    if settings.sweep_steps:
        sweep = modularity_sweep(edges, steps=settings.sweep_steps, cancelled=cancelled)
        curve = np.column_stack([sweep.threshold, sweep.umqi, sweep.clusters, sweep.largest])
    umqi = modularity_umqi(clusters, edges.first, edges.second)
    first = 1 if settings.dimensions >= 3 else 0
    plane = np.zeros((len(clusters), 2), np.float32)
    shown = coordinates[:, first : first + 2]
    plane[:, : shown.shape[1]] = shown
    return PartialResult(
        clusters,
        plane,
        wit.neighbour_means(ground.weak_logit[:, columns], near.indices),
        wit.neighbour_means(ground.score_logit[:, columns], near.indices),
        curve,
        np.array([found.objective, found.residual, found.converged, found.iterations, umqi], np.float64),
    )


def _witnesses(ground: _Ground, parts: list[PartialResult], seed: int) -> wit.Witnesses:
    """Every witness of every face and AU; the feature network's only where there are scores."""
    given = ground.given
    sources = [("weak labels", ground.weak_logit, [p.near_weak for p in parts])]
    if given.scores is not None:
        sources.append(("scores", ground.score_logit, [p.near_score for p in parts]))
    names: list[str] = []
    values: list[FloatArray] = []
    for name, own, near in sources:
        embedded, clustered = np.empty_like(own), np.empty_like(own)
        for columns, part, around in zip(ground.partitions, parts, near, strict=True):
            for slot, a in enumerate(columns):
                embedded[:, a] = around[:, slot]
                clustered[:, a] = _cluster_or_near(own[:, a], part.clusters, around[:, slot])
        names += [
            wit.WEAK if name == "weak labels" else wit.SCORE,
            f"neighbours' {name}",
            f"embedding neighbours' {name}",
            f"cluster's {name}",
            f"features' forecast of {name}",
        ]
        values += [
            own,
            wit.neighbour_means(own, ground.neighbours.indices),
            embedded,
            clustered,
            wit.feature_forecasts(given.features, own, seed=seed),
        ]
    if given.reference is not None:
        found = np.empty_like(ground.weak_logit)
        for columns, part in zip(ground.partitions, parts, strict=True):
            for a in columns:
                found[:, a] = wit.cluster_reference(given.reference[:, a], part.clusters)
        names.append(wit.CLUSTER_REFERENCE)
        values.append(found)
    return wit.Witnesses(tuple(names), np.stack(values, axis=2))


def _cluster_or_near(values: FloatArray, clusters: NDArray[np.int32], near: FloatArray) -> FloatArray:
    """(N,) what a face's cluster says, or its neighbours in the embedding where it is in none."""
    said = wit.cluster_means(values, clusters)
    return np.where(np.isnan(said), near, said)


def _vote(ground: _Ground, witnesses: wit.Witnesses, seed: int, warnings: list[str]) -> Vote:
    """By reference where an AU has reference faces, blind for the others."""
    given = ground.given
    aus = given.weak.shape[1]
    known = np.zeros(aus, bool)
    if given.reference is not None:
        known = (given.reference != UNKNOWN).any(axis=0)
    if given.reference is None or not known.any():
        return vote_blind(witnesses, given.weak)
    with_reference = np.flatnonzero(known)
    trusted = vote_known(
        wit.Witnesses(witnesses.names, witnesses.values[:, with_reference]),
        given.reference[:, with_reference],
        seed=seed,
    )
    if known.all():
        return trusted
    rest = np.flatnonzero(~known)
    warnings.append(f"{len(rest)} AUs have no reference label: their proposals come from a vote without any.")
    kept = [j for j, name in enumerate(witnesses.names) if name != wit.CLUSTER_REFERENCE]
    heard = wit.Witnesses(tuple(witnesses.names[j] for j in kept), witnesses.values[:, rest][:, :, kept])
    return trusted.joined(vote_blind(heard, given.weak[:, rest]), with_reference, rest, kept)


def _outliers(ground: _Ground, parts: list[PartialResult]) -> Outliers:
    given = ground.given
    gap = None
    if given.scores is not None:
        apart = np.abs(ground.weak_logit - ground.score_logit)
        with np.errstate(invalid="ignore"):
            apart = (apart - np.nanmean(apart, axis=0)) / np.maximum(np.nanstd(apart, axis=0), 1e-6)
        heard = ~np.isnan(apart)
        gap = (np.where(heard, apart, 0).sum(axis=1) / np.maximum(heard.sum(axis=1), 1)).astype(np.float32)
    quality = given.picture_quality
    signals = OutlierSignals(
        ground.neighbours.distances[:, -1],
        (mutual_counts(ground.neighbours) / ground.neighbours.k).astype(np.float32),
        np.mean([p.clusters == 0 for p in parts], axis=0).astype(np.float32),
        gap,
        None if quality is None else quality[:, 0],
        None if quality is None else quality[:, 1],
    )
    typical = None if given.reference is None else (given.reference != UNKNOWN).any(axis=1)
    return outlier_rank(signals, typical)


def _assembled(
    ground: _Ground,
    parts: list[PartialResult],
    settings: WSCSettings,
    seed: int,
    facts: dict[str, object],
    warnings: list[str],
) -> WSCResult:
    given = ground.given
    n, aus = given.weak.shape
    vote = _vote(ground, _witnesses(ground, parts, seed), seed, warnings)
    outliers = _outliers(ground, parts)
    noise = np.zeros(n, bool)
    noise[np.argsort(-outliers.score, kind="stable")[: round(settings.noise_fraction * n)]] = True
    membership = np.zeros((n, aus), np.int32)
    tables = []
    for columns, part in zip(ground.partitions, parts, strict=True):
        kept = clusters_without(part.clusters, noise)
        membership[:, list(columns)] = kept[:, None]
        tables.append(cluster_table(kept, columns, vote.proposal, vote.probability, given.weak))
    silent = np.flatnonzero((vote.proposal == UNKNOWN).all(axis=0))
    if len(silent):
        warnings.append(f"{len(silent)} AUs have neither weak labels nor scores, so no proposals.")
    if any(not p.facts[2] for p in parts):
        warnings.append("An embedding did not reach its tolerance: its residual is in the summary.")
    summary = run_summary(given, vote, tables, parts, membership, settings, seed, facts)
    return WSCResult(
        membership,
        vote.proposal,
        vote.probability,
        vote.confidence,
        tuple(tables),
        outliers.score,
        outliers.reasons,
        tuple(p.embedding for p in parts),
        tuple(curve_from(p.curve) for p in parts),
        summary,
        tuple(warnings),
    )


def clusters_without(clusters: NDArray[np.int32], noise: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Clusters (N,) with the noise faces (N,) moved to 0, numbered again from 1 without gaps."""
    kept = np.where(noise, 0, clusters)
    inside = kept > 0
    out = np.zeros(len(kept), np.int32)
    if inside.any():
        out[inside] = clusters_numbered(kept[inside].astype(np.int32))
    return out
