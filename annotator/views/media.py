"""Pictures and thumbnails, for members only, under names that nobody can guess."""

import re

from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotator.errors import NotFound
from annotator.models import Face
from annotator.pictures.decoding import LOSSLESS_MIME, THUMBNAIL_MIME
from annotator.selectors.access import dataset_for

_KEY = re.compile(r"[0-9a-f]{32}", re.ASCII)
# A key belongs to one picture for ever; it is asked for again each hour all the same, so that what a
# withdrawn subject left in caches goes soon.
CACHE = "private, max-age=3600"


@login_required
@require_safe
def face_picture(request: HttpRequest, dataset_id: int, key: str) -> FileResponse:
    return _served(_face_for(request, dataset_id, key).picture_name, LOSSLESS_MIME)


@login_required
@require_safe
def face_thumbnail(request: HttpRequest, dataset_id: int, key: str) -> FileResponse:
    return _served(_face_for(request, dataset_id, key).thumbnail_name, THUMBNAIL_MIME)


def _face_for(request: HttpRequest, dataset_id: int, key: str) -> Face:
    """The face of this key in this data set, for its members; NotFound for all else."""
    dataset = dataset_for(request.user, dataset_id)
    face = None
    if _KEY.fullmatch(key):
        face = Face.objects.filter(dataset=dataset, key=key).only("key", "dataset_id").first()
    if face is None:
        raise NotFound(_("There is no such picture."))
    return face


def _served(name: str, kind: str) -> FileResponse:
    """The stored file as the one type that we write, whatever anybody called it."""
    try:
        file = default_storage.open(name)
    except FileNotFoundError:
        raise NotFound(_("This picture is not in the storage.")) from None
    response = FileResponse(file, content_type=kind)
    response.headers["Content-Disposition"] = "inline"
    picture_headers(response, CACHE)
    return response


def picture_headers(response: HttpResponseBase, cache: str) -> None:
    """What every answer with somebody's face says: of this one type, for these pages alone, kept so long."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = cache
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
