"""Where an import's pictures come from: archives and folders, searched by the name in a label row."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

from annotator.formats.cells import cell_quote
from annotator.pictures.archives import Archive, SourceLimits
from annotator.pictures.errors import PictureAmbiguous, PictureMissing, PictureProblem, SourceRefused
from annotator.pictures.folders import Folder

__all__ = ["PictureAmbiguous", "PictureMatch", "PictureMissing", "PictureProblem", "PictureSource",
           "SourceLimits", "SourceRefused"]

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})


@dataclass(frozen=True, slots=True)
class PictureMatch:
    """The picture that a row means. `whole` is False where the paths of row and picture disagree above
    the ending they share: two rows may then land on one picture, and the `whole` one is right."""

    name: str
    whole: bool


class PictureSource:
    """The pictures of an import, from ZIP archives and folders in any mix.

    Raises SourceRefused when one of them cannot be trusted or read, or when there is no picture in
    any. Use it in a `with` block, or call `close`.
    """

    def __init__(self, paths: Iterable[Path | str], limits: SourceLimits | None = None) -> None:
        limits = limits or SourceLimits()
        self._roots: list[tuple[str, Archive | Folder]] = []
        self._places: dict[str, tuple[Archive | Folder, str]] = {}
        self._by_end: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] | None = None
        self._ignored = 0
        try:
            for path in map(Path, paths):
                self._root_add(path, limits)
        except SourceRefused:
            self.close()
            raise
        several = len(self._roots) > 1
        for label, root in self._roots:
            self._names_add(f"{label}/" if several else "", root)
        if len(self._places) > limits.entries:
            self.close()
            raise SourceRefused(f"there are more than {limits.entries:,} pictures")
        if not self._places:
            self.close()
            labels = ", ".join(label for label, _ in self._roots) or "an empty list of folders"
            raise SourceRefused(f"there is no picture in {labels}{self._archives_hint()}")

    def __enter__(self) -> PictureSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._places)

    @property
    def ignored(self) -> int:
        """How many files were left aside: hidden ones, and those whose names are not of pictures."""
        return self._ignored

    def names(self) -> Iterator[str]:
        """All pictures; where there are several roots each name begins with its root's label."""
        return iter(self._places)

    def find(self, image: str) -> str:
        """The picture that a cell means, see `match`; PictureMissing or PictureAmbiguous if not just one."""
        return self.match(image).name

    def match(self, image: str) -> PictureMatch:
        """The picture whose path shares the longest ending with the cell, if only one does.

        A cell may be a name, a relative or absolute path with either slash, or an address, of which
        only the path is looked at: nothing is ever fetched. Letter case counts only where it decides.
        A cell without an ending such as .jpg also finds the picture of that name with one.
        """
        parts = cell_parts(image)
        if not parts:
            raise PictureMissing(f"{cell_quote(image, 80)} names no picture")
        names = self._by_end.get(_folded(parts[-1]), [])
        if not names and Path(parts[-1]).suffix.lower() not in PICTURE_SUFFIXES:
            names = self._stems().get(_folded(parts[-1]), [])
        if not names:
            raise PictureMissing(f"there is no picture {cell_quote(image, 80)} in what was given")
        ranked = sorted(((_shared(parts, self._parts_of(name)), name) for name in names), reverse=True)
        best = [name for shared, name in ranked if shared == ranked[0][0]]
        if len(best) > 1:
            shown = ", ".join(cell_quote(name, 80) for name in sorted(best)[:3])
            raise PictureAmbiguous(
                f"{cell_quote(image, 80)} fits {len(best)} pictures equally well ({shown}): give more of the path"
            )
        depth = min(len(parts), len(self._parts_of(best[0])))
        return PictureMatch(best[0], whole=ranked[0][0].length == depth)

    def read(self, name: str) -> bytes:
        """The bytes of a picture that `names` or `find` gave; PictureProblem where they cannot be had."""
        try:
            root, inner = self._places[name]
        except KeyError:
            raise PictureMissing(f"there is no picture {cell_quote(name, 80)}") from None
        return root.read(inner)

    def close(self) -> None:
        """Close the archives."""
        for _, root in self._roots:
            root.close()

    def _root_add(self, path: Path, limits: SourceLimits) -> None:
        root = Folder(path, limits) if path.is_dir() else None
        if root is None and not path.is_file():
            raise SourceRefused(f"there is no file or folder {cell_quote(path.name, 80)}")
        label, taken, count = path.name or "pictures", {label for label, _ in self._roots}, 2
        while label in taken:
            label, count = f"{path.name or 'pictures'} ({count})", count + 1
        self._roots.append((label, root or Archive(path, limits)))

    def _names_add(self, prefix: str, root: Archive | Folder) -> None:
        for inner in root.names():
            parts = inner.split("/")
            hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts if part != ".")
            if hidden or Path(parts[-1]).suffix.lower() not in PICTURE_SUFFIXES:
                self._ignored += 1
                continue
            name = prefix + inner
            self._places[name] = (root, inner)
            self._by_end.setdefault(_folded(parts[-1]), []).append(name)

    def _parts_of(self, name: str) -> list[str]:
        return _path_parts(self._places[name][1])

    def _stems(self) -> dict[str, list[str]]:
        if self._by_stem is None:
            self._by_stem = {}
            for end, names in self._by_end.items():
                self._by_stem.setdefault(end.rpartition(".")[0], []).extend(names)
        return self._by_stem

    def _archives_hint(self) -> str:
        archives = sum(name.lower().endswith(".zip") for _, root in self._roots for name in root.names())
        return f": {archives} ZIP files lie in it, name those themselves" if archives else ""


@dataclass(frozen=True, slots=True, order=True)
class _Ending:
    """How well two paths agree from their ends: parts in common, then how they are in common."""

    length: int
    same_case: int
    whole_name: bool


def _shared(wanted: list[str], have: list[str]) -> _Ending:
    """The ending that two paths share. The last parts are known to agree but for case or suffix."""
    length = 1
    for a, b in zip(reversed(wanted[:-1]), reversed(have[:-1]), strict=False):
        if _folded(a) != _folded(b):
            break
        length += 1
    same = sum(_plain(a) == _plain(b) for a, b in zip(wanted[-length:], have[-length:], strict=True))
    return _Ending(length, same, len(wanted) == len(have) == length)


def cell_parts(image: str) -> list[str]:
    """The path parts of an image cell: quotes, drive letters, addresses' hosts and queries taken off."""
    image = image.strip().strip("'\"").strip()
    if re.match(r"[a-z][a-z0-9+.\-]+://", image, re.IGNORECASE):
        try:
            image = unquote(urlsplit(image).path)
        except ValueError:
            return []
    elif re.match(r"[a-z]:[\\/]", image, re.IGNORECASE):
        image = image[2:]
    return _path_parts(image)


def _path_parts(path: str) -> list[str]:
    return [part for part in re.split(r"[\\/]+", path) if part not in ("", ".", "..")]


def _plain(part: str) -> str:
    # Archives made on a Mac write é as e and an accent; tables mostly don't.
    return unicodedata.normalize("NFC", part)


def _folded(part: str) -> str:
    return _plain(part).casefold()
