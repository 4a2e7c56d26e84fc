"""Folders on the server from which admins may import: what lies in them, and nothing outside them."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from annotator.errors import InputRefused
from annotator.services.importing_tables import TABLE_SUFFIXES

MOST_NAMED = 12


@dataclass(frozen=True)
class ServerFiles:
    """A label file and the places of its pictures, all inside one of the configured folders."""

    labels: Path
    pictures: list[Path]


def server_folders() -> list[Path]:
    """The folders an operator named in CORRUGATOR_IMPORT_FOLDERS."""
    return [Path(folder) for folder in settings.IMPORT_FOLDERS]


def server_files_find(*, root: Path, inner: str = "", labels: str = "") -> ServerFiles:
    """The label file `labels` and the pictures of the folder `inner` below `root`.

    Without a name the folder's only label file is taken. ZIP files that lie in the folder are sources of
    pictures as well. Raises InputRefused for paths that lead out of `root`, by dots or by links.
    """
    if root not in server_folders():
        raise InputRefused(_("That folder is not among those that may be imported from."))
    folder = _inside(root, root, inner)
    if not folder.is_dir():
        raise InputRefused(_("There is no folder “%s” there.") % inner)
    table = _inside(root, folder, labels) if labels else _only_table(root, folder)
    if not table.is_file():
        raise InputRefused(_("There is no label file “%s” there.") % labels)
    archives = [path for path in sorted(folder.glob("*.zip")) if _is_inside(root, path)]
    return ServerFiles(table, [folder, *archives])


def _inside(root: Path, folder: Path, inner: str) -> Path:
    try:
        path = (folder / inner.strip().lstrip("/\\")).resolve()
    except (OSError, RuntimeError, ValueError):
        raise InputRefused(_("“%s” is no path.") % inner) from None
    if not path.is_relative_to(root.resolve()):
        raise InputRefused(_("“%s” leads out of the folder.") % inner)
    return path


def _is_inside(root: Path, path: Path) -> bool:
    return path.is_file() and path.resolve().is_relative_to(root.resolve())


def _only_table(root: Path, folder: Path) -> Path:
    tables = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in TABLE_SUFFIXES and _is_inside(root, p)]
    csvs = [path for path in tables if path.suffix.lower() == ".csv"] or tables
    if not csvs:
        raise InputRefused(_("There is no label file (.csv) in that folder: name the one to import."))
    if len(csvs) > 1:
        named = ", ".join(path.name for path in csvs[:MOST_NAMED])
        raise InputRefused(_("There are several label files in that folder: %s. Name one of them.") % named)
    return csvs[0].resolve()
