"""Uploads of any size: streamed to the folder of uploads under names made here, within a limit."""

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest
from django.utils.translation import gettext as _

from annotator.errors import InputRefused
from annotator.services.importing_tables import is_archive, upload_path, uploads_remove

_OVERHEAD = 1 << 20  # of the form's other fields and the parts' headers


@dataclass(frozen=True)
class Upload:
    """One file that came in: where it lies, and the name that the user's file had."""

    path: Path
    name: str

    @property
    def is_archive(self) -> bool:
        return is_archive(self.path)


class StreamHandler(FileUploadHandler):
    """Writes each file of a request straight into the folder of uploads."""

    chunk_size = 1 << 20

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.uploads: list[Upload] = []
        self.kept = False
        """Set once the files belong to an import."""
        self._file: IO[bytes] | None = None

    def new_file(self, *args: Any, **options: Any) -> None:
        super().new_file(*args, **options)
        path = upload_path(".upload")
        self._file = path.open("xb")
        self.uploads.append(Upload(path, Path(self.file_name or "").name[-255:]))

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self._file is not None
        self._file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        assert self._file is not None
        self._file.close()
        return UploadedFile(name=self.uploads[-1].name, size=file_size)

    def upload_interrupted(self) -> None:
        if self._file is not None:
            self._file.close()

    def discard_unless_kept(self) -> None:
        """Delete everything that this request brought, if nothing came of it."""
        if not self.kept:
            uploads_remove([str(upload.path) for upload in self.uploads])


def uploads_stream(request: HttpRequest) -> StreamHandler:
    """Make this request's files stream to the folder of uploads; call it before anything reads the form.

    Raises InputRefused for a request that is too large, before a byte of it is stored.
    """
    size = int(request.META.get("CONTENT_LENGTH") or 0)
    if size > settings.UPLOAD_LIMIT_BYTES + _OVERHEAD:
        raise InputRefused(
            _(
                "These files are %(size).1f GB together; an upload may have %(limit).1f GB. Import larger ones "
                "from a folder on the server, or with manage.py import_dataset."
            )
            % {"size": size / 2**30, "limit": settings.UPLOAD_LIMIT_BYTES / 2**30}
        )
    handler = StreamHandler(request)
    request.upload_handlers = [handler]
    return handler
