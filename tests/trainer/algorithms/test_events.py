"""F1-event: hand-worked clips, the stated rules, and a slow twin that walks frame by frame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.algorithms.events import event_curve, events_measure


def curve(truth, predicted, clips=None, frames=None, overlaps=(0.0, 0.5, 1.0)):
    count = len(truth)
    return event_curve(
        np.array(truth, np.int8),
        np.array(predicted, np.int8),
        np.zeros(count, int) if clips is None else np.array(clips),
        np.arange(count) if frames is None else np.array(frames),
        np.array(overlaps),
    )


def test_hand_worked_clip():
    """Two true events of 4 and 2 frames; two predicted of 2 and 3. The first true one is half covered, the second
    wholly; the first predicted one is wholly true, two thirds of the second."""
    found = curve(
        [0, 1, 1, 1, 1, 0, 0, 1, 1, 0], [0, 1, 1, 0, 0, 0, 1, 1, 1, 0], overlaps=(0, 0.5, 0.6, 2 / 3, 0.7, 1)
    )
    assert (found.true_events, found.predicted_events) == (2, 2)
    assert found.recall.tolist() == [1, 1, 0.5, 0.5, 0.5, 0.5]
    assert found.precision.tolist() == [1, 1, 1, 1, 0.5, 0.5]
    assert found.f1 == pytest.approx([1, 1, 2 / 3, 2 / 3, 0.5, 0.5])


def test_the_area_is_that_of_trapezoids():
    assert curve([1, 1, 1, 1], [1, 1, 0, 0]).area == pytest.approx((1 + 1) / 4 + (1 + 0) / 4)


def test_an_event_ends_with_its_clip_and_at_a_gap():
    assert curve([1, 1, 1, 1], [1, 1, 1, 1], clips=[0, 0, 1, 1]).true_events == 2
    assert curve([1, 1, 1, 1], [1, 1, 1, 1], frames=[0, 1, 5, 6]).true_events == 2


def test_unknown_frames_neither_count_nor_break_an_event():
    found = curve([1, -1, 1, 0], [1, 0, 1, 0])
    assert (found.true_events, found.recall.tolist()) == (1, [1, 1, 1])
    assert curve([-1, -1, 0], [1, 1, 0]).predicted_events == 0


def test_unknown_frames_at_the_edge_of_an_event_are_no_part_of_it():
    assert curve([-1, 1, 1, -1, 0], [0, 1, 1, 0, 0]).recall.tolist() == [1, 1, 1]


def test_without_events_on_either_side_f1_is_undefined_and_with_one_side_it_is_0():
    assert np.isnan(curve([0, 0], [0, 0]).f1).all()
    assert curve([1, 1], [0, 0]).f1.tolist() == [0, 0, 0]
    assert np.isnan(curve([1, 1], [0, 0]).precision).all()
    assert curve([0, 0], [1, 1]).f1.tolist() == [0, 0, 0]


def test_a_long_event_counts_no_more_than_a_short_one():
    found = curve([1] * 10 + [0, 1, 0], [1] * 10 + [0, 0, 0])
    assert found.recall.tolist() == [1, 0.5, 0.5]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"predicted": [0, 2]}, "1 or 0"),
        ({"frames": [1, 0]}, "sorted"),
        ({"frames": [1, 1]}, "sorted"),
        ({"clips": [0]}, "one row a frame"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, said):
    given_ = {"truth": [0, 1], "predicted": [0, 1]} | wrong
    with pytest.raises(ValueError, match=said):
        curve(**given_)


def slow_overlaps(present, hit, known, clips, frames):
    """Walks the frames and keeps a list for each event."""
    events, before = [], None
    for row in range(len(present)):
        goes_on = before is not None and clips[row] == clips[before] and frames[row] == frames[before] + 1
        if present[row]:
            if not goes_on or not present[before]:
                events.append([])
            events[-1].append(row)
        before = row
    shares = []
    for rows in events:
        counted = [row for row in rows if known[row]]
        if counted:
            shares.append(sum(hit[row] for row in counted) / len(counted))
    return shares


def slow_bridge(truth, clips, frames):
    """True frames, and unknown ones between two true ones."""
    present = [code == 1 for code in truth]

    def nearest(row, step):
        while True:
            beside = row + step
            if not 0 <= beside < len(truth) or clips[beside] != clips[row] or frames[beside] != frames[row] + step:
                return None
            if truth[beside] >= 0:
                return truth[beside]
            row = beside

    return [
        known_true or (truth[row] < 0 and nearest(row, -1) == 1 and nearest(row, 1) == 1)
        for row, known_true in enumerate(present)
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from([-1, 0, 1]), st.sampled_from([0, 1]), st.integers(0, 1), st.integers(1, 2)),
        max_size=40,
    )
)
def test_the_curve_is_that_of_a_walk_over_the_frames(rows):
    rows = sorted(rows, key=lambda row: row[2])
    truth, predicted = [row[0] for row in rows], [row[1] for row in rows]
    clips, frames = [row[2] for row in rows], np.cumsum([row[3] for row in rows]).tolist()
    found = curve(truth, predicted, clips, frames)
    known = [code >= 0 for code in truth]
    true_shares = slow_overlaps(slow_bridge(truth, clips, frames), predicted, known, clips, frames)
    predicted_shares = slow_overlaps(
        [code == 1 for code in predicted], [code == 1 for code in truth], known, clips, frames
    )
    assert (found.true_events, found.predicted_events) == (len(true_shares), len(predicted_shares))
    for t, recall, precision in zip(found.overlaps, found.recall, found.precision, strict=True):
        for share, values in ((recall, true_shares), (precision, predicted_shares)):
            if values:
                assert share == pytest.approx(sum(value >= t - 1e-9 for value in values) / len(values))
            else:
                assert np.isnan(share)


def measured(labels, called, clips, frames, folds=None):
    return events_measure(
        np.array(labels, np.int8), np.array(called, bool), np.array(clips), np.array(frames),
        None if folds is None else np.array(folds),
    )  # fmt: skip


def test_the_order_of_the_faces_and_stills_among_them_change_nothing():
    labels, called = [[0], [1], [1], [1], [0]], [[0], [1], [1], [0], [0]]
    told = measured(labels, called, [7] * 5, range(5))
    order = [3, 1, 0, 4, 2]
    mixed = measured(
        [[1], *(labels[i] for i in order)], [[1], *(called[i] for i in order)], [-1] + [7] * 5, [-1, *order]
    )
    assert mixed == told
    assert told["aus"][0]["f1_half"] == 1.0


def test_stills_alone_have_no_events():
    assert measured([[1], [0]], [[1], [0]], [-1, -1], [-1, -1]) is None
    assert measured([[1], [0]], [[1], [0]], [4, 4], [10, 30]) is None


def test_folds_are_told_apart_and_an_undefined_mean_is_none():
    told = measured([[1], [1], [0], [0]], [[1], [1], [0], [0]], [1, 1, 2, 2], [0, 1, 0, 1], [0, 0, 1, 1])
    assert told["mean"] == {"f1_half": 1.0, "area": 1.0}
    assert told["folds"] == [{"f1_half": 1.0, "area": 1.0}, {"f1_half": None, "area": None}]
