"""Standardised features: what they forget, and that parts give what all rows at once give."""

import numpy as np
import pytest

from trainer.algorithms.scaling import columns_measure, features_standardise, standardised_parts


def at_once(features):
    """The slow twin: all rows at once."""
    spread = features.std(0, dtype=np.float64)
    alive = np.where(spread > 1e-6, spread, np.inf)
    scaled = (features - features.mean(0, dtype=np.float64)) / alive
    return scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-6)


def together(features, part):
    return np.concatenate([rows for _start, rows in standardised_parts(features, part)])


@pytest.mark.parametrize("part", [1, 7, 64, 1000])
def test_parts_of_any_size_give_the_whole(part):
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(64, 5)) * [1, 100, 1e-3, 5, 1] + [0, 1e4, 2, -3, 0]).astype(np.float32)
    features[:, 4] = 7  # a dead column
    assert np.allclose(together(features, part), at_once(features), atol=1e-5)
    assert np.allclose(features_standardise(features), at_once(features), atol=1e-5)
    mean, spread = columns_measure(features, part)
    assert np.allclose(mean, features.mean(0, dtype=np.float64)) and np.allclose(spread, features.std(0, dtype=float))


def test_the_first_rows_are_told_and_a_mapped_file_is_as_good(tmp_path):
    features = np.lib.format.open_memmap(tmp_path / "f.npy", "w+", np.float32, (10, 3))
    features[:] = np.random.default_rng(1).normal(size=(10, 3))
    assert [start for start, _rows in standardised_parts(features, 4)] == [0, 4, 8]
    assert np.allclose(together(features, 4), at_once(np.asarray(features)), atol=1e-6)


def test_even_features_become_zero():
    assert (together(np.full((3, 2), 4, np.float32), 2) == 0).all()


def test_standardised_features_forget_scale_and_dead_columns_and_have_unit_length():
    features = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    scaled = features * np.array([1, 10, 0.1, 3, 0], dtype=np.float32) + 7
    standard = features_standardise(scaled)
    assert np.allclose(standard[:, :4], features_standardise(features[:, :4]), atol=1e-3)
    assert not standard[:, 4].any()
    assert np.allclose(np.linalg.norm(standard, axis=1), 1, atol=1e-5)
