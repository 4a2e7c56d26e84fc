"""Votes of whole clusters, on faces few enough to count by hand."""

import numpy as np
import pytest

from clustering.algorithms.cluster_votes import vote_base_rate, vote_majority, vote_probability
from clustering.algorithms.votes import KeptReason

# Cluster 1: two of three present. Cluster 2: split evenly. Cluster 3: nobody knows. The last face is in none.
CLUSTERS = np.array([1, 1, 1, 2, 2, 3, 0], np.int32)[:, None]
WEAK = np.array([1, 1, 0, 1, 0, -1, 1], np.int8)[:, None]
PROBABILITY = np.array([0.9, 0.8, 0.1, 0.6, 0.2, np.nan, 0.7])[:, None]


def test_the_majority_of_a_cluster_calls_all_its_faces() -> None:
    vote = vote_majority(WEAK, CLUSTERS)
    assert vote.proposal[:3, 0].tolist() == [1, 1, 1]
    assert vote.probability[:3, 0] == pytest.approx(2 / 3)


def test_an_even_split_and_a_face_in_no_cluster_keep_their_weak_label_and_say_why() -> None:
    vote = vote_majority(WEAK, CLUSTERS)
    assert vote.proposal[3:5, 0].tolist() == [1, 0]
    assert vote.proposal[6, 0] == 1
    kept = [KeptReason.NOT_KEPT] * 3 + [KeptReason.TIED] * 2 + [KeptReason.NOT_KEPT, KeptReason.NO_CLUSTER]
    assert vote.kept[:, 0].tolist() == kept


def test_a_cluster_without_any_weak_label_proposes_nothing() -> None:
    assert vote_majority(WEAK, CLUSTERS).proposal[5, 0] == -1


def test_the_mean_probability_of_a_cluster_calls_it() -> None:
    vote = vote_probability(WEAK, PROBABILITY, CLUSTERS)
    assert vote.proposal[:5, 0].tolist() == [1, 1, 1, 0, 0]
    assert vote.probability[3, 0] == pytest.approx(0.4)


def test_the_base_rate_of_the_reference_decides_how_many_clusters_are_called() -> None:
    clusters = np.repeat([1, 2, 3, 4], 5).astype(np.int32)[:, None]
    probability = np.repeat([0.9, 0.7, 0.6, 0.1], 5)[:, None]
    weak = (probability > 0.5).astype(np.int8)
    reference = np.full((20, 1), -1, np.int8)
    reference[[0, 5, 10, 15]] = [[1], [0], [0], [0]]
    assert vote_base_rate(weak, probability, clusters).proposal[:, 0].tolist() == weak[:, 0].tolist()
    told = vote_base_rate(weak, probability, clusters, reference)
    assert told.base_rate[0] == 0.25
    assert told.proposal[:, 0].tolist() == [1] * 5 + [0] * 15
