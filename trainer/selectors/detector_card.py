"""A detector's model card, made of what was recorded with it: the same for the page and beside the weights."""

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from django.utils import timezone

from annotator.facs import ACTION_UNITS
from annotator.models import Detector
from trainer.algorithms.cards import card_write
from trainer.selectors.detector_reports import emotions_told, head_of, is_brief
from trainer.selectors.detectors import snapshot_told


def card_make(detector: Detector) -> str:
    """The card in Markdown; its figures are those of the report pages. The detector may lack its row still:
    then it is made today."""
    snapshot = snapshot_told(detector)
    summary: dict[str, Any] = {**detector.snapshot.summary, "sources": snapshot.sources}
    emotions = emotions_told(detector.report)
    if snapshot.left_out:
        summary["left_out"] = dict(snapshot.left_out)
    return card_write(
        {
            "name": detector.name,
            "method": detector.method,
            "aus": detector.aus,
            "au_names": {au: ACTION_UNITS[au].name for au in detector.aus if au in ACTION_UNITS},
            "thresholds": detector.thresholds or None,
            "dataset": detector.dataset.name,
            "revision": snapshot.revision,
            "protocol": snapshot.protocol,
            "snapshot": detector.snapshot_id,
            "seed": detector.seed,
            "date": f"{detector.created_at or timezone.now():%Y-%m-%d}",
            "software": f"Corrugator {version('corrugator')}",
            "summary": summary,
            "emotions": asdict(emotions) if emotions else None,
            "settings": detector.configuration,
            "report": _brief(detector) if is_brief(detector.report) else detector.report,
        }
    )


def _brief(detector: Detector) -> dict[str, str]:
    """In a sentence, what is known of a detector that was made along with a feature set."""
    head = head_of(detector.report)[0]
    cell = next(cell for cell in head.cells if cell.mean)
    assert cell.mean is not None
    told = f"{cell.mean.f1.value:.3f}" if cell.mean.f1 else "undefined"
    return {
        "cross_validation_why": f"Made along with a feature set. Out of fold, mean F1 {told} at a threshold of one "
        f"half over {cell.mean.aus} AUs with present codes, of {head.faces:,} faces; no intervals were kept.",
        "test_why": "It was not judged on test faces.",
    }
