"""Intensities in words: “C”, “L B · R C”, “L C” where nothing is told about the right."""

from django.utils.translation import gettext as _

from annotator.choices import Intensity

LEVELS = {level.value: level.name for level in list(Intensity)[1:6]}
"""1 → A … 5 → E."""
LEVEL_OF = {letter: level for level, letter in LEVELS.items()}


def grade_words(left: int, right: int) -> str:
    """The intensities of both of the subject's own sides; empty where none is told, or where the code
    alone says it: absent on both sides, or present on both without a grade."""
    if left == right:
        return LEVELS.get(left, "")
    told = ((_("L"), left), (_("R"), right))
    return " · ".join(f"{side} {_level_words(level)}" for side, level in told if level != Intensity.NOT_SCORED)


def _level_words(level: int) -> str:
    if level in LEVELS:
        return LEVELS[level]
    return _("none") if level == Intensity.NONE else _("present")
