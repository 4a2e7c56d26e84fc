"""Which frames follow each other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.algorithms.clips import Clips, runs_find, stills


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
