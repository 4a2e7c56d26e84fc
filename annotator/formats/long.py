"""Long tables: one row for each AU of a face, as image, au, value and what belongs to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from annotator.formats.columns import long_detect
from annotator.formats.mapping import ColumnMapping
from annotator.formats.records import Problem, Record, rows_read


def detect(header: Sequence[str]) -> bool:
    """Whether a header looks like a long table: a column for the AU, one for its value, no AU columns."""
    return long_detect(header)


def records_read(path: Path | str, mapping: ColumnMapping) -> Iterator[Record | Problem]:
    """One record for each row, with the code of one AU: a face comes as many times as it has AUs."""
    if mapping.shape != "long":
        raise ValueError(f"this mapping is for a {mapping.shape} table, not for a long one")
    return rows_read(path, mapping)
