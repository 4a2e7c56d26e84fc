"""From cells to codes: what is understood, and that nothing else ever becomes absent."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.formats.codes import (
    ABSENT,
    NOT_SCORED,
    PRESENT,
    SIDE_NOT_SCORED,
    SIDE_UNGRADED,
    UNSCORABLE,
    AuCode,
    row_read,
)
from annotator.formats.mapping import ColumnMapping

pytestmark = pytest.mark.backendless

HEADER = ("image", "AU12", "AU12_i", "AU12_l", "AU12_r", "AU12_p")
FIELDS = {"AU12": "codes", "AU12_i": "intensities", "AU12_l": "left", "AU12_r": "right", "AU12_p": "probabilities"}


def read(mapping_changes=None, **cells):
    """AU12 from a row with just these cells; a list of problems where there are any."""
    columns = {FIELDS[name]: ((12, name),) for name in cells}
    mapping = ColumnMapping(header=HEADER, image="image", **columns | (mapping_changes or {}))
    found = row_read([cells.get(name, "") for name in HEADER], mapping)
    return list(found.problems) or found.codes[12]


LETTERS = {"style": "letters", "present": ("1",)}
NUMBERS = {"style": "numbers", "present": (), "absent": ()}


@pytest.mark.parametrize(
    ("cell", "state"),
    [
        ("1", PRESENT),
        (" 1.0", PRESENT),
        ("0", ABSENT),
        ("0.0", ABSENT),
        ("", NOT_SCORED),
        ("9", NOT_SCORED),
        ("9.0", NOT_SCORED),
        ("Occluded", UNSCORABLE),
    ],
)
def test_occurrence(cell, state):
    rule = {"not_scored": ("", "9"), "unscorable": ("occluded",)}
    assert read(rule, AU12=cell) == AuCode(state)


@pytest.mark.parametrize(
    ("cell", "left", "right", "state"),
    [
        ("A", 1, 1, ABSENT),
        ("b", 2, 2, PRESENT),
        ("LC", 3, 0, PRESENT),
        ("R A", 0, 1, ABSENT),
        ("L", 6, 0, PRESENT),
        ("LB RE", 2, 5, PRESENT),
        ("LB+RA", 2, 1, PRESENT),
        ("0", 0, 0, ABSENT),
        ("1", 6, 6, PRESENT),
        ("", SIDE_NOT_SCORED, SIDE_NOT_SCORED, NOT_SCORED),
    ],
)
def test_letters(cell, left, right, state):
    assert read(LETTERS, AU12=cell) == AuCode(state, left, right)


@pytest.mark.parametrize(
    ("cell", "level", "state"),
    [("0", 0, ABSENT), ("1", 1, ABSENT), ("1.9", 1, ABSENT), ("2", 2, PRESENT), ("5", 5, PRESENT)],
)
def test_numbers(cell, level, state):
    assert read(NUMBERS, AU12=cell) == AuCode(state, level, level)


def test_the_threshold_decides_what_a_level_means():
    assert read(LETTERS | {"threshold": 1}, AU12="A").state == PRESENT


@pytest.mark.parametrize(
    ("rule", "cells", "problem"),
    [
        ({}, {"AU12": "7"}, "AU12 holds '7', which the mapping does not know (1, 0, empty)"),
        (LETTERS, {"AU12": "F"}, "AU12 holds 'F', which the mapping does not know (A to E, 1, 0, empty)"),
        (NUMBERS, {"AU12": "5.5"}, "AU12 holds '5.5', which the mapping does not know (0 to 5, empty)"),
        (NUMBERS, {"AU12": "-1"}, "AU12 holds '-1', which the mapping does not know (0 to 5, empty)"),
        ({}, {"AU12_i": "6"}, "AU12_i holds '6', which is no intensity (0 to 5, or A to E)"),
        ({}, {"AU12_p": "1.2"}, "AU12_p holds '1.2', which is no probability (0 to 1)"),
        ({}, {"AU12_p": "nan"}, "AU12_p holds 'nan', which is no probability (0 to 1)"),
        ({}, {"AU12_p": "-0.1"}, "AU12_p holds '-0.1', which is no probability (0 to 1)"),
    ],
)
def test_what_is_not_understood_is_quoted(rule, cells, problem):
    assert read(rule, **cells) == [problem]


def test_long_and_hostile_cells_are_quoted_safely():
    (problem,) = read(AU12="<script>\r\n" + "x" * 500)
    assert len(problem) < 150 and problem.isprintable()


@pytest.mark.parametrize(("cell", "state"), [("0.5", PRESENT), ("0.49", ABSENT), ("", NOT_SCORED), ("0,7", PRESENT)])
def test_a_probability_alone_decides_by_its_threshold(cell, state):
    assert read(AU12_p=cell).state == state


def test_a_code_column_decides_before_the_probability_beside_it():
    assert read(AU12="0", AU12_p="0.9") == AuCode(ABSENT, probability=0.9)


def test_a_missing_code_beside_a_probability_stays_missing():
    assert read(AU12="", AU12_p="0.9") == AuCode(NOT_SCORED, probability=0.9)


def test_an_intensity_goes_with_its_code():
    assert read(AU12="1", AU12_i="3.7") == AuCode(PRESENT, 3, 3)


def test_an_intensity_that_contradicts_its_code_is_not_kept():
    assert read(AU12="0", AU12_i="3.7") == AuCode(ABSENT)
    assert read(AU12="1", AU12_i="0.2") == AuCode(PRESENT, SIDE_UNGRADED, SIDE_UNGRADED)


def test_a_trace_beside_absent_is_kept():
    assert read(AU12="0", AU12_i="1") == AuCode(ABSENT, 1, 1)


def test_intensities_on_a_scale_to_one():
    assert read({"intensity_maximum": 1.0}, AU12_i="0.6") == AuCode(PRESENT, 3, 3)


@pytest.mark.parametrize(
    ("left", "right", "state"),
    [("B", "0", PRESENT), ("A", "0", ABSENT), ("0", "", NOT_SCORED), ("", "C", PRESENT), ("", "", NOT_SCORED)],
)
def test_sides_from_columns_of_their_own(left, right, state):
    assert read(LETTERS, AU12_l=left, AU12_r=right).state == state


def test_sides_that_are_both_unscorable_make_the_au_unscorable():
    assert read({"unscorable": ("?",)}, AU12_l="?", AU12_r="?") == AuCode(UNSCORABLE)
    assert read({"unscorable": ("?",)}, AU12_l="?", AU12_r="0").state == NOT_SCORED


def test_occurrence_by_side():
    assert read(AU12_l="1", AU12_r="0") == AuCode(PRESENT, SIDE_UNGRADED, 0)


def test_rows_where_the_tracker_lost_the_face_hold_no_codes():
    mapping = ColumnMapping(
        header=("image", "success", "AU12"), image="image", success="success", codes=((12, "AU12"),)
    )
    assert row_read(["a", "0", "0"], mapping).codes == {12: AuCode(NOT_SCORED)}
    assert row_read(["a", "1", "0"], mapping).codes == {12: AuCode(ABSENT)}


def test_one_bad_cell_makes_the_whole_row_bad():
    mapping = ColumnMapping(header=("image", "AU1", "AU2"), image="image", codes=((1, "AU1"), (2, "AU2")))
    found = row_read(["a", "1", "x"], mapping)
    assert found.codes == {} and len(found.problems) == 1


@given(
    st.text(max_size=6) | st.sampled_from(["", "9", "999", "-1", "nan", "NA", "null", "?", " ", "O", "０", "2", "A"])
)
def test_unknown_never_becomes_absent_by_occurrence(cell):
    found = read(AU12=cell)
    is_zero = re.fullmatch(r"\s*[+-]?0+([.,]0*)?\s*", cell, re.ASCII)
    assert (isinstance(found, AuCode) and found.state == ABSENT) == bool(is_zero)


@given(
    st.sampled_from([{}, LETTERS, NUMBERS]),
    st.sampled_from(sorted(FIELDS)),
    st.sampled_from(["", "  ", "9", "-1", "NA"]),
)
def test_unknown_never_becomes_absent_in_any_column(rule, column, cell):
    found = read({"not_scored": ("", "9", "-1", "na")} | rule, **{column: cell})
    assert not isinstance(found, AuCode) or found.state == NOT_SCORED
