"""Weakly supervised clustering as a scikit-learn estimator, for notebooks and pipelines.

from clustering.algorithms.estimator import WeaklySupervisedClustering
found = WeaklySupervisedClustering(lam_steps=6).fit(features, weak_labels)
found.labels_, found.proposals_, found.outlier_scores_
"""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import ClassifierTags, Tags, check_random_state
from sklearn.utils.validation import validate_data

from clustering.algorithms.groups import UNKNOWN
from clustering.algorithms.inputs import LEAST_FACES
from clustering.algorithms.pipeline import weakly_supervised_clustering
from clustering.algorithms.settings import (
    Affinity,
    Cut,
    GraphKind,
    GroupKind,
    LaplacianKind,
    SearchMethod,
    Solver,
    VoteKind,
    WSCSettings,
)


class WeaklySupervisedClustering(ClusterMixin, BaseEstimator):
    """Groups of faces that look alike and carry alike labels, and a corrected label for each (Zhao et al. 2018).

    The parameters are those of `WSCSettings`, where each is explained, and `random_state`.

    After `fit` on N faces and A AUs:

    - `labels_` (N,) int32: cluster numbers from 0, -1 for noise and outliers; (N, A), a partition for each AU,
      where there are several and the run is not joint.
    - `embedding_` (N, K) float32, or a list of one for each AU: coordinates of unit spread.
    - `proposals_` like the weak labels: 1 present, 0 absent, -1 where nothing speaks.
    - `probabilities_`, `confidence_` float32 like `proposals_`: of presence, and that the proposal is right.
    - `outlier_scores_` (N,) float32 in [0, 1], `outlier_reasons_` (N,) bits of `outliers.OutlierReason`.
    - `umqi_curve_`: a `ModularityCurve`, or a list of one for each AU.
    - `result_`: the whole `WSCResult`; `classes_`: what 0 and 1 were called in the weak labels.
    """

    def __init__(
        self,
        *,
        neighbours: int = 30,
        search: SearchMethod = "auto",
        graph: GraphKind = "mutual",
        affinity: Affinity = "gaussian",
        laplacian: LaplacianKind = "symmetric",
        lam: float = 0.03,
        lam_steps: int = 0,
        dimensions: int = 10,
        solver: Solver = "exact",
        joint: bool = False,
        groups: GroupKind = "aus",
        vote: VoteKind = "witnesses",
        cluster_neighbours: int = 30,
        cut: Cut = "local",
        delta: int = 1,
        cluster_cap: int = 30,
        cluster_least: int = 5,
        cluster_density: float = 0.1,
        noise_fraction: float = 0.02,
        sweep_steps: int = 24,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.neighbours = neighbours
        self.search = search
        self.graph = graph
        self.affinity = affinity
        self.laplacian = laplacian
        self.lam = lam
        self.lam_steps = lam_steps
        self.dimensions = dimensions
        self.solver = solver
        self.joint = joint
        self.groups = groups
        self.vote = vote
        self.cluster_neighbours = cluster_neighbours
        self.cut = cut
        self.delta = delta
        self.cluster_cap = cluster_cap
        self.cluster_least = cluster_least
        self.cluster_density = cluster_density
        self.noise_fraction = noise_fraction
        self.sweep_steps = sweep_steps
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        weak_labels: ArrayLike | None = None,
        *,
        weak_probability: ArrayLike | None = None,
        scores: ArrayLike | None = None,
        reference: ArrayLike | None = None,
        picture_quality: ArrayLike | None = None,
    ) -> Self:
        """Cluster the faces X (N, d).

        weak_labels (N,) or (N, A): 1 present, 0 absent, -1 not known; (N,) may name its two classes otherwise,
        the one that sorts last counts as present. Without any, faces are grouped by looks alone and nothing
        is proposed. The other arrays are those of `weakly_supervised_clustering`, (N,) allowed for one AU.
        Raises ValueError for input that cannot be clustered or settings that cannot be.
        """
        x = validate_data(self, X, dtype=np.float32, ensure_min_samples=LEAST_FACES)
        parameters = self.get_params(deep=False)
        seed = int(check_random_state(parameters.pop("random_state")).randint(2**31 - 1))
        weak = self._codes(weak_labels, len(x))
        embeddings: dict[int, NDArray[np.float32]] = {}
        result = weakly_supervised_clustering(
            x,
            weak,
            weak_probability=_table(weak_probability),
            scores=_table(scores),
            reference=_table(reference),
            picture_quality=None if picture_quality is None else np.asarray(picture_quality),
            settings=WSCSettings(**parameters),
            seed=seed,
            on_embedding=embeddings.__setitem__,
            labels_needed=weak_labels is not None,
        )
        single = len(result.clusters) == 1
        flat = weak_labels is None or np.ndim(weak_labels) == 1
        labels = result.membership - 1
        self.result_ = result
        self.labels_ = np.ascontiguousarray(labels[:, 0]) if single else labels
        self.embedding_ = embeddings[0] if single else [embeddings[index] for index in sorted(embeddings)]
        self.umqi_curve_ = result.curves[0] if single else list(result.curves)
        self.proposals_ = result.proposal[:, 0] if flat else result.proposal
        self.probabilities_ = result.probability[:, 0] if flat else result.probability
        self.confidence_ = result.confidence[:, 0] if flat else result.confidence
        self.outlier_scores_ = result.outlier_score
        self.outlier_reasons_ = result.outlier_reasons
        return self

    def fit_predict(self, X: ArrayLike, y: ArrayLike | None = None, **given: Any) -> NDArray[np.int32]:
        """`fit` on X and the weak labels y, then `labels_`."""
        labels: NDArray[np.int32] = self.fit(X, y, **given).labels_
        return labels

    def _codes(self, weak_labels: ArrayLike | None, faces: int) -> NDArray[np.integer]:
        """(N, A) codes; sets `classes_`."""
        self.classes_: NDArray[Any] = np.array([0, 1])
        if weak_labels is None:
            return np.full((faces, 1), UNKNOWN, np.int8)
        table: NDArray[Any] = np.asarray(weak_labels)
        if table.ndim != 1:
            return table
        if np.isin(table, (UNKNOWN, 0, 1)).all():
            return table[:, None]
        found = np.unique(table)
        if len(found) != 2:
            raise ValueError(
                f"Weak labels must be 1, 0 or -1 (not known), or of two classes; found {len(found)} different values."
            )
        self.classes_ = found
        present: NDArray[np.int8] = (table == found[1]).astype(np.int8)
        return present[:, None]

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.classifier_tags = ClassifierTags(multi_class=False)  # a weak label is present or absent
        return tags


def _table(values: ArrayLike | None) -> NDArray[Any] | None:
    """(N, A), from (N,) too; None stays."""
    if values is None:
        return None
    table = np.asarray(values)
    return table[:, None] if table.ndim == 1 else table
