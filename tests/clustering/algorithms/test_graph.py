"""The affinity graph and its Laplacian."""

import numpy as np
import pytest

from clustering.algorithms.graph import graph_laplacian, neighbour_graph
from clustering.algorithms.neighbours import Neighbours, mutual_counts, neighbour_search


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)


def test_mutual_graph_keeps_pairs_that_list_each_other(points: np.ndarray) -> None:
    found = neighbour_search(points, 6)
    lists = [set(row) for row in found.indices.tolist()]
    edges = neighbour_graph(found, kind="mutual", keep_nearest=False).affinity.tocoo()
    wanted = {(i, j) for i in range(300) for j in lists[i] if i in lists[j]}
    assert set(zip(edges.row.tolist(), edges.col.tolist(), strict=True)) == wanted
    assert mutual_counts(found).sum() == len(wanted)


def test_affinity_is_gaussian_with_the_median_distance_as_width(points: np.ndarray) -> None:
    found = neighbour_search(points, 6)
    graph = neighbour_graph(found, kind="union")
    assert graph.sigma == pytest.approx(float(np.median(found.distances)))
    i, j, d = 5, int(found.indices[5, 2]), float(found.distances[5, 2])
    assert graph.affinity[i, j] == pytest.approx(np.exp(-(d**2) / (2 * graph.sigma**2)), rel=1e-4)
    assert abs(graph.affinity - graph.affinity.T).max() == 0


def test_the_papers_affinity_falls_with_the_distance_itself(points: np.ndarray) -> None:
    found = neighbour_search(points, 6)
    graph = neighbour_graph(found, kind="union", affinity="exponential")
    i, j, d = 5, int(found.indices[5, 2]), float(found.distances[5, 2])
    gamma = 1 / float(np.median(found.distances))
    assert graph.affinity[i, j] == pytest.approx(np.exp(-gamma * d), rel=1e-4)
    given = neighbour_graph(found, kind="union", affinity="exponential", sigma=2.0)
    assert given.affinity[i, j] == pytest.approx(np.exp(-d / 2.0), rel=1e-4)


def test_an_unknown_affinity_is_refused(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="cosine"):
        neighbour_graph(neighbour_search(points, 6), affinity="cosine")  # type: ignore[arg-type]


def test_a_width_of_zero_beside_far_faces_keeps_every_edge() -> None:
    lists = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
    apart = np.array([[0, 9e9], [0, 9e9], [9e9, 9e9]], np.float32)
    graph = neighbour_graph(Neighbours(lists, apart, 1.0, "flat"), sigma=0.0)
    assert graph.affinity.nnz == 6
    assert np.isfinite(graph.affinity.data).all()


def test_turning_the_order_of_the_faces_turns_the_graph(points: np.ndarray) -> None:
    turn = np.random.default_rng(1).permutation(len(points))
    straight, turned = (graph_laplacian(neighbour_graph(neighbour_search(p, 6))) for p in (points, points[turn]))
    assert np.allclose(turned.toarray(), straight.toarray()[np.ix_(turn, turn)], atol=1e-6)


def test_keeping_the_nearest_leaves_no_face_isolated() -> None:
    x = np.concatenate([np.zeros((20, 2)), [[50.0, 0.0]]]).astype(np.float32)
    x[:20] += np.random.default_rng(0).normal(size=(20, 2))
    found = neighbour_search(x, 3)
    assert neighbour_graph(found, keep_nearest=False).isolated[20]
    assert not neighbour_graph(found, keep_nearest=True).isolated.any()


def test_identical_faces_get_affinity_one() -> None:
    graph = neighbour_graph(neighbour_search(np.zeros((10, 3), np.float32), 3), kind="union")
    assert graph.sigma == 0
    assert np.allclose(graph.affinity.data, 1)


@pytest.mark.parametrize("kind", ["symmetric", "random_walk", "unnormalised"])
def test_laplacian_is_the_one_of_the_textbook(points: np.ndarray, kind: str) -> None:
    graph = neighbour_graph(neighbour_search(points, 6), kind="union")
    a = graph.affinity.toarray().astype(np.float64)
    d = a.sum(axis=1)
    wanted = {
        "symmetric": np.eye(300) - a / np.sqrt(np.outer(d, d)),
        "random_walk": np.eye(300) - (a / d[:, None] + (a / d[:, None]).T) / 2,
        "unnormalised": np.diag(d) - a,
    }[kind]
    assert np.allclose(graph_laplacian(graph, kind).toarray(), wanted, atol=1e-5)


def test_an_isolated_face_takes_no_zero_eigenvalue() -> None:
    x = np.concatenate([np.random.default_rng(0).normal(size=(30, 2)), [[90.0, 0.0]]]).astype(np.float32)
    graph = neighbour_graph(neighbour_search(x, 4), keep_nearest=False)
    assert graph_laplacian(graph).toarray()[30].tolist() == [0.0] * 30 + [1.0]


def test_unknown_kinds_of_graph_and_laplacian_are_refused(points: np.ndarray) -> None:
    found = neighbour_search(points, 6)
    with pytest.raises(ValueError, match="'full'"):
        neighbour_graph(found, kind="full")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'signless'"):
        graph_laplacian(neighbour_graph(found), "signless")  # type: ignore[arg-type]
