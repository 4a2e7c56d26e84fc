"""Plain forms, numbers, quotation and formula guards of single cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.formats.cells import cell_normal, cell_quote, formula_guard, formula_unguard, number_parse

pytestmark = pytest.mark.backendless


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (" 1 ", "1"),
        ("1.0", "1"),
        ("01", "1"),
        ("0.00", "0"),
        ("-0", "0"),
        ("-1.0", "-1"),
        ("999,0", "999"),
        ("LB", "lb"),
        ("", ""),
        ("0.5", "0.5"),
    ],
)
def test_plain_form(text, plain):
    assert cell_normal(text) == plain


@pytest.mark.parametrize("text", ["nan", "inf", "1_0", "0x1", "١", "", "1,2,3", "1e999"])
def test_what_is_no_number(text):
    assert number_parse(text) is None


@pytest.mark.parametrize(
    ("text", "value"), [("0.25", 0.25), ("0,25", 0.25), ("-3", -3), (" 1e-3 ", 0.001), (".5", 0.5)]
)
def test_what_is_a_number(text, value):
    assert number_parse(text) == value


@given(st.text())
def test_quoted_cells_are_short_and_printable(text):
    shown = cell_quote(text)
    assert shown.isprintable()
    assert shown.count("") <= 40 * 10 + 3


@given(st.text())
def test_unguard_is_the_inverse_of_guard(text):
    assert formula_unguard(formula_guard(text)) == text


@given(st.text())
def test_a_guarded_cell_starts_no_formula(text):
    guarded = formula_guard(text)
    assert guarded[:1] not in tuple("=+-@\t\r\n") or number_parse(guarded) is not None or not guarded


@pytest.mark.parametrize("text", ["-0.5", "+3", "-1"])
def test_plain_numbers_are_not_guarded(text):
    assert formula_guard(text) == text


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "-1+cmd|' /C calc'!A0", "\t=1", "＝1"])
def test_formulas_are_guarded(text):
    assert formula_guard(text) == "'" + text
