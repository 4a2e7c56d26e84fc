"""Detector networks behind one small interface, and the literal registry that names them.

Every network is a `FaceNetwork`: pixels in, features (the representation clustering works on) and
one logit per AU out. A new architecture is a subclass and one line in `NETWORKS`.
"""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainer.algorithms.settings import NetworkConfig


class FaceNetwork(nn.Module):
    """A body that turns pixels into features, and a linear head that turns features into AU logits.

    A subclass makes the body, from (B, 3, S, S) about zero to (B, features).
    """

    body: nn.Module

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.features, config.outputs)

    def features(self, pixels: Tensor) -> Tensor:
        """pixels: (B, 3, S, S) float in 0 to 255, RGB. Returns (B, features)."""
        result: Tensor = self.body(pixels_standardise(pixels))
        return result

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (B, 3, S, S) float in 0 to 255, RGB. Returns logits (B, outputs)."""
        logits: Tensor = self.head(self.dropout(self.features(pixels)))
        return logits


def pixels_standardise(pixels: Tensor) -> Tensor:
    """Each channel of each face (B, 3, S, S) to zero mean and about unit spread.

    Takes light and tint away before the network has to learn to. The 8 grey levels in the divisor
    keep an empty or nearly even picture from being blown up to noise.
    """
    mean = pixels.mean(dim=(2, 3), keepdim=True)
    spread = (pixels - mean).square().mean(dim=(2, 3), keepdim=True).sqrt()
    return (pixels - mean) / (spread + 8)


class AlexNetSmall(FaceNetwork):
    """AlexNet's plan at a size that two cores can train.

    As in Zhao et al. 2018, Sec. 4.1, each ReLU has its batch normalisation (here before it) and fc7
    gives 256 numbers; five convolutions with three poolings, then fc7 straight on the last maps:
    AlexNet's wide fc6 is left out, because a few thousand faces cannot fill it.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        w, side = config.width, -(-config.input_size // 8)  # side of the maps before the last pooling
        kernel = -(-side // 4)
        cells = (-(-side // kernel)) ** 2  # 3 x 3 or 4 x 4
        convolutions = nn.Sequential(
            *convolution(3, w, kernel=5, stride=2),
            *convolution(w, 2 * w),
            nn.MaxPool2d(3, 2, padding=1),
            *convolution(2 * w, 4 * w),
            nn.MaxPool2d(3, 2, padding=1),
            *convolution(4 * w, 4 * w),
            *convolution(4 * w, 4 * w),
            # adaptive pooling would fit every size too, but its gradient on CUDA is not deterministic
            nn.MaxPool2d(kernel, ceil_mode=True),
        )
        fc7 = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(4 * w * cells, config.features, bias=False),
            nn.BatchNorm1d(config.features),
            nn.ReLU(),
        )
        self.body = nn.Sequential(OrderedDict(convolutions=convolutions, fc7=fc7))


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> tuple[nn.Module, ...]:
    """A convolution, its batch normalisation and its ReLU."""
    return (
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


NETWORKS: dict[str, Callable[[NetworkConfig], FaceNetwork]] = {
    "alexnet_small": AlexNetSmall,
}


def network_create(config: NetworkConfig, seed: int = 0) -> FaceNetwork:
    """A network with fresh weights; the same config and seed give the same weights.

    Raises ValueError for a name that is not in `NETWORKS`.
    """
    if config.name not in NETWORKS:
        raise ValueError(f"network {config.name!r}, known: {', '.join(NETWORKS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # convolutions are quickest with the channels last in memory; mypy's stubs lack this overload
        return NETWORKS[config.name](config).to(memory_format=torch.channels_last)  # type: ignore
