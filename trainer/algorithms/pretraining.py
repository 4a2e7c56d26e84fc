"""The stage before all networks of a detector: a body that learned from emotions (EmoCo), kept and taken up again."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from trainer.algorithms.callbacks import (
    CancelCheck,
    EpochListener,
    Progress,
    cancel_never,
    epoch_ignore,
    progress_ignore,
)
from trainer.algorithms.emoco import EmotionContrast, EmotionNetwork, emotions_one_hot
from trainer.algorithms.emotions import Emotions
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.settings import PRETRAINING, DetectorSettings, TrainingConfig
from trainer.algorithms.training import stage_seed, train

PAPER_BATCH = 256


def pretraining_config(settings: DetectorSettings, seed: int) -> TrainingConfig:
    """The loop's settings: SGD with cosine and the paper's decay and momentum (Sun et al. 2021, IV.B.2)."""
    assert settings.emoco is not None
    emoco = settings.emoco
    return replace(
        settings.training,
        epochs=emoco.epochs,
        batch=emoco.batch,
        optimiser="sgd",
        learning_rate=emoco.learning_rate * emoco.batch / PAPER_BATCH,
        schedule="cosine",
        momentum=0.9,
        weight_decay=1e-4,
        clip=0.0,
        sampler="random",
        patience=0,
        seed=seed,
    )


def emoco_pretrain(
    cache: FaceArray,
    emotions: Emotions,
    settings: DetectorSettings,
    *,
    checkpoint: Path | None = None,
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    on_epoch: EpochListener = epoch_ignore,
) -> tuple[EmotionNetwork, dict[str, Any]]:
    """Train a body on the faces with an emotion; the network and a JSON-ready report.

    Raises ValueError for fewer than two emotions, where emotions are to be told apart.
    """
    assert settings.emoco is not None
    if len(emotions.names) < 2 and settings.emoco.emotion:
        raise ValueError(
            f"{len(emotions.names)} emotions among the faces: EmoCo needs at least two, each of two faces or more."
        )
    seed = stage_seed(settings.seed, PRETRAINING)
    count = max(1, len(emotions.names))
    network = EmotionNetwork(replace(settings.network, outputs=count), settings.emoco, seed)
    labels = emotions_one_hot(emotions.classes, count)
    data = TrainingData(cache, labels, np.arange(len(cache)), np.zeros(0, np.intp))
    report = train(
        network,
        data,
        pretraining_config(settings, seed),
        objective=partial(EmotionContrast, emoco=settings.emoco),
        checkpoint=checkpoint,
        stage=PRETRAINING,
        progress=progress,
        cancelled=cancelled,
        on_epoch=on_epoch,
    )
    return network, report.as_json() | {"emotions": emotions.counts, "source": emotions.source}
