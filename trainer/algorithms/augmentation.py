"""Random changes of a batch of faces that leave its AUs as they are, in torch on whole batches."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.algorithms.settings import AugmentationConfig


def batch_augment(pixels: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """pixels: (B, 3, S, S) float in 0 to 255. Returns the like, changed; borders repeat outwards.

    The random numbers come from `generator`, on the CPU, so that a seed means the same everywhere.
    """
    moves = _moves(len(pixels), config, generator).to(pixels)
    grid = F.affine_grid(moves, list(pixels.shape), align_corners=False)
    moved = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    gain, offset = _light(len(pixels), config, generator)
    # around middle grey: a gain around black would move the mean with the contrast
    changed = (moved - 127.5) * gain.to(pixels) + (127.5 + 64 * offset.to(pixels))
    return changed.contiguous(memory_format=torch.channels_last)


def _moves(batch: int, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Affine maps (B, 2, 3) from output to input places, in the half-side units of affine_grid."""
    angle = _spread((batch,), config.rotation * math.pi / 180, generator)
    scale = 1 + _spread((batch,), config.scale, generator)
    shift = _spread((batch, 2), 2 * config.shift, generator)
    mirror = torch.where(torch.rand(batch, generator=generator) < config.flip, -1.0, 1.0)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    across = torch.stack([mirror * cos, -sin, shift[:, 0]], dim=1)
    down = torch.stack([mirror * sin, cos, shift[:, 1]], dim=1)
    return torch.stack([across, down], dim=1)


def _light(batch: int, config: AugmentationConfig, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Gain and offset, each (B, 3, 1, 1)."""
    whole, channel = (batch, 1, 1, 1), (batch, 3, 1, 1)
    gain = 1 + _spread(whole, config.brightness, generator)
    gain = gain * (1 + _spread(channel, config.colour, generator))
    offset = _spread(whole, config.brightness, generator) + _spread(channel, config.colour, generator)
    return gain, offset


def _spread(shape: tuple[int, ...], reach: float, generator: torch.Generator) -> Tensor:
    """Even random numbers from -reach to reach."""
    return (torch.rand(shape, generator=generator) * 2 - 1) * reach
