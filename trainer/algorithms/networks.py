"""Detector networks behind one small interface, and the literal registry that names them.

A new architecture is a subclass of `FaceNetwork`, its name in settings, and one line in `NETWORKS`.
"""

from collections.abc import Callable

import torch

from trainer.algorithms.alexnet import AlexNet, AlexNetSmall
from trainer.algorithms.drml import DRML
from trainer.algorithms.face_network import FaceNetwork, pixels_standardise
from trainer.algorithms.resnet import ResNet
from trainer.algorithms.settings import NetworkConfig

__all__ = ["NETWORKS", "FaceNetwork", "network_create", "pixels_standardise"]

NETWORKS: dict[str, Callable[[NetworkConfig], FaceNetwork]] = {
    "alexnet_small": AlexNetSmall,
    "alexnet": AlexNet,
    "drml": DRML,
    "resnet18": ResNet,
    "resnet50": ResNet,
}


def network_create(config: NetworkConfig, seed: int = 0) -> FaceNetwork:
    """A network with fresh weights; the same config and seed give the same weights.

    Raises ValueError for a name that is not in `NETWORKS`.
    """
    if config.name not in NETWORKS:
        raise ValueError(f"network {config.name!r}, known: {', '.join(NETWORKS)}")
    with torch.random.fork_rng(devices=[]):
        # not torch.manual_seed: that would seed the caller's CUDA generators too
        torch.random.default_generator.manual_seed(seed)
        # convolutions are quickest with the channels last in memory; mypy's stubs lack this overload
        return NETWORKS[config.name](config).to(memory_format=torch.channels_last)  # type: ignore
