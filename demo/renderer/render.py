"""From a face specification to pixels: layers from back to front, then the camera."""

from __future__ import annotations

import numpy as np

from .backdrop import background, ears_paint, torso_paint
from .camera import develop
from .eyes import brows_paint, eyes_paint
from .grid import Grid
from .hair import Hair, beard_paint, glasses_paint
from .mouth import MouthCurves
from .odd import noise_render, outlier_scene, outlier_spoil
from .shape import shape_of
from .skin import face_cover, light_skin, relief_build
from .spec import AUS, FaceSpec, identity_draw, scene_draw

Array = np.ndarray
SUPERSAMPLING = 2


def face_render(spec: FaceSpec, size: int = 160) -> Array:
    """Draw one picture.

    Returns (size, size, 3) uint8, sRGB. The same spec and size give the same pixels, whatever was drawn
    before. Raises ValueError for a size that is no multiple of 4 or under 32.
    """
    if size < 32 or size % 4:
        raise ValueError(f"size {size} must be a multiple of 4, 32 or more")
    if spec.kind == "noise":
        return noise_render(spec, size)
    scene = scene_draw(spec.scene, spec.domain)
    if spec.kind == "outlier":
        scene = outlier_scene(spec, scene)
    values = dict.fromkeys(AUS, 0.0) | dict(spec.intensities)
    shape = shape_of(identity_draw(spec.person), scene, values)
    grid = Grid(size * SUPERSAMPLING, shape, scene)
    picture = _layers(grid, np.random.default_rng([spec.scene, 41]))
    if spec.kind == "outlier":
        outlier_spoil(spec, grid, picture)
    return develop(picture, scene, np.random.default_rng([spec.scene, 43]), SUPERSAMPLING)


def _layers(grid: Grid, rng: np.random.Generator) -> Array:
    """All layers of a portrait (3, size, size), linear light."""
    picture = background(grid, rng)
    hair = Hair(grid, rng)
    hair.behind(picture)
    torso_paint(grid, picture)
    ears_paint(grid, picture)
    mouth = MouthCurves(grid)
    skin, light = light_skin(relief_build(grid, mouth), rng)
    beard_paint(grid, skin, light, rng)
    mouth.paint(skin, light)
    eyes_paint(grid, skin, light)
    brows_paint(grid, skin, light)
    picture += face_cover(grid) * (skin - picture)
    glasses_paint(grid, picture)
    hair.front(picture)
    return picture
