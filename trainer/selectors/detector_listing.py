"""Detectors as the REST API tells them: plain rows, links apart."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Prefetch

from annotator.choices import LayerKind
from annotator.models import DataSet, Detector, FeatureSet, LabelLayer
from trainer.selectors.detector_reports import MeanFigures, head_of
from trainer.selectors.detectors import detector_for, detectors_shown

NEWEST = 100


def detectors_listed(user: User, dataset: DataSet) -> list[dict[str, Any]]:
    """The newest hundred detectors without their reports."""
    found = detectors_shown(user, dataset).prefetch_related(*_made_with())[:NEWEST]
    return [detector_described(detector) for detector in found]


def detector_detailed(user: User, dataset: DataSet, detector_id: int) -> dict[str, Any]:
    """One detector with its report, its settings and what it was trained on."""
    detector = detector_for(user, dataset, detector_id)
    snapshot = detector.snapshot
    return {
        **detector_described(detector),
        "thresholds": dict(zip(map(str, detector.aus), detector.thresholds, strict=False)),
        "configuration": detector.configuration,
        "snapshot": {
            "id": snapshot.pk,
            "revision": snapshot.revision,
            "protocol_version": snapshot.protocol.version,
            "aus": snapshot.aus,
            "sources": snapshot.sources,
            "layers": snapshot.layers,
            "summary": snapshot.summary,
        },
        "report": detector.report,
    }


def detector_described(detector: Detector) -> dict[str, Any]:
    """What a list says of a detector."""
    layers = [one.pk for one in detector.layers.all() if one.kind == LayerKind.PREDICTION]
    feature_sets = [one.pk for one in detector.feature_sets.all()]
    return {
        "id": detector.pk,
        "name": detector.name,
        "method": detector.method,
        "aus": detector.aus,
        "seed": detector.seed,
        "mean_f1": {
            row.name: {cell.rule: _figure(cell.mean) for cell in row.cells} if row.cells else None
            for row in head_of(detector.report)
        },
        "revision": detector.snapshot.revision,
        "job": detector.job_id,
        "layer": layers[0] if layers else None,
        "feature_set": feature_sets[0] if feature_sets else None,
        "weights_sha256": detector.weights_sha256,
        "created_at": detector.created_at,
        "promoted_at": detector.promoted_at,
    }


def _figure(mean: MeanFigures | None) -> dict[str, float | None] | None:
    if mean is None or mean.f1 is None:
        return None
    return {"value": mean.f1.value, "low": mean.f1.low, "high": mean.f1.high}


def _made_with() -> Iterable[Prefetch]:  # type: ignore[type-arg]
    yield Prefetch("layers", LabelLayer.objects.only("pk", "kind", "detector_id"))
    yield Prefetch("feature_sets", FeatureSet.objects.only("pk", "detector_id"))
