"""Seeing along time: stacked LSTMs over a network's features, and the fusion of both (Chu et al. 2019, §3.2–3.3).

Features of a frame are brought to length 1 and reduced by PCA; LSTMs step over them and give each AU a number
from −1 to 1; the fusion network has that and the frame's own logits, both of length 1, and gives the last logit.
`outputs_follow` does so for clips of any length: it steps in chunks and carries the state, in memory that does not
grow with the clip.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.algorithms.callbacks import CancelCheck, Progress, cancel_never, cancel_raise, progress_ignore
from trainer.algorithms.clips import Runs
from trainer.algorithms.devices import network_lent
from trainer.algorithms.settings import TemporalConfig

Floats = NDArray[np.float32]
State = tuple[Tensor, Tensor]

WEIGHTS_RANGE = 0.08
"""Weights begin evenly between minus this and this (§4.2)."""
CHUNK_FRAMES = 8_192
"""Frames that are in memory at a time, over all runs that are stepped together."""
LANES = 32
"""Runs stepped together."""


class FrameLSTM(nn.Module):
    """Features in order to one number from −1 to 1 for each frame and AU."""

    mean: Tensor
    axes: Tensor
    scale: Tensor

    def __init__(self, config: TemporalConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(config.features))
        self.register_buffer("axes", torch.zeros(config.features, config.components))
        self.register_buffer("scale", torch.ones(()))
        self.dropout = nn.Dropout(config.dropout)
        self.lstm = nn.LSTM(
            config.components,
            config.cells,
            config.layers,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
            bidirectional=config.both_ways,
        )
        self.head = nn.Linear(config.cells * (2 if config.both_ways else 1), config.outputs)
        for weight in self.parameters():
            nn.init.uniform_(weight, -WEIGHTS_RANGE, WEIGHTS_RANGE)

    def reduce(self, features: Tensor) -> Tensor:
        """Features (…, F) as the network gives them to components (…, C), with a mean square of one over all."""
        return (F.normalize(features, dim=-1) - self.mean) @ self.axes * self.scale

    def hidden(
        self, features: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """features: (B, T, F). lengths: (B,) frames of each, descending, on the CPU; all T without. Returns the
        last LSTM's cells, (B, T, H) from −1 to 1 (0 beyond a length), and the state to go on from."""
        steps: Any = self.dropout(self.reduce(features))
        if lengths is not None:
            steps = nn.utils.rnn.pack_padded_sequence(steps, lengths, batch_first=True)
        seen, state = self.lstm(steps, state)
        if lengths is not None:
            seen, _ = nn.utils.rnn.pad_packed_sequence(seen, batch_first=True, total_length=features.shape[1])
        assert state is not None
        return seen, state

    def forward(
        self, features: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """As `hidden`, but with the numbers for the AUs: (B, T, A) from −1 to 1."""
        seen, state = self.hidden(features, lengths, state)
        return torch.tanh(self.head(self.dropout(seen))), state


class Fusion(nn.Module):
    """Two full connections over what the picture says and what time says of a frame (§3.3)."""

    def __init__(self, config: TemporalConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Linear(2 * config.outputs, config.fusion)
        self.second = nn.Linear(config.fusion, config.outputs)

    def forward(self, scores: Tensor) -> Tensor:
        """scores: (B, 2A), `scores_stack`'s. Returns logits (B, A)."""
        logits: Tensor = self.second(torch.relu(self.first(scores)))
        return logits


class Temporal(nn.Module):
    """What a network has beside its body and head to see along time."""

    def __init__(self, config: TemporalConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(seed)
            self.lstm = FrameLSTM(config)
            self.fusion = Fusion(config)


def scores_stack(logits: Tensor, outputs: Tensor) -> Tensor:
    """The picture's logits (B, A) and the LSTMs' outputs (B, A), each of length 1, side by side: (B, 2A)."""
    return torch.cat([F.normalize(logits, dim=-1), F.normalize(outputs, dim=-1)], dim=-1)


def components_fit(
    features: Floats, rows: NDArray[np.intp], variance: float, most: int
) -> tuple[Floats, Floats, float]:
    """PCA of these rows of the features (N, F) at length 1: their mean (F,), the axes (F, C) that hold this share of
    the variance, at most so many, and the scale that gives the components a mean square of one.

    Raises ValueError where all features are alike.
    """
    mean = np.zeros(features.shape[1])
    square = np.zeros((features.shape[1], features.shape[1]))
    for start in range(0, len(rows), CHUNK_FRAMES):
        part = features[rows[start : start + CHUNK_FRAMES]].astype(np.float64)
        part /= np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
        mean += part.sum(axis=0)
        square += part.T @ part
    mean /= len(rows)
    values, vectors = np.linalg.eigh(square / len(rows) - np.outer(mean, mean))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    if values.sum() <= 1e-12:
        raise ValueError("The network sees no difference between these frames: there is nothing to follow in time.")
    count = min(most, int(np.searchsorted(np.cumsum(values) / values.sum(), variance - 1e-12)) + 1)
    axes = vectors[:, :count]
    axes *= np.where(
        axes[np.abs(axes).argmax(axis=0), np.arange(count)] < 0, -1, 1
    )  # a sign that is the same anywhere
    scale = 1 / np.sqrt(values[:count].sum() / count)
    return mean.astype(np.float32), axes.astype(np.float32), float(scale)


@dataclass(frozen=True)
class Chunk:
    """A stretch of B runs that are stepped together; `places` are in the runs' order."""

    places: NDArray[np.intp]
    """(B, T) of the frames, −1 beyond a run's end."""
    asked: slice
    """Along T: the frames that this chunk answers for; the others are shown for their context."""
    begins: bool
    """Whether the runs begin here, so that there is no state yet."""


def chunks_of(runs: Runs, context: int = 0) -> Iterator[Chunk]:
    """All frames of all runs once, the runs that are stepped together from the longest to the shortest, in chunks of
    at most CHUNK_FRAMES places. Without a context a chunk is as long as that allows. With one it is as long as the
    context on both of its sides, so that what a frame is shown with doesn't hang on which runs are beside it; fewer
    runs are stepped together then."""
    most = min(LANES, max(1, CHUNK_FRAMES // (3 * context))) if context else LANES
    order = np.argsort(-runs.lengths, kind="stable")
    for first in range(0, len(order), most):
        lanes = order[first : first + most]
        lengths, starts = runs.lengths[lanes], runs.starts[lanes]
        step = context or max(1, CHUNK_FRAMES // len(lanes))
        for begin in range(0, int(lengths[0]), step):
            live = lengths > begin
            low, high = max(0, begin - context), min(begin + step + context, int(lengths[0]))
            along = np.arange(low, high)
            places = np.where(along < lengths[live, None], starts[live, None] + along, -1)
            yield Chunk(places, slice(begin - low, begin - low + step), begin == 0)


def outputs_follow(
    temporal: Temporal,
    features: Floats,
    logits: Floats,
    runs: Runs,
    outputs: Floats,
    scores: Floats,
    *,
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
) -> None:
    """Write the LSTMs' outputs (N, A), −1 to 1, and the fused probabilities (N, A) of the frames of the runs.

    features: (N, F) and logits: (N, A) as `outputs_predict` gives them. All four may be mapped from files and hold
    other faces too, whose rows are left alone. A network that sees one way carries its state from chunk to chunk:
    the result does not depend on them. One that sees both ways sees a clip in stretches as long as those it was
    trained on, each with as many frames before and after it. Raises `Cancelled` on request.
    """
    both = temporal.config.both_ways
    state: State | None = None
    done, total = 0, max(1, len(runs.rows))
    with network_lent(temporal) as device, torch.inference_mode():
        for chunk in chunks_of(runs, temporal.config.sequence if both else 0):
            cancel_raise(cancelled)
            state = None if chunk.begins or both else state
            told, own, state = _step(temporal, features, logits, runs, chunk, state, device)
            asked = chunk.places[:, chunk.asked]
            rows = runs.rows[asked[asked >= 0]]
            for target, values in ((outputs, told), (scores, own)):
                target[rows] = values[:, chunk.asked][asked >= 0]
            done += len(rows)
            progress(done / total, f"{done} of {total} frames followed")


def _step(
    temporal: Temporal,
    features: Floats,
    logits: Floats,
    runs: Runs,
    chunk: Chunk,
    state: State | None,
    device: torch.device,
) -> tuple[Floats, Floats, State]:
    """The outputs and probabilities of a chunk's places, (B, T, A) each, and the state after it."""
    inside = chunk.places >= 0
    rows = runs.rows[np.where(inside, chunk.places, chunk.places[:, :1])]
    shown = torch.from_numpy(np.ascontiguousarray(features[rows], np.float32)).to(device)
    own = torch.from_numpy(np.ascontiguousarray(logits[rows], np.float32)).to(device)
    if state is not None:
        # runs that have ended meanwhile are the last ones: the longest come first
        state = (state[0][:, : len(rows)].contiguous(), state[1][:, : len(rows)].contiguous())
    lengths = torch.from_numpy(inside.sum(axis=1))
    told, state = temporal.lstm(shown, lengths, state)
    fused = torch.sigmoid(temporal.fusion(scores_stack(own, told)))
    return told.cpu().numpy(), fused.cpu().numpy(), state
