"""The state of a training between two steps, as safetensors: tensors by name, the rest as JSON.

No random state is kept: every step draws from a seed made of the training's seed and its number
(`training.step_seed`), so weights, optimiser and step number are all that a training needs to go on.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

FORMAT = "corrugator-checkpoint-1"


@dataclass(frozen=True)
class Checkpoint:
    """Named tensors, and what else must be known (JSON-ready)."""

    tensors: dict[str, Tensor]
    told: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors below a prefix, without it."""
        start = prefix + "."
        return {name.removeprefix(start): value for name, value in self.tensors.items() if name.startswith(start)}


def checkpoint_save(path: Path, checkpoint: Checkpoint) -> None:
    """Write it beside the file and rename it: a killed process leaves the last one whole."""
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in checkpoint.tensors.items()}
    metadata = {"format": FORMAT, "told": json.dumps(checkpoint.told, sort_keys=True)}
    partial = path.with_name(path.name + ".partial")
    try:
        save_file(tensors, partial, metadata=metadata)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def checkpoint_load(path: Path, fingerprint: str) -> Checkpoint | None:
    """The checkpoint, or None where there is none that can be read or it is of another training."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError:
        return None
    if metadata.get("format") != FORMAT:
        return None
    told = json.loads(metadata["told"])
    return Checkpoint(tensors, told) if told.get("fingerprint") == fingerprint else None


def named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors below a prefix."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state, one tensor for each parameter and name; its settings are not among them."""
    state = optimiser.state_dict()["state"]
    named_values = ((index, name, value) for index, kept in state.items() for name, value in kept.items())
    return {f"{index}.{name}": value for index, name, value in named_values if isinstance(value, Tensor)}


def optimiser_restore(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give the state of `optimiser_tensors` to a fresh optimiser of the same parameters."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        like = parameters[int(index)]
        # fused kernels walk moments and weights in memory order: both must lie alike (channels last)
        alike = torch.empty_like(like, dtype=value.dtype).copy_(value) if value.shape == like.shape else value
        state.setdefault(int(index), {})[key] = alike
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
