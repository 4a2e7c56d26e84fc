"""uMQI on graphs whose value can be counted by hand."""

import itertools

import numpy as np
import pytest

from clustering.algorithms.graph import neighbour_search
from clustering.algorithms.modularity import modularity_sweep, modularity_umqi
from clustering.algorithms.rank_order import rank_order_edges

LABELS = np.array([1, 1, 1, 2, 2, 0], np.int32)


def umqi(pairs: list[tuple[int, int]]) -> float:
    ends = np.array(pairs, np.int32).reshape(-1, 2)
    return modularity_umqi(LABELS, ends[:, 0], ends[:, 1])


def test_complete_clusters_without_edges_between_reach_one() -> None:
    assert umqi([(0, 1), (0, 2), (1, 2), (3, 4)]) == pytest.approx(1.0)


def test_only_edges_between_complete_halves_reach_minus_one() -> None:
    assert umqi(list(itertools.product((0, 1, 2), (3, 4)))) == pytest.approx(-1.0)


def test_a_mixed_graph_counts_as_by_hand() -> None:
    # inside: 2 of 3 pairs, 1 of 1; between: 1 of 6 pairs
    assert umqi([(0, 1), (1, 2), (3, 4), (2, 3)]) == pytest.approx((2 / 3 + 1) / 2 - 1 / 6)


def test_edges_of_faces_in_no_cluster_do_not_count() -> None:
    assert umqi([(0, 1), (0, 2), (1, 2), (3, 4), (4, 5)]) == pytest.approx(1.0)


def test_single_faces_make_no_cluster() -> None:
    ends = np.array([0], np.int32)
    assert modularity_umqi(np.array([1, 2, 0], np.int32), ends, ends + 1) == 0.0


def test_sweep_falls_from_many_clusters_to_one_giant() -> None:
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    curve = modularity_sweep(rank_order_edges(neighbour_search(x, 8)), steps=10)
    assert (np.diff(curve.threshold) > 0).all()
    assert (np.diff(curve.largest) >= 0).all()
    assert curve.largest[-1] == 1.0
    assert curve.clusters[-1] == 1
