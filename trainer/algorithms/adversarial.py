"""Adversarial semi-supervised training (Wang et al., Algorithm 1).

A recogniser R, the detector's network, is trained on coded faces by cross-entropy; a discriminator D
learns to tell real label vectors from R's predictions on coded and uncoded faces, and R learns to be
taken for real. So R's predictions keep to the combinations of AUs that occur.

Where this differs from the paper:

- Reviews leave single AUs unknown, which the paper does not treat. D sees `label × mask` beside the
  mask (2A inputs), and each prediction borrows the mask of a real label drawn at random: otherwise D
  could tell predictions, which miss nothing, from labels by what is missing.
- D is shown codes drawn from R's probabilities, the gradient going straight through the draw
  (`predictions="drawn"`). Shown the probabilities themselves, as in the paper, D needs only see that they
  are not 0 or 1, and R learns to be sure: an unlikely AU becomes an impossible one, and predictions
  gather on the most frequent combination, no AU at all. `"probabilities"` is the paper's way.
- The whole objective (Eq. 4) is divided by the number of AUs, so that the cross-entropy is a mean over
  codes and its scale does not change with the AUs: α weighs the same two terms as in the paper.
- D's first turn of a step takes the predictions that R makes of the step's own batch, which are random
  faces as Algorithm 1 asks; only further turns (H_D > 1) cost forward passes of their own.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.algorithms.checkpoints import named, optimiser_restore, optimiser_tensors
from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.objectives import Rows, Supervised, TrainingData
from trainer.algorithms.settings import AdversarialConfig, TrainingConfig
from trainer.algorithms.world import World


class Discriminator(nn.Module):
    """Three layers from label vectors and their masks to the logit of being real (Wang et al., §3.2)."""

    def __init__(self, aus: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * aus, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, 1),
        )

    def forward(self, codes: Tensor, mask: Tensor) -> Tensor:
        """codes: (B, A) in 0 to 1. mask: (B, A), 1 known, 0 unknown. Returns logits (B,)."""
        logits: Tensor = self.layers(torch.cat([codes * mask, mask], dim=1))
        return logits.squeeze(1)


class Adversarial(Supervised):
    """Cross-entropy on coded faces, and the discriminator's verdict on all of them."""

    def __init__(
        self,
        network: FaceNetwork,
        data: TrainingData,
        config: TrainingConfig,
        world: World,
        adversarial: AdversarialConfig,
    ) -> None:
        self.adversarial = adversarial
        super().__init__(network, data, config, world)
        aus = data.labels.shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.discriminator = Discriminator(aus, adversarial.hidden).to(world.device)
        self.judged = world.wrapped(self.discriminator)
        self.optimiser = torch.optim.Adam(self.discriminator.parameters(), lr=adversarial.learning_rate)

    def batch_labelled(self) -> int:
        """m₁ of m: the whole batch where every face is coded (the fully supervised manner)."""
        if not len(self.data.unlabelled):
            return self.config.batch
        return self.adversarial.labelled(self.config.batch)

    def batches(self, epoch: int) -> list[Rows]:
        """m₁ coded faces as the sampler draws them, then m₂ uncoded ones at random."""
        coded = super().batches(epoch)
        count = self.config.batch - self.labelled
        if not count or not len(self.data.unlabelled):
            return coded
        random = np.random.default_rng((self.config.seed, epoch, 1))
        return [np.concatenate([batch, self.uncoded(random, count)]) for batch in coded]

    def uncoded(self, random: np.random.Generator, count: int) -> Rows:
        """`count` of the uncoded faces."""
        chosen: Rows = random.choice(self.data.unlabelled, count, replace=count > len(self.data.unlabelled))
        return chosen

    def loss(self, batch: Rows, generator: torch.Generator, step: int) -> tuple[Tensor, dict[str, float]]:
        """(1 − α) · cross-entropy of the coded faces − α / A · mean log D(R(x)) of all (Eq. 4)."""
        alpha = self.adversarial.alpha
        pixels, targets = self.look(batch, generator)
        logits = self.logits(pixels)
        recognition = self.recognition(logits, targets)
        if not alpha:
            return recognition, {"recognition": float(recognition.detach())}
        predicted = self.shown(torch.sigmoid(logits), generator)
        discrimination = 0.0
        if step % self.adversarial.recogniser_steps == 0:
            discrimination = self.discriminator_turns(predicted.detach(), generator)
        _, mask = self.real_labels(len(predicted), generator)
        # not through the wrapper: this pass must leave the discriminator's gradients alone
        self.discriminator.requires_grad_(False)
        fooling = F.softplus(-self.discriminator(predicted, mask)).mean()
        self.discriminator.requires_grad_(True)
        total = (1 - alpha) * recognition + alpha / predicted.shape[1] * fooling
        parts = {"recognition": float(recognition.detach()), "fooling": float(fooling.detach())}
        return total, parts | ({"discrimination": discrimination} if discrimination else {})

    def discriminator_turns(self, predicted: Tensor, generator: torch.Generator) -> float:
        """H_D updates of D (Eq. 3); returns the last one's loss."""
        loss = torch.zeros(())
        for turn in range(self.adversarial.discriminator_steps):
            if turn:
                predicted = self.predicted_anew(len(predicted), generator)
            codes, mask = self.real_labels(len(predicted), generator)
            _, borrowed = self.real_labels(len(predicted), generator)
            verdict = self.judged(torch.cat([codes, predicted]), torch.cat([mask, borrowed]))
            real, made = verdict.chunk(2)
            loss = F.softplus(-real).mean() + F.softplus(made).mean()
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
        return float(loss.detach())

    def real_labels(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Label vectors of coded faces drawn at random, 0 where unknown, and their masks: (count, A) each."""
        drawn = self.rows[torch.randint(len(self.rows), (count,), generator=generator).numpy()]
        labels = torch.from_numpy(np.ascontiguousarray(self.data.labels[drawn])).float().to(self.world.device)
        return labels.clamp(min=0), (labels >= 0).float()

    @torch.no_grad()
    def predicted_anew(self, count: int, generator: torch.Generator) -> Tensor:
        """R's predictions of faces drawn at random from X, coded and uncoded."""
        faces = np.concatenate([self.rows, self.data.unlabelled])
        drawn = faces[torch.randint(len(faces), (count * self.world.size,), generator=generator).numpy()]
        pixels, _ = self.look(drawn, generator)
        return self.shown(torch.sigmoid(self.network(pixels).float()), generator)

    def shown(self, probabilities: Tensor, generator: torch.Generator) -> Tensor:
        """What D sees of predictions (B, A): codes drawn from them, with their gradient, or themselves."""
        if self.adversarial.predictions == "probabilities":
            return probabilities
        chance = torch.rand(probabilities.shape, generator=generator).to(probabilities)
        drawn = (chance < probabilities.detach()).to(probabilities.dtype)
        return drawn + probabilities - probabilities.detach()

    def told(self) -> dict[str, Any]:
        """See `Supervised.told`."""
        return super().told() | asdict(self.adversarial)

    def state(self) -> dict[str, Tensor]:
        """The discriminator and its optimiser."""
        weights = named("discriminator", self.discriminator.state_dict())
        return weights | named("optimiser", optimiser_tensors(self.optimiser))

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `state` gave."""
        parts: dict[str, dict[str, Tensor]] = {"discriminator": {}, "optimiser": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = value
        self.discriminator.load_state_dict(parts["discriminator"])
        if parts["optimiser"]:
            optimiser_restore(self.optimiser, parts["optimiser"])
