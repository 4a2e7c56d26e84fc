"""Frames in order: which faces follow each other in a clip, for networks that look along time.

A run is what is seen one frame after another: the faces of one clip by their frames, up to a gap that is too long.
Where the gap is short, a face or two was lost, and the run goes on without them. Frames are counted in the steps of
their clip: one of which every second frame was taken is not full of gaps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Clips:
    """Where each of N faces stands in time."""

    clips: NDArray[np.integer]
    """(N,) clip, below 0 for a still."""
    frames: NDArray[np.integer]
    """(N,) frame, counted in the steps of its clip (`frames_count`), below 0 where there is none."""

    @property
    def moving(self) -> NDArray[np.bool_]:
        """(N,) whether the face is a frame of a clip."""
        return (self.clips >= 0) & (self.frames >= 0)

    def of(self, rows: Rows) -> "Clips":
        """The same for these rows alone."""
        return Clips(self.clips[rows], self.frames[rows])

    def beside(self, rows: Rows) -> NDArray[np.bool_]:
        """(N,) the frames of all clips that one of these rows is in."""
        touched = self.clips[rows][self.moving[rows]]
        return self.moving & np.isin(self.clips, touched)

    def closed(self, rows: Rows) -> "Clips":
        """These rows alone, closed up over the faces left out: a row follows the one before it in its clip unless a
        frame between them has no face at all."""
        moving = np.flatnonzero(self.moving)
        order = moving[np.lexsort((self.frames[moving], self.clips[moving]))]
        new_clip = np.diff(self.clips[order], prepend=-1) != 0
        step = np.diff(self.frames[order], prepend=-1)
        place = np.cumsum(new_clip | (step != 0)) - 1  # of each distinct frame
        kept = np.bincount(place, np.isin(order, rows), int(place.max(initial=-1)) + 1) > 0
        missing = np.zeros(len(kept), np.int64)
        np.maximum.at(missing, place, np.where(new_clip, 0, step - 1))
        number = np.cumsum(kept) + np.cumsum(missing)
        told = np.full(len(self.frames), -1, np.int64)
        told[order] = number[place]
        return Clips(self.clips[rows], told[rows])

    def groups(self, groups: NDArray[np.integer]) -> NDArray[np.int64]:
        """(N,) subject ids in which the faces of a clip without a subject are one person, not each its own, with or
        without a frame number."""
        told = groups.astype(np.int64)
        alone = (told < 0) & (self.clips >= 0)
        told[alone] = max(0, int(told.max(initial=0))) + 1 + self.clips[alone]
        return told


def stills(faces: int) -> Clips:
    """Faces of which none is a frame of a clip."""
    return Clips(np.full(faces, -1, np.int64), np.full(faces, -1, np.int64))


def frames_count(clips: NDArray[np.integer], numbers: NDArray[np.integer]) -> NDArray[np.int64]:
    """(N,) the frames counted in the steps of their clip, −1 where there is none.

    clips: (N,) below 0 for a still. numbers: (N,) frame numbers, below 0 for none. The smallest step between two
    numbers of a clip counts as one: where every fifth frame was taken, frame 15 follows frame 10.
    """
    told = np.full(len(numbers), -1, np.int64)
    moving = np.flatnonzero((clips >= 0) & (numbers >= 0))
    order = moving[np.lexsort((numbers[moving], clips[moving]))]
    if not len(order):
        return told
    begins = np.diff(clips[order], prepend=-1) != 0
    step = np.where(begins, 0, np.diff(numbers[order].astype(np.int64), prepend=0))
    clip = np.cumsum(begins) - 1
    least = np.full(clip[-1] + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, clip, np.where(step > 0, step, least[0]))
    counted = np.cumsum(step // least[clip])
    told[order] = counted - counted[begins][clip]
    return told


@dataclass(frozen=True)
class Runs:
    """R frames in K runs, one after the other."""

    rows: Rows
    """(R,) the faces, run by run, in order of time."""
    starts: NDArray[np.intp]
    """(K,) where each run begins in `rows`."""
    lengths: NDArray[np.intp]
    """(K,) its frames."""


def frames_in_order(clips: Clips, rows: Rows) -> Rows:
    """Those of the rows that are frames of clips, clip by clip, in order of time. A frame number that stands twice in
    a clip is taken once, the first row of it."""
    rows = rows[clips.moving[rows]]
    rows = rows[np.lexsort((rows, clips.frames[rows], clips.clips[rows]))]
    first = np.ones(len(rows), bool)
    first[1:] = (np.diff(clips.clips[rows]) != 0) | (np.diff(clips.frames[rows]) != 0)
    return rows[first]


def runs_find(clips: Clips, rows: Rows, gap: int) -> Runs:
    """The runs of those `rows` that are frames of clips; two frames more than `gap` steps apart begin a new one."""
    rows = frames_in_order(clips, rows)
    same = np.diff(clips.clips[rows], prepend=-1) == 0
    apart = np.diff(clips.frames[rows], prepend=0)
    starts = np.flatnonzero(~(same & (apart <= gap)))
    return Runs(rows, starts, np.diff(starts, append=len(rows)))
