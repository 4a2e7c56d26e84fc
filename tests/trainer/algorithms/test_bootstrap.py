"""The bootstrap's matrix products against faces that are really drawn again, and scikit-learn's weights."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from trainer.algorithms import bootstrap
from trainer.algorithms.bootstrap import Resampler, interval, rows_mean, weights_draw


@pytest.fixture(params=[0, 1, 2])
def faces(request: pytest.FixtureRequest) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.float32]]:
    """60 faces of 7 subjects; scores with many ties, some, and none."""
    rng = np.random.default_rng(request.param)
    scores = np.round(rng.random(60), request.param + 1) if request.param < 2 else rng.random(60)
    return rng.integers(7, size=60), rng.random(60) < 0.2, scores.astype(np.float32)


def test_each_resample_draws_as_many_subjects_as_there_are() -> None:
    weights = weights_draw(9, 50, seed=4)
    assert weights.shape == (50, 9)
    assert (weights.sum(axis=1) == 9).all()
    assert np.array_equal(weights, weights_draw(9, 50, seed=4))
    assert not np.array_equal(weights, weights_draw(9, 50, seed=5))
    assert weights_draw(0, 3, seed=0).shape == (3, 0)


def test_f1_and_auc_are_those_of_the_faces_drawn(faces) -> None:
    subjects, present, scores = faces
    resampler = Resampler(weights_draw(7, 30, seed=0))
    called = np.stack([scores > 0.5, scores > 0.8], axis=1)
    f1, auc = resampler.f1(subjects, present, called), resampler.auc(subjects, present, scores)
    for row, weights in enumerate(resampler.weights[:, subjects].astype(int)):
        drawn = np.repeat(np.arange(60), weights)
        if not present[drawn].any():
            assert np.isnan(f1[row]).all() and np.isnan(auc[row])
            continue
        for rule in (0, 1):
            assert f1[row, rule] == pytest.approx(f1_score(present[drawn], called[drawn, rule]))
        assert auc[row] == pytest.approx(roc_auc_score(present[drawn], scores[drawn]))
        assert auc[row] == pytest.approx(roc_auc_score(present, scores, sample_weight=weights))


def test_batches_change_nothing(faces, monkeypatch: pytest.MonkeyPatch) -> None:
    subjects, present, scores = faces
    resampler = Resampler(weights_draw(7, 30, seed=0))
    whole = resampler.auc(subjects, present, scores), resampler.f1(subjects, present, present[:, None])
    monkeypatch.setattr(bootstrap, "BATCH", 1)
    assert len(resampler.batches(60)) == 30
    assert np.array_equal(whole[0], resampler.auc(subjects, present, scores), equal_nan=True)
    assert np.array_equal(whole[1], resampler.f1(subjects, present, present[:, None]), equal_nan=True)


def test_one_class_has_no_auc_and_no_face_no_f1() -> None:
    resampler = Resampler(weights_draw(3, 4, seed=0))
    nobody = np.zeros(3, dtype=bool)
    assert np.isnan(resampler.auc(np.arange(3), nobody, np.zeros(3))).all()
    assert np.isnan(resampler.f1(np.arange(3), nobody, ~nobody[:, None])).all()
    nothing = np.zeros(0, dtype=np.intp)
    assert np.isnan(resampler.auc(nothing, nobody[:0], np.zeros(0))).all()


def test_interval_is_the_middle_of_the_samples_and_holds_the_value() -> None:
    samples = np.append(np.arange(201) / 200, np.nan)
    assert interval(0.5, samples) == pytest.approx({"value": 0.5, "low": 0.025, "high": 0.975})
    assert interval(0.5, np.array([0.7])) == {"value": 0.5, "low": 0.5, "high": 0.7}
    assert interval(0.5, np.array([np.nan])) == {"value": 0.5, "low": None, "high": None}
    assert interval(0.5, samples, told=False) == {"value": 0.5, "low": None, "high": None}
    assert interval(None, samples) is None


def test_mean_of_a_resample_is_over_the_aus_defined_in_it() -> None:
    means = rows_mean(np.array([[0.5, 1.0], [0.5, np.nan], [np.nan, np.nan]]))
    assert means[:2].tolist() == [0.75, 0.5] and np.isnan(means[2])


def test_interval_over_subjects_is_wider_than_over_faces_where_subjects_differ() -> None:
    rng = np.random.default_rng(2)
    subjects = np.repeat(np.arange(20), 30)
    present = rng.random(600) < 0.4
    # half of the people are read well and half by chance
    called = np.where(subjects < 10, present, rng.random(600) < 0.5)[:, None]
    people = Resampler(weights_draw(20, 300, seed=0)).f1(subjects, present, called)
    faces = Resampler(weights_draw(600, 300, seed=0)).f1(np.arange(600), present, called)
    assert people.std() > 1.5 * faces.std()
