"""Whole numbers in what people and pages send."""

DIGITS = 18
"""So many fit into a database's integer, whatever they are."""


def whole_number(text: str) -> int | None:
    """The number that a text of plain digits is; None for anything else and for more than 18 digits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS else None
