"""What a lab would do instead of weakly supervised clustering, on the same features and weak labels.

Each way takes a World and a seed and returns codes (N, A); those that cut at the base rate take it from the
reference labels of the train stills, as ours does. The rankings of odd faces return (N,), higher is odder.
"""

from collections.abc import Callable

import faiss
import numpy as np
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.quality_world import NEIGHBOURS, World

Codes = NDArray[np.int8]
FACES_A_CENTRE = 30


def weak_labels(world: World, seed: int) -> Codes:
    """As they come."""
    return world.weak


def neighbours_majority(world: World, seed: int) -> Codes:
    """What most of the 30 nearest faces are labelled."""
    return (world.weak[world.near.indices].mean(axis=1) > 0.5).astype(np.int8)


def neighbours_base_rate(world: World, seed: int) -> Codes:
    """The mean weak probability of the 30 nearest faces, cut at the base rate."""
    return at_base_rate(world.weak_probability[world.near.indices].mean(axis=1), world)


def kmeans_majority(world: World, seed: int) -> Codes:
    """What most of a k-means cluster are labelled, 30 faces a cluster on average."""
    x = np.ascontiguousarray(world.features)
    means = faiss.Kmeans(x.shape[1], max(2, len(x) // FACES_A_CENTRE), niter=25, seed=seed + 1)
    means.train(x)
    which = means.index.search(x, 1)[1][:, 0]
    counts = np.maximum(np.bincount(which), 1)
    shares = np.stack([np.bincount(which, weights=column == 1) / counts for column in world.weak.T], axis=1)
    return (shares[which] > 0.5).astype(np.int8)


def cleanlab(world: World, seed: int) -> Codes:
    """Labels that cleanlab finds issues with, by cross-validated logistic regression on the features, flipped."""
    codes = world.weak.copy()
    for a in range(codes.shape[1]):
        if min(np.bincount(codes[:, a], minlength=2)) < 5:
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
        probabilities = cross_val_predict(model, world.features, codes[:, a], cv=5, method="predict_proba")
        issues = find_label_issues(codes[:, a], probabilities, n_jobs=1)
        codes[issues, a] = 1 - codes[issues, a]
    return codes


def score_base_rate(world: World, seed: int) -> Codes:
    """The feature network's own score, cut at the base rate."""
    return at_base_rate(world.scores, world)


def score_half(world: World, seed: int) -> Codes:
    """The feature network's own score, cut at one half."""
    return (world.scores > 0.5).astype(np.int8)


def at_base_rate(values: NDArray[np.floating], world: World) -> Codes:
    """Codes that call present the share of unlabelled faces that is present among the train faces."""
    base = (world.reference[~world.unlabelled] == 1).mean(axis=0)
    cuts = [np.quantile(values[world.unlabelled, a], 1 - base[a]) for a in range(values.shape[1])]
    return (values > np.array(cuts)).astype(np.int8)


PEERS: dict[str, Callable[[World, int], Codes]] = {
    "weak": weak_labels,
    "neighbours": neighbours_majority,
    "neighbours_base_rate": neighbours_base_rate,
    "kmeans": kmeans_majority,
    "cleanlab": cleanlab,
    "score_base_rate": score_base_rate,
}
PEERS_BLIND: dict[str, Callable[[World, int], Codes]] = {
    "weak": weak_labels,
    "neighbours": neighbours_majority,
    "kmeans": kmeans_majority,
    "cleanlab": cleanlab,
    "score_half": score_half,
}


def kth_distance(world: World, seed: int) -> NDArray[np.floating]:
    return world.near.distances[:, -1]


def local_outlier_factor(world: World, seed: int) -> NDArray[np.floating]:
    found = LocalOutlierFactor(n_neighbors=NEIGHBOURS).fit(world.features)
    return -found.negative_outlier_factor_


def isolation_forest(world: World, seed: int) -> NDArray[np.floating]:
    return -IsolationForest(random_state=seed).fit(world.features).score_samples(world.features)


RANKINGS: dict[str, Callable[[World, int], NDArray[np.floating]]] = {
    "kth_distance": kth_distance,
    "local_outlier_factor": local_outlier_factor,
    "isolation_forest": isolation_forest,
}
