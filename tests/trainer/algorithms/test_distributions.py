"""Distributions of codes and calls against slow twins and a case worked by hand."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainer.algorithms import distributions
from trainer.algorithms.distributions import distribution, distribution_compare, score_histogram

# AU 0 is known on all five faces, AU 1 on four, AU 2 on none
LABELS = np.array([[1, 1, -1], [1, 0, -1], [0, 1, -1], [1, -1, -1], [0, 0, -1]], dtype=np.int8)
CALLED = np.array([[1, 1, 1], [0, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0]], dtype=bool)


def test_comparison_of_a_case_worked_by_hand() -> None:
    told = distribution_compare(LABELS, CALLED)
    assert told["reference"]["marginal"] == [3 / 5, 2 / 4, None]
    assert told["predicted"]["marginal"] == [3 / 5, 2 / 4, None]
    # face 3 has AU 0 and no code of AU 1: it is in the margin and not in the pair
    assert told["reference"]["conditional"] == [[1, 1 / 2, None], [1 / 2, 1, None], [None] * 3]
    assert told["predicted"]["conditional"] == [[1, 1, None], [1, 1, None], [None] * 3]
    assert told["difference"]["conditional"] == [[0, 1 / 2, None], [1 / 2, 0, None], [None] * 3]
    assert told["difference"]["marginal_mean"] == 0
    # the diagonal is left out: 1/2 and not 1/4
    assert told["difference"]["conditional_mean"] == 1 / 2


def test_condition_that_never_holds_is_none() -> None:
    labels = np.array([[0, 1], [0, 0]], dtype=np.int8)
    told = distribution_compare(labels, np.array([[True, True], [False, False]]))
    assert told["reference"]["conditional"] == [[None, 0], [None, 1]]
    assert told["predicted"]["conditional"] == [[1, 1], [1, 1]]
    assert told["difference"]["conditional"] == [[None, 1], [None, 0]]
    assert told["difference"]["conditional_mean"] == 1


def test_nothing_known_has_no_distribution() -> None:
    told = distribution_compare(np.full((3, 2), -1, dtype=np.int8), np.ones((3, 2), dtype=bool))
    assert told["predicted"] == {"marginal": [None] * 2, "conditional": [[None] * 2] * 2}
    assert told["difference"]["marginal_mean"] is None
    assert told["difference"]["conditional_mean"] is None


@given(arrays(np.int8, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.integers(-1, 1)))
def test_distribution_is_that_of_its_slow_twin(labels: np.ndarray) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distributions, "CHUNK", 5)
        marginal, conditional = distribution(labels == 1, labels >= 0)
    for i in range(labels.shape[1]):
        own = [row[i] == 1 for row in labels if row[i] >= 0]
        assert marginal[i] == pytest.approx(sum(own) / len(own) if own else np.nan, nan_ok=True)
        for j in range(labels.shape[1]):
            under = [row[i] == 1 for row in labels if row[i] >= 0 and row[j] == 1]
            expected = sum(under) / len(under) if under else np.nan
            assert conditional[i, j] == pytest.approx(expected, nan_ok=True)


def test_histogram_holds_every_scored_face_once() -> None:
    labels = np.array([1, 1, 0, 0, -1, 1, 0])
    scores = np.array([1.0, 0.951, 0.051, 0.0499, 0.5, np.nan, 0.151], dtype=np.float32)
    told = score_histogram(labels, scores)
    assert len(told["edges"]) == 21 and told["edges"][:3] == [0.0, 0.05, 0.1] and told["edges"][-1] == 1.0
    assert told["present"][19] == 2 and sum(told["present"]) == 2
    assert [told["absent"][i] for i in (0, 1, 3)] == [1, 1, 1] and sum(told["absent"]) == 3
    assert told["unknown"][10] == 1 and sum(told["unknown"]) == 1


@given(st.lists(st.floats(0, 1, width=32), max_size=40))
def test_histogram_is_that_of_numpy(scores: list[float]) -> None:
    told = score_histogram(np.zeros(len(scores)), np.array(scores, dtype=np.float32))
    assert told["absent"] == np.histogram(np.array(scores, dtype=np.float64), told["edges"])[0].tolist()


def test_pages_may_call_it() -> None:
    question = "import sys, trainer.algorithms.distributions; print({'sklearn', 'scipy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
