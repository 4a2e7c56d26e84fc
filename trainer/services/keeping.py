"""Keeping what a training made: label snapshot, weights, detector. Runs in a worker: imports torch."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.errors import CorrugatorError
from annotator.models import ArrayFile, CodedAU, DataSet, Detector, LabelSnapshot
from annotator.selectors.arrays import array_read, file_sha256
from annotator.services.arrays import array_write
from annotator.services.job_running import JobContext
from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.settings import PRETRAINED_FOLDER, PRETRAINING
from trainer.algorithms.weights import weights_save
from trainer.selectors.detector_card import card_make
from trainer.selectors.snapshots import SnapshotCheck
from trainer.selectors.training_codes import FaceTable, TrainingCodes
from trainer.services.pretrained import encoders_known


def job_folder(context: JobContext) -> Path:
    """Where the job keeps what it has finished; gone once the job has ended well."""
    folder = Path(settings.DATA) / "jobs" / str(context.job.pk)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def positions_total(dataset: DataSet) -> int:
    """How long arrays are now; faces may have come since the job began."""
    dataset.refresh_from_db(fields=["next_position"])
    return dataset.next_position


def by_position(dataset: DataSet, positions: NDArray[np.int64], values: NDArray[Any], empty: float) -> NDArray[Any]:
    """(N, …) values of these positions as (positions, …), `empty` everywhere else."""
    laid = np.full((positions_total(dataset), *values.shape[1:]), empty, values.dtype)
    laid[positions] = values
    return laid


def snapshot_make(
    context: JobContext, faces: FaceTable, codes: TrainingCodes, check: SnapshotCheck, revision: int
) -> LabelSnapshot:
    """Freeze the codes for this job, so that it trains on the same ones however often it is taken up.

    revision: the data set's when they were read.
    """
    dataset = context.job.dataset
    # as long as these faces: those that an import brings meanwhile are not of this snapshot
    laid = np.full((int(faces.positions[-1]) + 1, codes.codes.shape[1]), -1, np.int8)
    laid[faces.positions] = codes.codes
    with transaction.atomic():
        snapshot = LabelSnapshot.objects.create(
            dataset=dataset,
            revision=revision,
            protocol=dataset.protocols.latest("version"),
            aus=[coded.au for coded in codes.aus],
            sources=codes.sources,
            layers=codes.layers,
            codes=array_write(dataset=dataset, purpose="snapshot", values=laid),
            summary=check.summary(),
        )
        context.checkpoint_save(snapshot=snapshot.pk, faces=faces.digest)
    return snapshot


def snapshot_kept(context: JobContext, faces: FaceTable) -> LabelSnapshot | None:
    """The snapshot that an earlier attempt at this job froze; None too where one of its faces has gone with its
    subject, for then its figures are wrong, or has become a test face, which must not be learned from."""
    number = context.checkpoint.get("snapshot", 0)
    kept = LabelSnapshot.objects.filter(dataset=context.job.dataset, pk=number).first()
    if kept is None or (codes_at(kept, faces)[faces.is_test] >= 0).any():
        return None
    of_then = faces.part(np.flatnonzero(faces.positions < kept.codes.shape[0]))
    return kept if of_then.digest == context.checkpoint["faces"] else None


def codes_at(snapshot: LabelSnapshot, faces: FaceTable) -> NDArray[np.int8]:
    """The snapshot's codes of these faces (N, A); −1 for those that came later."""
    codes = array_read(snapshot.codes, check=True)
    rows = np.full((len(faces.ids), codes.shape[1]), -1, np.int8)
    inside = faces.positions < len(codes)
    rows[inside] = codes[faces.positions[inside]]
    return rows


def weights_keep(context: JobContext, detector: Detector, network: FaceNetwork) -> None:
    """Store the weights with the model card of a detector that has no row yet, and name them in it.

    Their name is made of the job and their checksum: a job that is killed here and runs again on the same
    day leaves no second file.
    """
    extra = {name: getattr(detector, name) for name in ("aus", "method", "seed", "thresholds")}
    with tempfile.TemporaryDirectory(dir=settings.DATA) as folder:
        path = Path(folder) / "weights.safetensors"
        weights_save(path, network, extra, card_make(detector))
        digest = file_sha256(path)
        name = f"datasets/{detector.dataset_id}/detectors/{context.job.pk}-{digest[:32]}.safetensors"
        if default_storage.exists(name):
            default_storage.delete(name)  # of a process killed while it was written, perhaps half of it
        with path.open("rb") as file:
            default_storage.save(name, File(file))
    detector.weights_name, detector.weights_sha256 = name, digest


def seen_keep(
    dataset: DataSet,
    faces: FaceTable,
    learned: NDArray[np.bool_],
    *,
    with_emotion: NDArray[np.bool_] | None = None,
    begun_sha256: str = "",
) -> ArrayFile:
    """Store which faces a detector has seen, so that a withdrawal can name it.

    learned: (N,) faces that it learned from by code or picture. with_emotion: (N,) those that its encoder learned
    from, if it has one. begun_sha256: of the weights it began from: what an encoder of this data set has seen, it
    has seen too.
    """
    with_emotion = np.zeros_like(learned) if with_emotion is None else with_emotion
    seen = np.stack([learned | with_emotion, with_emotion], axis=1)
    laid = by_position(dataset, faces.positions, seen, 0)
    for other in encoders_known(dataset, begun_sha256):
        try:
            learned_before = array_read(other.seen)[:, 1] if other.seen else np.zeros(0, bool)
        except (CorrugatorError, OSError, ValueError):  # nobody can tell any more: better named than kept quiet
            learned_before = np.ones(len(laid), bool)
        laid[: len(learned_before), 0] |= learned_before
    return array_write(dataset=dataset, purpose="seen", values=laid)


def encoder_note(context: JobContext, detector: Detector) -> None:
    """Name in the detector's row, which is new, the body that learned from emotions alone, if there was such a stage:
    `encoder_keep` puts it there."""
    learned = job_folder(context) / f"{PRETRAINING}.safetensors"
    if learned.exists():
        detector.encoder_name = f"{PRETRAINED_FOLDER}/emoco-{detector.pk}.safetensors"
        detector.encoder_sha256 = file_sha256(learned)
        detector.save(update_fields=["encoder_name", "encoder_sha256"])


def encoder_keep(context: JobContext, detector: Detector) -> None:
    """Put the body that learned from emotions alone where other trainings, also of this very data set, can begin with
    it. Where the emotions were inferred from weak codes, trainings that weak codes judge may not
    (`services.pretrained`). Nothing is done where there was no such stage."""
    learned = job_folder(context) / f"{PRETRAINING}.safetensors"
    if not detector.encoder_name or not learned.exists():
        return
    target = Path(settings.DATA) / detector.encoder_name
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    shutil.copyfile(learned, partial)
    partial.replace(target)
    context.log(
        _("Other trainings can begin with what emotions taught: pretrained weights %(name)s") % {"name": target.name}
    )


def machine_told(trainings: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """What a report says of the machine: of the trainings of all stages the seconds, the rest of this one's."""
    return {
        "device": trainings[stage]["device"],
        "precision": trainings[stage]["precision"],
        "threads": torch.get_num_threads(),
        "seconds": round(sum(training["seconds"] for training in trainings.values()), 1),
    }


def au_bits(dataset: DataSet, aus: Sequence[int]) -> list[int]:
    """The bits of these AUs, in their order."""
    by_au: dict[int, CodedAU] = {coded.au: coded for coded in dataset.coded_aus.all()}
    return [by_au[au].bit for au in aus]
