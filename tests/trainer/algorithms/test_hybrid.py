"""Learning along time: which sequences, what is learned, honest parts, going on after a stop."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.trainer.algorithms.tiny import QUICK
from trainer.algorithms import prediction
from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.clips import Clips, Runs, runs_find
from trainer.algorithms.detectors import detector_train
from trainer.algorithms.hybrid import CNN, LSTM, WHOLE, Sequences, lstm_config, parts_predict, windows_find
from trainer.algorithms.networks import network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.settings import DetectorSettings, HybridConfig, NetworkConfig, TrainingConfig
from trainer.algorithms.temporal import Temporal
from trainer.algorithms.training import train
from trainer.algorithms.weights import weights_load, weights_save
from trainer.algorithms.world import world_alone

HYBRID = HybridConfig(
    layers=1,
    cells=16,
    dropout=0.0,
    sequence=12,
    sequences=4,
    ignored=2,
    active=0.0,
    epochs=3,
    fusion=8,
    fusion_epochs=2,
)
SETTINGS = DetectorSettings(
    method="hybrid",
    folds=2,
    validation=0.2,
    network=NetworkConfig(outputs=1, input_size=32, width=4, features=16),
    training=replace(QUICK, epochs=2),
    hybrid=HYBRID,
)


@dataclass
class Film:
    """12 clips of 15 frames by 6 people; the bright bar of an AU is there for a while."""

    cache: NDArray[np.uint8]
    labels: NDArray[np.int8]
    groups: NDArray[np.int64]
    clips: Clips


@pytest.fixture
def film() -> Film:
    random = np.random.default_rng(0)
    number, frame = np.divmod(np.arange(12 * 15), 15)
    begins = random.integers(2, 8, (12, 2))
    truth = (frame[:, None] >= begins[number]) & (frame[:, None] < begins[number] + 5)
    cache = random.integers(60, 110, (180, 32, 32, 3), dtype=np.uint8)
    for au, top in enumerate((3, 20)):
        cache[truth[:, au], top : top + 8, 6:26] = 220
    labels = truth.astype(np.int8)
    labels[frame % 3 == 2] = -1
    return Film(cache, labels, number // 2, Clips(number.astype(np.int64), frame.astype(np.int64)))


def trained(film: Film, settings=SETTINGS, folder=None, **given):
    open_ = np.ones(len(film.labels), bool)
    return detector_train(
        film.cache, film.labels, film.groups, settings, study_rows=open_, clips=film.clips, folder=folder, **given
    )


def weights(result) -> dict[str, torch.Tensor]:
    return result.network.state_dict()


def runs_of(*lengths: int) -> Runs:
    sizes = np.array(lengths)
    return Runs(np.arange(sizes.sum()), np.cumsum(sizes) - sizes, sizes)


def test_windows_are_all_stretches_of_the_asked_length_or_whole_short_runs():
    labels = np.zeros((12, 1), np.int8)
    found = windows_find(runs_of(7, 3, 2), labels, replace(HYBRID, sequence=5))
    assert list(zip(found.starts, found.lengths, strict=True)) == [(0, 5), (1, 5), (2, 5), (7, 3)]


def test_windows_with_few_active_aus_are_left_out():
    labels = np.zeros((8, 2), np.int8)
    labels[4:] = 1
    found = windows_find(runs_of(4, 4), labels, replace(HYBRID, sequence=4, active=1.5))
    assert found.starts.tolist() == [4] and found.enough


def test_where_no_window_has_enough_active_aus_all_are_taken():
    found = windows_find(runs_of(4, 4), np.zeros((8, 2), np.int8), replace(HYBRID, sequence=4, active=1.5))
    assert found.starts.tolist() == [0, 4] and not found.enough


def test_uncoded_frames_do_not_dilute_the_active_aus():
    labels = np.full((6, 1), -1, np.int8)
    labels[3] = 1
    assert windows_find(runs_of(6), labels, replace(HYBRID, sequence=6, active=1.0)).enough


@pytest.mark.parametrize(("lengths", "coded"), [((2, 1), slice(None)), ((6,), slice(0, 2))])
def test_nothing_to_follow_is_said(lengths, coded):
    labels = np.full((sum(lengths), 1), -1, np.int8)
    labels[coded] = 1
    with pytest.raises(ValueError, match="ignored"):
        windows_find(runs_of(*lengths), labels, HYBRID)


def sequences(labels, hybrid=HYBRID, features=None):
    runs = runs_of(len(labels))
    config = hybrid.network(4, 4, labels.shape[1])
    temporal = Temporal(config, 0)
    temporal.lstm.axes.copy_(torch.eye(4))
    random = np.random.default_rng(0)
    shown = random.normal(size=(len(labels), 4)).astype(np.float32) if features is None else features
    data = TrainingData(shown, labels, np.arange(len(labels)), np.zeros(0, np.intp))
    windows = windows_find(runs, labels, hybrid)
    return Sequences(temporal.lstm, data, TrainingConfig(batch=4), world_alone(), hybrid, windows, None)


def loss_of(labels) -> float:
    goal = sequences(labels, replace(HYBRID, sequence=10))
    return float(goal.loss(np.zeros(1, np.intp), torch.Generator(), 0)[0].detach())


def test_the_first_frames_of_a_sequence_are_not_learned_from():
    labels = np.random.default_rng(1).integers(0, 2, (10, 2)).astype(np.int8)
    changed, later = labels.copy(), labels.copy()
    changed[:2], later[2] = 1 - changed[:2], 1 - later[2]
    assert loss_of(changed) == loss_of(labels) != loss_of(later)


def test_batches_are_drawn_anew_in_each_epoch_and_the_same_again():
    goal = sequences(np.ones((60, 1), np.int8))
    first, again, second = goal.batches(0), goal.batches(0), goal.batches(1)
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


def test_lstms_learn_what_no_single_frame_shows():
    """An AU begins at one sign and ends at another; between them frames look like any others."""
    random = np.random.default_rng(3)
    features = random.normal(0, 0.05, (1200, 4)).astype(np.float32)
    features[:, 3] = 1
    labels = np.zeros((1200, 1), np.int8)
    for start in range(5, 1200, 40):
        end = start + int(random.integers(6, 25))
        features[start, 0] = features[end, 1] = 3
        labels[start:end] = 1
    hybrid = replace(HYBRID, sequence=80, cells=24, epochs=60)
    goal = sequences(labels, hybrid, features)
    config = lstm_config(hybrid, replace(QUICK, seed=1), "detector")
    train(goal.network, goal.data, config, objective=lambda *_given: goal)
    with torch.inference_mode():
        outputs, _state = goal.network(torch.from_numpy(features)[None])
    called = outputs[0, :, 0].numpy() > 0
    between = np.abs(features[:, :2]).max(axis=1) < 1
    assert (called == (labels[:, 0] == 1))[between].mean() > 0.95


def test_a_hybrid_is_judged_whole_and_by_its_parts(film):
    result = trained(film)
    coded = (film.labels >= 0).any(axis=1)
    for scores in (result.out_of_fold, *result.parts.values()):
        assert np.isfinite(scores[coded]).all() and np.isnan(scores[~coded]).all()
    assert set(result.parts) == {CNN, LSTM}
    assert set(result.trainings) == {
        f"{n}{p}" for n in ("fold-0", "fold-1", "detector") for p in ("", "-lstm", "-fusion")
    }
    report = result.trainings["detector-lstm"]
    assert report["active_reached"] and report["sequences"] > 0 and report["validation_f1"]


def test_codes_of_a_fold_do_not_reach_its_scores(film):
    before = trained(film)
    changed = replace(film, labels=film.labels.copy())
    fold = before.folds == 0
    changed.labels[fold] = 1 - changed.labels[fold]
    after = trained(changed)
    assert np.array_equal(before.folds, after.folds)
    assert np.array_equal(before.out_of_fold[fold], after.out_of_fold[fold])
    assert not np.array_equal(before.out_of_fold[before.folds == 1], after.out_of_fold[before.folds == 1])


def test_frames_without_a_subject_stay_in_the_fold_of_their_clip(film):
    result = trained(replace(film, groups=np.full(len(film.labels), -1)))
    for clip in np.unique(film.clips.clips):
        folds = result.folds[(film.clips.clips == clip) & (result.folds >= 0)]
        assert len(set(folds.tolist())) == 1


def test_frames_that_may_not_be_seen_change_nothing(film):
    hidden = np.flatnonzero((film.labels < 0).all(axis=1))[::2]
    seen = np.ones(len(film.labels), bool)
    seen[hidden] = False

    def network(cache):
        return detector_train(cache, film.labels, film.groups, SETTINGS, study_rows=seen, clips=film.clips)

    changed = film.cache.copy()
    changed[hidden] = 0
    one, other = weights(network(film.cache)), weights(network(changed))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("part", ["fold-1, epoch", "fold-1-lstm, LSTM", "detector-lstm, fusion"])
def test_a_hybrid_that_was_stopped_goes_on_to_the_same_weights(film, tmp_path, part):
    whole = trained(film)
    stop = False

    def progress(_fraction, message):
        nonlocal stop
        stop = stop or message.startswith(part)

    with pytest.raises(Cancelled):
        trained(film, folder=tmp_path, progress=progress, cancelled=lambda: stop)
    result = trained(film, folder=tmp_path)
    assert all(torch.equal(value, weights(result)[name]) for name, value in weights(whole).items())
    assert np.array_equal(whole.out_of_fold, result.out_of_fold, equal_nan=True)


def test_features_in_files_teach_the_same_as_those_in_memory(film, tmp_path, monkeypatch):
    inside = trained(film)
    monkeypatch.setattr(prediction, "MEMORY_BYTES", 0)
    outside = trained(film, folder=tmp_path)
    assert all(torch.equal(value, weights(outside)[name]) for name, value in weights(inside).items())
    assert np.array_equal(inside.out_of_fold, outside.out_of_fold, equal_nan=True)


def test_progress_never_falls(film):
    told = []
    trained(film, progress=lambda fraction, _message: told.append(fraction))
    assert told == sorted(told) and told[-1] == pytest.approx(1)


def test_stored_weights_predict_the_same(film, tmp_path):
    network = trained(film).network
    weights_save(tmp_path / "w.safetensors", network)
    loaded, _extra = weights_load(tmp_path / "w.safetensors")
    assert loaded.temporal is not None and loaded.temporal.config == network.temporal.config
    rows, seen = np.arange(0, 180, 7), np.ones(180, bool)
    own = parts_predict(network, film.cache, rows, film.clips, seen)
    theirs = parts_predict(loaded, film.cache, rows, film.clips, seen)
    assert all(np.array_equal(own[part], theirs[part]) for part in (CNN, LSTM, WHOLE))


def test_a_still_has_the_scores_of_the_network_below(film):
    network = trained(film).network
    clips = Clips(np.where(np.arange(180) < 15, -1, film.clips.clips), film.clips.frames)
    told = parts_predict(network, film.cache, np.arange(30), clips, np.ones(180, bool))
    assert np.array_equal(told[WHOLE][:15], told[CNN][:15]) and np.array_equal(told[LSTM][:15], told[CNN][:15])
    assert not np.array_equal(told[WHOLE][15:], told[CNN][15:])


def test_a_kept_body_is_that_of_the_weights_it_begins_with(film, tmp_path):
    begun = network_create(replace(SETTINGS.network, outputs=3), seed=5)
    weights_save(tmp_path / "begun.safetensors", begun)
    kept = replace(SETTINGS, pretrained="begun.safetensors", hybrid=replace(HYBRID, body="kept"))
    body = trained(film, kept, pretrained=tmp_path / "begun.safetensors").network.body.state_dict()
    assert all(torch.equal(value, body[name]) for name, value in begun.body.state_dict().items())


def test_a_body_is_kept_only_where_there_are_weights_to_keep():
    with pytest.raises(ValueError, match="needs weights to keep"):
        replace(SETTINGS, hybrid=replace(HYBRID, body="kept"))


def test_subjects_kept_apart_teach_time_and_not_single_frames(film):
    result = trained(film, replace(SETTINGS, hybrid=replace(HYBRID, apart=0.4)))
    frames, time = (result.trainings[name]["faces"] for name in ("detector", "detector-lstm"))
    coded = int((film.labels >= 0).any(axis=1).sum()) - int(result.validation.sum())
    assert 0 < time < frames and frames + time == coded


def test_without_clips_a_hybrid_says_what_it_needs(film):
    with pytest.raises(ValueError, match="frame of a clip"):
        detector_train(film.cache, film.labels, film.groups, SETTINGS)


@pytest.mark.parametrize(("elsewhere", "says"), [("stills", "frame of a clip"), ("short clips", "ignored")])
def test_a_fold_without_anything_to_follow_is_said_before_any_network_is_trained(film, elsewhere, says):
    others, epochs = film.groups > 0, []
    if elsewhere == "stills":
        film.clips = Clips(np.where(others, -1, film.clips.clips), film.clips.frames)
    else:
        film.clips = Clips(np.where(others, np.arange(180) // 2 + 12, film.clips.clips), film.clips.frames)
    with pytest.raises(ValueError, match=says):
        trained(film, on_epoch=epochs.append)
    assert not epochs


def test_gaps_begin_a_new_run_in_prediction(film):
    network = trained(film).network
    frames = film.clips.frames.copy()
    frames[7:15] += 100
    parted = Clips(film.clips.clips, frames)
    assert len(runs_find(parted, np.arange(15), HYBRID.gap).starts) == 2
    one = parts_predict(network, film.cache, np.arange(15), film.clips, np.ones(180, bool))[WHOLE]
    other = parts_predict(network, film.cache, np.arange(15), parted, np.ones(180, bool))[WHOLE]
    assert np.allclose(one[:7], other[:7], atol=1e-6) and not np.allclose(one[7:], other[7:], atol=1e-6)
