"""Random changes of a batch of faces that leave its AUs as they are, by kornia on whole batches.

kornia's geometry and colour functions rather than its augmentation modules: one warp does flip, turn,
size and shift at once, each colour channel has its own gain, and every random number comes from the
caller's generator; the modules draw from torch's global one (compare benchmarks/augmentation_speed.py).
"""

import torch
from kornia.enhance import adjust_brightness, adjust_contrast
from kornia.geometry.transform import get_affine_matrix2d, warp_affine
from torch import Tensor

from trainer.algorithms.settings import AugmentationConfig

GREY = 127.5  # the middle of the scale
LIGHT = 64.0  # grey levels of an offset of 1


def batch_augment(pixels: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """pixels: (B, 3, S, S) float in 0 to 255. Returns the like, changed; borders repeat outwards.

    The random numbers come from `generator`, on the CPU, so that a seed means the same everywhere.
    Light may leave 0 to 255: cutting it off would lose what a brighter camera keeps.
    """
    batch, _, height, width = pixels.shape
    moves = _moves(batch, width, height, config, generator).to(pixels)
    gain, offset = (factor.to(pixels) for factor in _light(batch, config, generator))
    moved = warp_affine(pixels, moves, (height, width), padding_mode="border", align_corners=False)
    # around middle grey: a gain around black would move the mean with the contrast
    spread = adjust_contrast(moved - GREY, gain, clip_output=False)
    changed: Tensor = adjust_brightness(spread, GREY + LIGHT * offset, clip_output=False)
    return changed.contiguous(memory_format=torch.channels_last)


def _moves(batch: int, width: int, height: int, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """Affine maps (B, 2, 3) in pixels from input to output places, about the middle."""
    angle = _spread((batch,), config.rotation, generator)
    scale = 1 + _spread((batch, 1), config.scale, generator).expand(-1, 2)
    sides = torch.tensor([width, height], dtype=torch.float32)
    shift = _spread((batch, 2), config.shift, generator) * sides
    moves: Tensor = get_affine_matrix2d(shift, ((sides - 1) / 2).expand(batch, 2), scale, angle)  # (B, 3, 3)
    flipped = torch.rand(batch, generator=generator) < config.flip
    mirror = torch.eye(3).repeat(batch, 1, 1)
    mirror[flipped, 0, 0], mirror[flipped, 0, 2] = -1.0, width - 1.0
    return (moves @ mirror)[:, :2]


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
