"""The training loop: one network, the rows of a face cache, labels of which some are unknown.

The loop knows nothing of the network's inside and nothing of jobs; it reports through one callback
and stops through another. The same seed, thread count and machine give the same weights.
"""

import copy
import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.algorithms.augmentation import batch_augment
from trainer.algorithms.callbacks import (
    CancelCheck,
    Progress,
    cancel_never,
    cancel_raise,
    progress_ignore,
)
from trainer.algorithms.devices import device_choose, precision_choose
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.losses import masked_bce, positive_weights
from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.prediction import pixels_tensor, scores_predict
from trainer.algorithms.settings import TrainingConfig


@dataclass(frozen=True)
class TrainingReport:
    """What one training did; `losses` and `held_out` are one mean loss for each epoch."""

    faces: int
    epochs: int  # run, fewer than asked for after early stopping
    best_epoch: int  # whose weights were kept, from 1
    losses: tuple[float, ...]
    held_out: tuple[float, ...]  # empty without held-out rows
    seconds: float
    device: str
    precision: str

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON-ready dict."""
        return asdict(self) | {"losses": list(self.losses), "held_out": list(self.held_out)}


def train(
    network: FaceNetwork,
    cache: FaceArray,
    labels: NDArray[Any],
    rows: NDArray[np.intp],
    config: TrainingConfig,
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    held_out: NDArray[np.intp] | None = None,
) -> TrainingReport:
    """Train the network in place on the rows of the cache; it ends in evaluation mode on the CPU.

    cache: (N, S, S, 3) uint8, S the network's input size. labels: (N, A), 1, 0, below 0 unknown, or
    soft targets between. rows: positions trained on; held_out: positions, of other subjects, whose
    loss decides which epoch's weights stay and (with `patience`) when to stop. Faces without any
    known code are passed over. Raises ValueError when fewer than two faces have one, `Cancelled` on
    request, within one batch.
    """
    rows = rows[(labels[rows] >= 0).any(axis=1)]
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} faces with a known code, at least 2 are needed")
    started, device = time.monotonic(), device_choose()
    precision = precision_choose(config.precision, device)
    network.to(device)
    run = _Run(network, cache, labels, rows, config, device, precision)
    losses: list[float] = []
    checks: list[float] = []
    best: tuple[int, dict[str, Tensor]] | None = None
    # the global generator drives dropout: leave the caller's where it was
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(config.seed)
        for epoch in range(1, config.epochs + 1):
            losses.append(run.epoch(cancelled))
            if held_out is not None and len(held_out):
                checks.append(held_out_loss(network, cache, labels, held_out))
                if checks[-1] == min(checks):
                    best = epoch, copy.deepcopy(network.state_dict())
            progress(epoch / config.epochs, f"epoch {epoch} of {config.epochs}, loss {losses[-1]:.4f}")
            if best is not None and config.patience and epoch - best[0] >= config.patience:
                break
    if best is not None:
        network.load_state_dict(best[1])
    network.to("cpu").eval()
    return TrainingReport(
        faces=len(rows),
        epochs=len(losses),
        best_epoch=best[0] if best is not None else len(losses),
        losses=tuple(losses),
        held_out=tuple(checks),
        seconds=round(time.monotonic() - started, 3),
        device=device.type,
        precision=str(precision).removeprefix("torch."),
    )


class _Run:
    """The state that one training carries from step to step."""

    def __init__(
        self,
        network: FaceNetwork,
        cache: FaceArray,
        labels: NDArray[Any],
        rows: NDArray[np.intp],
        config: TrainingConfig,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self.network, self.cache, self.labels, self.rows = network, cache, labels, rows
        self.config, self.device, self.precision = config, device, precision
        self.generator = torch.Generator().manual_seed(config.seed)
        self.optimizer = torch.optim.AdamW(
            parameter_groups(network, config.weight_decay), lr=config.learning_rate, fused=True
        )
        # even batches: a last batch of one face would break batch normalisation
        self.batches = max(1, round(len(rows) / config.batch))
        self.steps, self.step = self.batches * config.epochs, 0
        self.positive_weight = None
        if config.positive_limit:
            known = torch.from_numpy(np.ascontiguousarray(labels[rows]))
            self.positive_weight = positive_weights(known, config.positive_limit).to(device)

    def epoch(self, cancelled: CancelCheck) -> float:
        """One pass over the rows in a fresh order; returns the mean loss."""
        self.network.train()
        order = self.rows[torch.randperm(len(self.rows), generator=self.generator).numpy()]
        total = 0.0
        for batch in np.array_split(order, self.batches):
            cancel_raise(cancelled)
            total += self.batch_step(batch) * len(batch)
        return total / len(order)

    def batch_step(self, batch: NDArray[np.intp]) -> float:
        """One step of the optimizer; returns the batch's loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.steps, self.config)
        pixels = pixels_tensor(self.cache, batch, self.device)
        pixels = batch_augment(pixels, self.config.augmentation, self.generator)
        targets = torch.from_numpy(np.ascontiguousarray(self.labels[batch])).to(self.device)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            logits = self.network(pixels)
        loss = masked_bce(logits.float(), targets, self.positive_weight)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.config.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.optimizer.step()
        self.step += 1
        return float(loss.detach())


def parameter_groups(network: FaceNetwork, weight_decay: float) -> list[dict[str, Any]]:
    """Kernels and matrices with decay; biases and normalisation without."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def learning_rate(step: int, steps: int, config: TrainingConfig) -> float:
    """Linear warm-up to the peak, then half a cosine down to 0; `step` counts from 0."""
    rise = max(1.0, steps * config.warmup)
    fall = 0.5 + 0.5 * math.cos(math.pi * step / steps)
    return config.learning_rate * min(1.0, (step + 1) / rise) * fall


def held_out_loss(network: FaceNetwork, cache: FaceArray, labels: NDArray[Any], rows: NDArray[np.intp]) -> float:
    """The plain masked loss over the rows, without augmentation."""
    logits = torch.from_numpy(scores_predict(network, cache, rows, logits=True))
    return float(masked_bce(logits, torch.from_numpy(np.ascontiguousarray(labels[rows]))))
