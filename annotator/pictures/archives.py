"""ZIP archives opened with distrust: every claim of the directory is bounded before it is believed."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from annotator.formats.cells import cell_quote
from annotator.pictures.errors import PictureProblem, SourceRefused

_END, _END64_LOCATOR, _END64, _ENTRY = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06", b"PK\x01\x02"
_END_SIZE, _COMMENT_MAX = 22, 65_535
_END64_BOTH = 20 + 56  # the zip64 locator and the record it points to
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """What an archive or folder may hold at most."""

    entries: int = 2_000_000
    entry_bytes: int = 200 * 2**20  # of one picture, unpacked
    total_bytes: int = 2**40  # of all entries, unpacked
    ratio: int = 100  # unpacked to packed, for entries above ratio_floor
    ratio_floor: int = 2**20
    directory_bytes: int = 512 * 2**20


class Archive:
    """A ZIP archive whose directory has passed the checks; entries are read with a hard limit.

    Raises SourceRefused for a file that is not a ZIP, is damaged, has too many entries, or holds an
    entry that is encrypted, a link, packed beyond belief or named to leave the archive.
    """

    def __init__(self, path: Path, limits: SourceLimits) -> None:
        self.path, self.limits = path, limits
        directory_check(path, limits)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise SourceRefused(f"{path.name} cannot be read as a ZIP archive: {error}") from None
        try:
            self._entries = dict(self._checked())
        except SourceRefused:
            self._zip.close()
            raise

    def names(self) -> list[str]:
        """The names of all files in it, in the archive's order."""
        return list(self._entries)

    def read(self, name: str) -> bytes:
        """The bytes of one entry; PictureProblem if they are damaged or more than the limit."""
        limit = self.limits.entry_bytes
        parts, size = [], 0
        try:
            with self._zip.open(self._entries[name]) as file:
                while chunk := file.read(_CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise PictureProblem(f"the picture unpacks to more than {limit:,} bytes")
                    parts.append(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, struct.error) as error:
            raise PictureProblem(f"the picture is damaged inside {self.path.name}: {error}") from None
        return b"".join(parts)

    def close(self) -> None:
        self._zip.close()

    def _checked(self) -> Iterator[tuple[str, zipfile.ZipInfo]]:
        entries = self._zip.infolist()
        if len(entries) > self.limits.entries:
            raise SourceRefused(f"{self.path.name} has more than {self.limits.entries:,} entries")
        if sum(entry.file_size for entry in entries) > self.limits.total_bytes:
            raise SourceRefused(f"{self.path.name} unpacks to more than {self.limits.total_bytes:,} bytes")
        seen = set()
        for entry in entries:
            fault = _entry_fault(entry, self.limits)
            if fault:
                raise SourceRefused(f"{self.path.name}: the entry {cell_quote(entry.filename, 80)} {fault}")
            if entry.is_dir():
                continue
            name = entry.filename.replace("\\", "/")
            if name in seen:
                raise SourceRefused(f"{self.path.name}: the entry {cell_quote(name, 80)} is in it twice")
            seen.add(name)
            yield name, entry


def _entry_fault(entry: zipfile.ZipInfo, limits: SourceLimits) -> str:
    """Why an entry makes its archive untrustworthy; '' if it does not."""
    name = entry.filename.replace("\\", "/")
    if name.startswith("/") or name[1:2] == ":":
        return "has an absolute path"
    if ".." in PurePosixPath(name).parts:
        return "has a path that leads out of the archive"
    if not name or any(not c.isprintable() for c in name):
        return "has a name with control characters"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a symbolic link"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in _METHODS and not entry.is_dir():
        return "is packed by a method other than deflate"
    if entry.file_size > limits.ratio_floor and entry.file_size > limits.ratio * max(entry.compress_size, 1):
        return f"unpacks to more than {limits.ratio} times its packed size"
    return ""


def directory_check(path: Path, limits: SourceLimits) -> None:
    """Count the entries of the central directory before zipfile builds an object for each.

    The count that the archive states is not used: it can lie, and zipfile doesn't look at it.
    """
    try:
        with path.open("rb") as file:
            start, length = _directory_place(file)
            if length > limits.directory_bytes:
                raise SourceRefused(f"{path.name} has a directory of {length:,} bytes, which is too large")
            if length < 46 * limits.entries:
                return  # an entry takes at least 46 bytes, so there cannot be too many
            file.seek(start)
            directory = file.read(length)
    except OSError as error:
        raise SourceRefused(f"{path.name} cannot be read: {error.strerror}") from None
    except (LookupError, ValueError, struct.error) as error:
        if isinstance(error, SourceRefused):
            raise
        raise SourceRefused(f"{path.name} is not a ZIP archive, or only a part of one") from None
    count = place = 0
    while directory[place : place + 4] == _ENTRY and place + 46 <= length:
        place += 46 + sum(struct.unpack_from("<HHH", directory, place + 28))
        count += 1
        if count > limits.entries:
            raise SourceRefused(f"{path.name} has more than {limits.entries:,} entries")


def _directory_place(file: BinaryIO) -> tuple[int, int]:
    """(start, length) of the central directory, found as zipfile finds it; LookupError without one."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_SIZE - _COMMENT_MAX - _END64_BOTH))
    tail = file.read()
    if tail[-_END_SIZE : -_END_SIZE + 4] == _END and tail.endswith(b"\0\0"):
        place = len(tail) - _END_SIZE
    else:
        place = tail.rindex(_END)
    (length,) = struct.unpack_from("<L", tail, place + 12)
    end = size - len(tail) + place
    if place >= _END64_BOTH and tail[place - 20 : place - 16] == _END64_LOCATOR:
        record = place - _END64_BOTH
        if tail[record : record + 4] == _END64:
            (length,) = struct.unpack_from("<Q", tail, record + 40)
            end -= _END64_BOTH
    if length > end:
        raise LookupError
    return end - length, length
