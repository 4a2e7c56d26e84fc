"""Planes: PCA against a slow twin, UMAP on blobs, and what both refuse."""

import numpy as np
import pytest

from clustering.algorithms.callbacks import Cancelled
from clustering.algorithms.neighbours import neighbour_search
from clustering.algorithms.projection import BLOCK, UMAP_NEIGHBOURS, pca_plane, plane_scale, umap_plane


@pytest.fixture(scope="module")
def blobs():
    """240 faces in three groups that lie far apart in 12 dimensions, and which group each is in."""
    rng = np.random.default_rng(3)
    groups = np.repeat([0, 1, 2], 80)
    centres = rng.normal(size=(3, 12)) * 12
    return (centres[groups] + rng.normal(size=(240, 12))).astype(np.float32), groups


@pytest.fixture(scope="module")
def planes(blobs):
    """UMAP's plane of the blobs twice by one seed, once by another."""
    features, _groups = blobs
    neighbours = neighbour_search(features, UMAP_NEIGHBOURS - 1)
    return [umap_plane(features, neighbours, seed=seed) for seed in (5, 5, 6)]


def pca_by_hand(features):
    """The plane by the singular vectors of the centred table, signs as pca_plane has them."""
    centred = features.astype(np.float64) - features.astype(np.float64).mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    for axis in axes:
        if axis[np.abs(axis).argmax()] < 0:
            axis *= -1
    return centred @ axes.T


def test_pca_is_the_singular_vectors_plane(blobs):
    features, _groups = blobs
    assert np.allclose(pca_plane(features), pca_by_hand(features), atol=1e-3)


def test_pca_by_blocks_is_pca_at_once():
    features = np.random.default_rng(0).normal(size=(BLOCK + 10, 3)).astype(np.float32) * [3, 2, 1]
    features = features.astype(np.float32)
    assert np.allclose(pca_plane(features), pca_by_hand(features), atol=1e-2)


def test_one_dimension_makes_a_line():
    plane = pca_plane(np.array([[1.0], [2.0], [4.0]], np.float32))
    assert plane[:, 1].tolist() == [0, 0, 0]
    assert np.ptp(plane[:, 0]) == pytest.approx(3)


def test_umap_keeps_groups_apart(blobs, planes):
    _features, groups = blobs
    plane = planes[0]
    centres = np.stack([plane[groups == group].mean(axis=0) for group in range(3)])
    nearest = np.linalg.norm(plane[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == groups).mean() == 1


def test_equal_seeds_make_an_equal_plane(planes):
    first, again, other = planes
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_umap_tells_its_epochs_and_stops_when_asked(blobs):
    features, _groups = blobs
    neighbours = neighbour_search(features, UMAP_NEIGHBOURS - 1)
    heard = []
    umap_plane(features, neighbours, progress=lambda fraction, message: heard.append((fraction, message)))
    assert any("Epoch" in message for _fraction, message in heard)
    assert [fraction for fraction, _message in heard] == sorted(fraction for fraction, _message in heard)
    with pytest.raises(Cancelled):
        umap_plane(features, neighbours, cancelled=lambda: len(heard) > 1)


def test_too_few_faces_are_named():
    few = np.eye(4, dtype=np.float32)
    with pytest.raises(ValueError, match="not 4"):
        umap_plane(few, neighbour_search(few, 3))
    with pytest.raises(ValueError, match="not 1"):
        pca_plane(few[:1])


def test_a_plane_is_scaled_into_the_square_both_axes_alike():
    plane = plane_scale(np.array([[10.0, 0.0], [14.0, 1.0], [12.0, 2.0]]))
    assert plane.tolist() == [[-1, -0.5], [1, 0], [0, 0.5]]
    assert plane_scale(np.ones((3, 2))).tolist() == [[0, 0]] * 3
