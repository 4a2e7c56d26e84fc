"""Rank-order distance against a plain twin, and the clusters cut from it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clustering.algorithms.dendrogram import clusters_dense, dendrogram_build
from clustering.algorithms.modularity import clusters_global
from clustering.algorithms.neighbours import Neighbours, neighbour_search
from clustering.algorithms.rank_order import (
    RankOrderEdges,
    clusters_local,
    clusters_numbered,
    rank_order_edges,
)


def twin(indices: np.ndarray) -> dict[tuple[int, int], float]:
    """The distance as its definition reads, with Python lists and sets."""
    n, k = indices.shape
    lists = [[a, *indices[a].tolist()] for a in range(n)]
    sets = [set(row) for row in lists]

    def order(a: int, b: int) -> int:
        return lists[a].index(b) if b in sets[a] else k + 1

    def one_way(a: int, b: int) -> int:
        return sum(lists[a][i] not in sets[b] for i in range(min(order(a, b), k) + 1))

    pairs = {(min(a, b), max(a, b)) for a in range(n) for b in lists[a][1:]}
    return {(a, b): (one_way(a, b) + one_way(b, a)) / min(order(a, b), order(b, a)) for a, b in pairs}


def worlds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "spread": rng.normal(size=(150, 3)),
        "identical": np.zeros((40, 2)),
        "duplicates": np.repeat(rng.normal(size=(30, 3)), 5, axis=0),
    }


@pytest.mark.parametrize("name", worlds())
def test_distances_are_those_of_the_plain_twin(name: str) -> None:
    near = neighbour_search(worlds()[name].astype(np.float32), 9)
    edges = rank_order_edges(near)
    found = dict(zip(zip(edges.first.tolist(), edges.second.tolist(), strict=True), edges.distance, strict=True))
    wanted = twin(near.indices)
    assert found.keys() == wanted.keys()
    assert all(found[pair] == pytest.approx(wanted[pair], abs=1e-5) for pair in wanted)


def test_pairs_come_once_and_in_rising_distance() -> None:
    edges = rank_order_edges(neighbour_search(worlds()["spread"].astype(np.float32), 9))
    assert (np.diff(edges.distance) >= 0).all()
    assert (edges.first < edges.second).all()


@st.composite
def lists_of_neighbours(draw: st.DrawFn) -> Neighbours:
    """Any lists that a search could give: no face twice, never the face itself, distances with ties."""
    n = draw(st.integers(2, 12))
    k = draw(st.integers(1, n - 1))
    rows = [draw(st.permutations([b for b in range(n) if b != a]))[:k] for a in range(n)]
    gaps = [sorted(draw(st.lists(st.integers(0, 3), min_size=k, max_size=k))) for _ in range(n)]
    return Neighbours(np.array(rows, np.int32), np.array(gaps, np.float32), 1.0, "flat")


@given(lists_of_neighbours())
@settings(deadline=None)
def test_any_lists_give_the_distances_of_the_twin_in_order(near: Neighbours) -> None:
    edges = rank_order_edges(near)
    found = dict(zip(zip(edges.first.tolist(), edges.second.tolist(), strict=True), edges.distance, strict=True))
    wanted = twin(near.indices)
    assert len(found) == len(edges.first)
    assert found == {pair: np.float32(d) for pair, d in wanted.items()}
    assert np.lexsort((edges.euclidean, edges.distance)).tolist() == list(range(len(found)))


@given(lists_of_neighbours(), st.randoms())
@settings(deadline=None)
def test_distances_hang_on_no_face_s_number(near: Neighbours, random: Any) -> None:
    n = len(near.indices)
    turn = np.array(random.sample(range(n), n), np.int32)  # the new number of each face
    back = np.argsort(turn)
    turned = rank_order_edges(Neighbours(turn[near.indices[back]], near.distances[back], 1.0, "flat"))
    straight = rank_order_edges(near)
    named = {frozenset(turn[[a, b]].tolist()) for a, b in zip(straight.first, straight.second, strict=True)}
    assert named == {frozenset(p) for p in zip(turned.first.tolist(), turned.second.tolist(), strict=True)}
    assert straight.distance.tolist() == turned.distance.tolist()


def test_turning_the_order_of_the_faces_turns_only_the_names_of_clusters() -> None:
    x = worlds()["spread"].astype(np.float32)
    turn = np.random.default_rng(1).permutation(len(x))
    straight, turned = (rank_order_edges(neighbour_search(p, 9)) for p in (x, x[turn]))
    for cut in (clusters_local, clusters_dense, clusters_global):
        one, other = cut(straight)[turn], cut(turned)
        assert (clusters_numbered(one, least=0) == clusters_numbered(other, least=0)).all()
        assert ((one == 0) == (other == 0)).all()


def test_duplicates_come_together_first() -> None:
    edges = rank_order_edges(neighbour_search(worlds()["duplicates"].astype(np.float32), 4))
    assert (edges.first // 5 == edges.second // 5).all()
    assert (edges.distance == 0).all()
    assert (dendrogram_build(edges).cut(0.1) == np.repeat(np.arange(1, 31), 5)).all()


def blobs_of(sizes: list[int]) -> tuple[RankOrderEdges, np.ndarray]:
    rng = np.random.default_rng(2)
    which = np.repeat(np.arange(len(sizes)), sizes)
    x = rng.normal(size=(len(which), 4)) * 0.1 + which[:, None] * 10.0
    return rank_order_edges(neighbour_search(x.astype(np.float32), 8)), which


def test_local_clusters_find_blobs_below_the_cap() -> None:
    edges, which = blobs_of([20, 25, 12])
    assert (clusters_local(edges, size_cap=30) == which + 1).all()


def test_no_local_cluster_passes_the_cap_by_more_than_half() -> None:
    edges, _ = blobs_of([200, 90])
    sizes = np.bincount(clusters_local(edges, size_cap=20, size_least=4))[1:]
    assert sizes.max() <= 30
    assert sizes.min() >= 4


def test_without_adoption_the_cap_is_strict_and_fragments_are_noise() -> None:
    edges, _ = blobs_of([200, 10])
    clusters = clusters_local(edges, size_cap=20, size_least=12, adopt=False)
    sizes = np.bincount(clusters)
    assert sizes[1:].max() <= 20
    assert sizes[0] >= 10


def test_sizes_that_cannot_be_are_refused() -> None:
    edges, _ = blobs_of([20])
    with pytest.raises(ValueError, match="least 9, cap 5"):
        clusters_local(edges, size_cap=5, size_least=9)


def test_numbers_follow_the_first_face_and_small_ones_become_noise() -> None:
    labels = np.array([7, 3, 7, 9, 3], np.int32)
    assert clusters_numbered(labels).tolist() == [1, 2, 1, 3, 2]
    assert clusters_numbered(labels, least=2).tolist() == [1, 2, 1, 0, 2]


def test_lists_of_one_neighbour_work() -> None:
    near = Neighbours(np.array([[1], [0], [1]], np.int32), np.ones((3, 1), np.float32), 1.0, "flat")
    edges = rank_order_edges(near)
    assert list(zip(edges.first, edges.second, strict=True)) == [(0, 1), (1, 2)]
    assert dict(zip(edges.first.tolist(), edges.distance.tolist(), strict=True)) == twin_first(near)


def twin_first(near: Neighbours) -> dict[int, float]:
    return {a: d for (a, _), d in twin(near.indices).items()}
