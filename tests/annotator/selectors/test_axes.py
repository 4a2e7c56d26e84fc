"""Axes: marks are round numbers that don't run into each other."""

import itertools

import pytest

from annotator.selectors.axes import Tick, round_numbers, ticks_fit


def test_words_that_run_into_each_other_are_skipped():
    ticks = [Tick(float(at), f"{1000 + at:,}") for at in range(0, 100, 10)]
    kept = ticks_fit(ticks)
    assert kept[0] == ticks[0]
    assert all(after.at - before.at > len(before.label) * 6 for before, after in itertools.pairwise(kept))


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (0, 1, 3, ["0.0", "0.5", "1.0"]),
        (0, 0.73, 4, ["0.0", "0.5"]),
        (0, 0.06, 4, ["0.00", "0.02", "0.04", "0.06"]),
        (0, 1500, 4, ["0", "500", "1,000", "1,500"]),
        (1, 30, 5, ["10", "20", "30"]),
    ],
)
def test_marks_are_round_numbers(low, high, most, labels):
    assert [label for _number, label in round_numbers(low, high, most)] == labels


def test_whole_numbers_have_no_fractions_between():
    assert round_numbers(1, 3, 9, whole=True) == [(1, "1"), (2, "2"), (3, "3")]
