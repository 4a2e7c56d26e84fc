"""Cleaned label tables, written as a stream of bytes that is the same for the same rows.

UTF-8, commas, line feeds, and no time of writing. A code that does not count is written as the missing
code, never as 0. Text cells that a spreadsheet would run as a formula get an apostrophe in front
(`cells.formula_guard`). Reading does not take it off in silence: `columns_guess` recognises our own
header, sets `ColumnMapping.guarded` and says so, and then every text comes back exactly as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from annotator.facs import au_column
from annotator.formats.cells import formula_guard
from annotator.formats.codes import (
    ABSENT,
    NOT_SCORED,
    PRESENT,
    SIDE_NOT_SCORED,
    SIDE_UNGRADED,
    UNSCORABLE,
    sides_write,
)
from annotator.formats.presets import FACE_FIELDS, Preset

LONG_FIELDS = (
    *FACE_FIELDS,
    "au",
    "value",
    "intensity",
    "side",
    "scored",
    "source",
    "probability",
    "weak",
    "noise",
    "cluster",
    "coder",
    "decided_at",
    "made_by",
    "unscorable_reason",
)
_SCORED = {PRESENT: "yes", ABSENT: "yes", UNSCORABLE: "unscorable", NOT_SCORED: "no"}
_CHUNK = 1 << 16
# Semicolons and tabs are quoted too: some spreadsheets split at them whatever the file says.
_QUOTED = re.compile(r'[,;"\t\r\n]|^\s|\s$')


@dataclass(frozen=True, slots=True)
class ExportCode:
    """One AU on one face as it leaves: its state (see `codes`), its sides, and where it came from."""

    state: int
    left: int = SIDE_NOT_SCORED
    right: int = SIDE_NOT_SCORED
    source: str = ""  # reference, weak, proposal, prediction, coder, consensus or import
    probability: float | None = None
    weak: int = NOT_SCORED  # the weak value it had
    noise: bool = False  # set apart as noise or outlier for this AU
    cluster: str = ""
    coder: str = ""
    decided_at: datetime | None = None
    made_by: str = ""  # the detector or run that gave the code
    hidden: int | None = None  # of an unscorable: 70 to 74, what can't be seen


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One face with its codes by AU number; `extra` are its original cells of unknown columns."""

    image: str
    subject: str = ""
    clip: str = ""
    frame: int | None = None
    time_s: float | None = None
    codes: Mapping[int, ExportCode] = field(default_factory=dict)
    extra: tuple[str, ...] = ()


def wide_header(aus: Sequence[int], preset: Preset, extra: Sequence[str] = ()) -> tuple[str, ...]:
    """The columns of a wide table, with `extra` ones renamed where they would occur twice."""
    names = [column for _, column in preset.face] + [preset.au_column(au) for au in aus]
    if preset.sources:
        names += [f"{au_column(au)}_source" for au in aus]
    return (*names, *_extra_names(names, extra))


def long_header(extra: Sequence[str] = ()) -> tuple[str, ...]:
    """The columns of a long table, with `extra` ones renamed where they would occur twice."""
    return (*LONG_FIELDS, *_extra_names(LONG_FIELDS, extra))


def wide_write(
    rows: Iterable[ExportRow], *, aus: Sequence[int], preset: Preset, extra: Sequence[str] = ()
) -> Iterator[bytes]:
    """A wide table, one line for each row in the order given, in chunks of some 64 KiB.

    AUs that a row lacks, and those not scored, unscorable or set apart as noise, are written as the
    preset's missing code.
    Raises ValueError for a row whose extra cells do not fit the extra columns.
    """
    return _chunks(_wide_lines(rows, tuple(aus), preset, tuple(extra)))


def long_write(rows: Iterable[ExportRow], *, aus: Sequence[int], extra: Sequence[str] = ()) -> Iterator[bytes]:
    """A long table, one line for each code of `aus` that a row holds, in chunks of some 64 KiB."""
    return _chunks(_long_lines(rows, tuple(aus), tuple(extra)))


def _wide_lines(
    rows: Iterable[ExportRow], aus: tuple[int, ...], preset: Preset, extra: tuple[str, ...]
) -> Iterator[str]:
    yield line_write(wide_header(aus, preset, extra))
    for row in rows:
        cells = [_face_cell(row, name) for name, _ in preset.face]
        codes = [row.codes.get(au) for au in aus]
        cells += [_code_cell(code, preset) for code in codes]
        if preset.sources:
            cells += [_source_cell(code) for code in codes]
        yield ",".join([*cells, *_extra_cells(row, extra)]) + "\n"


def _long_lines(rows: Iterable[ExportRow], aus: tuple[int, ...], extra: tuple[str, ...]) -> Iterator[str]:
    yield line_write(long_header(extra))
    for row in rows:
        face = [_face_cell(row, name) for name in FACE_FIELDS]
        kept = _extra_cells(row, extra)
        for au in aus:
            code = row.codes.get(au)
            if code is not None:
                yield ",".join([*face, *_long_cells(au, code), *kept]) + "\n"


def _long_cells(au: int, code: ExportCode) -> list[str]:
    """What LONG_FIELDS has after the face's own fields."""
    intensity, side = sides_write(code.left, code.right)
    return [
        au_column(au),
        _value(code.state),
        intensity,
        side,
        _SCORED[code.state],
        _text(code.source),
        "" if code.probability is None else repr(float(code.probability)),
        _value(code.weak),
        "1" if code.noise else "0",
        _text(code.cluster),
        _text(code.coder),
        _time(code.decided_at),
        _text(code.made_by),
        "" if code.hidden is None else str(code.hidden),
    ]


def _value(state: int) -> str:
    return str(state) if state in (PRESENT, ABSENT) else ""


def _code_cell(code: ExportCode | None, preset: Preset) -> str:
    """The AU cell of a wide table. A face set apart as noise has no codes there, in any preset: nobody
    should train on them unawares. Where levels are written, none is made up for an ungraded code."""
    if code is None or code.noise or code.state not in (PRESENT, ABSENT):
        return preset.missing
    if not preset.levels:
        return str(code.state)
    told = [level for level in (code.left, code.right) if level != SIDE_NOT_SCORED]
    if not told:
        return "0" if code.state == ABSENT else preset.missing
    level = max(told)
    return preset.missing if level == SIDE_UNGRADED else str(level)


def _source_cell(code: ExportCode | None) -> str:
    """Where a code came from, with what its value cannot say."""
    if code is None:
        return ""
    said = (("unscorable", code.state == UNSCORABLE), ("noise", code.noise))
    notes = [note for note, holds in said if holds]
    return _text(f"{code.source} ({', '.join(notes)})".strip() if notes else code.source)


def _face_cell(row: ExportRow, name: str) -> str:
    value = getattr(row, name)
    if name == "frame":
        return "" if value is None else str(int(value))
    if name == "time_s":
        return "" if value is None else repr(float(value))
    return _text(value)


def _extra_cells(row: ExportRow, extra: tuple[str, ...]) -> list[str]:
    if not extra:
        return []
    if len(row.extra) not in (0, len(extra)):
        raise ValueError(f"{row.image!r} has {len(row.extra)} extra cells for {len(extra)} extra columns")
    return [_text(cell) for cell in row.extra or ("",) * len(extra)]


def _extra_names(names: Sequence[str], extra: Sequence[str]) -> list[str]:
    """Names for carried-over columns that occur neither among ours nor twice."""
    taken, found = {*names, *extra}, []
    for name in extra:
        unique = name
        while unique in names or unique in found:
            unique = f"original_{unique}"
            if unique in taken:
                unique += "_"
        found.append(unique)
    return found


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def line_write(names: Iterable[str]) -> str:
    """One line of text cells, guarded and quoted."""
    return ",".join(_text(name) for name in names) + "\n"


def _text(text: str) -> str:
    """A text cell, guarded and quoted where it must be."""
    text = formula_guard(text)
    if _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _chunks(lines: Iterable[str]) -> Iterator[bytes]:
    kept: list[str] = []
    size = 0
    for line in lines:
        kept.append(line)
        size += len(line)
        if size >= _CHUNK:
            yield "".join(kept).encode()
            kept, size = [], 0
    if kept:
        yield "".join(kept).encode()
