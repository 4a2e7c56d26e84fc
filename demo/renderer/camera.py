"""The camera: exposure, tint, lens blur, sensor grain, and the step from linear light to sRGB bytes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from .spec import Scene

Array = np.ndarray


def develop(picture: Array, scene: Scene, rng: np.random.Generator, factor: int) -> Array:
    """Turn linear light (n·factor, n·factor, 3) into sRGB bytes (n, n, 3)."""
    size = picture.shape[0] // factor
    small = picture.reshape(size, factor, size, factor, 3).mean(axis=(1, 3))
    small *= np.array(scene.tint, np.float32) * np.float32(scene.exposure)
    # A soft shoulder keeps light skin from burning out.
    small = small * (1 + small * np.float32(0.12)) / (1 + small * np.float32(0.38)) * np.float32(1.2)
    out = np.clip(small, 0, 1) ** np.float32(1 / 2.2)
    bytes_ = (out * 255).astype(np.uint8)
    if scene.blur > 0.2:
        image = Image.fromarray(bytes_).filter(ImageFilter.GaussianBlur(scene.blur))
        bytes_ = np.asarray(image)
    grain = rng.standard_normal((size, size, 1), dtype=np.float32) + np.float32(0.4) * rng.standard_normal(
        (size, size, 3), dtype=np.float32
    )
    return np.clip(bytes_ + grain * np.float32(255 * scene.grain) + 0.5, 0, 255).astype(np.uint8)
