"""Frames in order: which faces follow each other in a clip, for networks that look along time.

A run is what is seen one frame after another: the faces of one clip by their frame numbers, up to a gap that is too
long. Where the gap is short, a face or two was lost, and the run goes on without them.
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
    """(N,) frame number, below 0 where there is none."""

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

    def groups(self, groups: NDArray[np.integer]) -> NDArray[np.int64]:
        """(N,) subject ids in which the frames of a clip without a subject are one person, not each its own."""
        told = groups.astype(np.int64)
        alone = (told < 0) & self.moving
        told[alone] = max(0, int(told.max(initial=0))) + 1 + self.clips[alone]
        return told


def stills(faces: int) -> Clips:
    """Faces of which none is a frame of a clip."""
    return Clips(np.full(faces, -1, np.int64), np.full(faces, -1, np.int64))


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
    """The runs of those `rows` that are frames of clips; two frames more than `gap` apart begin a new one."""
    rows = frames_in_order(clips, rows)
    same = np.diff(clips.clips[rows], prepend=-1) == 0
    apart = np.diff(clips.frames[rows], prepend=0)
    starts = np.flatnonzero(~(same & (apart <= gap)))
    return Runs(rows, starts, np.diff(starts, append=len(rows)))
