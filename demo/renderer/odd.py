"""Pictures that are no codable face: noise motifs and spoiled portraits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from .camera import develop
from .grid import Grid, blend, canvas, cloud, cover, gauss, hue, ramp
from .skin import TONES
from .spec import FaceSpec, Scene

Array = np.ndarray
NOISE = ("texture", "animal", "object", "landscape")
BLACK = (0.0, 0.0, 0.0)
OUTLIERS = ("blur", "dark", "hand", "mask", "object", "pose")


def noise_render(spec: FaceSpec, size: int) -> Array:
    """A picture with no face in it (size, size, 3)."""
    rng = np.random.default_rng([spec.scene, 53])
    motif = {"texture": _texture, "animal": _animal, "object": _object, "landscape": _landscape}[spec.subkind]
    axis = np.linspace(-1, 1, size * 2, dtype=np.float32)
    picture = motif(rng, axis[None, :], axis[:, None])
    return develop(picture, Scene(seed=spec.scene, blur=0.4, grain=0.01), rng, 2)


def _colour(rng: np.random.Generator, low: float = 0.03, high: float = 0.8) -> Array:
    return (low + (high - low) * rng.random(3) ** 1.6).astype(np.float32)


def _texture(rng: np.random.Generator, x: Array, y: Array) -> Array:
    size = x.shape[1]
    picture = canvas(size, _colour(rng))
    a, b = rng.uniform(-14, 14, 2)
    warp = cloud(rng, size, int(rng.integers(4, 14)))
    waves = np.sin(a * x + b * y + np.float32(rng.uniform(1, 4)) * warp)
    blend(picture, np.clip(0.5 + waves, 0, 1), _colour(rng))
    blend(picture, np.clip(0.6 * cloud(rng, size, int(rng.integers(10, 60))), 0, 1), _colour(rng))
    return picture


def _landscape(rng: np.random.Generator, x: Array, y: Array) -> Array:
    size = x.shape[1]
    tint = rng.uniform(0.4, 1.6, 3)
    picture = canvas(size, np.array([0.3, 0.5, 0.85]) * np.sqrt(tint))
    blend(picture, ramp(y, -1, 0.4) * np.ones_like(x), np.array([0.8, 0.75, 0.7], np.float32))
    for k in range(4):
        ridge = (
            -0.35 + 0.32 * k + sum(0.14 / (i + 1) * np.sin(x * (2.2 * i + 1.5) + rng.uniform(0, 6)) for i in range(4))
        )
        earth = np.array([0.16, 0.24 + 0.03 * k, 0.3 - 0.07 * k]) * tint * (1.1 - 0.2 * k)
        blend(picture, cover(ridge - y, 0.02), earth)
    picture *= 1 + 0.06 * cloud(rng, size, 40)
    return picture


def _shaded(picture: Array, distance: Array, colour: Array | tuple[float, float, float], height: Array) -> None:
    blend(picture, cover(distance, 0.015), height * hue(colour))


def _animal(rng: np.random.Generator, x: Array, y: Array) -> Array:
    """A furry head with pointed or round ears and a muzzle."""
    size = x.shape[1]
    picture = canvas(size, _colour(rng, 0.1, 0.7))
    fur = _colour(rng, 0.04, 0.6)
    hairs = 1 + 0.12 * cloud(rng, size, 70)
    light = (0.85 - 0.3 * y - 0.25 * (x * x)) * hairs
    pointed = rng.random() < 0.5
    for sign in (-1, 1):
        if pointed:
            ear = np.maximum(np.abs(x - sign * 0.42) * 1.7 - (y + 1.0) * 0.75, y + 0.2)
            inner = np.maximum(np.abs(x - sign * 0.42) * 2.2 - (y + 0.85) * 0.75, y + 0.2)
        else:
            ear = np.hypot(x - sign * 0.55, y + 0.5) - 0.28
            inner = np.hypot(x - sign * 0.55, y + 0.5) - 0.17
        _shaded(picture, ear, fur, light)
        _shaded(picture, inner, fur * 0.4 + np.array([0.4, 0.2, 0.2], np.float32), light)
    _shaded(picture, np.hypot(x, y * 1.1) - 0.68, fur, light)
    _shaded(picture, np.hypot(x * 0.9, (y - 0.32) * 1.2) - 0.3, fur * 0.5 + 0.35, light)
    for sign in (-1, 1):
        spot = np.hypot(x - sign * 0.27, y + 0.1)
        _shaded(picture, spot - 0.1, np.array([0.5, 0.4, 0.08], np.float32), 1 - spot * 2)
        _shaded(picture, np.hypot((x - sign * 0.27) * (2.2 if pointed else 1.2), y + 0.1) - 0.07, BLACK, light)
    _shaded(picture, np.hypot(x, (y - 0.2) * 1.5) - 0.1, np.array([0.03, 0.02, 0.02], np.float32), light)
    seam = gauss(np.abs(y - 0.45 - 0.1 * np.abs(np.sin(x * 11))), 0.02) * (np.abs(x) < 0.2)
    blend(picture, seam * np.float32(0.8), BLACK)
    return picture


def _object(rng: np.random.Generator, x: Array, y: Array) -> Array:
    """A few shaded balls, boxes and mugs on a table."""
    size = x.shape[1]
    picture = canvas(size, _colour(rng, 0.1, 0.7))
    blend(picture, cover(0.35 - y, 0.02) * np.ones_like(x), _colour(rng, 0.05, 0.4))
    for _ in range(int(rng.integers(2, 5))):
        cx, cy, r = rng.uniform(-0.6, 0.6), rng.uniform(-0.1, 0.5), rng.uniform(0.2, 0.42)
        blend(picture, np.float32(0.5) * gauss(x - cx, r) * gauss(y - cy - r, r * 0.25), BLACK)
        if rng.random() < 0.5:
            rho = np.hypot(x - cx, y - cy)
            ball = np.clip(0.35 + 0.75 * (-(x - cx) * 0.6 - (y - cy) * 0.8 + r * 0.4) / r, 0.08, 1.1)
            _shaded(picture, rho - r, _colour(rng), ball)
        else:
            box = np.maximum(np.abs(x - cx) - r * 0.7, np.abs(y - cy) - r)
            handle = np.abs(np.hypot(x - cx - r * 0.75, y - cy) - r * 0.4) - r * 0.1
            tin = np.clip(1 - 0.8 * ((x - cx + r * 0.2) / r) ** 2, 0.1, 1) * np.ones_like(y)
            _shaded(picture, np.minimum(box, handle), _colour(rng), tin)
    return picture


def outlier_scene(spec: FaceSpec, scene: Scene) -> Scene:
    """Circumstances under which a real face can hardly be coded."""
    rng = np.random.default_rng([spec.scene, 59])
    if spec.subkind == "blur":
        return replace(scene, blur=float(rng.uniform(4, 6.5)))
    if spec.subkind == "dark":
        return replace(scene, exposure=float(rng.uniform(0.03, 0.07)), grain=0.03)
    if spec.subkind == "pose":
        yaw = float(rng.choice([-1, 1]) * rng.uniform(0.7, 0.85))
        return replace(scene, yaw=yaw, roll=float(rng.normal(0, 0.25)), pitch=float(rng.normal(0, 0.1)))
    return scene


def outlier_spoil(spec: FaceSpec, grid: Grid, picture: Array) -> None:
    """Lay a hand, a mask or a thing over the face, in place."""
    rng = np.random.default_rng([spec.scene, 61])
    u, v = grid.u, grid.v
    light = np.clip(0.75 + 0.3 * u * math.sin(grid.scene.azimuth) - 0.15 * v, 0.2, 1.2).astype(np.float32)
    if spec.subkind == "mask":
        edge = np.maximum(grid.r - 0.99, 0.3 + 0.22 * grid.side**2 - v)
        colour = np.array(
            [(0.35, 0.6, 0.75), (0.75, 0.78, 0.8), (0.03, 0.03, 0.04)][int(rng.integers(3))], np.float32
        )
        pleats = 1 - 0.18 * gauss(np.sin(v * 16), 0.35) * (v > 0.5)
        blend(picture, cover(edge, grid.soft * 2), light * pleats * hue(colour))
    elif spec.subkind == "hand":
        _hand(rng, grid, picture, light)
    elif spec.subkind == "object":
        cx, cy, r = rng.uniform(-0.3, 0.3), rng.uniform(-0.1, 0.6), rng.uniform(0.45, 0.62)
        rho = np.hypot(u - cx, v - cy) if rng.random() < 0.5 else np.maximum(np.abs(u - cx) * 1.2, np.abs(v - cy))
        blend(picture, cover(rho - r, grid.soft * 2), light * (1.1 - 0.5 * rho) * hue(_colour(rng)))


def _hand(rng: np.random.Generator, grid: Grid, picture: Array, light: Array) -> None:
    """A hand before eyes or mouth: four fingers and a palm."""
    sign, y0 = rng.choice([-1, 1]), rng.choice([0.0, 0.75])
    at = grid.shape.identity.skin * (len(TONES) - 1)
    flesh = TONES[round(at)]
    s, v = sign * grid.u, grid.v - y0
    palm = np.maximum(np.abs(v - 0.05) - 0.36, 0.35 - s)
    blend(picture, cover(palm, grid.soft * 4), light * 0.85 * hue(flesh))
    for k in range(4):
        y, tip = -0.27 + 0.19 * k, -0.5 + 0.08 * abs(k - 1.3)
        d = np.hypot(np.maximum(0, tip - s) + np.maximum(0, s - 0.55), v - y - 0.06 * s) - 0.088
        round_ = np.clip(1 - 0.55 * ((v - y - 0.06 * s + 0.02) / 0.09) ** 2, 0.35, 1)
        blend(picture, cover(d, grid.soft * 2.5), light * round_ * hue(flesh))
