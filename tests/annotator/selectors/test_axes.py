"""Axes: values stand where they belong, marks are round numbers that don't run into each other."""

import itertools

import pytest

from annotator.selectors.axes import Scale, Tick, ticks_fit


def test_words_that_run_into_each_other_are_skipped():
    ticks = [Tick(float(at), f"{1000 + at:,}") for at in range(0, 100, 10)]
    kept = ticks_fit(ticks)
    assert kept[0] == ticks[0]
    assert all(after.at - before.at > len(before.label) * 6 for before, after in itertools.pairwise(kept))


def test_a_value_stands_at_its_share_of_the_stretch_and_never_outside():
    upwards = Scale(0, 2, start=100, end=20)
    assert [upwards.at(value) for value in (0, 0.5, 2, 9, -1)] == [100, 80, 20, 20, 100]


def test_a_stretch_of_one_value_is_no_division_by_zero():
    assert Scale(3, 3, 0, 10).at(3) == 0


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
    assert [tick.label for tick in Scale(low, high, 0, 100).ticks(most)] == labels


def test_whole_numbers_have_no_fractions_between():
    assert [tick.label for tick in Scale(1, 3, 0, 100).ticks(9, whole=True)] == ["1", "2", "3"]
