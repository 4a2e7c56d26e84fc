"""Sentences that jobs stored in English, in the reader's language: the known ones are looked up when they are
shown, any other is shown as it was stored."""

import re

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

OUTLIER_REASONS: dict[str, Promise] = {
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
KEPT_REASONS: dict[str, Promise] = {
    "on reference faces the vote did worse than the weak labels of this AU": _(
        "on reference faces the vote did worse than the weak labels of this AU"
    ),
    "the face is in no cluster, so nobody votes": _("the face is in no cluster, so nobody votes"),
    "its cluster is split evenly": _("its cluster is split evenly"),
}
"""Why a face keeps its weak label whatever the vote of a run said."""
WITNESSES: dict[str, Promise] = {
    "weak label": _("weak label"),
    "neighbours' weak labels": _("neighbours' weak labels"),
    "embedding neighbours' weak labels": _("embedding neighbours' weak labels"),
    "cluster's weak labels": _("cluster's weak labels"),
    "features' forecast of weak labels": _("features' forecast of weak labels"),
    "feature network": _("feature network"),
    "neighbours' scores": _("neighbours' scores"),
    "embedding neighbours' scores": _("embedding neighbours' scores"),
    "cluster's scores": _("cluster's scores"),
    "features' forecast of scores": _("features' forecast of scores"),
    "reference in the cluster": _("reference in the cluster"),
}
"""What the vote of a run listened to."""
SENTENCES: dict[str, Promise] = {
    **OUTLIER_REASONS,
    **KEPT_REASONS,
    **WITNESSES,
    "An embedding did not reach its tolerance: its residual is in the summary.": _(
        "An embedding did not reach its tolerance: its AU's card tells the residual."
    ),
}
PATTERNS: tuple[tuple[re.Pattern[str], Promise], ...] = (
    (
        re.compile(r"(?P<name>\w+) lowered from (?P<asked>\S+) to (?P<most>\d+): there are (?P<faces>\d+) faces\."),
        _("%(name)s lowered from %(asked)s to %(most)s: there are %(faces)s faces."),
    ),
    (
        re.compile(
            r"(?P<count>\d+) AUs have fewer than (?P<least>\d+) reference labels: "
            r"their proposals come from a vote without any\."
        ),
        ngettext_lazy(
            "%(count)d AU has fewer than %(least)s trusted codes: its proposals come from a vote without any.",
            "%(count)d AUs have fewer than %(least)s trusted codes: their proposals come from a vote without any.",
            "count",
        ),
    ),
    (
        re.compile(r"(?P<count>\d+) AUs have neither weak labels nor scores, so no proposals\."),
        ngettext_lazy(
            "%(count)d AU has neither weak labels nor scores, so no proposals.",
            "%(count)d AUs have neither weak labels nor scores, so no proposals.",
            "count",
        ),
    ),
)
"""Sentences with figures in them: how they are stored, and how they are told; “count” chooses the plural."""


def stored_words(text: str) -> str:
    """A stored sentence in the reader's language."""
    if text in SENTENCES:
        return str(SENTENCES[text])
    for pattern, told in PATTERNS:
        if found := pattern.fullmatch(text):
            figures = {name: int(value) if name == "count" else value for name, value in found.groupdict().items()}
            return str(told % figures)
    return text
