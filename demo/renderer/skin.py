"""The skin: a height field of soft bumps and furrows, its colour, and the light that falls on it."""

from __future__ import annotations

import numpy as np

from .grid import DEPTH, Grid, Patch, cloud, cover, gauss, hue, part, ramp
from .mouth import MouthCurves
from .shape import Shape
from .spec import Identity, linear

Array = np.ndarray

TONES = np.array(
    [linear(c) for c in ((247, 219, 199), (238, 200, 172), (222, 178, 144), (196, 146, 108), (160, 110, 76),
                         (122, 80, 54), (88, 56, 38), (64, 41, 30))],
    dtype=np.float32,
)  # fmt: skip


def tone(person: Identity) -> Array:
    """Skin colour (3,) in linear light."""
    at = person.skin * (len(TONES) - 1)
    low = min(int(at), len(TONES) - 2)
    base = TONES[low] + (at - low) * (TONES[low + 1] - TONES[low])
    shift = 1 + 0.045 * person.undertone * np.array([1.0, 0.1, -1.0], np.float32)
    return np.asarray(base * shift, dtype=np.float32)


class Relief:
    """Height of the skin towards the camera, with creases that both dent it and hold shadow.

    `z`, `crease`, `shadow` (size, size): height in head units, furrow strength, and darkening 0..1.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        s = np.minimum(grid.r * grid.r, 1.4)
        dome = np.maximum(1 - s * (np.float32(0.3) + np.float32(0.7) * s), 0)
        self.z = np.float32(DEPTH) * np.sqrt(dome + np.float32(0.03))
        self.crease = np.zeros_like(self.z)
        self.shadow = np.zeros_like(self.z)

    def bump(self, x: float, y: float, wide: float, high: float, amount: float, on: str = "z") -> None:
        """Add a gaussian at (±x, y): at both sides unless x is 0."""
        reach = 2.4
        for sign in (-1, 1) if x else (1,):
            cx = sign * x
            at = self.grid.patch(cx - reach * wide, cx + reach * wide, y - reach * high, y + reach * high)
            d = ((self.grid.u[at] - np.float32(cx)) * np.float32(1 / wide)) ** 2
            d += ((self.grid.v[at] - np.float32(y)) * np.float32(1 / high)) ** 2
            getattr(self, on)[at] += np.float32(amount) * np.exp(-d)

    def furrow(self, at: Patch, distance: Array, width: float, amount: Array | float) -> None:
        """Cut a furrow along distance = 0 into a patch."""
        self.crease[at] += gauss(distance, width) * amount


def relief_build(grid: Grid, mouth: MouthCurves) -> Relief:
    """Model head, nose, cheeks, lips and the furrows of the acting units."""
    relief, shape = Relief(grid), grid.shape
    _planes(relief, shape)
    _nose(relief, shape)
    mouth.model(relief.z, relief.shadow)
    _forehead(relief, shape)
    _glabella(relief, shape)
    _eye_corners(relief, shape)
    _nose_lines(relief, shape)
    _nasolabial(relief, shape)
    _chin(relief, shape)
    return relief


def _planes(relief: Relief, shape: Shape) -> None:
    p, raised = shape.identity, 0.75 * shape.mean(6) + 0.45 * shape.mean(12)
    brow = (shape.brows[0].y_mid + shape.brows[1].y_mid) / 2
    relief.bump(0.3, 0.5 * (brow + p.brow_y), 0.26, 0.1, 0.018 + 0.022 * p.masculine + 0.02 * shape.mean(4))
    relief.bump(p.eye_x, -0.01, 0.22, 0.13, -0.075)
    relief.bump(p.eye_x, -0.01, 0.15, 0.105, 0.06)
    relief.bump(0.15, -0.03, 0.06, 0.1, 0.16, on="shadow")
    relief.bump(p.eye_x, -0.12, 0.2, 0.05, 0.1, on="shadow")
    relief.bump(0.47, 0.3 - 0.05 * raised, 0.2, 0.15, 0.035 + 0.02 * p.cheek + 0.05 * raised)
    relief.bump(0.4, 0.52, 0.16, 0.2, 0.012 - 0.03 * (1 - p.cheek) + 0.03 * raised)
    relief.bump(0.72, -0.2, 0.12, 0.2, -0.03)
    relief.bump(0.0, 0.62, 0.032, 0.06, -0.014)
    relief.bump(0.0, shape.chin_y - 0.14 - 0.05 * shape.mean(17), 0.17, 0.12, 0.05 + 0.045 * shape.mean(17))
    under = shape.mouth.y + shape.mouth.gap_lower + shape.mouth.lower
    relief.bump(0.0, under + 0.055, 0.16, 0.035, -0.028 - 0.014 * shape.mean(17))
    relief.bump(0.0, under + 0.04, 0.15, 0.035, 0.16, on="shadow")
    # Under the eyes: bags with age, a pushed-up ridge with AU6.
    relief.bump(p.eye_x, 0.15, 0.17, 0.03, -0.008 - 0.014 * p.age, on="z")
    relief.bump(p.eye_x, 0.115 - 0.015 * shape.mean(6), 0.15, 0.035, 0.03 * shape.mean(6))


def _nose(relief: Relief, shape: Shape) -> None:
    grid, p = relief.grid, shape.identity
    tip, base, half = shape.nose_tip, shape.nose_base, shape.nose_w
    at = grid.patch(-0.34, 0.34, -0.3, base + 0.12)
    u, v = grid.u[at], grid.v[at]
    along = np.clip((v + 0.1) / np.float32(tip + 0.1), 0, 1)
    height = (0.035 + 0.02 * (1 - p.skin) + (p.nose_h - 0.05) * along) * ramp(v, -0.26, -0.04)
    width = np.float32(0.082) + np.float32(0.05 + 0.3 * (p.nose_w - 0.12)) * along
    fall = 1 - ramp(v, tip - 0.01, base + 0.05)
    relief.z[at] += height * fall / (1 + (u / width) ** 2) ** 2
    relief.bump(0.0, tip, 0.1, 0.085, 0.06)
    lift = 0.03 * shape.mean(9)
    relief.bump(half * 0.86, base - 0.055 - lift, 0.062, 0.064, 0.062)
    ring = np.hypot((grid.side[at] - half * 0.78) / 0.078, (v - (base - 0.055 - lift)) / 0.078)
    outer = ramp(grid.side[at], half * 0.75, half * 1.1) * ramp(v, base - 0.17, base - 0.09)
    relief.furrow(at, ring - 1, 0.2, 0.5 * outer * (1 - ramp(v, base - 0.01, base + 0.03)))
    relief.bump(0.0, base + 0.028, half * 1.0, 0.03, 0.3, on="shadow")
    relief.bump(half * 0.52, base - 0.008, 0.04, 0.02, 0.85, on="shadow")


def _forehead(relief: Relief, shape: Shape) -> None:
    """AU1 wrinkles the middle of the forehead, AU2 its sides, both its whole width."""
    grid, p = relief.grid, shape.identity
    one, two = shape.mean(1), shape.mean(2)
    rest = 0.22 * max(0.0, p.age - 0.45)
    if max(one, two, rest) < 0.02:
        return
    at = grid.patch(-0.62, 0.62, p.hairline - 0.05, p.brow_y - 0.02)
    u, v, side = grid.u[at], grid.v[at], grid.side[at]
    middle, outer = gauss(u, 0.25), gauss(side - 0.4, 0.2)
    amount = np.clip(1.0 * one * middle + 0.95 * two * outer, 0, 1.0) + rest * gauss(u, 0.4)
    wave = 0.022 * np.sin(u * 8 + p.seed % 7) - 0.04 * two * outer + 0.05 * one * gauss(u, 0.12) * (1 - 0.7 * two)
    for k, weight in enumerate((0.75, 1.0, 0.85, 0.55)):
        y = p.brow_y - 0.125 - 0.078 * k - 0.03 * (one + two) / 2
        relief.furrow(at, v - y - wave, 0.017, weight * amount)


def _glabella(relief: Relief, shape: Shape) -> None:
    """AU4: vertical lines and a muscle bulge between the brows."""
    grid, p = relief.grid, shape.identity
    four = shape.mean(4)
    rest = 0.2 * max(0.0, p.age - 0.5)
    if four + rest < 0.02:
        return
    y = p.brow_y + 0.03 - 0.08 * shape.mean(1)
    at = grid.patch(-0.2, 0.2, y - 0.25, y + 0.2)
    u, v = grid.u[at], grid.v[at]
    length = gauss(v - y, 0.115)
    lean = 0.048 + 0.18 * np.maximum(0, y + 0.02 - v)
    relief.furrow(at, grid.side[at] - lean, 0.014, (1.2 * four + rest) * length)
    relief.furrow(at, u + 0.006, 0.012, 0.35 * four * length)
    relief.bump(0.0, y - 0.03, 0.05, 0.08, 0.02 * four)
    relief.bump(0.13, y + 0.0, 0.05, 0.05, 0.022 * four)
    relief.bump(0.17, y + 0.11, 0.09, 0.05, 0.28 * four, on="shadow")


def _eye_corners(relief: Relief, shape: Shape) -> None:
    """AU6: crow's feet, and the furrow below the lower lid that the lifted cheek makes."""
    grid, p = relief.grid, shape.identity
    six = shape.mean(6)
    amount = 1.0 * six + 0.15 * max(0.0, p.age - 0.45)
    if amount < 0.02:
        return
    x, y = p.eye_x + p.eye_w, -p.eye_tilt
    for sign in (-1, 1):
        at = grid.patch(sign * (x - 0.02), sign * (x + 0.24), y - 0.2, y + 0.24)
        s, v = sign * grid.u[at] - x, grid.v[at] - y
        window = ramp(s, 0.015, 0.06) * (1 - ramp(s, 0.12, 0.21))
        for slope, bow in ((-0.62, 0.6), (-0.1, 0.3), (0.4, 0.2), (0.85, -0.8)):
            relief.furrow(at, v - slope * s - bow * s * s, 0.016, 0.75 * amount * window)
    if six < 0.02:
        return
    at = grid.patch(-0.62, 0.62, 0.02, 0.32)
    side, v = grid.side[at], grid.v[at]
    d = v - (0.165 - 0.02 * six - 0.9 * (side - 0.36) ** 2 + 0.06 * (0.36 - side))
    relief.furrow(at, d, 0.016, 0.75 * six * ramp(side, 0.16, 0.26) * (1 - ramp(side, 0.5, 0.6)))


def _nose_lines(relief: Relief, shape: Shape) -> None:
    """AU9: slanting wrinkles on the sides of the nose and across its root."""
    grid, nine = relief.grid, shape.mean(9)
    if nine < 0.02:
        return
    at = grid.patch(-0.26, 0.26, -0.2, 0.36)
    side, v = grid.side[at], grid.v[at]
    window = ramp(side, 0.035, 0.08) * (1 - ramp(side, 0.15, 0.215))
    for y, weight in ((0.02, 0.7), (0.095, 1.0), (0.175, 0.7)):
        relief.furrow(at, v - y - 0.6 * (side - 0.1), 0.018, weight * nine * window)
    for y in (-0.085, -0.03):
        relief.furrow(at, v - y + 1.5 * side * side, 0.015, 0.75 * nine * (1 - ramp(side, 0.05, 0.11)))


def _nasolabial(relief: Relief, shape: Shape) -> None:
    """The fold from the nose wing past the mouth corner: deep with AU12, deep above with AU9."""
    grid, p = relief.grid, shape.identity
    nine, twelve, fifteen = shape.mean(9), shape.mean(12), shape.mean(15)
    rest = 0.1 + 0.32 * max(0.0, p.age - 0.25)
    m = shape.mouth
    top = shape.nose_base - 0.1 - 0.04 * nine
    at = grid.patch(-0.68, 0.68, top - 0.08, m.y + 0.34)
    side, v = grid.side[at], grid.v[at]
    corner_x = (m.x_left + m.x_right) / 2 + 0.1 + 0.045 * twelve
    corner_y = m.y + (m.corner_left + m.corner_right) / 2
    t = (v - top) / np.float32(corner_y + 0.02 - top)
    x = (shape.nose_w + 0.035) + (corner_x - shape.nose_w - 0.035) * t * (1.2 - 0.2 * t)
    window = ramp(t, -0.18, 0.2) * (1 - ramp(t, 0.6, 1.4))
    amount = np.float32(rest + 0.75 * twelve) * window + np.float32(0.95 * nine) * ramp(t, -0.2, 0.1) * (
        1 - ramp(t, 0.3, 0.85)
    )
    relief.furrow(at, side - x, 0.034, np.clip(amount, 0, 1.1))
    # The cheek swells outside the fold.
    relief.z[at] += np.float32(0.03) * amount * gauss(side - x - 0.09, 0.09)
    if fifteen > 0.02:
        below = v - corner_y
        d = side - (corner_x - 0.035 + 0.12 * below)
        relief.furrow(at, d, 0.024, 0.6 * fifteen * ramp(below, -0.02, 0.03) * (1 - ramp(below, 0.08, 0.2)))


def _chin(relief: Relief, shape: Shape) -> None:
    """AU17: the chin boss is pushed up and its skin dimples."""
    seventeen = shape.mean(17)
    if seventeen < 0.02:
        return
    grid = relief.grid
    y = shape.chin_y - 0.16
    at = grid.patch(-0.28, 0.28, y - 0.2, y + 0.17)
    u, v = grid.u[at], grid.v[at]
    window = gauss(u, 0.15) * gauss(v - y, 0.1)
    k = shape.identity.seed % 5
    pits = np.sin(u * 62 + 2 * np.sin(v * 31 + k)) * np.sin(v * 66 + 2 * np.sin(u * 37 + 2 * k))
    relief.crease[at] += np.float32(0.9 * seventeen) * window * np.clip(pits + 0.1, 0, 1)
    arch = v - (y - 0.085 + 1.6 * u * u)
    relief.furrow(at, arch, 0.024, 0.95 * seventeen * (1 - ramp(grid.side[at], 0.1, 0.2)))


def normals(relief: Relief) -> tuple[Array, Array, Array]:
    """Unit normals (x, y, z) of the relief, seen from the camera after the head is turned."""
    grid, scene = relief.grid, relief.grid.scene
    z = relief.z - np.float32(0.0135) * relief.crease
    sy, sp = np.float32(np.sin(scene.yaw)), np.float32(np.sin(scene.pitch))
    z = z - sy * grid.u - sp * grid.v
    scale = np.float32(-0.5 / grid.soft)
    nx, ny = np.zeros_like(z), np.zeros_like(z)
    np.subtract(z[:, 2:], z[:, :-2], out=nx[:, 1:-1])
    np.subtract(z[2:], z[:-2], out=ny[1:-1])
    nx *= scale
    ny *= scale
    length = 1 / np.sqrt(nx * nx + ny * ny + 1)
    return nx * length, ny * length, length


def light_skin(relief: Relief, rng: np.random.Generator) -> tuple[Array, Array]:
    """Shaded skin (3, size, size) and the plain light on it (size, size), both linear."""
    grid, scene, p = relief.grid, relief.grid.scene, relief.grid.shape.identity
    nx, ny, nz = normals(relief)
    ca, sa = np.cos(scene.azimuth), np.sin(scene.azimuth)
    ce, se = np.cos(scene.elevation), np.sin(scene.elevation)
    lx, ly, lz = np.float32(sa * ce), np.float32(-se), np.float32(ca * ce)
    facing = nx * lx + ny * ly + nz * lz
    hold = 1 - np.clip(np.float32(0.3) * relief.crease + relief.shadow, 0, 0.93)
    fill = np.float32(scene.ambient) * (np.float32(0.8) - np.float32(0.25) * ny)
    wrap = np.clip((facing + np.float32(0.22)) / np.float32(1.22), 0, None)
    light = (fill + np.float32(scene.key) * wrap * np.sqrt(wrap)) * hold
    # Light scattered in the skin comes out red, most where the direct light fades.
    glow = np.float32(0.1 * scene.key) * np.clip(1 - np.abs(facing * 2 - 0.3), 0, 1) * hold
    albedo = _colour(grid, p, rng)
    skin = albedo * light
    skin[0] += albedo[0] * glow
    hx, hy, hz = lx, ly, lz + 1
    norm = np.float32(1 / np.sqrt(hx * hx + hy * hy + hz * hz))
    shine = np.clip((nx * hx + ny * hy + nz * hz) * norm, 0, 1)
    for _ in range(4):
        shine = shine * shine
    skin += np.float32(0.075 * scene.key) * shine * hold
    return skin, light


def _colour(grid: Grid, p: Identity, rng: np.random.Generator) -> Array:
    """Skin colour (3, size, size): base tone, redder cheeks and nose, mottling, freckles."""
    base = tone(p)
    red = 0.1 + 0.1 * p.make_up
    mottle = cloud(rng, grid.size, 24) * np.float32(0.018)
    albedo = np.empty((3, *grid.u.shape), np.float32)
    warm = np.zeros_like(grid.u)
    for x, y, w, a in ((0.45, 0.3, 0.22, 1.0), (0.0, 0.42, 0.13, 0.8), (0.0, 1.08, 0.18, 0.4)):
        warm += np.float32(a * red) * np.exp(-(((grid.side - x) / w) ** 2) - ((grid.v - y) / w) ** 2)
    albedo[0] = base[0] * (1 + mottle)
    albedo[1] = base[1] * (1 + mottle - np.float32(0.9) * warm)
    albedo[2] = base[2] * (1 + mottle - np.float32(0.85) * warm)
    if p.freckles > 0.02:
        at = grid.patch(-0.6, 0.6, -0.05, 0.6)
        u, v = grid.u[at], grid.v[at]
        spots = np.sin(u * 57 + 3 * np.sin(v * 23)) * np.sin(v * 61 + 3 * np.sin(u * 29 + p.seed % 9))
        spots = np.clip(spots - 0.55, 0, 1) * 1.6 * gauss(v - 0.25, 0.2) * gauss(u, 0.5)
        part(albedo, at)[:] *= 1 - np.float32(min(p.freckles, 0.8)) * spots * hue((0.3, 0.5, 0.6))
    return albedo


def face_cover(grid: Grid) -> Array:
    """Coverage (size, size) of the head outline."""
    return cover((grid.r - 1) * np.float32(0.7), grid.soft * 2)
