"""DRML: the region layer beside a slow twin, and the authors' layer table."""

import pytest
import torch
from torch import Tensor, nn

from trainer.algorithms.drml import RegionLayer, boxes_cut, boxes_join, drml_side
from trainer.algorithms.methods import METHODS
from trainer.algorithms.networks import network_create
from trainer.algorithms.settings import NETWORK_LEAST_SIZE, NetworkConfig


def region_slowly(layer: RegionLayer, maps: Tensor) -> Tensor:
    """Box by box with that box's own slice of the weights, as the layer's definition has it."""
    channels, part = maps.shape[1], maps.shape[-1] // layer.grid
    out = torch.empty_like(maps)
    for row in range(layer.grid):
        for column in range(layer.grid):
            own = slice((row * layer.grid + column) * channels, (row * layer.grid + column + 1) * channels)
            down, right = slice(row * part, (row + 1) * part), slice(column * part, (column + 1) * part)
            box = maps[:, :, down, right]
            mean = box.mean(dim=(0, 2, 3), keepdim=True)
            spread = box.var(dim=(0, 2, 3), unbiased=False, keepdim=True)
            normal = (box - mean) / (spread + layer.norm.eps).sqrt()
            scaled = normal * layer.norm.weight[own].view(1, -1, 1, 1) + layer.norm.bias[own].view(1, -1, 1, 1)
            moved = nn.functional.conv2d(
                scaled.clamp(min=0), layer.convolution.weight[own], layer.convolution.bias[own], padding=1
            )
            out[:, :, down, right] = (box + moved).clamp(min=0)
    return out


def test_the_region_layer_is_one_small_network_for_each_box() -> None:
    torch.manual_seed(0)
    layer = RegionLayer(3).train()
    nn.init.normal_(layer.norm.weight)
    nn.init.normal_(layer.norm.bias)
    maps = torch.randn(4, 3, 24, 24)
    assert torch.allclose(layer(maps), region_slowly(layer, maps), atol=1e-5)


def test_boxes_are_joined_as_they_were_cut() -> None:
    maps = torch.arange(2 * 3 * 16 * 16, dtype=torch.float32).reshape(2, 3, 16, 16)
    assert torch.equal(boxes_join(boxes_cut(maps, 8), 8), maps)


def test_a_box_sees_no_place_of_its_neighbours() -> None:
    layer = RegionLayer(2).eval()
    maps = torch.randn(1, 2, 32, 32)
    changed = maps.clone()
    changed[:, :, :4, :4] += 1
    differs = (layer(maps) != layer(changed)).any(dim=1)[0]
    assert differs[:4, :4].any()
    differs[:4, :4] = False
    assert not differs.any()


def test_maps_that_eight_does_not_divide_keep_their_side() -> None:
    assert RegionLayer(2).eval()(torch.randn(1, 2, 21, 21)).shape == (1, 2, 21, 21)


def test_the_layers_are_those_of_the_authors_table() -> None:
    network = network_create(METHODS["drml"].published.network)
    shapes = [
        (layer.out_channels, layer.kernel_size[0], layer.stride[0])
        for layer in network.body.modules()
        if isinstance(layer, nn.Conv2d) and layer.groups == 1
    ]
    assert shapes == [(32, 11, 1), (16, 8, 1), (16, 8, 1), (16, 6, 2), (16, 5, 1)]
    region = next(layer for layer in network.modules() if isinstance(layer, RegionLayer))
    assert (region.convolution.groups, region.convolution.kernel_size, region.convolution.in_channels) == (
        64, (3, 3), 64 * 32,
    )  # fmt: skip
    linear = [(layer.in_features, layer.out_features) for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert sorted(linear) == sorted([(16 * 27 * 27, 4096), (4096, 2048), (2048, 1)])


def test_the_least_picture_of_drml_is_the_least_that_leaves_a_map() -> None:
    least = NETWORK_LEAST_SIZE["drml"]
    assert (drml_side(least - 1), drml_side(least), drml_side(170)) == (0, 1, 27)
    with pytest.raises(ValueError, match=f"input_size {least - 1}, drml needs at least {least}"):
        NetworkConfig(outputs=2, name="drml", input_size=least - 1)
