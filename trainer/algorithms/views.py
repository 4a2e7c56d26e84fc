"""Two pictures of one face for contrastive learning: the augmentation of MoCo v2, by kornia on whole batches.

Crop, flip, colours, grey, blur. Every random number comes from the caller's generator, on the CPU.
"""

import torch
from kornia.color import rgb_to_grayscale
from kornia.enhance import adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation
from kornia.filters import gaussian_blur2d
from kornia.geometry.transform import warp_affine
from torch import Tensor

from trainer.algorithms.settings import ViewConfig

SIDE = 224
"""The side that MoCo v2's blur is meant for: σ from 0.1 to 2 pixels, seen 11 pixels around; scaled to ours."""
SIGMA, REACH = (0.1, 2.0), 11


def view_make(pixels: Tensor, config: ViewConfig, generator: torch.Generator) -> Tensor:
    """pixels: (B, 3, S, S) float in 0 to 255. Returns the like: a random view of each face."""

    def even(low: float, high: float) -> Tensor:
        return torch.rand(len(pixels), generator=generator) * (high - low) + low

    def chosen(chance: float) -> Tensor:
        return torch.rand(len(pixels), generator=generator) < chance

    crops = _crops(pixels.shape[-1], even(config.crop, 1.0), even(0.0, 1.0), even(0.0, 1.0), chosen(config.flip))
    side = pixels.shape[-1]
    view = warp_affine(pixels, crops.to(pixels), (side, side), padding_mode="border", align_corners=False)
    view = view.clamp(0, 255) / 255
    j = config.jitter
    light, contrast, saturation = (even(1 - j, 1 + j).to(view) for _ in range(3))
    jittered = _coloured(view, light, contrast, saturation, (even(-j, j) / 4).to(view))
    view = _where(chosen(config.jitter_chance), jittered, view)
    view = _where(chosen(config.grey), rgb_to_grayscale(view).expand_as(view), view)
    sigma = even(*SIGMA).to(view) * side / SIDE
    kernel = 2 * max(1, round(REACH * side / SIDE)) + 1
    blurred = gaussian_blur2d(view, (kernel, kernel), torch.stack([sigma, sigma], dim=1))
    view = _where(chosen(config.blur), blurred, view)
    return (view * 255).contiguous(memory_format=torch.channels_last)


def _crops(side: int, area: Tensor, x: Tensor, y: Tensor, flip: Tensor) -> Tensor:
    """Affine maps (B, 2, 3) that fill the picture with a square part of it: `area` its share, x and y its place."""
    length = side * area.sqrt()
    zoom = side / length
    left, top = x * (side - length), y * (side - length)
    maps = torch.zeros(len(area), 2, 3)
    maps[:, 0, 0], maps[:, 1, 1] = zoom, zoom
    maps[:, 0, 2], maps[:, 1, 2] = -left * zoom, -top * zoom
    maps[flip, 0] = -maps[flip, 0]
    maps[flip, 0, 2] += side - 1
    return maps


def _coloured(view: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    view = adjust_brightness(view, brightness - 1)
    view = adjust_contrast(view, contrast)
    view = adjust_saturation(view, saturation)
    coloured: Tensor = adjust_hue(view, hue * 2 * torch.pi)
    return coloured


def _where(chosen: Tensor, changed: Tensor, kept: Tensor) -> Tensor:
    return torch.where(chosen.to(kept.device).view(-1, 1, 1, 1), changed, kept)
