"""The prediction job: a detector looks at every face; features, scores and a layer of predictions are kept.

Runs in a worker: imports torch. Faces pass by in parts and lie in files, so that a million fit. A face that
the detector was trained on keeps the score of the network that never saw its subject.
"""

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.errors import InputRefused
from annotator.masks import ABSENT, BITS, NOT_SCORED, PRESENT, codes_pack
from annotator.models import DataSet, Detector, FeatureSet, LabelLayer
from annotator.selectors.arrays import array_read
from annotator.selectors.columns import columns_keep
from annotator.services.arrays import array_write
from annotator.services.datasets import revision_raise
from annotator.services.job_running import JobContext
from annotator.services.labels import labels_write
from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.clips import runs_find
from trainer.algorithms.devices import device_choose
from trainer.algorithms.hybrid import sigmoid
from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.prediction import outputs_predict
from trainer.algorithms.scaling import standardised_parts
from trainer.algorithms.temporal import Temporal, outputs_follow
from trainer.algorithms.weights import WeightsError, weights_load
from trainer.selectors.training_codes import FaceTable, face_table
from trainer.services.keeping import au_bits, job_folder, positions_total
from trainer.services.pictures import faces_stream

CHUNK = 20_000
SAVE_SECONDS = 10.0
NO_THRESHOLD = 0.5


@dataclass(frozen=True)
class Looked:
    """N faces as a detector sees them, mapped from files in the job's folder."""

    features: NDArray[np.float32]
    """(N, F) as the network gives them."""
    scores: NDArray[np.float32]
    """(N, A) probabilities, out of fold for the faces trained on."""


def prediction_run(context: JobContext) -> dict[str, Any]:
    """Look at all faces with the job's detector: {"layer", "feature_set", "faces"}."""
    detector = Detector.objects.select_related("dataset", "out_of_fold").get(pk=context.params["detector"])
    faces = face_table(detector.dataset)
    if not faces.ids:
        raise InputRefused(_("There are no faces yet: import some first."))
    looked = None
    feature_set = feature_set_current(detector, faces)
    if feature_set is None:
        looked = faces_look(context, detector, faces)
    context.progress(0.9, _("Keeping features and predictions"))
    with transaction.atomic():
        DataSet.objects.select_for_update().get(pk=detector.dataset_id)
        if looked is not None:
            feature_set = features_keep(context, detector, faces, looked)
        assert feature_set is not None
        layer = _layer_write(detector, faces, feature_set)
        revision_raise(detector.dataset)
        context.stop_if_asked()
    shutil.rmtree(job_folder(context), ignore_errors=True)
    columns_keep(detector.dataset_id)
    return {"layer": layer.pk, "feature_set": feature_set.pk, "faces": len(faces.ids)}


def feature_set_current(detector: Detector, faces: FaceTable) -> FeatureSet | None:
    """The detector's feature set that has scores of all these faces already, if there is one."""
    newest = detector.feature_sets.exclude(scores=None).select_related("scores").first()
    if newest is None or newest.scores is None or newest.scores.shape[0] <= faces.positions.max():
        return None
    scores = array_read(newest.scores, check=True)
    bits = au_bits(detector.dataset, detector.aus)
    seen = all(
        np.isfinite(scores[faces.positions[start : start + CHUNK]][:, bits]).any(axis=1).all()
        for start in range(0, len(faces.ids), CHUNK)
    )
    return newest if seen else None


def network_fetch(detector: Detector) -> FaceNetwork:
    """The detector's network. Raises InputRefused when its weights are missing or damaged."""
    with tempfile.TemporaryDirectory(dir=settings.DATA) as folder:
        path = Path(folder) / "weights.safetensors"
        try:
            with default_storage.open(detector.weights_name) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
            return weights_load(path)[0]
        except FileNotFoundError:
            raise InputRefused(_("The weights of “%(name)s” are missing.") % {"name": detector.name}) from None
        except WeightsError as error:
            raise InputRefused(str(error)) from error


def faces_look(context: JobContext, detector: Detector, faces: FaceTable, share: float = 0.9) -> Looked:
    """Features and scores of the faces; an interrupted look goes on with the face it had come to.

    `share`: how far the job is when all are seen.
    """
    network = network_fetch(detector)
    network.to(device_choose())
    count, done = len(faces.ids), _rows_done(context, detector, faces)
    features = _mapped(context, "features", (count, network.config.features), done)
    scores = _mapped(context, "scores", (count, network.config.outputs), done)
    saved = time.monotonic()
    for row, pixels in faces_stream(context, detector.dataset, faces, network.config.input_size, done):
        part = slice(row, row + len(pixels))
        try:
            features[part], scores[part] = outputs_predict(
                network,
                pixels,
                np.arange(len(pixels)),
                cancelled=context.cancelled,
                logits=network.temporal is not None,
            )
        except Cancelled:
            context.stop_if_asked()
            raise
        message = _("%(done)d of %(faces)d faces seen") % {"done": part.stop, "faces": count}
        context.progress(share * part.stop / count, message, faces=part.stop)
        if time.monotonic() - saved > SAVE_SECONDS:
            for laid in (features, scores):
                laid.flush()  # the database must not know of rows that a power cut takes
            context.checkpoint_save(looked=part.stop)
            saved = time.monotonic()
    whole: NDArray[np.float32] = scores
    if network.temporal is not None:
        whole = _clips_follow(context, network.temporal, faces, features, scores, share)
    _out_of_fold_lay(detector, faces, whole)
    return Looked(features, whole)


def _clips_follow(
    context: JobContext,
    temporal: Temporal,
    faces: FaceTable,
    features: NDArray[np.float32],
    logits: NDArray[np.float32],
    share: float,
) -> NDArray[np.float32]:
    """Probabilities (N, A) of all faces, those in clips seen along time; in files, as a clip may be of any length.

    Quick beside looking at pictures: an interrupted one begins anew.
    """
    scores, outputs = (_mapped(context, name, logits.shape, 0) for name in ("whole", "outputs"))
    for start in range(0, len(logits), CHUNK):
        scores[start : start + CHUNK] = sigmoid(logits[start : start + CHUNK])
    runs = runs_find(faces.in_time, np.arange(len(faces.ids)), temporal.config.gap)

    def told(fraction: float, _message: str) -> None:
        message = _("%(done)d of %(frames)d frames followed") % {
            "done": round(fraction * len(runs.rows)),
            "frames": len(runs.rows),
        }
        context.progress(share, message)

    try:
        outputs_follow(temporal, features, logits, runs, outputs, scores, progress=told, cancelled=context.cancelled)
    except Cancelled:
        context.stop_if_asked()
        raise
    return scores


def _rows_done(context: JobContext, detector: Detector, faces: FaceTable) -> int:
    """How many faces an earlier attempt had seen, if these are the same faces and its files are here."""
    of = f"{detector.weights_sha256} {faces.digest}"
    same = context.checkpoint.get("looked_of") == of
    done = int(context.checkpoint.get("looked", 0))
    if same and done and all((job_folder(context) / f"{name}.npy").exists() for name in ("features", "scores")):
        return done
    context.checkpoint_save(looked_of=of, looked=0)
    return 0


def _mapped(context: JobContext, name: str, shape: tuple[int, int], done: int) -> "np.memmap[Any, Any]":
    path = job_folder(context) / f"{name}.npy"
    return np.lib.format.open_memmap(path, "r+" if done else "w+", np.float32, shape)


def _out_of_fold_lay(detector: Detector, faces: FaceTable, scores: NDArray[np.float32]) -> None:
    """Put the out-of-fold scores in the place of those that the network gave the faces it learned from."""
    if detector.out_of_fold is None:
        return
    kept = array_read(detector.out_of_fold, check=True)
    for start in range(0, len(faces.ids), CHUNK):
        positions = faces.positions[start : start + CHUNK]
        inside = np.flatnonzero(positions < len(kept))
        honest = kept[positions[inside]]
        rows = scores[start : start + CHUNK]
        rows[inside] = np.where(np.isfinite(honest), honest, rows[inside])


def features_keep(context: JobContext, detector: Detector, faces: FaceTable, looked: Looked) -> FeatureSet:
    """Standardise the features, lay all out by position, and write the feature set's row."""
    dataset = detector.dataset
    total = positions_total(dataset)
    shape = (total, looked.features.shape[1])
    laid = np.lib.format.open_memmap(job_folder(context) / "laid.npy", "w+", np.float32, shape)
    for start in range(0, total, CHUNK):
        laid[start : start + CHUNK] = np.nan
    for row, part in standardised_parts(looked.features):
        laid[faces.positions[row : row + len(part)]] = part
    scores = np.full((total, BITS), np.nan, np.float16)
    scores[np.ix_(faces.positions, np.array(au_bits(dataset, detector.aus)))] = looked.scores
    return FeatureSet.objects.create(
        dataset=dataset,
        name=f"{detector.name[:100]} features",
        detector=detector,
        revision=dataset.revision,
        features=array_write(dataset=dataset, purpose="features", values=laid),
        scores=array_write(dataset=dataset, purpose="scores", values=scores),
        job=context.job,
    )


def _layer_write(detector: Detector, faces: FaceTable, feature_set: FeatureSet) -> LabelLayer:
    """The detector's one layer of predictions: present where the score, as it is stored, is above the
    AU's threshold. It shares its probabilities with the feature set."""
    dataset = detector.dataset
    layer, _new = LabelLayer.objects.get_or_create(
        dataset=dataset,
        kind=LayerKind.PREDICTION,
        detector=detector,
        defaults={"name": f"prediction {detector.pk}: {detector.name[:90]}"},
    )
    assert feature_set.scores is not None
    scores = array_read(feature_set.scores)
    bits = au_bits(dataset, detector.aus)
    thresholds = np.array(detector.thresholds or [NO_THRESHOLD] * len(bits), np.float32)
    for start in range(0, len(faces.ids), CHUNK):
        rows = scores[faces.positions[start : start + CHUNK]][:, bits].astype(np.float32)
        codes = np.where(rows > thresholds, PRESENT, ABSENT).astype(np.int8)
        codes[~np.isfinite(rows)] = NOT_SCORED
        present, scored, unscorable = codes_pack(codes, bits)
        labels_write(
            layer=layer,
            face_ids=faces.ids[start : start + CHUNK],
            present=present,
            scored=scored,
            unscorable=unscorable,
        )
    layer.probabilities = feature_set.scores
    layer.save(update_fields=["probabilities"])
    return layer
