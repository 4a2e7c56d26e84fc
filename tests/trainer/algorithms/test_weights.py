"""Weights: every architecture comes back the same, the card travels along, half a file never stays."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from trainer.algorithms.networks import NETWORKS, network_create
from trainer.algorithms.settings import NetworkConfig
from trainer.algorithms.weights import WeightsError, weights_load, weights_save

SMALL = NetworkConfig(outputs=2, input_size=32, width=4, features=8)
CARD = "# Brauen-Detektor\n\n| AU | F1 |\n| --- | --- |\n| AU4 | 0.7 – “gut” |\n"


def card_of(path: Path) -> str | None:
    with safe_open(path, framework="pt") as file:
        return (file.metadata() or {}).get("card")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_architecture_comes_back_with_the_same_scores(tmp_path: Path, name: str) -> None:
    config = NetworkConfig(outputs=3, name=name, input_size=80, width=4)
    network = network_create(config, seed=2)
    network(torch.rand(4, 3, 80, 80) * 255)  # so that batch normalisation has something to keep
    weights_save(tmp_path / "a.safetensors", network.eval())
    loaded, _ = weights_load(tmp_path / "a.safetensors")
    pixels = torch.rand(2, 3, 80, 80) * 255
    with torch.inference_mode():
        assert torch.equal(loaded(pixels), network(pixels))
    assert loaded.config == config


def test_the_card_travels_with_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    weights_save(path, network_create(SMALL), {"aus": [4, 12]}, card=CARD)
    assert card_of(path) == CARD
    assert weights_load(path)[1] == {"aus": [4, 12]}


def test_weights_without_a_card_have_none(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    weights_save(path, network_create(SMALL))
    assert card_of(path) is None


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"card": CARD})
    with pytest.raises(WeightsError, match=r"a\.safetensors: format None"):
        weights_load(path)


def test_a_save_that_fails_leaves_the_old_file_and_no_half_one(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    weights_save(path, network_create(SMALL), card=CARD)
    with pytest.raises(ValueError, match="JSON"):
        weights_save(path, network_create(SMALL), {"loss": float("nan")})
    with pytest.raises(Exception):  # noqa: B017 (whatever the library says to a lone surrogate)
        weights_save(path, network_create(SMALL), card="\ud800")
    assert card_of(path) == CARD
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]
