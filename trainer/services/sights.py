"""The jobs that show what a detector sees: in general (sight), and in one face (attribution).

They run in a worker: this module imports torch. A sight is made of the detector's feature set, made here where
it has none that speaks of all faces, of its projection, which is the one that the map shows, and of a picture
for each AU. What a broken-off job had finished is taken up.
"""

import shutil
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.errors import InputRefused
from annotator.jobs import JOB_KINDS
from annotator.models import Detector, DetectorSight, Face, FaceAttribution, FeatureSet, Projection
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.projections import method_default
from annotator.services.arrays import array_store
from annotator.services.job_running import JobContext, JobPart
from trainer.algorithms.attribution import face_attribute, maps_smooth
from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.divergence import features_from_zero, subject_divergence
from trainer.algorithms.maximisation import MaximisationConfig, Maximised, activation_maximise
from trainer.selectors.training_codes import FaceTable, face_table
from trainer.services.extracting import features_run
from trainer.services.keeping import job_folder
from trainer.services.pictures import face_pixels
from trainer.services.predicting import feature_set_current, network_fetch

FEATURES_END, PLANE_END, PICTURES_END = 0.35, 0.6, 0.95
"""How far the job is when features, projection and pictures are there."""
SAVE_STEPS = 25
SAMPLE_FACES = 800
"""Faces drawn on a plane."""
SHOWN_SUBJECTS, SUBJECT_FACES = 8, 60
"""Subjects that get a colour, and how many faces of each are drawn."""
MEASURED_SUBJECTS, MEASURED_FACES = 300, 50_000
"""Of more, the divergence is that of a seeded draw."""


def sight_run(context: JobContext) -> dict[str, Any]:
    """Make what the job's detector sees: {"sight", "feature_set", "projection"}."""
    detector = Detector.objects.select_related("dataset", "out_of_fold").get(pk=context.params["detector"])
    seed = int(context.params.get("seed", 0))
    faces = face_table(detector.dataset)
    if not faces.ids:
        raise InputRefused(_("There are no faces yet: import some first."))
    try:
        feature_set = _features(context, detector, faces)
        projection = _projection(context, feature_set, seed)
        config = MaximisationConfig(seed=seed)
        made = _pictures(context, detector, config)
    except Cancelled:
        context.stop_if_asked()
        raise
    context.progress(PICTURES_END, _("Comparing subjects"))
    stored = array_read(feature_set.features, check=True)
    rows = _rows_shown(faces, stored)
    divergence = _divergence(faces, stored, rows, seed)
    context.progress(0.99, _("Keeping what it sees"))
    sight = _keep(
        context,
        DetectorSight(
            dataset=detector.dataset,
            detector=detector,
            scores=[[round(float(score), 4) for score in line] for line in made.scores],
            feature_set=feature_set,
            projection=projection,
            drawn=_drawn(faces, rows, seed),
            divergence=divergence,
            configuration=asdict(config),
            seed=seed,
            job=context.job,
        ),
        made,
    )
    shutil.rmtree(job_folder(context), ignore_errors=True)
    told = {"feature_set": feature_set.pk, "projection": projection.pk if projection else None}
    return {"sight": sight.pk, "detector": detector.pk, **told}


def _features(context: JobContext, detector: Detector, faces: FaceTable) -> FeatureSet:
    """The detector's feature set of all faces, made as by a features job where there is none."""
    found = feature_set_current(detector, faces)
    if found is not None:
        return found
    made = features_run(JobPart(context, 0.0, FEATURES_END, {"detector": detector.pk, "backbone": ""}))
    return FeatureSet.objects.select_related("features").get(pk=made["feature_set"])


def _projection(context: JobContext, feature_set: FeatureSet, seed: int) -> Projection | None:
    """The features' plane, made as the map's is, by the runner that its kind has registered; None of one face."""
    count = int(np.isfinite(array_read(feature_set.features)).all(axis=1).sum())
    if count < 2:
        return None
    params = {"feature_set": feature_set.pk, "method": str(method_default(count)), "seed": seed}
    part = JobPart(context, FEATURES_END, PLANE_END, params)
    made = JOB_KINDS["projection"].resolve()(part)
    return Projection.objects.get(pk=made["projection"])


def _pictures(context: JobContext, detector: Detector, config: MaximisationConfig) -> Maximised:
    """A picture for each AU, from the step that a broken-off job had kept."""
    network = network_fetch(detector)
    path = job_folder(context) / "pictures.npz"
    of = f"{detector.weights_sha256} {config}"
    begun = None
    if context.checkpoint.get("pictures_of") == of and path.exists():
        with np.load(path, allow_pickle=False) as kept:
            begun = (int(kept["done"]), kept["pictures"])

    def keep(done: int, pictures: NDArray[np.float32]) -> None:
        if done % SAVE_STEPS == 0:
            unfinished = path.with_suffix(".partial")
            with unfinished.open("wb") as file:
                np.savez(file, done=done, pictures=pictures)
            unfinished.replace(path)
            context.checkpoint_save(pictures_of=of)

    def progress(fraction: float, message: str) -> None:
        context.progress(
            PLANE_END + (PICTURES_END - PLANE_END) * fraction,
            _("A picture for each AU: %(step)s") % {"step": message},
        )

    return activation_maximise(network, config, progress, context.cancelled, keep, begun)


def _rows_shown(faces: FaceTable, stored: NDArray[Any]) -> NDArray[np.intp]:
    """Rows of the table of the faces that are no test faces and have features."""
    there = np.isfinite(values_at(stored, faces.positions, np.nan)).all(axis=1)
    return np.flatnonzero(there & ~faces.is_test)


def _divergence(faces: FaceTable, stored: NDArray[Any], rows: NDArray[np.intp], seed: int) -> dict[str, Any]:
    """The subjects' divergence in the features as clustering sees them; empty with fewer than two subjects."""
    random = np.random.default_rng(seed)
    rows = rows[faces.subjects[rows] >= 0]
    subjects = random.permutation(np.unique(faces.subjects[rows]))[:MEASURED_SUBJECTS]
    if len(subjects) < 2:
        return {}
    rows = rows[np.isin(faces.subjects[rows], subjects)]
    if len(rows) > MEASURED_FACES:
        rows = np.sort(random.choice(rows, MEASURED_FACES, replace=False))
    features = features_from_zero(stored[faces.positions[rows]])
    try:
        return subject_divergence(features, faces.subjects[rows], seed).as_json()
    except ValueError:  # the draw left faces of one subject alone
        return {}


def _drawn(faces: FaceTable, rows: NDArray[np.intp], seed: int) -> dict[str, list[int]]:
    """Positions to draw: of all faces, and of the subjects with most faces."""
    random = np.random.default_rng(seed)
    mixed = random.permutation(rows)
    names, counts = np.unique(faces.subjects[rows][faces.subjects[rows] >= 0], return_counts=True)
    largest = names[np.argsort(-counts, kind="stable")][:SHOWN_SUBJECTS]
    some = [mixed[faces.subjects[mixed] == name][:SUBJECT_FACES] for name in largest]
    of_subjects = np.concatenate(some) if some else rows[:0]
    return {
        "sample": faces.positions[mixed[:SAMPLE_FACES]].tolist(),
        "subjects": faces.positions[of_subjects].tolist(),
    }


def _keep(context: JobContext, sight: DetectorSight, made: Maximised) -> DetectorSight:
    """Store pictures and row in the place of the detector's earlier ones."""
    dataset = sight.dataset
    with transaction.atomic():
        dataset.refresh_from_db(fields=["revision"])
        sight.revision = dataset.revision
        sight.pictures_name, sight.pictures_sha256 = array_store(_folder(dataset.pk), "sight", made.pictures)
        _replace(list(DetectorSight.objects.filter(detector=sight.detector)), "pictures_name")
        sight.save()
        context.stop_if_asked()
    return sight


def attribution_run(context: JobContext) -> dict[str, Any]:
    """Find which parts of the job's face speak for each AU: {"attribution", "detector", "face"}."""
    detector = Detector.objects.select_related("dataset").get(pk=context.params["detector"])
    dataset = detector.dataset
    face = Face.objects.filter(dataset=dataset, position=context.params["face"]).first()
    if face is None:
        raise InputRefused(_("This face is not in the data set any more."))
    network = network_fetch(detector)
    pixels = face_pixels(dataset, network.config.input_size, face.key.hex, face.pk)

    def progress(fraction: float, message: str) -> None:
        context.progress(0.05 + 0.9 * fraction, message)

    try:
        told = face_attribute(network, pixels, progress, context.cancelled)
    except Cancelled:
        context.stop_if_asked()
        raise
    with transaction.atomic():
        dataset.refresh_from_db(fields=["revision"])
        _replace(list(FaceAttribution.objects.filter(detector=detector, face=face)), "maps_name")
        name, sha256 = array_store(_folder(dataset.pk), "attribution", maps_smooth(told.maps))
        made = FaceAttribution.objects.create(
            dataset=dataset,
            detector=detector,
            face=face,
            maps_name=name,
            maps_sha256=sha256,
            logits=[[round(float(one), 4) for one in pair] for pair in zip(told.logits, told.empty, strict=True)],
            revision=dataset.revision,
            job=context.job,
        )
        context.stop_if_asked()
    return {"attribution": made.pk, "detector": detector.pk, "face": face.position}


def _folder(dataset_id: int) -> str:
    return f"datasets/{dataset_id}/sights"


def _replace(rows: list[Any], field: str) -> None:
    """Delete these rows, and their files once that is committed."""
    for row in rows:
        name = getattr(row, field)
        transaction.on_commit(partial(default_storage.delete, name), robust=True)
        row.delete()
