"""Sentences that jobs stored in English, in the reader's language: the known ones are looked up when they are
shown, any other is shown as it was stored."""

import re

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, Promise] = {
    "unlike any other face here": _("unlike any other face here"),
    "its look-alikes resemble others more": _("its look-alikes resemble others more"),
    "in no cluster for almost every AU": _("in no cluster for almost every AU"),
    "the weak labels don't go with the picture": _("the weak labels don't go with the picture"),
    "little fine detail, perhaps blurred": _("little fine detail, perhaps blurred"),
    "very rough, perhaps a pattern or noise": _("very rough, perhaps a pattern or noise"),
    "much darker than most": _("much darker than most"),
    "much brighter than most": _("much brighter than most"),
}
"""Why a face ranks high among the outliers of a run."""
PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"(?P<name>\w+) lowered from (?P<asked>\S+) to (?P<most>\d+): there are (?P<faces>\d+) faces\."),
        gettext_noop("%(name)s lowered from %(asked)s to %(most)s: there are %(faces)s faces."),
    ),
)
"""Sentences with figures in them: how they are stored, and how they are told."""


def stored_words(text: str) -> str:
    """A stored sentence in the reader's language."""
    if text in SENTENCES:
        return str(SENTENCES[text])
    for pattern, told in PATTERNS:
        if found := pattern.fullmatch(text):
            return gettext(told) % found.groupdict()
    return text
