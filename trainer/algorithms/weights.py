"""Network weights as safetensors, with the configuration in the file's metadata: no pickle."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from trainer.algorithms.networks import FaceNetwork, network_create
from trainer.algorithms.settings import NetworkConfig, TemporalConfig
from trainer.algorithms.temporal import Temporal

FORMAT = "corrugator-network-1"


class WeightsError(ValueError):
    """The file holds no network that this program can rebuild; the message says why."""


def weights_save(path: Path, network: FaceNetwork, extra: dict[str, Any] | None = None, card: str = "") -> None:
    """Write the network to `path`; `extra` must be JSON-ready (AU list, report, provenance).

    card: the model card in markdown (see cards), which then travels with the weights. Written beside the
    file and renamed, so that a reader never sees half a network.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "network": json.dumps(asdict(network.config), sort_keys=True),
        "extra": json.dumps(extra or {}, sort_keys=True, allow_nan=False),
    } | ({"card": card} if card else {})
    if network.temporal is not None:
        metadata["temporal"] = json.dumps(asdict(network.temporal.config), sort_keys=True)
    partial = path.with_name(path.name + ".partial")
    try:
        save_file(tensors, partial, metadata=metadata)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def weights_load(path: Path) -> tuple[FaceNetwork, dict[str, Any]]:
    """The network in evaluation mode on the CPU, and what was saved as `extra`.

    Raises WeightsError when the file is damaged, foreign, or does not fit its own configuration.
    """
    metadata, tensors = _file_read(path)
    try:
        network = network_create(NetworkConfig(**json.loads(metadata["network"])))
        if "temporal" in metadata:
            network.temporal = Temporal(TemporalConfig(**json.loads(metadata["temporal"])))
        network.load_state_dict(tensors)
        extra: dict[str, Any] = json.loads(metadata["extra"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path.name}: weights and configuration do not fit ({error})") from error
    return network.eval(), extra


def body_read(path: Path, fingerprint: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """A body's weights and its report, if an earlier attempt at the work of this fingerprint has finished it."""
    if not path.exists():
        return None
    try:
        metadata, tensors = _file_read(path)
        extra = json.loads(metadata["extra"])
    except (WeightsError, KeyError, ValueError):
        return None
    if extra.get("fingerprint") != fingerprint:
        return None
    return {name.removeprefix("body."): value for name, value in tensors.items() if name.startswith("body.")}, extra[
        "report"
    ]


def _file_read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata: dict[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise WeightsError(f"{path.name}: not a readable safetensors file ({error})") from error
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path.name}: format {metadata.get('format')!r}, expected {FORMAT!r}")
    return metadata, tensors
