"""How alike two partitions are, beside scikit-learn's measure."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from clustering.algorithms.scores import adjusted_rand_index


@pytest.mark.parametrize("clusters", [(1, 1), (1, 5), (3, 7), (40, 60)])
def test_it_is_the_same_as_scikit_learns(clusters):
    draw = np.random.default_rng(1)
    first = draw.integers(1, clusters[0] + 1, 500)
    second = np.where(draw.random(500) < 0.6, first, draw.integers(1, clusters[1] + 1, 500))
    assert adjusted_rand_index(first, second) == pytest.approx(adjusted_rand_score(first, second), abs=1e-12)


def test_other_numbers_for_the_same_clusters_make_no_difference():
    assert adjusted_rand_index(np.array([1, 1, 2, 2, 3]), np.array([7, 7, 1, 1, 2])) == 1.0


@pytest.mark.parametrize("numbers", [[4], [1, 2, 3], [1, 1, 1]])
def test_one_face_or_one_cluster_or_all_alone_is_alike(numbers):
    assert adjusted_rand_index(np.array(numbers), np.array(numbers)) == 1.0
