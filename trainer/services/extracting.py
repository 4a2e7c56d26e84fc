"""The features job: train the default detector (or take one), look at every face, keep the vectors.

Runs in a worker: this module imports torch. What is finished of a stopped job lies in the data
folder under `jobs/<id>/` and is taken up when the job is resumed.
"""

import hashlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from numpy.typing import NDArray
from PIL import Image

from annotator.errors import InputRefused
from annotator.masks import BITS
from annotator.models import DataSet, Detector, FeatureSet, LabelSnapshot
from annotator.selectors.arrays import file_sha256
from annotator.services.arrays import array_write
from annotator.services.datasets import revision_raise
from annotator.services.job_running import JobContext
from trainer.algorithms import prediction, weights
from trainer.algorithms.callbacks import Cancelled, progress_part
from trainer.algorithms.faces import faces_cache_build, faces_cache_open
from trainer.algorithms.features import Stage, features_extract, features_standardise
from trainer.selectors.training_codes import FaceTable, TrainingCodes, face_table, training_codes

INPUT_SIZE = 64
PIXEL_SIDE, PIXEL_COMPONENTS = 32, 64
CACHE_SHARE = 0.1


@dataclass(frozen=True)
class Seen:
    """What looking at N faces gave."""

    features: NDArray[np.float32]
    scores: NDArray[np.float32] | None
    bits: list[int]
    """AU bit of each score column."""
    detector: Detector | None
    backbone: str = ""


def features_run(context: JobContext) -> dict[str, Any]:
    """Make a feature set: {"feature_set", "detector", "faces", "report"}."""
    dataset = context.job.dataset
    faces = face_table(dataset)
    cache = _cache(context, dataset, faces)
    try:
        if context.params.get("backbone"):
            seen = Seen(pixel_features(cache), None, [], None, context.params["backbone"])
        elif context.params.get("detector"):
            seen = _look(context, Detector.objects.get(pk=context.params["detector"]), cache)
        else:
            seen = _train(context, dataset, faces, cache)
    except Cancelled:
        context.stop_if_asked()
        raise
    except ValueError as error:
        raise InputRefused(str(error)) from error
    feature_set = _keep(context, dataset, faces, seen)
    shutil.rmtree(_folder(context), ignore_errors=True)
    report = seen.detector.report if seen.detector else {}
    return {
        "feature_set": feature_set.pk,
        "detector": seen.detector.pk if seen.detector else None,
        "faces": len(faces.ids),
        "report": report,
    }


def _folder(context: JobContext) -> Path:
    folder = Path(settings.DATA) / "jobs" / str(context.job.pk)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _cache(context: JobContext, dataset: DataSet, faces: FaceTable) -> NDArray[np.uint8]:
    """The decoded faces (N, 64, 64, 3), made once for this set of faces."""
    folder = Path(settings.DATA) / "cache" / f"faces-{dataset.pk}"
    name = hashlib.sha256("".join(faces.keys).encode()).hexdigest()[:16]
    path = folder / f"{INPUT_SIZE}-{name}.npy"
    if not path.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        report = faces_cache_build(
            path,
            iter(faces.keys),
            len(faces.keys),
            INPUT_SIZE,
            lambda key: _picture(dataset, key),
            progress_part(context.progress, 0.0, CACHE_SHARE),
            context.cancelled,
        )
        if report.unreadable:
            position, reason = report.unreadable[0]
            path.unlink()
            raise InputRefused(
                f"{len(report.unreadable)} stored pictures can't be read; the first is that of face "
                f"{faces.ids[position]}: {reason}"
            )
    return faces_cache_open(path)


def _picture(dataset: DataSet, key: str) -> Image.Image:
    with default_storage.open(f"datasets/{dataset.pk}/pictures/{key[:2]}/{key}") as file:
        picture = Image.open(file)
        picture.load()
    return picture


def pixel_features(cache: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Principal components (N, up to 64) of the faces in grey at 32 pixels, standardised."""
    from sklearn.decomposition import PCA

    grey = np.stack(
        [np.asarray(Image.fromarray(face).convert("L").resize((PIXEL_SIDE, PIXEL_SIDE))) for face in cache]
    ).reshape(len(cache), -1)
    count = min(PIXEL_COMPONENTS, len(cache) - 1)
    if count < 1:
        raise InputRefused("Features need two faces at least.")
    components = PCA(count, random_state=0).fit_transform(grey.astype(np.float32) / 255)
    return features_standardise(components.astype(np.float32))


def _look(context: JobContext, detector: Detector, cache: NDArray[np.uint8]) -> Seen:
    """Features and scores of all faces by a detector that is there already."""
    with tempfile.TemporaryDirectory(dir=settings.DATA) as folder:
        path = Path(folder) / "weights.safetensors"
        with default_storage.open(detector.weights_name) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
        network, _ = weights.weights_load(path)
    features, scores = prediction.outputs_predict(
        network,
        cache,
        np.arange(len(cache)),
        progress=progress_part(context.progress, CACHE_SHARE, 1.0),
        cancelled=context.cancelled,
    )
    bits = _bits(detector)
    return Seen(features_standardise(features), scores, bits, detector)


def _bits(detector: Detector) -> list[int]:
    by_au = {coded.au: coded.bit for coded in detector.dataset.coded_aus.all()}
    return [by_au[au] for au in detector.aus]


def _train(context: JobContext, dataset: DataSet, faces: FaceTable, cache: NDArray[np.uint8]) -> Seen:
    """Train the default small detector; the scores of the faces it learned from are out of fold."""
    codes = training_codes(dataset, faces)
    seed = int(context.params.get("seed", 0))
    context.log(
        f"Training on {int((codes.codes >= 0).any(axis=1).sum())} faces, codes from "
        + ", ".join(f"{kind} {count}" for kind, count in codes.sources.items())
    )
    folder = _folder(context)

    def keep_stage(stage: Stage) -> None:
        extra = {"name": stage.name, "report": stage.report, "fingerprint": stage.fingerprint}
        weights.weights_save(folder / f"{stage.name}.safetensors", stage.network, extra)

    result = features_extract(
        cache,
        codes.codes,
        np.asarray((codes.codes >= 0).any(axis=1)),
        faces.subjects,
        seed=seed,
        progress=progress_part(context.progress, CACHE_SHARE, 1.0),
        cancelled=context.cancelled,
        checkpoint=keep_stage,
        done=_stages(folder),
        study_rows=~faces.is_test,
    )
    detector = _detector_keep(context, dataset, faces, codes, seed, result.network, result.report)
    return Seen(result.features, result.scores, [coded.bit for coded in codes.aus], detector)


def _stages(folder: Path) -> Iterator[Stage]:
    """The stages that an earlier attempt at this job finished."""
    for path in sorted(folder.glob("*.safetensors")):
        network, extra = weights.weights_load(path)
        yield Stage(extra["name"], network, extra["report"], extra["fingerprint"])


def _detector_keep(
    context: JobContext,
    dataset: DataSet,
    faces: FaceTable,
    codes: TrainingCodes,
    seed: int,
    network: Any,
    report: dict[str, Any],
) -> Detector:
    """Store weights, snapshot and detector row; the snapshot is what it was trained on."""
    name = f"datasets/{dataset.pk}/detectors/{uuid.uuid4().hex}.safetensors"
    with tempfile.TemporaryDirectory(dir=settings.DATA) as folder:
        path = Path(folder) / "weights.safetensors"
        weights.weights_save(path, network, {"aus": [coded.au for coded in codes.aus], "seed": seed})
        digest = file_sha256(path)
        with path.open("rb") as file:
            default_storage.save(name, File(file))
    by_position = np.full((_total(dataset), len(codes.aus)), -1, np.int8)
    by_position[faces.positions] = codes.codes
    aus = [coded.au for coded in codes.aus]
    with transaction.atomic():
        snapshot = LabelSnapshot.objects.create(
            dataset=dataset,
            revision=dataset.revision,
            protocol=dataset.protocols.latest("version"),
            aus=aus,
            sources=codes.sources,
            layers=codes.layers,
            codes=array_write(dataset=dataset, purpose="snapshot", values=by_position),
        )
        return Detector.objects.create(
            dataset=dataset,
            name=f"Default detector, revision {dataset.revision}",
            method="alexnet",
            aus=aus,
            snapshot=snapshot,
            configuration=report["settings"],
            seed=seed,
            report=report,
            weights_name=name,
            weights_sha256=digest,
            job=context.job,
        )


def _total(dataset: DataSet) -> int:
    """How long arrays are now; faces may have come since the job began."""
    dataset.refresh_from_db(fields=["next_position"])
    return dataset.next_position


def _keep(context: JobContext, dataset: DataSet, faces: FaceTable, seen: Seen) -> FeatureSet:
    """Lay the vectors out by position and write the feature set's row."""
    total = _total(dataset)
    features = np.full((total, seen.features.shape[1]), np.nan, np.float32)
    features[faces.positions] = seen.features
    scores = None
    if seen.scores is not None:
        scores = np.full((total, BITS), np.nan, np.float16)
        scores[np.ix_(faces.positions, np.array(seen.bits))] = seen.scores
    with transaction.atomic():
        feature_set = FeatureSet.objects.create(
            dataset=dataset,
            name=f"{seen.detector.name if seen.detector else seen.backbone} features",
            detector=seen.detector,
            backbone=seen.backbone,
            revision=dataset.revision,
            features=array_write(dataset=dataset, purpose="features", values=features),
            scores=array_write(dataset=dataset, purpose="scores", values=scores) if scores is not None else None,
            job=context.job,
        )
        revision_raise(dataset)
    return feature_set
