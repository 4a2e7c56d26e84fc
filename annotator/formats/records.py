"""What every format gives to an import: records, and rows that could not be understood."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotator.formats.cells import cell_quote, formula_unguard, number_parse
from annotator.formats.codes import RowCodes, RowReader
from annotator.formats.mapping import ColumnMapping
from annotator.formats.tables import TableProblem, table_open

TEXT_LIMITS = {"image": 500, "subject": 120, "clip": 200, "emotion": 60, "split": 60}
FRAME_LIMIT = 2**31 - 1
_PROBLEMS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Record:
    """One understood row; `cells` are the original ones in the order of the header."""

    line: int
    image: str
    subject: str
    clip: str
    frame: int | None
    time_s: float | None
    emotion: str
    split: str
    codes: RowCodes
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One row that is not imported, with the reason in plain words."""

    line: int
    image: str
    reason: str
    cells: tuple[str, ...]


def rows_read(path: Path | str, mapping: ColumnMapping) -> Iterator[Record | Problem]:
    """Every row of a table as a Record or a Problem, in order and in bounded memory.

    Raises TableRefused for a table that cannot be read, and ValueError where the mapping is not fit
    for it: checks of the mapping that fail, or another header than the one it was made for.
    """
    table = table_open(path)
    faults = mapping.validate()
    if table.header != mapping.header:
        faults.append("the table's header is not the one that the mapping was made for")
    if faults:
        raise ValueError("; ".join(faults))
    reader = RowReader(mapping)
    for row in table.rows():
        if isinstance(row, TableProblem):
            yield Problem(row.line, _image_of(row.cells, reader), row.reason, row.cells)
        else:
            yield record_make(row.line, row.cells, reader)


def record_make(line: int, cells: tuple[str, ...], reader: RowReader) -> Record | Problem:
    """One row by the mapping; everything that is wrong with it goes into one reason."""
    if reader.mapping.guarded:
        cells = tuple(formula_unguard(cell) for cell in cells)
    faults: list[str] = []
    texts = {role: _text_read(role, cells, reader, faults) for role in TEXT_LIMITS}
    frame = _frame_read(cells, reader, faults)
    time_s = _time_read(cells, reader, faults)
    codes = reader.read(cells)
    faults += codes.problems
    if faults:
        more = len(faults) - _PROBLEMS_SHOWN
        reason = "; ".join(faults[:_PROBLEMS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        return Problem(line, texts["image"], reason, cells)
    return Record(line=line, frame=frame, time_s=time_s, codes=codes, cells=cells, **texts)


def _image_of(cells: Sequence[str], reader: RowReader) -> str:
    place = reader.places.get(reader.mapping.image, len(cells))
    return cells[place].strip()[: TEXT_LIMITS["image"]] if place < len(cells) else ""


def _text_read(role: str, cells: Sequence[str], reader: RowReader, faults: list[str]) -> str:
    column = getattr(reader.mapping, role)
    if not column:
        return ""
    text = cells[reader.places[column]].strip()
    if role == "image":
        text = image_read(text)
        if not text:
            faults.append(image_lacks(column))
    if len(text) > TEXT_LIMITS[role]:
        faults.append(f"{column} holds {cell_quote(text)}, longer than {TEXT_LIMITS[role]} characters")
        return text[: TEXT_LIMITS[role]]
    return text


def image_lacks(column: str) -> str:
    """What is wrong with a row whose image cell holds nothing."""
    return f"{column} is empty: the row names no image"


def image_read(cell: str) -> str:
    """The image that a cell names. EmotioNet puts quotes and blanks around its addresses, inside the cell."""
    text = cell.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].strip()
    return text


def _frame_read(cells: Sequence[str], reader: RowReader, faults: list[str]) -> int | None:
    column = reader.mapping.frame
    text = cells[reader.places[column]] if column else ""
    if not text.strip():
        return None
    # '12.0' comes from tools that keep frames as floats; '1,000' or '1.000' could be a thousand.
    match = re.fullmatch(r"(\d{1,10})(?:\.0)?", text.strip(), re.ASCII)
    if match is None or int(match[1]) > FRAME_LIMIT:
        faults.append(f"{column} holds {cell_quote(text)}, which is no frame number")
        return None
    return int(match[1])


def _time_read(cells: Sequence[str], reader: RowReader, faults: list[str]) -> float | None:
    column = reader.mapping.time
    text = cells[reader.places[column]] if column else ""
    if not text.strip():
        return None
    value = number_parse(text)
    if value is None or value < 0:
        faults.append(f"{column} holds {cell_quote(text)}, which is no time")
        return None
    return value / 1000 if reader.mapping.time_unit == "ms" else value
