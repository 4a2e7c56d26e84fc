"""The masked loss against numbers worked by hand."""

import math

import pytest
import torch

from trainer.algorithms.losses import masked_bce, positive_weights


def test_masked_bce_is_the_mean_over_known_codes() -> None:
    # logit 0 costs log 2 either way; logit log 3 is probability 3/4
    logits = torch.tensor([[0.0, math.log(3)], [math.log(3), 7.0]])
    targets = torch.tensor([[1, 1], [0, -1]], dtype=torch.int8)
    expected = (math.log(2) - math.log(3 / 4) - math.log(1 / 4)) / 3
    assert masked_bce(logits, targets).item() == pytest.approx(expected, abs=1e-6)


def test_unknown_code_has_no_gradient_even_at_an_infinite_logit() -> None:
    logits = torch.tensor([[0.0, math.inf, -3.0]], requires_grad=True)
    masked_bce(logits, torch.tensor([[1, -1, -1]], dtype=torch.int8)).backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == [[-0.5, 0.0, 0.0]]


def test_nothing_known_costs_nothing_and_can_still_be_differentiated() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    loss = masked_bce(logits, torch.full((2, 3), -1, dtype=torch.int8))
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None and not logits.grad.any()


def test_soft_target_is_fitted_at_its_own_probability() -> None:
    logits = torch.tensor([[math.log(3)]], requires_grad=True)
    masked_bce(logits, torch.tensor([[0.75]])).backward()
    assert logits.grad is not None
    assert logits.grad.item() == pytest.approx(0.0, abs=1e-6)


def test_positive_weight_multiplies_present_codes_only() -> None:
    logits, targets = torch.zeros(2, 1), torch.tensor([[1], [0]])
    loss = masked_bce(logits, targets, torch.tensor([3.0]))
    assert loss.item() == pytest.approx((3 * math.log(2) + math.log(2)) / 2, abs=1e-6)


def test_positive_weights_are_limited_and_one_without_a_positive() -> None:
    labels = torch.tensor([[1, 1, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1], [0, -1, 0, -1]], dtype=torch.int8)
    assert positive_weights(labels, limit=2.5).tolist() == [2.5, 2.0, 1.0, 1.0]
