"""The features job: train the default detector (or take one), look at every face, keep the vectors.

Runs in a worker: this module imports torch. What is finished of a stopped job lies in the data
folder under `jobs/<id>/` and is taken up when the job is resumed.
"""

import logging
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from PIL import Image

from annotator.errors import InputRefused
from annotator.masks import BITS
from annotator.models import DataSet, Detector, FeatureSet, LabelSnapshot
from annotator.services.arrays import array_write
from annotator.services.datasets import revision_raise
from annotator.services.job_running import JobContext
from trainer.algorithms import weights
from trainer.algorithms.callbacks import Cancelled, progress_part
from trainer.algorithms.evaluation import evaluate
from trainer.algorithms.features import (
    FEATURE_STAGE,
    FeatureResult,
    Stage,
    features_extract,
)
from trainer.algorithms.scaling import features_standardise
from trainer.algorithms.thresholds import fold_thresholds_choose, thresholds_choose
from trainer.selectors.snapshots import codes_check
from trainer.selectors.training_codes import FaceTable, face_table, training_codes
from trainer.services.keeping import (
    au_bits,
    by_position,
    codes_at,
    job_folder,
    machine_told,
    seen_keep,
    snapshot_kept,
    snapshot_make,
    weights_keep,
)
from trainer.services.pictures import Pixels, faces_cache
from trainer.services.predicting import faces_look, features_keep

log = logging.getLogger("corrugator.jobs")

INPUT_SIZE = 64
PIXEL_SIDE, PIXEL_COMPONENTS = 32, 64
CACHE_SHARE = 0.1
NO_TEST = "The default detector is for features: it is judged by cross-validation alone."


def features_run(context: JobContext) -> dict[str, Any]:
    """Make a feature set: {"feature_set", "detector", "faces"}."""
    dataset = context.job.dataset
    feature_set = FeatureSet.objects.filter(job=context.job).first()
    faces = face_table(dataset)
    if feature_set is None:
        try:
            feature_set = _feature_set_make(context, dataset, faces)
        except Cancelled:
            context.stop_if_asked()
            raise
        except ValueError as error:
            log.warning("the features job %s ended", context.job.pk, exc_info=True)  # its words may not be for people
            raise InputRefused(str(error)) from error
    shutil.rmtree(job_folder(context), ignore_errors=True)
    return {"feature_set": feature_set.pk, "detector": feature_set.detector_id, "faces": len(faces.ids)}


def _feature_set_make(context: JobContext, dataset: DataSet, faces: FaceTable) -> FeatureSet:
    if context.params.get("detector"):
        return _look(context, dataset, faces)
    decoding = progress_part(context.progress, 0.0, CACHE_SHARE)
    cache = faces_cache(context, dataset, faces, INPUT_SIZE, decoding)
    if context.params.get("backbone"):
        return _keep(context, faces, pixel_features(cache), backbone=context.params["backbone"])
    return _train(context, dataset, faces, cache)


def _look(context: JobContext, dataset: DataSet, faces: FaceTable) -> FeatureSet:
    """Features and scores of all faces by a detector that is there already."""
    detector = dataset.detectors.select_related("dataset", "out_of_fold").get(pk=context.params["detector"])
    looked = faces_look(context, detector, faces)
    with transaction.atomic():
        feature_set = features_keep(context, detector, faces, looked)
        revision_raise(dataset)
        context.stop_if_asked()
    return feature_set


def pixel_features(cache: Pixels) -> NDArray[np.float32]:
    """Principal components (N, up to 64) of the faces in grey at 32 pixels, standardised."""
    from sklearn.decomposition import PCA

    grey = np.stack(
        [np.asarray(Image.fromarray(face).convert("L").resize((PIXEL_SIDE, PIXEL_SIDE))) for face in cache]
    ).reshape(len(cache), -1)
    count = min(PIXEL_COMPONENTS, len(cache) - 1)
    if count < 1:
        raise InputRefused(_("Features need two faces at least."))
    components = PCA(count, random_state=0).fit_transform(grey.astype(np.float32) / 255)
    return features_standardise(components.astype(np.float32))


def _train(context: JobContext, dataset: DataSet, faces: FaceTable, cache: Pixels) -> FeatureSet:
    """Train the default small detector; the scores of the faces it learned from are out of fold."""
    snapshot = _snapshot(context, dataset, faces)
    labels = codes_at(snapshot, faces)
    rows = np.asarray((labels >= 0).any(axis=1))
    told = ", ".join(f"{kind} {count}" for kind, count in snapshot.sources.items())
    context.log(
        _("Training on %(faces)d faces, codes from %(sources)s") % {"faces": int(rows.sum()), "sources": told}
    )
    folder = job_folder(context)

    def keep_stage(stage: Stage) -> None:
        extra = {"name": stage.name, "report": stage.report, "fingerprint": stage.fingerprint}
        weights.weights_save(folder / f"{stage.name}.safetensors", stage.network, extra)

    result = features_extract(
        cache,
        labels,
        rows,
        faces.people,
        seed=int(context.params.get("seed", 0)),
        progress=progress_part(context.progress, CACHE_SHARE, 1.0),
        cancelled=context.cancelled,
        checkpoint=keep_stage,
        done=_stages(context),
        study_rows=~faces.is_test,
    )
    return _detector_keep(context, faces, snapshot, labels, result)


def _snapshot(context: JobContext, dataset: DataSet, faces: FaceTable) -> LabelSnapshot:
    """The codes frozen by an earlier attempt at this job, if the faces are still the same; else those of now."""
    snapshot = snapshot_kept(context, faces) if context.checkpoint.get("faces") == faces.digest else None
    if snapshot is not None:
        return snapshot
    shutil.rmtree(job_folder(context), ignore_errors=True)
    dataset.refresh_from_db(fields=["revision"])
    revision = dataset.revision
    codes = training_codes(dataset, faces)
    return snapshot_make(context, faces, codes, codes_check(dataset, faces, codes), revision)


def _stages(context: JobContext) -> Iterator[Stage]:
    """The stages that an earlier attempt at this job finished."""
    for path in sorted(job_folder(context).glob("*.safetensors")):
        try:
            network, extra = weights.weights_load(path)
        except weights.WeightsError:  # trained again
            continue
        yield Stage(extra["name"], network, extra["report"], extra["fingerprint"])


def _detector_keep(
    context: JobContext,
    faces: FaceTable,
    snapshot: LabelSnapshot,
    labels: NDArray[np.int8],
    result: FeatureResult,
) -> FeatureSet:
    """Store weights, then detector and feature set in one transaction."""
    dataset, rows = context.job.dataset, np.asarray((labels >= 0).any(axis=1))
    out_of_fold = np.where(rows[:, None], result.scores, np.nan).astype(np.float32)
    detector = Detector(
        dataset=dataset,
        name=f"Default detector, revision {snapshot.revision}",
        method="default",
        aus=snapshot.aus,
        snapshot=snapshot,
        configuration=result.report["settings"],
        seed=result.report["seed"],
        report=_report(faces, labels, out_of_fold, result),
        thresholds=[float(threshold) for threshold in thresholds_choose(labels[rows], out_of_fold[rows])],
        job=context.job,
    )
    weights_keep(context, detector, result.network)
    laid = by_position(dataset, faces.positions, out_of_fold, np.nan)
    with transaction.atomic():
        detector.out_of_fold = array_write(dataset=dataset, purpose="out-of-fold", values=laid)
        detector.seen = seen_keep(dataset, faces, result.seen)
        detector.save()
        return _keep(context, faces, result.features, detector=detector, scores=result.scores)


def _report(
    faces: FaceTable, labels: NDArray[np.int8], out_of_fold: NDArray[np.float32], result: FeatureResult
) -> dict[str, Any]:
    """As every detector's report; each fold is judged by thresholds chosen on the others."""
    rows = np.flatnonzero((labels >= 0).any(axis=1))
    folds = result.folds[rows]
    made, stages = result.report, result.report["stages"]
    return {
        "cross_validation": evaluate(
            labels[rows],
            out_of_fold[rows],
            faces.people[rows],
            thresholds=fold_thresholds_choose(labels[rows], out_of_fold[rows], folds)[folds],
            folds=folds,
        ),
        "test": None,
        "test_why": NO_TEST,
        "trainings": stages,
        "machine": machine_told(stages, FEATURE_STAGE),
        "settings": made["settings"],
        "studied_faces": made["studied_faces"],
    }


def _keep(
    context: JobContext,
    faces: FaceTable,
    features: NDArray[np.float32],
    *,
    detector: Detector | None = None,
    backbone: str = "",
    scores: NDArray[np.float32] | None = None,
) -> FeatureSet:
    """Lay the vectors out by position and write the feature set's row."""
    dataset = context.job.dataset
    by_bit = None
    if detector is not None and scores is not None:
        by_bit = np.full((len(faces.ids), BITS), np.nan, np.float16)
        by_bit[:, au_bits(dataset, detector.aus)] = scores

    def laid(purpose: str, values: NDArray[Any]) -> Any:
        by = by_position(dataset, faces.positions, values, np.nan)
        return array_write(dataset=dataset, purpose=purpose, values=by)

    with transaction.atomic():
        feature_set = FeatureSet.objects.create(
            dataset=dataset,
            name=f"{detector.name if detector else backbone} features",
            detector=detector,
            backbone=backbone,
            revision=dataset.revision,
            features=laid("features", features),
            scores=laid("scores", by_bit) if by_bit is not None else None,
            job=context.job,
        )
        revision_raise(dataset)
        context.stop_if_asked()
    return feature_set
