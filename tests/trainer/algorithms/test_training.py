"""The training loop: it learns, repeats itself under a seed, stops when asked, goes on where it stopped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from tests.trainer.algorithms.tiny import QUICK, Tiny
from trainer.algorithms.callbacks import Cancelled, EpochReport
from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.optimisers import learning_rate, parameter_groups
from trainer.algorithms.settings import OPTIMISERS, SAMPLERS, SCHEDULES, NetworkConfig, TrainingConfig
from trainer.algorithms.training import NO_ROWS, TrainingReport, step_seed, train

CONFIG = NetworkConfig(outputs=3, input_size=32, width=8)
VALIDATION = np.arange(32, 48)


def data_of(tiny: Tiny, rows: np.ndarray | None = None) -> TrainingData:
    return TrainingData(tiny.cache, tiny.labels, tiny.rows if rows is None else rows, NO_ROWS)


def trained(tiny: Tiny, config: TrainingConfig = QUICK) -> FaceNetwork:
    network = network_create(CONFIG, seed=1)
    train(network, data_of(tiny), config)
    return network


def weights(network: FaceNetwork) -> Tensor:
    return torch.cat([value.flatten().double() for value in network.state_dict().values()])


def stopping_after(steps: int) -> Callable[[], bool]:
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > steps

    return cancelled


def test_training_lowers_the_loss_and_ends_in_evaluation_mode(tiny: Tiny) -> None:
    network = network_create(CONFIG, seed=1)
    report = train(network, data_of(tiny), replace(QUICK, epochs=12))
    assert report.losses[-1] < 0.6 * report.losses[0]
    assert (report.faces, report.epochs, report.best_epoch, report.steps) == (48, 12, 12, 36)
    assert not network.training


def test_same_seed_gives_the_same_weights_whatever_the_global_generator_holds(tiny: Tiny) -> None:
    torch.manual_seed(1)
    first = weights(trained(tiny))
    torch.manual_seed(2)
    assert torch.equal(weights(trained(tiny)), first)
    assert not torch.equal(weights(trained(tiny, replace(QUICK, seed=9))), first)


def test_training_leaves_the_callers_random_numbers_alone(tiny: Tiny) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(tiny)
    assert torch.equal(torch.rand(3), expected)


def test_face_without_a_known_code_changes_nothing(tiny: Tiny) -> None:
    network = network_create(CONFIG, seed=1)
    report = train(network, data_of(tiny, np.arange(72)), QUICK)
    assert report.faces == 48
    assert torch.equal(weights(network), weights(trained(tiny)))


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("steps", [2, 7])
def test_interrupted_training_ends_with_the_weights_of_an_unbroken_one(
    tiny: Tiny, tmp_path: Path, optimiser: str, steps: int
) -> None:
    config = replace(QUICK, optimiser=optimiser, learning_rate=1e-3, patience=2)
    whole, broken = network_create(CONFIG, seed=1), network_create(CONFIG, seed=1)
    expected = train(whole, data_of(tiny, np.arange(32)), config, validation=VALIDATION)
    path = tmp_path / "kept"
    with pytest.raises(Cancelled):
        train(
            broken,
            data_of(tiny, np.arange(32)),
            config,
            validation=VALIDATION,
            checkpoint=path,
            cancelled=stopping_after(steps),
        )
    # another process would begin with other weights
    fresh = network_create(CONFIG, seed=99)
    report = train(fresh, data_of(tiny, np.arange(32)), config, validation=VALIDATION, checkpoint=path)
    assert torch.equal(weights(fresh), weights(whole))
    assert report.losses == expected.losses
    assert report.validation_f1 == expected.validation_f1


def test_mixed_precision_learns_keeps_float32_and_resumes_to_the_same_weights(tiny: Tiny, tmp_path: Path) -> None:
    config = replace(QUICK, precision="bfloat16", epochs=8)
    whole, path = network_create(CONFIG, seed=1), tmp_path / "kept"
    expected = train(whole, data_of(tiny), config)
    assert expected.precision == "bfloat16"
    assert expected.losses[-1] < 0.8 * expected.losses[0]
    with pytest.raises(Cancelled):
        broken = network_create(CONFIG, seed=1)
        train(broken, data_of(tiny), config, checkpoint=path, cancelled=stopping_after(7))
    with safe_open(path, framework="pt") as kept:
        kinds = {kept.get_tensor(name).dtype for name in kept.keys()}  # noqa: SIM118 (not a dict)
    floats = {kind for kind in kinds if kind.is_floating_point}
    assert floats == {value.dtype for value in whole.state_dict().values() if value.is_floating_point()}
    assert floats == {torch.float32}
    resumed = network_create(CONFIG, seed=99)
    report = train(resumed, data_of(tiny), config, checkpoint=path)
    assert torch.equal(weights(resumed), weights(whole))
    assert report.losses == expected.losses
    exact = trained(tiny, replace(config, precision="float32"))
    assert not torch.equal(weights(whole), weights(exact)), "bfloat16 was used"


def test_checkpoint_of_another_training_is_not_taken_up(tiny: Tiny, tmp_path: Path) -> None:
    path = tmp_path / "kept"
    with pytest.raises(Cancelled):
        train(network_create(CONFIG), data_of(tiny), QUICK, checkpoint=path, cancelled=stopping_after(2))
    other = replace(QUICK, learning_rate=1e-3)
    network = network_create(CONFIG, seed=1)
    train(network, data_of(tiny), other, checkpoint=path)
    assert torch.equal(weights(network), weights(trained(tiny, other)))


def test_damaged_checkpoint_is_passed_over(tiny: Tiny, tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_bytes(b"half a file")
    network = network_create(CONFIG, seed=1)
    train(network, data_of(tiny), QUICK, checkpoint=path)
    assert torch.equal(weights(network), weights(trained(tiny)))


def test_cancel_is_heard_before_the_next_batch(tiny: Tiny) -> None:
    heard: list[float] = []
    with pytest.raises(Cancelled):
        train(
            network_create(CONFIG),
            data_of(tiny),
            QUICK,
            cancelled=stopping_after(2),
            progress=lambda part, _: heard.append(part),
        )
    assert len(heard) == 2


def test_progress_rises_to_one(tiny: Tiny) -> None:
    heard: list[float] = []
    train(network_create(CONFIG), data_of(tiny), QUICK, progress=lambda part, _: heard.append(part))
    assert heard == sorted(heard)
    assert (len(heard), heard[-1]) == (12, 1.0)


def test_each_epoch_is_reported_with_its_validation(tiny: Tiny) -> None:
    heard: list[EpochReport] = []
    report = train(
        network_create(CONFIG),
        data_of(tiny, np.arange(32)),
        QUICK,
        validation=VALIDATION,
        stage="fold-1",
        on_epoch=heard.append,
    )
    assert [told.epoch for told in heard] == [1, 2, 3, 4]
    assert tuple(told.loss for told in heard) == report.losses
    assert tuple(told.validation_loss for told in heard) == report.validation_losses
    assert len(heard[0].validation_f1) == 3
    assert (heard[0].stage, heard[0].epochs) == ("fold-1", 4)
    assert heard[-1].seconds_left == pytest.approx(0.0)


def early(tiny: Tiny, patience: int) -> TrainingReport:
    # validation labels turned round: the better the training, the worse the validation loss
    labels = tiny.labels.copy()
    labels[32:48] = np.where(labels[32:48] < 0, -1, 1 - labels[32:48])
    config = replace(QUICK, epochs=30, patience=patience)
    data = TrainingData(tiny.cache, labels, np.arange(32), NO_ROWS)
    return train(network_create(CONFIG, seed=1), data, config, validation=VALIDATION)


def test_early_stopping_keeps_the_weights_of_the_best_epoch(tiny: Tiny) -> None:
    report = early(tiny, patience=3)
    assert report.epochs == report.best_epoch + 3 < 30
    assert report.validation_losses[report.best_epoch - 1] == min(report.validation_losses)


def test_without_patience_the_last_epoch_stays(tiny: Tiny) -> None:
    report = early(tiny, patience=0)
    assert report.epochs == report.best_epoch == 30


def test_too_few_labelled_faces_are_refused(tiny: Tiny) -> None:
    with pytest.raises(ValueError, match="1 faces"):
        train(network_create(CONFIG), data_of(tiny, np.array([0, 70, 71])), QUICK)


def test_loss_that_is_no_number_any_more_ends_the_training_in_words(tiny: Tiny) -> None:
    config = replace(QUICK, optimiser="sgd", learning_rate=10, clip=0, weight_decay=10, epochs=12)
    with pytest.raises(ValueError, match=r"learning rate of 10 .*lower one"):
        train(network_create(CONFIG), data_of(tiny), config)


@pytest.mark.parametrize("sampler", ["random", "stratified"])
def test_no_batch_is_of_a_single_face(tiny: Tiny, sampler: str) -> None:
    config = replace(QUICK, batch=2, sampler=sampler, epochs=1)
    assert train(network_create(CONFIG), data_of(tiny, np.arange(7)), config).steps == 3


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_trains(tiny: Tiny, sampler: str) -> None:
    report = train(network_create(CONFIG, seed=1), data_of(tiny), replace(QUICK, sampler=sampler, epochs=8))
    assert report.losses[-1] < report.losses[0]


def test_cosine_rises_then_falls_to_nothing() -> None:
    config = TrainingConfig(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, 10, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(rates[9], abs=0.03)
    assert rates[100] == pytest.approx(0.0, abs=1e-12)


def test_step_schedule_falls_after_its_epochs() -> None:
    config = TrainingConfig(learning_rate=1.0, schedule="step", step_epochs=2, step_factor=0.5, warmup=0)
    assert [learning_rate(step, 60, 10, config) for step in (0, 19, 20, 39, 40)] == [1, 1, 0.5, 0.5, 0.25]


def test_every_schedule_is_known_to_the_settings() -> None:
    for schedule in SCHEDULES:
        assert learning_rate(50, 100, 10, TrainingConfig(learning_rate=1.0, schedule=schedule)) > 0


def test_decay_spares_biases_and_normalisation() -> None:
    decayed, spared = parameter_groups(network_create(CONFIG), 0.1)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert all(parameter.ndim == 1 for parameter in spared["params"])


def test_every_step_and_process_draws_its_own_numbers() -> None:
    seeds = {step_seed(seed, step, rank) for seed in (0, 1) for step in range(50) for rank in (0, 1)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)
