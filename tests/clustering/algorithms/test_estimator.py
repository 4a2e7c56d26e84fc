"""The scikit-learn estimator: its checks, and that it says the same as the function behind it."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from clustering.algorithms.estimator import WeaklySupervisedClustering
from clustering.algorithms.pipeline import weakly_supervised_clustering
from clustering.algorithms.settings import WSCSettings
from tests.clustering.algorithms.worlds import blobs

WORLD = blobs(300, aus=2)
QUICK: dict[str, Any] = {"neighbours": 10, "cluster_neighbours": 10, "dimensions": 5, "sweep_steps": 2}

LEFT_OUT = {
    "check_fit_score_takes_y": "the second argument is called weak_labels, for they are not the truth",
}


@parametrize_with_checks([WeaklySupervisedClustering(**QUICK)], expected_failed_checks=lambda estimator: LEFT_OUT)
def test_the_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def test_its_parameters_are_the_settings_and_a_seed() -> None:
    parameters = WeaklySupervisedClustering().get_params()
    assert parameters.pop("random_state") == 0
    assert parameters == WSCSettings().as_dict()


def test_it_gives_what_the_function_gives() -> None:
    found = WeaklySupervisedClustering(**QUICK).fit(WORLD.features, WORLD.weak, reference=WORLD.reference)
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    result = weakly_supervised_clustering(
        WORLD.features, WORLD.weak, reference=WORLD.reference, settings=WSCSettings(**QUICK), seed=seed
    )
    assert (found.labels_ == result.membership - 1).all()
    assert (found.proposals_ == result.proposal).all()
    assert [one.shape for one in found.embedding_] == [(300, 5), (300, 5)]
    assert len(found.umqi_curve_) == 2


def test_labels_of_one_au_come_back_in_one_dimension() -> None:
    found = WeaklySupervisedClustering(**QUICK).fit(WORLD.features, WORLD.weak[:, 0])
    assert found.labels_.shape == found.proposals_.shape == (300,)
    assert found.labels_.min() == -1
    assert found.embedding_.shape == (300, 5)
    assert (found.proposals_ == WORLD.truth[:, 0]).mean() > (WORLD.weak[:, 0] == WORLD.truth[:, 0]).mean()


def test_two_classes_may_have_any_names() -> None:
    names = np.where(WORLD.weak[:, 0] == 1, "present", "absent")
    named = WeaklySupervisedClustering(**QUICK).fit(WORLD.features, names)
    coded = clone(named).fit(WORLD.features, WORLD.weak[:, 0])
    assert named.classes_.tolist() == ["absent", "present"]
    assert (named.proposals_ == coded.proposals_).all()


def test_without_weak_labels_faces_are_grouped_by_looks_and_nothing_is_proposed() -> None:
    found = WeaklySupervisedClustering(**QUICK).fit(WORLD.features)
    assert found.labels_.max() > 1
    assert (found.proposals_ == -1).all()


def test_three_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="found 3 different values"):
        WeaklySupervisedClustering(**QUICK).fit(WORLD.features, np.arange(300) % 3 + 5)
