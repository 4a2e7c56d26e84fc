"""Wide tables: one row for each face, one column or more for each AU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from annotator.formats.headers import au_header_parse
from annotator.formats.mapping import ColumnMapping
from annotator.formats.records import Problem, Record, rows_read


def detect(header: Sequence[str]) -> bool:
    """Whether a header looks like a wide table: at least one column names an AU."""
    return any(au_header_parse(column) for column in header)


def records_read(path: Path | str, mapping: ColumnMapping) -> Iterator[Record | Problem]:
    """One record for each row, with a code for every AU that the mapping has columns for."""
    if mapping.shape != "wide":
        raise ValueError(f"this mapping is for a {mapping.shape} table, not for a wide one")
    return rows_read(path, mapping)
