"""The training loop of every method: batches, steps, schedule, validation, checkpoints, reports.

The loop knows nothing of the network's inside, of what is minimised (objectives.py) or of jobs; it
reports through callbacks and stops through one. Every random draw of a step comes from a seed made of
the training's seed and the step's number, so a training that went on from a checkpoint ends with the
very weights of one that was never interrupted (same machine, thread count and software).
"""

import copy
import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.algorithms.callbacks import (
    CancelCheck,
    Cancelled,
    EpochListener,
    EpochReport,
    Progress,
    cancel_never,
    epoch_ignore,
    progress_ignore,
)
from trainer.algorithms.checkpoints import (
    Checkpoint,
    checkpoint_load,
    checkpoint_save,
    named,
    optimiser_restore,
    optimiser_tensors,
)
from trainer.algorithms.devices import arithmetic_settle
from trainer.algorithms.measures import f1_measure
from trainer.algorithms.objectives import Objective, Rows, Supervised, TrainingData
from trainer.algorithms.optimisers import learning_rate, optimiser_create
from trainer.algorithms.settings import TrainingConfig
from trainer.algorithms.world import World, world_alone

CHECKPOINT_SECONDS = 20.0
VALIDATION_FACES = 4_000  # most faces that the epochs' curves are made of
NO_ROWS: Rows = np.zeros(0, dtype=np.intp)
ObjectiveMaker = Callable[[Any, TrainingData, TrainingConfig, World], Objective]


@dataclass(frozen=True)
class TrainingReport:
    """What one training did; `losses`, `validation_losses` and `validation_f1` have a row for each epoch."""

    faces: int
    unlabelled: int
    validation: int
    epochs: int  # run, fewer than asked for after early stopping
    best_epoch: int  # whose weights were kept, from 1
    steps: int
    losses: tuple[float, ...]
    validation_losses: tuple[float, ...]  # empty without validation faces
    validation_f1: tuple[tuple[float | None, ...], ...]  # of each AU at a probability of one half
    seconds: float  # in all attempts
    examples_per_second: float
    device: str
    precision: str
    processes: int

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON-ready dict."""
        told: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return told


@dataclass
class _State:
    """Where a training stands; all of it goes into a checkpoint."""

    step: int = 0
    epoch_loss: float = 0.0  # sum over the present epoch's steps
    parts: dict[str, float] = field(default_factory=dict)  # the same for the loss's parts
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    validation_f1: list[list[float | None]] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0
    looked_at: int = 0  # faces


def train(
    network: nn.Module,
    data: TrainingData,
    config: TrainingConfig,
    *,
    objective: ObjectiveMaker = Supervised,
    validation: Rows = NO_ROWS,
    checkpoint: Path | None = None,
    world: World | None = None,
    stage: str = "detector",
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    on_epoch: EpochListener = epoch_ignore,
) -> TrainingReport:
    """Train the network in place; it ends in evaluation mode on the CPU.

    validation: faces of other subjects, whose loss and F1 are reported after each epoch and, with
    `patience`, decide which epoch's weights stay and when to stop. checkpoint: a file written every
    20 seconds and when stopped; if it is there and of this training, the work goes on from it.
    Raises ValueError when fewer than two faces have a known code or the loss is no number any more,
    `Cancelled` within one step.
    """
    world = world or world_alone()
    arithmetic_settle(world.device)
    network.to(world.device)
    goal = objective(network, data, config, world)
    if len(goal.rows) < 2:
        raise ValueError(f"{len(goal.rows)} faces with a known code, at least 2 are needed")
    loop = _Loop(network, goal, config, validation, world, stage, checkpoint)
    # the global generator drives dropout: leave the caller's where it was
    with torch.random.fork_rng(devices=[world.device] if world.device.type == "cuda" else []):
        loop.run(progress, cancelled, on_epoch)
    network.to("cpu").eval()
    return loop.report()


class _Loop:
    """One training from its first or its kept step to the last."""

    def __init__(
        self,
        network: nn.Module,
        goal: Objective,
        config: TrainingConfig,
        validation: Rows,
        world: World,
        stage: str,
        checkpoint: Path | None,
    ) -> None:
        self.network, self.goal, self.config, self.world, self.stage = network, goal, config, world, stage
        self.path = checkpoint
        labels = goal.data.labels
        self.validation = validation[(labels[validation] >= 0).any(axis=1)]
        if len(self.validation) > VALIDATION_FACES:
            random = np.random.default_rng(config.seed)
            self.validation = np.sort(random.choice(self.validation, VALIDATION_FACES, replace=False))
        self.optimiser = optimiser_create(network, config)
        self.each = goal.batches_each
        self.steps = self.each * config.epochs
        self.state = _State()
        self.best: dict[str, Tensor] | None = None
        self.fingerprint = self.fingerprint_make() if checkpoint else ""
        self.started = time.monotonic()

    def run(self, progress: Progress, cancelled: CancelCheck, on_epoch: EpochListener) -> None:
        """All epochs that are left."""
        self.restore()
        self.started = time.monotonic() - self.state.seconds
        saved = time.monotonic()
        for epoch in range(self.state.step // self.each, self.config.epochs):
            if self.stopped_early():
                break
            self.network.train()
            for batch in self.goal.batches(epoch)[self.state.step % self.each :]:
                if self.world.told(float(cancelled())):
                    self.save()
                    raise Cancelled
                # before a step: after an epoch's last one its report would be lost
                if self.path and time.monotonic() - saved >= CHECKPOINT_SECONDS:
                    self.save()
                    saved = time.monotonic()
                self.step(batch)
                progress(self.state.step / self.steps, self.message())
            self.epoch_end(on_epoch)
        if self.best is not None:
            self.network.load_state_dict(self.best)

    def step(self, batch: Rows) -> None:
        """One update of the network."""
        state = self.state
        seed = step_seed(self.config.seed, state.step, self.world.rank)
        torch.manual_seed(seed)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(state.step, self.steps, self.each, self.config)
        loss, parts = self.goal.loss(batch, torch.Generator().manual_seed(seed), state.step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.config.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.optimiser.step()
        state.step += 1
        state.looked_at += len(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ValueError(
                f"The loss is no number any more after {state.step} steps of “{self.stage}”. A learning rate of "
                f"{self.config.learning_rate:g} is too large for these faces: choose a lower one."
            )
        state.epoch_loss += value
        for name, value in parts.items():
            state.parts[name] = state.parts.get(name, 0.0) + value

    def epoch_end(self, on_epoch: EpochListener) -> None:
        """Validate, remember the best weights, report."""
        state = self.state
        state.losses.append(state.epoch_loss / self.each)
        parts = {name: value / self.each for name, value in state.parts.items()}
        state.epoch_loss, state.parts = 0.0, {}
        epoch = len(state.losses)
        if len(self.validation):
            self.validate()
            if self.config.patience and state.validation_losses[-1] == min(state.validation_losses):
                state.best_epoch, self.best = epoch, copy.deepcopy(self.network.state_dict())
        if not self.world.first:
            return
        validated = bool(len(self.validation))
        on_epoch(
            EpochReport(
                stage=self.stage,
                epoch=epoch,
                epochs=self.config.epochs,
                loss=state.losses[-1],
                losses=parts,
                validation_loss=state.validation_losses[-1] if validated else None,
                validation_f1=list(state.validation_f1[-1]) if validated else [],
                learning_rate=self.optimiser.param_groups[0]["lr"],
                examples_per_second=self.pace(),
                seconds_left=(self.steps - state.step) * self.seconds() / max(state.step, 1),
            )
        )

    def validate(self) -> None:
        """Loss and F1 of the validation faces, told by the first process: the others' running means of
        batch normalisation differ."""
        labels = self.goal.data.labels[self.validation]
        loss, f1 = 0.0, []
        if self.world.first:
            loss, called = self.goal.validated(self.validation)
            f1 = [_f1(labels[:, au], called[:, au]) for au in range(labels.shape[1])]
        self.state.validation_losses.append(self.world.told(loss))
        self.state.validation_f1.append(f1)

    def stopped_early(self) -> bool:
        """Whether `patience` epochs passed without a better validation loss."""
        state = self.state
        return bool(self.config.patience and state.best_epoch) and (
            len(state.losses) - state.best_epoch >= self.config.patience
        )

    def save(self) -> None:
        """Write the checkpoint, if one is kept."""
        if self.path is None or not self.world.first:
            return
        self.state.seconds = self.seconds()
        tensors = named("network", self.network.state_dict())
        tensors |= named("optimiser", optimiser_tensors(self.optimiser))
        tensors |= named("objective", self.goal.state())
        tensors |= named("best", self.best or {})
        checkpoint_save(self.path, Checkpoint(tensors, {"fingerprint": self.fingerprint} | asdict(self.state)))

    def restore(self) -> None:
        """Go on from the checkpoint, if there is one of this training."""
        kept = checkpoint_load(self.path, self.fingerprint) if self.path else None
        if kept is None:
            return
        self.state = _State(**{name: value for name, value in kept.told.items() if name != "fingerprint"})
        self.network.load_state_dict(kept.part("network"))
        optimiser_restore(self.optimiser, kept.part("optimiser"))
        self.goal.restore(kept.part("objective"))
        self.best = kept.part("best") or None

    def fingerprint_make(self) -> str:
        """A hash of all that decides the training but the pixels."""
        data = self.goal.data
        told = [self.stage, self.goal.told(), asdict(self.config)]
        digest = hashlib.sha256(json.dumps([*told, data.cache.shape, self.world.size]).encode())
        for array in (self.goal.rows, data.unlabelled, self.validation, data.labels[self.goal.rows]):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def seconds(self) -> float:
        """Spent on this training, earlier attempts included."""
        return time.monotonic() - self.started

    def pace(self) -> float:
        """Faces looked at in a second."""
        return self.state.looked_at / max(self.seconds(), 1e-9)

    def message(self) -> str:
        """How far it is, for people."""
        epoch = min(self.state.step // self.each + 1, self.config.epochs)
        return f"epoch {epoch} of {self.config.epochs}"

    def report(self) -> TrainingReport:
        """What was done."""
        state = self.state
        return TrainingReport(
            faces=len(self.goal.rows),
            unlabelled=len(self.goal.data.unlabelled),
            validation=len(self.validation),
            epochs=len(state.losses),
            best_epoch=state.best_epoch or len(state.losses),
            steps=state.step,
            losses=tuple(state.losses),
            validation_losses=tuple(state.validation_losses),
            validation_f1=tuple(tuple(row) for row in state.validation_f1),
            seconds=round(self.seconds(), 3),
            examples_per_second=round(self.pace(), 1),
            device=self.world.device.type,
            precision=str(self.goal.precision).removeprefix("torch."),
            processes=self.world.size,
        )


def stage_seed(seed: int, stage: str) -> int:
    """Random numbers of its own for each network of a work, whatever was trained before it."""
    return int.from_bytes(hashlib.sha256(f"{seed} {stage}".encode()).digest()[:4], "big")


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """The seed of a step's dropout and augmentation: the same whatever ran before it."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _f1(labels: NDArray[Any], called: NDArray[np.bool_]) -> float | None:
    known = labels >= 0
    return f1_measure(labels[known] >= 0.5, called[known])
