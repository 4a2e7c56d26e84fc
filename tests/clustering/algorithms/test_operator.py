"""The quadratic form: its compiled and its torch product beside the matrix written out."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from clustering.algorithms.blocks import Blocks, NumpyBlocks, TorchBlocks, blocks_on, orthonormal
from clustering.algorithms.groups import Groups
from clustering.algorithms.operator import WseOperator, group_sums, wse_operator

KINDS: dict[str, Blocks] = {"numpy": NumpyBlocks(), "torch": TorchBlocks("cpu")}


def world(n: int, count: int, seed: int, lam: float, blocks: Blocks) -> tuple[WseOperator, np.ndarray]:
    """A random graph with overlapping groups: the operator, and M of Eq. 3 with c_g = n / (G n_g) by loops."""
    rng = np.random.default_rng(seed)
    a = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.4), 1)
    a += a.T
    lap = np.diag(a.sum(axis=1)) - a
    b = (rng.random((n, count)) < 0.5).astype(np.float32)
    b[: min(2, n)] = 1
    m = lap.copy()
    for g in range(count):
        size = b[:, g].sum()
        for i in range(n):
            for j in range(n):
                centred = (i == j) - 1 / size
                m[i, j] += lam * n / (count * size) * b[i, g] * b[j, g] * centred
    return wse_operator(sp.csr_array(lap), Groups(sp.csr_array(b)), lam, blocks), m


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 30), count=st.integers(0, 4), wide=st.integers(1, 9), seed=st.integers(0, 999),
    lam=st.sampled_from([0.0, 0.01, 1.0, 30.0]),
)  # fmt: skip
def test_product_is_that_of_the_matrix_written_out(
    kind: str, n: int, count: int, wide: int, seed: int, lam: float
) -> None:
    blocks = KINDS[kind]
    m, dense = world(n, count, seed, lam, blocks)
    rng = np.random.default_rng(seed)
    x, z = (rng.normal(size=(n, wide)).astype(np.float32) for _ in range(2))
    scale = 1 + np.abs(dense).sum(axis=1).max()
    found = blocks.array(m.product(blocks.made(x)))
    assert np.allclose(found, dense @ x, atol=1e-5 * scale)
    mixed = blocks.array(m.combined(blocks.made(x), 0.7, 0.3, blocks.made(z), -2.0))
    assert np.allclose(mixed, 0.7 * (dense - 0.3 * np.eye(n)) @ x - 2.0 * z, atol=1e-5 * scale)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 30), count=st.integers(0, 4), seed=st.integers(0, 999), lam=st.sampled_from([0.0, 0.1, 5.0]))
def test_form_is_symmetric_and_nowhere_negative(n: int, count: int, seed: int, lam: float) -> None:
    m, _ = world(n, count, seed, lam, NumpyBlocks())
    whole = m.product(np.eye(n, dtype=np.float32))
    scale = 1 + np.abs(whole).max()
    assert np.allclose(whole, whole.T, atol=1e-5 * scale)
    assert np.linalg.eigvalsh((whole + whole.T) / 2).min() >= -1e-4 * scale
    assert np.allclose(whole.sum(axis=1), 0, atol=1e-4 * scale)


def test_the_result_may_be_written_over_the_block_that_is_added() -> None:
    m, dense = world(20, 2, 0, 0.5, NumpyBlocks())
    x, z = np.random.default_rng(0).normal(size=(2, 20, 3)).astype(np.float32)
    wanted = 2 * dense @ x + 3 * z
    assert np.allclose(m.combined(x, 2.0, 0.0, z, 3.0, into=z), wanted, atol=1e-4)


def test_sums_over_groups_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    b = (rng.random((500, 3)) < 0.3).astype(np.float32)
    x = rng.normal(size=(500, 4)).astype(np.float32)
    assert np.allclose(group_sums(sp.csr_array(b), x), b.T.astype(np.float64) @ x, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lean", [0.0, 1e-2, 1e-6, 1.0])
def test_orthonormal_keeps_the_span_however_the_columns_lean(kind: str, lean: float) -> None:
    blocks = KINDS[kind]
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32) * np.array([1e-6, 1, 1, 1e6], np.float32)
    if lean:
        x[:, 2] = x[:, 1] + lean * x[:, 2] if lean < 1 else x[:, 1]
    q = blocks.array(orthonormal(blocks, blocks.made(x)))
    assert np.allclose(q.T @ q, np.eye(4), atol=1e-4)
    unit = x / np.linalg.norm(x, axis=0)
    assert np.allclose(q @ (q.T @ unit), unit, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_small_algebra_is_that_of_numpy(kind: str) -> None:
    blocks = KINDS[kind]
    x, y = np.random.default_rng(0).normal(size=(2, 90, 3)).astype(np.float32)
    bx, by = blocks.made(x), blocks.made(y)
    factors = np.array([1.0, -2.0, 3.0])
    assert np.allclose(blocks.gram(bx, by), x.T @ y, atol=1e-4)
    assert np.allclose(blocks.dots(bx, by), (x * y).sum(axis=0), atol=1e-4)
    assert np.allclose(blocks.array(blocks.turned(bx, np.diag(factors))), x * factors, atol=1e-5)
    assert np.allclose(blocks.array(blocks.scaled(bx, factors)), x * factors, atol=1e-5)
    assert np.allclose(blocks.array(blocks.joined(bx, by)), np.hstack([x, y]))
    part = blocks.copied(bx[:, 1:])
    part += 1.0
    assert np.allclose(blocks.array(bx), x)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="'tpu'"):
        blocks_on("tpu")  # type: ignore[arg-type]
