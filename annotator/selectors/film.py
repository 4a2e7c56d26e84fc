"""A clip over time: for each AU, what every visible layer says of its frames, its events and a detector's scores.

A long clip is drawn in columns of several frames: present where any of them is, scores from their lowest to their
highest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from django.contrib.auth.models import User
from django.db.models import F, Q
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.errors import NotFound
from annotator.masks import ABSENT, NOT_SCORED, PRESENT, UNSCORABLE
from annotator.models import Clip, CodedAU, DataSet, Face, LabelLayer
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.axes import Tick, round_numbers
from annotator.selectors.clips import frame_step
from annotator.selectors.codes import coded_aus, layer_codes, layers_visible_to
from annotator.selectors.events import WIDTH, Bar, events_of_clip, lanes_of, timeline_of

COLUMNS = 1000
"""Most columns that a clip is drawn in."""
PICTURES = 16
"""Pictures of the strip above the lanes."""
HEIGHT = 40
"""Of a curve's box, in its own units."""
DRAWN = ((ABSENT, "absent"), (PRESENT, "present"), (UNSCORABLE, "unscorable"))
"""Codes in the order in which a lane draws them; a frame without one stays empty."""


@dataclass(frozen=True)
class Stretch:
    """Frames in a row to which a layer gives the same code."""

    first: int
    last: int
    x: float
    width: float
    code: str
    """present, absent or unscorable."""

    @property
    def words(self) -> str:
        said = {"present": _("present"), "absent": _("absent"), "unscorable": _("unscorable")}[self.code]
        if self.first == self.last:
            return _("frame %(first)d, %(said)s") % {"first": self.first, "said": said}
        return _("frames %(first)d–%(last)d, %(said)s") % {"first": self.first, "last": self.last, "said": said}


@dataclass(frozen=True)
class LayerLane:
    """One layer's codes of one AU along the clip."""

    layer: LabelLayer
    stretches: list[Stretch]
    coded: int
    """Frames that it has a code for."""
    agreed: float | None
    """Share of the frames coded by both that it codes as the trusted layer does; None without such frames."""
    curve: str
    """The path of its scores in a box of WIDTH × HEIGHT; empty without any."""
    bars: list[Bar]
    """Its events."""

    @property
    def stacked(self) -> bool:
        """Whether events are drawn above codes."""
        return bool(self.bars and self.stretches)


@dataclass(frozen=True)
class AULanes:
    """One AU along the clip."""

    coded: CodedAU
    lanes: list[LayerLane]


@dataclass(frozen=True)
class Film:
    """A clip and what its frames are said to show."""

    clip: Clip
    first: int
    last: int
    count: int
    """Frames that there are."""
    span: int
    """Frame numbers from where the axis begins to where it ends."""
    step: int
    """Of frame numbers from one to the next where none is missing."""
    pictures: list[Face | None]
    """For each of as many equal parts of the clip the frame nearest its middle; None where all are missing."""
    aus: list[AULanes]
    """AUs that any layer finds in the clip."""
    never: list[CodedAU]
    """AUs that no layer finds present in any frame."""
    gaps: list[tuple[float, float]]
    """(x, width) of frames that are missing."""
    ticks: list[Tick]
    trusted: LabelLayer | None
    """The layer that the others are compared with."""
    before: Clip | None
    after: Clip | None
    """The clips beside it, by subject and name."""

    @property
    def has_events(self) -> bool:
        return any(lane.bars for one in self.aus for lane in one.lanes)

    @property
    def banded(self) -> bool:
        """Whether scores are bands of several frames, and not a line."""
        return self.count > COLUMNS


@dataclass(frozen=True)
class _Frames:
    """The clip's faces in order, one a frame, and where each frame is drawn."""

    ids: list[int]
    positions: NDArray[np.int64]
    numbers: NDArray[np.int64]
    step: int
    """Of frame numbers from one to the next where none is missing."""

    @property
    def first(self) -> int:
        return int(self.numbers[0])

    @property
    def last(self) -> int:
        return int(self.numbers[-1])

    @property
    def span(self) -> int:
        """Frame numbers from where the axis begins to where it ends."""
        return self.last - self.first + self.step

    def x(self, number: float) -> float:
        """Where a frame begins."""
        return round((number - self.first) * WIDTH / self.span, 2)

    def follow(self) -> NDArray[np.bool_]:
        """(F,) whether no frame is missing before it."""
        told = np.zeros(len(self.numbers), bool)
        told[1:] = np.diff(self.numbers) <= self.step
        return told


def film_of(user: User, dataset: DataSet, clip_id: int, aus: Sequence[int] = ()) -> Film:
    """The clip in the layers that this user may see; only these AUs, or all. Raises NotFound where the data set has
    no such clip with frames."""
    clip = Clip.objects.filter(dataset=dataset, pk=clip_id).select_related("subject").first()
    frames = _frames_of(clip) if clip else None
    if clip is None or frames is None:
        raise NotFound(_("There is no such clip in this data set."))
    asked = [coded for coded in coded_aus(dataset) if not aus or coded.au in aus]
    layers = layers_visible_to(user, dataset)
    bits = [coded.bit for coded in asked]
    codes = [layer_codes(layer, frames.ids).codes(bits) for layer in layers]
    scores = [_scores_of(layer, frames.positions, bits) for layer in layers]
    bars = _bars(user, clip, layers, frames)
    trusted = _trusted(layers, codes)
    shown, never = [], []
    for column, coded in enumerate(asked):
        of_au = [
            (layer, codes[place][:, column], scores[place], bars.get((layer.pk, coded.au), []))
            for place, layer in enumerate(layers)
        ]
        if not any((said == PRESENT).any() or events for _layer, said, _scores, events in of_au):
            never.append(coded)
            continue
        judge = None if trusted is None else codes[layers.index(trusted)][:, column]
        lanes = [
            _lane(layer, said, None if given is None else given[:, column], events, judge, frames, layer is trusted)
            for layer, said, given, events in of_au
            if (said != NOT_SCORED).any() or events
        ]
        shown.append(AULanes(coded, lanes))
    before, after = _beside(clip)
    return Film(
        clip=clip,
        first=frames.first,
        last=frames.last,
        count=len(frames.ids),
        span=frames.span,
        step=frames.step,
        pictures=_pictures(frames),
        aus=shown,
        never=never,
        gaps=_gaps(frames),
        ticks=_ticks(frames),
        trusted=trusted,
        before=before,
        after=after,
    )


def clip_first(dataset: DataSet) -> Clip | None:
    """The first clip of the data set, by subject and name."""
    return Clip.objects.filter(dataset=dataset, faces__frame__isnull=False).order_by("subject_id", "name").first()


def _frames_of(clip: Clip) -> _Frames | None:
    rows = list(
        Face.objects.filter(clip=clip, frame__isnull=False)
        .order_by("frame", "position")
        .values_list("pk", "position", "frame")
    )
    kept = [row for row, before in zip(rows, [None, *rows], strict=False) if before is None or before[2] != row[2]]
    if not kept:
        return None
    numbers = np.array([row[2] for row in kept], np.int64)
    step = frame_step(numbers.tolist())
    return _Frames([row[0] for row in kept], np.array([row[1] for row in kept], np.int64), numbers, step)


def _scores_of(layer: LabelLayer, positions: NDArray[np.int64], bits: list[int]) -> NDArray[np.float32] | None:
    """(F, len(bits)) probabilities, NaN where there is none; None for a layer without any."""
    if layer.probabilities is None:
        return None
    found = values_at(array_read(layer.probabilities), positions, np.nan)
    return found[:, bits].astype(np.float32)


def _bars(user: User, clip: Clip, layers: Sequence[LabelLayer], frames: _Frames) -> dict[tuple[int, int], list[Bar]]:
    """The events of each layer (by id) and AU."""
    lanes = lanes_of(events_of_clip(user, clip, layers, most=None))
    rows = timeline_of(lanes, frames.first, frames.last, frames.step)
    return {(row.lane.layer.pk, row.lane.au): row.bars for row in rows}


def _trusted(layers: Sequence[LabelLayer], codes: Sequence[NDArray[np.int8]]) -> LabelLayer | None:
    """The layer that others are compared with: the consensus, else the reference, as far as it codes this clip."""
    for kind in (LayerKind.CONSENSUS, LayerKind.REFERENCE):
        for layer, said in zip(layers, codes, strict=True):
            if layer.kind == kind and ((said == PRESENT) | (said == ABSENT)).any():
                return layer
    return None


def _lane(
    layer: LabelLayer,
    said: NDArray[np.int8],
    scores: NDArray[np.float32] | None,
    bars: list[Bar],
    judge: NDArray[np.int8] | None,
    frames: _Frames,
    is_judge: bool,
) -> LayerLane:
    told = (said == PRESENT) | (said == ABSENT)
    agreed = None
    if judge is not None and not is_judge:
        both = told & ((judge == PRESENT) | (judge == ABSENT))
        agreed = float((said == judge)[both].mean()) if both.any() else None
    return LayerLane(
        layer=layer,
        # absent first: in a long clip, what is present is drawn over it
        stretches=[stretch for code, name in DRAWN for stretch in _stretches(said == code, frames, name)],
        coded=int(told.sum()),
        agreed=agreed,
        curve="" if scores is None else _curve(scores, frames),
        bars=bars,
    )


def _stretches(holds: NDArray[np.bool_], frames: _Frames, code: str) -> list[Stretch]:
    follow = frames.follow()
    begins = holds.copy()
    begins[1:] &= ~(holds[:-1] & follow[1:])
    ends = holds.copy()
    ends[:-1] &= ~(holds[1:] & follow[1:])
    firsts, lasts = frames.numbers[begins], frames.numbers[ends]
    told: list[Stretch] = []
    least = WIDTH / COLUMNS
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        x = frames.x(first)
        width = max(least, frames.x(last + frames.step) - x)
        if told and x - (told[-1].x + told[-1].width) < least / 2 and len(frames.ids) > COLUMNS:
            # too close to be told apart in so long a clip: one stretch, from the first to the last
            before = told.pop()
            first, x, width = before.first, before.x, max(before.width, x + width - before.x)
        told.append(Stretch(first, last, x, round(width, 2), code))
    return told


def _curve(scores: NDArray[np.float32], frames: _Frames) -> str:
    """A band from the lowest to the highest score of each column, a line where columns are single frames."""
    size = -(-len(scores) // COLUMNS)
    parts: list[str] = []
    begins = np.r_[np.flatnonzero(~frames.follow()), len(scores)]
    for begin, end in pairwise(begins.tolist()):
        high, low = [], []
        for start in range(begin, end, size):
            column = scores[start : min(start + size, end)]
            if not np.isfinite(column).any():
                continue
            x = frames.x(float(frames.numbers[start : min(start + size, end)].mean()) + frames.step / 2)
            high.append(f"{x:g},{_y(float(np.nanmax(column)))}")
            low.append(f"{x:g},{_y(float(np.nanmin(column)))}")
        if high:
            back = [] if size == 1 else low[::-1]
            parts.append("M" + " ".join([*high, *back]) + ("h0" if len(high) == 1 else ""))
    return "".join(parts)


def _y(score: float) -> str:
    return f"{round(HEIGHT * (1 - score), 1):g}"


def _gaps(frames: _Frames) -> list[tuple[float, float]]:
    told = []
    for earlier, later in pairwise(frames.numbers.tolist()):
        if later - earlier > frames.step:
            x = frames.x(earlier + frames.step)
            told.append((x, round(frames.x(later) - x, 2)))
    return told


def _ticks(frames: _Frames) -> list[Tick]:
    marks = round_numbers(frames.first, frames.last, 9, whole=True)
    return [Tick(frames.x(number + frames.step / 2), name) for number, name in marks]


def _pictures(frames: _Frames) -> list[Face | None]:
    count = min(PICTURES, frames.span // frames.step)
    places = (frames.numbers - frames.first) * count // frames.span
    middles = frames.first + (places + 0.5) * frames.span / count - frames.step / 2
    nearest: dict[int, tuple[float, int]] = {}
    for place, away, pk in zip(places.tolist(), np.abs(frames.numbers - middles).tolist(), frames.ids, strict=True):
        nearest[place] = min(nearest.get(place, (away, pk)), (away, pk))
    faces = Face.objects.in_bulk([pk for _away, pk in nearest.values()])
    return [faces[nearest[place][1]] if place in nearest else None for place in range(count)]


def _beside(clip: Clip) -> tuple[Clip | None, Clip | None]:
    """The clips before and after it, by subject and name; those without a subject come first."""
    others = Clip.objects.filter(dataset_id=clip.dataset_id, faces__frame__isnull=False).distinct()
    others = others.select_related("subject")
    if clip.subject_id is None:
        before = others.filter(subject=None, name__lt=clip.name)
        after = others.filter(Q(subject=None, name__gt=clip.name) | Q(subject__isnull=False))
        return before.order_by("-name").first(), after.order_by("subject_id", "name").first()
    same = others.filter(subject_id=clip.subject_id)
    later = same.filter(name__gt=clip.name).order_by("name").first()
    earlier = same.filter(name__lt=clip.name).order_by("-name").first()
    if later is None:
        later = others.filter(subject_id__gt=clip.subject_id).order_by("subject_id", "name").first()
    if earlier is None:
        sooner = others.filter(Q(subject_id__lt=clip.subject_id) | Q(subject=None))
        earlier = sooner.order_by(F("subject_id").desc(nulls_last=True), "-name").first()
    return earlier, later
