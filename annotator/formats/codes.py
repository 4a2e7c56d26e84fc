"""From the cells of a row to codes: what each AU is, or in which column the row cannot be understood.

The numbers are those of the packed label rows: 1 present, 0 absent, -1 not scored, -2 unscorable; a
side is 0 none, 1-5 for A-E, 6 present but ungraded, 15 not told. What is not understood makes the row
bad; it never becomes absent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from annotator.facs import ACTION_UNITS, INTENSITY_LETTERS, au_label
from annotator.formats.cells import cell_normal, cell_quote, number_parse
from annotator.formats.headers import au_cell_parse
from annotator.formats.mapping import ColumnMapping

PRESENT, ABSENT, NOT_SCORED, UNSCORABLE = 1, 0, -1, -2
SIDE_NONE, SIDE_UNGRADED, SIDE_NOT_SCORED = 0, 6, 15

_SIDE = re.compile(r"(?:([lr])\s*)?([a-e0]?)")
_SIDE_ALONE = {"left only scored": "left", "right only scored": "right"}
_SIDE_WORDS = {"": "both", "both": "both", "b": "both", "left": "left", "l": "left", "right": "right", "r": "right"}
_MEMO_LIMIT = 10_000
_Parser = tuple[int, Callable[[str], object], int, str]  # kind of column, what reads it, its place, its name


@dataclass(frozen=True, slots=True)
class AuCode:
    """One AU on one face: its state, the level of each side, and a probability where one was given."""

    state: int
    left: int = SIDE_NOT_SCORED
    right: int = SIDE_NOT_SCORED
    probability: float | None = None

    @property
    def graded(self) -> bool:
        """Whether anything is told about a side."""
        return self.left != SIDE_NOT_SCORED or self.right != SIDE_NOT_SCORED


@dataclass(frozen=True, slots=True)
class RowCodes:
    """The codes of a row by AU number. With problems the row must not be imported."""

    codes: dict[int, AuCode]
    problems: tuple[str, ...] = ()


class CellUnknown(ValueError):
    """A cell that the mapping gives no meaning to; the message needs only the column before it."""


def row_read(cells: Sequence[str], mapping: ColumnMapping) -> RowCodes:
    """The codes in one row, whose cells stand in the order of `mapping.header`."""
    return _reader(mapping).read(cells)


@lru_cache(maxsize=8)
def _reader(mapping: ColumnMapping) -> RowReader:
    return RowReader(mapping)


class RowReader:
    """A mapping made ready to read many rows: column places looked up, cell texts remembered."""

    def __init__(self, mapping: ColumnMapping) -> None:
        self.mapping = mapping
        self.places = {column: place for place, column in enumerate(mapping.header)}
        self._meaning = {
            cell_normal(text): state
            for state, texts in (
                (NOT_SCORED, mapping.not_scored),
                (UNSCORABLE, mapping.unscorable),
                (ABSENT, mapping.absent),
                (PRESENT, mapping.present),
            )
            for text in texts
        }
        columns = [
            dict(pairs)
            for pairs in (mapping.codes, mapping.intensities, mapping.left, mapping.right, mapping.probabilities)
        ]
        self._plan = [(au, self._parsers([by_au.get(au, "") for by_au in columns])) for au in mapping.aus]
        self._memo: dict[str, AuCode] = {}

    def read(self, cells: Sequence[str]) -> RowCodes:
        """The codes of one row; in a long table, of the one AU that the row is about."""
        problems: list[str] = []
        success = self.mapping.success
        lost = bool(success) and cell_normal(self._cell(cells, success)) not in ("1", "true")
        if self.mapping.shape == "long":
            codes = self._long_read(cells, problems)
        else:
            codes = {au: self._au_read(cells, parsers, problems) for au, parsers in self._plan}
        if lost:
            # Trackers write 0 into every AU column of a frame in which they lost the face.
            return RowCodes({au: AuCode(NOT_SCORED) for au in codes})
        return RowCodes({} if problems else codes, tuple(problems))

    def code_parse(self, text: str) -> AuCode:
        """A code cell by the mapping's rule; CellUnknown where the rule says nothing about it."""
        code = self._memo.get(text)
        if code is None:
            code = self._code_parse(text)
            if len(self._memo) < _MEMO_LIMIT:
                self._memo[text] = code
        return code

    def _code_parse(self, text: str) -> AuCode:
        plain, style = cell_normal(text), self.mapping.style
        state = self._meaning.get(plain)
        if state is not None:
            if style == "occurrence" or state in (NOT_SCORED, UNSCORABLE):
                return AuCode(state)
            level = SIDE_UNGRADED if state == PRESENT else SIDE_NONE
            return AuCode(state, level, level)
        levels = None
        if style == "numbers":
            levels = _number_levels(plain, 5.0)
        elif style == "letters":
            levels = _letter_levels(plain)
        if levels is None:
            raise CellUnknown(f"{cell_quote(text)}, which the mapping does not know ({self._known()})")
        return self._graded(levels)

    def levels_parse(self, text: str) -> tuple[int, int] | None:
        """An intensity cell as (left, right): a number up to the scale's end, or letters; None if empty.

        Fractions count as the level that they have reached: 1.9 is A, so that a threshold at B says
        the same of the fraction and of the level kept.
        """
        plain = cell_normal(text)
        if not plain or self._meaning.get(plain) in (NOT_SCORED, UNSCORABLE):
            return None
        levels = _number_levels(plain, self.mapping.intensity_maximum) or _letter_levels(plain)
        if levels is None:
            raise CellUnknown(
                f"{cell_quote(text)}, which is no intensity (0 to {self.mapping.intensity_maximum:g}, or A to E)"
            )
        return levels

    def probability_parse(self, text: str) -> float | None:
        """A probability cell; None where it is empty or holds a code for not scored."""
        value = number_parse(text)
        if value is not None and 0 <= value <= 1:
            return value
        plain = cell_normal(text)
        if not plain or self._meaning.get(plain) == NOT_SCORED:
            return None
        raise CellUnknown(f"{cell_quote(text)}, which is no probability (0 to 1)")

    def _parsers(self, columns: list[str]) -> list[_Parser]:
        """For the columns of one AU (code, intensity, left, right, probability; '' for none): who reads each."""
        parse: tuple[Callable[[str], object], ...] = (
            self.code_parse,
            self.levels_parse,
            self.code_parse,
            self.code_parse,
            self.probability_parse,
        )
        return [(i, parse[i], self.places[column], column) for i, column in enumerate(columns) if column]

    def _au_read(self, cells: Sequence[str], parsers: list[_Parser], problems: list[str]) -> AuCode:
        """One AU from its columns; a cell that is not understood adds a problem."""
        found: list[Any] = [None] * 5
        for i, parse, place, column in parsers:
            try:
                found[i] = parse(cells[place])
            except CellUnknown as unknown:
                problems.append(f"{column} holds {unknown}")
        code, whole, left, right, probability = found
        if left is right is whole is None and code is not None:
            return code if probability is None else _with_probability(code, probability)
        if code is None and left and right and left.state == right.state == UNSCORABLE:
            return AuCode(UNSCORABLE, probability=probability)
        levels = whole or (_side_level(left, "left"), _side_level(right, "right"))
        return self._combined(code, levels, probability, can_grade=any(0 < i < 4 for i, *_ in parsers))

    def _combined(
        self, code: AuCode | None, levels: tuple[int, int], probability: float | None, can_grade: bool
    ) -> AuCode:
        """The code from what the columns gave; the code column decides before intensity and probability."""
        if code is None and can_grade:
            code = self._graded(levels)
        elif code is None:
            code = self._from_probability(probability)
        elif levels != (SIDE_NOT_SCORED, SIDE_NOT_SCORED) and code.state in (PRESENT, ABSENT):
            # Detectors have one output for the code and one for the level, which can disagree.
            if code.state == PRESENT and max(levels) == SIDE_NONE:
                levels = (SIDE_UNGRADED, SIDE_UNGRADED)
            if code.state == PRESENT or self._graded(levels).state != PRESENT:
                code = replace(code, left=levels[0], right=levels[1])
        return code if probability is None else _with_probability(code, probability)

    def _graded(self, levels: tuple[int, int]) -> AuCode:
        """Present if a side reaches the threshold, absent if both are told and neither does."""
        told = [level for level in levels if level != SIDE_NOT_SCORED]
        if any(level >= self.mapping.threshold for level in told):
            return AuCode(PRESENT, *levels)
        return AuCode(ABSENT if len(told) == 2 else NOT_SCORED, *levels)

    def _from_probability(self, probability: float | None) -> AuCode:
        if probability is None:
            return AuCode(NOT_SCORED)
        return AuCode(PRESENT if probability >= self.mapping.probability_threshold else ABSENT)

    def _cell(self, cells: Sequence[str], column: str) -> str:
        return cells[self.places[column]] if column else ""

    def _known(self) -> str:
        mapping = self.mapping
        grades = {"occurrence": (), "letters": ("A to E",), "numbers": ("0 to 5",)}[mapping.style]
        texts = (*grades, *mapping.present, *mapping.absent, *mapping.unscorable, *mapping.not_scored)
        return ", ".join(text or "empty" for text in texts)

    def _long_read(self, cells: Sequence[str], problems: list[str]) -> dict[int, AuCode]:
        """The one AU of a row of a long table, as our own export writes it or with fewer columns."""
        mapping = self.mapping
        name = self._cell(cells, mapping.long_au)
        au = au_cell_parse(name)
        if au is None or au not in ACTION_UNITS:
            problems.append(f"{mapping.long_au} holds {cell_quote(name)}, which is no action unit")
            return {}
        columns = {
            "value": mapping.long_value,
            "intensity": mapping.long_intensity,
            "probability": mapping.long_probability,
        }
        found: dict[str, Any] = dict.fromkeys(columns)
        parsers: dict[str, Callable[[str], object]] = {
            "value": self.code_parse,
            "intensity": self.levels_parse,
            "probability": self.probability_parse,
        }
        for what, column in columns.items():
            try:
                found[what] = parsers[what](self._cell(cells, column)) if column else None
            except CellUnknown as unknown:
                problems.append(f"{column} of {au_label(au)} holds {unknown}")
        side = self._cell(cells, mapping.long_side).strip().casefold()
        levels = _side_apply(found["intensity"], side)
        if levels is None:
            shown = f"{mapping.long_side} of {au_label(au)} holds {cell_quote(side)}"
            problems.append(f"{shown}, which is not left, right or both")
            return {}
        code = self._combined(found["value"], levels, found["probability"], bool(mapping.long_intensity))
        return {au: self._scored_apply(code, cells, problems)}

    def _scored_apply(self, code: AuCode, cells: Sequence[str], problems: list[str]) -> AuCode:
        """Take the word of the column that says whether an AU was scored at all."""
        column = self.mapping.long_scored
        plain = cell_normal(self._cell(cells, column))
        if plain in ("", "yes", "1", "true"):
            return code
        if plain in ("no", "0", "false", "unscorable"):
            return AuCode(UNSCORABLE if plain == "unscorable" else NOT_SCORED, probability=code.probability)
        problems.append(f"{column} holds {cell_quote(plain)}, which is not yes, no or unscorable")
        return code


def _with_probability(code: AuCode, probability: float) -> AuCode:
    return AuCode(code.state, code.left, code.right, probability)


def _number_levels(plain: str, maximum: float) -> tuple[int, int] | None:
    value = number_parse(plain)
    if value is None or not 0 <= value <= maximum:
        return None
    level = math.floor(value * 5 / maximum + 1e-9)
    return level, level


def _letter_levels(plain: str) -> tuple[int, int] | None:
    """'c' on both sides, 'lc' on the left alone, 'lb rc', 'l' present but ungraded on the left."""
    levels = {"l": SIDE_NONE, "r": SIDE_NONE}
    joined = re.sub(r"\b([lr])\s+(?=[a-e0]\b)", r"\1", plain)
    parts = [part for part in re.split(r"[\s+/;,]+", joined) if part]
    for part in parts:
        match = _SIDE.fullmatch(part)
        if match is None or (not match[1] and len(parts) > 1):
            return None
        for side in match[1] or "lr":
            levels[side] = _level(match[2])
    return (levels["l"], levels["r"]) if parts and len(parts) <= 2 else None


def _level(letter: str) -> int:
    if not letter:
        return SIDE_UNGRADED
    return INTENSITY_LETTERS.find(letter.upper()) + 1  # '0' is not found, so 0


def _side_level(code: AuCode | None, side: str) -> int:
    """The level of one side from that side's own column."""
    if code is None or code.state in (NOT_SCORED, UNSCORABLE):
        return SIDE_NOT_SCORED
    if code.graded:
        return code.left if side == "left" else code.right
    return SIDE_UNGRADED if code.state == PRESENT else SIDE_NONE


def sides_write(left: int, right: int) -> tuple[str, str]:
    """The two cells (intensity, side) of our long export; `_side_apply` reads them back.

    'C', 'both'; 'C', 'left' (none on the right); 'LB RC', 'both'; 'C', 'left only scored'; an empty
    intensity beside a side means present but not graded.
    """
    if left == right:
        return ("", "") if left == SIDE_NOT_SCORED else (_letter(left), "both")
    if right == SIDE_NOT_SCORED:
        return _letter(left), "left only scored"
    if left == SIDE_NOT_SCORED:
        return _letter(right), "right only scored"
    if right == SIDE_NONE:
        return _letter(left), "left"
    if left == SIDE_NONE:
        return _letter(right), "right"
    return f"L{_letter(left)} R{_letter(right)}", "both"


def _letter(level: int) -> str:
    if level == SIDE_UNGRADED:
        return ""
    return INTENSITY_LETTERS[level - 1] if level else "0"


def _side_apply(levels: tuple[int, int] | None, side: str) -> tuple[int, int] | None:
    """(left, right) from an intensity and a side cell; None where the side is none."""
    alone = _SIDE_ALONE.get(side)
    word = alone or _SIDE_WORDS.get(side)
    if word is None:
        return None
    if levels is None:
        if not side:
            return SIDE_NOT_SCORED, SIDE_NOT_SCORED
        levels = (SIDE_UNGRADED, SIDE_UNGRADED)
    other = SIDE_NOT_SCORED if alone else SIDE_NONE
    if word == "both":
        return levels
    return (levels[0], other) if word == "left" else (other, levels[1])
