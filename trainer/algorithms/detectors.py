"""From codes to a detector: a network for each fold of the subjects, then one trained on all of them.

The fold networks score the coded faces honestly: each face by the network that never saw its subject.
Those scores judge the method, set the thresholds, and stand for the coded faces wherever the detector
predicts. Each network is a stage, and what it learns along time another; a finished one lies in the folder and is
not trained again.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trainer.algorithms.adversarial import Adversarial
from trainer.algorithms.callbacks import (
    CancelCheck,
    EpochListener,
    EpochReport,
    Progress,
    cancel_never,
    epoch_ignore,
    progress_ignore,
)
from trainer.algorithms.clips import Clips, stills
from trainer.algorithms.distributed import processes_default, processes_fit, train_together
from trainer.algorithms.emotions import Emotions
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.folds import folds_assign, subjects_split
from trainer.algorithms.hybrid import WHOLE, ground_find, parts_predict, temporal_train
from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.objectives import Rows, Supervised, TrainingData
from trainer.algorithms.pretrained import network_start
from trainer.algorithms.pretraining import emoco_pretrain
from trainer.algorithms.settings import FINAL_STAGE, PRETRAINING, DetectorSettings, lstm_stage
from trainer.algorithms.thresholds import fold_thresholds_choose, thresholds_choose
from trainer.algorithms.training import ObjectiveMaker, stage_seed, train
from trainer.algorithms.weights import WeightsError, body_read, weights_load, weights_save

FRAMES_FOLLOWED = 8
"""Frames that the LSTMs follow in about the time in which a small network learns from one picture."""


@dataclass(frozen=True)
class DetectorResult:
    """N faces, A AUs, K folds."""

    network: FaceNetwork
    out_of_fold: NDArray[np.float32]
    """(N, A) probabilities of the coded faces, NaN for the others and for an AU without any code."""
    folds: NDArray[np.int16]
    """(N,) the fold of each coded face, −1 for the others."""
    validation: NDArray[np.bool_]
    """(N,) coded faces that the final network was not trained on, for its curves and early stopping."""
    thresholds: NDArray[np.float32]
    """(A,) by the best F1 on the out-of-fold scores."""
    fold_thresholds: NDArray[np.float32]
    """(K, A) the same without the codes of each fold, for judging it."""
    trainings: dict[str, Any]
    """JSON-ready TrainingReport of each stage."""
    parts: dict[str, NDArray[np.float32]]
    """(N, A) out of fold like `out_of_fold`, of the parts of a hybrid alone, `cnn` and `lstm`; otherwise empty."""


def objective_of(settings: DetectorSettings) -> ObjectiveMaker:
    """What the method's steps minimise."""
    if settings.adversarial is not None:
        return partial(Adversarial, adversarial=settings.adversarial)
    return Supervised


def detector_train(
    cache: FaceArray,
    labels: NDArray[np.int8],
    groups: NDArray[np.integer[Any]],
    settings: DetectorSettings,
    *,
    study_rows: NDArray[np.bool_] | None = None,
    emotions: Emotions | None = None,
    clips: Clips | None = None,
    folder: Path | None = None,
    pretrained: Path | str | None = None,
    processes: int | None = None,
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    on_epoch: EpochListener = epoch_ignore,
) -> DetectorResult:
    """Train by the settings on the faces with a known code.

    cache: (N, S, S, 3) uint8, S the network's input size. labels: (N, A) int8, 1, 0, −1 unknown. groups:
    (N,) subject ids, below 0 for a face that is its own subject. study_rows: (N,) faces without codes
    whose pictures may be learned from; a hybrid looks at the frames among them. emotions: of the faces that EmoCo
    learns from first. clips: where the N faces stand in time; frames of a clip without a subject are one person.
    folder: keeps finished stages and checkpoints; with the same folder and arguments an interrupted work goes on to
    the same result. processes: for each network, default one a CUDA device, fewer for few faces. Raises ValueError
    for arrays that do not fit or fewer than two coded faces or subjects, `Cancelled` on request.
    """
    work = _Work(
        cache,
        labels,
        groups,
        settings,
        study_rows,
        emotions,
        clips,
        folder,
        pretrained,
        processes or processes_default(),
    )
    parts: dict[str, NDArray[np.float32]] = {}
    trainings: dict[str, Any] = {}
    clock = _Clock(work.sizes())
    if settings.emoco is not None:
        trainings[PRETRAINING] = work.pretrain(clock, progress, cancelled, on_epoch)
    for fold in range(work.count):
        name = f"fold-{fold}"
        inside = work.coded[work.folds[work.coded] != fold]
        network, reports, _ = work.stage(name, inside, clock, progress, cancelled, on_epoch)
        trainings |= reports
        own = work.coded[work.folds[work.coded] == fold]
        told = parts_predict(network, cache, own, work.clips, work.seen, folder=folder, cancelled=cancelled)
        for part, scores in told.items():
            parts.setdefault(part, np.full(labels.shape, np.nan, np.float32))[own] = scores
    network, reports, kept = work.stage(FINAL_STAGE, work.coded, clock, progress, cancelled, on_epoch)
    trainings |= reports
    for scores in parts.values():
        scores[:, ~(labels[work.coded] >= 0).any(axis=0)] = np.nan
    out_of_fold = parts.pop(WHOLE)
    validation = np.zeros(len(cache), dtype=bool)
    validation[kept] = True
    coded, scores = labels[work.coded], out_of_fold[work.coded]
    return DetectorResult(
        network=network,
        out_of_fold=out_of_fold,
        folds=work.folds,
        validation=validation,
        thresholds=thresholds_choose(coded, scores),
        fold_thresholds=fold_thresholds_choose(coded, scores, work.folds[work.coded]),
        trainings=trainings,
        parts=parts,
    )


class _Clock:
    """How far the whole work is, by the faces that each stage looks at."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes, self.total = sizes, sum(sizes.values())
        self.done = 0
        self.started, self.fresh = time.monotonic(), 0.0

    def fraction(self, stage: str, part: float) -> float:
        """Of the whole work, when a part of this stage is done."""
        return (self.done + part * self.sizes[stage]) / self.total

    def left(self, stage: str, part: float) -> float | None:
        """Seconds left, from what was trained in this attempt."""
        worked = self.fraction(stage, part) - self.fresh
        return (1 - self.fraction(stage, part)) * (time.monotonic() - self.started) / worked if worked > 0 else None

    def moving(self, stage: str, progress: Progress) -> Progress:
        """The stage's own progress, told as that of the whole work."""
        return lambda part, message: progress(self.fraction(stage, part), f"{stage}, {message}")

    def telling(self, stage: str, on_epoch: EpochListener) -> EpochListener:
        """The stage's epochs, with the seconds left of the whole work."""

        def told(report: EpochReport) -> None:
            on_epoch(replace(report, seconds_left=self.left(stage, report.epoch / report.epochs)))

        return told

    def ended(self, stage: str, was_kept: bool) -> None:
        self.done += self.sizes[stage]
        if was_kept:
            self.fresh += self.sizes[stage] / self.total


class _Work:
    """The checked inputs, the folds, and how a stage is trained or taken up."""

    def __init__(
        self,
        cache: FaceArray,
        labels: NDArray[np.int8],
        groups: NDArray[np.integer[Any]],
        settings: DetectorSettings,
        study_rows: NDArray[np.bool_] | None,
        emotions: Emotions | None,
        clips: Clips | None,
        folder: Path | None,
        pretrained: Path | str | None,
        processes: int,
    ) -> None:
        for name, array in (("labels", labels), ("groups", groups)):
            if len(array) != len(cache):
                raise ValueError(f"{name} has {len(array)} rows, the cache has {len(cache)} faces")
        if cache.shape[1] != settings.network.input_size:
            raise ValueError(f"faces of {cache.shape[1]} pixels, the network takes {settings.network.input_size}")
        self.clips = clips or stills(len(cache))
        groups = self.clips.groups(groups)
        self.cache, self.labels, self.groups, self.settings = cache, labels, groups, settings
        self.folder, self.pretrained = folder, pretrained
        if settings.emoco is not None and (emotions is None or len(emotions.classes) != len(cache)):
            raise ValueError("EmoCo needs an emotion, or none, of each face")
        self.emotions = emotions
        self.body: dict[str, Tensor] = {}
        self.coded: Rows = np.flatnonzero((labels >= 0).any(axis=1))
        # a body that is kept as it is can't be told to other processes
        most = 1 if settings.emoco is not None else processes
        self.processes = processes_fit(most, len(self.coded), settings.training.batch)
        self.folds = folds_assign(self.coded, groups, settings.folds, settings.seed)
        self.count = int(self.folds.max()) + 1
        unlabelled = np.zeros(len(cache), dtype=bool) if study_rows is None else study_rows.copy()
        unlabelled[self.coded] = False
        self.unlabelled: Rows = np.flatnonzero(unlabelled)
        self.seen = unlabelled
        self.seen[self.coded] = True
        self.clips_check()
        self.config = replace(settings.network, outputs=labels.shape[1])
        self.fingerprint = self.fingerprint_make()

    def clips_check(self) -> None:
        """Raises ValueError where a stage of a hybrid would have nothing to follow in time."""
        if self.settings.hybrid is None:
            return
        inside = {f"fold-{fold}": self.coded[self.folds[self.coded] != fold] for fold in range(self.count)}
        for name, rows in (inside | {FINAL_STAGE: self.coded}).items():
            _taught, followed, kept = self.split(name, rows)
            ground_find(self.labels, self.clips, followed, kept, self.seen, self.settings.hybrid)

    def sizes(self) -> dict[str, int]:
        """Faces that each stage learns from."""
        inside = {f"fold-{fold}": int((self.folds[self.coded] != fold).sum()) for fold in range(self.count)}
        before: dict[str, int] = {}
        if self.settings.emoco is not None and self.emotions is not None:
            shown = int((self.emotions.classes >= 0).sum()) * self.settings.emoco.epochs
            before[PRETRAINING] = -(-shown // self.settings.training.epochs)
        sizes = before | inside | {FINAL_STAGE: len(self.coded)}
        if self.settings.hybrid is not None:
            share = self.settings.hybrid.epochs / self.settings.training.epochs / FRAMES_FOLLOWED
            sizes |= {lstm_stage(name): 1 + round(size * share) for name, size in (inside | sizes).items()}
        return sizes

    def pretrain(
        self, clock: _Clock, progress: Progress, cancelled: CancelCheck, on_epoch: EpochListener
    ) -> dict[str, Any]:
        """Find the body that all networks begin with, or take up that of an earlier attempt; its report."""
        assert self.emotions is not None
        path = self.folder / f"{PRETRAINING}.safetensors" if self.folder else None
        kept = body_read(path, self.fingerprint) if path else None
        if kept is None:
            network, report = emoco_pretrain(
                self.cache,
                self.emotions,
                self.settings,
                checkpoint=self.folder / f"{PRETRAINING}-{self.fingerprint[:12]}.checkpoint" if self.folder else None,
                progress=clock.moving(PRETRAINING, progress),
                cancelled=cancelled,
                on_epoch=clock.telling(PRETRAINING, on_epoch),
            )
            if path is not None:
                weights_save(path, network, {"report": report, "fingerprint": self.fingerprint})
            kept = network.body.state_dict(), report
            clock.ended(PRETRAINING, was_kept=False)
        else:
            clock.ended(PRETRAINING, was_kept=True)
        self.body = kept[0]
        return kept[1]

    def stage(
        self,
        name: str,
        rows: Rows,
        clock: _Clock,
        progress: Progress,
        cancelled: CancelCheck,
        on_epoch: EpochListener,
    ) -> tuple[FaceNetwork, dict[str, Any], Rows]:
        """The network of a stage, the reports of its trainings by name, and the faces it kept for validation."""
        seed = stage_seed(self.settings.seed, name)
        taught, followed, kept = self.split(name, rows)
        network, report = self.frames_learn(name, taught, kept, seed, clock, progress, cancelled, on_epoch)
        reports = {name: report}
        if self.settings.hybrid is not None:
            network, told = self.time_learn(name, network, followed, kept, seed, clock, progress, cancelled, on_epoch)
            reports |= told
        return network, reports, kept

    def split(self, name: str, rows: Rows) -> tuple[Rows, Rows, Rows]:
        """Of a stage's rows those that single frames are learned from, those that a hybrid learns from along time,
        and those kept for validation. Raises ValueError where too few subjects are left for learning along time."""
        seed = stage_seed(self.settings.seed, name)
        taught, kept = subjects_split(rows, self.groups, self.settings.validation, seed)
        followed = taught
        if self.settings.hybrid is not None and self.settings.hybrid.apart:
            taught, followed = subjects_split(taught, self.groups, self.settings.hybrid.apart, seed + 1)
            if not len(followed):
                raise ValueError("Too few subjects to keep some apart for learning along time (`hybrid.apart`).")
        return taught, followed, kept

    def frames_learn(
        self,
        name: str,
        taught: Rows,
        kept: Rows,
        seed: int,
        clock: _Clock,
        progress: Progress,
        cancelled: CancelCheck,
        on_epoch: EpochListener,
    ) -> tuple[FaceNetwork, dict[str, Any]]:
        """The network that looks at single faces, and its report."""

        def learn() -> tuple[FaceNetwork, dict[str, Any]]:
            told, moved = clock.telling(name, on_epoch), clock.moving(name, progress)
            network, begun = self.network_make(seed)
            data = TrainingData(self.cache, self.labels, taught, self.unlabelled)
            return network, self.network_train(network, data, kept, name, seed, moved, cancelled, told) | begun

        return self.once(name, name, clock, learn)

    def time_learn(
        self,
        name: str,
        network: FaceNetwork,
        taught: Rows,
        kept: Rows,
        seed: int,
        clock: _Clock,
        progress: Progress,
        cancelled: CancelCheck,
        on_epoch: EpochListener,
    ) -> tuple[FaceNetwork, dict[str, Any]]:
        """The same network with what it sees along time, and the reports of both trainings."""
        assert self.settings.hybrid is not None
        hybrid, stage = self.settings.hybrid, lstm_stage(name)

        def learn() -> tuple[FaceNetwork, dict[str, Any]]:
            reports = temporal_train(
                network,
                self.cache,
                self.labels,
                self.clips,
                taught,
                kept,
                self.seen,
                hybrid,
                replace(self.settings.training, seed=seed),
                stage=name,
                checkpoint=self.folder / f"{name}-{self.fingerprint[:12]}" if self.folder else None,
                progress=clock.moving(stage, progress),
                cancelled=cancelled,
                on_epoch=clock.telling(stage, on_epoch),
            )
            return network, reports

        return self.once(f"{name}-hybrid", stage, clock, learn)

    def once(
        self, file: str, stage: str, clock: _Clock, learn: Callable[[], tuple[FaceNetwork, dict[str, Any]]]
    ) -> tuple[FaceNetwork, dict[str, Any]]:
        """What is learned in a stage, kept in a file of the folder; or what an earlier attempt had finished."""
        path = self.folder / f"{file}.safetensors" if self.folder else None
        finished = self.stage_finished(path) if path is not None else None
        if finished is not None:
            clock.ended(stage, was_kept=True)
            return finished
        network, report = learn()
        if path is not None:
            weights_save(path, network, {"report": report, "fingerprint": self.fingerprint})
        clock.ended(stage, was_kept=False)
        return network, report

    def stage_finished(self, path: Path) -> tuple[FaceNetwork, dict[str, Any]] | None:
        """The network and its report, if an earlier attempt at this very work has finished the stage."""
        if not path.exists():
            return None
        try:
            network, extra = weights_load(path)
        except WeightsError:  # as with a checkpoint: a damaged file costs its work, not the whole training
            return None
        return (network, extra["report"]) if extra.get("fingerprint") == self.fingerprint else None

    def network_make(self, seed: int) -> tuple[FaceNetwork, dict[str, str]]:
        """A network to begin with: fresh weights, or pretrained ones (and their checksum) under a fresh head."""
        network = network_create(self.config, seed)
        begun = {"pretrained_sha256": network_start(network, self.pretrained)} if self.pretrained else {}
        if self.body:
            network.body.load_state_dict(self.body)
        if self.settings.head_alone:
            network.body_freeze()
        return network, begun

    def network_train(
        self,
        network: FaceNetwork,
        data: TrainingData,
        validation: Rows,
        name: str,
        seed: int,
        progress: Progress,
        cancelled: CancelCheck,
        on_epoch: EpochListener,
    ) -> dict[str, Any]:
        """Train it here, or in several processes where there are several devices."""
        config = replace(self.settings.training, seed=seed)
        common: dict[str, Any] = {
            "validation": validation,
            "stage": name,
            "progress": progress,
            "cancelled": cancelled,
            "on_epoch": on_epoch,
        }
        # a checkpoint knows its training, but not what the work began from: the file's name does
        kept = f"{name}-{self.fingerprint[:12]}"
        if self.processes > 1 and self.folder is not None:
            together = self.folder / f"{kept}-processes"
            report = train_together(
                network, data, config, self.settings, processes=self.processes, folder=together, **common
            )
        else:
            checkpoint = self.folder / f"{kept}.checkpoint" if self.folder else None
            report = train(
                network, data, config, objective=objective_of(self.settings), checkpoint=checkpoint, **common
            )
        return report.as_json()

    def fingerprint_make(self) -> str:
        """A hash of all that decides the networks but the pixels; of pretrained weights what is in them now."""
        begun = self.network_make(0)[1] if self.pretrained else {}
        told = [self.settings.as_dict(), self.cache.shape, begun, self.processes]
        digest = hashlib.sha256(json.dumps(told).encode())
        if self.emotions is not None:
            digest.update(np.ascontiguousarray(self.emotions.classes).tobytes())
        for array in (self.labels, self.folds, self.unlabelled, self.clips.clips, self.clips.frames):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()
