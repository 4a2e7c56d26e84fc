"""Colours, spaces and sizes of text are tokens: no style sheet but tokens.css holds a literal one."""

import re
from pathlib import Path

import pytest

STYLES = Path(__file__).resolve().parents[3] / "static" / "css"
SHEETS = sorted(path for path in STYLES.glob("*.css") if path.name != "tokens.css")
COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|oklch|oklab|lab|lch|hwb|light-dark)\(", re.I)
NAMED = re.compile(r"\b(?:white|black|red|green|blue|gr[ae]y|orange|yellow|silver|purple|magenta|cyan)\b", re.I)
SPACES = re.compile(r"(?:margin|padding)(?:-[a-z]+)*|(?:row-|column-)?gap")
LENGTH = re.compile(r"(?<![\w.-])-?\d*\.?\d+(?:rem|px|pt|ch|vw|vh)\b")
TEXT = re.compile(r"font(?:-size)?")
HAIRLINES = {"1px", "-1px", "2px"}
"""To lie on an edge or beside it; everything wider is a space."""


def declarations(text: str) -> list[tuple[str, str]]:
    """(property, value) of a style sheet, without comments."""
    bare = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.findall(r"(?<=[{;\s])([a-z-]+):\s*([^;{}]+);", bare)


def literals(text: str) -> list[str]:
    """The declarations that hold a colour, a space, a radius or a size of text of their own."""
    wrong = []
    for name, value in declarations(text):
        plain = re.sub(r"var\([^)]*\)|url\([^)]*\)", "", value)
        lengths = set(LENGTH.findall(plain)) - HAIRLINES
        if (
            (not name.startswith("--") and (COLOUR.search(plain) or NAMED.search(plain)))
            or (SPACES.fullmatch(name) and lengths)
            or (name == "border-radius" and LENGTH.search(plain))
            or (TEXT.fullmatch(name) and LENGTH.search(plain))
        ):
            wrong.append(f"{name}: {value}")
    return wrong


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_a_style_sheet_takes_its_values_from_the_tokens(sheet):
    assert literals(sheet.read_text()) == []


@pytest.mark.parametrize(
    "rule",
    [
        "a { color: #fff; }", "a { color: white; }", "a { margin: 0 5px; }", "a { padding-left: 0.3rem; }",
        "a { gap: 6px; }", "a { font-size: 12px; }", "a { border-radius: 4px; }", "a { background: rgb(0 0 0); }",
        "a { font: 600 1rem/1 x; }",
    ],
)  # fmt: skip
def test_literals_are_found(rule):
    assert literals(rule) != []


def test_tokens_used_are_tokens_that_are_there():
    known = set(re.findall(r"(--[\w-]+):", (STYLES / "tokens.css").read_text()))
    used, own = set(), set()
    for sheet in SHEETS:
        text = sheet.read_text()
        used |= set(re.findall(r"var\((--[\w-]+)(?=\))", text))
        own |= set(re.findall(r"(--[\w-]+):", text))
    assert used - known - own == set()
