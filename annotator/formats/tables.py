"""A streaming CSV reader that keeps true line numbers and never holds more than one row.

It finds out encoding and delimiter, trims header names, and names what is wrong with a row instead
of guessing. What makes the whole table unreadable raises `TableRefused`.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from annotator.formats.cells import cell_quote

CELL_LIMIT = 100_000  # characters in one cell
LINE_LIMIT = 1_000_000  # characters in one line
ROW_LIMIT = 4_000_000  # characters in one row, which may span many lines inside quotes
COLUMN_LIMIT = 5_000
SAMPLE_REACH = 100_000  # rows
_DELIMITERS = (",", ";", "\t")
_CHUNK = 1 << 20


class TableRefused(ValueError):
    """The table cannot be read at all; the message says why, for the person who brought it."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: the line it starts on (the file's first line is 1) and as many cells as the header."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableProblem:
    """A row that cannot be used, and why."""

    line: int
    reason: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """An opened table: header names trimmed of blanks and quotes, and how the file is written."""

    path: Path
    header: tuple[str, ...]
    encoding: str
    delimiter: str
    blank_after_delimiter: bool

    def rows(self) -> Iterator[TableRow | TableProblem]:
        """Every row after the header, in order; a row that does not fit comes as a problem.

        Raises TableRefused for what makes the rest of the file meaningless: a cell, line or row past
        its limit.
        """
        with _text_open(self.path, self.encoding) as text:
            rows = _rows_parse(text, self.delimiter, self.blank_after_delimiter)
            next(row for row in rows if not _is_preamble(row.cells))
            for row in rows:
                yield row if isinstance(row, TableProblem) else self._fitted(row)

    def _fitted(self, row: TableRow) -> TableRow | TableProblem:
        width = len(self.header)
        if len(row.cells) > width and not any(row.cells[width:]):
            # Spreadsheets leave empty cells behind the last column.
            row = TableRow(row.line, row.cells[:width])
        if len(row.cells) != width:
            return TableProblem(row.line, f"the row has {len(row.cells)} cells, the header has {width}", row.cells)
        if "\0" in "".join(row.cells):
            return TableProblem(row.line, "the row holds a NUL byte", row.cells)
        return row


def table_open(path: Path | str) -> Table:
    """Read as much of a CSV file as it takes to know its encoding, delimiter and header.

    Raises TableRefused with a plain reason: empty file, unreadable bytes, no header, a header name
    that occurs twice, or too many columns.
    """
    path = Path(path)
    encoding = _encoding_find(path)
    with _text_open(path, encoding) as text:
        delimiter, blank = _delimiter_find(text)
    with _text_open(path, encoding) as text:
        rows = _rows_parse(text, delimiter, blank)
        first = next((row for row in rows if not _is_preamble(row.cells)), None)
    if first is None:
        raise TableRefused("the table is empty: it has no header line")
    if isinstance(first, TableProblem):
        raise TableRefused(f"the header (line {first.line}) cannot be read: {first.reason}")
    return Table(path, _header_trim(first.cells), encoding, delimiter, blank)


def table_sample(table: Table, count: int = 1000) -> list[tuple[str, ...]]:
    """The cells of up to `count` good rows, for guessing what the columns hold.

    Half are the first ones; the others are spread evenly over the next SAMPLE_REACH rows, since rare
    codes such as 999 or a high intensity seldom stand at the top.
    """
    good = (row.cells for row in table.rows() if isinstance(row, TableRow))
    head = list(itertools.islice(good, (count + 1) // 2))
    room, step, spread = count - len(head), 1, list[tuple[str, ...]]()
    for place, cells in enumerate(itertools.islice(good, SAMPLE_REACH if room else 0)):
        if place % step == 0:
            spread.append(cells)
        if len(spread) > room:
            spread, step = spread[::2], step * 2
    return head + spread


def name_trim(name: str) -> str:
    """A header name without surrounding blanks and without the quotes that some files put inside."""
    name = name.strip()
    while len(name) >= 2 and name[0] == name[-1] and name[0] in "'\"":
        name = name[1:-1].strip()
    return name


def _header_trim(cells: tuple[str, ...]) -> tuple[str, ...]:
    if len(cells) > COLUMN_LIMIT:
        raise TableRefused(f"the table has {len(cells)} columns; at most {COLUMN_LIMIT} can be read")
    if any("\0" in cell for cell in cells):
        raise TableRefused("the header holds NUL bytes: save the table as UTF-8 text")
    names = tuple(name_trim(cell) or f"unnamed {i}" for i, cell in enumerate(cells, start=1))
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        shown = ", ".join(cell_quote(name) for name in twice[:5])
        raise TableRefused(f"these column names occur more than once: {shown}; rename them")
    return names


def _encoding_find(path: Path) -> str:
    """UTF-8 or UTF-16 by its mark, else UTF-8 if every byte agrees, else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        start = file.read(4)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if not start:
            raise TableRefused("the table is empty")
        if start[:4] == b"PK\x03\x04":
            raise TableRefused("this is an Excel or ZIP file: save the table as CSV")
        file.seek(0)
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def _text_open(path: Path, encoding: str) -> io.TextIOWrapper:
    return path.open("r", encoding=encoding, newline="")


def _lines(text: io.TextIOWrapper, taken: list[int]) -> Iterator[str]:
    """Lines in bounded memory; taken[0] counts the characters since the caller last set it to 0."""
    number = 0
    while True:
        number += 1
        try:
            line = text.readline(LINE_LIMIT)
        except UnicodeError:
            raise TableRefused(
                f"line {number} or one soon after it is not {text.encoding} text: save the table as UTF-8"
            ) from None
        if not line:
            return
        if len(line) >= LINE_LIMIT:
            raise TableRefused(f"line {number} is longer than {LINE_LIMIT:,} characters")
        taken[0] += len(line)
        if taken[0] > ROW_LIMIT:
            raise TableRefused(f"the row around line {number} is longer than {ROW_LIMIT:,} characters")
        yield line


def _rows_parse(
    text: io.TextIOWrapper, delimiter: str, blank_after_delimiter: bool
) -> Iterator[TableRow | TableProblem]:
    """Every row that is not blank, with the line it starts on; broken quotes come as problems."""
    taken = [0]
    reader = csv.reader(_lines(text, taken), delimiter=delimiter, skipinitialspace=blank_after_delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        taken[0] = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field limit" in str(error):
                raise TableRefused(_cell_too_long(line)) from None
            until = f" (up to line {reader.line_num})" if reader.line_num > line else ""
            yield TableProblem(line, f"the quotes of this row do not match{until}", ())
            continue
        if max(map(len, cells), default=0) > CELL_LIMIT:
            raise TableRefused(_cell_too_long(line))
        if cells:
            yield TableRow(line, tuple(cells))


def _cell_too_long(line: int) -> str:
    return (
        f"a cell of the row that starts on line {line} is longer than {CELL_LIMIT:,} characters, "
        "or its quote is never closed"
    )


def _is_preamble(cells: tuple[str, ...]) -> bool:
    """The 'sep=;' line that Excel writes before the header, or a line of nothing but blanks."""
    return not any(cell.strip() for cell in cells) or cells[0].strip().casefold().startswith("sep=")


def _delimiter_find(text: io.TextIOWrapper) -> tuple[str, bool]:
    """The delimiter that splits the header into most names, and whether a blank always follows it."""
    for line in _lines(text, [0]):
        bare = line.strip("\r\n")
        if bare.casefold().startswith("sep=") and len(bare) == 5:
            return bare[4], False
        if bare.strip():
            break
    else:
        return ",", False
    best = max(_DELIMITERS, key=lambda mark: len(_split(bare, mark)))
    names = _split(bare, best)
    return best, len(names) > 1 and all(name.startswith(" ") for name in names[1:])


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])
