"""Every measure against a case worked by hand, and against scikit-learn where it has the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import ttest_rel
from sklearn import metrics
from sklearn.calibration import calibration_curve

from trainer.algorithms.measures import (
    Confusion,
    auc_measure,
    base_rate_call,
    brier_measure,
    calibration_bins,
    calibration_error,
    confusion,
    f1_measure,
    mean_of,
    paired_interval,
)

# ten faces: the AU on four of them, three called, two of those rightly; so five are rightly left
COUNTS = Confusion(hits=2, called=3, positives=4, known=10)
PRESENT = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
CALLED = np.array([1, 1, 0, 0, 1, 0, 0, 0, 0, 0], dtype=bool)


def test_counts_of_a_case_worked_by_hand() -> None:
    assert confusion(PRESENT, CALLED) == COUNTS
    assert (COUNTS.negatives, COUNTS.rejected) == (6, 5)
    assert COUNTS.precision == 2 / 3
    assert COUNTS.recall == 0.5
    assert COUNTS.f1 == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5)) == pytest.approx(4 / 7)
    assert COUNTS.accuracy == 0.7
    # Brennan and Prediger: (Po − 1/2)/(1 − 1/2)
    assert COUNTS.s_score == pytest.approx((0.7 - 0.5) / 0.5)
    assert COUNTS.balanced_accuracy == pytest.approx((1 / 2 + 5 / 6) / 2)


def test_what_cannot_be_told_is_none_and_what_is_bad_is_zero() -> None:
    nobody = Confusion(hits=0, called=1, positives=0, known=3)
    assert (nobody.f1, nobody.recall, nobody.balanced_accuracy, nobody.precision) == (None, None, None, 0)
    uncalled = Confusion(hits=0, called=0, positives=2, known=3)
    assert (uncalled.f1, uncalled.recall, uncalled.precision, uncalled.balanced_accuracy) == (0, 0, None, 0.5)
    everybody = Confusion(hits=3, called=3, positives=3, known=3)
    assert (everybody.f1, everybody.balanced_accuracy, everybody.s_score) == (1, None, 1)
    empty = Confusion(hits=0, called=0, positives=0, known=0)
    assert [empty.f1, empty.precision, empty.accuracy, empty.s_score] == [None] * 4


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_counts_say_what_scikit_learn_says(pairs: list[tuple[bool, bool]]) -> None:
    present, called = np.array(pairs, dtype=bool).T
    counts = confusion(present, called)
    ((rejected, _), (_, hits)) = metrics.confusion_matrix(present, called, labels=[False, True])
    assert (counts.hits, counts.rejected) == (hits, rejected)
    assert counts.accuracy == pytest.approx(metrics.accuracy_score(present, called))
    if present.any():
        assert counts.f1 == pytest.approx(metrics.f1_score(present, called))
        assert counts.recall == pytest.approx(metrics.recall_score(present, called))
    if called.any():
        assert counts.precision == pytest.approx(metrics.precision_score(present, called))
    if present.any() and not present.all():
        assert counts.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(present, called))


def test_auc_counts_pairs_and_halves_ties() -> None:
    labels, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.9, 0.4, 0.1])
    # 0.9 against 0.9 is half, against 0.1 won; 0.4 against 0.9 lost, against 0.1 won
    assert auc_measure(labels, scores) == pytest.approx(2.5 / 4)
    assert auc_measure(np.zeros(3), np.zeros(3)) is None
    assert auc_measure(np.ones(3), np.zeros(3)) is None
    assert auc_measure(np.zeros(0), np.zeros(0)) is None


def test_f1_measure_and_the_call_at_the_base_rate() -> None:
    labels, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.9, 0.4, 0.1])
    assert f1_measure(labels, scores > 0.5) == 0.5
    assert f1_measure(np.zeros(3), np.ones(3, dtype=bool)) is None
    assert base_rate_call(scores, 0.25).tolist() == [True, False, False, False]
    assert base_rate_call(scores, 0.75).tolist() == [True, True, True, False]


def test_brier_is_the_mean_squared_distance() -> None:
    # (1 − 0.8)² = 0.04, (0.4 − 0)² = 0.16
    assert brier_measure(np.array([True, False]), np.array([0.8, 0.4])) == pytest.approx(0.1)
    assert brier_measure(np.array([True, True]), np.array([0.5, 1.0])) == pytest.approx(0.125)
    assert brier_measure(np.zeros(0, dtype=bool), np.zeros(0)) is None


def test_calibration_error_of_a_case_worked_by_hand() -> None:
    present = np.array([False, True, True, True])
    bins = calibration_bins(present, np.array([0.12, 0.18, 0.9, 1.0]))
    assert [entry["faces"] for entry in bins] == [2, 2]
    assert [entry["score"] for entry in bins] == pytest.approx([0.15, 0.95])
    assert [entry["rate"] for entry in bins] == [0.5, 1.0]
    assert calibration_error(bins) == pytest.approx((2 * 0.35 + 2 * 0.05) / 4)
    assert calibration_error([]) is None


def test_calibration_bins_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    scores = rng.random(400).astype(np.float32)
    present: NDArray[np.bool_] = rng.random(400) < scores**2
    rates, means = calibration_curve(present, scores, n_bins=10)
    bins = calibration_bins(present, scores)
    assert [entry["rate"] for entry in bins] == pytest.approx(rates.tolist())
    assert [entry["score"] for entry in bins] == pytest.approx(means.tolist(), abs=1e-6)
    assert sum(entry["faces"] for entry in bins) == 400


def test_mean_leaves_out_what_is_undefined() -> None:
    assert mean_of([0.5, None, 1.0]) == 0.75
    assert mean_of([None]) is None


def test_paired_interval_of_a_case_worked_by_hand() -> None:
    # differences 1, 2, 3: mean 2, standard error 1/√3, t of two degrees of freedom 4.302653
    told = paired_interval([0.6, 0.9, 0.8], [-0.4, -1.1, -2.2])
    assert told["value"] == pytest.approx(2.0)
    assert told["low"] == pytest.approx(2 - 4.302653 / 3**0.5, abs=1e-6)
    assert told["high"] == pytest.approx(2 + 4.302653 / 3**0.5, abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=9))
def test_paired_interval_is_that_of_the_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    a, b = (list(side) for side in zip(*pairs, strict=True))
    told = paired_interval(a, b, confidence=0.9)
    if np.ptp(np.subtract(a, b)) > 1e-9:
        expected = ttest_rel(a, b).confidence_interval(0.9)
        assert (told["low"], told["high"]) == pytest.approx((expected.low, expected.high))


def test_paired_interval_wants_pairs() -> None:
    assert paired_interval([0.5], [0.25]) == {"value": 0.25, "low": None, "high": None}
    assert paired_interval([], []) == {"value": None, "low": None, "high": None}
    with pytest.raises(ValueError, match="2 runs cannot be paired with 1"):
        paired_interval([1.0, 2.0], [1.0])
