"""What a reviewer stays with from one cluster to the next: one AU, or a region of the face."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotator.facs import ACTION_UNITS, au_label
from annotator.selectors.review import Progress

REGIONS: Mapping[str, str | Promise] = {
    "upper": _("upper face"),
    "lower": _("lower face"),
    "head": _("head"),
    "eyes": _("eyes"),
    "other": _("other AUs"),
}
"""The regions of annotator.facs that clusters are made for, in the order of a coder's passes."""


@dataclass(frozen=True)
class Pass:
    """The AUs whose clusters are reviewed one after another."""

    key: str
    """As addresses and forms have it: an AU's number, or the name of a region."""
    title: str
    aus: frozenset[int]


def pass_of(key: str) -> Pass | None:
    """The pass of this key; None for any other text, which means every AU."""
    if key.isascii() and key.isdigit() and len(key) < 4:
        return Pass(str(int(key)), au_label(int(key)), frozenset({int(key)}))
    if key not in REGIONS:
        return None
    aus = frozenset(number for number, unit in ACTION_UNITS.items() if unit.region == key)
    return Pass(key, str(REGIONS[key]), aus)


@dataclass(frozen=True)
class PassRow:
    """A region as the queue offers it."""

    key: str
    title: str | Promise
    aus: list[int]
    left: int
    corrections: float
    ready: bool
    """Whether this reviewer could go on in it now."""


def passes_offered(rows: Sequence[tuple[Progress, bool]]) -> list[PassRow]:
    """The regions in which more than one AU has clusters, out of the queue's partitions, of each of
    which it is told whether the reviewer could go on in it."""
    offered = []
    for key, title in REGIONS.items():
        within = [
            (row, ready) for row, ready in rows if any(ACTION_UNITS[coded.au].region == key for coded in row.aus)
        ]
        listed = {coded.au: None for row, _ready in within for coded in row.aus}
        aus = [au for au in listed if ACTION_UNITS[au].region == key]
        if len(aus) > 1:
            offered.append(
                PassRow(
                    key=key,
                    title=title,
                    aus=aus,
                    left=sum(row.left for row, _ready in within),
                    corrections=sum(row.corrections for row, _ready in within),
                    ready=any(ready and row.left > 0 for row, ready in within),
                )
            )
    return offered
