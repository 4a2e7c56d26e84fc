"""EmoCo: the losses beside hand-made twins, queues, the key encoder, batch normalisation that tells nothing."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.emoco import (
    EmotionContrast,
    EmotionNetwork,
    embed_in_groups,
    emotions_one_hot,
    view_groups,
)
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.settings import EmoCoConfig, NetworkConfig, TrainingConfig, ViewConfig
from trainer.algorithms.training import train
from trainer.algorithms.views import view_make
from trainer.algorithms.world import world_alone

CONFIG = EmoCoConfig(queue=6, dimensions=8, hidden=16, norm_groups=4)
EMOTIONS = np.array([0, 1, 2, 0, 1, 2, 0, 0, 1, 1, 2, 0, 1, 2, 0, -1])


def objective(emoco=CONFIG, seed=0):
    network = EmotionNetwork(NetworkConfig(outputs=3, input_size=32, width=4, features=16, dropout=0), emoco, seed)
    cache = np.random.default_rng(seed).integers(0, 256, (len(EMOTIONS), 32, 32, 3), dtype=np.uint8)
    data = TrainingData(cache, emotions_one_hot(EMOTIONS, 3), np.arange(len(EMOTIONS)), np.zeros(0, np.intp))
    config = TrainingConfig(batch=8, epochs=2, optimiser="sgd", learning_rate=0.01, seed=seed)
    return EmotionContrast(network, data, config, world_alone(), emoco)


def unit(vector: Tensor) -> Tensor:
    return vector / vector.norm()


def contrast_slowly(goal: EmotionContrast, query: Tensor, key: Tensor, emotion: list[int], centred: bool, own: bool):
    """Eq. 5 face by face, with Eq. 4 as it is printed."""
    total = 0.0
    for q, k, y in zip(query, key, emotion, strict=True):
        centre = unit(goal.network.head.weight[y].detach())

        def moved(v: Tensor, centre: Tensor = centre) -> Tensor:
            return unit(v - centre) if centred else v

        against = [float(moved(q) @ moved(old)) for old in goal.queues[y if own else 0]]
        logits = [float(moved(q) @ moved(k)), *against]
        exps = [math.exp(value / goal.emoco.temperature) for value in logits]
        total -= math.log(exps[0] / sum(exps))
    return total / len(query)


@pytest.mark.parametrize("centring", ["emotion", "none"])
@pytest.mark.parametrize("queues", ["emotion", "one"])
def test_the_contrast_is_that_of_the_formula(centring, queues):
    goal = objective(replace(CONFIG, centring=centring, queues=queues))
    torch.manual_seed(1)
    query, key = (torch.nn.functional.normalize(torch.randn(5, 8), dim=1) for _ in range(2))
    emotion = [2, 0, 0, 1, 2]
    slowly = contrast_slowly(goal, query, key, emotion, centring == "emotion", queues == "emotion")
    assert float(goal.contrast(query, key, torch.tensor(emotion))) == pytest.approx(slowly, rel=1e-5)


def test_the_whole_loss_is_lambda_times_emotion_plus_contrast():
    goal = objective(replace(CONFIG, emotion=0.5))
    whole, parts = goal.loss(goal.rows[:8], torch.Generator().manual_seed(0), 0)
    assert float(whole.detach()) == pytest.approx(0.5 * parts["emotion"] + parts["contrast"])


@pytest.mark.parametrize(("left_out", "kept"), [({"emotion": 0.0}, {"contrast"}), ({"contrast": 0}, {"emotion"})])
def test_ablations_leave_out_their_part(left_out, kept):
    goal = objective(replace(CONFIG, **left_out))
    _, parts = goal.loss(goal.rows[:8], torch.Generator().manual_seed(0), 0)
    assert set(parts) == kept


def test_keys_take_the_place_of_the_oldest_of_their_emotion():
    goal = objective()
    before = goal.queues.clone()
    keys = torch.nn.functional.normalize(torch.randn(5, 8), dim=1)
    goal.enqueue(keys, torch.tensor([1, 1, 0, 1, 1]))
    assert torch.equal(goal.queues[1, :4], keys[[0, 1, 3, 4]])
    assert torch.equal(goal.queues[0, 0], keys[2])
    assert torch.equal(goal.queues[1, 4:], before[1, 4:])
    assert torch.equal(goal.queues[2], before[2])
    goal.enqueue(keys[:3], torch.tensor([1, 1, 1]))  # six places: the third is the first again
    assert torch.equal(goal.queues[1, [4, 5, 0]], keys[:3])


def test_the_key_encoder_follows_by_the_momentum():
    goal = objective(replace(CONFIG, momentum=0.9))
    before = [weight.clone() for weight in goal.key_network.parameters()]
    with torch.no_grad():
        for weight in goal.network.parameters():
            weight.add_(1.0)
    goal.key_follow()
    for old, own, other in zip(before, goal.key_network.parameters(), goal.network.parameters(), strict=True):
        assert torch.allclose(own, 0.9 * old + 0.1 * other.detach(), atol=1e-6)


@pytest.mark.parametrize(("faces", "groups"), [(64, 8), (16, 4), (30, 6), (100, 10)])
def test_with_as_many_groups_as_faces_in_one_no_two_faces_share_both(faces, groups):
    query, key = view_groups(faces, groups)
    together = (query[:, None] == query) & (key[:, None] == key)
    assert torch.equal(together, torch.eye(faces, dtype=torch.bool))
    for group in (query, key):
        sizes = torch.bincount(group)
        assert sizes.min() >= 2
        assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("groups", [1, 4])
def test_in_groups_a_key_tells_nothing_of_the_faces_its_query_was_normalised_with(groups):
    """What leaks in one group: change any other face, and both a query and its own key change with it."""
    network = EmotionNetwork(NetworkConfig(outputs=3, input_size=32, width=4, features=16, dropout=0), CONFIG).train()
    torch.manual_seed(0)
    pixels = torch.rand(16, 3, 32, 32) * 255
    of_query, of_key = view_groups(16, groups)
    changed = pixels.clone()
    changed[3] = 255 - changed[3]

    def moves(group: Tensor) -> Tensor:
        with torch.no_grad():
            before, after = (embed_in_groups(network, shown, group) for shown in (pixels, changed))
        return ~torch.isclose(before, after, atol=1e-6).all(dim=1)

    both = (moves(of_query) & moves(of_key)).nonzero().flatten().tolist()
    assert both == ([3] if groups == 4 else list(range(16)))


def test_faces_without_an_emotion_are_passed_over():
    assert EMOTIONS[objective().rows].min() == 0
    assert len(objective().rows) == len(EMOTIONS) - 1


def test_a_pretraining_that_was_stopped_goes_on_to_the_same_weights(tmp_path):
    def trained(checkpoint=None, stop_after=None):
        goal = objective()
        asked = iter(range(1000))
        train(
            goal.network, goal.data, goal.config, objective=lambda *given: EmotionContrast(*given, CONFIG),
            checkpoint=checkpoint, cancelled=lambda: stop_after is not None and next(asked) >= stop_after,
        )  # fmt: skip
        return goal.network.state_dict()

    whole = trained()
    with pytest.raises(Cancelled):
        trained(tmp_path / "kept", stop_after=3)
    again = trained(tmp_path / "kept")
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_emotions_are_learned():
    """Stripes of three widths, one for each emotion: after some epochs each face is put to its own."""
    goal = objective()
    stripes = 128 + 100 * np.sin(np.arange(32) * 2.0 / (1 + 2 * EMOTIONS[:, None]))
    cache = (stripes[:, :, None, None] + np.zeros((1, 1, 32, 3))).astype(np.uint8)
    data = replace(goal.data, cache=cache)
    plain = replace(CONFIG, norm_groups=2, views=ViewConfig(jitter=0.1, grey=0, blur=0, crop=0.9))
    config = replace(goal.config, epochs=60, optimiser="adamw", learning_rate=5e-3)
    train(goal.network, data, config, objective=lambda *given: EmotionContrast(*given, plain))
    with torch.no_grad():
        logits = goal.network(torch.from_numpy(data.cache[:15]).permute(0, 3, 1, 2).float())
    assert (logits.argmax(dim=1).numpy() == EMOTIONS[:15]).mean() > 0.8


def test_views_are_random_but_the_same_for_a_seed_and_stay_pictures():
    pixels = torch.rand(4, 3, 32, 32) * 255
    one, again, other = (view_make(pixels, ViewConfig(), torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other, atol=1)
    assert one.shape == pixels.shape
    assert one.min() >= 0
    assert one.max() <= 255


def test_a_view_without_any_change_is_the_picture():
    pixels = torch.rand(3, 3, 32, 32) * 255
    still = ViewConfig(crop=1, flip=0, jitter=0, grey=0, blur=0)
    assert torch.allclose(view_make(pixels, still, torch.Generator().manual_seed(0)), pixels, atol=0.5)


def test_a_view_crops_a_part_and_fills_the_picture_with_it():
    ramp = torch.arange(64.0).expand(1, 3, 64, 64) * 4
    seen = view_make(ramp, ViewConfig(crop=0.25, flip=0, jitter=0, grey=0, blur=0), torch.Generator().manual_seed(3))
    assert seen[0, 0, 0].diff().min() >= -1e-3
    assert 0.45 <= float((seen.max() - seen.min()) / (ramp.max() - ramp.min())) <= 1.0


def test_a_blur_is_as_wide_a_part_of_small_pictures_as_of_large_ones():
    config, lost = ViewConfig(crop=1, flip=0, jitter=0, grey=0, blur=1), {}
    for side in (112, 224, 448):
        edge = torch.where(torch.arange(side) < side // 2, 0.0, 255.0).expand(8, 3, side, side)
        seen = view_make(edge, config, torch.Generator().manual_seed(0))
        lost[side] = float((seen - edge).abs().mean())
    assert lost[448] == pytest.approx(lost[224], rel=0.15)
    assert lost[112] == pytest.approx(lost[224], rel=0.4)  # a few pixels can't tell it finer
