"""Which pixels speak for an AU: the sum is the score's, the place is the sign's, and every network can be asked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.trainer.algorithms.test_maximisation import NETWORKS, SMALL, Stripes
from tests.trainer.algorithms.test_temporal import CONFIG, temporal_of
from trainer.algorithms.attribution import face_attribute
from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.networks import network_create


def face_of(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("config", NETWORKS, ids=lambda config: config.name)
def test_a_map_sums_to_what_the_face_adds_to_the_logit(config):
    network = network_create(config, seed=1).eval()
    told = face_attribute(network, face_of(config.input_size), steps=64)
    assert told.maps.shape == (config.outputs, config.input_size, config.input_size)
    assert np.allclose(told.maps.sum(axis=(1, 2)), told.logits - told.empty, atol=0.02)


def test_the_logit_explained_is_the_prediction_s():
    network, face = network_create(SMALL, seed=1).eval(), face_of(32)
    pixels = torch.from_numpy(np.stack([face, face[:, ::-1]])).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        expected = network(pixels).mean(dim=0).numpy()
    assert np.allclose(face_attribute(network, face, steps=2).logits, expected, atol=1e-5)


def test_of_a_network_that_looks_along_time_the_single_frame_is_explained():
    network, face = network_create(SMALL, seed=1).eval(), face_of(32)
    alone = face_attribute(network, face, steps=2)
    network.temporal = temporal_of(replace(CONFIG, features=8))
    told = face_attribute(network, face, steps=2)
    assert np.array_equal(told.maps, alone.maps) and np.array_equal(told.logits, alone.logits)


def test_a_linear_network_is_explained_exactly():
    face = np.full((32, 32, 3), 100, np.uint8)
    face[4:8] = 200
    maps = face_attribute(Stripes(), face, steps=5).maps
    mean = face.mean()
    # each of 16 × 32 pixels of a half weighs ±1 / (512 · 255); left and right are the same to a face and its mirror
    assert maps[0, 4:8] == pytest.approx((200 - mean) / (512 * 255), rel=1e-4)
    assert maps[0, 20:] == pytest.approx((mean - 100) / (512 * 255), rel=1e-4)
    assert maps[1] == pytest.approx(0, abs=1e-7)


def test_an_even_picture_says_nothing():
    told = face_attribute(network_create(SMALL, seed=1), np.full((32, 32, 3), 90, np.uint8), steps=4)
    assert np.abs(told.maps).max() == 0


def test_the_network_is_left_as_it_was():
    network = network_create(SMALL, seed=1)
    face_attribute(network, face_of(32), steps=2)
    assert network.training and all(one.grad is None for one in network.parameters())


def test_a_face_of_another_size_is_refused_and_it_stops_when_asked():
    network = network_create(SMALL)
    with pytest.raises(ValueError, match="the network sees"):
        face_attribute(network, face_of(40))
    with pytest.raises(Cancelled):
        face_attribute(network, face_of(32), cancelled=lambda: True)
