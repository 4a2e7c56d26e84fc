"""Two processes of torch's launcher, on the CPU over gloo, do the work of one."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.algorithms.test_training import stopping_after, weights
from tests.trainer.algorithms.tiny import QUICK, Tiny
from tests.trainer.algorithms.together import plain_train
from trainer.algorithms.callbacks import Cancelled, EpochReport
from trainer.algorithms.detectors import detector_train
from trainer.algorithms.distributed import TogetherError, train_together
from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.settings import DetectorSettings, NetworkConfig, settings_make
from trainer.algorithms.training import NO_ROWS, TrainingReport

pytestmark = [pytest.mark.slow, pytest.mark.backendless]
CONFIG = NetworkConfig(outputs=3, input_size=32, width=8)


def together(
    tiny: Tiny, folder: Path, method: str = "alexnet", **callbacks: object
) -> tuple[FaceNetwork, TrainingReport]:
    network = network_create(CONFIG, seed=1)
    data = TrainingData(tiny.cache, tiny.labels, np.arange(32), np.arange(48, 72))
    report = train_together(
        network,
        data,
        QUICK,
        settings_make(method),
        processes=2,
        folder=folder,
        validation=np.arange(32, 48),
        **callbacks,  # type: ignore[arg-type]
    )
    return network, report


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*launcher, "-m", "tests.trainer.algorithms.together", str(tmp_path)], check=True)
    alone = plain_train().state_dict()
    for rank in (0, 1):
        shared = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, value in alone.items():
            assert torch.allclose(shared[name], value, atol=1e-4), name


def test_epochs_and_progress_reach_the_caller(tiny: Tiny, tmp_path: Path) -> None:
    heard: list[EpochReport] = []
    parts: list[float] = []
    _, report = together(
        tiny, tmp_path, on_epoch=heard.append, progress=lambda part, _: parts.append(part), stage="fold-2"
    )
    assert (report.processes, report.epochs, len(report.validation_losses)) == (2, 4, 4)
    assert [(told.stage, told.epoch) for told in heard] == [("fold-2", epoch) for epoch in (1, 2, 3, 4)]
    assert parts == sorted(parts)


def test_stopped_work_goes_on_to_the_same_weights(tiny: Tiny, tmp_path: Path) -> None:
    # adversarial: two networks and two optimisers to keep
    whole, _ = together(tiny, tmp_path / "whole", "adversarial")
    with pytest.raises(Cancelled):
        together(tiny, tmp_path / "broken", "adversarial", cancelled=stopping_after(1))
    resumed, _ = together(tiny, tmp_path / "broken", "adversarial")
    assert torch.equal(weights(resumed), weights(whole))


def test_failing_processes_tell_why(tiny: Tiny, tmp_path: Path) -> None:
    data = TrainingData(tiny.cache, np.full_like(tiny.labels, -1), np.arange(32), NO_ROWS)
    with pytest.raises(TogetherError, match="0 faces with a known code"):
        train_together(network_create(CONFIG), data, QUICK, settings_make("alexnet"), processes=2, folder=tmp_path)


def test_detector_is_trained_by_several_processes(tiny: Tiny, tmp_path: Path) -> None:
    settings = DetectorSettings(folds=2, network=replace(CONFIG, outputs=1), training=replace(QUICK, epochs=2))
    result = detector_train(tiny.cache, tiny.labels, tiny.groups, settings, folder=tmp_path, processes=2)
    assert {told["processes"] for told in result.trainings.values()} == {2}
    assert np.isfinite(result.out_of_fold[:40]).any(axis=1).sum() > 30
