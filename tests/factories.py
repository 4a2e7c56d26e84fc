"""Small makers of real rows for tests: faces with pictures, layers with codes, a finished run, a
detector with its report, a training at work."""

import hashlib
import io
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from numpy.typing import ArrayLike
from PIL import Image

from annotator.choices import FaceRole, JobState, LayerKind
from annotator.masks import BITS, codes_pack
from annotator.models import (
    Cluster,
    ClusterRun,
    DataSet,
    Detector,
    DetectorSight,
    Face,
    FaceAttribution,
    FeatureSet,
    Job,
    Label,
    LabelLayer,
    LabelSnapshot,
    Projection,
)
from annotator.services.arrays import array_store, array_write
from trainer.algorithms.methods import METHODS, settings_make
from trainer.selectors.detector_charts import stage_title


def picture_bytes(seed: int = 0, size: int = 16, format: str = "PNG") -> bytes:
    """A small picture of its own for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def faces_make(dataset: DataSet, count: int, *, pictures: bool = False, **fields: Any) -> list[Face]:
    """`count` new faces at the next positions, named face-<position>.png."""
    start = dataset.next_position
    faces = [
        Face(
            dataset=dataset,
            position=start + number,
            key=uuid.uuid4(),
            image=f"face-{start + number}.png",
            width=16,
            height=16,
            pixels_sha256=hashlib.sha256(str(number).encode()).hexdigest(),
            sharpness=100.0,
            brightness=0.5,
            **{"role": FaceRole.NONE, **fields},
        )
        for number in range(count)
    ]
    dataset.next_position = start + count
    dataset.save(update_fields=["next_position"])
    faces = Face.objects.bulk_create(faces)
    if pictures:
        for face in faces:
            default_storage.save(face.picture_name, ContentFile(picture_bytes(face.position, format="WEBP")))
            default_storage.save(face.thumbnail_name, ContentFile(picture_bytes(face.position, format="WEBP")))
    return faces


def layer_make(
    dataset: DataSet,
    kind: LayerKind,
    faces: Sequence[Face] = (),
    codes: ArrayLike | None = None,
    aus: Sequence[int] = (),
    *,
    user: User | None = None,
    name: str = "",
) -> LabelLayer:
    """A layer with codes (faces × AUs): 1 present, 0 absent, −1 not scored, −2 unscorable."""
    layer = LabelLayer.objects.create(
        dataset=dataset, kind=kind, user=user, name=name or (f"{kind} {user.username}" if user else str(kind))
    )
    if codes is not None:
        bits = [dataset.coded_aus.get(au=au).bit for au in aus]
        masks = codes_pack(np.asarray(codes, dtype=np.int8).reshape(len(faces), len(bits)), bits)
        Label.objects.bulk_create(
            Label(layer=layer, face=face, present=int(present), scored=int(scored), unscorable=int(unscorable))
            for face, present, scored, unscorable in zip(faces, *masks, strict=True)
        )
    return layer


def run_make(
    dataset: DataSet,
    faces: Sequence[Face],
    au: int,
    numbers: Sequence[int],
    proposals: Sequence[int],
    *,
    weak_layer: LabelLayer | None = None,
    adopted: bool = True,
) -> ClusterRun:
    """A finished run for one AU: `numbers` are the faces' clusters, `proposals` their codes.

    Expected corrections of a cluster grow with its number; when adopted, a proposal layer is made.
    """
    total = dataset.next_position
    membership = np.full((total, 1), -1, np.int32)
    codes = np.full((total, 1), -1, np.int8)
    positions = [face.position for face in faces]
    membership[positions, 0] = numbers
    codes[positions, 0] = proposals
    run = ClusterRun.objects.create(
        dataset=dataset,
        aus=[au],
        partitions=[[au]],
        weak_layer=weak_layer,
        protocol=dataset.protocols.latest("version"),
        revision=dataset.revision,
        membership=array_write(dataset=dataset, purpose="membership", values=membership),
        proposals=array_write(dataset=dataset, purpose="proposals", values=codes),
        probabilities=array_write(
            dataset=dataset, purpose="probabilities", values=np.clip(codes, 0.1, 0.9).astype(np.float16)
        ),
        outlier_scores=array_write(
            dataset=dataset,
            purpose="outlier-scores",
            values=np.where(membership[:, 0] == 0, 0.9, 0.1).astype(np.float32),
        ),
        outlier_reasons=array_write(
            dataset=dataset, purpose="outlier-reasons", values=(membership[:, 0] == 0).astype(np.uint32)
        ),
        summary={"reasons": ["It stands alone: no other face is near it."]},
        finished_at=timezone.now(),
    )
    bit = dataset.coded_aus.get(au=au)
    for number in sorted(set(numbers)):
        inside = [code for code, group in zip(proposals, numbers, strict=True) if group == number]
        share = float(np.mean([code == 1 for code in inside]))
        Cluster.objects.create(
            run=run,
            partition=0,
            number=number,
            aus=bit.mask,
            size=len(inside),
            votes={str(au): {"share": share, "weak_share": share, "agreement": max(share, 1 - share)}},
            agreement=max(share, 1 - share),
            expected_corrections=float(number),
        )
    if adopted:
        layer_make(dataset, LayerKind.PROPOSAL, faces, [[code] for code in proposals], [au])
        run.adopted_at, run.adopted_aus = timezone.now(), [au]
        run.save()
    return run


def projection_make(dataset: DataSet, places: ArrayLike | None = None) -> Projection:
    """A map of all faces: at the places given, (positions, 2), or in rows of ten from the top left on."""
    number = np.arange(dataset.next_position)
    rows = max(1.0, float(number.max(initial=0) // 10))
    drawn = np.column_stack([number % 10 / 4.5 - 1, 1 - number // 10 / rows * 2])
    values = np.asarray(drawn if places is None else places, np.float32)
    features = array_write(dataset=dataset, purpose="features", values=values)
    feature_set = FeatureSet.objects.create(
        dataset=dataset, name="features", revision=dataset.revision, features=features
    )
    return Projection.objects.create(
        dataset=dataset,
        feature_set=feature_set,
        method="pca",
        coordinates=array_write(dataset=dataset, purpose="projection", values=values),
        configuration={"faces": int(np.isfinite(values[:, 0]).sum())},
        revision=dataset.revision,
    )


def interval(value: float, spread: float = 0.04) -> dict[str, float]:
    """A figure with its interval, as reports hold them."""
    return {"value": value, "low": round(value - spread, 4), "high": round(value + spread, 4)}


def evaluation_make(aus: Sequence[int], f1: float = 0.7) -> dict[str, Any]:
    """What trainer.algorithms.evaluation.evaluate tells of 100 faces of 10 subjects in two folds."""
    told = {"s_score": 0.4, "accuracy": 0.9, "balanced_accuracy": 0.8}
    rule = {"threshold": 0.5, "called": 22, "f1": interval(f1), "precision": f1, "recall": f1, **told}
    rules = ("fixed", "validation", "base_rate")
    mean = {"f1": interval(f1), "f1_folds": f1, **told, "aus": len(aus)}
    shares = {"marginal": [0.2] * len(aus), "conditional": [[0.5] * len(aus) for _au in aus]}
    return {
        "faces": 100,
        "subjects": 10,
        "resamples": 200,
        "aus": [
            {
                "known": 100,
                "positives": 20,
                "base_rate": 0.2,
                "auc": interval(0.9),
                "brier": 0.1,
                "calibration_error": 0.05,
                "calibration": [{"score": 0.1, "rate": 0.1, "faces": 70}, {"score": 0.9, "rate": 0.6, "faces": 30}],
                "rules": dict.fromkeys(rules, rule),
            }
            for _au in aus
        ],
        "mean": {"auc": interval(0.9), "rules": dict.fromkeys(rules, mean)},
        "folds": [
            {"faces": 50, "subjects": 5, "rules": {name: {"f1": [f1] * len(aus), "mean_f1": f1} for name in rules}}
        ]
        * 2,
        "distribution": {
            "rule": "validation",
            "reference": shares,
            "predicted": shares,
            "difference": {**shares, "marginal_mean": 0.0, "conditional_mean": 0.0},
        },
        "histograms": [
            {"edges": [step / 20 for step in range(21)], "present": [1] * 20, "absent": [4] * 20, "unknown": [0] * 20}
            for _au in aus
        ],
    }


def detector_make(
    dataset: DataSet,
    *,
    name: str = "AlexNet-BN, revision 1",
    method: str = "alexnet",
    aus: Sequence[int] = (12, 25),
    f1: float = 0.7,
    sources: dict[str, int] | None = None,
    **fields: Any,
) -> Detector:
    """A trained detector with its snapshot and report, the weights no more than a name."""
    faces = dataset.next_position
    codes = array_write(dataset=dataset, purpose="snapshot", values=np.zeros((faces, len(aus)), np.int8))
    snapshot = LabelSnapshot.objects.create(
        dataset=dataset,
        revision=dataset.revision,
        protocol=dataset.protocols.latest("version"),
        aus=list(aus),
        sources=sources if sources is not None else {"reference": faces * len(aus)},
        codes=codes,
        summary={"faces": faces, "subjects": 10, "all_faces": faces, "test_faces": 0, "aus": [], "left_out": {}},
    )
    report = {
        "cross_validation": evaluation_make(aus, f1),
        "test": evaluation_make(aus, f1 - 0.02),
        "trainings": {},
        "machine": {"device": "cpu", "precision": "float32", "threads": 1, "seconds": 60.0},
    }
    values = {
        "configuration": settings_make(method).as_dict() if method in METHODS else {},
        "seed": 0,
        "report": report,
        "weights_name": f"datasets/{dataset.pk}/detectors/{uuid.uuid4().hex}.safetensors",
        "weights_sha256": "0" * 64,
        "thresholds": [0.5] * len(aus),
    }
    return Detector.objects.create(
        dataset=dataset, name=name, method=method, aus=list(aus), snapshot=snapshot, **{**values, **fields}
    )


def prediction_layer_make(
    detector: Detector, faces: Sequence[Face], scores: ArrayLike, *, total: int | None = None
) -> LabelLayer:
    """The detector's layer of predictions: scores (faces × its AUs), NaN for none, and codes by its
    thresholds. `total`: how many positions the scores speak of, where faces came later."""
    dataset = detector.dataset
    told = np.asarray(scores, np.float16).reshape(len(faces), len(detector.aus))
    bits = [dataset.coded_aus.get(au=au).bit for au in detector.aus]
    values = np.full((dataset.next_position if total is None else total, BITS), np.nan, np.float16)
    values[np.ix_([face.position for face in faces], bits)] = told
    called = np.where(np.isnan(told), -1, told > np.asarray(detector.thresholds or 0.5, np.float32))
    layer = layer_make(dataset, LayerKind.PREDICTION, faces, called, detector.aus, name=f"prediction {detector.pk}")
    layer.detector = detector
    layer.probabilities = array_write(dataset=dataset, purpose="scores", values=values)
    layer.save()
    return layer


def sight_make(detector: Detector, projection: Projection, **fields: Any) -> DetectorSight:
    """What a detector sees, with all faces on the plane, grey pictures and a divergence."""
    dataset, count = detector.dataset, len(detector.aus)
    pictures = np.full((count, 8, 8, 3), 128, np.uint8)
    pictures[:, 2:6] = 200
    name, sha256 = array_store(f"datasets/{dataset.pk}/sights", "sight", pictures)
    positions = list(dataset.faces.values_list("position", flat=True))
    divergence = {"subjects": 4, "faces": 12, "sum": 0.006, "sum_spread": 0.001, "mean": 0.002, "chance": 0.0005}
    values = {
        "pictures_name": name,
        "pictures_sha256": sha256,
        "scores": [[0.99 if row == column else 0.6 for column in range(count)] for row in range(count)],
        "feature_set": projection.feature_set,
        "drawn": {"sample": positions, "subjects": positions},
        "divergence": divergence,
        "revision": dataset.revision,
    }
    return DetectorSight.objects.create(
        dataset=dataset, detector=detector, projection=projection, **{**values, **fields}
    )


def attribution_make(detector: Detector, face: Face, **fields: Any) -> FaceAttribution:
    """What speaks for each AU in a face: its left half, and its right half against."""
    maps = np.zeros((len(detector.aus), 8, 8), np.float32)
    maps[:, :, :4], maps[:, :, 4:] = 0.2, -0.1
    name, sha256 = array_store(f"datasets/{detector.dataset_id}/sights", "attribution", maps)
    values = {
        "maps_name": name,
        "maps_sha256": sha256,
        "logits": [[1.0, -0.5]] * len(detector.aus),
        "revision": detector.dataset.revision,
    }
    return FaceAttribution.objects.create(
        dataset=detector.dataset, detector=detector, face=face, **{**values, **fields}
    )


def training_make(
    dataset: DataSet,
    *,
    state: JobState = JobState.RUNNING,
    method: str = "alexnet",
    settings: dict[str, Any] | None = None,
    aus: Sequence[int] = (12, 25),
    networks: int = 2,
    epochs: int = 8,
    **fields: Any,
) -> Job:
    """A training job whose curves hold `networks` networks of `epochs` epochs each, the last one half done."""
    chosen = settings_make(method, settings)
    stages = [*(f"fold-{fold}" for fold in range(chosen.folds)), "detector"][:networks]
    curves: dict[str, list[list[float | None]]] = {}
    for number, stage in enumerate(stages):
        last = epochs if number < networks - 1 else epochs // 2
        falls = [0.6 * 0.8**epoch + 0.02 * number for epoch in range(last)]
        curves[f"{stage}.loss"] = [[epoch + 1, loss, loss * 1.1 + 0.01 * epoch] for epoch, loss in enumerate(falls)]
        curves[f"{stage}.f1"] = [
            [epoch + 1, 0.9 - loss, *(round(0.95 - loss - 0.02 * column, 4) for column in range(len(aus)))]
            for epoch, loss in enumerate(falls)
        ]
    values = {
        "params": {
            "settings": chosen.as_dict(),
            "name": "Brows and lips",
            "sources": {"proposals": True, "weak": False},
        },
        "fraction": 0.4,
        "message": f"{stage_title(stages[-1])}, epoch {epochs // 2} of {epochs}, loss 0.2000" if stages else "",
        "counts": {"examples_per_second": 212, "seconds_left": 340, "faces": 1200},
        "curves": curves,
        "log": "10:00:00 Training on 1,200 faces\n",
        "target": f"training:{uuid.uuid4().hex[:8]}",
        "started_at": timezone.now() - timedelta(minutes=4),
    }
    return Job.objects.create(dataset=dataset, kind="training", queue="gpu", state=state, **{**values, **fields})
