"""Events of a report as its page shows them."""

import numpy as np
import pytest

from trainer.algorithms.evaluation import evaluate
from trainer.algorithms.events import events_measure
from trainer.selectors.detector_events import EventMeans, EventsShown, events_shown
from trainer.selectors.detector_reports import evaluation_of

LABELS = np.array([[0, 1], [1, 1], [1, 0], [0, 0], [1, -1], [1, 1]], np.int8)
CALLED = np.array([[0, 1], [1, 0], [1, 0], [0, 0], [0, 0], [0, 1]], bool)
FOLDS = np.array([0, 0, 0, 0, 1, 1])


def shown(au: int, folds=FOLDS) -> EventsShown:
    scores = CALLED * 0.8 + 0.1
    told = evaluate(LABELS, scores, FOLDS, thresholds=np.full(2, 0.5), folds=folds, resamples=2)
    told |= {"events": events_measure(LABELS, CALLED, np.array([1, 1, 1, 1, 2, 2]), np.arange(6), folds)}
    evaluation = evaluation_of({"cross_validation": told}, "cross_validation", "validation", [12, 25])
    assert evaluation is not None
    found = events_shown(told["events"], evaluation, au)
    assert found is not None
    return found


def test_stills_have_no_section():
    told = evaluate(LABELS, CALLED * 0.8, FOLDS, resamples=2)
    evaluation = evaluation_of({"cross_validation": told}, "cross_validation", "fixed", [12, 25])
    assert evaluation is not None
    assert events_shown(None, evaluation, 12) is None


def test_each_au_has_its_events_and_both_f1():
    first, second = shown(25).rows
    assert (first.au, first.true_events, first.predicted_events) == (12, 2, 1)
    assert first.f1_half == 0.666667  # one of two found, the one called right
    assert (first.f1_frame, second.f1_frame) == (pytest.approx(2 / 3, abs=1e-5), 0.8)


def test_frames_and_events_have_their_means_pooled_and_in_each_fold():
    found = shown(12)
    first, second = found.rows
    assert found.pooled.f1_frame == pytest.approx(np.mean([first.f1_frame, second.f1_frame]), abs=1e-5)
    assert found.pooled.area == pytest.approx(np.mean([first.area, second.area]), abs=1e-5)
    # fold 1: AU12 is right in every frame, of AU25's event of two frames one is called; fold 2: AU12 missed
    assert [(fold.f1_frame, fold.f1_half) for fold in found.folds] == [
        (pytest.approx((1 + 2 / 3) / 2, abs=1e-5), 1.0),
        (0.5, 0.5),
    ]
    assert found.over_folds == EventMeans(
        f1_frame=pytest.approx((5 / 6 + 0.5) / 2, abs=1e-5),
        f1_half=0.75,
        area=pytest.approx(np.mean([fold.area for fold in found.folds])),
    )


def test_without_folds_there_is_no_mean_of_them():
    found = shown(12, None)
    assert found.folds == [] and found.over_folds is None


def test_the_curves_are_those_of_the_au_looked_at():
    one, other = shown(12), shown(25)
    assert [line.kind for line in one.plot.lines] == ["recall", "precision", "f1"]
    assert one.plot.lines[0].path != other.plot.lines[0].path
