"""The training job: freeze the codes, train, judge, keep a detector. Runs in a worker: imports torch.

Finished networks and checkpoints lie in the data folder under `jobs/<id>/`; the frozen codes are named in the
job's checkpoint. A job that is killed anywhere and called again goes on to the same detector.
"""

import json
import logging
import math
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from django.conf import settings as django_settings
from django.db import transaction
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.errors import InputRefused, JobCancelled
from annotator.models import DataSet, Detector, LabelSnapshot
from annotator.services.arrays import array_write
from annotator.services.datasets import revision_raise
from annotator.services.job_running import JobContext
from trainer.algorithms.callbacks import Cancelled, EpochReport, progress_part
from trainer.algorithms.clips import Clips
from trainer.algorithms.detectors import DetectorResult, detector_train
from trainer.algorithms.emotions import Emotions
from trainer.algorithms.evaluation import evaluate
from trainer.algorithms.events import events_measure
from trainer.algorithms.hybrid import WHOLE, parts_predict
from trainer.algorithms.methods import METHODS, settings_load
from trainer.algorithms.pretrained import pretrained_find
from trainer.algorithms.sampling import batch_count, composition, epoch_batches
from trainer.algorithms.settings import COLUMN, FINAL_STAGE, PRETRAINED_FOLDER, DetectorSettings
from trainer.algorithms.thresholds import fold_thresholds_choose
from trainer.algorithms.training import stage_seed
from trainer.selectors.detector_charts import stage_title
from trainer.selectors.emotions import emotions_of
from trainer.selectors.snapshots import codes_check
from trainer.selectors.training_codes import FaceTable, TrainingCodes, codes_chosen, face_table
from trainer.services.keeping import (
    by_position,
    codes_at,
    encoder_keep,
    encoder_note,
    job_folder,
    machine_told,
    seen_keep,
    snapshot_kept,
    snapshot_make,
    weights_keep,
)
from trainer.services.pictures import Pixels, faces_prepare
from trainer.services.pretrained import emotions_refuse, pretrained_refuse

log = logging.getLogger("corrugator.jobs")

CACHE_SHARE, TRAIN_SHARE = 0.08, 0.95
COMPOSITION_BATCHES = 60
CURVE_SECONDS = 1.0
NO_TEST = "No test face has a consensus, coder or reference code."


@dataclass(frozen=True)
class Taken:
    """N faces, A AUs: what one training works on."""

    snapshot: LabelSnapshot
    faces: FaceTable
    labels: NDArray[np.int8]
    """(N, A) the frozen codes, 1, 0, −1 unknown."""
    study: NDArray[np.bool_]
    """(N,) faces without codes whose pictures may be learned from."""
    test_labels: NDArray[np.int8]
    """(N, A) trusted codes of test faces; only the report reads them."""
    whole: Clips
    """Where all M faces of the data set stand in time."""
    places: NDArray[np.intp]
    """(N,) of these faces among them."""

    def part(self, faces: FaceTable) -> "Taken":
        """The same of some of the faces."""
        rows = np.flatnonzero(np.isin(self.faces.positions, faces.positions))
        return replace(
            self,
            faces=faces,
            labels=self.labels[rows],
            study=self.study[rows],
            test_labels=self.test_labels[rows],
            places=self.places[rows],
        )


def training_run(context: JobContext) -> dict[str, Any]:
    """Train the detector that the job's parameters describe: {"detector"} with its main figures."""
    kept = Detector.objects.filter(job=context.job).first()
    if kept is None:
        settings = settings_load(context.params["settings"])
        try:
            kept = _detector_make(context, settings)
        except Cancelled:
            context.stop_if_asked()
            raise
        except torch.OutOfMemoryError as error:
            raise InputRefused(
                _("The device ran out of memory: choose a smaller batch, picture or network.")
            ) from error
        except ValueError as error:
            log.warning("the training %s ended", context.job.pk, exc_info=True)  # its words may not be for people
            raise InputRefused(str(error)) from error
    encoder_keep(context, kept)
    shutil.rmtree(job_folder(context), ignore_errors=True)
    return detector_told(kept)


def detector_told(detector: Detector) -> dict[str, Any]:
    """What a job's result and a command say of a finished detector."""

    def mean_f1(part: str) -> float | None:
        told = detector.report.get(part)
        rule = told and (told["mean"]["rules"]["validation"] or told["mean"]["rules"]["fixed"])
        return rule["f1"]["value"] if rule and rule["f1"] else None

    return {
        "detector": detector.pk,
        "mean_f1": mean_f1("cross_validation"),
        "test_mean_f1": mean_f1("test"),
        "faces": detector.snapshot.summary.get("faces"),
    }


def _detector_make(context: JobContext, settings: DetectorSettings) -> Detector:
    context.progress(0.0, _("Reading codes"))
    taken = snapshot_take(context, settings)
    coded = (taken.labels >= 0).any(axis=1)
    needed = coded | taken.study | (taken.test_labels >= 0).any(axis=1)
    emotions = emotions_taken(context, taken.faces) if settings.emoco is not None else None
    if emotions is not None:
        emotions_refuse(source=emotions.source, codes=taken.snapshot.sources)
        needed |= emotions.classes >= 0
    if settings.hybrid is not None:
        needed |= taken.faces.in_time.beside(np.flatnonzero((taken.test_labels >= 0).any(axis=1)))
    size = settings.network.input_size
    decoding = progress_part(context.progress, 0.0, CACHE_SHARE)
    table, cache = faces_prepare(context, context.job.dataset, taken.faces, size, needed, decoding)
    if emotions is not None:
        emotions = replace(emotions, classes=emotions.classes[np.isin(taken.faces.positions, table.positions)])
    taken = taken.part(table)
    _begin_told(context, taken, emotions)
    curves = LiveCurves(context, faces=int(coded.sum()))
    try:
        result = detector_train(
            cache,
            taken.labels,
            table.people,
            settings,
            study_rows=taken.study,
            emotions=emotions,
            clips=table.in_time,
            folder=job_folder(context),
            pretrained=_pretrained(taken.snapshot, settings),
            progress=progress_part(curves.progress, CACHE_SHARE, TRAIN_SHARE),
            cancelled=context.cancelled,
            on_epoch=curves.epoch,
        )
    finally:
        curves.save()
    context.progress(TRAIN_SHARE, _("Judging the detector"))
    report = report_make(taken, cache, result, settings, context)
    context.progress(0.98, _("Keeping the detector"))
    return _detector_keep(context, taken, emotions, result, settings, report)


def snapshot_take(context: JobContext, settings: DetectorSettings) -> Taken:
    """The codes of the job's snapshot; frozen now, unless an earlier attempt at this job did so."""
    dataset = context.job.dataset
    dataset.refresh_from_db(fields=["revision"])
    revision = dataset.revision
    faces = face_table(dataset)
    chosen = codes_chosen(dataset, faces, context.params["sources"])
    snapshot = snapshot_kept(context, faces)
    if snapshot is None:
        check = codes_check(dataset, faces, chosen, folds=settings.folds)
        if not check.ready:
            raise InputRefused(" ".join(problem.text for problem in check.problems if problem.stops))
        learned = chosen.columns([column for column, one in enumerate(check.aus) if one.learned])
        shutil.rmtree(job_folder(context), ignore_errors=True)
        snapshot = snapshot_make(context, faces, learned, check, revision)
    # Faces that came later are not of this training: it stays the same when it is resumed.
    faces = faces.part(np.flatnonzero(faces.positions < snapshot.codes.shape[0]))
    labels = codes_at(snapshot, faces)
    return Taken(
        snapshot=snapshot,
        faces=faces,
        labels=labels,
        study=_study_rows(context, settings, faces, labels, chosen.noise[: len(faces.ids)]),
        test_labels=_test_labels(snapshot, chosen)[: len(faces.ids)],
        whole=faces.in_time,
        places=np.arange(len(faces.ids)),
    )


def emotions_taken(context: JobContext, faces: FaceTable) -> Emotions:
    """The emotions of these faces, none of a test face; those of now, unless an earlier attempt at this job has kept
    them."""
    path = job_folder(context) / "emotions.json"
    if not path.exists():
        found = emotions_of(context.job.dataset, faces)
        told = {"classes": found.classes.tolist(), "names": found.names, "source": found.source}
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(told))
        partial.replace(path)
    kept = json.loads(path.read_text())
    classes = np.array(kept["classes"], np.int64)
    if len(classes) != len(faces.ids):  # faces went with their subject since
        path.unlink()
        return emotions_taken(context, faces)
    classes[faces.is_test] = -1  # of those that have become test faces since
    return Emotions(classes, tuple(kept["names"]), kept["source"])


def _test_labels(snapshot: LabelSnapshot, chosen: TrainingCodes) -> NDArray[np.int8]:
    """(faces, A) the trusted codes of test faces in the snapshot's order of AUs; an AU that was taken off the
    list since has none."""
    labels = np.full((len(chosen.test_codes), len(snapshot.aus)), -1, np.int8)
    for column, coded in enumerate(chosen.aus):
        if coded.au in snapshot.aus:
            labels[:, snapshot.aus.index(coded.au)] = chosen.test_codes[:, column]
    return labels


def _study_rows(
    context: JobContext,
    settings: DetectorSettings,
    faces: FaceTable,
    labels: NDArray[np.int8],
    noise: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """(N,) faces without codes that a method learns from: chosen once, the same when the job is resumed."""
    if settings.adversarial is None and settings.hybrid is None:
        return np.zeros(len(faces.ids), bool)
    path = job_folder(context) / "study.npy"
    if not path.exists():
        coded = (labels >= 0).any(axis=1)
        open_ = ~coded & ~faces.is_test & ~noise
        if settings.hybrid is not None:
            open_ &= faces.in_time.beside(np.flatnonzero(coded))
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, faces.positions[open_], allow_pickle=False)
        partial.replace(path)
    return np.isin(faces.positions, np.load(path, allow_pickle=False)) & ~faces.is_test


def _pretrained(snapshot: LabelSnapshot, settings: DetectorSettings) -> Path | str | None:
    if not settings.pretrained:
        return None
    # asked when the training was ordered too, but there the file may have been another, or out of reach
    pretrained_refuse(dataset=snapshot.dataset, name=settings.pretrained, codes=snapshot.sources)
    return pretrained_find(Path(django_settings.DATA) / PRETRAINED_FOLDER, settings.pretrained)


def _begin_told(context: JobContext, taken: Taken, emotions: Emotions | None) -> None:
    told = ", ".join(f"{kind} {count}" for kind, count in taken.snapshot.sources.items())
    coded, studied = int((taken.labels >= 0).any(axis=1).sum()), int(taken.study.sum())
    context.log(_("Training on %(faces)d faces, codes from %(sources)s") % {"faces": coded, "sources": told})
    if studied:
        context.log(_("Learning from the pictures of %(faces)d faces without codes too") % {"faces": studied})
    if emotions is not None:
        told = ", ".join(f"{name} {count}" for name, count in emotions.counts.items())
        if emotions.source == COLUMN:
            context.log(_("Learning first from the imported emotions: %(told)s") % {"told": told})
        else:
            context.log(_("Learning first from emotions inferred from weak codes: %(told)s") % {"told": told})


class LiveCurves:
    """The job's curves, counts and log, as the networks' epochs come in."""

    def __init__(self, context: JobContext, *, faces: int) -> None:
        self.context = context
        self.counts = {"faces": faces}
        self.last: EpochReport | None = None
        self.saved = 0.0

    def progress(self, fraction: float, message: str) -> None:
        # The training asks for itself whether to stop, and keeps a checkpoint when it does.
        stage, comma, rest = message.partition(",")
        with suppress(JobCancelled):
            self.context.progress(fraction, f"{stage_title(stage)}{comma}{rest}", **self.counts)

    def epoch(self, report: EpochReport) -> None:
        """Add an epoch's points: [epoch, loss, validation loss] and [epoch, mean F1, F1 of each AU …]."""
        if self.last is not None and self.last.stage != report.stage:
            self.log_stage()
        self.last = report
        f1 = [_finite(value) for value in report.validation_f1]
        defined = [value for value in f1 if value is not None]
        mean = _finite(sum(defined) / len(defined)) if defined else None
        self.add(f"{report.stage}.loss", [report.epoch, _finite(report.loss), _finite(report.validation_loss)])
        self.add(f"{report.stage}.f1", [report.epoch, mean, *f1])
        self.counts["examples_per_second"] = round(report.examples_per_second)
        if report.seconds_left is not None:
            self.counts["seconds_left"] = round(report.seconds_left)
        if report.epoch == report.epochs or time.monotonic() - self.saved > CURVE_SECONDS:
            self.save()

    def add(self, name: str, point: list[float | None]) -> None:
        """One more point; those from this epoch on are of an attempt that broke off after its checkpoint."""
        epoch = point[0]
        assert epoch is not None
        curves = self.context.job.curves
        earlier = [old for old in curves.get(name, []) if old[0] < epoch]
        self.context.job.curves = {**curves, name: [*earlier, point]}

    def save(self) -> None:
        if self.last is not None:
            name = f"{self.last.stage}.loss"
            self.context.curve(name, self.context.job.curves[name])
            self.saved = time.monotonic()

    def log_stage(self) -> None:
        assert self.last is not None
        told = {"stage": self.last.stage, "epochs": self.last.epoch, "loss": f"{self.last.loss:.4f}"}
        self.context.log(_("%(stage)s: %(epochs)d epochs, loss %(loss)s") % told)


def _finite(value: float | None) -> float | None:
    """Six digits; JSON has no word for infinite or undefined numbers."""
    return round(value, 6) if value is not None and math.isfinite(value) else None


def report_make(
    taken: Taken, cache: Pixels, result: DetectorResult, settings: DetectorSettings, context: JobContext
) -> dict[str, Any]:
    """The detector's report: cross-validation, test, trainings, machine, settings, batches."""
    rows = np.flatnonzero(result.folds >= 0)
    folds = result.folds[rows]
    cuts = result.fold_thresholds[folds]
    report: dict[str, Any] = {
        "cross_validation": judged(taken, rows, taken.labels, result.out_of_fold[rows], cuts, folds),
        "test": None,
    }
    tests = np.flatnonzero((taken.test_labels >= 0).any(axis=1))
    if len(tests):
        # a hybrid follows the clips of test faces through all their frames, coded or not
        scores = parts_predict(
            result.network,
            cache,
            tests,
            taken.faces.in_time,
            np.ones(len(taken.faces.ids), bool),
            folder=job_folder(context),
            cancelled=context.cancelled,
        )[WHOLE]
        report["test"] = judged(taken, tests, taken.test_labels, scores, result.thresholds)
    else:
        report["test_why"] = NO_TEST
    if result.parts:
        report["parts"] = {name: part_told(taken, result, part) for name, part in result.parts.items()}
    return report | {
        "trainings": result.trainings,
        "machine": machine_told(result.trainings, FINAL_STAGE),
        "settings": settings.as_dict(),
        "composition": batches_told(taken, result, settings),
        "validation_faces": int(result.validation.sum()),
    }


def judged(
    taken: Taken,
    rows: NDArray[np.intp],
    labels: NDArray[np.int8],
    scores: NDArray[np.float32],
    cuts: NDArray[np.float32],
    folds: NDArray[np.int16] | None = None,
) -> dict[str, Any]:
    """The evaluation, events included, of the scores (rows, A) of these faces by their codes in `labels` (N, A).
    Frames without any code, which are no rows, break no event in two."""
    faces, codes, in_time = taken.faces, labels[rows], taken.whole.closed(taken.places[rows])
    told = evaluate(codes, scores, faces.people[rows], thresholds=cuts, folds=folds)
    return told | {"events": events_measure(codes, scores > cuts, in_time.clips, in_time.frames, folds)}


def part_told(taken: Taken, result: DetectorResult, part: NDArray[np.float32]) -> dict[str, Any]:
    """What one part of a hybrid, CNN or LSTM, is worth alone on the same faces: the ablation of its paper."""
    rows = np.flatnonzero(result.folds >= 0)
    folds = result.folds[rows]
    cuts = fold_thresholds_choose(taken.labels[rows], part[rows], folds)[folds]
    told = judged(taken, rows, taken.labels, part[rows], cuts, folds)
    return {"mean": told["mean"], "events": told["events"]["mean"] if told["events"] else None}


def batches_told(taken: Taken, result: DetectorResult, settings: DetectorSettings) -> dict[str, Any]:
    """Positives of each AU in the first batches that the final network saw (Chu et al. 2019, Fig. 6)."""
    training = settings.training
    labels = taken.labels[(result.folds >= 0) & ~result.validation]
    size = training.batch
    if settings.adversarial is not None and taken.study.any():
        size = settings.adversarial.labelled(size)
    seed = (stage_seed(settings.seed, FINAL_STAGE), 0)
    count = batch_count(len(labels), size)
    batches = epoch_batches(training.sampler, labels, size, count, seed, draw=training.sampler_size)
    drawn = composition(labels, batches[:COMPOSITION_BATCHES])
    return {"sampler": training.sampler, "batches": drawn.tolist()}


def _detector_keep(
    context: JobContext,
    taken: Taken,
    emotions: Emotions | None,
    result: DetectorResult,
    settings: DetectorSettings,
    report: dict[str, Any],
) -> Detector:
    """Weights, then one transaction for the rows: there is a whole detector of this job, or none."""
    dataset = context.job.dataset
    detector = Detector(
        dataset=dataset,
        name=context.params["name"] or _name_free(dataset, METHODS[settings.method].title),
        method=settings.method,
        aus=taken.snapshot.aus,
        snapshot=taken.snapshot,
        configuration=settings.as_dict(),
        seed=settings.seed,
        report=report,
        thresholds=[float(threshold) for threshold in result.thresholds],
        job=context.job,
    )
    weights_keep(context, detector, result.network)
    laid = by_position(dataset, taken.faces.positions, result.out_of_fold, np.nan)
    learned = (taken.labels >= 0).any(axis=1) | taken.study
    with_emotion = emotions.classes >= 0 if emotions is not None else None
    begun = result.trainings[FINAL_STAGE].get("pretrained_sha256", "")
    with transaction.atomic():
        detector.out_of_fold = array_write(dataset=dataset, purpose="out-of-fold", values=laid)
        detector.seen = seen_keep(dataset, taken.faces, learned, with_emotion=with_emotion, begun_sha256=begun)
        detector.save()
        encoder_note(context, detector)
        revision_raise(dataset)
        # Raises where another worker has taken the job over: then nothing of this attempt is kept.
        context.checkpoint_save(detector=detector.pk)
    return detector


def _name_free(dataset: DataSet, title: str) -> str:
    """The method's title with the first number that no detector has."""
    taken = set(dataset.detectors.values_list("name", flat=True))
    number = 1
    while f"{title} {number}" in taken:
        number += 1
    return f"{title} {number}"
