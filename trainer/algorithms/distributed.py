"""One training on several devices: a process for each, started by torch's own launcher.

`train_together` writes what the processes need into a folder, starts them, and passes on what they
report; each of them runs `main`. Batches are cut between the processes, gradients averaged, so that
n devices take the steps that one would take, except that each normalises its own part of a batch.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer.algorithms.callbacks import (
    CancelCheck,
    Cancelled,
    EpochListener,
    EpochReport,
    Progress,
    cancel_never,
    epoch_ignore,
    progress_ignore,
)
from trainer.algorithms.faces import faces_cache_open
from trainer.algorithms.methods import settings_load
from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.objectives import Rows, TrainingData
from trainer.algorithms.settings import AugmentationConfig, DetectorSettings, TrainingConfig
from trainer.algorithms.training import NO_ROWS, TrainingReport, train
from trainer.algorithms.weights import weights_load, weights_save
from trainer.algorithms.world import world_joined

POLL_SECONDS = 0.2
STOP_SECONDS = 30.0
PART_FACES = 4
"""Fewest faces of a batch for one process: it normalises its own part."""


class TogetherError(RuntimeError):
    """The processes broke down; the message has the end of what they printed."""


def processes_default() -> int:
    """One process for each CUDA device; one without any."""
    return max(1, torch.cuda.device_count())


def processes_fit(wanted: int, faces: int, batch: int) -> int:
    """As many of the wanted processes as `faces` coded ones give enough to do, also where folds and
    validation leave a quarter of them."""
    return max(1, min(wanted, min(faces // 4, batch) // PART_FACES))


def train_together(
    network: FaceNetwork,
    data: TrainingData,
    config: TrainingConfig,
    settings: DetectorSettings,
    *,
    processes: int,
    folder: Path,
    validation: Rows = NO_ROWS,
    stage: str = "detector",
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    on_epoch: EpochListener = epoch_ignore,
) -> TrainingReport:
    """Like `training.train`, in `processes` processes; the folder keeps its checkpoint.

    The objective is that of `settings.method`. Raises ValueError as `training.train` does, TogetherError
    where the processes break down, Cancelled once they stopped on request.
    """
    folder.mkdir(parents=True, exist_ok=True)
    task_write(folder, network, data, config, settings, validation, stage)
    command = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    with (folder / "output.txt").open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, *command, "-m", "trainer.algorithms.distributed", str(folder)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).parents[2],
        )
        try:
            _follow(running, folder, progress, cancelled, on_epoch)
        finally:
            running.terminate()
            running.wait()
    if (folder / "stop").exists():
        raise Cancelled
    if (folder / "error.txt").exists():
        raise ValueError((folder / "error.txt").read_text())
    if not (folder / "report.json").exists():
        raise TogetherError((folder / "output.txt").read_text(errors="replace")[-2000:])
    trained, _ = weights_load(folder / "done.safetensors")
    network.load_state_dict(trained.state_dict())
    network.eval()
    told: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return TrainingReport(**told)


def task_write(
    folder: Path,
    network: FaceNetwork,
    data: TrainingData,
    config: TrainingConfig,
    settings: DetectorSettings,
    validation: Rows,
    stage: str,
) -> None:
    """Write all that a process needs to know, and forget how an earlier attempt ended."""
    for name in ("stop", "report.json", "events.jsonl", "error.txt"):
        (folder / name).unlink(missing_ok=True)
    cache = getattr(data.cache, "filename", None)
    # another work may have put a cache of other faces in the place of the mapped one
    if cache is None or not Path(cache).exists():
        cache = folder / "cache.npy"
        np.save(cache, data.cache, allow_pickle=False)
    weights_save(folder / "start.safetensors", network)
    labels, rows = np.asarray(data.labels), np.asarray(data.rows)
    np.savez(folder / "data.npz", labels=labels, rows=rows, unlabelled=data.unlabelled, validation=validation)
    task = {
        "cache": str(cache),
        "settings": settings.as_dict(),
        "config": asdict(config),
        "stage": stage,
        "caller": os.getpid(),
    }
    (folder / "task.json").write_text(json.dumps(task))


def _follow(
    running: "subprocess.Popen[bytes]",
    folder: Path,
    progress: Progress,
    cancelled: CancelCheck,
    on_epoch: EpochListener,
) -> None:
    """Pass on what the first process writes until all have ended, or had their time to stop."""
    events = _events(folder / "events.jsonl")
    asked = False
    while True:
        ended = asked or running.poll() is not None
        while event := next(events):
            if "epoch" in event:
                on_epoch(EpochReport(**event))
            else:
                progress(event["fraction"], event["message"])
        if ended:
            return
        if cancelled():
            asked = True
            (folder / "stop").touch()
            with suppress(subprocess.TimeoutExpired):
                running.wait(timeout=STOP_SECONDS)
        time.sleep(POLL_SECONDS)


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """Each line as it is written; an empty dict while there is none."""
    while not path.exists():
        yield {}
    with path.open() as file:
        line = ""
        while True:
            line += file.readline()
            if line.endswith("\n"):
                yield json.loads(line)
                line = ""
            else:
                yield {}


def main(folder: Path) -> None:
    """One of the processes: train its part and, as the first, write what became of it."""
    from trainer.algorithms.detectors import objective_of

    task = json.loads((folder / "task.json").read_text())
    told = task["config"]
    config = TrainingConfig(**told | {"augmentation": AugmentationConfig(**told["augmentation"])})
    network, _ = weights_load(folder / "start.safetensors")
    with np.load(folder / "data.npz", allow_pickle=False) as arrays:
        labels, rows, unlabelled, validation = (
            arrays[name] for name in ("labels", "rows", "unlabelled", "validation")
        )
    data = TrainingData(faces_cache_open(Path(task["cache"])), labels, rows, unlabelled)
    with world_joined() as world, (folder / "events.jsonl").open("a", buffering=1) as events:

        def write(event: dict[str, Any]) -> None:
            if world.first:
                events.write(json.dumps(event) + "\n")

        report = train(
            network,
            data,
            config,
            objective=objective_of(settings_load(task["settings"])),
            validation=validation,
            checkpoint=folder / "checkpoint.safetensors",
            world=world,
            stage=task["stage"],
            progress=_seldom(write),
            cancelled=partial(stop_asked, folder, task["caller"]),
            on_epoch=lambda told: write(told.as_json()),
        )
        if world.first:
            weights_save(folder / "done.safetensors", network)
            (folder / "report.json").write_text(json.dumps(report.as_json()))


def stop_asked(folder: Path, caller: int) -> bool:
    """Whether the processes are to stop: asked to, or their caller was killed, whose work another takes up."""
    if (folder / "stop").exists():
        return True
    try:
        os.kill(caller, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is there, of another user
        pass
    return False


def _seldom(write: Any) -> Progress:
    """A progress callback that writes twice a second."""
    last = 0.0

    def report(fraction: float, message: str) -> None:
        nonlocal last
        if time.monotonic() - last >= 0.5:
            last = time.monotonic()
            write({"fraction": fraction, "message": message})

    return report


if __name__ == "__main__":
    given = Path(sys.argv[1])
    try:
        main(given)
    except Cancelled:
        sys.exit(0)
    except ValueError as error:
        (given / "error.txt").write_text(str(error))
        raise
