"""Networks: shapes over input sizes, layer plans, seeds, deterministic gradients, refusals."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from trainer.algorithms.alexnet import alexnet_side
from trainer.algorithms.methods import METHODS, settings_make
from trainer.algorithms.networks import NETWORKS, FaceNetwork, network_create, pixels_standardise
from trainer.algorithms.settings import NETWORK_LEAST_SIZE, NETWORK_NAMES, NetworkConfig

RESNETS = ("resnet18", "resnet50")


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("name", "size"),
    [(name, size) for name in NETWORKS for size in (32, 47, 64, 112, 224) if size >= NETWORK_LEAST_SIZE.get(name, 0)],
)
def test_network_gives_its_features_and_a_logit_per_au_at_every_input_size_that_fits(name: str, size: int) -> None:
    config = NetworkConfig(outputs=5, name=name, input_size=size, width=8)
    network = network_create(config).eval()
    pixels = torch.rand(2, 3, size, size) * 255
    with torch.inference_mode():
        assert network.features(pixels).shape == (2, config.features)
        assert network(pixels).shape == (2, 5)


def test_every_name_in_the_settings_has_its_network() -> None:
    assert tuple(NETWORKS) == NETWORK_NAMES


@pytest.mark.parametrize(("name", "relus"), [("alexnet_small", 6), ("alexnet", 7)])
def test_every_relu_follows_a_batch_normalisation_in_alexnet(name: str, relus: int) -> None:
    network = network_create(NetworkConfig(outputs=2, name=name))
    layers = [layer for layer in network.body.modules() if not list(layer.children())]
    before = [layers[i - 1] for i, layer in enumerate(layers) if isinstance(layer, nn.ReLU)]
    assert len(before) == relus
    assert all(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in before)


def test_alexnet_has_the_layers_of_the_papers() -> None:
    network = network_create(NetworkConfig(outputs=11, name="alexnet", input_size=224))
    kernels = [tuple(layer.weight.shape) for layer in network.body.modules() if isinstance(layer, nn.Conv2d)]
    # in groups of two, each kernel sees half of the maps: Krizhevsky et al. 2012, Sec. 3.5
    assert kernels == [(96, 3, 11, 11), (256, 48, 5, 5), (384, 256, 3, 3), (384, 192, 3, 3), (256, 192, 3, 3)]
    linear = [tuple(layer.weight.shape) for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert sorted(linear) == [(11, 256), (256, 4096), (4096, 256 * 6 * 6)]


def test_the_least_picture_of_alexnet_is_the_least_that_leaves_a_map() -> None:
    least = NETWORK_LEAST_SIZE["alexnet"]
    assert (alexnet_side(least - 1), alexnet_side(least), alexnet_side(224)) == (0, 1, 6)
    with pytest.raises(ValueError, match=f"input_size {least - 1}, alexnet needs at least {least}"):
        NetworkConfig(outputs=2, name="alexnet", input_size=least - 1)


@pytest.mark.parametrize(("name", "least", "most"), [("resnet18", 11.1e6, 11.3e6), ("resnet50", 23.4e6, 23.6e6)])
def test_resnets_have_the_size_of_the_paper(name: str, least: float, most: float) -> None:
    """He et al. 2016: 11.7 and 25.6 million with a head of a thousand classes, 0.5 and 2.0 of them in the head."""
    network = network_create(NetworkConfig(outputs=2, name=name, input_size=32))
    assert least < parameters(network.body) < most


def test_a_resnets_features_follow_its_name_whatever_the_preset_had() -> None:
    assert METHODS["resnet"].settings.network.features == 512
    assert settings_make("resnet", {"network.name": "resnet50"}).network.features == 2048
    assert settings_make("alexnet", {"network.name": "resnet18"}).network.features == 512
    assert settings_make("alexnet", {"network.features": 100}).network.features == 100


@pytest.mark.parametrize("name", RESNETS)
def test_pooling_of_a_resnet_is_a_mean_whose_gradient_is_deterministic(name: str) -> None:
    network = network_create(NetworkConfig(outputs=2, name=name, input_size=32))
    steps = graph_steps(network(torch.rand(2, 3, 32, 32)).sum())
    assert "MeanBackward1" in steps
    assert not [step for step in steps if "Adaptive" in step]


def graph_steps(loss: torch.Tensor) -> set[str]:
    """Names of all backward steps."""
    seen, waiting = set(), [loss.grad_fn]
    while waiting:
        step = waiting.pop()
        if step is not None and step not in seen:
            seen.add(step)
            waiting.extend(before for before, _ in step.next_functions)
    return {step.name() for step in seen}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_reaches_every_weight(name: str) -> None:
    network = network_create(NetworkConfig(outputs=2, name=name, input_size=80, width=8, dropout=0))
    network(torch.rand(4, 3, 80, 80) * 255).square().sum().backward()
    still = [key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not still


@pytest.mark.parametrize("name", NETWORKS)
def test_kernels_lie_channels_last(name: str) -> None:
    network = network_create(NetworkConfig(outputs=2, name=name, input_size=80, width=8))
    kernels = [layer.weight for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


def test_light_and_tint_of_a_picture_are_taken_away() -> None:
    pixels = torch.rand(1, 3, 32, 32) * 100
    tinted = pixels * torch.tensor([1.5, 1.0, 0.8]).view(1, 3, 1, 1) + 20
    assert torch.allclose(pixels_standardise(tinted), pixels_standardise(pixels), atol=0.35)
    assert not pixels_standardise(torch.full((1, 3, 32, 32), 9.0)).any()


@pytest.mark.parametrize("name", ["alexnet_small", "resnet18"])
def test_seed_decides_the_fresh_weights_and_leaves_the_global_generator_alone(name: str) -> None:
    config = NetworkConfig(outputs=2, name=name, width=8)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (fingerprint(network_create(config, seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def fingerprint(network: FaceNetwork) -> torch.Tensor:
    return torch.stack([weight.detach().double().square().sum() for weight in network.parameters()])


def test_transformers_is_not_loaded_until_a_resnet_is_made() -> None:
    code = "import sys, trainer.algorithms.networks; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
