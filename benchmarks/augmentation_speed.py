"""What augmentation costs on one thread, beside kornia's modules, plain torch, and a training step.

Same settings for all: flip, turn, size, shift, brightness and contrast, each colour channel by itself.
The contenders take turns, and each has the least of its times, so that a busy machine disturbs them alike.

    python benchmarks/augmentation_speed.py [--repeats N] [--json]
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from kornia.augmentation import RandomAffine, RandomBrightness, RandomContrast, RandomHorizontalFlip
from torch import Tensor
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trainer.algorithms.augmentation import GREY, LIGHT, batch_augment
from trainer.algorithms.networks import network_create
from trainer.algorithms.settings import AugmentationConfig, NetworkConfig

BATCHES, SIDES = (32, 256), (64, 112)
CONFIG = AugmentationConfig()

Augment = Callable[[Tensor], Tensor]


def plain_torch(pixels: Tensor) -> Tensor:
    """The same changes without kornia: one grid of places, one sampling, one gain and offset."""
    batch = len(pixels)
    angle, scale = spread(batch) * CONFIG.rotation * math.pi / 180, 1 + spread(batch) * CONFIG.scale
    mirror = torch.where(torch.rand(batch) < CONFIG.flip, -1.0, 1.0)
    cos, sin, shift = torch.cos(angle) * scale, torch.sin(angle) * scale, spread(batch, 2) * 2 * CONFIG.shift
    across = torch.stack([mirror * cos, -sin, shift[:, 0]], dim=1)
    down = torch.stack([mirror * sin, cos, shift[:, 1]], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), list(pixels.shape), align_corners=False)
    moved = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    gain = (1 + spread(batch, 1, 1, 1) * CONFIG.brightness) * (1 + spread(batch, 3, 1, 1) * CONFIG.colour)
    offset = spread(batch, 1, 1, 1) * CONFIG.brightness + spread(batch, 3, 1, 1) * CONFIG.colour
    changed = (moved - GREY) * gain + (GREY + LIGHT * offset)
    return changed.contiguous(memory_format=torch.channels_last)


def spread(*shape: int) -> Tensor:
    return torch.rand(shape) * 2 - 1


def kornia_modules() -> Augment:
    """kornia's augmentation modules one after the other; those of light take each channel as a picture."""
    geometry = torch.nn.Sequential(
        RandomHorizontalFlip(p=CONFIG.flip),
        RandomAffine(
            CONFIG.rotation,
            translate=(CONFIG.shift, CONFIG.shift),
            scale=(1 - CONFIG.scale, 1 + CONFIG.scale),
            padding_mode="border",
            p=1.0,
        ),
    )
    whole, channel = light_modules(CONFIG.brightness), light_modules(CONFIG.colour)

    def augment(pixels: Tensor) -> Tensor:
        moved = whole((geometry(pixels) - GREY) / 255)
        changed = channel(moved.reshape(-1, 1, *moved.shape[2:])).view_as(moved) * 255 + GREY
        return changed.contiguous(memory_format=torch.channels_last)

    return augment


def light_modules(reach: float) -> torch.nn.Sequential:
    """Contrast, then brightness, which the modules add and count from 1, for pixels from -0.5 to 0.5."""
    offset = reach * LIGHT / 255
    return torch.nn.Sequential(
        RandomContrast((1 - reach, 1 + reach), clip_output=False, p=1.0),
        RandomBrightness((1 - offset, 1 + offset), clip_output=False, p=1.0),
    )


def training_step(side: int) -> Augment:
    """One step of the small network on faces as they are: what the augmentation comes on top of."""
    network = network_create(NetworkConfig(outputs=12, input_size=side)).train()
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)

    def step(pixels: Tensor) -> Tensor:
        loss = network(pixels).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def contenders_make(side: int) -> dict[str, Augment]:
    generator = torch.Generator().manual_seed(0)
    return {
        "corrugator": lambda pixels: batch_augment(pixels, CONFIG, generator),
        "plain torch": plain_torch,
        "kornia modules": kornia_modules(),
        "training step": training_step(side),
    }


def times_measure(batch: int, side: int, repeats: int) -> dict[str, float]:
    """Least milliseconds of each contender for a batch."""
    pixels = (torch.rand(batch, 3, side, side) * 255).contiguous(memory_format=torch.channels_last)
    contenders = contenders_make(side)
    least = dict.fromkeys(contenders, math.inf)
    for turn in range(repeats + 1):
        for name, augment in contenders.items():
            started = time.perf_counter()
            augment(pixels)
            if turn:  # the first turn warms up
                least[name] = min(least[name], 1000 * (time.perf_counter() - started))
    return {name: round(value, 2) for name, value in least.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows: list[dict[str, Any]] = []
    print("batch  side  milliseconds")
    for batch in BATCHES:
        for side in SIDES:
            times = times_measure(batch, side, options.repeats)
            share = times["corrugator"] / times["training step"]
            rows.append({"batch": batch, "side": side, "milliseconds": times, "share_of_step": round(share, 4)})
            told = "  ".join(f"{name} {value:.1f}" for name, value in times.items())
            print(f"{batch:5}  {side:4}  {told}  ({share:.1%} of the step)")
    if options.json:
        print(json.dumps({"threads": 1, "repeats": options.repeats, "rows": rows}))


if __name__ == "__main__":
    main()
