"""The report: its form, a case worked by hand, what cannot be told, folds, and what must not matter."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

from trainer.algorithms.evaluation import evaluate

# eight faces of four subjects; AU 0 is known on all, AU 1 on six, AU 2 on none
LABELS = np.array([[1, 1], [1, -1], [1, 0], [0, 1], [0, 0], [0, -1], [0, 0], [0, 0]], dtype=np.int8)
LABELS = np.column_stack([LABELS, np.full(8, -1, dtype=np.int8)])
SCORES = np.array([0.91, 0.46, 0.61, 0.71, 0.21, 0.11, 0.31, 0.41], dtype=np.float32)
SCORES = np.column_stack([SCORES, SCORES[::-1], SCORES])
GROUPS = np.array([0, 0, 1, 1, 2, 2, 3, 3])
UNDEFINED = {"threshold": None, "f1": None, "precision": None, "recall": None}
UNDEFINED |= {"s_score": None, "accuracy": None, "balanced_accuracy": None, "called": 0}


def drawn(faces: int, aus: int, seed: int, subjects: int = 5) -> dict[str, Any]:
    """Arguments of a believable evaluation, with ties, unknown codes, missing scores, nameless faces."""
    rng = np.random.default_rng(seed)
    labels = rng.choice([1, 0, 0, -1], size=(faces, aus)).astype(np.int8)
    scores = np.round(np.clip(rng.random((faces, aus)) * 0.7 + 0.3 * (labels == 1), 0, 1), 1 + seed % 2)
    scores[rng.random((faces, aus)) < 0.1] = np.nan
    return {
        "labels": labels,
        "scores": scores.astype(np.float32),
        "groups": rng.integers(-2, subjects, faces),
        "thresholds": rng.random((faces, aus)).round(1) if seed % 3 else rng.random(aus).round(1),
        "folds": rng.integers(-1, 3, faces),
    }


def test_counts_and_measures_of_a_case_worked_by_hand() -> None:
    told = evaluate(LABELS, SCORES, GROUPS)
    assert (told["faces"], told["subjects"], told["resamples"]) == (8, 4, 200)
    au = told["aus"][0]
    assert (au["known"], au["positives"], au["base_rate"]) == (8, 3, 0.375)
    # pairs won: 0.91 five, 0.61 four, 0.46 four, of fifteen
    assert au["auc"]["value"] == pytest.approx(13 / 15, abs=1e-6)
    squares = [0.09**2, 0.54**2, 0.39**2, 0.71**2, 0.21**2, 0.11**2, 0.31**2, 0.41**2]
    assert au["brier"] == pytest.approx(sum(squares) / 8, abs=1e-6)
    fixed, base = au["rules"]["fixed"], au["rules"]["base_rate"]
    # above 0.5 are 0.91, 0.71, 0.61: two of them rightly, four of five negatives left
    assert (fixed["threshold"], fixed["called"]) == (0.5, 3)
    assert fixed["f1"]["value"] == fixed["precision"] == fixed["recall"] == pytest.approx(2 / 3, abs=1e-6)
    assert (fixed["accuracy"], fixed["s_score"]) == (0.75, 0.5)
    assert fixed["balanced_accuracy"] == pytest.approx((2 / 3 + 4 / 5) / 2, abs=1e-6)
    # the three highest are the same faces, so any threshold from 0.46 to 0.61 makes the calls
    assert base["threshold"] == pytest.approx(0.535)
    assert {**base, "threshold": 0.5} == fixed
    assert au["rules"]["validation"] is None


def test_calibration_error_comes_from_the_bins_told() -> None:
    au = evaluate(LABELS, SCORES, GROUPS)["aus"][0]
    assert sum(entry["faces"] for entry in au["calibration"]) == 8
    # one face a bin but for 0.41 and 0.46, of which one is present
    assert {"score": 0.435, "rate": 0.5, "faces": 2} in au["calibration"]
    apart = [0.09, 0.39, 0.71, 0.21, 0.11, 0.31, 2 * 0.065]
    assert au["calibration_error"] == pytest.approx(sum(apart) / 8, abs=1e-6)


def test_mean_calibration_and_brier_are_over_the_aus_that_somebody_knows() -> None:
    told = evaluate(LABELS, SCORES, GROUPS)
    # AU 1: present at 0.41 and 0.21, absent at 0.11, 0.71, 0.46 and 0.91; 0.41 and 0.46 share a bin
    squares = [0.59**2, 0.79**2, 0.11**2, 0.71**2, 0.46**2, 0.91**2]
    apart = [2 * 0.065, 0.79, 0.11, 0.71, 0.91]
    first, second, unknown = told["aus"]
    assert unknown["brier"] is None
    assert second["brier"] == pytest.approx(sum(squares) / 6, abs=1e-6)
    assert second["calibration_error"] == pytest.approx(sum(apart) / 6, abs=1e-6)
    for name in ("brier", "calibration_error"):
        assert told["mean"][name] == pytest.approx((first[name] + second[name]) / 2, abs=1e-6)
    nothing = evaluate(np.full((3, 2), -1, dtype=np.int8), SCORES[:3, :2], GROUPS[:3])["mean"]
    assert (nothing["brier"], nothing["calibration_error"]) == (None, None)


def test_au_that_nobody_knows_is_undefined_everywhere() -> None:
    told = evaluate(LABELS, SCORES, GROUPS, thresholds=np.full(3, 0.4), folds=GROUPS % 2)
    au = told["aus"][2]
    assert (au["known"], au["positives"], au["calibration"]) == (0, 0, [])
    assert [au["base_rate"], au["auc"], au["brier"], au["calibration_error"]] == [None] * 4
    assert au["rules"]["base_rate"] == UNDEFINED
    assert au["rules"]["fixed"] == UNDEFINED | {"threshold": 0.5}
    assert {fold["rules"]["fixed"]["f1"][2] for fold in told["folds"]} == {None}
    assert {fold["auc"][2] for fold in told["folds"]} == {None}
    for side in ("reference", "predicted", "difference"):
        assert told["distribution"][side]["marginal"][2] is None
        assert told["distribution"][side]["conditional"][2] == [None] * 3
    assert told["histograms"][2]["unknown"] == np.histogram(SCORES[:, 0], bins=20, range=(0, 1))[0].tolist()
    assert told["mean"]["rules"]["fixed"]["aus"] == 2


def test_au_that_no_face_has_shows_its_faces_and_no_f1() -> None:
    au = evaluate(np.zeros((4, 1), dtype=np.int8), SCORES[:4, :1], GROUPS[:4])["aus"][0]
    assert (au["known"], au["positives"], au["auc"]) == (4, 0, None)
    assert au["rules"]["fixed"]["f1"] is None and au["rules"]["fixed"]["recall"] is None
    assert au["rules"]["fixed"]["precision"] == 0 and au["rules"]["fixed"]["accuracy"] == 0.25
    assert au["rules"]["base_rate"]["threshold"] is None


def test_nothing_at_all_is_told_without_complaint() -> None:
    for labels in (np.full((3, 2), -1, dtype=np.int8), np.zeros((0, 2), dtype=np.int8)):
        told = evaluate(labels, np.full(labels.shape, 0.5, dtype=np.float32), np.zeros(len(labels), dtype=int))
        assert (told["faces"], told["subjects"]) == (0, 0)
        assert told["mean"]["auc"] is None
        assert told["mean"]["rules"]["fixed"]["f1"] is None and told["mean"]["rules"]["fixed"]["aus"] == 0


def test_one_subject_has_values_and_no_intervals() -> None:
    told = evaluate(LABELS, SCORES, np.zeros(8, dtype=int))
    assert told["subjects"] == 1
    for entry in (told["aus"][0]["auc"], told["aus"][0]["rules"]["fixed"]["f1"], told["mean"]["auc"]):
        assert entry["value"] > 0 and entry["low"] is None and entry["high"] is None


def test_positives_of_one_subject_have_no_interval_and_still_move_the_mean() -> None:
    labels = np.array([[1, 1], [0, 1], [0, 0], [0, 1], [0, 0]], dtype=np.int8)
    told = evaluate(labels, np.tile([[0.9], [0.8], [0.7], [0.6], [0.1]], 2), np.arange(5))
    alone, several = (au["rules"]["fixed"]["f1"] for au in told["aus"])
    assert alone["low"] is None and several["low"] < several["high"]
    mean = told["mean"]["rules"]["fixed"]["f1"]
    assert mean["value"] == pytest.approx((alone["value"] + several["value"]) / 2, abs=1e-6)
    assert mean["low"] < mean["value"] < mean["high"]


def test_face_without_a_subject_is_its_own() -> None:
    assert evaluate(LABELS, SCORES, np.where(GROUPS == 0, GROUPS, -1))["subjects"] == 7


def test_code_without_a_score_does_not_count() -> None:
    scores = SCORES.copy()
    scores[0] = np.nan
    told, without = evaluate(LABELS, scores, GROUPS), evaluate(LABELS[1:], SCORES[1:], GROUPS[1:])
    assert told == without
    assert told["faces"] == 7


def test_folds_are_counted_apart_and_together() -> None:
    folds = np.array([0, 0, 0, 1, 1, 1, -1, -1])
    told = evaluate(LABELS, SCORES, GROUPS, folds=folds)
    assert [(fold["faces"], fold["subjects"]) for fold in told["folds"]] == [(3, 2), (3, 2)]
    # fold 0 calls two of its three positives, fold 1 has none
    first, second = (fold["rules"]["fixed"] for fold in told["folds"])
    assert first["f1"][0] == 0.8 and second["f1"][0] is None
    # AU 1 is present once in each fold, at 0.41 and at 0.21
    assert (first["f1"][1], second["f1"][1]) == (0, 0)
    assert first["mean_f1"] == 0.4 and second["mean_f1"] == 0
    assert told["mean"]["rules"]["fixed"]["f1_folds"] == 0.2
    # fold 0 has no face without AU 0 and fold 1 none with it; AU 1: 0.41 over 0.11, and 0.21 under 0.71
    assert [fold["auc"] for fold in told["folds"]] == [[None, 1, None], [None, 0, None]]
    assert ([fold["mean_auc"] for fold in told["folds"]], told["mean"]["auc_folds"]) == ([1, 0], 0.5)
    assert told["mean"]["rules"]["fixed"]["f1"]["value"] == pytest.approx((2 / 3 + 0) / 2, abs=1e-6)
    assert evaluate(LABELS, SCORES, GROUPS)["folds"] == []


def test_thresholds_may_be_those_of_each_fold() -> None:
    folds = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    cuts = np.array([[0.65, 0.5, 0.5], [0.25, 0.5, 0.5]])[folds]
    told = evaluate(LABELS, SCORES, GROUPS, thresholds=cuts, folds=folds)
    rule = told["aus"][0]["rules"]["validation"]
    # above 0.65 in fold 0: 0.91 and 0.71; above 0.25 in fold 1: 0.31 and 0.41
    assert (rule["threshold"], rule["called"], rule["precision"]) == (None, 4, 0.25)
    assert told["aus"][1]["rules"]["validation"]["threshold"] == 0.5
    assert told["distribution"]["rule"] == "validation"
    assert told["distribution"]["predicted"]["marginal"][0] == 0.5
    assert evaluate(LABELS, SCORES, GROUPS)["distribution"]["rule"] == "fixed"


def test_score_at_the_threshold_is_not_called() -> None:
    told = evaluate(LABELS, SCORES, GROUPS, thresholds=np.array([0.61, 0.61, 0.61], dtype=np.float32))
    assert told["aus"][0]["rules"]["validation"]["called"] == 2


def test_mean_interval_draws_the_same_people_for_all_aus() -> None:
    """Four times the same AU: their mean is as unsure as one of them, not half as unsure."""
    given_ = drawn(200, 1, seed=1, subjects=25)
    labels, scores = np.tile(given_["labels"], 4), np.tile(given_["scores"], 4)
    told = evaluate(labels, scores, given_["groups"])
    assert told["mean"]["rules"]["fixed"]["f1"] == told["aus"][2]["rules"]["fixed"]["f1"]
    assert told["mean"]["auc"] == told["aus"][0]["auc"]


def test_values_are_those_of_scikit_learn() -> None:
    given_ = drawn(300, 3, seed=5)
    told = evaluate(given_["labels"], given_["scores"], given_["groups"], resamples=2)
    for au, report in enumerate(told["aus"]):
        known = (given_["labels"][:, au] >= 0) & np.isfinite(given_["scores"][:, au])
        present, scores = given_["labels"][known, au], given_["scores"][known, au]
        assert report["auc"]["value"] == pytest.approx(roc_auc_score(present, scores), abs=1e-6)
        assert report["brier"] == pytest.approx(brier_score_loss(present, scores), abs=1e-6)
        assert report["rules"]["fixed"]["f1"]["value"] == pytest.approx(f1_score(present, scores > 0.5), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 4))
@example(seed=32, faces=32, aus=1)  # equal faces under different thresholds
def test_order_of_the_faces_changes_nothing(seed: int, faces: int, aus: int) -> None:
    arguments = drawn(faces, aus, seed)
    order = np.random.default_rng(seed).permutation(faces)
    shuffled = {
        name: value if name == "thresholds" and value.ndim == 1 else value[order] for name, value in arguments.items()
    }
    assert evaluate(**arguments, resamples=20) == evaluate(**shuffled, resamples=20)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 30))
def test_intervals_are_ordered_and_all_is_json(seed: int, faces: int, resamples: int) -> None:
    told = evaluate(**drawn(faces, 2, seed), resamples=resamples)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    intervals = list(found(told))
    assert not intervals or {"value", "low", "high"} == set(intervals[0])
    for entry in intervals:
        assert (entry["low"] is None) == (entry["high"] is None)
        if entry["low"] is not None:
            assert 0 <= entry["low"] <= entry["value"] <= entry["high"] <= 1


def found(value: Any) -> Any:
    """Every interval in the report."""
    if isinstance(value, dict):
        if "low" in value:
            yield value
        for entry in value.values():
            yield from found(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from found(entry)


def test_seed_decides_the_intervals_and_no_resamples_give_none() -> None:
    arguments = drawn(200, 2, seed=8, subjects=20)
    assert evaluate(**arguments, seed=3) == evaluate(**arguments, seed=3)
    assert evaluate(**arguments, seed=3) != evaluate(**arguments, seed=4)
    assert {entry["low"] for entry in found(evaluate(**arguments, resamples=0))} == {None}


def test_ties_at_the_base_rate_do_not_follow_the_order_of_rows() -> None:
    """All scores alike and the positives first, as in a sorted table: calling in order would be perfect."""
    labels = (np.arange(400) < 100).astype(np.int8)[:, None]
    other = np.arange(400, dtype=np.float32)[:, None] / 400
    told = evaluate(np.tile(labels, 2), np.hstack([np.full_like(other, 0.5), other]), np.arange(400))
    rule = told["aus"][0]["rules"]["base_rate"]
    assert rule["called"] == 100 and 0.1 < rule["f1"]["value"] < 0.4


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"scores": SCORES[:, :1]}, r"scores \(8, 1\)"),
        ({"groups": GROUPS[:3]}, r"groups \(3,\)"),
        ({"folds": GROUPS[:2]}, r"folds \(2,\)"),
        ({"thresholds": np.zeros(2)}, r"thresholds \(2,\)"),
        ({"thresholds": np.full(3, np.nan)}, "not a number"),
        ({"scores": SCORES * 3}, "no probability"),
        ({"labels": LABELS + 5}, "label of 6"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        evaluate(**{"labels": LABELS, "scores": SCORES, "groups": GROUPS, **changed})
