"""What the run pages show."""

from dataclasses import fields

from clustering.algorithms.settings import WSCSettings
from clustering.selectors.runs import SETTING_WORDS


def test_every_setting_is_told_in_words():
    assert {one.name for one in fields(WSCSettings)} - set(SETTING_WORDS) == {"lam_steps"}  # told with λ
