"""Folders of pictures, read without ever leaving them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from annotator.pictures.archives import SourceLimits
from annotator.pictures.errors import PictureProblem, SourceRefused


class Folder:
    """The files under a folder. Links to folders are not followed, links to files only within it.

    Raises SourceRefused for a folder that cannot be read or holds too many files.
    """

    def __init__(self, path: Path, limits: SourceLimits) -> None:
        try:
            self.path = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise SourceRefused(f"the folder {path.name} cannot be read: {error}") from None
        self.limits = limits
        self._names = self._walk()

    def names(self) -> list[str]:
        """Paths of all files below the folder, with forward slashes, sorted."""
        return list(self._names)

    def read(self, name: str) -> bytes:
        """The bytes of one file; PictureProblem if it is too large, no plain file, or leads outside."""
        try:
            path = (self.path / name).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            raise PictureProblem("the picture is no longer there") from None
        if not path.is_relative_to(self.path):
            raise PictureProblem("the picture is a link that leads out of its folder")
        try:
            # Not blocking, so that a pipe put in the picture's place cannot hold the import up.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise PictureProblem(f"the picture cannot be read: {error.strerror}") from None
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise PictureProblem("the picture is not a plain file")
            data = file.read(self.limits.entry_bytes + 1)
        if len(data) > self.limits.entry_bytes:
            raise PictureProblem(f"the picture has more than {self.limits.entry_bytes:,} bytes")
        return data

    def close(self) -> None:
        """Nothing is held open between reads."""

    def _walk(self) -> list[str]:
        names = []
        for folder, _, files in os.walk(self.path, followlinks=False):
            for file in files:
                path = Path(folder, file)
                if path.is_symlink() and not self._leads_inside(path):
                    continue
                names.append(path.relative_to(self.path).as_posix())
            if len(names) > self.limits.entries:
                raise SourceRefused(f"{self.path.name} has more than {self.limits.entries:,} files")
        return sorted(names)

    def _leads_inside(self, link: Path) -> bool:
        try:
            return link.resolve(strict=True).is_relative_to(self.path)
        except (OSError, RuntimeError):
            return False
