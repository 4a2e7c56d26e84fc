"""What each AU's output wants to see: pictures made by gradient ascent on the input (Chu et al. 2019, Sec. 6).

The regularisers are those of Yosinski et al. 2015, as the paper names them: L2 decay, clipping of pixels with a
small norm, Gaussian blur, in this order.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from kornia.filters import gaussian_blur2d
from numpy.typing import NDArray
from torch import Tensor

from trainer.algorithms.augmentation import GREY
from trainer.algorithms.callbacks import CancelCheck, Progress, cancel_never, cancel_raise, progress_ignore
from trainer.algorithms.devices import network_lent
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.settings import Checked, setting

SHOWN_QUANTILE = 0.995
"""Of the levels of a picture: what lies within reaches from black to white, the rest is cut off."""


@dataclass(frozen=True)
class MaximisationConfig(Checked):
    """How the pictures are made. Lengths are for a picture of 64 pixels, and grow with its side."""

    steps: int = setting(300, "Steps of gradient ascent; 10,000 in the paper.", least=1, most=100_000)
    rate: float = setting(6.0, "Mean change of a level in a step, in levels of 0 to 255.", least=1e-3, most=255)
    start: float = setting(10.0, "Spread of the random picture begun from, in levels.", least=0.1, most=127)
    decay: float = setting(0.02, "Share of every level lost in a step (L2 decay).", least=0, most=0.99)
    clip: float = setting(0.2, "Share of the pixels set to zero at a clipping, of least norm.", least=0, most=0.99)
    clip_every: int = setting(10, "Steps between two clippings.", least=1, most=100_000)
    blur: float = setting(0.7, "Spread of the Gaussian blur in pixels.", least=0, most=32)
    blur_every: int = setting(3, "Steps between two blurs.", least=1, most=100_000)
    seed: int = setting(0, "Of the random pictures begun from.")


@dataclass(frozen=True)
class Maximised:
    """A AUs, pictures with a side of S."""

    pictures: FaceArray
    """(A, S, S, 3) uint8: picture i was made for AU i, stretched from black to white."""
    scores: NDArray[np.float32]
    """(A, A) probabilities: row i is what the network says to picture i as it is here."""


Keep = Callable[[int, NDArray[np.float32]], None]
"""Called with the steps done and the zero-centred pictures (A, 3, S, S), from which the work can go on."""


def keep_nothing(done: int, pictures: NDArray[np.float32]) -> None:
    """The callback of those who don't resume."""


def activation_maximise(
    network: FaceNetwork,
    config: MaximisationConfig | None = None,
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    keep: Keep = keep_nothing,
    begun: tuple[int, NDArray[np.float32]] | None = None,
) -> Maximised:
    """A picture for each of the network's outputs that raises its logit (Eq. 3), all outputs at once.

    The network computes in evaluation mode, so no picture touches another's. A step goes along the gradient's
    direction and is as long for every picture: networks differ in the size of their gradients, and ours take
    light and contrast away by themselves. `begun`: what `keep` was last called with. The same network, config
    and machine give the same pictures, broken off or not. Raises `Cancelled` on request.
    """
    config = config or MaximisationConfig()
    with network_lent(network) as device:
        done, image = _begin(network, config, begun)
        image = image.to(device)
        for step in range(done, config.steps):
            cancel_raise(cancelled)
            image = image_regularise(image + _ascent(network, image, config.rate), config, step)
            keep(step + 1, image.cpu().numpy())
            progress((step + 1) / config.steps, f"step {step + 1} of {config.steps}")
        pictures = pictures_stretch(image)
        with torch.inference_mode():
            scores = torch.sigmoid(network(pictures.to(device).float()))
    return Maximised(pictures.permute(0, 2, 3, 1).cpu().numpy(), scores.cpu().numpy())


def _begin(
    network: FaceNetwork, config: MaximisationConfig, begun: tuple[int, NDArray[np.float32]] | None
) -> tuple[int, Tensor]:
    """Steps done and pictures (A, 3, S, S) about zero."""
    size = network.config.input_size
    shape = (network.config.outputs, 3, size, size)
    if begun is not None:
        if begun[1].shape != shape:
            raise ValueError(f"pictures of {begun[1].shape} to go on with, the network's are {shape}")
        return begun[0], torch.from_numpy(np.array(begun[1]))
    generator = torch.Generator().manual_seed(config.seed)
    return 0, config.start * torch.randn(shape, generator=generator)


def _ascent(network: FaceNetwork, image: Tensor, rate: float) -> Tensor:
    """The step of each picture, its root mean square the rate; none where the gradient is zero."""
    image = image.detach().requires_grad_(True)
    # the diagonal: picture i raises output i alone; no network's weights need a gradient
    activation = network(image + GREY).diagonal().sum()
    (gradient,) = torch.autograd.grad(activation, image)
    norm = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    return torch.where(norm > 0, rate * gradient / norm.clamp_min(torch.finfo(norm.dtype).tiny), 0.0).detach()


def image_regularise(image: Tensor, config: MaximisationConfig, step: int) -> Tensor:
    """Ω of Eq. 3 on zero-centred pictures (B, 3, S, S): decay in every step, clipping and blur in some."""
    image = image * (1 - config.decay)
    if config.clip and (step + 1) % config.clip_every == 0:
        image = pixels_clip(image, config.clip)
    if config.blur and (step + 1) % config.blur_every == 0:
        image = image_blur(image, config.blur * image.shape[-1] / 64)
    return image


def pixels_clip(image: Tensor, share: float) -> Tensor:
    """(B, 3, S, S) with those pixels at zero whose norm over the channels is below the picture's quantile `share`."""
    norms = image.norm(dim=1, keepdim=True)  # (B, 1, S, S)
    least = norms.flatten(1).quantile(share, dim=1).view(-1, 1, 1, 1)
    return torch.where(norms < least, 0.0, image)


def image_blur(image: Tensor, spread: float) -> Tensor:
    """(B, C, S, S) under a Gaussian of this spread in pixels, borders mirrored."""
    half = min(max(1, round(3 * spread)), image.shape[-1] - 1)
    blurred: Tensor = gaussian_blur2d(image, (2 * half + 1, 2 * half + 1), (spread, spread))
    return blurred


def pictures_stretch(image: Tensor) -> Tensor:
    """Zero-centred (B, 3, S, S) as uint8 about middle grey, each picture stretched so that it can be seen."""
    levels = image.abs().flatten(1)
    reach = levels.quantile(SHOWN_QUANTILE, dim=1).clamp_min(1e-6).view(-1, 1, 1, 1)
    return (GREY + GREY * image / reach).round().clamp(0, 255).to(torch.uint8)
