"""Adversarial training: its gradients by hand, its masks, and what α does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.trainer.algorithms.test_training import CONFIG, stopping_after, weights
from tests.trainer.algorithms.tiny import QUICK, Tiny
from trainer.algorithms.adversarial import Adversarial, Discriminator
from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.detectors import objective_of
from trainer.algorithms.losses import masked_bce
from trainer.algorithms.methods import settings_make
from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.settings import AdversarialConfig
from trainer.algorithms.training import NO_ROWS, train
from trainer.algorithms.world import world_alone

STILL = replace(
    QUICK, augmentation=replace(QUICK.augmentation, flip=0, rotation=0, scale=0, shift=0, brightness=0, colour=0)
)


def adversarial(tiny: Tiny, network: FaceNetwork, config: AdversarialConfig, coded_only: bool = False) -> Adversarial:
    unlabelled = NO_ROWS if coded_only else np.arange(48, 72)
    data = TrainingData(tiny.cache, tiny.labels, tiny.rows, unlabelled)
    return Adversarial(network, data, STILL, world_alone(), config)


def test_batches_hold_coded_and_uncoded_faces_in_their_share(tiny: Tiny) -> None:
    goal = adversarial(tiny, network_create(CONFIG), AdversarialConfig(unlabelled=0.25))
    for batch in goal.batches(0):
        assert len(batch) == 16
        assert (batch >= 48).sum() == 4


def test_without_uncoded_faces_the_whole_batch_is_coded(tiny: Tiny) -> None:
    goal = adversarial(tiny, network_create(CONFIG), AdversarialConfig(), coded_only=True)
    assert all((batch < 48).all() and len(batch) == 16 for batch in goal.batches(0))


def test_loss_is_equation_four_over_the_number_of_aus(tiny: Tiny) -> None:
    network = network_create(replace(CONFIG, dropout=0.0), seed=1).train()
    goal = adversarial(tiny, network, AdversarialConfig(alpha=0.3, recogniser_steps=2, predictions="probabilities"))
    batch = np.array([0, 1, 2, 3, 50, 51])
    # an odd step of two recogniser turns: the discriminator rests, so that D is the one compared with
    loss, parts = goal.loss(batch, torch.Generator().manual_seed(4), step=1)

    generator = torch.Generator().manual_seed(4)
    pixels, targets = goal.look(batch, generator)
    predicted = torch.sigmoid(network(pixels))
    _, mask = goal.real_labels(6, generator)
    recognition = masked_bce(network(pixels), targets)
    verdict = torch.sigmoid(goal.discriminator(predicted, mask))
    expected = 0.7 * recognition - 0.3 / 3 * torch.log(verdict).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    assert parts["recognition"] == pytest.approx(recognition.item(), rel=1e-4)


def test_discriminator_turn_is_equation_three(tiny: Tiny) -> None:
    goal = adversarial(tiny, network_create(CONFIG), AdversarialConfig())
    predicted = torch.rand(8, 3)
    before = [parameter.clone() for parameter in goal.discriminator.parameters()]
    generator = torch.Generator().manual_seed(2)
    codes, mask = goal.real_labels(8, generator)
    _, borrowed = goal.real_labels(8, generator)
    real = torch.sigmoid(goal.discriminator(codes, mask))
    made = torch.sigmoid(goal.discriminator(predicted, borrowed))
    expected = -(torch.log(real) + torch.log(1 - made)).mean()
    told = goal.discriminator_turns(predicted, torch.Generator().manual_seed(2))
    assert told == pytest.approx(float(expected), rel=1e-4)
    moved = [bool((a != b).any()) for a, b in zip(before, goal.discriminator.parameters(), strict=True)]
    assert all(moved)


def test_unknown_codes_reach_the_discriminator_only_as_unknown() -> None:
    discriminator = Discriminator(3, 8)
    mask = torch.tensor([[1.0, 0.0, 1.0]])
    one = discriminator(torch.tensor([[0.2, 0.9, 0.4]]), mask)
    other = discriminator(torch.tensor([[0.2, 0.1, 0.4]]), mask)
    assert torch.equal(one, other)


def test_prediction_gets_no_gradient_where_its_borrowed_mask_is_empty() -> None:
    predicted = torch.rand(1, 3, requires_grad=True)
    F.softplus(-Discriminator(3, 8)(predicted, torch.tensor([[1.0, 0.0, 1.0]]))).sum().backward()
    assert predicted.grad is not None
    assert predicted.grad[0, 1] == 0
    assert predicted.grad[0, 0] != 0


def test_drawn_codes_are_codes_and_carry_the_probabilities_gradient(tiny: Tiny) -> None:
    goal = adversarial(tiny, network_create(CONFIG), AdversarialConfig())
    probabilities = torch.full((4000, 2), 0.3).requires_grad_()
    drawn = goal.shown(probabilities, torch.Generator().manual_seed(3))
    assert torch.allclose(drawn, drawn.round(), atol=1e-6)
    assert drawn.mean().item() == pytest.approx(0.3, abs=0.03)
    (drawn * torch.tensor([1.0, 5.0])).sum().backward()
    assert probabilities.grad is not None
    assert probabilities.grad[0].tolist() == [1.0, 5.0]


def test_recogniser_step_leaves_the_discriminators_weights_alone(tiny: Tiny) -> None:
    goal = adversarial(tiny, network_create(CONFIG), AdversarialConfig(recogniser_steps=2))
    before = [parameter.clone() for parameter in goal.discriminator.parameters()]
    loss, _ = goal.loss(np.arange(8), torch.Generator(), step=1)
    loss.backward()
    assert all(torch.equal(a, b) for a, b in zip(before, goal.discriminator.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in goal.discriminator.parameters())
    assert all(parameter.requires_grad for parameter in goal.discriminator.parameters())


def test_each_further_discriminator_turn_draws_faces_anew(tiny: Tiny) -> None:
    drawn: list[int] = []

    class Counting(Adversarial):
        def predicted_anew(self, count: int, generator: torch.Generator) -> torch.Tensor:
            drawn.append(count)
            return super().predicted_anew(count, generator)

    data = TrainingData(tiny.cache, tiny.labels, tiny.rows, np.arange(48, 72))
    goal = Counting(network_create(CONFIG), data, STILL, world_alone(), AdversarialConfig(discriminator_steps=3))
    goal.loss(np.arange(10), torch.Generator(), step=0)
    assert drawn == [10, 10]


def test_predictions_free_to_move_take_on_the_labels_combinations(tiny: Tiny) -> None:
    # two AUs that always come together, and a third that never does
    labels = np.full((72, 3), -1, dtype=np.int8)
    labels[:24], labels[24:48] = [1, 1, 0], [0, 0, 0]
    data = TrainingData(tiny.cache, labels, np.arange(48), NO_ROWS)
    goal = Adversarial(network_create(CONFIG), data, STILL, world_alone(), AdversarialConfig(learning_rate=1e-2))
    generator = torch.Generator().manual_seed(1)
    free = torch.randn(64, 3, generator=generator).requires_grad_()
    mover = torch.optim.Adam([free], lr=0.05)
    for _ in range(300):
        goal.discriminator_turns(torch.sigmoid(free.detach()), generator)
        mover.zero_grad()
        _, mask = goal.real_labels(64, generator)
        F.softplus(-goal.discriminator(torch.sigmoid(free), mask)).mean().backward()
        mover.step()
    called = (free.detach() > 0).numpy()
    assert (called[:, 0] == called[:, 1]).mean() > 0.9
    assert called[:, 2].mean() < 0.1


def test_interrupted_training_resumes_with_its_discriminator(tiny: Tiny, tmp_path: Path) -> None:
    settings = settings_make("adversarial", {"adversarial.alpha": 0.2})
    data = TrainingData(tiny.cache, tiny.labels, tiny.rows, np.arange(48, 72))
    whole, fresh = network_create(CONFIG, seed=1), network_create(CONFIG, seed=7)
    train(whole, data, QUICK, objective=objective_of(settings))
    path = tmp_path / "kept"
    with pytest.raises(Cancelled):
        broken = network_create(CONFIG, seed=1)
        train(broken, data, QUICK, objective=objective_of(settings), checkpoint=path, cancelled=stopping_after(5))
    train(fresh, data, QUICK, objective=objective_of(settings), checkpoint=path)
    assert torch.equal(weights(fresh), weights(whole))
