"""Where an import's pictures come from: archives and folders, searched by the name in a label row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType

from annotator.formats.cells import cell_quote
from annotator.pictures.archives import Archive, SourceLimits
from annotator.pictures.endings import EndIndex, cell_parts, part_plain, path_parts
from annotator.pictures.errors import PictureAmbiguous, PictureMissing, PictureProblem, SourceRefused
from annotator.pictures.folders import Folder

__all__ = [
    "PictureAmbiguous",
    "PictureMatch",
    "PictureMissing",
    "PictureProblem",
    "PictureSource",
    "SourceLimits",
    "SourceRefused",
]

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
_NAME_SHOWN = 80
_COMPARED = 1000  # pictures with the same ending that are compared further


@dataclass(frozen=True, slots=True)
class PictureMatch:
    """The picture that a row means.

    `whole` is False where the paths of row and picture disagree above the ending they share. Two rows
    may then land on one picture, and it belongs to the one that matched as a whole.
    """

    name: str
    whole: bool


@dataclass(frozen=True, slots=True)
class _Place:
    root: Archive | Folder
    inner: str  # the path below the root

    @property
    def parts(self) -> list[str]:
        """The path's parts, with the name of its folder or archive in front."""
        own = self.root.path.stem if isinstance(self.root, Archive) else self.root.path.name
        return [own, *path_parts(self.inner)]


class PictureSource:
    """The pictures of an import, from ZIP archives and folders in any mix.

    Raises SourceRefused when one of them cannot be trusted or read, or when there is no picture in
    any. Use it in a `with` block, or call `close`.
    """

    def __init__(self, paths: Iterable[Path | str], limits: SourceLimits | None = None) -> None:
        limits = limits or SourceLimits()
        self._roots: dict[str, Archive | Folder] = {}
        self._places: dict[str, _Place] = {}
        self._stems: EndIndex | None = None
        self._ignored = 0
        try:
            for path in map(Path, paths):
                self._root_add(path, limits)
            for label, root in self._roots.items():
                self._names_add(f"{label}/" if len(self._roots) > 1 else "", root)
            self._check(limits)
        except SourceRefused:
            self.close()
            raise
        self._ends = EndIndex((name, place.parts) for name, place in self._places.items())

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
        """What `match` finds; PictureMissing or PictureAmbiguous if it is not just one picture."""
        return self.match(image).name

    def match(self, image: str) -> PictureMatch:
        """The picture whose path shares the longest ending with the cell, if only one does.

        A cell may be a name, a relative or absolute path with either slash, or an address, of which
        only the path is looked at: nothing is fetched. Letter case counts only where it has to decide.
        A cell without an ending such as .jpg also finds the picture of that name with one. The picture
        whose path is just the cell's wins over those in deeper folders.
        """
        wanted = cell_parts(image)
        shared, names = self._ends.longest(wanted)
        if not names and wanted and PurePosixPath(wanted[-1]).suffix.lower() not in PICTURE_SUFFIXES:
            shared, names = self._stems_index().longest(wanted)
        if not names:
            raise PictureMissing(f"there is no picture {cell_quote(image, _NAME_SHOWN)} in what was given")
        if 1 < len(names) <= _COMPARED:
            names = self._narrowed(wanted[-shared:], shared == len(wanted), names)
        if len(names) > 1:
            shown = ", ".join(cell_quote(name, _NAME_SHOWN) for name in sorted(names[:_COMPARED])[:3])
            if above := wanted[:-shared]:
                ending, folder = (cell_quote(path, _NAME_SHOWN) for path in ("/".join(wanted[-shared:]), above[-1]))
                raise PictureAmbiguous(
                    f"there is no {ending} in a folder {folder}: {len(names)} pictures elsewhere "
                    f"are named so ({shown})"
                )
            raise PictureAmbiguous(
                f"{cell_quote(image, _NAME_SHOWN)} fits {len(names)} pictures equally "
                f"well ({shown}): give more of its path"
            )
        inner_length = len(self._places[names[0]].parts) - 1
        return PictureMatch(names[0], whole=shared >= min(len(wanted), inner_length))

    def read(self, name: str) -> bytes:
        """The bytes of a picture that `names` or `find` gave; PictureProblem where they cannot be had."""
        place = self._places.get(name)
        if place is None:
            raise PictureMissing(f"there is no picture {cell_quote(name, _NAME_SHOWN)}")
        return place.root.read(place.inner)

    def close(self) -> None:
        """Close the archives."""
        for root in self._roots.values():
            root.close()

    def _narrowed(self, ending: list[str], is_all: bool, names: list[str]) -> list[str]:
        """Of names that share the ending but for case, those that fit best."""
        plain = [part_plain(part) for part in ending]
        ranks = {}
        for name in names:
            parts = [part_plain(part) for part in self._places[name].parts]
            same_case = sum(a == b for a, b in zip(plain, parts[-len(plain) :], strict=True))
            ranks[name] = (same_case, is_all and len(parts) == len(plain) + 1)
        best = max(ranks.values())
        return [name for name in names if ranks[name] == best]

    def _root_add(self, path: Path, limits: SourceLimits) -> None:
        if not path.is_dir() and not path.is_file():
            raise SourceRefused(f"there is no file or folder {cell_quote(str(path), 200)}")
        root = Folder(path, limits) if path.is_dir() else Archive(path, limits)
        plain = label = root.path.name or "pictures"
        count = 1
        while label in self._roots:
            count += 1
            label = f"{plain} ({count})"
        self._roots[label] = root

    def _names_add(self, prefix: str, root: Archive | Folder) -> None:
        for inner in root.names():
            parts = path_parts(inner)
            hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
            if hidden or PurePosixPath(inner).suffix.lower() not in PICTURE_SUFFIXES:
                self._ignored += 1
                continue
            self._places[prefix + inner] = _Place(root, inner)

    def _check(self, limits: SourceLimits) -> None:
        if len(self._places) > limits.entries:
            raise SourceRefused(f"there are more than {limits.entries:,} pictures")
        if not self._places:
            labels = ", ".join(self._roots) or "an empty list of folders"
            files = (name for root in self._roots.values() for name in root.names())
            zips = sum(name.lower().endswith(".zip") for name in files)
            hint = f": {zips} ZIP files lie in it, name those themselves" if zips else ""
            raise SourceRefused(f"there is no picture in {labels}{hint}")

    def _stems_index(self) -> EndIndex:
        if self._stems is None:
            self._stems = EndIndex(((name, place.parts) for name, place in self._places.items()), without_suffix=True)
        return self._stems
