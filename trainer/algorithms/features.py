"""The default small detector: features for clustering and honest scores, from a face cache and labels.

Three steps, each a stage that can be kept and handed back when the work resumes:

1. fold networks: the labelled faces are cut into folds by subject, and one network is trained
   without each fold. It scores that fold, so the scores of labelled faces are out of fold.
2. the feature network: a fresh network learns those scores, out of fold for the labelled faces and
   the fold networks' mean for a sample of the others. It never sees the label of a face itself, so
   labelled and other faces lie in one feature space without the labelled being told apart by heart.
3. one pass over all faces: features of every face, scores of the faces without labels.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.algorithms.callbacks import (
    CancelCheck,
    Progress,
    cancel_never,
    progress_ignore,
    progress_part,
)
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.folds import folds_assign
from trainer.algorithms.measures import auc_measure, base_rate_call, f1_measure
from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.prediction import outputs_predict, scores_predict
from trainer.algorithms.scaling import features_standardise
from trainer.algorithms.settings import NetworkConfig, TrainingConfig
from trainer.algorithms.training import NO_ROWS, stage_seed, train

FEATURE_STAGE = "features"
FOLDS_SHARE, STUDENT_SHARE = 0.65, 0.92  # of the work done, when the folds and the feature network end
Labels = NDArray[np.int8]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class FeatureSettings:
    """The default detector's settings; the network's outputs and input size come from the data."""

    folds: int = 3  # networks for the scores out of fold
    network: str = "alexnet_small"  # key in networks.NETWORKS
    width: int = 32  # channels of its first convolution
    dropout: float = 0.1  # before fc7 and the head
    training: TrainingConfig = field(default_factory=TrainingConfig)  # epochs are set by `shown`
    shown: int = 48_000  # faces a fold network sees in its training; its epochs follow
    student_shown: int = 40_000  # the same for the feature network
    epochs_least: int = 4  # however many faces there are
    epochs_most: int = 50  # of a fold network, however few
    student_epochs_most: int = 15  # of the feature network, however few
    student_faces: int = 8_000  # most faces whose scores the feature network learns


@dataclass(frozen=True)
class Stage:
    """One trained network of the work; keep it, and a resumed job does not train it again."""

    name: str  # fold-0, fold-1, ... or features
    network: FaceNetwork
    report: dict[str, Any]  # TrainingReport as JSON
    fingerprint: str  # of everything the stage was made from


@dataclass(frozen=True)
class FeatureResult:
    """features: (N, F) float32. scores: (N, A) float32 probabilities, NaN in the column of an AU of
    which no code is known. network: the feature network. report: JSON-ready. folds: (N,) of the
    labelled faces, −1 for the others. seen: (N,) faces that one of the networks learned from."""

    features: NDArray[np.float32]
    scores: NDArray[np.float32]
    network: FaceNetwork
    report: dict[str, Any]
    folds: NDArray[np.int16]
    seen: NDArray[np.bool_]


CheckPoint = Callable[[Stage], None]


def checkpoint_ignore(stage: Stage) -> None:
    """The checkpoint callback of those who don't resume."""


def features_extract(
    cache: FaceArray,
    labels: Labels,
    train_rows: NDArray[np.bool_],
    groups: NDArray[np.integer[Any]],
    settings: FeatureSettings | None = None,
    seed: int = 0,
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    checkpoint: CheckPoint = checkpoint_ignore,
    done: Iterable[Stage] = (),
    study_rows: NDArray[np.bool_] | None = None,
) -> FeatureResult:
    """Train the default detector on the labelled faces; features and scores of all faces.

    cache: (N, S, S, 3) uint8. labels: (N, A) int8, 1, 0, -1 unknown; read in `train_rows` (N,) only.
    groups: (N,) subject ids, below 0 for a face that is its own subject. study_rows: (N,), the other
    faces whose pictures the feature network may learn from; default all. checkpoint gets each stage
    as it ends; `done` takes them back, but those made of other labels, faces, settings or seed are trained
    anew. The features are standardised over the data set and of unit length (`features_standardise`), and
    suit L2 neighbour search as they are.
    Raises ValueError for arrays that do not fit or fewer than two labelled faces; `Cancelled` on request.
    """
    started, cpu_started = time.monotonic(), time.process_time()
    work = _Work(cache, labels, train_rows, groups, settings or FeatureSettings(), seed, study_rows)
    kept = {stage.name: stage for stage in done if stage.fingerprint == work.fingerprint}

    def stage(name: str, rows: Rows, targets: NDArray[Any], start: float, end: float) -> Stage:
        if name in kept:
            return kept[name]
        part = progress_part(progress, start, end, f"{name}: ")
        made = work.stage_train(name, rows, targets, part, cancelled)
        checkpoint(made)
        return made

    share = FOLDS_SHARE / work.count
    folds = []
    for fold in range(work.count):
        rows = work.rows[work.folds[work.rows] != fold]
        folds.append(stage(f"fold-{fold}", rows, labels, share * fold, share * (fold + 1)))
    taught, targets = work.targets_make(folds, cancelled)
    student = stage(FEATURE_STAGE, taught, targets, FOLDS_SHARE + 0.05, STUDENT_SHARE)
    last = progress_part(progress, STUDENT_SHARE, 1.0)
    features, scores = outputs_predict(
        student.network, cache, np.arange(len(cache)), progress=last, cancelled=cancelled
    )
    scores[work.rows] = targets[work.rows]
    scores[:, ~work.known] = np.nan
    report = work.report_make([*folds, student], scores)
    report["seconds"] = round(time.monotonic() - started, 1)
    report["cpu_seconds"] = round(time.process_time() - cpu_started, 1)
    seen = np.zeros(len(cache), dtype=bool)
    seen[taught] = True
    return FeatureResult(features_standardise(features), scores, student.network, report, work.folds, seen)


class _Work:
    """What the stages share: the checked inputs, the folds and the fingerprint."""

    def __init__(
        self,
        cache: FaceArray,
        labels: Labels,
        train_rows: NDArray[np.bool_],
        groups: NDArray[np.integer[Any]],
        settings: FeatureSettings,
        seed: int,
        study_rows: NDArray[np.bool_] | None,
    ) -> None:
        faces = len(cache)
        for name, array in (("labels", labels), ("train_rows", train_rows), ("groups", groups)):
            if len(array) != faces:
                raise ValueError(f"{name} has {len(array)} rows, the cache has {faces} faces")
        self.cache, self.labels, self.settings, self.seed = cache, labels, settings, seed
        self.rows = np.flatnonzero(train_rows & (labels >= 0).any(axis=1))
        self.folds = folds_assign(self.rows, groups, settings.folds, seed)
        self.count = int(self.folds.max()) + 1
        self.known = (labels[self.rows] >= 0).any(axis=0)
        self.config = NetworkConfig(
            outputs=labels.shape[1],
            name=settings.network,
            input_size=cache.shape[1],
            width=settings.width,
            dropout=settings.dropout,
        )
        others = np.flatnonzero(~train_rows if study_rows is None else study_rows & ~train_rows)
        room = max(0, min(len(others), settings.student_faces - len(self.rows)))
        chosen = np.random.default_rng(seed).choice(others, room, replace=False)
        self.others: Rows = np.sort(chosen)
        self.fingerprint = self.fingerprint_make()

    def fingerprint_make(self) -> str:
        """A hash of all that decides the networks but the pixels."""
        digest = hashlib.sha256(json.dumps([asdict(self.settings), self.seed, self.cache.shape]).encode())
        for array in (self.rows, self.folds, self.others, self.labels[self.rows]):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def stage_train(
        self, name: str, rows: Rows, targets: NDArray[Any], progress: Progress, cancelled: CancelCheck
    ) -> Stage:
        """Train a fresh network on the rows of `targets` (N, A)."""
        settings = self.settings
        seed = stage_seed(self.seed, name)
        shown, most = settings.shown, settings.epochs_most
        if name == FEATURE_STAGE:
            shown, most = settings.student_shown, settings.student_epochs_most
        epochs = min(most, max(settings.epochs_least, round(shown / len(rows))))
        network = network_create(self.config, seed)
        config = replace(settings.training, epochs=epochs, seed=seed)
        data = TrainingData(self.cache, targets, rows, NO_ROWS)
        report = train(network, data, config, stage=name, progress=progress, cancelled=cancelled)
        return Stage(name, network, report.as_json(), self.fingerprint)

    def targets_make(self, folds: list[Stage], cancelled: CancelCheck) -> tuple[Rows, NDArray[np.float32]]:
        """The rows that the feature network learns from, and their targets in (N, A).

        A labelled face has the probability from the network that never saw it, another face that of
        the mean logit of all fold networks; an AU without a known code is unknown.
        """
        targets = np.full(self.labels.shape, -1.0, dtype=np.float32)
        mean = np.zeros((len(self.others), self.labels.shape[1]), dtype=np.float32)
        for fold, stage in enumerate(folds):
            own = self.rows[self.folds[self.rows] == fold]
            targets[own] = scores_predict(stage.network, self.cache, own, cancelled=cancelled)
            mean += scores_predict(
                stage.network, self.cache, self.others, cancelled=cancelled, logits=True, precision="auto"
            )
        targets[self.others] = 1 / (1 + np.exp(-mean / len(folds)))
        targets[:, ~self.known] = -1.0
        return np.sort(np.concatenate([self.rows, self.others])), targets

    def report_make(self, stages: list[Stage], scores: NDArray[np.float32]) -> dict[str, Any]:
        """The JSON-ready report: counts, what each AU's scores are worth out of fold, the trainings."""
        return {
            "faces": len(self.cache),
            "train_faces": len(self.rows),
            "studied_faces": len(self.others),
            "folds": self.count,
            "seed": self.seed,
            "settings": asdict(self.settings),
            "aus": [
                au_report(self.labels[self.rows, au], scores[self.rows, au]) for au in range(self.labels.shape[1])
            ],
            "stages": {stage.name: stage.report for stage in stages},
        }


def au_report(labels: Labels, scores: NDArray[np.float32]) -> dict[str, Any]:
    """Counts, AUC and F1 of one AU over the faces with a known code; None where undefined.

    `f1` calls present at a probability of one half, `f1_base_rate` the highest-scored faces, as many
    as are present.
    """
    known = labels >= 0
    labels, scores = labels[known], scores[known]
    positives = int((labels == 1).sum())
    rate = positives / len(labels) if len(labels) else 0.0
    return {
        "known": len(labels),
        "positives": positives,
        "auc": auc_measure(labels, scores),
        "f1": f1_measure(labels, scores > 0.5),
        "f1_base_rate": f1_measure(labels, base_rate_call(scores, rate)),
    }
