"""What stands around the face: the background, neck, shoulders and ears."""

from __future__ import annotations

import numpy as np

from .grid import Grid, blend, canvas, cloud, cover, gauss, hue, part, ramp
from .skin import tone

Array = np.ndarray


def background(grid: Grid, rng: np.random.Generator) -> Array:
    """A backdrop (3, size, size) of the scene's kind, linear."""
    size, kind = grid.size, grid.scene.background
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = axis[None, :], axis[:, None]
    colour = (0.06 + 0.5 * rng.random(3) ** 1.5).astype(np.float32)
    grey = np.float32(colour.mean())
    if kind == "plain":
        return canvas(size, (0.4, 0.4, 0.4))
    if kind == "studio":
        colour = np.full(3, 0.15 + 0.4 * rng.random(), np.float32)
        return np.asarray((1 - 0.35 * (x * x + y * y)) * hue(colour))
    colour = grey + (colour - grey) * np.float32(0.4)
    picture = canvas(size, colour)
    if kind == "gradient":
        other = (0.08 + 0.4 * rng.random() + 0.12 * rng.random(3)).astype(np.float32)
        along = np.clip(0.5 + 0.5 * (np.float32(rng.uniform(-1, 1)) * x + y * np.float32(0.8)), 0, 1)
        blend(picture, along, other)
    elif kind == "wall":
        picture *= 1 + 0.07 * cloud(rng, size, 40) + 0.12 * x * np.float32(rng.choice([-1, 1]))
    elif kind == "bokeh":
        picture *= np.float32(0.35)
        for _ in range(9):
            cx, cy, r = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.08, 0.3)
            disc = ramp(np.hypot(x - cx, y - cy), r, r * 0.82)
            blend(
                picture,
                disc * np.float32(0.35),
                (0.35 + 0.5 * rng.random() * np.array([1, 0.8, 0.6]) + 0.1 * rng.random(3)).astype(np.float32),
            )
    elif kind == "room":
        _room(picture, x, y, rng)
    else:
        sky = np.array([0.35, 0.52, 0.8], np.float32) * np.float32(rng.uniform(0.6, 1.1))
        ground = np.array([0.12, 0.2, 0.07], np.float32) * np.float32(rng.uniform(0.6, 1.5))
        horizon = np.float32(rng.uniform(-0.4, 0.4)) + np.float32(0.12) * cloud(rng, size, 7)
        picture[:] = hue(sky)
        blend(picture, ramp(y - horizon, -0.12, 0.12), ground)
        picture *= 1 + 0.12 * cloud(rng, size, 18)
    return picture


def _room(picture: Array, x: Array, y: Array, rng: np.random.Generator) -> None:
    """Soft upright blocks: shelves, a window, a door."""
    for _ in range(5):
        left, width = rng.uniform(-1.1, 0.9), rng.uniform(0.15, 0.6)
        high, low = rng.uniform(-1.2, 0.2), rng.uniform(0.3, 1.4)
        block = ramp(x, left - 0.04, left + 0.04) * ramp(x, left + width + 0.04, left + width - 0.04)
        block = block * ramp(y, high - 0.04, high + 0.04) * ramp(y, low + 0.04, low - 0.04)
        blend(
            picture,
            block * np.float32(0.75),
            (0.03 + 0.6 * rng.random() ** 2 + 0.1 * rng.random(3)).astype(np.float32),
        )


def torso_paint(grid: Grid, picture: Array) -> None:
    """Shoulders in cloth and the neck, lit from the scene's side, with the shadow of the chin."""
    p, scene = grid.shape.identity, grid.scene
    lean = np.float32(0.15 * np.sin(scene.yaw))
    x, y = grid.x - lean, grid.y
    side = np.abs(x)
    turn = np.float32(np.sin(scene.azimuth))
    neck_line = np.float32(p.neck) + np.float32(0.5) * np.maximum(0, y - 1.25) ** 2 + np.float32(0.04) * (y - 0.9)
    neck = cover(side - neck_line, grid.soft * 2) * (y > 0.3)
    across = x / np.float32(p.neck)
    light = np.float32(scene.ambient * 0.8) + np.float32(0.75 * scene.key) * np.clip(
        0.5 + 0.55 * turn * across - 0.32 * across**2, 0.05, 1
    )
    reach = grid.shape.chin_y
    light *= 1 - np.float32(0.6) * (1 - ramp(y, reach - 0.02, reach + 0.3)) * (1 - ramp(np.abs(x), 0.35, 0.75))
    blend(picture, neck, light * hue(tone(p) * np.array([1.0, 0.93, 0.9], np.float32)))
    collar = (
        np.float32(1.38) + np.float32(0.22) * gauss(side, 0.33) + np.float32(0.2) * np.maximum(0, side - 0.4) ** 1.3
    )
    cloth = cover(collar - y, grid.soft * 2.5)
    folds = (
        np.float32(1) + np.float32(0.06) * np.sin(x * 9 + y * 5 + p.seed) - np.float32(0.25) * gauss(y - collar, 0.04)
    )
    shade = (np.float32(scene.ambient) + np.float32(0.6 * scene.key) * np.clip(0.6 + 0.35 * turn * x, 0, 1)) * folds
    blend(picture, cloth, shade * hue(p.cloth))


def ears_paint(grid: Grid, picture: Array) -> None:
    """Two ears beside the head, shaded as shallow bowls; the farther one hides when the head turns."""
    p, scene = grid.shape.identity, grid.scene
    for sign in (-1, 1):
        # The ear sits behind the outline: turning the head to a side slides it under the cheek there.
        away = sign * np.sin(scene.yaw)
        cx = p.width + 0.025 - 0.22 * max(0.0, away) + 0.03 * max(0.0, -away)
        at = grid.patch(sign * (cx - 0.25), sign * (cx + 0.3), -0.25, 0.5)
        region = part(picture, at)
        if not region.size:
            continue
        s, v = sign * grid.u[at] - np.float32(cx), grid.v[at] - np.float32(0.12)
        lean = s - np.float32(0.12) * -v
        high = 0.235 * p.ears
        wide = np.float32(0.1 * p.ears) * (np.float32(1.05) - np.float32(0.9) * v)
        rho = np.sqrt((lean / wide) ** 2 + (v / high) ** 2)
        light = scene.ambient + 0.55 * scene.key * float(np.clip(0.55 + 0.5 * sign * np.sin(scene.azimuth), 0.1, 1))
        bowl = np.float32(light) * (
            1 - np.float32(0.42) * gauss(rho - 0.45, 0.28) + np.float32(0.1) * gauss(rho - 0.85, 0.12)
        )
        flesh = tone(p) * np.array([1.02, 0.86, 0.82], np.float32)
        blend(region, cover((rho - 1) * 0.1, grid.soft * 2), bowl * hue(flesh))
