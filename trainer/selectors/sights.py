"""What the detector's page shows of what the detector sees: pictures that its outputs want, the faces on a plane by
subject and by AU, and which parts of one face speak for an AU."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from PIL import Image

from annotator.choices import FaceRole, JobState
from annotator.errors import CorrugatorError, NotFound
from annotator.models import Detector, DetectorSight, Face, FaceAttribution, Job
from annotator.numbers import whole_number
from annotator.selectors.arrays import StoredArray, array_read, values_at
from annotator.selectors.faces import face_get
from annotator.selectors.scatter import dots, places_on_map

CODES = {-1: "unknown", 0: "absent", 1: "present"}
LETTERS = "ABCDEFGH"
"""Names of the coloured subjects in the picture."""
CALLED = 0.5
"""What else a network says to a picture is told from this score on."""
FULL = 0.995
"""Quantile of a map's strengths that is drawn at full strength."""
LEAST_REACH = 1e-6


@dataclass(frozen=True)
class Wanted:
    """The picture that one AU's output wants."""

    au: int
    score: float
    others: list[tuple[int, float]]
    """Other AUs that the network calls in the same picture, with their scores, highest first."""


@dataclass(frozen=True)
class SubjectDots:
    """One subject of the picture by subject: where its letter stands."""

    letter: str
    kind: str
    pseudonym: str
    x: float
    y: float


@dataclass(frozen=True)
class SightPlanes:
    """The same plane twice; paths are (kind, SVG path data)."""

    method: str
    faces: int
    shown: int
    by_au: list[tuple[str, str]]
    counts: dict[str, int]
    """Faces drawn by kind of code."""
    by_subject: list[tuple[str, str]]
    subjects: list[SubjectDots]


@dataclass(frozen=True)
class SightShown:
    """All of the section but the one face; `sight` is None before it was made for the first time."""

    sight: DetectorSight | None
    job: Job | None
    """The job that makes it, or the last one where it ended without."""
    wanted: list[Wanted]
    planes: SightPlanes | None

    @property
    def ratio(self) -> float | None:
        """How many times the divergence of chance the subjects' is."""
        told = self.sight.divergence if self.sight else {}
        return told["mean"] / told["chance"] if told.get("chance") else None


def sight_shown(detector: Detector, au: int) -> SightShown:
    """The section as it stands, faces coloured by the codes of this AU that the detector was trained on."""
    found = DetectorSight.objects.filter(detector=detector)
    sight = found.select_related("feature_set", "projection__coordinates", "job").first()
    job = _job_shown(Job.objects.filter(kind="sight", target=f"sight:{detector.pk}"), detector)
    wanted = _wanted(sight, detector.aus) if sight else []
    return SightShown(sight, job, wanted, _planes(sight, detector, au) if sight else None)


def _job_shown(jobs: Any, detector: Detector) -> Job | None:
    job: Job | None = jobs.filter(dataset=detector.dataset).order_by("-pk").defer("log", "curves").first()
    return None if job is None or job.state == JobState.DONE else job


def _wanted(sight: DetectorSight, aus: Sequence[int]) -> list[Wanted]:
    wanted = []
    for place, (au, line) in enumerate(zip(aus, sight.scores, strict=True)):
        others = [(other, score) for at, (other, score) in enumerate(zip(aus, line, strict=True)) if at != place]
        called = sorted((one for one in others if one[1] >= CALLED), key=lambda one: -one[1])
        wanted.append(Wanted(au, line[place], called))
    return wanted


def _planes(sight: DetectorSight, detector: Detector, au: int) -> SightPlanes | None:
    """None where the plane or the codes can't be read, or all its faces have gone."""
    if sight.projection is None:
        return None
    try:
        coordinates = array_read(sight.projection.coordinates)
        codes = array_read(detector.snapshot.codes)[:, detector.aus.index(au)]
    except (CorrugatorError, OSError, ValueError):
        return None
    faces = _faces_there(sight, coordinates)
    sample = np.array([one for one in sight.drawn["sample"] if one in faces], np.int64)
    if not len(sample):
        return None
    people = np.array([one for one in sight.drawn["subjects"] if faces.get(one)], np.int64)
    places = places_on_map(np.asarray(coordinates[np.concatenate([sample, people])], np.float64))
    known = np.asarray(values_at(codes, sample, -1))
    here = places[: len(sample)]
    subjects, which = _subjects(people, places[len(sample) :], faces)
    kinds = {place: one.kind for place, one in enumerate(subjects)}
    others = dots(here, np.zeros(len(here), np.int8), {0: "unknown"})
    return SightPlanes(
        method=sight.projection.get_method_display(),
        faces=int(sight.projection.configuration.get("faces", len(sample))),
        shown=len(sample),
        by_au=dots(here, known, CODES),
        counts={kind: int((known == code).sum()) for code, kind in CODES.items()},
        by_subject=others + dots(places[len(sample) :], which, kinds),
        subjects=subjects,
    )


def _faces_there(sight: DetectorSight, coordinates: NDArray[Any]) -> dict[int, str]:
    """The faces to draw that are there, have a place and are no test faces now: pseudonyms by position, empty for
    a face without subject."""
    asked = sorted({*sight.drawn["sample"], *sight.drawn["subjects"]})
    rows = Face.objects.filter(dataset_id=sight.dataset_id, position__among=asked).exclude(role=FaceRole.TEST)
    found = dict(rows.values_list("position", "subject__pseudonym"))
    return {
        position: name or ""
        for position, name in found.items()
        if position < len(coordinates) and np.isfinite(coordinates[position]).all()
    }


def _subjects(
    positions: NDArray[np.int64], places: NDArray[np.float64], faces: dict[int, str]
) -> tuple[list[SubjectDots], NDArray[np.int64]]:
    """The coloured subjects in the order of their first face, and (N,) which of them each face is."""
    names = [faces[int(position)] for position in positions]
    order = list(dict.fromkeys(names))[: len(LETTERS)]
    which = np.array([order.index(name) if name in order else -1 for name in names], np.int64)
    shown = []
    for place, name in enumerate(order):
        x, y = np.median(places[which == place], axis=0)
        shown.append(SubjectDots(LETTERS[place], f"subject-{place + 1}", name, round(float(x)), round(float(y))))
    return shown, which


@dataclass(frozen=True)
class FaceSeen:
    """One face as the detector sees it."""

    face: Face
    attribution: FaceAttribution | None
    job: Job | None
    scores: list[tuple[int, float]]
    """(AU, probability by the finished network), where the attribution is there."""
    score: float
    """That of the AU looked at."""
    learned: bool
    """Whether the detector learned from a code of this face."""


def face_asked(detector: Detector, number: str) -> Face | None:
    """The face whose number was asked for; None where none was. Raises NotFound for one that is not there."""
    if not number.strip():
        return None
    position = whole_number(number.strip())
    if position is None:
        raise NotFound(_("A face is asked for by its number, such as 12."))
    return face_get(detector.dataset, position)


def face_seen(detector: Detector, face: Face, au: int) -> FaceSeen:
    """What is known of the face through this detector's eyes."""
    attribution = FaceAttribution.objects.filter(detector=detector, face=face).first()
    target = f"attribution:{detector.pk}:{face.position}"
    pairs = attribution.logits if attribution else []
    scores = [(one, float(1 / (1 + np.exp(-pair[0])))) for one, pair in zip(detector.aus, pairs, strict=False)]
    return FaceSeen(
        face=face,
        attribution=attribution,
        job=_job_shown(Job.objects.filter(kind="attribution", target=target), detector),
        scores=scores,
        score=dict(scores).get(au, 0.0),
        learned=_learned(detector, face.position),
    )


def _learned(detector: Detector, position: int) -> bool:
    try:
        codes = array_read(detector.snapshot.codes)
    except (CorrugatorError, OSError, ValueError):
        return False
    return position < len(codes) and bool((codes[position] >= 0).any())


def attribution_for(detector: Detector, position: int) -> FaceAttribution:
    """Raises NotFound where the face is not there or nobody has asked for it."""
    face = face_get(detector.dataset, position)
    found = FaceAttribution.objects.filter(detector=detector, face=face).select_related("face").first()
    if found is None:
        raise NotFound(_("Nobody has asked yet what speaks for the AUs of this face."))
    return found


def sight_for(detector: Detector) -> DetectorSight:
    """Raises NotFound where it was not made yet."""
    found = DetectorSight.objects.filter(detector=detector).first()
    if found is None:
        raise NotFound(_("What this detector sees has not been made yet."))
    return found


def sight_described(detector: Detector) -> dict[str, Any]:
    """What the detector sees as the REST API tells it, addresses apart."""
    sight = sight_for(detector)
    wanted = [
        {"au": au, "scores": dict(zip(map(str, detector.aus), line, strict=True))}
        for au, line in zip(detector.aus, sight.scores, strict=True)
    ]
    return {
        "detector": detector.pk,
        "feature_set": sight.feature_set_id,
        "projection": sight.projection_id,
        "divergence": sight.divergence or None,
        "wanted": wanted,
        "configuration": sight.configuration,
        "seed": sight.seed,
        "revision": sight.revision,
        "created_at": sight.created_at,
    }


def attribution_described(detector: Detector, position: int) -> dict[str, Any]:
    """The attribution as the REST API tells it, addresses apart."""
    found = attribution_for(detector, position)
    return {
        "detector": detector.pk,
        "face": position,
        "revision": found.revision,
        "created_at": found.created_at,
        "aus": [
            {"au": au, "logit": logit, "empty_logit": empty}
            for au, (logit, empty) in zip(detector.aus, found.logits, strict=True)
        ],
    }


def place_of(detector: Detector, au: int) -> int:
    """The AU's place among the detector's. Raises NotFound for one that it doesn't know."""
    if au not in detector.aus:
        raise NotFound(_("The detector doesn't know AU%(au)d.") % {"au": au})
    return int(detector.aus.index(au))


def sight_png(detector: Detector, au: int) -> bytes:
    """The picture that the AU's output wants."""
    sight = sight_for(detector)
    pictures = array_read(StoredArray(sight.pictures_name, sight.pictures_sha256), check=True)
    return _png(np.asarray(pictures[place_of(detector, au)]))


def attribution_png(detector: Detector, position: int, au: int, *, against: bool) -> bytes:
    """How strongly each place of the face speaks for the AU, or against it: grey, white at full strength. Both
    have one scale, so they can be laid over each other."""
    found = attribution_for(detector, position)
    maps = array_read(StoredArray(found.maps_name, found.maps_sha256), check=True)
    told = np.asarray(maps[place_of(detector, au)], np.float32)
    reach = max(float(np.quantile(np.abs(told), FULL)), LEAST_REACH)
    strength = np.clip((-told if against else told) / reach, 0, 1)
    return _png(np.rint(255 * strength).astype(np.uint8))


def _png(values: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()
