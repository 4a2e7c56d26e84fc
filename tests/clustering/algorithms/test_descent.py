"""Algorithms 1 and 2 beside the exact solver, on both kinds of blocks."""

import numpy as np
import pytest
import scipy.sparse as sp

from clustering.algorithms.blocks import NumpyBlocks, TorchBlocks
from clustering.algorithms.descent import _problem, edges_sampled, wse_agd, wse_sgd
from clustering.algorithms.eigen import eigen_bottom
from clustering.algorithms.graph import graph_laplacian, neighbour_graph
from clustering.algorithms.groups import groups_from_codes
from clustering.algorithms.neighbours import neighbour_search
from clustering.algorithms.operator import wse_operator
from clustering.algorithms.settings import LaplacianKind
from tests.clustering.algorithms.worlds import blobs

WORLD = blobs(300)
GROUPS = groups_from_codes(WORLD.weak[:, 0])
KINDS: tuple[LaplacianKind, ...] = ("symmetric", "random_walk", "unnormalised")


def laplacian_of(kind: LaplacianKind) -> sp.csr_array:
    return graph_laplacian(neighbour_graph(neighbour_search(WORLD.features, 10)), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_sampled_laplacians_are_the_laplacian_on_average(kind: LaplacianKind) -> None:
    whole = laplacian_of(kind)
    rng = np.random.default_rng(0)
    mean = sum(edges_sampled(whole, 0.5, rng).toarray() for _ in range(800)) / 800
    scale = float(abs(whole).max())
    assert np.abs(mean - whole.toarray()).max() < 0.12 * scale
    assert np.abs(mean - whole.toarray()).mean() < 0.002 * scale


def test_a_sample_is_symmetric_and_keeps_about_its_share() -> None:
    whole = laplacian_of("symmetric")
    part = edges_sampled(whole, 0.3, np.random.default_rng(1))
    assert abs(part - part.T).max() == 0
    assert (part.nnz - 300) / (whole.nnz - 300) == pytest.approx(0.3, abs=0.03)


def test_a_sampled_plain_laplacian_is_that_of_the_sampled_graph() -> None:
    part = edges_sampled(laplacian_of("unnormalised"), 0.4, np.random.default_rng(1)).toarray()
    assert np.abs(part.sum(axis=1)).max() < 1e-3
    assert np.linalg.eigvalsh(part).min() > -1e-3


def test_an_isolated_face_keeps_its_diagonal_in_a_sample() -> None:
    whole = sp.csr_array(np.array([[1.0, 0, 0], [0, 1, -1], [0, -1, 1]], np.float32))
    assert edges_sampled(whole, 0.5, np.random.default_rng(0))[0, 0] == 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_algorithm_2_goes_most_of_the_way_to_the_exact_objective(kind: LaplacianKind) -> None:
    laplacian = laplacian_of(kind)
    exact = eigen_bottom(wse_operator(laplacian, GROUPS, 0.1), 3)
    found = wse_sgd(laplacian, GROUPS, 0.1, 3, seed=1)
    way = float(found.history[0, 1] - exact.values.sum())
    assert -1e-4 * way <= found.values.sum() - exact.values.sum() < 0.02 * way


def test_the_group_step_solves_equation_7() -> None:
    lam, step = 0.4, 0.3
    problem = _problem(laplacian_of("symmetric"), GROUPS, lam, NumpyBlocks())
    v = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)
    wanted = v.astype(np.float64)
    for code in (0, 1):
        inside = WORLD.weak[:, 0] == code
        size = int(inside.sum())
        centring = np.eye(size) - 1 / size
        weight = 2 * step * lam * 300 / (2 * size)
        wanted[inside] = np.linalg.solve(np.eye(size) + weight * centring, v[inside])
    assert np.allclose(problem.drawn(v, step), wanted, atol=1e-5)


@pytest.mark.parametrize("solver", ["exact", "agd", "sgd"])
def test_solvers_on_torch_end_where_those_on_numpy_end(solver: str) -> None:
    laplacian = laplacian_of("symmetric")
    ends = []
    for blocks in (NumpyBlocks(), TorchBlocks("cpu")):
        if solver == "exact":
            found = eigen_bottom(wse_operator(laplacian, GROUPS, 0.1, blocks), 4)
        elif solver == "agd":
            found = wse_agd(laplacian, GROUPS, 0.1, 4, blocks=blocks)
        else:
            found = wse_sgd(laplacian, GROUPS, 0.1, 4, epochs=2, blocks=blocks)
        assert found.vectors.dtype == np.float32
        ends.append(found.values.sum())
    assert ends[0] == pytest.approx(ends[1], rel=2e-2 if solver == "sgd" else 1e-3)


def test_a_share_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="not 0"):
        wse_sgd(laplacian_of("symmetric"), GROUPS, 0.1, 3, share=0)
