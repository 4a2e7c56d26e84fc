"""Two moons that touch, three labels in ten flipped: the answer is known at both ends of lambda and between."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.datasets import make_moons

from clustering.algorithms.embedding import wse_embed
from clustering.algorithms.graph import graph_laplacian, neighbour_graph
from clustering.algorithms.groups import groups_from_codes
from clustering.algorithms.neighbours import neighbour_search
from clustering.algorithms.pipeline import weakly_supervised_clustering
from clustering.algorithms.settings import VoteKind, WSCSettings

FACES = 800
POINTS, MOON = make_moons(FACES, noise=0.15, random_state=0)
FEATURES = POINTS.astype(np.float32)
FLIPPED = np.random.default_rng(7).random(FACES) < 0.3
WEAK = (MOON ^ FLIPPED).astype(np.int8)
LAPLACIAN = graph_laplacian(neighbour_graph(neighbour_search(FEATURES, 10)))


def halves(lam: float) -> NDArray[np.int32]:
    """(N,) the two parts that 2-means finds in the plane of this lambda."""
    plane = wse_embed(LAPLACIAN, groups_from_codes(WEAK), lam, 2).vectors
    return np.asarray(KMeans(2, n_init=5, random_state=0).fit_predict(plane))


def alike(parts: NDArray[np.int32], codes: NDArray[np.integer]) -> float:
    """Share of faces on which two parts and two codes agree, whichever part is which."""
    same = float((parts == codes).mean())
    return max(same, 1 - same)


def test_between_looks_and_labels_the_embedding_knows_more_than_either() -> None:
    looks, between = alike(halves(0.0), MOON), alike(halves(0.03), MOON)
    labels = alike(WEAK, MOON)
    assert labels < 0.75
    assert looks < 0.9
    assert between > 0.97


def test_a_lambda_near_zero_goes_by_looks() -> None:
    assert alike(halves(1e-6), halves(0.0)) > 0.99


@pytest.mark.parametrize("lam", [4.0, 100.0])
def test_a_large_lambda_repeats_the_weak_labels_with_their_flips(lam: float) -> None:
    assert alike(halves(lam), WEAK) == 1.0


@pytest.mark.parametrize("vote", ["witnesses", "majority", "probability", "base_rate"])
def test_every_vote_turns_most_flipped_labels_back(vote: VoteKind) -> None:
    settings = WSCSettings(dimensions=4, vote=vote, sweep_steps=0)
    proposal = weakly_supervised_clustering(FEATURES, WEAK[:, None], settings=settings).proposal[:, 0]
    assert (proposal[FLIPPED] == MOON[FLIPPED]).mean() > 0.9
    assert (proposal == MOON).mean() > 0.95


@pytest.mark.parametrize("known", [False, True])
def test_a_sweep_takes_a_lambda_that_finds_the_moons(known: bool) -> None:
    reference = np.where(np.arange(FACES) % 4 == 0, MOON, -1)[:, None] if known else None
    settings = WSCSettings(dimensions=4, lam_steps=6, sweep_steps=0)
    told = weakly_supervised_clustering(FEATURES, WEAK[:, None], reference=reference, settings=settings).summary
    assert alike(halves(told["partitions"][0]["lam"]), MOON) > 0.95
