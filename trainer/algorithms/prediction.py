"""Scores and features of faces from a trained network, the same in batches of any size."""

import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.algorithms.callbacks import (
    CancelCheck,
    Progress,
    cancel_never,
    cancel_raise,
    progress_ignore,
)
from trainer.algorithms.devices import network_lent, precision_choose
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.networks import FaceNetwork

Rows = NDArray[np.intp]
Floats = NDArray[np.float32]

MEMORY_BYTES = 256 << 20
"""Features and scores that are larger lie in a file."""


def pixels_tensor(cache: FaceArray, rows: NDArray[np.intp], device: torch.device) -> Tensor:
    """The rows of the cache as (B, 3, S, S) float32 in 0 to 255, channels last in memory."""
    # from_numpy on a read-only memory map warns and would alias it: the fancy index has copied already
    pixels = torch.from_numpy(np.ascontiguousarray(cache[rows])).to(device)
    return pixels.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)


def scores_predict(
    network: FaceNetwork,
    cache: FaceArray,
    rows: Rows,
    batch: int = 256,
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    logits: bool = False,
    precision: str = "float32",
) -> Floats:
    """Probabilities (R, A) float32 of the rows, or their logits; mirrored faces count half.

    cache: (N, S, S, 3) uint8, S the network's input size. A score is the mean of the logits of a
    face and of its mirror picture, since the AUs have no side. Computed in evaluation mode; a
    precision of "auto" (see devices) is quicker and good to two digits. Raises `Cancelled` on request.
    """
    return outputs_predict(network, cache, rows, batch, progress, cancelled, logits, precision)[1]


def outputs_predict(
    network: FaceNetwork,
    cache: FaceArray,
    rows: Rows,
    batch: int = 256,
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    logits: bool = False,
    precision: str = "float32",
    folder: Path | None = None,
) -> tuple[Floats, Floats]:
    """Features (R, F) and scores (R, A) of the rows in one pass; see `scores_predict`.

    The features are the mean over a face and its mirror picture. folder: where they lie if they are large.
    """
    features = _floats_lay((len(rows), network.config.features), folder)
    scores = _floats_lay((len(rows), network.config.outputs), folder)
    with network_lent(network) as device, torch.inference_mode():
        dtype = precision_choose(precision, device)
        for start in range(0, len(rows), batch):
            cancel_raise(cancelled)
            part = slice(start, start + batch)
            pixels = pixels_tensor(cache, rows[part], device)
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                pair = [network.features(view).float() for view in (pixels, pixels.flip(3))]
            mean = (pair[0] + pair[1]) / 2
            # the head is linear: the mean feature's logit is the mean of both logits
            score = network.head(mean)
            features[part] = mean.cpu().numpy()
            scores[part] = (score if logits else torch.sigmoid(score)).cpu().numpy()
            done = min(start + batch, len(rows))
            progress(done / len(rows), f"{done} of {len(rows)} faces scored")
    return features, scores


def _floats_lay(shape: tuple[int, int], folder: Path | None) -> Floats:
    """Room for numbers: in memory, or where they are many in a file of the folder, which goes with the array."""
    if folder is None or 4 * math.prod(shape) <= MEMORY_BYTES:
        return np.empty(shape, np.float32)
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, np.float32, "w+", shape=shape)
