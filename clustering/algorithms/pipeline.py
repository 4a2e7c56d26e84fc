"""Weakly supervised clustering from features and weak labels to proposals (Zhao et al. 2018, section 3).

One neighbour graph for all AUs; for each AU (or once, jointly) an embedding, rank-order clusters and the
witnesses they give; then the vote, the outliers and the tables. Each finished partition is handed out, so
that a job can keep it and a later run with the same input, settings and seed takes it up and ends the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from clustering.algorithms import witnesses as wit
from clustering.algorithms.callbacks import Cancel, Progress, cancel_check, progress_part
from clustering.algorithms.cluster_votes import vote_base_rate, vote_majority, vote_probability
from clustering.algorithms.groups import UNKNOWN
from clustering.algorithms.inputs import input_check, settings_fit
from clustering.algorithms.neighbours import Neighbours, mutual_counts
from clustering.algorithms.outliers import Outliers, OutlierSignals, outlier_rank
from clustering.algorithms.partition import Ground, ground_make, partition_make
from clustering.algorithms.rank_order import clusters_numbered
from clustering.algorithms.reannotation import LEAST_REFERENCE, vote_blind, vote_known
from clustering.algorithms.results import PartialResult, WSCResult, cluster_table, curve_from
from clustering.algorithms.settings import WSCSettings
from clustering.algorithms.summary import run_summary
from clustering.algorithms.votes import Vote

FloatArray = NDArray[np.float32]
PartitionCallback = Callable[[int, PartialResult], None]
EmbeddingCallback = Callable[[int, FloatArray], None]


def weakly_supervised_clustering(
    features: NDArray[np.floating],
    weak: NDArray[np.integer],
    *,
    weak_probability: NDArray[np.floating] | None = None,
    scores: NDArray[np.floating] | None = None,
    reference: NDArray[np.integer] | None = None,
    picture_quality: NDArray[np.floating] | None = None,
    neighbours: Neighbours | None = None,
    settings: WSCSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
    done: Mapping[int, PartialResult] | None = None,
    on_partition: PartitionCallback | None = None,
    on_embedding: EmbeddingCallback | None = None,
    on_neighbours: Callable[[Neighbours], None] | None = None,
    labels_needed: bool = True,
) -> WSCResult:
    """Cluster N faces and propose labels for A AUs.

    features (N, d); weak (N, A) codes 1, 0, -1 (unknown); weak_probability (N, A) in [0, 1] or NaN; scores
    (N, A) the feature network's probabilities, out of fold for the faces it was trained on; reference (N,
    A) codes of train faces, never of test faces; picture_quality (N, 2) sharpness and brightness; neighbours
    as an earlier run on the same features found them, as many as the settings ask for. `done` takes up
    partitions that an earlier, equal call handed to `on_partition` under the same index.
    `on_embedding` is given each partition's coordinates (N, K), of unit spread, `on_neighbours` the neighbours
    where they had to be searched. Raises ValueError for input that
    cannot be clustered, such as faces without any weak label (unless not `labels_needed`: then they are grouped
    by looks and nothing is proposed), and Cancelled when `cancelled` says stop.
    """
    given = input_check(
        features, weak, weak_probability, scores, reference, picture_quality, labels_needed=labels_needed
    )
    settings, warnings = settings_fit(settings or WSCSettings(), len(given.features))
    ground = ground_make(given, settings, seed, progress_part(progress, 0.0, 0.15), cancelled, neighbours)
    if neighbours is None and on_neighbours is not None:
        on_neighbours(ground.neighbours)
    parts: list[PartialResult] = []
    for index, aus in enumerate(ground.partitions):
        cancel_check(cancelled)
        share = 0.15 + 0.7 * index / len(ground.partitions)
        part = (done or {}).get(index)
        if part is None or len(part.clusters) != len(given.features):
            what = f"Clustering {index + 1} of {len(ground.partitions)}"
            report = progress_part(progress, share, share + 0.7 / len(ground.partitions), before=f"{what}: ")
            part, coordinates = partition_make(ground, aus, settings, seed, report, cancelled)
            if on_embedding is not None:
                on_embedding(index, coordinates)
            if on_partition is not None:
                on_partition(index, part)
        parts.append(part)
    cancel_check(cancelled)
    if progress is not None:
        progress(0.86, "Weighing the witnesses")
    result = _assembled(ground, parts, settings, seed, warnings)
    if progress is not None:
        progress(1.0, "Done")
    return result


def _witnesses(ground: Ground, parts: list[PartialResult], seed: int) -> wit.Witnesses:
    """Every witness of every face and AU; the feature network's only where there are scores."""
    given = ground.given
    sources = [("weak labels", ground.weak_logit, [p.near_weak for p in parts])]
    if given.scores is not None:
        sources.append(("scores", ground.score_logit, [p.near_score for p in parts]))
    names: list[str] = []
    values: list[FloatArray] = []
    shaped: list[bool] = []
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
        shaped += [False, False, True, True, False]
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
        shaped.append(True)
    return wit.Witnesses(tuple(names), np.stack(values, axis=2), tuple(shaped))


def _cluster_or_near(values: FloatArray, clusters: NDArray[np.int32], near: FloatArray) -> FloatArray:
    """(N,) what a face's cluster says, or its neighbours in the embedding where it is in none."""
    said = wit.cluster_means(values, clusters)
    return np.where(np.isnan(said), near, said)


def _vote(ground: Ground, parts: list[PartialResult], settings: WSCSettings, seed: int, warnings: list[str]) -> Vote:
    """The vote that the settings ask for."""
    if settings.vote == "witnesses":
        return _witnesses_weighed(ground, _witnesses(ground, parts, seed), seed, warnings)
    given, membership = ground.given, np.empty(ground.given.weak.shape, np.int32)
    for columns, part in zip(ground.partitions, parts, strict=True):
        membership[:, list(columns)] = part.clusters[:, None]
    if settings.vote == "majority":
        return vote_majority(given.weak, membership)
    probability = expit(ground.weak_logit)
    if settings.vote == "probability":
        return vote_probability(given.weak, probability, membership)
    return vote_base_rate(given.weak, probability, membership, given.reference)


def _witnesses_weighed(ground: Ground, witnesses: wit.Witnesses, seed: int, warnings: list[str]) -> Vote:
    """By reference where an AU has enough reference faces, blind for the others."""
    given = ground.given
    aus = given.weak.shape[1]
    known = np.zeros(aus, bool)
    if given.reference is not None:
        # Of an AU without any weak label few are better than none.
        needed = np.where((given.weak == UNKNOWN).all(axis=0), 1, LEAST_REFERENCE)
        known = (given.reference != UNKNOWN).sum(axis=0) >= needed
    if given.reference is not None and not known.all():
        told = f"{int((~known).sum())} AUs have fewer than {LEAST_REFERENCE} reference labels"
        warnings.append(f"{told}: their proposals come from a vote without any.")
    if given.reference is None or not known.any():
        return vote_blind(_without_reference(witnesses), given.weak)
    with_reference = np.flatnonzero(known)
    trusted = vote_known(
        replace(witnesses, values=witnesses.values[:, with_reference]),
        given.reference[:, with_reference],
        given.weak[:, with_reference],
        seed=seed,
    )
    if known.all():
        return trusted
    rest = np.flatnonzero(~known)
    heard = _without_reference(witnesses)
    blind = vote_blind(replace(heard, values=heard.values[:, rest]), given.weak[:, rest])
    slots = [witnesses.names.index(name) for name in heard.names]
    return trusted.joined(blind, with_reference, rest, slots)


def _without_reference(witnesses: wit.Witnesses) -> wit.Witnesses:
    """The witnesses that know no reference label."""
    kept = [j for j, name in enumerate(witnesses.names) if name != wit.CLUSTER_REFERENCE]
    return wit.Witnesses(
        tuple(witnesses.names[j] for j in kept),
        witnesses.values[:, :, kept],
        tuple(witnesses.shaped[j] for j in kept),
    )


def _outliers(ground: Ground, parts: list[PartialResult]) -> Outliers:
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
    ground: Ground,
    parts: list[PartialResult],
    settings: WSCSettings,
    seed: int,
    warnings: list[str],
) -> WSCResult:
    given = ground.given
    n, aus = given.weak.shape
    vote = _vote(ground, parts, settings, seed, warnings)
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
    summary = run_summary(given, vote, tables, parts, membership, settings, seed, ground.facts)
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
        tuple(p.planes for p in parts),
        vote.kept,
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
