"""Choices of faces in short for an address, and packed for a row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.errors import InputRefused
from annotator.selectors import positions as module
from annotator.selectors.positions import (
    positions_of_bytes,
    positions_pack,
    positions_read,
    positions_unpack,
    positions_write,
)

ANY = st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 60), max_size=40, unique=True).map(sorted)


@pytest.mark.parametrize(
    ("positions", "notation"), [([9, 3, 4, 5], "3-5,9"), ([7], "7"), ([], ""), ([1, 2, 1], "1-2"), ([0, 2], "0,2")]
)
def test_a_selection_is_written_in_short_and_read_back(positions, notation):
    assert positions_write(positions) == notation
    assert positions_read(notation).tolist() == sorted(set(positions))


@pytest.mark.parametrize("notation", ["a", "3-", "5-3", "-1", "1,,2", "0-999999999", "9" * 30, "²", "1;DROP"])
def test_what_is_no_selection_is_refused(notation):
    with pytest.raises(InputRefused):
        positions_read(notation)


@given(ANY)
def test_any_positions_survive_writing(positions):
    assert positions_read(positions_write(positions)).tolist() == positions


@given(ANY)
def test_any_positions_survive_packing(positions):
    packed = positions_pack(np.array(positions, np.int64))
    assert positions_unpack(packed, len(positions)).tolist() == positions


@given(ANY)
def test_any_ascending_bytes_are_read(positions):
    assert positions_of_bytes(np.array(positions, "<u4").tobytes()).tolist() == positions


@given(st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=50))
@settings(max_examples=50)
def test_bytes_that_do_not_ascend_are_refused(numbers):
    numbers = [*numbers, numbers[0]]
    with pytest.raises(InputRefused):
        positions_of_bytes(np.array(numbers, "<u4").tobytes())


def test_half_a_number_and_too_many_are_refused(monkeypatch):
    with pytest.raises(InputRefused):
        positions_of_bytes(b"\0\0\0")
    monkeypatch.setattr(module, "SELECTION_MOST", 3)
    with pytest.raises(InputRefused, match="at most 3"):
        positions_of_bytes(np.arange(4, dtype="<u4").tobytes())


def test_a_million_neighbours_are_a_few_bytes_and_a_wrong_size_is_noticed():
    packed = positions_pack(np.arange(1_000_000))
    assert len(packed) < 10_000
    with pytest.raises(ValueError, match="holds"):
        positions_unpack(packed, 999_999)
