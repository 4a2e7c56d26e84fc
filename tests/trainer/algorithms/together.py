"""Run by torch's launcher in the tests: trains a network without batch normalisation and saves its weights."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tests.trainer.algorithms.tiny import QUICK, tiny_make
from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.settings import AugmentationConfig, NetworkConfig
from trainer.algorithms.training import NO_ROWS, train
from trainer.algorithms.world import World, world_joined

# without augmentation and dropout two processes draw nothing that one would not
PLAIN = replace(
    QUICK, epochs=3, augmentation=AugmentationConfig(flip=0, rotation=0, scale=0, shift=0, brightness=0, colour=0)
)


class Plain(FaceNetwork):
    """Each face by itself: cutting a batch changes nothing but the order of sums."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 7 * 7, config.features), nn.ReLU()
        )


def plain_train(world: World | None = None) -> FaceNetwork:
    tiny = tiny_make(np.random.default_rng(3))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = Plain(NetworkConfig(outputs=3, input_size=32, features=16, dropout=0.0))
    train(network, TrainingData(tiny.cache, tiny.labels, tiny.rows, NO_ROWS), PLAIN, world=world)
    return network


if __name__ == "__main__":
    torch.set_num_threads(1)
    with world_joined() as joined:
        trained = plain_train(joined)
        torch.save(trained.state_dict(), Path(sys.argv[1]) / f"{joined.rank}.pt")
