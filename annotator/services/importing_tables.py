"""Label tables on their way in: found in archives, unpacked under names made here, opened, taken away."""

import codecs
import uuid
import zipfile
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from annotator.errors import InputRefused
from annotator.formats.tables import Table, TableRefused, table_open
from annotator.pictures.archives import Archive, SourceLimits
from annotator.pictures.errors import SourceRefused

TABLE_SUFFIXES = (".csv", ".tsv", ".txt")
TABLE_LIMIT_BYTES = 4 * 2**30
_CHUNK = 1 << 20
_SNIFFED = 8_192


def upload_path(suffix: str) -> Path:
    """A new path in the folder of uploads, whose name nobody outside chose."""
    folder = Path(settings.UPLOADS)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / f"{uuid.uuid4().hex}{suffix}"


def is_archive(path: Path | str) -> bool:
    """Whether the file begins as ZIP files do; its name is not asked."""
    try:
        with Path(path).open("rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError as error:
        raise InputRefused(_("%(file)s can't be read: %(why)s.") % _said(path, error)) from None


def archive_tables(path: Path | str) -> list[str]:
    """The names of the label tables in a ZIP file. Raises InputRefused for one not to be trusted."""
    try:
        archive = Archive(Path(path), SourceLimits())
    except SourceRefused as error:
        raise InputRefused(_("The archive was refused: %(why)s.") % {"why": error}) from None
    names = archive.names()
    archive.close()
    tables = [name for name in names if name.lower().endswith(TABLE_SUFFIXES) and not _is_hidden(name)]
    csvs = [name for name in tables if name.lower().endswith(".csv")]
    return csvs or tables


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def archive_table_unpack(path: Path | str, name: str) -> Path:
    """Unpack one table of a ZIP file into the folder of uploads, and return where it lies."""
    if name not in archive_tables(path):
        raise InputRefused(_("There is no table “%(name)s” in the archive.") % {"name": name})
    target = upload_path(".csv")
    try:
        with zipfile.ZipFile(path) as archive:
            entry = next(e for e in archive.infolist() if e.filename.replace("\\", "/") == name)
            with archive.open(entry) as source, target.open("xb") as file:
                size = 0
                while chunk := source.read(_CHUNK):
                    # The directory's own word about the size is not what bounds it.
                    size += len(chunk)
                    if size > TABLE_LIMIT_BYTES:
                        raise InputRefused(_("The table in the archive is larger than 4 GB."))
                    file.write(chunk)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, EOFError, RuntimeError) as error:
        target.unlink(missing_ok=True)
        raise InputRefused(_("The table in the archive is damaged: %(why)s.") % {"why": error}) from None
    except InputRefused:
        target.unlink(missing_ok=True)
        raise
    return target


def table_read(path: Path | str) -> Table:
    """The opened table. Raises InputRefused, in the reader's words, for one that can't be read."""
    try:
        if _is_binary(Path(path)):
            raise InputRefused(_("The label file is no table of text: save it as CSV."))
        return table_open(path)
    except TableRefused as error:
        raise InputRefused(_("The label file can't be read: %(why)s.") % {"why": error}) from None
    except OSError as error:
        raise InputRefused(_("%(file)s can't be read: %(why)s.") % _said(path, error)) from None


def _is_binary(path: Path) -> bool:
    """Whether the file holds NUL bytes early on, as pictures and office files do and texts don't."""
    with path.open("rb") as file:
        start = file.read(_SNIFFED)
    return b"\0" in start and not start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def uploads_remove(paths: Sequence[str]) -> None:
    """Delete these files where they are uploads or unpacked here; anything else is left alone."""
    folder = Path(settings.UPLOADS).resolve()
    for path in map(Path, paths):
        if path.name and path.resolve().parent == folder:
            path.unlink(missing_ok=True)


def _said(path: Path | str, error: OSError) -> dict[str, str]:
    return {"file": Path(path).name, "why": error.strerror or str(error)}
