"""Learning to see along time on top of a trained network (Chu et al. 2019): PCA, LSTMs, fusion, one after another.

The network below stays as it is. Its features and logits of all frames of the clips at hand are computed once; the
LSTMs learn from sequences of them, the fusion then from what both say of each coded frame. Three passes of the one
training loop, so that curves, cancelling and going on after a stop are those of any training.

The paper lets all three learn from the same people. A network's features of people it knows are better than those
it will have of others; `apart` keeps a share of the subjects for the LSTMs and the fusion.
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.algorithms.callbacks import (
    CancelCheck,
    EpochListener,
    Progress,
    cancel_never,
    epoch_ignore,
    progress_ignore,
    progress_part,
)
from trainer.algorithms.clips import Clips, Runs, runs_find
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.losses import margin_loss, masked_bce
from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.objectives import Objective, Rows, TrainingData
from trainer.algorithms.prediction import outputs_predict, scores_predict
from trainer.algorithms.settings import HybridConfig, TrainingConfig, fusion_stage, lstm_stage
from trainer.algorithms.temporal import FrameLSTM, Fusion, Temporal, components_fit, outputs_follow, scores_stack
from trainer.algorithms.training import stage_seed, train
from trainer.algorithms.world import World

Floats = NDArray[np.float32]

LOOK_SHARE, FOLLOW_SHARE = 0.3, 0.9
"""Of this work done, when all frames are seen, and when the LSTMs have learned."""
CNN, LSTM, WHOLE = "cnn", "lstm", "whole"
"""What gives probabilities: the parts of a hybrid alone, and any network as it is."""
NO_CLIPS = "No coded face is a frame of a clip: this method learns from faces that follow each other in time."


@dataclass(frozen=True)
class Windows:
    """The sequences that may be learned from, as stretches of the runs."""

    starts: NDArray[np.intp]
    """(W,) places in the runs' order."""
    lengths: NDArray[np.intp]
    """(W,)."""
    enough: bool
    """Whether some reach the wanted number of active AUs; where none does, all are taken."""


def windows_find(runs: Runs, labels: NDArray[np.int8], hybrid: HybridConfig) -> Windows:
    """All stretches of `hybrid.sequence` frames, or whole runs where they are shorter, that have a known code beyond
    the ignored frames and `hybrid.active` present AUs a coded frame.

    labels: (R, A) in the runs' order. Raises ValueError where no run is longer than the ignored frames.
    """
    starts, lengths = [], []
    for start, length in zip(runs.starts.tolist(), runs.lengths.tolist(), strict=True):
        size = min(hybrid.sequence, length)
        if size > hybrid.ignored:
            starts.append(np.arange(start, start + length - size + 1))
            lengths.append(np.full(length - size + 1, size))
    if not starts:
        raise ValueError(
            f"No clip has more than {hybrid.ignored} frames in a row (`hybrid.ignored`): there is nothing to follow "
            "in time."
        )
    begin, size = np.concatenate(starts), np.concatenate(lengths)
    coded = np.r_[0, np.cumsum((labels >= 0).any(axis=1))]
    present = np.r_[0, np.cumsum((labels == 1).sum(axis=1))]
    learned = coded[begin + size] - coded[begin + hybrid.ignored]
    if not (learned > 0).any():
        raise ValueError("No coded frame lies beyond the first ignored ones of its clip (`hybrid.ignored`).")
    frames = np.maximum(coded[begin + size] - coded[begin], 1)
    active = (present[begin + size] - present[begin]) / frames >= hybrid.active
    enough = bool((active & (learned > 0)).any())
    kept = (learned > 0) & (active if enough else True)
    return Windows(begin[kept], size[kept], enough)


@dataclass(frozen=True)
class Ground:
    """What is followed in time, and where it may be learned from."""

    runs: Runs
    known: NDArray[np.bool_]
    """(R,) frames whose codes are learned from, in the runs' order."""
    windows: Windows


def ground_find(
    labels: NDArray[np.int8],
    clips: Clips,
    taught: Rows,
    validation: Rows,
    seen: NDArray[np.bool_],
    hybrid: HybridConfig,
) -> Ground:
    """What `temporal_train` follows with the same arguments, told without looking at a picture. Raises ValueError
    where there is nothing to follow."""
    asked = np.r_[taught, validation]
    runs = runs_find(clips, np.flatnonzero(clips.beside(asked) & seen), hybrid.gap)
    known = np.isin(runs.rows, taught)
    if not known.any():
        raise ValueError(NO_CLIPS)
    learned = np.where(known[:, None], labels[runs.rows], -1).astype(np.int8)
    return Ground(runs, known, windows_find(runs, learned, hybrid))


class Sequences(Objective):
    """The margin loss on sequences drawn at random; `data.cache` are the features (R, F) in the runs' order."""

    network: FrameLSTM

    def __init__(
        self,
        network: FrameLSTM,
        data: TrainingData,
        config: TrainingConfig,
        world: World,
        hybrid: HybridConfig,
        windows: Windows,
        followed: "Followed",
    ) -> None:
        super().__init__(network, data, config, world)
        self.hybrid, self.windows, self.followed = hybrid, windows, followed
        frames = len(self.rows)
        self.batches_each = max(1, round(frames / (config.batch * float(windows.lengths.mean()))))

    def batches(self, epoch: int) -> list[Rows]:
        """Numbers of windows, each drawn as often as the others; the longest of a batch first."""
        random = np.random.default_rng((self.config.seed, epoch))
        drawn = random.integers(len(self.windows.starts), size=(self.batches_each, self.config.batch))
        return [batch[np.argsort(-self.windows.lengths[batch], kind="stable")] for batch in drawn]

    def loss(self, batch: Rows, generator: torch.Generator, step: int) -> tuple[Tensor, dict[str, float]]:
        lengths = self.windows.lengths[batch]
        along = np.arange(int(lengths[0]))
        inside = along < lengths[:, None]
        places = self.windows.starts[batch][:, None] + np.where(inside, along, 0)
        features = torch.from_numpy(np.ascontiguousarray(self.data.cache[places])).to(self.world.device)
        targets = np.where((inside & (along >= self.hybrid.ignored))[:, :, None], self.data.labels[places], -1)
        with torch.autocast(self.world.device.type, self.precision, enabled=self.precision != torch.float32):
            outputs, _state = self.network(features, torch.from_numpy(lengths.astype(np.int64)))
        known = torch.from_numpy(targets).to(self.world.device)
        return margin_loss(outputs.float(), known, self.hybrid.margin), {}

    def validated(self, rows: Rows) -> tuple[float, NDArray[np.bool_]]:
        """As it will be used: whole runs, from their first frame."""
        outputs = self.followed.outputs_of(rows)
        targets = torch.from_numpy(np.ascontiguousarray(self.data.labels[rows]))
        return float(margin_loss(torch.from_numpy(outputs), targets, self.hybrid.margin)), outputs > 0

    def told(self) -> dict[str, Any]:
        shape = {"windows": len(self.windows.starts), "network": asdict(self.network.config)}
        return {"objective": type(self).__name__, "hybrid": asdict(self.hybrid)} | shape


class FusionScores(Objective):
    """Cross-entropy of the fusion on the coded frames; `data.cache` are `scores_stack`'s (R, 2A)."""

    network: Fusion

    def __init__(self, network: Fusion, data: TrainingData, config: TrainingConfig, world: World) -> None:
        super().__init__(network, data, config, world)
        self.batches_each = -(-len(self.rows) // config.batch)

    def batches(self, epoch: int) -> list[Rows]:
        order = np.random.default_rng((self.config.seed, epoch)).permutation(self.rows)
        return np.array_split(order, self.batches_each)

    def loss(self, batch: Rows, generator: torch.Generator, step: int) -> tuple[Tensor, dict[str, float]]:
        return self._of(batch)[0], {}

    def validated(self, rows: Rows) -> tuple[float, NDArray[np.bool_]]:
        with torch.inference_mode():
            loss, logits = self._of(rows)
        return float(loss), (logits > 0).cpu().numpy()

    def _of(self, rows: Rows) -> tuple[Tensor, Tensor]:
        scores = torch.from_numpy(np.ascontiguousarray(self.data.cache[rows])).to(self.world.device)
        targets = torch.from_numpy(np.ascontiguousarray(self.data.labels[rows])).to(self.world.device)
        logits = self.network(scores)
        return masked_bce(logits, targets), logits

    def told(self) -> dict[str, Any]:
        return {"objective": type(self).__name__, "network": asdict(self.network.config)}


@dataclass
class Followed:
    """The frames of some runs as the network below sees them, (R, …) in the runs' order."""

    temporal: Temporal
    runs: Runs
    """Its rows are the faces'."""
    features: Floats
    logits: Floats

    def outputs_of(self, places: Rows) -> Floats:
        """What the LSTMs say of these frames, (P, A), each seen in its whole run."""
        outputs, fused = np.empty_like(self.logits), np.empty_like(self.logits)
        touched = np.unique(np.searchsorted(self.runs.starts, places, side="right") - 1)
        runs = Runs(np.arange(len(self.logits)), self.runs.starts[touched], self.runs.lengths[touched])
        outputs_follow(self.temporal, self.features, self.logits, runs, outputs, fused)
        return outputs[places]


def temporal_train(
    network: FaceNetwork,
    cache: FaceArray,
    labels: NDArray[np.int8],
    clips: Clips,
    taught: Rows,
    validation: Rows,
    seen: NDArray[np.bool_],
    hybrid: HybridConfig,
    training: TrainingConfig,
    *,
    stage: str,
    checkpoint: Path | None = None,
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    on_epoch: EpochListener = epoch_ignore,
) -> dict[str, Any]:
    """Give the network its `temporal` part; the JSON-ready reports of LSTMs and fusion by the names of their stages.

    labels: (N, A). taught, validation: faces whose codes are learned from, and judged by, after each epoch. seen:
    (N,) faces whose pictures may be looked at: those without a code are followed, too. checkpoint: the path without
    its ending. Raises ValueError where there is nothing to follow, `Cancelled` on request.
    """
    ground = ground_find(labels, clips, taught, validation, seen, hybrid)
    runs, known, windows = ground.runs, ground.known, ground.windows
    look = progress_part(progress, 0.0, LOOK_SHARE)
    folder = checkpoint.parent if checkpoint else None
    features, logits = outputs_predict(
        network, cache, runs.rows, progress=look, cancelled=cancelled, logits=True, folder=folder
    )
    told = labels[runs.rows]
    mean, axes, scale = components_fit(features, np.flatnonzero(known), hybrid.variance, hybrid.components)
    shape = hybrid.network(features.shape[1], axes.shape[1], labels.shape[1])
    temporal = Temporal(shape, training.seed)
    for buffer, value in ((temporal.lstm.mean, mean), (temporal.lstm.axes, axes), (temporal.lstm.scale, scale)):
        buffer.copy_(torch.as_tensor(value))
    followed = Followed(temporal, runs, features, logits)
    judged = np.flatnonzero(np.isin(runs.rows, validation))
    rows, none = np.flatnonzero(known), np.zeros(0, np.intp)
    common: dict[str, Any] = {"validation": judged, "cancelled": cancelled, "on_epoch": on_epoch}
    lstm_report = train(
        temporal.lstm,
        TrainingData(features, told, rows, none),
        lstm_config(hybrid, training, lstm_stage(stage)),
        objective=partial(Sequences, hybrid=hybrid, windows=windows, followed=followed),
        checkpoint=_beside(checkpoint, "lstm"),
        stage=lstm_stage(stage),
        progress=progress_part(progress, LOOK_SHARE, FOLLOW_SHARE, "LSTM, "),
        **common,
    )
    outputs = torch.from_numpy(followed.outputs_of(np.arange(len(logits))))
    stacked = scores_stack(torch.from_numpy(logits), outputs).numpy()
    fusion_report = train(
        temporal.fusion,
        TrainingData(stacked, told, rows, none),
        fusion_config(hybrid, training, fusion_stage(stage)),
        objective=FusionScores,
        checkpoint=_beside(checkpoint, "fusion"),
        stage=fusion_stage(stage),
        progress=progress_part(progress, FOLLOW_SHARE, 1.0, "fusion, "),
        **common,
    )
    network.temporal = temporal.eval()
    found = {
        "sequences": len(windows.starts),
        "active_reached": windows.enough,
        "components": shape.components,
        "runs": len(runs.starts),
    }
    return {lstm_stage(stage): lstm_report.as_json() | found, fusion_stage(stage): fusion_report.as_json()}


def lstm_config(hybrid: HybridConfig, training: TrainingConfig, stage: str) -> TrainingConfig:
    """The loop's settings for the LSTMs: RMSProp, the rate falling a little after each epoch (§4.2)."""
    return replace(
        training,
        epochs=hybrid.epochs,
        batch=hybrid.sequences,
        optimiser="rmsprop",
        learning_rate=hybrid.learning_rate,
        schedule="step",
        step_epochs=1,
        step_factor=hybrid.fall,
        warmup=0.0,
        momentum=0.9,
        weight_decay=hybrid.decay,
        sampler="random",
        seed=stage_seed(training.seed, stage),
    )


def fusion_config(hybrid: HybridConfig, training: TrainingConfig, stage: str) -> TrainingConfig:
    """The loop's settings for the fusion, of which the paper says nothing."""
    return replace(
        training,
        epochs=hybrid.fusion_epochs,
        batch=max(32, training.batch),
        optimiser="adamw",
        learning_rate=hybrid.fusion_rate,
        schedule="cosine",
        warmup=0.0,
        weight_decay=0.01,
        sampler="random",
        seed=stage_seed(training.seed, stage),
    )


def parts_predict(
    network: FaceNetwork,
    cache: FaceArray,
    rows: Rows,
    clips: Clips,
    seen: NDArray[np.bool_],
    *,
    folder: Path | None = None,
    cancelled: CancelCheck = cancel_never,
) -> dict[str, Floats]:
    """Probabilities (R, A) of the rows: WHOLE, and of a hybrid also its parts alone, CNN and LSTM.

    Clips are followed through all frames that `seen` (N,) allows to look at. A face that is no frame of a clip has
    those of the CNN from all three. folder: where the features of many frames lie meanwhile. Raises `Cancelled` on
    request.
    """
    if network.temporal is None:
        return {WHOLE: scores_predict(network, cache, rows, cancelled=cancelled)}
    asked = np.union1d(rows, np.flatnonzero(clips.beside(rows) & seen))
    features, logits = outputs_predict(network, cache, asked, cancelled=cancelled, logits=True, folder=folder)
    cnn = sigmoid(logits)
    lstm, whole = cnn.copy(), cnn.copy()
    runs = runs_find(clips.of(asked), np.arange(len(asked)), network.temporal.config.gap)
    outputs = np.zeros_like(logits)
    outputs_follow(network.temporal, features, logits, runs, outputs, whole, cancelled=cancelled)
    lstm[runs.rows] = (outputs[runs.rows] + 1) / 2
    places = np.searchsorted(asked, rows)
    return {CNN: cnn[places], LSTM: lstm[places], WHOLE: whole[places]}


def sigmoid(logits: Floats) -> Floats:
    """Probabilities of logits, (…)."""
    probabilities: Floats = torch.sigmoid(torch.from_numpy(np.ascontiguousarray(logits))).numpy()
    return probabilities


def _beside(checkpoint: Path | None, part: str) -> Path | None:
    return checkpoint.with_name(f"{checkpoint.name}-{part}.checkpoint") if checkpoint else None
