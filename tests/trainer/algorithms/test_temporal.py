"""What sees along time: each layer beside a slow twin, and clips of any length in chunks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from trainer.algorithms import temporal as module
from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.clips import Runs
from trainer.algorithms.losses import margin_loss
from trainer.algorithms.settings import TemporalConfig
from trainer.algorithms.temporal import Temporal, components_fit, outputs_follow, scores_stack

CONFIG = TemporalConfig(
    features=6, components=4, outputs=3, layers=2, cells=5, dropout=0.5, both_ways=False, sequence=8, gap=3, fusion=7
)


def temporal_of(config: TemporalConfig = CONFIG, seed: int = 0) -> Temporal:
    temporal = Temporal(config, seed).eval()
    random = np.random.default_rng(seed)
    temporal.lstm.mean.copy_(torch.from_numpy(random.normal(size=config.features)))
    temporal.lstm.axes.copy_(torch.from_numpy(random.normal(size=(config.features, config.components))))
    temporal.lstm.scale.fill_(1.7)
    with torch.no_grad():  # the first weights are too small to tell a mistake from none
        for weight in temporal.parameters():
            weight.mul_(6)
    return temporal


def runs_of(*lengths: int) -> Runs:
    sizes = np.array(lengths)
    return Runs(np.arange(sizes.sum()), np.cumsum(sizes) - sizes, sizes)


def frames(count: int, config: TemporalConfig = CONFIG, seed: int = 1):
    random = np.random.default_rng(seed)
    return (
        random.normal(size=(count, config.features)).astype(np.float32),
        random.normal(size=(count, config.outputs)).astype(np.float32),
    )


def follow(temporal, features, logits, runs, **given):
    outputs, scores = np.full_like(logits, 9), np.full_like(logits, 9)
    outputs_follow(temporal, features, logits, runs, outputs, scores, **given)
    return outputs, scores


def lstm_slowly(temporal: Temporal, features: np.ndarray) -> np.ndarray:
    """One run (T, F) step by step from the equations of an LSTM block (Chu et al. 2019, Fig. 2c)."""
    lstm, config = temporal.lstm, temporal.config
    told = {name: value.detach().numpy().astype(np.float64) for name, value in lstm.state_dict().items()}

    def sigmoid(values):
        return 1 / (1 + np.exp(-values))

    hidden = [np.zeros(config.cells) for _ in range(config.layers)]
    memory = [np.zeros(config.cells) for _ in range(config.layers)]
    outputs = []
    for frame in features.astype(np.float64):
        shown = (frame / np.linalg.norm(frame) - told["mean"]) @ told["axes"] * told["scale"]
        for layer in range(config.layers):
            gates = told[f"lstm.weight_ih_l{layer}"] @ shown + told[f"lstm.bias_ih_l{layer}"]
            gates += told[f"lstm.weight_hh_l{layer}"] @ hidden[layer] + told[f"lstm.bias_hh_l{layer}"]
            let_in, forget, candidate, let_out = np.split(gates, 4)
            memory[layer] = sigmoid(forget) * memory[layer] + sigmoid(let_in) * np.tanh(candidate)
            shown = hidden[layer] = sigmoid(let_out) * np.tanh(memory[layer])
        outputs.append(np.tanh(told["head.weight"] @ shown + told["head.bias"]))
    return np.array(outputs)


def fusion_slowly(temporal: Temporal, logits: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    told = {name: value.detach().numpy().astype(np.float64) for name, value in temporal.fusion.state_dict().items()}
    rows = []
    for own, along in zip(logits.astype(np.float64), outputs, strict=True):
        both = np.r_[own / np.linalg.norm(own), along / np.linalg.norm(along)]
        hidden = np.maximum(0, told["first.weight"] @ both + told["first.bias"])
        rows.append(1 / (1 + np.exp(-(told["second.weight"] @ hidden + told["second.bias"]))))
    return np.array(rows)


def test_lstms_and_fusion_are_those_of_the_equations():
    temporal, (features, logits) = temporal_of(), frames(9)
    outputs, scores = follow(temporal, features, logits, runs_of(9))
    slowly = lstm_slowly(temporal, features)
    assert np.abs(slowly).max() > 0.2
    assert np.allclose(outputs, slowly, atol=1e-5)
    assert np.allclose(scores, fusion_slowly(temporal, logits, slowly), atol=1e-5)


def test_each_run_begins_without_a_memory():
    temporal, (features, logits) = temporal_of(), frames(12)
    outputs, _scores = follow(temporal, features, logits, runs_of(4, 7, 1))
    for part in (slice(0, 4), slice(4, 11), slice(11, 12)):
        assert np.allclose(outputs[part], lstm_slowly(temporal, features[part]), atol=1e-5)


@pytest.mark.parametrize("size", [1, 5, 16])
def test_chunks_change_nothing(monkeypatch, size):
    temporal, (features, logits) = temporal_of(), frames(60)
    runs = runs_of(23, 5, 31, 1)
    whole = follow(temporal, features, logits, runs)
    monkeypatch.setattr(module, "CHUNK_FRAMES", size)
    parts = follow(temporal, features, logits, runs)
    for one, other in zip(whole, parts, strict=True):
        assert np.allclose(one, other, atol=1e-6)


def test_more_runs_than_are_stepped_together_are_all_followed(monkeypatch):
    temporal, (features, logits) = temporal_of(), frames(40)
    runs = runs_of(*[4] * 10)
    whole = follow(temporal, features, logits, runs)[0]
    monkeypatch.setattr(module, "LANES", 3)
    assert np.allclose(follow(temporal, features, logits, runs)[0], whole, atol=1e-6)


def test_both_ways_a_frame_knows_what_comes_after_it():
    config = replace(CONFIG, both_ways=True)
    temporal, (features, logits) = temporal_of(config), frames(9)
    before = follow(temporal, features, logits, runs_of(9))[0]
    features[8] *= -1
    after = follow(temporal, features, logits, runs_of(9))[0]
    assert not np.isclose(before[0], after[0], atol=1e-6).all()
    one_way = temporal_of()
    first = follow(one_way, features, logits, runs_of(9))[0]
    features[8] *= -1
    assert np.array_equal(follow(one_way, features, logits, runs_of(9))[0][:8], first[:8])


def test_both_ways_a_stretch_sees_as_far_around_as_was_trained():
    config = replace(CONFIG, both_ways=True, sequence=10)
    temporal, (features, logits) = temporal_of(config), frames(25)
    told = follow(temporal, features, logits, runs_of(25))[0]
    shown = torch.from_numpy(features)
    with torch.inference_mode():
        for begin, seen in ((0, slice(0, 20)), (10, slice(0, 25)), (20, slice(10, 25))):
            alone = temporal.lstm(shown[None, seen])[0][0, begin - seen.start :].numpy()[:10]
            assert np.allclose(told[begin : begin + 10], alone, atol=1e-6)


def test_both_ways_a_clip_has_the_same_scores_alone_and_among_others():
    config = replace(CONFIG, both_ways=True, sequence=10)
    temporal, (features, logits) = temporal_of(config), frames(40 * 60)
    alone = follow(temporal, features, logits, runs_of(60))[0]
    together = follow(temporal, features, logits, runs_of(*[60] * 40))[0]
    assert np.allclose(alone[:60], together[:60], atol=1e-6)


def test_both_ways_no_more_is_in_memory_than_one_way():
    config = replace(CONFIG, both_ways=True, sequence=500)
    temporal, (features, logits) = temporal_of(config), frames(20 * 2_000)
    shown: list[int] = []
    temporal.lstm.register_forward_hook(lambda _module, given, _told: shown.append(given[0].shape[:2].numel()))
    follow(temporal, features, logits, runs_of(*[2_000] * 20))
    assert max(shown) <= module.CHUNK_FRAMES


def test_a_clip_of_20000_frames_is_never_in_memory_whole():
    temporal, (features, logits) = temporal_of(), frames(20_000)
    shown: list[int] = []
    temporal.lstm.register_forward_hook(lambda _module, given, _told: shown.append(given[0].shape[:2].numel()))
    outputs, scores = follow(temporal, features, logits, runs_of(20_000))
    assert max(shown) <= module.CHUNK_FRAMES < 20_000 == sum(shown)
    assert (np.abs(outputs) <= 1).all() and ((scores >= 0) & (scores <= 1)).all()


def test_faces_in_no_run_are_left_alone():
    temporal, (features, logits) = temporal_of(), frames(10)
    runs = Runs(np.array([7, 2, 3]), np.array([0]), np.array([3]))
    outputs, scores = follow(temporal, features, logits, runs)
    assert (outputs[[0, 1, 4, 5, 6, 8, 9]] == 9).all() and (scores[[0, 1, 4, 5, 6, 8, 9]] == 9).all()
    assert np.allclose(outputs[[7, 2, 3]], lstm_slowly(temporal, features[[7, 2, 3]]), atol=1e-5)


def test_following_stops_on_request_and_tells_how_far_it_is():
    temporal, (features, logits) = temporal_of(), frames(30)
    told: list[float] = []
    follow(temporal, features, logits, runs_of(20, 10), progress=lambda fraction, _message: told.append(fraction))
    assert told == sorted(told) and told[-1] == 1
    with pytest.raises(Cancelled):
        follow(temporal, features, logits, runs_of(20, 10), cancelled=lambda: True)


def test_components_are_those_of_a_known_pca():
    features = np.random.default_rng(2).normal(size=(300, 6)).astype(np.float32) * [9, 5, 3, 2, 0.5, 0.1]
    features = features.astype(np.float32)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    known = PCA(0.9, svd_solver="full").fit(unit)
    mean, axes, scale = components_fit(features, np.arange(len(features)), 0.9, 100)
    assert axes.shape[1] == known.n_components_ < 6
    ours, theirs = (unit - mean) @ axes, known.transform(unit)
    assert np.allclose(np.abs(ours), np.abs(theirs), atol=1e-4)
    assert np.square(ours * scale).mean() == pytest.approx(1, rel=1e-4)
    assert components_fit(features, np.arange(len(features)), 0.9, 2)[1].shape == (6, 2)


def test_frames_that_are_all_alike_cannot_be_followed():
    with pytest.raises(ValueError, match="sees no difference"):
        components_fit(np.ones((10, 4), np.float32), np.arange(10), 0.98, 10)


def test_both_scores_are_of_length_one():
    stacked = scores_stack(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, -0.5]]))
    assert torch.allclose(stacked, torch.tensor([[0.6, 0.8, 0.0, -1.0]]))


def test_the_margin_loss_is_the_formula_with_its_own_gradient():
    """Three known codes; the first is within the margin, the second beyond it, the third wrong."""
    outputs = torch.tensor([[0.2, -0.7, 0.4, 0.9]], requires_grad=True)
    loss = margin_loss(outputs, torch.tensor([[1, 0, 0, -1]]), 0.5)
    assert float(loss.detach()) == pytest.approx((0.3 + 0 + 0.9) / 3)
    loss.backward()
    assert torch.allclose(outputs.grad, torch.tensor([[-1 / 3, 0, 1 / 3, 0]]))


def test_the_margin_loss_of_unknown_codes_is_nothing():
    outputs = torch.zeros(2, 3, requires_grad=True)
    loss = margin_loss(outputs, torch.full((2, 3), -1), 0.5)
    loss.backward()
    assert float(loss.detach()) == 0 and not outputs.grad.any()
