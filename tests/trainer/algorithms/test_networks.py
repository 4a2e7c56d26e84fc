"""Networks: shapes over input sizes, normalisation of every ReLU, seeds, refusals."""

import pytest
import torch
from torch import nn

from trainer.algorithms.networks import NETWORKS, network_create, pixels_standardise
from trainer.algorithms.settings import NetworkConfig


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [32, 47, 64, 112, 224])
def test_network_gives_256_features_and_a_logit_per_au_at_every_input_size(name: str, size: int) -> None:
    network = network_create(NetworkConfig(outputs=5, name=name, input_size=size, width=8)).eval()
    pixels = torch.rand(2, 3, size, size) * 255
    with torch.inference_mode():
        assert network.features(pixels).shape == (2, 256)
        assert network(pixels).shape == (2, 5)


def test_every_relu_follows_a_batch_normalisation_in_alexnet() -> None:
    network = network_create(NetworkConfig(outputs=2))
    layers = [layer for layer in network.body.modules() if not list(layer.children())]
    before = [layers[i - 1] for i, layer in enumerate(layers) if isinstance(layer, nn.ReLU)]
    assert len(before) == 6
    assert all(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in before)


def test_light_and_tint_of_a_picture_are_taken_away() -> None:
    pixels = torch.rand(1, 3, 32, 32) * 100
    tinted = pixels * torch.tensor([1.5, 1.0, 0.8]).view(1, 3, 1, 1) + 20
    assert torch.allclose(pixels_standardise(tinted), pixels_standardise(pixels), atol=0.35)
    assert not pixels_standardise(torch.full((1, 3, 32, 32), 9.0)).any()


def test_seed_decides_the_fresh_weights_and_leaves_the_global_generator_alone() -> None:
    config = NetworkConfig(outputs=2, width=8)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (network_create(config, seed).head.weight for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("changes", "quoted"),
    [({"input_size": 20}, "20"), ({"dropout": 1.0}, "1.0"), ({"outputs": 0}, "0")],
)
def test_config_out_of_range_is_refused_with_the_value(changes: dict[str, float], quoted: str) -> None:
    with pytest.raises(ValueError, match=quoted):
        NetworkConfig(**({"outputs": 2} | changes))  # type: ignore[arg-type]


def test_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'vgg'.*alexnet_small"):
        network_create(NetworkConfig(outputs=2, name="vgg"))
