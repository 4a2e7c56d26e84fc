"""The camera: exposure, tint, lens blur, sensor grain, and the step from linear light to sRGB bytes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from .grid import hue
from .spec import Scene

Array = np.ndarray


def develop(picture: Array, scene: Scene, rng: np.random.Generator, factor: int) -> Array:
    """Turn linear light (3, n·factor, n·factor) into sRGB bytes (n, n, 3)."""
    size = picture.shape[1] // factor
    shrunk = np.zeros((3, size, size), np.float32)
    for i in range(factor):
        for j in range(factor):
            shrunk += picture[:, i::factor, j::factor]
    shrunk *= hue(scene.tint) * np.float32(scene.exposure / factor**2)
    small = np.ascontiguousarray(shrunk.transpose(1, 2, 0))
    # A soft shoulder keeps light skin from burning out.
    small = small * (1 + small * np.float32(0.12)) / (1 + small * np.float32(0.38)) * np.float32(1.2)
    out = np.clip(small, 0, 1) ** np.float32(1 / 2.2)
    bytes_ = (out * 255).astype(np.uint8)
    if scene.blur > 0.2:
        image = Image.fromarray(bytes_).filter(ImageFilter.GaussianBlur(scene.blur))
        bytes_ = np.asarray(image)
    gray = rng.standard_normal((size, size, 1), dtype=np.float32)
    chroma = np.float32(0.4) * rng.standard_normal((size, size, 3), dtype=np.float32)
    grainy = bytes_ + (gray + chroma) * np.float32(255 * scene.grain)
    return np.asarray(np.clip(grainy + np.float32(0.5), 0, 255).astype(np.uint8))
