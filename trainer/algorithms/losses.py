"""Losses over AU labels of which some are unknown."""

import torch
from torch import Tensor
from torch.nn import functional as F

UNKNOWN = -1


def masked_bce(logits: Tensor, targets: Tensor, positive_weight: Tensor | None = None) -> Tensor:
    """Binary cross-entropy averaged over the known codes; an unknown code has no gradient.

    logits: (B, A). targets: (B, A), 1 present, 0 absent, between them a soft target, below 0
    unknown; any number type. positive_weight: (A,), how much a present code counts against an
    absent one. Returns a scalar; 0, still differentiable, where nothing is known.
    """
    known = targets >= 0
    wanted = targets.to(logits.dtype).clamp(min=0)
    each = F.binary_cross_entropy_with_logits(logits, wanted, pos_weight=positive_weight, reduction="none")
    # where, not a product: an infinite logit under an unknown code would turn 0 * inf into NaN
    return torch.where(known, each, each.new_zeros(())).sum() / known.sum().clamp(min=1)


def positive_weights(labels: Tensor, limit: float) -> Tensor:
    """Absent over present codes for each AU, at most `limit`, and 1 for an AU never seen present.

    labels: (N, A), 1, 0 or below 0 for unknown. Returns (A,) float32.
    """
    present = (labels == 1).sum(0).float()
    absent = (labels == 0).sum(0).float()
    ratio = (absent / present.clamp(min=1)).clamp(min=1.0, max=limit)
    return torch.where(present > 0, ratio, torch.ones_like(ratio))


def margin_loss(outputs: Tensor, targets: Tensor, margin: float) -> Tensor:
    """Max-margin over the known codes (Chu et al. 2019, §3.2): (1/n₀) Σ max(0, λ − y·ŷ), y = 1 present, −1 absent.

    outputs: (…, A) from −1 to 1. targets: (…, A), 1, 0, below 0 unknown. Its gradient is −y/n₀ where y·ŷ < λ; the
    paper prints it for y·ŷ < 1, which is that of another loss. 0, still differentiable, where nothing is known.
    """
    known = targets >= 0
    signs = torch.where(targets >= 0.5, 1.0, -1.0)
    each = (margin - signs * outputs).clamp(min=0)
    return torch.where(known, each, each.new_zeros(())).sum() / known.sum().clamp(min=1)
