"""Neighbour lists: exact, approximate, and on a torch device."""

import numpy as np
import pytest

from clustering.algorithms import neighbours
from clustering.algorithms.callbacks import Cancelled
from clustering.algorithms.neighbours import (
    FLAT_LIMIT,
    IVF_LIMIT,
    method_for,
    neighbour_search,
    search_blocked,
)
from clustering.algorithms.settings import SearchMethod


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


@pytest.mark.parametrize("method", ["ivf", "hnsw"])
def test_approximate_search_tells_the_recall_it_has(method: SearchMethod) -> None:
    x = np.random.default_rng(1).normal(size=(4000, 8)).astype(np.float32)
    exact, found = neighbour_search(x, 10), neighbour_search(x, 10, method=method, seed=3)
    hits = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact.indices, found.indices, strict=True)])
    assert found.method == method
    assert found.recall >= 0.95
    assert abs(hits - found.recall) < 0.04


@pytest.mark.parametrize("method", ["ivf", "hnsw"])
def test_approximate_search_repeats_itself_under_a_seed(method: SearchMethod) -> None:
    x = np.random.default_rng(1).normal(size=(3000, 8)).astype(np.float32)
    one, two = (neighbour_search(x, 5, method=method, seed=9) for _ in range(2))
    assert (one.indices == two.indices).all()


def test_features_with_nan_name_the_face(points: np.ndarray) -> None:
    points[41, 2] = np.nan
    with pytest.raises(ValueError, match="face 41"):
        neighbour_search(points, 3)


def test_more_neighbours_than_faces_is_refused(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="ask for 1 to 299"):
        neighbour_search(points, 300)


@pytest.mark.parametrize("tile", [1, 900, 10_000, 2**26])
def test_blocked_search_finds_what_sorting_all_distances_finds(points: np.ndarray, tile: int) -> None:
    queries = points[::3]
    apart = np.linalg.norm(queries[:, None] - points[None], axis=2)
    found = search_blocked(points, queries, 7, "cpu", tile)
    assert (found == np.argsort(apart, axis=1, kind="stable")[:, :7]).all()


def test_auto_chooses_by_size_and_device() -> None:
    sizes = (FLAT_LIMIT, FLAT_LIMIT + 1, IVF_LIMIT + 1)
    assert [method_for(n, on_cuda=False) for n in sizes] == ["flat", "ivf", "hnsw"]
    assert {method_for(n, on_cuda=True) for n in sizes} == {"flat"}


def test_a_search_tells_how_far_it_is_and_stops_between_blocks(
    points: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "ASKED", 100)
    heard: list[float] = []
    in_blocks = neighbour_search(points, 7, progress=lambda fraction, _: heard.append(fraction))
    assert heard == pytest.approx([0, 1 / 3, 2 / 3])
    assert (in_blocks.indices == neighbour_search(points, 7).indices).all()
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        neighbour_search(points, 7, cancelled=lambda: next(answers))
