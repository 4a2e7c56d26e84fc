"""What a clustering run reads: faces, weak codes and probabilities, trusted codes."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from django.db.models import Max, QuerySet
from numpy.typing import NDArray

from annotator.choices import FaceRole, LayerKind
from annotator.models import ClusterRun, DataSet, Face, FeatureSet, Label, LabelLayer
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.codes import coded_aus, layer_codes
from annotator.selectors.effective import effective_codes

TRUSTED = (LayerKind.CONSENSUS, LayerKind.CODER, LayerKind.REFERENCE)


def weak_layers(dataset: DataSet) -> QuerySet[LabelLayer]:
    """The layers that a run may take as weak labels, newest first."""
    return LabelLayer.objects.filter(dataset=dataset, kind__in=[LayerKind.WEAK, LayerKind.PREDICTION]).order_by("-id")


def features_default(dataset: DataSet) -> FeatureSet | None:
    """The feature set a run takes when none is named: the promoted detector's newest, where it has one that
    speaks of every face, else the newest of all. Features that were extracted, or predicted with another
    detector, after the promotion wait until they are named or their detector is promoted."""
    last = dataset.faces.aggregate(last=Max("position"))["last"]
    sets = dataset.feature_sets.select_related("features", "detector")
    for one in sets.filter(detector__promoted_at__isnull=False):
        if last is None or one.features.shape[0] > last:
            return one
    return sets.first()


def weak_default(dataset: DataSet, aus: Collection[int] | None = None) -> LabelLayer | None:
    """The layer a run of these AUs (all on the list) takes when none is named.

    The promoted detector's predictions, where they speak of every face and the detector knows every AU of the
    run: an AU that it doesn't know would have no weak labels. Else the layer that has codes for most faces, the
    newest of several, so that a small later file doesn't become the run's only weak labels unasked. Predictions
    of other detectors are taken only where there is nothing else.
    """
    wanted = {coded.au for coded in coded_aus(dataset)} if aus is None else set(aus)
    layers = list(weak_layers(dataset).select_related("detector"))
    promoted = {
        layer.pk
        for layer in layers
        if layer.detector and layer.detector.promoted_at is not None and wanted <= set(layer.detector.aus)
    }
    known = [layer for layer in layers if layer.kind == LayerKind.WEAK or layer.pk in promoted] or layers
    # One count a layer, each from an index: counted together, every label row would carry its layer's columns.
    for layer in known:
        layer.faces = Label.objects.filter(layer=layer).count()  # type: ignore[attr-defined]
    total = dataset.faces.count() if promoted else 0
    return max(
        known,
        key=lambda layer: (layer.pk in promoted and layer.faces >= total, layer.faces, layer.pk),  # type: ignore[attr-defined]
        default=None,
    )


@dataclass(frozen=True)
class RunInput:
    """N faces in the order of their positions, A AUs; codes are 1 present, 0 absent, −1 unknown."""

    positions: NDArray[np.int64]
    weak: NDArray[np.int8]
    weak_probability: NDArray[np.float32] | None
    trusted: NDArray[np.int8] | None
    """Reviewed and reference codes; all −1 for test faces, whose reference is for reporting only."""
    trusted_layers: list[int]
    """Ids of the layers that `trusted` was read from."""
    quality: NDArray[np.float32]
    """(N, 2) sharpness, brightness."""
    revision: int
    """The data set's when reading began."""

    def fingerprint(self) -> str:
        """A short hash of all that was read: equal for the same faces with the same codes."""
        digest = hashlib.sha256()
        for part in (self.positions, self.weak, self.weak_probability, self.trusted, self.quality):
            digest.update(b"-" if part is None else np.ascontiguousarray(part).data)
        return digest.hexdigest()[:16]


def run_input(run: ClusterRun) -> RunInput:
    """What the run reads, as it is now; the data set's `revision` is read anew before it."""
    dataset = run.dataset
    dataset.refresh_from_db(fields=["revision"])
    revision = dataset.revision
    rows = list(
        Face.objects.filter(dataset=dataset)
        .order_by("position")
        .values_list("id", "position", "role", "sharpness", "brightness")
    )
    ids = [row[0] for row in rows]
    positions = np.array([row[1] for row in rows], dtype=np.int64)
    is_test = np.array([row[2] == FaceRole.TEST for row in rows], dtype=bool)
    aus = [coded for coded in coded_aus(dataset) if coded.au in run.aus]
    bits = [coded.bit for coded in aus]
    assert run.weak_layer is not None
    weak = np.maximum(layer_codes(run.weak_layer, ids).codes(bits), -1)
    layers = list(LabelLayer.objects.filter(dataset=dataset, kind__in=TRUSTED))
    counted = effective_codes(
        dataset,
        layers,
        ids,
        aus,
        accept_proposals=False,
        coders_needed=dataset.protocols.latest("version").coders_per_item,
    )
    # A face that people set apart as noise vouches for nothing, nor does a test face.
    trusted = np.where((is_test | counted.noise)[:, None], -1, counted.codes).astype(np.int8)
    return RunInput(
        positions,
        weak,
        _probabilities(run.weak_layer, positions, bits),
        trusted if (trusted >= 0).any() else None,
        [layer.pk for layer in layers],
        np.array([[row[3], row[4]] for row in rows], dtype=np.float32).reshape(-1, 2),
        revision,
    )


def _probabilities(layer: LabelLayer, positions: NDArray[np.int64], bits: list[int]) -> NDArray[np.float32] | None:
    if layer.probabilities is None:
        return None
    return values_at(array_read(layer.probabilities, check=True), positions, np.nan)[:, bits].astype(np.float32)
