"""uMQI on graphs whose value can be counted by hand, against a plain twin, and along the threshold sweep."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clustering.algorithms.callbacks import Cancelled
from clustering.algorithms.dendrogram import dendrogram_build
from clustering.algorithms.modularity import clusters_global, modularity_sweep, modularity_umqi
from clustering.algorithms.neighbours import neighbour_search
from clustering.algorithms.rank_order import RankOrderEdges, rank_order_edges

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


def twin(labels: np.ndarray, pairs: list[tuple[int, int]], delta: int) -> float:
    """Eq. 8 as it reads, over sets of faces; edges in both directions."""
    numbers = range(1, labels.max(initial=0) + 1)
    groups = [g for g in (set(np.flatnonzero(labels == c).tolist()) for c in numbers) if len(g) > delta]
    edges = {(a, b) for a, b in pairs} | {(b, a) for a, b in pairs}

    def count(one: set[int], other: set[int]) -> int:
        return sum(a in one and b in other for a, b in edges)

    if not groups:
        return 0.0
    intra = np.mean([count(g, g) / (len(g) ** 2 - len(g)) for g in groups])
    apart = [(count(g, h) + count(h, g)) / (2 * len(g) * len(h)) for g, h in itertools.combinations(groups, 2)]
    return float(intra - (np.mean(apart) if apart else 0.0))


@given(
    st.lists(st.integers(0, 4), min_size=8, max_size=8),
    st.sets(st.sampled_from(list(itertools.combinations(range(8), 2)))),
    st.integers(1, 3),
)
@settings(deadline=None)
def test_it_is_that_of_the_plain_twin(labels: list[int], pairs: set[tuple[int, int]], delta: int) -> None:
    told, ends = np.array(labels, np.int32), np.array(sorted(pairs), np.int32).reshape(-1, 2)
    found = modularity_umqi(told, ends[:, 0], ends[:, 1], delta=delta)
    assert found == pytest.approx(twin(told, sorted(pairs), delta))


def edges_made(seed: int = 0) -> RankOrderEdges:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 3)) + rng.integers(0, 6, 300)[:, None] * 1.5
    return rank_order_edges(neighbour_search(x.astype(np.float32), 8))


@pytest.mark.parametrize("delta", [1, 4])
def test_the_sweep_tells_of_each_cut_what_the_cut_alone_tells(delta: int) -> None:
    edges = edges_made()
    tree, curve = dendrogram_build(edges), modularity_sweep(edges, steps=40, delta=delta)
    assert len(curve.threshold) > 10
    for t, threshold in enumerate(curve.threshold):
        labels = tree.cut(float(threshold), delta=delta)
        sizes = np.bincount(labels)[1:]
        alone = modularity_umqi(labels, edges.first, edges.second, delta=delta)
        assert curve.umqi[t] == pytest.approx(alone, abs=1e-12)
        assert curve.clusters[t] == len(sizes)
        assert curve.largest[t] == sizes.max(initial=0) / edges.faces


def test_the_global_cut_is_the_best_of_the_sweep() -> None:
    edges = edges_made()
    labels = clusters_global(edges, delta=2)
    assert np.bincount(labels)[1:].min() > 2
    best = modularity_sweep(edges, delta=2).umqi.max()
    assert modularity_umqi(labels, edges.first, edges.second, delta=2) == pytest.approx(best)


def test_well_parted_blobs_are_the_global_cut() -> None:
    rng = np.random.default_rng(2)
    which = np.repeat([0, 1, 2], [9, 9, 9])
    x = rng.normal(size=(27, 4)) * 0.1 + which[:, None] * 10.0
    edges = rank_order_edges(neighbour_search(x.astype(np.float32), 8))
    assert (clusters_global(edges) == which + 1).all()


def test_two_faces_and_no_pairs_are_a_sweep_too() -> None:
    two = rank_order_edges(neighbour_search(np.array([[0.0], [1.0]], np.float32), 1))
    assert modularity_sweep(two).umqi.tolist() == [1.0]
    assert clusters_global(two).tolist() == [1, 1]
    empty = RankOrderEdges(*(np.empty(0, t) for t in (np.int32, np.int32, np.float32, np.float32)), 3)
    assert len(modularity_sweep(empty).threshold) == 0
    assert clusters_global(empty).tolist() == [0, 0, 0]


def test_a_sweep_stops_between_thresholds() -> None:
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        modularity_sweep(edges_made(), cancelled=lambda: next(answers))
    assert next(answers, None) is None


def test_a_delta_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="not 0"):
        modularity_sweep(edges_made(), delta=0)


def test_sweep_falls_from_many_clusters_to_one_giant() -> None:
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    curve = modularity_sweep(rank_order_edges(neighbour_search(x, 8)), steps=10)
    assert (np.diff(curve.threshold) > 0).all()
    assert (np.diff(curve.largest) >= 0).all()
    assert curve.largest[-1] == 1.0
    assert curve.clusters[-1] == 1
