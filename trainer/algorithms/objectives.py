"""What a step of training minimises. `Supervised` is the plain one; the methods build on it.

An `Objective` makes the batches of an epoch, the loss of a batch and that of validation faces; it knows nothing of
optimisers of the network, schedules, checkpoints or callbacks, which are the loop's (training.py).
"""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.algorithms.augmentation import batch_augment
from trainer.algorithms.devices import precision_choose
from trainer.algorithms.losses import masked_bce, positive_weights
from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.prediction import pixels_tensor, scores_predict
from trainer.algorithms.sampling import batch_count, epoch_batches
from trainer.algorithms.settings import TrainingConfig
from trainer.algorithms.world import World

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class TrainingData:
    """What a training learns from. Rows are positions in the cache."""

    cache: NDArray[Any]
    """(N, S, S, 3) uint8, S the network's input size; or what another network said of the faces, (N, F)."""
    labels: NDArray[Any]
    """(N, A): 1 present, 0 absent, below 0 unknown, or soft targets between."""
    rows: Rows
    """Faces trained on; those without a known code are passed over."""
    unlabelled: Rows
    """Faces whose pictures alone may be learned from."""


class Objective(ABC):
    """What the training loop asks for, whatever kind of network it trains."""

    batches_each: int
    """Batches of an epoch."""

    def __init__(self, network: nn.Module, data: TrainingData, config: TrainingConfig, world: World) -> None:
        self.network, self.data, self.config, self.world = network, data, config, world
        self.precision = precision_choose(config.precision, world.device)
        self.rows = data.rows[(data.labels[data.rows] >= 0).any(axis=1)]

    @abstractmethod
    def batches(self, epoch: int) -> list[Rows]:
        """The epoch's batches; the same for the same seed and epoch."""

    @abstractmethod
    def loss(self, batch: Rows, generator: torch.Generator, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, and its parts by name where it has several."""

    @abstractmethod
    def validated(self, rows: Rows) -> tuple[float, NDArray[np.bool_]]:
        """The mean loss of these rows as they are, and which AUs are called present, (R, A)."""

    @abstractmethod
    def told(self) -> dict[str, Any]:
        """Its name, settings and the network's shape, JSON-ready: a checkpoint of other ones is not taken up."""

    def state(self) -> dict[str, Tensor]:
        """What the objective carries from step to step, beside the network's weights."""
        return {}

    def restore(self, tensors: dict[str, Tensor]) -> None:  # noqa: B027 (most have nothing to take up)
        """Take up what `state` gave."""


class Supervised(Objective):
    """Binary cross-entropy on the known codes of the batches that the configured sampler draws."""

    network: FaceNetwork

    def __init__(self, network: FaceNetwork, data: TrainingData, config: TrainingConfig, world: World) -> None:
        super().__init__(network, data, config, world)
        self.forward = world.wrapped(network)
        self.codes = _codes(data.labels[self.rows])
        self.labelled = self.batch_labelled()
        self.batches_each = batch_count(len(self.rows), self.labelled)
        self.positive_weight: Tensor | None = None
        if config.positive_limit:
            known = torch.from_numpy(np.ascontiguousarray(data.labels[self.rows]))
            self.positive_weight = positive_weights(known, config.positive_limit).to(world.device)

    def batch_labelled(self) -> int:
        """How many faces of a batch have codes."""
        return self.config.batch

    def batches(self, epoch: int) -> list[Rows]:
        drawn = epoch_batches(
            self.config.sampler,
            self.codes,
            self.labelled,
            self.batches_each,
            (self.config.seed, epoch),
            draw=self.config.sampler_size,
        )
        return [self.rows[batch] for batch in drawn]

    def look(self, batch: Rows, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Augmented pixels (B, 3, S, S) and targets (B, A) of this process's part of the batch."""
        part = batch[self.world.rank :: self.world.size]
        pixels = pixels_tensor(self.data.cache, part, self.world.device)
        pixels = batch_augment(pixels, self.config.augmentation, generator)
        targets = torch.from_numpy(np.ascontiguousarray(self.data.labels[part]))
        return pixels, targets.to(self.world.device)

    def loss(self, batch: Rows, generator: torch.Generator, step: int) -> tuple[Tensor, dict[str, float]]:
        pixels, targets = self.look(batch, generator)
        return self.recognition(self.logits(pixels), targets), {}

    def logits(self, pixels: Tensor) -> Tensor:
        """The network's logits (B, A) in float32, computed in the configured precision."""
        with torch.autocast(self.world.device.type, self.precision, enabled=self.precision != torch.float32):
            logits: Tensor = self.forward(pixels)
        return logits.float()

    def recognition(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy over the known codes of the batch, in whichever process they lie."""
        loss = masked_bce(logits, targets, self.positive_weight)
        if self.world.size == 1:
            return loss
        known = (targets >= 0).sum().float()
        # gradients are averaged over the processes: weigh each mean by its share of the codes
        share = known / self.world.total(known.clone()).clamp(min=1)
        return loss * share * self.world.size

    def validated(self, rows: Rows) -> tuple[float, NDArray[np.bool_]]:
        logits = scores_predict(self.network, self.data.cache, rows, logits=True)
        targets = torch.from_numpy(np.ascontiguousarray(self.data.labels[rows]))
        return float(masked_bce(torch.from_numpy(logits), targets)), logits > 0

    def told(self) -> dict[str, Any]:
        return {"objective": type(self).__name__, "network": asdict(self.network.config)}


def _codes(labels: NDArray[Any]) -> NDArray[np.int8]:
    """Labels or soft targets as codes, for the samplers: 1, 0, −1 unknown."""
    codes: NDArray[np.int8] = np.where(labels < 0, -1, labels >= 0.5).astype(np.int8)
    return codes
