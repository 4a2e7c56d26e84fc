"""Which frames follow each other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.algorithms.clips import Clips, frames_count, runs_find, stills


def clips_of(*pairs: tuple[int, int]) -> Clips:
    clips, frames = np.array(pairs, np.int64).T
    return Clips(clips, frames)


def told(clips: Clips, rows=None, gap: int = 3) -> list[list[int]]:
    runs = runs_find(clips, np.arange(len(clips.clips)) if rows is None else np.array(rows), gap)
    return [
        runs.rows[start : start + length].tolist()
        for start, length in zip(runs.starts, runs.lengths, strict=True)
    ]  # fmt: skip


def test_frames_come_in_order_of_time_clip_by_clip():
    assert told(clips_of((7, 2), (5, 9), (7, 1), (5, 8))) == [[3, 1], [2, 0]]


def test_a_short_gap_is_passed_over_and_a_long_one_begins_anew():
    assert told(clips_of((1, 0), (1, 3), (1, 7), (1, 8)), gap=3) == [[0, 1], [2, 3]]


def test_stills_are_in_no_run():
    assert told(clips_of((-1, -1), (1, 0), (1, -1))) == [[1]]
    assert told(stills(4)) == []


def test_a_frame_that_stands_twice_is_taken_once():
    assert told(clips_of((1, 4), (1, 4), (1, 5))) == [[0, 2]]


def test_only_the_rows_asked_for_are_in_runs():
    assert told(clips_of((1, 0), (1, 1), (1, 2), (1, 3)), rows=[3, 0, 1]) == [[0, 1, 3]]


def test_beside_a_row_stand_all_frames_of_its_clip():
    clips = clips_of((1, 0), (2, 0), (1, 5), (-1, -1))
    assert clips.beside(np.array([2, 3])).tolist() == [True, False, True, False]


def test_frames_of_a_clip_without_a_subject_are_one_person():
    clips = clips_of((1, 0), (1, 1), (2, 0), (3, 0), (-1, -1))
    groups = clips.groups(np.array([-1, -1, -1, 4, -1]))
    assert groups[0] == groups[1] != groups[2]
    assert len({*groups[:4].tolist()}) == 3 and groups[3] == 4 and groups[4] == -1


def test_every_fifth_frame_taken_is_a_clip_without_gaps():
    clips, numbers = np.array([4, 4, 4, 7, 7, 7, -1, 4]), np.array([10, 0, 5, 3, 1, 2, 9, 20])
    assert frames_count(clips, numbers).tolist() == [2, 0, 1, 2, 0, 1, -1, 4]


def test_two_faces_of_one_frame_make_no_step():
    assert frames_count(np.array([1, 1, 1, 1]), np.array([0, 0, 10, 20])).tolist() == [0, 0, 1, 2]
    assert frames_count(np.array([1, -1]), np.array([8, -1])).tolist() == [0, -1]


def test_rows_close_up_over_faces_left_out_but_not_over_missing_frames():
    clips = clips_of((1, 0), (1, 1), (1, 2), (1, 4), (2, 7), (-1, -1), (2, 9))
    closed = clips.closed(np.array([0, 2, 3, 4, 5, 6]))
    assert closed.clips.tolist() == [1, 1, 1, 2, -1, 2]
    first, second, third, fourth, still, last = closed.frames.tolist()
    assert second == first + 1 and third == second + 2 and last == fourth + 2 and still == -1


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 9), st.booleans()), min_size=1, max_size=30))
def test_a_row_follows_the_last_one_kept_unless_a_frame_between_has_no_face(given_):
    clips = clips_of(*[row[:2] for row in given_])
    rows = np.flatnonzero([row[2] for row in given_])
    closed = clips.closed(rows)
    there = {row[:2] for row in given_}
    for a, first in enumerate(rows):
        for b, second in enumerate(rows):
            (clip, begin, _), (other, end, _) = given_[first], given_[second]
            if min(clip, other, begin, end) < 0 or clip != other:
                continue
            between = range(begin + 1, end)
            kept = any((clip, frame, True) in given_ for frame in between)
            follows = begin < end and not kept and all((clip, frame) in there for frame in between)
            assert (closed.frames[b] - closed.frames[a] == 1) == follows
            assert (closed.frames[b] == closed.frames[a]) == (begin == end)


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 12)), min_size=1, max_size=40), st.integers(1, 4))
def test_runs_are_those_of_a_walk_through_each_clip(pairs, gap):
    expected: list[list[int]] = []
    for clip in sorted({clip for clip, _frame in pairs if clip >= 0}):
        frames: dict[int, int] = {}
        for row, (of, frame) in enumerate(pairs):
            if of == clip and frame >= 0:
                frames.setdefault(frame, row)
        last = None
        for frame in sorted(frames):
            if last is None or frame - last > gap:
                expected.append([])
            expected[-1].append(frames[frame])
            last = frame
    assert told(clips_of(*pairs), gap=gap) == expected
