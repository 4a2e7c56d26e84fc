"""A first guess at a table's column mapping, with a question wherever the table leaves a doubt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from annotator.facs import ACTION_UNITS, INTENSITY_LETTERS, au_label
from annotator.formats.cells import cell_normal, cell_quote, number_parse
from annotator.formats.headers import LONG_NAMES, ROLE_NAMES, AuHeader, au_header_parse, roles_find
from annotator.formats.mapping import DEFAULT_THRESHOLD, ColumnMapping

__all__ = ["ColumnMapping", "columns_guess", "long_detect"]

_PICTURE = re.compile(r"\.(jpe?g|png|webp|bmp|tiff?|gif)$", re.IGNORECASE)
_LETTERS = re.compile(r"(?:[lr]\s*)?[a-e](?:[\s+/;,]+[lr]\s*[a-e])?|[lr]")
_WORDS_PRESENT = ("present", "yes", "true", "active", "x")
_WORDS_ABSENT = ("absent", "no", "false", "notactive", "not active")
_WORDS_UNSCORABLE = ("unscorable", "occluded", "not codable", "uncodable")
_WORDS_NOT_SCORED = ("nan", "na", "n/a", "none", "null", "?", "-", "not scored", "unknown")
_NUMBERS_NOT_SCORED = ("9", "99", "999", "-1", "-9", "-99", "-999")
_EXPORT_START = ("image", "subject", "clip", "frame", "time_s")
_DISTINCT_LIMIT = 50_000
_Rows = list[tuple[str, ...]]


def columns_guess(header: Sequence[str], sample_rows: Iterable[Sequence[str]]) -> ColumnMapping:
    """The likeliest mapping for a table with this header and these first rows.

    Nothing is decided in silence: what had to be assumed is in `questions`, in plain words.
    """
    header, rows = tuple(header), [tuple(row) for row in sample_rows]
    roles: dict[str, Any] = {**roles_find(header, ROLE_NAMES)}
    mapping = ColumnMapping(header=header, **roles)
    questions: list[str] = []
    if long_detect(header):
        long_roles: dict[str, Any] = {**roles_find(header, LONG_NAMES)}
        mapping = replace(mapping, shape="long", **long_roles)
    else:
        mapping = replace(mapping, **_au_columns(header, set(mapping.used), questions))
        mapping = _bare_columns(mapping, questions)
    mapping = _image_sniff(mapping, rows, questions)
    mapping = _fractions_move(mapping, rows, questions)
    mapping = _codes_rule(mapping, rows, questions)
    mapping = _intensity_rule(mapping, rows, questions)
    mapping = _time_rule(mapping, rows, questions)
    if header[: len(_EXPORT_START)] == _EXPORT_START:
        mapping = replace(mapping, guarded=True)
        questions.append(
            "This looks like an export of Corrugator: one apostrophe before =, +, - or @ at the "
            "start of a text is taken off again."
        )
    if mapping.success:
        questions.append(f"Rows in which {cell_quote(mapping.success)} is not 1 are read as not scored.")
    return replace(mapping, questions=tuple(questions))


def long_detect(header: Sequence[str]) -> bool:
    """Whether the table has one row for each AU: a column for the AU and one for its value."""
    names = roles_find(tuple(header), LONG_NAMES)
    has_value = "long_value" in names or "long_probability" in names
    return "long_au" in names and has_value and not any(au_header_parse(column) for column in header)


def _au_columns(header: tuple[str, ...], taken: set[str], questions: list[str]) -> dict[str, Any]:
    """Sort the AU columns by what they hold; two for the same AU and use leave a question."""
    parsed = [(column, au) for column in header if column not in taken and (au := au_header_parse(column))]
    left = {au.number for _, au in parsed if au.side == "left"}
    pairs: dict[str, dict[int, str]] = {
        name: {} for name in ("codes", "intensities", "probabilities", "left", "right")
    }
    unknown = []
    for column, au in parsed:
        if au.number not in ACTION_UNITS:
            unknown.append(column)
            continue
        kept = pairs[_use_of(au, left)].setdefault(au.number, column)
        if kept != column:
            questions.append(
                f"{cell_quote(kept)} and {cell_quote(column)} both name {au_label(au.number)}: "
                "the first is read, the second is kept as it is."
            )
    if unknown:
        shown = ", ".join(cell_quote(column) for column in unknown[:8])
        questions.append(f"No action unit is known for {shown}: kept as they are, not read as codes.")
    return {name: tuple(sorted(columns.items())) for name, columns in pairs.items()}


def _bare_columns(mapping: ColumnMapping, questions: list[str]) -> ColumnMapping:
    """BP4D heads its AU columns with bare numbers, and the frame with 0."""
    bare = [column for column in mapping.extra if column.isascii() and column.isdigit()]
    aus = [column for column in bare if int(column) in ACTION_UNITS and not column.startswith("0")]
    if mapping.aus or len(aus) < 3:
        return mapping
    questions.append("Columns with bare numbers are read as AUs, as in BP4D, and a column 0 as the frame.")
    frame = mapping.frame or ("0" if "0" in bare else "")
    return replace(mapping, frame=frame, codes=tuple(sorted((int(column), column) for column in aus)))


def _use_of(au: AuHeader, left: set[int]) -> str:
    if au.kind == "probability":
        return "probabilities"
    if au.side:
        return au.side
    if au.ends_in_r and au.number in left:
        return "right"
    return "intensities" if au.kind == "intensity" else "codes"


def _column_cells(mapping: ColumnMapping, rows: _Rows, columns: Iterable[str]) -> list[str]:
    """The distinct cells of these columns, in plain form, in the order of their first appearance."""
    places = [mapping.header.index(column) for column in columns]
    seen: dict[str, None] = {}
    for row in rows:
        for place in places:
            if place < len(row) and len(seen) < _DISTINCT_LIMIT:
                seen[cell_normal(row[place])] = None
    return list(seen)


def _image_sniff(mapping: ColumnMapping, rows: _Rows, questions: list[str]) -> ColumnMapping:
    if mapping.image:
        return mapping
    for column in mapping.extra:
        cells = [c for c in _column_cells(mapping, rows, [column]) if c]
        if cells and sum(bool(_PICTURE.search(c.strip("'\" "))) for c in cells) * 2 > len(cells):
            questions.append(f"{cell_quote(column)} is read as the image: its cells look like picture files.")
            return replace(mapping, image=column)
    questions.append("No column seems to name the image.")
    return mapping


def _fractions_move(mapping: ColumnMapping, rows: _Rows, questions: list[str]) -> ColumnMapping:
    """Value columns that hold fractions of 1 are probabilities, as py-feat writes them."""
    have = dict(mapping.probabilities)
    moved = {
        au: column
        for au, column in mapping.codes
        if au not in have and _are_fractions(_column_cells(mapping, rows, [column]))
    }
    if mapping.codes and len(moved) * 2 > len(mapping.codes):
        # A column that is 0 throughout the sample is of the same kind as its neighbours.
        moved |= {
            au: column
            for au, column in mapping.codes
            if au not in have and set(_column_cells(mapping, rows, [column])) <= {"0", "1", ""}
        }
    if moved:
        names = ", ".join(au_label(au) for au in sorted(moved)[:6]) + (" …" if len(moved) > 6 else "")
        questions.append(
            f"{names} hold fractions between 0 and 1: read as probabilities, present from 0.5 "
            "on. If they are intensities, say so."
        )
        mapping = replace(
            mapping,
            codes=tuple(pair for pair in mapping.codes if pair[0] not in moved),
            probabilities=tuple(sorted((have | moved).items())),
        )
    if mapping.shape == "long" and not mapping.long_probability and mapping.long_value:
        if _are_fractions(_column_cells(mapping, rows, [mapping.long_value])):
            questions.append(
                f"{cell_quote(mapping.long_value)} holds fractions between 0 and 1: read as "
                "probabilities, present from 0.5 on."
            )
            return replace(mapping, long_value="", long_probability=mapping.long_value)
    elif mapping.probabilities and not mapping.codes and not mapping.intensities and not moved:
        questions.append("There are probabilities but no codes: an AU counts as present from 0.5 on.")
    return mapping


def _are_fractions(cells: list[str]) -> bool:
    values = [
        value for cell in cells if cell not in _NUMBERS_NOT_SCORED and (value := number_parse(cell)) is not None
    ]
    return bool(values) and all(0 <= v <= 1 for v in values) and any(v not in (0, 1) for v in values)


def _codes_rule(mapping: ColumnMapping, rows: _Rows, questions: list[str]) -> ColumnMapping:
    """What the cells of the code columns mean, from the texts that the sample holds."""
    columns = [c for _, c in (*mapping.codes, *mapping.left, *mapping.right)]
    if mapping.shape == "long":
        columns = [mapping.long_value] if mapping.long_value else []
    seen = _column_cells(mapping, rows, columns)
    words = {
        name: tuple(text for text in seen if text in known)
        for name, known in (("present", _WORDS_PRESENT), ("absent", _WORDS_ABSENT), ("unscorable", _WORDS_UNSCORABLE))
    }
    missing = (
        "",
        *(text for text in seen if text in _NUMBERS_NOT_SCORED + _WORDS_NOT_SCORED or text.endswith("_failed")),
    )
    grades = {
        value
        for text in seen
        if text not in missing and (value := number_parse(text)) is not None and 0 <= value <= 5
    }
    letters = any(_LETTERS.fullmatch(text) for text in seen)
    style = "letters" if letters else "numbers" if grades - {0, 1} else "occurrence"
    mapping = replace(
        mapping,
        style=style,
        present=words["present"]
        if style == "numbers"
        else (("1",) if style == "occurrence" or 1 in grades else ()) + words["present"],
        absent=words["absent"] if style == "numbers" else ("0", *words["absent"]),
        unscorable=words["unscorable"],
        not_scored=missing,
    )
    _codes_ask(mapping, seen, grades, questions)
    return mapping


def _codes_ask(mapping: ColumnMapping, seen: list[str], grades: set[float], questions: list[str]) -> None:
    named = [text for text in mapping.not_scored if text]
    if "-1" in seen:
        others = " and ".join(f"{g:g}" for g in sorted(grades)[:2]) or "other codes"
        questions.append(
            f"Cells hold -1 beside {others}: -1 is read as not scored. Some labs "
            "write -1 for absent (and 0 for unknown); change the rule if yours does."
        )
        named.remove("-1")
    if named:
        shown = ", ".join(cell_quote(text) for text in named)
        questions.append(f"Cells with {shown} are read as not scored, never as absent.")
    if "" in seen:
        questions.append(
            "Empty cells are read as not scored. If an empty cell means absent in your files, change the rule."
        )
    if mapping.style != "occurrence":
        least = INTENSITY_LETTERS[DEFAULT_THRESHOLD - 1]
        what = "letters A to E" if mapping.style == "letters" else "numbers 0 to 5"
        questions.append(
            f"AU cells hold {what}: an AU counts as present from {least} "
            f"({DEFAULT_THRESHOLD}) on. Choose A (1) if a trace counts."
        )


def _intensity_rule(mapping: ColumnMapping, rows: _Rows, questions: list[str]) -> ColumnMapping:
    """Columns of intensities: their missing codes, whether they go to 5 or to 1, and what they decide."""
    columns = [column for _, column in mapping.intensities]
    if mapping.shape == "long" and mapping.long_intensity:
        columns = [mapping.long_intensity]
    if not columns:
        return mapping
    seen = _column_cells(mapping, rows, columns)
    missing = tuple(
        t for t in seen if t not in mapping.not_scored and t in (*_NUMBERS_NOT_SCORED, *_WORDS_NOT_SCORED)
    )
    mapping = replace(mapping, not_scored=mapping.not_scored + missing)
    values = [v for t in seen if t not in mapping.not_scored and (v := number_parse(t)) is not None]
    if values and max(values) <= 1 and any(v not in (0, 1) for v in values):
        mapping = replace(mapping, intensity_maximum=1.0)
        questions.append(
            "The intensities seen lie between 0 and 1: read as a scale to 1, so that 1 is E. If they go to 5, say so."
        )
    coded = dict(mapping.codes)
    if mapping.shape == "wide" and any(au not in coded for au, _ in mapping.intensities):
        least = INTENSITY_LETTERS[DEFAULT_THRESHOLD - 1]
        questions.append(
            f"Some AUs have an intensity but no code: they count as present from {least} ({DEFAULT_THRESHOLD}) on."
        )
    return mapping


def _time_rule(mapping: ColumnMapping, rows: _Rows, questions: list[str]) -> ColumnMapping:
    if not mapping.time or not re.search(r"(ms|millis\w*)$", mapping.time.casefold()):
        return mapping
    cells = _column_cells(mapping, rows, [mapping.time])
    if any((value := number_parse(cell)) is not None and 0 < value < 1 for cell in cells):
        questions.append(
            f"{cell_quote(mapping.time)} holds values under 1: read as milliseconds, as its "
            "name says. Some tools write seconds there; change the unit if yours does."
        )
    return replace(mapping, time_unit="ms")
