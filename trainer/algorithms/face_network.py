"""The interface that every detector network keeps: pixels in, features and one logit per AU out; and, where it
learned to, what it has to see along time (temporal.py)."""

from typing import Self

from torch import Tensor, nn

from trainer.algorithms.settings import NetworkConfig
from trainer.algorithms.temporal import Temporal


class FaceNetwork(nn.Module):
    """A body that turns pixels into features, and a linear head that turns features into AU logits.

    A subclass makes the body, from (B, 3, S, S) about zero to (B, features). The features are the
    representation that clustering works on.
    """

    body: nn.Module

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.features, config.outputs)
        self.frozen = False
        self.temporal: Temporal | None = None

    def body_freeze(self) -> None:
        """Let training change the head alone; the body's batch normalisation keeps its running figures too."""
        self.frozen = True
        self.body.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.frozen:
            self.body.eval()
        return self

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
