"""The packing of codes into masks and of intensities into bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annotator.masks import codes_pack, codes_unpack, intensities_pack, intensities_unpack, mask_of


@given(hnp.arrays(np.int8, (5, 63), elements=st.sampled_from([1, 0, -1, -2])))
def test_codes_survive_packing_in_all_63_bits(codes):
    bits = list(range(63))
    assert np.array_equal(codes_unpack(*codes_pack(codes, bits), bits), codes)


def test_an_unscored_code_is_not_absent():
    present, scored, unscorable = codes_pack(np.array([[-1, -2, 0]], np.int8), [0, 1, 2])
    assert (present[0], scored[0], unscorable[0]) == (0, 0b100, 0b010)


def test_a_64th_bit_is_refused():
    with pytest.raises(ValueError, match="63 is not an AU bit"):
        mask_of([63])


@given(st.dictionaries(st.integers(0, 62), st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=63))
def test_intensities_of_both_sides_survive_packing(sides):
    assert intensities_unpack(intensities_pack(sides)) == sides
