"""The dendrogram against a plain twin of its cut, scipy's single linkage and a tree drawn by hand."""

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import linkage
from scipy.sparse.csgraph import connected_components

from clustering.algorithms.dendrogram import Dendrogram, clusters_dense, dendrogram_build
from clustering.algorithms.neighbours import neighbour_search
from clustering.algorithms.rank_order import RankOrderEdges, clusters_numbered, rank_order_edges


def twin_cut(edges: RankOrderEdges, threshold: float, delta: int) -> np.ndarray:
    """Connected parts of all pairs below the threshold."""
    below = edges.distance < np.float64(threshold)
    pairs = sp.coo_array((np.ones(below.sum()), (edges.first[below], edges.second[below])), shape=(edges.faces,) * 2)
    return clusters_numbered(connected_components(pairs, directed=False)[1].astype(np.int32), least=delta + 1)


def edges_of(triples: list[tuple[int, int, float]], faces: int) -> RankOrderEdges:
    table = np.array(sorted(triples, key=lambda t: t[2])).reshape(-1, 3)
    distance = table[:, 2].astype(np.float32)
    return RankOrderEdges(table[:, 0].astype(np.int32), table[:, 1].astype(np.int32), distance, distance, faces)


@st.composite
def made_up_edges(draw: st.DrawFn) -> RankOrderEdges:
    faces = draw(st.integers(1, 12))
    end, distance = st.integers(0, faces - 1), st.integers(0, 6)
    triples = draw(st.lists(st.tuples(end, end, distance), max_size=30))
    return edges_of([(min(a, b), max(a, b), d / 2) for a, b, d in triples if a != b], faces)


def test_a_small_tree_is_as_drawn_by_hand() -> None:
    tree = dendrogram_build(edges_of([(3, 4, 0.5), (0, 2, 1.0), (0, 3, 2.0), (2, 4, 3.0)], 6))
    assert tree.left.tolist() == [3, 0, 7]
    assert tree.right.tolist() == [4, 2, 6]
    assert tree.distance.tolist() == [0.5, 1.0, 2.0]
    assert tree.size.tolist() == [2, 2, 4]
    assert tree.cut(1.0).tolist() == [0, 0, 0, 1, 1, 0]
    assert tree.cut(1.5).tolist() == [1, 0, 1, 2, 2, 0]
    assert tree.cut(9.0).tolist() == [1, 0, 1, 1, 1, 0]


@given(made_up_edges(), st.floats(0, 4), st.integers(1, 4))
@settings(deadline=None)
def test_cuts_are_those_of_the_plain_twin(edges: RankOrderEdges, threshold: float, delta: int) -> None:
    assert (dendrogram_build(edges).cut(threshold, delta=delta) == twin_cut(edges, threshold, delta)).all()


@given(made_up_edges())
@settings(deadline=None)
def test_cuts_are_nested(edges: RankOrderEdges) -> None:
    tree = dendrogram_build(edges)
    cuts = [tree.cut(threshold) for threshold in np.arange(0, 4, 0.5)]
    for finer, coarser in itertools.pairwise(cuts):
        for number in range(1, finer.max() + 1):
            assert len(set(coarser[finer == number].tolist())) == 1


def test_merges_are_those_of_single_linkage() -> None:
    points = np.random.default_rng(0).normal(size=(40, 2))
    triples = [(a, b, float(np.hypot(*(points[a] - points[b])))) for a in range(40) for b in range(a + 1, 40)]
    tree, wanted = dendrogram_build(edges_of(triples, 40)), linkage(points)
    assert np.sort(np.stack([tree.left, tree.right], axis=1), axis=1).tolist() == wanted[:, :2].tolist()
    assert np.allclose(tree.distance, wanted[:, 2])
    assert tree.size.tolist() == wanted[:, 3].tolist()


def test_the_cut_of_rank_order_pairs_joins_what_the_threshold_allows() -> None:
    rng = np.random.default_rng(2)
    which = np.repeat([0, 1], [20, 25])
    x = rng.normal(size=(45, 4)) * 0.1 + which[:, None] * 10.0
    tree = dendrogram_build(rank_order_edges(neighbour_search(x.astype(np.float32), 8)))
    assert (tree.cut(1e9) == which + 1).all()
    assert (tree.cut(0.0) == 0).all()
    assert (tree.cut(1e9, delta=20) == which).all()


def test_no_pairs_make_no_merges() -> None:
    tree = dendrogram_build(edges_of([], 3))
    assert len(tree.left) == 0
    assert tree.cut(1.0).tolist() == [0, 0, 0]


def twin_dense(tree: Dendrogram, edges: RankOrderEdges, density: float) -> np.ndarray:
    """The best branches, by asking of each node what it is worth whole and cut."""
    n = edges.faces

    def faces_of(node: int) -> list[int]:
        return [node] if node < n else faces_of(int(tree.left[node - n])) + faces_of(int(tree.right[node - n]))

    def best(node: int) -> tuple[float, list[list[int]]]:
        faces = faces_of(node)
        if node < n:
            return 0.0, [faces]
        inside = sum(a in faces and b in faces for a, b in zip(edges.first, edges.second, strict=True))
        worth = inside - density * len(faces) * (len(faces) - 1) / 2
        cut = [best(int(tree.left[node - n])), best(int(tree.right[node - n]))]
        apart = cut[0][0] + cut[1][0]
        return (worth, [faces]) if worth >= apart else (apart, cut[0][1] + cut[1][1])

    labels = np.zeros(n, np.int32)
    tops = set(range(n + len(tree.left))) - {*tree.left.tolist(), *tree.right.tolist()}
    for faces in (branch for top in tops for branch in best(top)[1]):
        labels[faces] = min(faces)
    return clusters_numbered(labels, least=2)


@given(made_up_edges(), st.sampled_from([0.125, 0.5, 1.0]))
@settings(deadline=None)
def test_dense_branches_are_those_of_the_plain_twin(edges: RankOrderEdges, density: float) -> None:
    found = clusters_dense(edges, density=density, size_least=2, adopt=False)
    assert (found == twin_dense(dendrogram_build(edges), edges, density)).all()


def test_two_cliques_on_a_thread_merge_only_where_one_edge_in_25_pays() -> None:
    clique = [(a, b, 0.5) for a in range(5) for b in range(a + 1, 5)]
    edges = edges_of([*clique, *((a + 5, b + 5, d) for a, b, d in clique), (4, 5, 2.0)], 10)
    assert clusters_dense(edges, density=0.05).tolist() == [1] * 5 + [2] * 5
    assert clusters_dense(edges, density=0.03).tolist() == [1] * 10


def test_no_branch_passes_what_its_edges_can_fill() -> None:
    x = np.random.default_rng(0).normal(size=(2000, 3)).astype(np.float32)
    edges = rank_order_edges(neighbour_search(x, 8))
    sizes = np.bincount(clusters_dense(edges, density=0.4, adopt=False))[1:]
    assert 5 <= sizes.min() <= sizes.max() <= 2 * 8 / 0.4 + 1
    assert clusters_dense(edges, density=0.4).min() == 1


@pytest.mark.parametrize("wrong", [{"density": 0.0}, {"density": 1.5}, {"size_least": 0}])
def test_densities_and_sizes_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not .*(0|1\.5)"):
        clusters_dense(edges_of([], 3), **wrong)


def test_a_delta_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="not 0"):
        dendrogram_build(edges_of([], 3)).cut(1.0, delta=0)
