"""DRML (Zhao, Chu, Zhang, CVPR 2016): a region layer learns each part of the face with weights of its own."""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.algorithms.alexnet import linear
from trainer.algorithms.face_network import FaceNetwork
from trainer.algorithms.settings import NetworkConfig

GRID = 8
"""Boxes on each side of the region layer."""


class RegionLayer(nn.Module):
    """Cuts the maps into 8 x 8 boxes; each box is normalised, rectified and convolved by itself and added to itself.

    All boxes go through one convolution in as many groups, so that no box sees another's places. Maps whose
    side is no multiple of 8 are widened with zeros for the cutting.
    """

    def __init__(self, channels: int, grid: int = GRID) -> None:
        super().__init__()
        self.grid = grid
        boxes = grid * grid
        self.norm = nn.BatchNorm2d(boxes * channels)
        self.convolution = nn.Conv2d(boxes * channels, boxes * channels, 3, padding=1, groups=boxes)

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (B, C, S, S). Returns the same shape."""
        side = maps.shape[-1]
        wider = -side % self.grid
        boxes = boxes_cut(F.pad(maps, (0, wider, 0, wider)), self.grid)
        changed = boxes + self.convolution(torch.relu(self.norm(boxes)))
        return torch.relu(boxes_join(changed, self.grid)[..., :side, :side])


def boxes_cut(maps: Tensor, grid: int) -> Tensor:
    """(B, C, S, S), S a multiple of the grid, to (B, grid² · C, S / grid, S / grid), boxes in reading order."""
    b, c, s, _ = maps.shape
    part = s // grid
    cut = maps.reshape(b, c, grid, part, grid, part)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(b, grid * grid * c, part, part)


def boxes_join(boxes: Tensor, grid: int) -> Tensor:
    """The inverse of boxes_cut."""
    b, channels, part, _ = boxes.shape
    c = channels // (grid * grid)
    apart = boxes.reshape(b, grid, grid, c, part, part)
    return apart.permute(0, 3, 1, 4, 2, 5).reshape(b, c, grid * part, grid * part)


class DRML(FaceNetwork):
    """The layers of the authors' own table: 11 x 11 x 32, regions, pooling, four convolutions of 16, two connections.

    At 170 pixels the maps are 160, pooled 80, then 73, 66, 31 and 27 wide; smaller pictures leave smaller maps.
    fc6 has twice the features (4096 and 2048 in the table). Batch normalisation before each ReLU outside the
    region layer, as in our AlexNet, is ours.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        w = config.width
        convolutions = nn.Sequential(
            *_convolution(3, w, 11),
            RegionLayer(w),
            nn.MaxPool2d(2, 2),
            *_convolution(w, 16, 8),
            *_convolution(16, 16, 8),
            *_convolution(16, 16, 6, stride=2),
            *_convolution(16, 16, 5),
        )
        fc6 = linear(16 * drml_side(config.input_size) ** 2, 2 * config.features)
        self.body = nn.Sequential(
            OrderedDict(
                convolutions=convolutions,
                flat=nn.Flatten(),
                fc6=nn.Sequential(*fc6, nn.Dropout(config.dropout)),
                fc7=nn.Sequential(*linear(2 * config.features, config.features)),
            )
        )


def drml_side(input_size: int) -> int:
    """Side of the last maps: 27 for pictures of 170, 1 for 66, below 1 for smaller ones."""
    pooled = (input_size - 10) // 2
    return (pooled - 7 - 7 - 6) // 2 + 1 - 4


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, kernel, stride, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
