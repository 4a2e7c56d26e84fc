"""Weights to begin with: found by name in a folder or on the Hugging Face hub, loaded into a network's body.

Three kinds: a folder in Hugging Face layout (config.json and model.safetensors), the same by the hub's
`owner/name` or `owner/name@revision`, and a .safetensors file that this program wrote. Never a pickle.
"""

import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.resnet import PLANS, ResNetPlan
from trainer.algorithms.settings import PRETRAINED_FILE, PRETRAINED_FOLDER
from trainer.algorithms.weights import FORMAT, WeightsError

CONFIG_FILE = "config.json"
CONFIG_BYTES = 1 << 20
HUB_NAME = re.compile(r"(?P<repo>\w[\w.-]{0,95}/\w[\w.-]{0,95})(@(?P<revision>\w[\w.-]{0,95}))?", re.ASCII)
COUNTER = "num_batches_tracked"  # of batch normalisation; older files lack it, and nothing here needs it


def pretrained_find(folder: Path, name: str) -> Path | str:
    """What `name` means: a model's folder or a .safetensors file below `folder`, else a hub name.

    Raises WeightsError for a name that leads out of the folder, also by a symbolic link, for a folder
    without the two files, and for what is neither there nor a hub name.
    """
    name = name.strip()
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or not name.isprintable():
        raise WeightsError(f"{name!r} is no name of weights: give one below {folder}, or owner/name of the hub")
    found = folder.joinpath(*parts)
    if found.is_dir():
        files: tuple[Path, ...] = _model_files(found)
    elif found.is_file():
        files = (found,)
    elif HUB_NAME.fullmatch(name) and found.suffix != ".safetensors":
        return name
    else:
        raise WeightsError(
            f"There are no weights {name!r} in {folder}. Put a folder with {CONFIG_FILE} and {PRETRAINED_FILE} "
            "there, or a .safetensors file of another data set's detector, or give a hub name such as "
            "microsoft/resnet-18."
        )
    home = folder.resolve()
    if not all(file.resolve().is_relative_to(home) for file in files):
        raise WeightsError(f"{name!r} is a link that leads out of {folder}")
    return found


def network_start(network: FaceNetwork, source: Path | str) -> str:
    """Load the body's weights from `source`, a path or a hub name; the head stays as it is.

    Returns the SHA-256 of the weights file, which says what the training began from. Raises WeightsError,
    and leaves the network untouched, when the weights are not there, damaged, or another architecture's.
    """
    if isinstance(source, str):
        # first the small file: a wrong name must not cost gigabytes
        _config_check(_hub_file(source, CONFIG_FILE), network, source)
        weights = _hub_file(source, PRETRAINED_FILE)
    elif source.is_dir():
        config, weights = _model_files(source)
        _config_check(config, network, source.name)
    else:
        weights = source
    try:
        with safe_open(weights, framework="pt", device="cpu") as file:
            keys = _own_keys(file, network, weights.name) if weights is source else _library_keys(file)
            tensors = _tensors_read(file, keys, network, str(getattr(source, "name", source)))
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{weights.name}: not a readable safetensors file ({error})") from error
    network.body.load_state_dict(tensors, strict=False)
    with weights.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _model_files(folder: Path) -> tuple[Path, Path]:
    """The two files of a folder in Hugging Face layout."""
    for name in (CONFIG_FILE, PRETRAINED_FILE):
        if not (folder / name).is_file():
            pickled = any(folder.glob("*.bin"))
            why = "; weights in .bin files are pickles, which may run code, and are not read" if pickled else ""
            raise WeightsError(f"{folder.name}: the folder has no {name}{why}")
    return folder / CONFIG_FILE, folder / PRETRAINED_FILE


def _hub_file(name: str, file: str) -> Path:
    """A file of a hub's model, downloaded into the library's cache unless it is there already."""
    from huggingface_hub import errors, hf_hub_download

    told = HUB_NAME.fullmatch(name)
    if told is None:
        raise WeightsError(f"{name!r} is no hub name: owner/name or owner/name@revision")
    try:
        return Path(hf_hub_download(told["repo"], file, revision=told["revision"]))
    except errors.GatedRepoError as error:
        raise WeightsError(f"{name}: the hub gives these weights only to those whom their owner lets in") from error
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(f"{name}: the hub has no public model of this name") from error
    except errors.RevisionNotFoundError as error:
        raise WeightsError(f"{name}: the hub has no such revision of the model") from error
    except errors.RemoteEntryNotFoundError as error:
        raise WeightsError(
            f"{name}: the hub's model lacks {CONFIG_FILE} or {PRETRAINED_FILE}; pickles are not read"
        ) from error
    except errors.HFValidationError as error:
        raise WeightsError(f"{name!r} is no hub name ({error})") from error
    except Exception as error:  # a download breaks in as many ways as its transport knows
        raise WeightsError(
            f"{name} is not on this machine and the hub can't be reached. Put its {CONFIG_FILE} and "
            f"{PRETRAINED_FILE} into the folder {PRETRAINED_FOLDER}/{told['repo']} below the data folder."
        ) from error


def _config_check(path: Path, network: FaceNetwork, source: str) -> None:
    """Raises WeightsError unless config.json describes the network's own architecture."""
    try:
        with path.open("rb") as file:
            config = json.loads(file.read(CONFIG_BYTES))
        kind, plan = config["model_type"], _plan_read(config)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"{source}: its {CONFIG_FILE} is not that of a Hugging Face model ({error!r})") from error
    names = [name for name, known in PLANS.items() if known == plan and kind == "resnet"]
    if not names:
        raise WeightsError(f"{source}: this {kind} is none of the networks known here ({', '.join(PLANS)})")
    if network.config.name not in names:
        raise WeightsError(f"{source}: weights of {names[0]}, the network chosen is {network.config.name}")


def _plan_read(config: dict[str, Any]) -> ResNetPlan:
    """A ResNet's plan in config.json; what is left out has the library's default, that of ResNet-50."""
    plain = {name: config.get(name, value) for name, value in asdict(PLANS["resnet50"]).items()}
    lists = {name: tuple(plain[name]) for name in ("depths", "hidden_sizes")}
    return ResNetPlan(**plain | lists)


def _library_keys(file: Any) -> dict[str, str]:
    """Names of body weights to names in a Hugging Face file, with or without a classifier's prefix."""
    keys = (key for key in file.keys() if not key.startswith("classifier."))  # noqa: SIM118 (not a dict)
    return {"model." + key.removeprefix("resnet."): key for key in keys}


def _own_keys(file: Any, network: FaceNetwork, source: str) -> dict[str, str]:
    """Names of body weights to names in a file of this program."""
    metadata = file.metadata() or {}
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{source}: not written by this program; give a Hugging Face model's folder, not its file")
    try:
        name = json.loads(metadata["network"])["name"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f"{source}: its configuration can't be read ({error!r})") from error
    if name != network.config.name:
        raise WeightsError(f"{source}: weights of {name}, the network chosen is {network.config.name}")
    return {key.removeprefix("body."): key for key in file.keys() if key.startswith("body.")}  # noqa: SIM118


def _tensors_read(file: Any, keys: dict[str, str], network: FaceNetwork, source: str) -> dict[str, Tensor]:
    """The body's weights by their names there, checked for number, shape, kind and finite values."""
    wanted = network.body.state_dict()
    missing = [name for name in wanted if name not in keys and not name.endswith(COUNTER)]
    if missing or not keys.keys() <= wanted.keys():
        odd = missing or sorted(keys.keys() - wanted.keys())
        told = "lacks" if missing else "has more than"
        raise WeightsError(f"{source}: {told} the weights of {network.config.name} ({len(odd)}, first {odd[0]})")
    tensors: dict[str, Tensor] = {}
    for name, key in keys.items():
        there, here = tuple(file.get_slice(key).get_shape()), tuple(wanted[name].shape)
        if there != here:
            raise WeightsError(
                f"{source}: {name} has the shape {there}, the network chosen needs {here}: "
                "give it the same input size, features and width"
            )
        tensors[name] = file.get_tensor(key)
        if tensors[name].is_floating_point() != wanted[name].is_floating_point():
            raise WeightsError(f"{source}: {name} is of the type {tensors[name].dtype}")
        if not torch.isfinite(tensors[name]).all():
            raise WeightsError(f"{source}: {name} holds values that are not finite")
    return tensors
