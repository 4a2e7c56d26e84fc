"""A detector's predictions: its layer, and whether it speaks of every face there is."""

from annotator.choices import LayerKind
from annotator.models import Detector, LabelLayer


def prediction_layer(detector: Detector) -> LabelLayer | None:
    """The detector's one layer of predictions, if it has predicted."""
    return LabelLayer.objects.filter(
        dataset=detector.dataset_id, kind=LayerKind.PREDICTION, detector=detector
    ).first()


def prediction_is_current(detector: Detector) -> bool:
    """Whether every face of the data set has a prediction of this detector; they never change otherwise."""
    layer = prediction_layer(detector)
    # A layer has one row a face at most, all of this data set: equal numbers are the same faces.
    return layer is not None and layer.labels.count() == detector.dataset.faces.count()
