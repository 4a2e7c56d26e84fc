"""The folder storage behind `STORAGE_URL`'s default: private files, written whole or not at all."""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage


class FolderStorage(FileSystemStorage):
    """Files under one folder, readable by this user only, replaced by renaming."""

    def __init__(self, location: str | os.PathLike[str] | None = None, **options: Any) -> None:
        super().__init__(
            location=location,
            allow_overwrite=True,
            file_permissions_mode=0o600,
            directory_permissions_mode=0o700,
            **options,
        )

    def _save(self, name: str, content: File) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return name
