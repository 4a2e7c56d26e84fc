"""Events of a report as its page shows them."""

import numpy as np
import pytest

from trainer.algorithms.events import events_measure
from trainer.selectors.detector_events import events_shown


def told():
    labels = np.array([[0, 1], [1, 1], [1, 0], [0, 0], [1, -1], [1, 1]], np.int8)
    called = np.array([[0, 1], [1, 0], [1, 0], [0, 0], [0, 0], [0, 1]], bool)
    return events_measure(labels, called, np.array([1, 1, 1, 1, 2, 2]), np.arange(6), np.array([0, 0, 0, 0, 1, 1]))


def test_stills_have_no_section():
    assert events_shown(None, [12], 12, {}) is None


def test_each_au_has_its_events_and_both_f1():
    shown = events_shown(told(), [12, 25], 25, {12: 0.7, 25: None})
    assert shown is not None
    first, second = shown.rows
    assert (first.au, first.true_events, first.predicted_events, first.f1_frame) == (12, 2, 1, 0.7)
    assert first.f1_half == 0.666667  # one of two found, the one called right
    assert second.f1_frame is None
    assert shown.area == pytest.approx(np.mean([first.area, second.area]), abs=1e-5)
    assert shown.area_folds is not None


def test_the_curves_are_those_of_the_au_looked_at():
    one, other = (events_shown(told(), [12, 25], au, {}) for au in (12, 25))
    assert one is not None and other is not None
    assert [line.kind for line in one.plot.lines] == ["recall", "precision", "f1"]
    assert one.plot.lines[0].path != other.plot.lines[0].path
