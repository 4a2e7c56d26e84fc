"""The film strip of a clip: a bounded window of its frames, with what is missing between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.db.models import Count, Max, Min
from django.utils.translation import gettext as _

from annotator.errors import NotFound
from annotator.models import Clip, DataSet, Face

HALF = 60
"""Frames shown at most on each side of a frame."""
DEFAULT_RATE = 25.0
"""Frames a second where a clip doesn't tell its own."""


@dataclass(frozen=True)
class Frame:
    """One frame of the strip, and how many frames of the clip are missing before it."""

    face: Face
    missing: int


@dataclass(frozen=True)
class Strip:
    """A window of a clip's frames around one of them, in order."""

    clip: Clip
    frames: list[Frame]
    first: int
    last: int
    """The first and the last frame number of the whole clip."""
    count: int
    """Frames that there are in the whole clip."""
    more_before: bool
    more_after: bool
    before: Face | None
    after: Face | None
    start: Face
    """The first and the last frame of the window."""
    end: Face

    @property
    def rate(self) -> float:
        return self.clip.frame_rate or DEFAULT_RATE

    @property
    def span(self) -> int:
        return self.last - self.first + 1

    @property
    def missing(self) -> int:
        """Frame numbers without a picture within the window."""
        return sum(frame.missing for frame in self.frames)


def strip_of(face: Face) -> Strip | None:
    """The film strip around a face; None for a still."""
    if face.clip is None or face.frame is None:
        return None
    clip = Face.objects.filter(clip=face.clip, frame__isnull=False).select_related("clip")
    # Of two faces in one frame only the one that is looked at is in the strip.
    before = list(clip.filter(frame__lt=face.frame).order_by("-frame", "position")[: HALF + 1])
    after = list(clip.filter(frame__gt=face.frame).order_by("frame", "position")[: HALF + 1])
    ends = clip.aggregate(first=Min("frame"), last=Max("frame"), count=Count("frame", distinct=True))
    faces = _one_a_frame([*reversed(before[:HALF]), face, *after[:HALF]], face)
    place = faces.index(face)
    return Strip(
        clip=face.clip,
        frames=_with_gaps(faces),
        more_before=len(before) > HALF,
        more_after=len(after) > HALF,
        before=faces[place - 1] if place else None,
        after=faces[place + 1] if place + 1 < len(faces) else None,
        start=faces[0],
        end=faces[-1],
        **ends,
    )


@dataclass(frozen=True)
class Ends:
    """The first and the last frame number of a clip."""

    first: int
    last: int


def ends_of(face: Face) -> Ends | None:
    """The ends of the face's clip; None for a still."""
    if face.clip_id is None or face.frame is None:
        return None
    found = Face.objects.filter(clip_id=face.clip_id).aggregate(first=Min("frame"), last=Max("frame"))
    return Ends(found["first"], found["last"])


def _one_a_frame(faces: list[Face], kept: Face) -> list[Face]:
    """Of several faces in one frame the one of the same subject, else the first."""
    chosen: dict[int, Face] = {}
    for face in faces:
        frame = face.frame or 0
        better = face.subject_id == kept.subject_id and chosen.get(frame, kept).subject_id != kept.subject_id
        if frame not in chosen or better or face.pk == kept.pk:
            chosen[frame] = face
    return list(chosen.values())


def frame_step(numbers: Sequence[int]) -> int:
    """The smallest step from one frame number to the next: of a clip of which every fifth frame was taken 5."""
    return min((later - earlier for earlier, later in pairwise(numbers)), default=1)


def _with_gaps(faces: list[Face]) -> list[Frame]:
    """Each frame with how many are missing before it. A clip of which every fifth frame was taken has no
    gaps: the smallest step between two frames counts as whole."""
    numbers = [face.frame or 0 for face in faces]
    steps = [later - earlier for earlier, later in pairwise(numbers)]
    step = frame_step(numbers)
    return [Frame(face, max(0, gap // step - 1)) for face, gap in zip(faces, [step, *steps], strict=True)]


def clip_frame(dataset: DataSet, clip_id: int, frame: int) -> Face:
    """The face of this frame of a clip, or of the nearest one before it, else after; NotFound for none."""
    faces = Face.objects.filter(dataset=dataset, clip_id=clip_id, frame__isnull=False)
    found = faces.filter(frame__lte=frame).order_by("-frame", "position").first()
    found = found or faces.order_by("frame", "position").first()
    if found is None:
        raise NotFound(_("There is no such clip in this data set."))
    return found
