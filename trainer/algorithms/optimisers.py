"""Optimisers and learning-rate schedules, each a literal registry."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from trainer.algorithms.settings import TrainingConfig

Groups = Iterable[dict[str, Any]]

OPTIMISERS: dict[str, Callable[[Groups, TrainingConfig], torch.optim.Optimizer]] = {
    "adamw": lambda groups, config: torch.optim.AdamW(groups, lr=config.learning_rate, fused=True),
    "sgd": lambda groups, config: torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum),
    "rmsprop": lambda groups, config: torch.optim.RMSprop(groups, lr=config.learning_rate, momentum=config.momentum),
}


def optimiser_create(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """The configured optimiser of the network's parameters that are trained."""
    return OPTIMISERS[config.optimiser](parameter_groups(network, config.weight_decay), config)


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Kernels and matrices with decay; biases and normalisation without."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _cosine(step: int, steps: int, each: int, config: TrainingConfig) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * step / steps)


def _step(step: int, steps: int, each: int, config: TrainingConfig) -> float:
    return float(config.step_factor ** (step // each // config.step_epochs))


def _constant(step: int, steps: int, each: int, config: TrainingConfig) -> float:
    return 1.0


SCHEDULES: dict[str, Callable[[int, int, int, TrainingConfig], float]] = {
    "cosine": _cosine,
    "step": _step,
    "constant": _constant,
}


def learning_rate(step: int, steps: int, each: int, config: TrainingConfig) -> float:
    """The learning rate of a step, counted from 0, of `steps` in all and `each` in an epoch.

    A linear rise over the warm-up's share of the steps, under the schedule's fall.
    """
    rise = max(1.0, steps * config.warmup)
    fall = SCHEDULES[config.schedule](step, steps, each, config)
    return config.learning_rate * min(1.0, (step + 1) / rise) * fall
