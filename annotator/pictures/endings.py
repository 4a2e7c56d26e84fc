"""An index of paths by their endings: which paths share the longest ending with a given one."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit


class EndIndex:
    """Paths sorted by their parts from the last to the first, so that an ending is a range of them.

    A look-up costs a few bisections, however many pictures bear the same last name, as the frames of
    clips do. Letter case and the way accents are composed make no difference here.
    """

    def __init__(self, paths: Iterable[tuple[str, list[str]]], without_suffix: bool = False) -> None:
        pairs = sorted((_key(parts, without_suffix), name) for name, parts in paths)
        self._keys = [key for key, _ in pairs]
        self._names = [name for _, name in pairs]

    def longest(self, parts: list[str]) -> tuple[int, list[str]]:
        """(parts shared, names of all paths that share so many) for the longest ending; (0, []) if none."""
        for start in range(len(parts)):
            # A key's parts each end in '/', and '0' is the character after it.
            prefix = _key(parts[start:], False)[:-1]
            low = bisect_left(self._keys, prefix + "/")
            high = bisect_left(self._keys, prefix + "0")
            if low < high:
                return len(parts) - start, self._names[low:high]
        return 0, []


def _key(parts: list[str], without_suffix: bool) -> str:
    *folders, last = parts
    if without_suffix:
        last = PurePosixPath(last).stem
    return "".join(part_plain(part).casefold() + "/" for part in (last, *reversed(folders)))


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
    return path_parts(image)


def path_parts(path: str) -> list[str]:
    """The parts of a path with either slash, without empty ones and dots."""
    return [part for part in re.split(r"[\\/]+", path) if part not in ("", ".", "..")]


def part_plain(part: str) -> str:
    """A path part with composed accents: archives made on a Mac have them apart, tables mostly don't."""
    return unicodedata.normalize("NFC", part)
