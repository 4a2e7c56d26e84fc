"""Small stored faces whose AUs are bright bars, so that a detector learns them in seconds."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from numpy.typing import NDArray
from PIL import Image

from annotator.choices import FaceRole, LayerKind
from annotator.models import DataSet, Face, Job, Subject
from tests.factories import faces_make, layer_make

AUS = (12, 25)
QUICK = {
    "network.input_size": 32,
    "network.width": 8,
    "network.features": 16,
    "training.epochs": 3,
    "training.batch": 8,
    "training.precision": "float32",
    "folds": 2,
}
REFERENCE = {"proposals": False, "weak": False}


def bars(truth: Sequence[bool], seed: int) -> bytes:
    """A noisy 32-pixel picture with a bar for each AU that is present."""
    pixels = np.random.default_rng(seed).integers(60, 110, (32, 32, 3), dtype=np.uint8)
    for au, present in enumerate(truth):
        if present:
            pixels[4 + 14 * au : 12 + 14 * au, 6:26] = 220
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def faces_drawn(dataset: DataSet, truth: NDArray[Any], **fields: Any) -> list[Face]:
    """A stored face for each row of `truth` (N, 2), four to a subject."""
    faces = faces_make(dataset, len(truth), **fields)
    people = [
        Subject.objects.create(dataset=dataset, pseudonym=f"{faces[0].position}-{number}")
        for number in range(-(-len(truth) // 4))
    ]
    for number, (face, row) in enumerate(zip(faces, truth, strict=True)):
        default_storage.save(face.picture_name, ContentFile(bars(row, face.position)))
        face.subject = people[number // 4]
    Face.objects.bulk_update(faces, ["subject"])
    return faces


def world_make(dataset: DataSet, *, coded: int = 32, others: int = 6, tests: int = 8, seed: int = 5) -> list[Face]:
    """Coded faces, faces without codes and test faces, in this order, with a reference layer."""
    truth = np.random.default_rng(seed).random((coded + others + tests, len(AUS))) < 0.5
    faces = faces_drawn(dataset, truth[: coded + others])
    faces += faces_drawn(dataset, truth[coded + others :], role=FaceRole.TEST)
    with_codes = [*range(coded), *range(coded + others, len(faces))]
    layer_make(dataset, LayerKind.REFERENCE, [faces[row] for row in with_codes], truth[with_codes].astype(int), AUS)
    return faces


def text_of(job: Job) -> str:
    """What a test says when the job didn't end well."""
    return f"{job.state}: {job.error}\n{job.log}"
