"""Which parts of one face speak for and against each AU: captum's integrated gradients (Sundararajan et al. 2017)."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.algorithms.callbacks import CancelCheck, Progress, cancel_never, cancel_raise, progress_ignore
from trainer.algorithms.devices import network_lent
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.maximisation import image_blur
from trainer.algorithms.networks import FaceNetwork
from trainer.algorithms.prediction import pixels_tensor

STEPS = 50
"""Points between the empty picture and the face at which gradients are taken."""
BATCH = 16
"""Of these points at once, so that a large network fits."""


@dataclass(frozen=True)
class Attribution:
    """A AUs, a face with a side of S."""

    maps: NDArray[np.float32]
    """(A, S, S): how much each pixel adds to the AU's logit, above zero for present; the channels are summed."""
    logits: NDArray[np.float32]
    """(A,) of the face."""
    empty: NDArray[np.float32]
    """(A,) of the empty picture; a map sums to logits − empty, but for the error of the sum over STEPS points."""


def face_attribute(
    network: FaceNetwork,
    face: FaceArray,
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    steps: int = STEPS,
) -> Attribution:
    """The attribution of every output to the pixels of one face, (S, S, 3) uint8.

    What is explained is the logit that a prediction has: the mean over the face and its mirror picture. The
    gradients are taken on the way from an empty picture, even in the face's mean colour, which is what our
    networks see in no light. Raises ValueError for a face of another size, `Cancelled` on request.
    """
    from captum.attr import IntegratedGradients  # brings matplotlib: only where it is used

    size = network.config.input_size
    if face.shape != (size, size, 3):
        raise ValueError(f"face {face.shape}, the network sees {(size, size, 3)}")

    def logits(batch: Tensor) -> Tensor:
        result: Tensor = (network(batch) + network(batch.flip(3))) / 2
        return result

    method = IntegratedGradients(logits)
    maps = np.zeros((network.config.outputs, size, size), np.float32)
    with network_lent(network) as device:
        pixels = pixels_tensor(face[None], np.arange(1), device)
        empty = pixels.mean(dim=(2, 3), keepdim=True).expand_as(pixels).contiguous()
        even = torch.allclose(pixels, empty)  # its spread has no gradient, and there is nothing to tell
        for au in range(0 if even else network.config.outputs):
            cancel_raise(cancelled)
            parts = method.attribute(pixels, empty, target=au, n_steps=steps, internal_batch_size=min(BATCH, steps))
            maps[au] = parts.sum(dim=1)[0].cpu().numpy()
            progress((au + 1) / len(maps), f"{au + 1} of {len(maps)} AUs")
        with torch.inference_mode():
            ends = logits(torch.cat([pixels, empty])).cpu().numpy()
    return Attribution(maps, ends[0], ends[1])


def maps_smooth(maps: NDArray[np.float32], share: float = 1 / 32) -> NDArray[np.float32]:
    """(A, S, S) under a Gaussian whose spread is this share of the side: single pixels are noise to the eye."""
    blurred = image_blur(torch.from_numpy(maps)[:, None], share * maps.shape[-1])
    smooth: NDArray[np.float32] = blurred[:, 0].numpy()
    return smooth
