"""Events in clips: runs of frames in which an AU is present, and F1-event (Ding, Chu et al., ICCV 2013).

F1-frame counts frames, so that one long event outweighs ten short ones; F1-event counts events. A true event
is found at an overlap t if at least that share of its frames is predicted; a predicted event is right at t if at
least that share of its frames is true. Over t from 0 to 1 this gives a curve of recall, precision and F1.

Rules where the paper is silent:

- Frames whose true code is unknown are left out of both sides: they count neither in an event's length nor in
  its overlap, and an event of such frames alone is none. They do not break an event in two.
- An event ends with its clip, and where frame numbers leave a gap.
- At t = 0 every event counts as found, also one that nothing overlaps: the curve begins at 1 where there are
  events on both sides.
- Without true events recall is 0/0 and undefined (NaN), without predicted ones precision is; F1 is undefined
  only where there are neither, and 0 where one side has none: then everything was missed or made up.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.algorithms.clips import Clips, frames_in_order
from trainer.algorithms.measures import mean_of

OVERLAPS = np.linspace(0.0, 1.0, 21)
"""The shares t at which the curve is told."""

HALF = 0.5
"""The overlap at which a single figure is told beside the area."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class EventCurve:
    """Of one AU over T overlaps."""

    overlaps: FloatArray
    """(T,)."""
    recall: FloatArray
    """(T,) NaN without true events."""
    precision: FloatArray
    """(T,) NaN without predicted ones."""
    f1: FloatArray
    """(T,) NaN without either."""
    true_events: int
    predicted_events: int

    @property
    def area(self) -> float:
        """Under F1 over t (trapezoids): one number for the whole curve; NaN where F1 is undefined."""
        return float(np.trapezoid(self.f1, self.overlaps))


def frames_follow(clips: NDArray[np.integer], frames: NDArray[np.integer]) -> NDArray[np.bool_]:
    """(N,) whether a row is the frame after that of the row before, in the same clip; rows sorted by both."""
    follow = np.zeros(len(clips), bool)
    follow[1:] = (clips[1:] == clips[:-1]) & (frames[1:] == frames[:-1] + 1)
    return follow


def event_overlaps(
    present: NDArray[np.bool_], hit: NDArray[np.bool_], known: NDArray[np.bool_], follow: NDArray[np.bool_]
) -> FloatArray:
    """The share of each event's known frames that are hit, (events,).

    present: (N,) frames of the events. hit: (N,) those of the other side. known: (N,) whether the true code is.
    follow: (N,) of `frames_follow`. Events without a known frame are left out.
    """
    begins = present.copy()
    begins[1:] &= ~(present[:-1] & follow[1:])
    event = np.cumsum(begins) - 1
    counted = present & known
    events = int(begins.sum())
    length = np.bincount(event[counted], minlength=events)
    inside = np.bincount(event[counted & hit], minlength=events)
    return inside[length > 0] / length[length > 0]


def event_curve(
    truth: NDArray[np.int8],
    predicted: NDArray[np.int8],
    clips: NDArray[np.integer],
    frames: NDArray[np.integer],
    overlaps: FloatArray = OVERLAPS,
) -> EventCurve:
    """F1-event of one AU over all clips together.

    truth: (N,) 1, 0 or −1 unknown. predicted: (N,) 1 or 0. clips, frames: (N,), rows sorted by clip and frame.
    Raises ValueError for arrays of unequal length, predictions that are neither, or rows out of order.
    """
    if not len(truth) == len(predicted) == len(clips) == len(frames):
        raise ValueError("truth, predictions, clips and frames need one row a frame each")
    if not np.isin(predicted, (0, 1)).all():
        raise ValueError("a predicted code is 1 or 0")
    if len(clips) > 1 and ((np.diff(clips) < 0) | ((np.diff(clips) == 0) & (np.diff(frames) <= 0))).any():
        raise ValueError("frames must be sorted by clip and number, each once")
    follow, known = frames_follow(clips, frames), truth >= 0
    is_true, is_predicted = truth == 1, predicted == 1
    # an unknown frame between two true ones carries the event on
    bridged = is_true | (~known & _between(is_true, known, follow))
    found = event_overlaps(bridged, is_predicted, known, follow)
    right = event_overlaps(is_predicted, is_true, known, follow)
    recall, precision = _share_reached(found, overlaps), _share_reached(right, overlaps)
    return EventCurve(overlaps, recall, precision, _f1(recall, precision), len(found), len(right))


def _between(is_true: NDArray[np.bool_], known: NDArray[np.bool_], follow: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) unknown frames whose nearest known neighbours on both sides, without a gap, are true."""

    def carried(true: NDArray[np.bool_], told: NDArray[np.bool_], linked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether the last known frame up to each row, not beyond a gap, is true."""
        rows = np.arange(len(true))
        last = np.maximum.accumulate(np.where(told, rows, -1))
        start = np.maximum.accumulate(np.where(linked, 0, rows))
        return (last >= start) & true[np.maximum(last, 0)]

    back = np.zeros(len(follow), bool)
    back[:-1] = follow[1:]
    before = carried(is_true, known, follow)
    after = carried(is_true[::-1], known[::-1], back[::-1])[::-1]
    return before & after


def _share_reached(shares: FloatArray, overlaps: FloatArray) -> FloatArray:
    """(T,) how many of the events reach each overlap, as a share; NaN without events."""
    if not len(shares):
        return np.full(len(overlaps), np.nan)
    # a share such as 1/3 must reach the overlap 1/3 however either was rounded
    reached = len(shares) - np.searchsorted(np.sort(shares), overlaps - 1e-9, side="left")
    return np.asarray(reached / len(shares), np.float64)


def _f1(recall: FloatArray, precision: FloatArray) -> FloatArray:
    """Harmonic mean; 0 where one side is undefined or both are 0, NaN where both are undefined."""
    both = np.nan_to_num(recall) + np.nan_to_num(precision)
    f1 = np.divide(
        2 * np.nan_to_num(recall) * np.nan_to_num(precision), both, out=np.zeros_like(both), where=both > 0
    )
    f1[np.isnan(recall) & np.isnan(precision)] = np.nan
    return f1


def events_measure(
    labels: NDArray[np.integer],
    called: NDArray[np.bool_],
    clips: NDArray[np.integer],
    frames: NDArray[np.integer],
    folds: NDArray[np.integer] | None = None,
) -> dict[str, Any] | None:
    """F1-event of every AU, JSON-ready; None where no two frames of a clip follow each other.

    labels: (N, A) 1, 0, −1 unknown. called: (N, A). clips, frames: (N,), below 0 for a still; any order. folds: (N,)
    the fold that a face was left out of. `aus` are over the clips of all folds together: curves at `overlaps`, F1 at
    an overlap of one half, and the area under F1; `folds` have the mean over AUs of the latter two in each fold.
    Rounded to six digits, None where undefined.
    """
    rows = frames_in_order(Clips(clips, frames), np.arange(len(clips)))
    if not frames_follow(clips[rows], frames[rows]).any():
        return None

    def curves(kept: NDArray[np.intp]) -> list[EventCurve]:
        return [
            event_curve(labels[kept, au].astype(np.int8), called[kept, au].astype(np.int8), clips[kept], frames[kept])
            for au in range(labels.shape[1])
        ]

    told: dict[str, Any] = {"overlaps": OVERLAPS.round(6).tolist(), "frames": len(rows)}
    told["aus"] = [_curve_told(curve) for curve in curves(rows)]
    told["mean"] = _means(told["aus"])
    told["folds"] = []
    for fold in range(int(folds[rows].max()) + 1 if folds is not None and len(rows) else 0):
        assert folds is not None
        told["folds"].append(_means([_curve_told(curve) for curve in curves(rows[folds[rows] == fold])]))
    return told


def _curve_told(curve: EventCurve) -> dict[str, Any]:
    half = int(np.abs(curve.overlaps - HALF).argmin())
    return {
        "recall": _plain(curve.recall),
        "precision": _plain(curve.precision),
        "f1": _plain(curve.f1),
        "f1_half": _plain(curve.f1[half : half + 1])[0],
        "area": _plain(np.array([curve.area]))[0],
        "true_events": curve.true_events,
        "predicted_events": curve.predicted_events,
    }


def _means(aus: list[dict[str, Any]]) -> dict[str, float | None]:
    """Over the AUs that have the figure."""
    means = {name: mean_of([au[name] for au in aus]) for name in ("f1_half", "area")}
    return {name: None if mean is None else round(mean, 6) for name, mean in means.items()}


def _plain(values: FloatArray) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 6) for value in values]
