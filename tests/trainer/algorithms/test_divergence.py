"""Jensen-Shannon divergence between subjects: limits, numbers by hand, and the five steps written out slowly."""

import math

import numpy as np
import pytest

from trainer.algorithms.divergence import (
    distributions_make,
    features_from_zero,
    js_divergence,
    pair_divergences,
    subject_divergence,
)


def test_equal_distributions_have_no_divergence_and_disjoint_ones_ln_2():
    p, q = np.array([0.25, 0.75, 0.0, 0.0]), np.array([0.0, 0.0, 0.5, 0.5])
    assert js_divergence(p, p) == 0
    assert js_divergence(p, q) == pytest.approx(math.log(2))
    assert pair_divergences(np.stack([p, q, p])) == pytest.approx(
        np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) * math.log(2), abs=1e-15
    )


def test_the_divergence_worked_by_hand():
    # m = (3/4, 1/4): ½ (1 · ln 4/3) + ½ (½ ln 2/3 + ½ ln 2)
    expected = 0.5 * math.log(4 / 3) + 0.25 * math.log(2 / 3) + 0.25 * math.log(2)
    assert js_divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == pytest.approx(expected)
    assert expected == pytest.approx(0.2157616)


def test_squeezing_worked_by_hand():
    # the median is 2: σ of 0, 1 and 2 medians is 1/2, 0.7311 and 0.8808
    made = distributions_make(np.array([[0.0, 2.0, 4.0]]))
    assert made == pytest.approx(np.array([[0.5, 0.7310586, 0.8807971]]) / 2.1118557)


def test_a_median_of_zero_is_a_limit():
    assert distributions_make(np.array([[0.0, 0.0, 7.0]])) == pytest.approx(np.array([[0.25, 0.25, 0.5]]))


def slowly(features, subjects):
    """Steps 1 to 5 with loops: the sum of each subject's divergences."""
    names = sorted({int(one) for one in subjects if one >= 0})
    made = []
    for name in names:
        faces = [features[row] for row in range(len(features)) if subjects[row] == name]
        mean = [sum(float(face[d]) for face in faces) / len(faces) for d in range(features.shape[1])]
        middle = sorted(mean)
        half = len(middle) // 2
        median = middle[half] if len(middle) % 2 else (middle[half - 1] + middle[half]) / 2
        squeezed = [1 / (1 + math.exp(-value / median)) for value in mean]
        made.append([value / sum(squeezed) for value in squeezed])

    def kl(p, q):
        return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)

    def js(p, q):
        m = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
        return kl(p, m) / 2 + kl(q, m) / 2

    return [sum(js(p, q) for q in made if q is not p) for p in made]


def test_it_agrees_with_the_steps_written_out():
    random = np.random.default_rng(1)
    features = random.gamma(2.0, size=(60, 7)).astype(np.float32)
    subjects = random.integers(-1, 5, 60)
    found = subject_divergence(features, subjects)
    expected = slowly(features, subjects)
    assert found.sums == pytest.approx(np.array(expected), rel=1e-9)
    assert found.subjects == 5 and found.faces == int((subjects >= 0).sum())
    assert found.mean == pytest.approx(sum(expected) / 20)


def test_features_that_know_who_is_who_lie_above_chance_and_others_do_not():
    random = np.random.default_rng(2)
    subjects = np.repeat(np.arange(12), 30)
    alike = random.random((360, 20))
    own = alike + random.random((12, 20))[subjects]
    knows, knows_not = subject_divergence(own, subjects), subject_divergence(alike, subjects)
    assert knows.mean > 5 * knows.chance
    assert knows_not.mean == pytest.approx(knows_not.chance, rel=0.3)


def test_features_below_zero_are_refused_and_can_be_moved():
    features, subjects = np.array([[-1.0, 2.0], [1.0, 3.0], [0.0, 2.5]]), np.array([0, 1, 1])
    with pytest.raises(ValueError, match="not below zero"):
        subject_divergence(features, subjects)
    assert features_from_zero(features).min(axis=0).tolist() == [0, 0]
    assert subject_divergence(features_from_zero(features), subjects).mean > 0


@pytest.mark.parametrize(
    ("features", "subjects", "words"),
    [
        (np.ones((3, 2)), np.array([0, 1]), "don't fit"),
        (np.ones((3, 2)), np.array([0, 0, -1]), "at least 2"),
        (np.array([[1.0, np.nan], [1.0, 1.0]]), np.array([0, 1]), "finite"),
    ],
)
def test_what_makes_no_sense_is_refused(features, subjects, words):
    with pytest.raises(ValueError, match=words):
        subject_divergence(features, subjects)
