"""The AU catalogue and its helpers."""

import pytest

from annotator import facs

pytestmark = pytest.mark.backendless

EXPECTED = {
    *(1, 2, 4, 5, 6, 7, 43, 45, 46),
    *(8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28),
    *(19, 21, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39),
    *range(51, 59),
    *(61, 62, 63, 64, 65, 66, 68, 69),
    *range(70, 75),
}


def test_the_catalogue_has_every_unit_that_coders_use():
    assert set(facs.ACTION_UNITS) >= EXPECTED


def test_every_unit_stands_under_its_own_number_with_a_name_of_its_own():
    assert all(number == unit.number for number, unit in facs.ACTION_UNITS.items())
    names = [unit.name for unit in facs.ACTION_UNITS.values()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("number", "region"), [(4, "upper"), (12, "lower"), (30, "other"), (51, "head"), (61, "eyes"), (73, "visibility")]
)
def test_regions(number, region):
    assert facs.au_get(number).region == region


def test_only_the_blink_needs_a_clip():
    assert [unit.number for unit in facs.ACTION_UNITS.values() if not unit.in_still] == [45]


def test_pairs_name_known_units_in_order():
    for a, b in facs.OPPOSITES + facs.UNLIKELY_PAIRS:
        assert a < b and {a, b} <= set(facs.ACTION_UNITS)


def test_pairs_hold_the_turns_of_the_head_and_a_smile_with_lowered_corners():
    assert (51, 52) in facs.OPPOSITES and (51, 54) not in facs.OPPOSITES
    assert (12, 15) in facs.UNLIKELY_PAIRS


def test_labels_and_columns():
    assert facs.au_label(12) == "AU12"
    assert facs.au_column(1) == "AU01"


def test_intensity_letters_and_levels_are_inverse():
    assert [facs.intensity_level(facs.intensity_letter(level)) for level in range(1, 6)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("level", [0, 6, -1])
def test_a_level_without_a_letter_is_quoted_in_the_error(level):
    with pytest.raises(ValueError, match=str(level)):
        facs.intensity_letter(level)


@pytest.mark.parametrize("letter", ["", "F", "AB", "1"])
def test_a_letter_without_a_level_is_refused(letter):
    with pytest.raises(ValueError, match="A to E"):
        facs.intensity_level(letter)


def test_an_unknown_unit_is_quoted_in_the_error():
    with pytest.raises(ValueError, match="3"):
        facs.au_get(3)
