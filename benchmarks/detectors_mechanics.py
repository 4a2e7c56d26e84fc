"""What the training loop costs beside a bare one, and that a killed training loses nothing."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.detectors_world import World
from trainer.algorithms.augmentation import batch_augment
from trainer.algorithms.checkpoints import named
from trainer.algorithms.losses import masked_bce
from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.objectives import TrainingData
from trainer.algorithms.optimisers import parameter_groups
from trainer.algorithms.prediction import pixels_tensor
from trainer.algorithms.settings import NetworkConfig, TrainingConfig
from trainer.algorithms.training import NO_ROWS, train

ROUNDS, STEPS = 5, 40
NETWORKS = {
    "alexnet_small, 64 pixels, batch 32": (NetworkConfig(outputs=1, width=32), 32),
    "alexnet_small, 64 pixels, batch 64, width 16": (NetworkConfig(outputs=1, width=16), 64),
}


def overhead_measure(world: World, quick: bool) -> dict[str, Any]:
    """Seconds a step of `train` and of a bare loop of the same work, in turns; the least of the rounds."""
    told = {}
    for name, (config, batch) in NETWORKS.items():
        steps = 4 if quick else STEPS
        rows = world.train[: steps * batch]
        steps = max(1, round(len(rows) / batch))
        training = TrainingConfig(epochs=1, batch=batch, warmup=0, schedule="constant")
        times: dict[str, list[float]] = {"ours": [], "bare": []}
        for _ in range(2 if quick else ROUNDS):
            for which, loop in (("ours", ours), ("bare", bare)):
                network = network_create(replace(config, outputs=len(world.aus)))
                began = time.perf_counter()
                loop(network, world, rows, training)
                times[which].append((time.perf_counter() - began) / steps)
        least = {which: min(values) for which, values in times.items()}
        told[name] = {**least, "overhead": least["ours"] / least["bare"] - 1}
    return told


def ours(network: FaceNetwork, world: World, rows: np.ndarray, config: TrainingConfig) -> None:
    train(network, TrainingData(world.cache, world.reference, rows, NO_ROWS), config)


def bare(network: FaceNetwork, world: World, rows: np.ndarray, config: TrainingConfig) -> None:
    """What one would write in a notebook: the same pictures, augmentation, loss, optimiser and precision."""
    from trainer.algorithms.devices import device_choose, precision_choose

    device = device_choose()
    dtype = precision_choose(config.precision, device)
    network.to(device).train()
    optimiser = torch.optim.AdamW(parameter_groups(network, config.weight_decay), lr=config.learning_rate, fused=True)
    generator = torch.Generator().manual_seed(0)
    labels = torch.from_numpy(world.reference)
    order = rows[torch.randperm(len(rows), generator=generator).numpy()]
    for batch in np.array_split(order, max(1, round(len(rows) / config.batch))):
        pixels = batch_augment(pixels_tensor(world.cache, batch, device), config.augmentation, generator)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            logits = network(pixels)
        loss = masked_bce(logits.float(), labels[batch].to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        optimiser.step()


def resume_prove(world: World, work: Path) -> dict[str, Any]:
    """Kill a training process by SIGKILL after a checkpoint, go on, and compare the weights' hashes."""
    folder = work / "killed"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    script = [sys.executable, "-m", "benchmarks.detectors_mechanics", str(work), str(folder)]
    here = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    whole = subprocess.run([*script, "whole"], cwd=here, env=environment, check=True, capture_output=True, text=True)
    victim = subprocess.Popen([*script, "killed"], cwd=here, env=environment, stdout=subprocess.PIPE, text=True)
    while not (folder / "killed").exists() and victim.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)  # some steps further than the checkpoint
    victim.send_signal(signal.SIGKILL)
    code = victim.wait()
    again = subprocess.run([*script, "killed"], cwd=here, env=environment, check=True, capture_output=True, text=True)
    first, second = whole.stdout.split()[-1], again.stdout.split()[-1]
    return {"killed_by": -code, "unbroken": first, "resumed": second, "same_weights": first == second}


def _train_one(work: Path, folder: Path, name: str) -> str:
    """A short training with frequent checkpoints; the hash of its weights."""
    from trainer.algorithms import training
    from trainer.algorithms.faces import faces_cache_open

    training.CHECKPOINT_SECONDS = 0.2
    cache = faces_cache_open(work / "faces.npy")
    labels = (np.random.default_rng(0).random((len(cache), 18)) < 0.2).astype(np.int8)
    network = network_create(NetworkConfig(outputs=18, width=16), seed=1)
    data = TrainingData(cache, labels, np.arange(min(512, len(cache))), NO_ROWS)
    train(network, data, TrainingConfig(epochs=6), checkpoint=folder / name)
    digest = hashlib.sha256()
    for key, value in sorted(named("network", network.state_dict()).items()):
        digest.update(key.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    print(_train_one(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
