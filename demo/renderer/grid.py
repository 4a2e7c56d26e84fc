"""The pixel grid of one picture in head coordinates, and the soft shapes drawn on it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .shape import CENTRE_Y, TABLE, Shape
from .spec import Scene

Array = np.ndarray
Patch = tuple[slice, slice]
UNITS_ACROSS = 2.62  # head units from edge to edge of a picture at zoom 1
DEPTH = 0.62  # half depth of the head


class Grid:
    """Head coordinates of every pixel of a supersampled picture.

    `u`, `v` (size, size): where on the unrotated face the pixel lies; `x`, `y`: the same on the picture
    plane (for what stands behind the face); `r`: 1 on the head outline; `soft`: head units per pixel.
    """

    def __init__(self, size: int, shape: Shape, scene: Scene) -> None:
        self.size, self.shape, self.scene = size, shape, scene
        self.soft = UNITS_ACROSS / scene.zoom / size
        axis = ((np.arange(size) + 0.5) / size - 0.5).astype(np.float32) * np.float32(UNITS_ACROSS / scene.zoom)
        x0, y0 = axis[None, :], axis[:, None]
        cos, sin = np.float32(np.cos(scene.roll)), np.float32(np.sin(scene.roll))
        dx = np.float32(scene.shift[0] + 0.45 * DEPTH * np.sin(scene.yaw))
        dy = np.float32(scene.shift[1] + 0.16 + 0.45 * DEPTH * np.sin(scene.pitch))
        self.x = cos * x0 + sin * y0 + dx
        self.y = cos * y0 - sin * x0 + dy
        self.u, self.v = self._unpose()
        skew = shape.identity.skew
        self.v += np.float32(skew[0]) * self.u
        self.u += np.float32(skew[1]) * (self.v - np.float32(0.2))
        self.side = np.abs(self.u)
        self.r = self.radius(self.u, self.v)

    def radius(self, u: Array, v: Array) -> Array:
        """Distance from the head's middle as a share of the outline there."""
        dv = v - np.float32(CENTRE_Y)
        rho = np.sqrt(u * u + dv * dv) + np.float32(1e-6)
        at = (dv / rho + 1) * np.float32((TABLE - 1) / 2)
        low = np.clip(at.astype(np.int32), 0, TABLE - 2)
        rest = at - low.astype(np.float32)
        table = self.shape.outline
        return np.asarray(rho / (table[low] * (1 - rest) + table[low + 1] * rest))

    def _unpose(self) -> tuple[Array, Array]:
        """Undo yaw and pitch by fixed-point iteration on a smooth head depth, at a quarter of the size."""
        scene = self.scene
        if scene.yaw == 0 and scene.pitch == 0:
            return self.x.copy(), self.y.copy()
        sy, cy = np.float32(np.sin(scene.yaw)), np.float32(np.cos(scene.yaw))
        sp, cp = np.float32(np.sin(scene.pitch)), np.float32(np.cos(scene.pitch))
        # A head is nearly as deep as it is wide, so that its outline hardly narrows as it turns.
        wide = np.sqrt(cy * cy + np.float32(0.5) * sy * sy)
        x, y = self.x[::4, ::4], self.y[::4, ::4]
        u, v = x.copy(), y.copy()
        for _ in range(6):
            r = self.radius(u, v)
            z = np.float32(DEPTH) * np.maximum(0, 1 - r * r)
            nose = np.exp(-((u / 0.16) ** 2) - ((v - self.shape.nose_tip) / 0.26) ** 2)
            z += np.float32(0.16) * nose
            u = 0.4 * u + 0.6 * (x - sy * z) / wide
            v = 0.4 * v + 0.6 * (y - sp * (cy * z - sy * u)) / cp
        return self._enlarge(u, x, self.x), self._enlarge(v, y, self.y)

    def _enlarge(self, coarse: Array, plane: Array, fine: Array) -> Array:
        """Carry the displacement, which is smooth, from the coarse grid to the fine one."""
        delta = (coarse - plane).astype(np.float32)
        padded = np.pad(delta, 1, mode="edge")
        # Coarse pixel j is fine pixel 4j, not the middle of its cell: hence 0.375, and 1 for the padding.
        box = (1.375, 1.375, delta.shape[1] + 1.375, delta.shape[0] + 1.375)
        image = Image.fromarray(padded).resize((self.size, self.size), Image.Resampling.BICUBIC, box=box)
        return np.asarray(fine + np.asarray(image))

    def patch(self, x0: float, x1: float, y0: float, y1: float) -> Patch:
        """The smallest slice of the grid holding a box of the face (empty when out of the picture).

        x0 and x1 may come in either order.
        """
        x0, x1 = min(x0, x1), max(x0, x1)
        step = 4
        u, v = self.u[::step, ::step], self.v[::step, ::step]
        pad = 4 * step * self.soft
        hit = (u > x0 - pad) & (u < x1 + pad) & (v > y0 - pad) & (v < y1 + pad)
        rows, columns = np.flatnonzero(hit.any(1)), np.flatnonzero(hit.any(0))
        if len(rows) == 0:
            return slice(0, 0), slice(0, 0)
        return (
            slice(int(rows[0]) * step, int(rows[-1] + 1) * step),
            slice(int(columns[0]) * step, int(columns[-1] + 1) * step),
        )


def cover(distance: Array, soft: float) -> Array:
    """Coverage 0..1 of a shape from a signed distance (negative inside) and an edge width."""
    return np.asarray(np.clip(np.float32(0.5) - distance * np.float32(1 / soft), 0, 1))


def gauss(x: Array, width: float) -> Array:
    """exp(-(x/width)²)."""
    t = x * np.float32(1 / width)
    return np.asarray(np.exp(-t * t))


def ramp(x: Array, low: float, high: float) -> Array:
    """Smooth 0..1 step between two bounds (low may be above high)."""
    t = np.clip((x - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def hue(colour: Array | tuple[float, float, float]) -> Array:
    """Three numbers as (3, 1, 1), to multiply with planes (h, w)."""
    return np.asarray(colour, np.float32).reshape(3, 1, 1)


def canvas(size: int, colour: Array | tuple[float, float, float]) -> Array:
    """An evenly coloured picture (3, size, size), float32."""
    return np.broadcast_to(hue(colour), (3, size, size)).copy()


def part(picture: Array, at: Patch) -> Array:
    """The view of a picture (3, n, n) under a patch."""
    return picture[:, at[0], at[1]]


def blend(picture: Array, alpha: Array, colour: Array | tuple[float, float, float]) -> None:
    """Lay a colour, three numbers or (3, h, w), over a picture (3, h, w), in place."""
    over = hue(colour) if np.ndim(colour) == 1 else colour
    picture += alpha * (over - picture)


def cloud(rng: np.random.Generator, size: int, cells: int) -> Array:
    """Smooth noise (size, size) of standard deviation near 1 with features of size/cells pixels."""
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))
