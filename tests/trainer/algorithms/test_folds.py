"""Subjects kept apart: nobody on both sides, about the share that was asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.algorithms.folds import subjects_split


@given(
    st.lists(st.integers(-1, 8), min_size=2, max_size=60),
    st.floats(0, 0.5),
    st.integers(0, 5),
)
def test_every_row_is_on_one_side_and_every_subject_too(subjects: list[int], share: float, seed: int) -> None:
    groups = np.array(subjects)
    kept, apart = subjects_split(np.arange(len(groups)), groups, share, seed)
    assert sorted([*kept, *apart]) == list(range(len(groups)))
    assert len(kept) >= 2
    assert not set(groups[kept][groups[kept] >= 0]) & set(groups[apart][groups[apart] >= 0])


def test_many_small_subjects_come_near_the_share() -> None:
    groups = np.arange(1000) // 2
    _, apart = subjects_split(np.arange(1000), groups, 0.1, 3)
    assert len(apart) == 100


@pytest.mark.parametrize(("subjects", "apart"), [(4, 0), (5, 20), (8, 20)])
def test_few_large_subjects_give_one_where_there_are_five(subjects: int, apart: int) -> None:
    groups = np.repeat(np.arange(subjects), 20)
    assert len(subjects_split(np.arange(len(groups)), groups, 0.1, 0)[1]) == apart


def test_no_share_takes_nobody() -> None:
    assert len(subjects_split(np.arange(100), np.arange(100), 0.0, 0)[1]) == 0
