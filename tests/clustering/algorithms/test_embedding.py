"""The embedding's operator, its three solvers and the unit of lambda."""

import numpy as np
import pytest
import scipy.sparse as sp

from clustering.algorithms import eigen
from clustering.algorithms.callbacks import Cancelled
from clustering.algorithms.embedding import EmbeddingWarning, faces_near, wse_embed
from clustering.algorithms.graph import graph_laplacian, neighbour_graph
from clustering.algorithms.groups import (
    Groups,
    groups_from_code_sets,
    groups_from_codes,
    lambda_balanced,
    lambda_literal,
)
from clustering.algorithms.neighbours import neighbour_search
from clustering.algorithms.operator import wse_operator
from tests.clustering.algorithms.worlds import blobs

WORLD = blobs(300, aus=2)


@pytest.fixture(scope="module")
def laplacian() -> sp.csr_array:
    return graph_laplacian(neighbour_graph(neighbour_search(WORLD.features, 10)))


def dense(laplacian: sp.csr_array, groups: Groups, lam: float) -> np.ndarray:
    """M written out from Eq. 3 with c_g = N / (G n_g)."""
    m = laplacian.toarray().astype(np.float64)
    n, count = groups.members.shape
    for g in range(count):
        b = groups.members[:, [g]].toarray().ravel().astype(np.float64)
        m += lam * n / (count * b.sum()) * (np.diag(b) - np.outer(b, b) / b.sum())
    return m


GROUPS = {
    "one AU": groups_from_codes(WORLD.weak[:, 0]),
    "overlapping": groups_from_codes(WORLD.weak),
    "label sets": groups_from_code_sets(WORLD.weak),
    "unknown codes": groups_from_codes(np.where(np.arange(300) % 3 == 0, -1, WORLD.weak[:, 0])),
    "none": groups_from_codes(np.full(300, -1, np.int8)),
}


@pytest.mark.parametrize("name", GROUPS)
def test_operator_multiplies_like_the_matrix_written_out(laplacian: sp.csr_array, name: str) -> None:
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    product = wse_operator(laplacian, GROUPS[name], 0.3).product(x)
    assert np.allclose(product, dense(laplacian, GROUPS[name], 0.3) @ x, atol=1e-4)


@pytest.mark.parametrize("lam", [0.0, 0.03, 1.0])
@pytest.mark.parametrize("name", GROUPS)
def test_exact_solver_reaches_the_bottom_eigenvalues(laplacian: sp.csr_array, name: str, lam: float) -> None:
    found = wse_embed(laplacian, GROUPS[name], lam, 5)
    wanted = np.linalg.eigvalsh(dense(laplacian, GROUPS[name], lam))[:5].sum()
    assert found.converged
    assert found.objective == pytest.approx(wanted, abs=2e-4)
    assert np.allclose(found.vectors.T @ found.vectors, np.eye(5), atol=1e-4)


@pytest.mark.filterwarnings("ignore::clustering.algorithms.embedding.EmbeddingWarning")
@pytest.mark.parametrize("solver", ["agd", "sgd"])
def test_descent_lowers_the_objective_and_never_below_the_exact_one(laplacian: sp.csr_array, solver: str) -> None:
    exact = wse_embed(laplacian, GROUPS["one AU"], 0.1, 3)
    found = wse_embed(laplacian, GROUPS["one AU"], 0.1, 3, solver, seed=1)
    assert exact.objective - 1e-4 <= found.objective < 0.5 * found.history[0, 1]


def test_algorithm_1_comes_within_two_hundredths_of_the_exact_objective(laplacian: sp.csr_array) -> None:
    exact = wse_embed(laplacian, GROUPS["one AU"], 0.1, 3)
    found = wse_embed(laplacian, GROUPS["one AU"], 0.1, 3, "agd", tolerance=1e-7)
    assert found.objective == pytest.approx(exact.objective, abs=0.02)


def test_algorithm_1_refuses_overlapping_groups(laplacian: sp.csr_array) -> None:
    with pytest.raises(ValueError, match="overlap"):
        wse_embed(laplacian, GROUPS["overlapping"], 0.1, 3, "agd")


def test_a_large_lambda_draws_each_group_to_a_point(laplacian: sp.csr_array) -> None:
    def scatter(lam: float) -> float:
        w = wse_embed(laplacian, GROUPS["one AU"], lam, 2).vectors
        return sum(float(w[WORLD.weak[:, 0] == c].var(axis=0).sum()) for c in (0, 1)) / float(w.var(axis=0).sum())

    assert scatter(100.0) < 0.1 < scatter(0.001)


def test_warm_start_ends_at_the_same_objective(laplacian: sp.csr_array) -> None:
    start = wse_embed(laplacian, GROUPS["none"], 0.0, 4).vectors
    warm = wse_embed(laplacian, GROUPS["one AU"], 0.1, 4, start=start)
    assert warm.objective == pytest.approx(wse_embed(laplacian, GROUPS["one AU"], 0.1, 4).objective, abs=1e-4)


def test_literal_lambda_is_balanced_lambda_times_faces() -> None:
    assert lambda_literal(0.1, 10_000) == pytest.approx(1000)
    assert lambda_balanced(lambda_literal(0.3, 77), 77) == pytest.approx(0.3)


def test_faces_with_unknown_codes_belong_to_no_group() -> None:
    groups = groups_from_codes(np.array([1, -1, 0, 1, 0], np.int8))
    assert groups.sizes.tolist() == [2, 2]
    assert groups.members[[1]].nnz == 0


def test_more_dimensions_than_faces_is_refused(laplacian: sp.csr_array) -> None:
    with pytest.raises(ValueError, match="300 dimensions"):
        wse_embed(laplacian, GROUPS["none"], 0.0, 300)


def test_a_cancelled_embedding_stops(laplacian: sp.csr_array) -> None:
    with pytest.raises(Cancelled):
        wse_embed(laplacian, GROUPS["one AU"], 0.1, 3, cancelled=lambda: True)


def test_without_pull_it_is_plain_spectral_embedding(laplacian: sp.csr_array) -> None:
    found = wse_embed(laplacian, GROUPS["one AU"], 0.0, 4)
    values, vectors = np.linalg.eigh(laplacian.toarray().astype(np.float64))
    assert found.objective == pytest.approx(values[:4].sum(), abs=1e-4)
    gap = values[4] - values[3]
    overlap = np.linalg.svd(vectors[:, :4].T @ found.vectors, compute_uv=False)
    assert overlap.min() > 1 - 1e-3 / gap


def test_literal_unit_does_what_the_balanced_one_does(laplacian: sp.csr_array) -> None:
    literal = wse_embed(laplacian, GROUPS["one AU"], 30.0, 3, unit="literal")
    assert literal.objective == wse_embed(laplacian, GROUPS["one AU"], 30.0 / 300, 3).objective


def test_separate_parts_of_a_graph_get_a_zero_each() -> None:
    part = laplacian_of_blobs(60)
    apart = sp.csr_array(sp.block_diag([part, part, part]))
    found = wse_embed(apart, groups_from_codes(np.full(180, -1, np.int8)), 0.0, 3)
    assert found.objective == pytest.approx(0, abs=1e-4)
    # Within each part every face has the same place up to the root of its degree.
    ranks = [np.linalg.matrix_rank(found.vectors[60 * p : 60 * p + 60], tol=1e-2) for p in range(3)]
    assert ranks == [1, 1, 1]


def laplacian_of_blobs(faces: int) -> sp.csr_array:
    x = np.random.default_rng(0).normal(size=(faces, 3)).astype(np.float32)
    return graph_laplacian(neighbour_graph(neighbour_search(x, 8), kind="union"))


def test_turning_the_order_of_the_faces_turns_the_embedding(laplacian: sp.csr_array) -> None:
    turn = np.random.default_rng(1).permutation(300)
    groups = GROUPS["one AU"]
    straight = wse_embed(laplacian, groups, 0.1, 4)
    turned = wse_embed(sp.csr_array(laplacian[turn][:, turn]), Groups(sp.csr_array(groups.members[turn])), 0.1, 4)
    assert turned.objective == pytest.approx(straight.objective, abs=1e-4)
    overlap = np.linalg.svd(straight.vectors[turn].T @ turned.vectors, compute_uv=False)
    assert overlap.min() > 0.99


def test_duplicates_share_their_place() -> None:
    x = np.repeat(np.random.default_rng(0).normal(size=(50, 3)), 4, axis=0).astype(np.float32)
    lap = graph_laplacian(neighbour_graph(neighbour_search(x, 12), kind="union"))
    found = wse_embed(lap, groups_from_codes(np.full(200, -1, np.int8)), 0.0, 3).vectors.reshape(50, 4, 3)
    assert found.std(axis=1).mean() < 0.2 * found.mean(axis=1).std()


def test_equal_seeds_give_equal_embeddings(laplacian: sp.csr_array) -> None:
    one, two = (wse_embed(laplacian, GROUPS["overlapping"], 0.1, 4, seed=5).vectors for _ in range(2))
    assert (one == two).all()


@pytest.mark.parametrize("solver", ["exact", "agd", "sgd"])
def test_an_embedding_cut_short_warns_with_its_residual(
    laplacian: sp.csr_array, solver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eigen, "WHOLE", 0)
    with pytest.warns(EmbeddingWarning, match=r"residual is \d") as told:
        found = wse_embed(laplacian, GROUPS["one AU"], 0.1, 3, solver, rounds=1, tolerance=1e-9)
    assert not found.converged
    assert f"{found.residual:.2g}" in str(told[0].message)


@pytest.mark.filterwarnings("ignore::clustering.algorithms.embedding.EmbeddingWarning")
@pytest.mark.parametrize("solver", ["exact", "agd", "sgd"])
def test_solvers_tell_how_far_they_are(laplacian: sp.csr_array, solver: str) -> None:
    heard: list[tuple[float, str]] = []
    found = wse_embed(laplacian, GROUPS["one AU"], 0.1, 3, solver, progress=lambda f, text: heard.append((f, text)))
    assert len(heard) == found.iterations
    assert all(0 <= fraction <= 1 and text for fraction, text in heard)


def test_a_wide_spectrum_does_not_stop_the_solver_early() -> None:
    x = blobs(600, aus=1).features
    lap = graph_laplacian(neighbour_graph(neighbour_search(x, 40), kind="union"), "unnormalised")
    found = wse_embed(lap, groups_from_codes(np.full(600, -1, np.int8)), 0.0, 12)
    wanted = np.linalg.eigvalsh(lap.toarray().astype(np.float64))[:12].sum()
    assert found.objective == pytest.approx(wanted, rel=1e-3)


def test_the_order_of_faces_holds_each_once(laplacian: sp.csr_array) -> None:
    assert (np.sort(faces_near(laplacian)) == np.arange(300)).all()


@pytest.mark.parametrize("wrong", [{"solver": "lanczos"}, {"unit": "odd"}, {"device": "tpu"}])
def test_unknown_choices_are_refused(laplacian: sp.csr_array, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong.values()))):
        wse_embed(laplacian, GROUPS["none"], 0.0, 3, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("faces", [11, 17, 25, 33, 60])
def test_a_few_faces_that_nearly_all_list_each_other_are_solved_at_once(faces: int) -> None:
    x = np.random.default_rng(2).uniform(size=(faces, 3)).astype(np.float32)
    lap = graph_laplacian(neighbour_graph(neighbour_search(x, min(30, faces - 1))))
    codes = (np.arange(faces) % 3 == 0).astype(np.int8)
    found = wse_embed(lap, groups_from_codes(codes), 0.03, 10)
    wanted = np.linalg.eigvalsh(dense(lap, groups_from_codes(codes), 0.03))[:10].sum()
    assert (found.converged, found.iterations) == (True, 1)
    assert found.objective == pytest.approx(wanted, abs=1e-4)
