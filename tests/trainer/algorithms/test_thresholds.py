"""Thresholds from validation faces: cases worked by hand, and the promises made about ties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.algorithms.evaluation import thresholds_choose

Faces = list[tuple[int, float]]
# few distinct scores, so that ties are common
FACES = st.lists(st.tuples(st.integers(-1, 1), st.integers(0, 8).map(lambda step: step / 8)), min_size=1, max_size=30)


def chosen(faces: Faces) -> float:
    labels, scores = zip(*faces, strict=True)
    return float(thresholds_choose(np.array(labels)[:, None], np.array(scores, dtype=np.float32)[:, None])[0])


def f1_above(faces: Faces, threshold: float) -> float:
    hits = sum(label == 1 and score > threshold for label, score in faces)
    called = sum(label >= 0 and score > threshold for label, score in faces)
    return 2 * hits / (called + sum(label == 1 for label, _ in faces))


def test_threshold_lies_halfway_below_the_last_score_called() -> None:
    # called down to 0.6: 3 hits of 4 calls and 3 positives, F1 6/7; down to 0.9: 4/5
    assert chosen([(1, 0.9), (1, 0.8), (0, 0.7), (1, 0.6), (0, 0.2), (0, 0.1)]) == pytest.approx(0.4)
    assert chosen([(1, 0.9), (0, 0.5)]) == pytest.approx(0.7)


def test_single_positive_far_down_does_not_call_nearly_everybody() -> None:
    # the best F1, 2/6, would call five for one; half a hit's worth around it lies the call of one
    faces = [(0, 0.9), (0, 0.8), (0, 0.7), (0, 0.6), (1, 0.5), (0, 0.4)]
    assert chosen(faces) == pytest.approx(0.85)


def test_many_positives_get_the_best_f1_though_it_calls_more_than_are_present() -> None:
    present, noise = [(1, 0.9)] * 50 + [(1, 0.3)] * 50, [(0, 0.3)] * 60 + [(0, 0.1)] * 400
    # at 0.9: 100/150; at 0.3: 200/260
    assert chosen(present + noise) == pytest.approx(0.2)


def test_scores_that_tell_nothing_do_not_call_everybody() -> None:
    # the best F1 would be that of calling all a hundred
    faces = [(int(place % 5 == 0), 0.9 - place / 200) for place in range(100)]
    assert sum(score > chosen(faces) for _, score in faces) <= 40


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1], [-1, -1, -1], [1, -1, 1]])
def test_au_without_both_classes_keeps_one_half(labels: list[int]) -> None:
    assert chosen([(label, 0.2) for label in labels]) == 0.5


def test_score_of_zero_is_never_called() -> None:
    assert chosen([(1, 0.0), (0, 0.0)]) == 0.5
    assert chosen([(1, 0.5), (1, 0.0), (1, 0.0), (0, 0.0)]) == pytest.approx(0.25)


def test_unknown_codes_and_missing_scores_have_no_say() -> None:
    labels = np.array([[1, 1], [0, 0], [-1, 1], [-1, 0]])
    scores = np.array([[0.9, 0.9], [0.5, 0.5], [0.7, np.nan], [0.1, np.nan]], dtype=np.float32)
    assert thresholds_choose(labels, scores).tolist() == pytest.approx([0.7, 0.7])


def test_neighbouring_floats_are_told_apart() -> None:
    low = np.float32(0.7)
    high = np.nextafter(low, np.float32(1))
    threshold = thresholds_choose(np.array([[1], [0]]), np.array([[high], [low]]))[0]
    assert threshold.dtype == np.float32
    assert high > threshold and not low > threshold


@given(FACES)
def test_f1_is_within_half_a_hit_of_the_best_that_calls_at_most_twice_as_many(faces: Faces) -> None:
    known = [label for label, _ in faces if label >= 0]
    if 0 < sum(known) < len(known):
        scores = [score for label, score in faces if label >= 0]
        cuts = {score - 1 / 16 for score in scores if score > 0}
        cuts = {cut for cut in cuts if sum(score > cut for score in scores) <= 2 * sum(known)}
        best = max((f1_above(faces, cut) for cut in cuts), default=0)
        assert f1_above(faces, chosen(faces)) > best - 0.5 / sum(known) - 1e-9


@given(FACES, st.randoms())
def test_order_of_the_faces_changes_nothing(faces: Faces, random: np.random.RandomState) -> None:
    shuffled = list(faces)
    random.shuffle(shuffled)
    assert chosen(shuffled) == chosen(faces)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 1\).*\(1, 1\)"):
        thresholds_choose(np.zeros((2, 1), dtype=np.int8), np.zeros((1, 1)))
