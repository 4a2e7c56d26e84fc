"""EmoCo (Sun, Zeng, Shan, FG 2021): a network's body learns from pictures and emotions, before it sees any AU.

Two views of each face: the network embeds one as a query q, a slowly following copy of it (Eq. 3) the other as a
key k. Queries are sorted by emotion (Eq. 2), and among faces of the same emotion each must find its own key among
earlier ones (Eq. 5), seen from the emotion's centre (Eq. 4). So emotions part faces coarsely, and what tells faces
of one emotion apart, their AUs, stays in the features. The body is then a start for any other training.

Ablations (Table IV) are settings: `emotion` 0 with one queue and no centring is plain momentum contrast, `contrast`
0 is emotion classification alone.

Batch normalisation would give the answer away: a key normalised with the same faces as its query carries their
common mean and spread, which keys of earlier batches do not. Faces are therefore normalised in groups, and laid out
so that a query's group and its key's group have as few faces as can be in common beside itself: none, where there
are at least as many groups as faces in a group (`view_groups`). The paper's way, sharing statistics between
devices, needs several.

Of the centre w in Eq. 4 the paper does not say whether the contrast moves it; here it does not, so that the
classifier learns from Eq. 2 alone.
"""

import copy
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.algorithms.checkpoints import named
from trainer.algorithms.face_network import FaceNetwork
from trainer.algorithms.networks import network_create
from trainer.algorithms.objectives import Rows, Supervised, TrainingData
from trainer.algorithms.prediction import pixels_tensor
from trainer.algorithms.settings import EmoCoConfig, NetworkConfig, TrainingConfig
from trainer.algorithms.views import view_make
from trainer.algorithms.world import World


class EmotionNetwork(FaceNetwork):
    """A body, the projector h (two connections, then length 1) and the emotion classifier C, without a bias."""

    def __init__(self, config: NetworkConfig, emoco: EmoCoConfig, seed: int = 0) -> None:
        super().__init__(config)
        self.body = network_create(config, seed).body
        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(seed + 1)
            self.projector = nn.Sequential(
                nn.Linear(config.features, emoco.hidden), nn.ReLU(), nn.Linear(emoco.hidden, emoco.dimensions)
            )
            self.head = nn.Linear(emoco.dimensions, config.outputs, bias=False)

    def embed(self, pixels: Tensor) -> Tensor:
        """pixels: (B, 3, S, S) float in 0 to 255. Returns (B, D) of length 1."""
        return F.normalize(self.projector(self.features(pixels)), dim=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Emotion logits (B, C) of Eq. 2."""
        logits: Tensor = self.head(self.embed(pixels))
        return logits


class EmotionContrast(Supervised):
    """λ · emotion classification + contrast among faces of one emotion (Eq. 1), with its queues and key encoder.

    Labels are (N, C): 1 in the face's emotion, 0 elsewhere, all −1 for a face without one, which is passed over.
    """

    network: EmotionNetwork

    def __init__(
        self, network: FaceNetwork, data: TrainingData, config: TrainingConfig, world: World, emoco: EmoCoConfig
    ) -> None:
        assert isinstance(network, EmotionNetwork)
        if world.size > 1:
            raise ValueError("EmoCo learns in one process: its queues hold that process's keys.")
        super().__init__(network, data, config, world)
        self.emoco = emoco
        self.emotion = torch.from_numpy(data.labels.argmax(axis=1).astype(np.int64))
        self.key_network = copy.deepcopy(network).requires_grad_(False).train()
        queues = data.labels.shape[1] if emoco.queues == "emotion" else 1
        random = torch.Generator().manual_seed(config.seed)
        filled = torch.randn(queues, emoco.queue, emoco.dimensions, generator=random)
        self.queues = F.normalize(filled, dim=2).to(world.device)
        self.places = torch.zeros(queues, dtype=torch.int64)

    def loss(self, batch: Rows, generator: torch.Generator, step: int) -> tuple[Tensor, dict[str, float]]:
        emotion = self.emotion[torch.from_numpy(batch)].to(self.world.device)
        pixels = pixels_tensor(self.data.cache, batch, self.world.device)
        first, second = (view_make(pixels, self.emoco.views, generator) for _ in range(2))
        of_query, of_key = view_groups(len(batch), self.emoco.norm_groups)
        with torch.autocast(self.world.device.type, self.precision, enabled=self.precision != torch.float32):
            query = embed_in_groups(self.network, first, of_query).float()
            if step and self.emoco.contrast:
                self.key_follow()
            with torch.no_grad():
                key = embed_in_groups(self.key_network, second, of_key).float()
        parts: dict[str, Tensor] = {}
        if self.emoco.emotion:
            parts["emotion"] = F.cross_entropy(query @ self.network.head.weight.float().T, emotion)
        if self.emoco.contrast:
            parts["contrast"] = self.contrast(query, key, emotion)
            self.enqueue(key, emotion)
        whole = self.emoco.emotion * parts.get("emotion", query.new_zeros(())) + parts.get(
            "contrast", query.new_zeros(())
        )
        return whole, {name: float(part.detach()) for name, part in parts.items()}

    def contrast(self, query: Tensor, key: Tensor, emotion: Tensor) -> Tensor:
        """Eq. 5: the mean over the batch; each query against its own key and its queue's. query, key: (B, D)."""
        queue = self.queue_of(emotion)
        losses = []
        for number in _numbers(queue):
            rows = queue == number
            q, k = self.centred(query[rows], emotion[rows]), self.centred(key[rows], emotion[rows])
            own = (q * k).sum(dim=1, keepdim=True)
            keys = self.queues[number].clone()  # the gradient needs them as they are now, before new ones come in
            if self.emoco.centring == "emotion" and self.emoco.queues == "one":
                # one queue holds keys of all emotions: each query sees them from its own emotion's centre
                against = self.centred(keys[None], emotion[rows])
                others = torch.einsum("bd,bkd->bk", q, against)
            else:
                others = q @ self.centred(keys, emotion[rows][:1]).T
            logits = torch.cat([own, others], dim=1) / self.emoco.temperature
            losses.append(F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.int64), reduction="sum"))
        return torch.stack(losses).sum() / len(query)

    def centred(self, vectors: Tensor, emotion: Tensor) -> Tensor:
        """Eq. 4: vectors (B, D), or (1, K, D), from the centres of the emotions (B,), again of length 1."""
        if self.emoco.centring == "none":
            return vectors
        centre = F.normalize(self.network.head.weight.detach().float()[emotion], dim=1)
        return F.normalize(vectors - (centre[:, None] if vectors.ndim == 3 else centre), dim=-1)

    def queue_of(self, emotion: Tensor) -> Tensor:
        return emotion if self.emoco.queues == "emotion" else torch.zeros_like(emotion)

    @torch.no_grad()
    def enqueue(self, key: Tensor, emotion: Tensor) -> None:
        """Keys (B, D) take the place of the oldest of their queues."""
        queue = self.queue_of(emotion)
        for number in _numbers(queue):
            fresh = key[queue == number][-self.emoco.queue :]
            places = (int(self.places[number]) + torch.arange(len(fresh))) % self.emoco.queue
            self.queues[number, places.to(key.device)] = fresh
            self.places[number] = (int(self.places[number]) + len(fresh)) % self.emoco.queue

    @torch.no_grad()
    def key_follow(self) -> None:
        """Eq. 3: the key encoder's weights go a little of the way towards the network's."""
        m = self.emoco.momentum
        for own, other in zip(self.key_network.parameters(), self.network.parameters(), strict=True):
            own.mul_(m).add_(other, alpha=1 - m)

    def told(self) -> dict[str, Any]:
        return super().told() | {"emoco": asdict(self.emoco)}

    def state(self) -> dict[str, Tensor]:
        kept = {"queues": self.queues, "places": self.places}
        return kept | named("key", self.key_network.state_dict())

    def restore(self, tensors: dict[str, Tensor]) -> None:
        self.queues.copy_(tensors["queues"])
        self.places.copy_(tensors["places"])
        kept = {name.removeprefix("key."): value for name, value in tensors.items() if name.startswith("key.")}
        self.key_network.load_state_dict(kept)


def view_groups(faces: int, groups: int) -> tuple[Tensor, Tensor]:
    """The group of each face's query and of its key, (faces,) each: rows and columns of the batch as a table.

    Two faces that share a row share a column only where a column is longer than there are rows: with at least as
    many groups as faces in a group no two faces share both.
    """
    groups = max(1, min(groups, faces // 2))  # batch normalisation has no spread in a group of one
    place = torch.arange(faces)
    return place * groups // faces, place % groups


def embed_in_groups(network: EmotionNetwork, pixels: Tensor, group: Tensor) -> Tensor:
    """Embeddings (B, D), each group of faces through the network by itself."""
    parts = [(group == number).nonzero().squeeze(1) for number in _numbers(group)]
    embedded = torch.cat([network.embed(pixels[part]) for part in parts])
    back = torch.empty(len(pixels), dtype=torch.int64)
    back[torch.cat(parts)] = torch.arange(len(pixels))
    return embedded[back.to(embedded.device)]


def emotions_one_hot(emotions: NDArray[np.integer[Any]], count: int) -> NDArray[np.int8]:
    """(N,) classes, below 0 for none, to the labels of EmotionContrast, (N, count)."""
    labels: NDArray[np.int8] = (emotions[:, None] == np.arange(count)).astype(np.int8)
    labels[emotions < 0] = -1
    return labels


def _numbers(groups: Tensor) -> list[int]:
    """The different values of a tensor, ascending."""
    return sorted(set(groups.tolist()))
