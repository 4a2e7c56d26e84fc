"""The training loop: it learns, repeats itself under a seed, stops when asked, and keeps the best epoch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.trainer.algorithms.tiny import QUICK, Tiny
from trainer.algorithms.augmentation import batch_augment
from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.settings import AugmentationConfig, NetworkConfig, TrainingConfig
from trainer.algorithms.training import learning_rate, train

CONFIG = NetworkConfig(outputs=3, input_size=32, width=8)


def trained(tiny: Tiny, config: TrainingConfig = QUICK) -> FaceNetwork:
    network = network_create(CONFIG, seed=1)
    train(network, tiny.cache, tiny.labels, tiny.rows, config)
    return network


def weights(network: FaceNetwork) -> Tensor:
    return torch.cat([value.flatten().double() for value in network.state_dict().values()])


def test_training_lowers_the_loss_and_ends_in_evaluation_mode(tiny: Tiny) -> None:
    network = network_create(CONFIG, seed=1)
    report = train(network, tiny.cache, tiny.labels, tiny.rows, replace(QUICK, epochs=12))
    assert report.losses[-1] < 0.6 * report.losses[0]
    assert (report.faces, report.epochs, report.best_epoch) == (48, 12, 12)
    assert not network.training


def test_same_seed_gives_the_same_weights_whatever_the_global_generator_holds(tiny: Tiny) -> None:
    torch.manual_seed(1)
    first = weights(trained(tiny))
    torch.manual_seed(2)
    assert torch.equal(weights(trained(tiny)), first)
    assert not torch.equal(weights(trained(tiny, replace(QUICK, seed=9))), first)


def test_face_without_a_known_code_changes_nothing(tiny: Tiny) -> None:
    network = network_create(CONFIG, seed=1)
    report = train(network, tiny.cache, tiny.labels, np.arange(72), QUICK)
    assert report.faces == 48
    assert torch.equal(weights(network), weights(trained(tiny)))


def test_cancel_is_heard_before_the_next_batch(tiny: Tiny) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) == 3

    with pytest.raises(Cancelled):
        train(network_create(CONFIG), tiny.cache, tiny.labels, tiny.rows, QUICK, cancelled=cancelled)
    assert len(asked) == 3


def test_progress_rises_to_one(tiny: Tiny) -> None:
    heard: list[float] = []
    network = network_create(CONFIG)
    train(network, tiny.cache, tiny.labels, tiny.rows, QUICK, progress=lambda part, _: heard.append(part))
    assert heard == [0.25, 0.5, 0.75, 1.0]


def test_early_stopping_keeps_the_weights_of_the_best_epoch(tiny: Tiny) -> None:
    # held-out labels turned round: the better the training, the worse the held-out loss
    labels = tiny.labels.copy()
    labels[32:48] = np.where(labels[32:48] < 0, -1, 1 - labels[32:48])
    config = replace(QUICK, epochs=30, patience=3)
    network = network_create(CONFIG, seed=1)
    report = train(network, tiny.cache, labels, np.arange(32), config, held_out=np.arange(32, 48))
    assert report.epochs == report.best_epoch + 3 < 30
    assert report.held_out[report.best_epoch - 1] == min(report.held_out)


def test_too_few_labelled_faces_are_refused(tiny: Tiny) -> None:
    with pytest.raises(ValueError, match="1 faces"):
        train(network_create(CONFIG), tiny.cache, tiny.labels, np.array([0, 70, 71]), QUICK)


def test_learning_rate_rises_then_falls_to_nothing() -> None:
    rates = [learning_rate(step, 100, TrainingConfig(learning_rate=1.0, warmup=0.1)) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(rates[9], abs=0.03)
    assert rates[100] == pytest.approx(0.0, abs=1e-12)


def test_augmentation_of_nothing_gives_the_faces_back() -> None:
    pixels = torch.rand(2, 3, 32, 32) * 255
    still = AugmentationConfig(flip=0, rotation=0, scale=0, shift=0, brightness=0, colour=0)
    changed = batch_augment(pixels, still, torch.Generator())
    assert torch.allclose(changed, pixels, atol=1e-2)


def test_flip_mirrors_left_and_right_only() -> None:
    pixels = torch.rand(2, 3, 32, 32) * 255
    flip = AugmentationConfig(flip=1, rotation=0, scale=0, shift=0, brightness=0, colour=0)
    assert torch.allclose(batch_augment(pixels, flip, torch.Generator()), pixels.flip(3), atol=1e-2)
