"""What a run of weakly supervised clustering gives back, and the part that a job can keep after each AU."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.algorithms.modularity import ModularityCurve

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class PartialResult:
    """One finished partition: all that a later run needs not to compute it again. Plain arrays, no pickle."""

    clusters: IntArray
    """(N,) cluster numbers before noise is taken out; 0 fits nowhere."""
    embedding: FloatArray
    """(N, 2) for a map: the first two coordinates after the constant one."""
    near_weak: FloatArray
    """(N, P) mean weak logit of the neighbours in the embedding, for the partition's P AUs."""
    near_score: FloatArray
    """(N, P) mean score logit of the same; all NaN without scores."""
    curve: NDArray[np.float64]
    """(T, 4) threshold, uMQI, clusters, share of the largest: the global cut."""
    facts: NDArray[np.float64]
    """(6,) objective, residual, converged, iterations, uMQI of the clusters, lambda."""
    sweep: NDArray[np.float64]
    """(S, 7) one row for each lambda tried, columns as `sweep.SWEEP_COLUMNS`; no row where one was given."""
    planes: FloatArray
    """(N, 3, 2) as `embedding`, at the least, the chosen and the largest lambda of a sweep; (N, 0, 2) without."""
    plane_lams: NDArray[np.float64]
    """Their lambdas, (3,) or (0,)."""

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The fields by name, for `numpy.savez`."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Any) -> "PartialResult":
        """The way back from a mapping of names to arrays, such as `numpy.load` gives."""
        return cls(**{f.name: np.asarray(arrays[f.name]) for f in fields(cls)})


@dataclass(frozen=True)
class ClusterTable:
    """One partition's clusters, a row each, in the order of their numbers; P AUs."""

    aus: tuple[int, ...]
    """Columns of the input that this partition is for."""
    number: IntArray
    """(C,) from 1."""
    size: IntArray
    """(C,)"""
    positive_share: FloatArray
    """(C, P) share of faces with proposal present; NaN where no face has a proposal."""
    weak_share: FloatArray
    """(C, P) share of present among the known weak labels; NaN where none is known."""
    agreement: FloatArray
    """(C, P) share of the proposals that are the more frequent one: the confidence shown to a coder."""
    confidence: FloatArray
    """(C, P) mean probability that the faces' proposals are right."""
    corrections: FloatArray
    """(C, P) expected number of faces whose weak label is wrong."""


@dataclass(frozen=True)
class WSCResult:
    """N faces, A AUs."""

    membership: IntArray
    """(N, A) cluster of each face in the partition of each AU; 0 is noise and outliers."""
    proposal: NDArray[np.int8]
    """(N, A) 1 present, 0 absent, -1 where nothing speaks."""
    probability: FloatArray
    """(N, A) of present; for reference faces from weights fitted without them."""
    confidence: FloatArray
    """(N, A) probability that the proposal is right."""
    clusters: tuple[ClusterTable, ...]
    """One for each AU, or a single one of a joint run."""
    outlier_score: FloatArray
    """(N,) in [0, 1]."""
    outlier_reasons: NDArray[np.uint32]
    """(N,) bits of `outliers.OutlierReason`."""
    embeddings: tuple[FloatArray, ...]
    """(N, 2) for each partition."""
    curves: tuple[ModularityCurve, ...]
    """uMQI against threshold for each partition; empty arrays when left out."""
    planes: tuple[FloatArray, ...]
    """For each partition: `PartialResult.planes`."""
    kept: NDArray[np.uint8]
    """(N, A) why a face keeps its weak label whatever the vote said: `votes.KeptReason`."""
    summary: dict[str, Any]
    """Counts, rates and qualities, ready for JSON."""
    warnings: tuple[str, ...]


def curve_from(table: NDArray[np.float64]) -> ModularityCurve:
    """A curve from the (T, 4) table that a `PartialResult` keeps."""
    return ModularityCurve(table[:, 0], table[:, 1], table[:, 2].astype(np.int64), table[:, 3])


def cluster_table(
    membership: IntArray,
    aus: tuple[int, ...],
    proposal: NDArray[np.int8],
    probability: FloatArray,
    weak: NDArray[np.int8],
) -> ClusterTable:
    """Tell a partition (N,) by its clusters; the other arrays are (N, A), where columns `aus` count."""
    columns = list(aus)
    count = int(membership.max(initial=0))
    p, y, w = probability[:, columns], proposal[:, columns], weak[:, columns]

    def sums(values: NDArray[Any]) -> NDArray[np.float64]:
        weights = values.astype(np.float64)
        total = [np.bincount(membership, weights=weights[:, j], minlength=count + 1) for j in range(len(aus))]
        return np.asarray(np.stack(total, axis=1)[1:], dtype=np.float64)

    proposed, known = sums(y >= 0), sums(w >= 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = sums(y == 1) / proposed
        weak_share = sums(w == 1) / known
        sure = sums(np.where(y == 1, p, np.where(y == 0, 1 - p, 0.0))) / proposed
    heard = ~np.isnan(p)
    wrong = np.where(w == 1, 1 - p, np.where(w == 0, p, 0.0))
    return ClusterTable(
        aus,
        np.arange(1, count + 1, dtype=np.int32),
        np.bincount(membership, minlength=count + 1)[1:].astype(np.int32),
        share.astype(np.float32),
        weak_share.astype(np.float32),
        np.maximum(share, 1 - share).astype(np.float32),
        sure.astype(np.float32),
        sums(np.where(heard, wrong, 0.0)).astype(np.float32),
    )
