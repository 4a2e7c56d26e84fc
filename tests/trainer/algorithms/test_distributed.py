"""Two processes of torch's launcher, on the CPU over gloo, do the work of one."""

import json
import os
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
from trainer.algorithms import distributed
from trainer.algorithms.callbacks import Cancelled, EpochReport
from trainer.algorithms.detectors import detector_train
from trainer.algorithms.distributed import TogetherError, train_together
from trainer.algorithms.faces import faces_cache_open
from trainer.algorithms.methods import settings_make
from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.settings import DetectorSettings, NetworkConfig
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


def test_processes_that_do_not_stop_in_time_are_ended(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "STOP_SECONDS", 0.0)
    with pytest.raises(Cancelled):
        together(tiny, tmp_path, cancelled=lambda: True)


def test_processes_stop_once_their_caller_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as caller:
        assert not distributed.stop_asked(tmp_path, caller.pid)
        caller.kill()
    assert distributed.stop_asked(tmp_path, caller.pid)
    (tmp_path / "stop").touch()
    assert distributed.stop_asked(tmp_path, os.getpid())


def test_a_cache_that_was_deleted_meanwhile_is_written_again(tiny: Tiny, tmp_path: Path) -> None:
    """Another work may have put a cache of other faces in its place; what is mapped stays readable here."""
    path = tmp_path / "faces.npy"
    np.save(path, tiny.cache)
    data = TrainingData(faces_cache_open(path), tiny.labels, np.arange(32), NO_ROWS)
    path.unlink()
    distributed.task_write(tmp_path, network_create(CONFIG), data, QUICK, settings_make("alexnet"), NO_ROWS, "fold-0")
    told = json.loads((tmp_path / "task.json").read_text())
    assert np.array_equal(np.load(told["cache"]), tiny.cache)


@pytest.mark.parametrize(("faces", "batch", "processes"), [(4000, 32, 8), (4000, 8, 2), (40, 32, 2), (9, 2, 1)])
def test_each_process_has_faces_enough_to_normalise(faces: int, batch: int, processes: int) -> None:
    assert distributed.processes_fit(8, faces, batch) == processes


def test_what_the_processes_refuse_is_told(tiny: Tiny, tmp_path: Path) -> None:
    data = TrainingData(tiny.cache, np.full_like(tiny.labels, -1), np.arange(32), NO_ROWS)
    with pytest.raises(ValueError, match="0 faces with a known code"):
        train_together(network_create(CONFIG), data, QUICK, settings_make("alexnet"), processes=2, folder=tmp_path)


def test_processes_that_break_down_leave_what_they_printed(tiny: Tiny, tmp_path: Path) -> None:
    data = TrainingData(tiny.cache[:, :16, :16], tiny.labels, np.arange(32), NO_ROWS)
    with pytest.raises(TogetherError, match="Traceback"):
        train_together(network_create(CONFIG), data, QUICK, settings_make("alexnet"), processes=1, folder=tmp_path)


def test_detector_is_trained_by_several_processes(tiny: Tiny, tmp_path: Path) -> None:
    settings = DetectorSettings(folds=2, network=replace(CONFIG, outputs=1), training=replace(QUICK, epochs=2))
    result = detector_train(tiny.cache, tiny.labels, tiny.groups, settings, folder=tmp_path, processes=2)
    assert {told["processes"] for told in result.trainings.values()} == {2}
    assert np.isfinite(result.out_of_fold[:40]).any(axis=1).sum() > 30
