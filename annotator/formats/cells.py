"""What a single cell of a table can hold: plain forms, numbers, safe quotation, formula guards."""

from __future__ import annotations

import math
import re

# ASCII only on purpose: float() would also take '1_0', 'infinity' and digits of other scripts.
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"([+-]?)0*(\d+)(?:[.,]0*)?", re.ASCII)

# A spreadsheet runs a cell that begins with one of these (the last four are their full-width twins).
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")

QUOTE_LIMIT = 40


def cell_normal(text: str) -> str:
    """A cell in the form that rules compare: blanks off, lower case, '1.0' and '01' as '1', '-0' as '0'."""
    text = text.strip()
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        return text.casefold()
    sign = "-" if whole[1] == "-" and whole[2] != "0" else ""
    return sign + whole[2]


def number_parse(text: str) -> float | None:
    """The finite number that a cell holds, with a decimal point or comma; None if it holds none."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if math.isfinite(value) else None


def cell_quote(text: str, limit: int = QUOTE_LIMIT) -> str:
    """A cell quoted for a message: escaped, so that no control character gets through, and cut."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return "'" + "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown) + "'"


def formula_guard(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would run as a formula.

    Plain numbers such as -0.5 are left alone. Text that already has apostrophes before such a
    character gets one more, so that `formula_unguard` is an exact inverse.
    """
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def formula_unguard(text: str) -> str:
    """Take off the one apostrophe that `formula_guard` put on; other text comes back as it was."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
