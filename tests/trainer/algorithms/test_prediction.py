"""Prediction does not depend on the batch; weights survive their file."""

import json
import pickletools
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.trainer.algorithms.tiny import QUICK, Tiny
from trainer.algorithms import prediction
from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.prediction import outputs_predict, scores_predict
from trainer.algorithms.settings import NetworkConfig
from trainer.algorithms.training import NO_ROWS, train
from trainer.algorithms.weights import WeightsError, weights_load, weights_save


@pytest.fixture
def network(tiny: Tiny) -> FaceNetwork:
    network = network_create(NetworkConfig(outputs=3, input_size=32, width=8), seed=1)
    train(network, TrainingData(tiny.cache, tiny.labels, tiny.rows, NO_ROWS), QUICK)
    return network


def test_batch_of_one_and_of_many_give_the_same(tiny: Tiny, network: FaceNetwork) -> None:
    rows = np.array([5, 3, 70, 0, 41, 8, 9])
    one = outputs_predict(network, tiny.cache, rows, batch=1)
    many = outputs_predict(network, tiny.cache, rows, batch=64)
    for alone, together in zip(one, many, strict=True):
        assert np.allclose(alone, together, atol=1e-5, rtol=1e-5)


def test_what_is_too_large_for_memory_lies_in_a_file(tiny: Tiny, network: FaceNetwork, tmp_path, monkeypatch):
    rows = np.arange(9)
    inside = outputs_predict(network, tiny.cache, rows, folder=tmp_path)
    monkeypatch.setattr(prediction, "MEMORY_BYTES", 0)
    outside = outputs_predict(network, tiny.cache, rows, folder=tmp_path)
    for one, other in zip(inside, outside, strict=True):
        assert isinstance(other, np.memmap) and not isinstance(one, np.memmap) and np.array_equal(one, other)
    assert not list(tmp_path.iterdir())  # nothing is left behind


def test_scores_are_the_same_in_training_mode_and_for_the_mirror_picture(tiny: Tiny, network: FaceNetwork) -> None:
    rows = np.arange(6)
    scores = scores_predict(network, tiny.cache, rows)
    network.train()
    mirrored = np.ascontiguousarray(tiny.cache[:, :, ::-1])
    assert np.allclose(scores_predict(network, mirrored, rows), scores, atol=1e-6)
    assert network.training


def test_logits_are_the_scores_before_the_sigmoid(tiny: Tiny, network: FaceNetwork) -> None:
    rows = np.arange(6)
    logits = scores_predict(network, tiny.cache, rows, logits=True)
    assert np.allclose(1 / (1 + np.exp(-logits)), scores_predict(network, tiny.cache, rows), atol=1e-6)


def test_no_rows_give_empty_arrays(tiny: Tiny, network: FaceNetwork) -> None:
    features, scores = outputs_predict(network, tiny.cache, np.array([], dtype=np.intp))
    assert features.shape == (0, 256) and scores.shape == (0, 3)


def test_prediction_stops_when_asked(tiny: Tiny, network: FaceNetwork) -> None:
    with pytest.raises(Cancelled):
        scores_predict(network, tiny.cache, np.arange(4), cancelled=lambda: True)


def test_weights_round_trip_without_pickle(tiny: Tiny, network: FaceNetwork, tmp_path: Path) -> None:
    path = tmp_path / "detector.safetensors"
    weights_save(path, network, {"aus": [1, 12, 25]})
    loaded, extra = weights_load(path)
    assert extra == {"aus": [1, 12, 25]}
    assert loaded.config == network.config
    rows = np.arange(8)
    assert np.array_equal(scores_predict(loaded, tiny.cache, rows), scores_predict(network, tiny.cache, rows))
    header = int.from_bytes(path.read_bytes()[:8], "little")
    assert json.loads(path.read_bytes()[8 : 8 + header])["__metadata__"]["format"] == "corrugator-network-1"
    with pytest.raises(ValueError):
        list(pickletools.genops(path.read_bytes()))
    assert [file.name for file in tmp_path.iterdir()] == ["detector.safetensors"]


@pytest.mark.parametrize("kind", ["damaged", "foreign", "misfit"])
def test_weights_that_are_no_network_are_refused(network: FaceNetwork, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bad.safetensors"
    if kind == "damaged":
        weights_save(path, network)
        path.write_bytes(path.read_bytes()[:-100])
    elif kind == "foreign":
        save_file({"a": torch.zeros(1)}, path)
    else:
        config = json.dumps({"outputs": 3, "input_size": 32, "width": 9})
        tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
        metadata = {"format": "corrugator-network-1", "network": config, "extra": "{}"}
        save_file(tensors, path, metadata=metadata)
    with pytest.raises(WeightsError, match=r"bad\.safetensors"):
        weights_load(path)
