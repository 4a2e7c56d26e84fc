"""Neighbour lists, affinity graph and Laplacian."""

import numpy as np
import pytest

from clustering.algorithms.graph import graph_laplacian, mutual_counts, neighbour_graph, neighbour_search


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)


def test_flat_search_finds_what_sorting_all_distances_finds(points: np.ndarray) -> None:
    found = neighbour_search(points, 7)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (found.indices == np.argsort(apart, axis=1)[:, :7]).all()
    assert np.allclose(found.distances, np.sort(apart, axis=1)[:, :7], atol=1e-5)
    assert found.recall == 1.0


def test_a_face_with_many_duplicates_never_lists_itself() -> None:
    found = neighbour_search(np.repeat(np.eye(3, dtype=np.float32), 10, axis=0), 4)
    assert not (found.indices == np.arange(30)[:, None]).any()
    assert all(len(set(row)) == 4 for row in found.indices.tolist())
    assert (found.distances == 0).all()


def test_approximate_search_tells_the_recall_it_has() -> None:
    x = np.random.default_rng(1).normal(size=(4000, 8)).astype(np.float32)
    exact, found = neighbour_search(x, 10), neighbour_search(x, 10, method="ivf", seed=3)
    hits = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact.indices, found.indices, strict=True)])
    assert found.method == "ivf"
    assert found.recall >= 0.95
    assert abs(hits - found.recall) < 0.04


def test_approximate_search_repeats_itself_under_a_seed() -> None:
    x = np.random.default_rng(1).normal(size=(3000, 8)).astype(np.float32)
    one, two = (neighbour_search(x, 5, method="ivf", seed=9) for _ in range(2))
    assert (one.indices == two.indices).all()


def test_features_with_nan_name_the_face(points: np.ndarray) -> None:
    points[41, 2] = np.nan
    with pytest.raises(ValueError, match="face 41"):
        neighbour_search(points, 3)


def test_more_neighbours_than_faces_is_refused(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="ask for 1 to 299"):
        neighbour_search(points, 300)


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
