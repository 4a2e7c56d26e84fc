"""Pictures on their way in: which row each belongs to, and its copy without metadata in the storage."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from annotator.errors import CorrugatorError
from annotator.formats.cells import cell_quote
from annotator.models import Face, ImportBatch
from annotator.pictures.decoding import (
    picture_decode,
    picture_encode_lossless,
    picture_quality,
    thumbnail_encode,
)
from annotator.pictures.endings import cell_parts
from annotator.pictures.errors import PictureProblem
from annotator.pictures.sources import PictureSource

_NOBODY = 0


@dataclass(frozen=True, slots=True)
class PictureTaken:
    """What is kept in a face's row about its picture."""

    width: int
    height: int
    pixels_sha256: str
    sharpness: float
    brightness: float


class PictureClaims:
    """Which image name each picture belongs to, told from all rows before the first is imported.

    A row may name its picture by an ending of its path only, or by a path that disagrees above the
    ending; then several rows can land on one picture. The one that names it whole has it; of several
    that don't, none has, because nobody can tell which is right.
    """

    def __init__(self, source: PictureSource, images: Iterable[str]) -> None:
        self._source = source
        whole: dict[str, int] = {}
        partly: dict[str, int] = {}
        for image in images:
            try:
                match = source.match(image)
            except PictureProblem:
                continue
            claimant = _identity(image)
            if match.whole:
                whole.setdefault(match.name, claimant)
            elif partly.setdefault(match.name, claimant) != claimant:
                partly[match.name] = _NOBODY
        self._owners = partly | whole

    def picture_of(self, image: str) -> str:
        """The name of the picture in its source. Raises PictureProblem where there is none for this row."""
        name = self._source.match(image).name
        owner = self._owners.get(name, _NOBODY)
        if owner == _NOBODY:
            raise PictureProblem(
                _("several rows fit the picture %(picture)s, none with its whole path")
                % {"picture": cell_quote(name, 80)}
            )
        if owner != _identity(image):
            raise PictureProblem(
                _("%(image)s fits only the picture %(picture)s, which another row names")
                % {"image": cell_quote(image, 80), "picture": cell_quote(name, 80)}
            )
        return name


def _identity(image: str) -> int:
    """A number for what an image cell says, the same with and without quotes and blanks around it."""
    return hash("/".join(cell_parts(image)))


def face_key(batch: ImportBatch, image: str) -> uuid.UUID:
    """The key of the face that this batch makes of an image name: the same at every attempt, so that an
    import taken up again writes the same files; unguessable for want of the server's secret."""
    return uuid.UUID(bytes=salted_hmac("annotator.face", f"{batch.pk}/{image}").digest()[:16], version=4)


def picture_take(source: PictureSource, name: str, face: Face) -> PictureTaken:
    """Decode a picture and store its lossless copy and thumbnail under the face's names.

    Runs in threads: nothing here touches the database. Raises PictureProblem for a bad picture.
    """
    picture = picture_decode(source.read(name))
    sharpness, brightness = picture_quality(picture)
    for stored, data in (
        (face.picture_name, picture_encode_lossless(picture)),
        (face.thumbnail_name, thumbnail_encode(picture)),
    ):
        if default_storage.save(stored, ContentFile(data)) != stored:
            raise CorrugatorError(_("The storage of pictures renames files: it must be set to overwrite them."))
    return PictureTaken(picture.width, picture.height, picture.sha256, sharpness, brightness)


def pictures_remove(face: Face) -> None:
    """Take back the files of a face that was not made after all."""
    default_storage.delete(face.picture_name)
    default_storage.delete(face.thumbnail_name)
