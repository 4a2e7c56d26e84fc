"""The label files that labs bring and take: one file a format, and this registry of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from annotator.formats import long, wide
from annotator.formats.mapping import ColumnMapping
from annotator.formats.records import Problem, Record


class Format(Protocol):
    """What a format's module offers."""

    def detect(self, header: Sequence[str]) -> bool: ...

    def records_read(self, path: Path | str, mapping: ColumnMapping) -> Iterator[Record | Problem]: ...


FORMATS: dict[str, Format] = {
    "wide": wide,
    "long": long,
}


def format_detect(header: Sequence[str]) -> str:
    """The name of the format whose header this looks like; 'wide' where none does, to be mapped by hand."""
    return next((name for name, kind in FORMATS.items() if kind.detect(header)), "wide")
