"""The parts of a hybrid side by side: what single frames give alone, what time gives alone, and both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from trainer.selectors.detector_reports import Figure, figure_read

Told = Mapping[str, Any]


@dataclass(frozen=True)
class PartRow:
    """One part over all coded faces, out of fold; means over AUs."""

    title: str
    f1: Figure | None
    f1_folds: float | None
    auc: Figure | None
    f1_event: float | None
    """Where half of an event must overlap."""
    area: float | None
    """Under F1-event over all overlaps."""


def parts_shown(report: Told) -> list[PartRow]:
    """Empty for a detector of one part."""
    parts, whole = report.get("parts"), report.get("cross_validation")
    if not parts or not whole:
        return []
    events = whole.get("events")
    both = {"mean": whole["mean"], "events": events["mean"] if events else None}
    titles = {"cnn": _("Single frames alone (CNN)"), "lstm": _("Along time alone (LSTM)"), "both": _("Both, fused")}
    return [_row(titles[name], told) for name, told in {**parts, "both": both}.items()]


def _row(title: str, told: Told) -> PartRow:
    mean, events = told["mean"], told["events"] or {}
    rule = mean["rules"]["validation"] or mean["rules"]["fixed"]
    return PartRow(
        title=title,
        f1=figure_read(rule["f1"]),
        f1_folds=rule["f1_folds"],
        auc=figure_read(mean["auc"]),
        f1_event=events.get("f1_half"),
        area=events.get("area"),
    )
