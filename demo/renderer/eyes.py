"""Eyes and brows: lids, sclera, iris, lashes, and the hair of the brows."""

from __future__ import annotations

import numpy as np

from .grid import Grid, blend, cover, gauss, hue, part, ramp
from .shape import Eye

Array = np.ndarray


def eyes_paint(grid: Grid, picture: Array, light: Array) -> None:
    """Paint both eyes over the shaded skin."""
    for side in (0, 1):
        _eye(grid, picture, light, grid.shape.eyes[side], -1 if side == 0 else 1)


def _eye(grid: Grid, picture: Array, light: Array, eye: Eye, sign: int) -> None:
    reach = eye.half * 1.5
    centre = sign * eye.x
    at = grid.patch(centre - reach, centre + reach, eye.y - 0.26, eye.y + 0.2)
    region = part(picture, at)
    if not region.size:
        return
    p = (sign * grid.u[at] - np.float32(eye.x)) / np.float32(eye.half)  # -1 at the inner corner, 1 outside
    v = grid.v[at] - np.float32(eye.y) + np.float32(eye.tilt) * p
    inside = np.clip(1 - p * p, 0, None)
    upper = -np.float32(eye.upper) * inside ** np.float32(0.72) * (1 - np.float32(0.16) * p)
    lower = np.float32(eye.lower) * inside ** np.float32(0.85) * (1 + np.float32(0.22) * p)
    brightness = np.float32(np.clip(np.median(light[at]), 0.12, 1.3))
    _lid_folds(region, p, v, upper, inside, eye, grid.soft)
    gap = np.clip(lower - upper, 0, None)
    opening = cover(upper - v, grid.soft * 1.6) * cover(v - lower, grid.soft * 1.6) * (np.abs(p) < 1)
    opening *= ramp(gap, 0.003, 0.016) * np.float32(min(1.0, 2.5 * (1 - eye.closed)))
    blend(region, opening, _eyeball(grid, p, v, upper, brightness, eye, sign))
    _lashes(region, grid, p, v, upper, lower, inside, eye)


def _lid_folds(region: Array, p: Array, v: Array, upper: Array, inside: Array, eye: Eye, soft: float) -> None:
    """The crease above the upper lid, and the shade of the lower lid's rim."""
    fold = upper - np.float32(eye.crease) * (np.float32(0.45) + np.float32(0.55) * inside) + np.float32(0.012) * p
    window = (1 - ramp(np.abs(p), 0.8, 1.15)) * np.float32(np.clip(eye.crease / 0.03, 0.15, 1))
    region *= 1 - np.float32(0.42) * gauss(v - fold, 0.012) * window
    lid = cover(fold - v, soft * 4) * cover(v - upper, soft * 4) * (np.abs(p) < 1.05)
    region *= 1 + np.float32(0.05) * lid * hue((1.0, 0.2, 0.0))


def _eyeball(grid: Grid, p: Array, v: Array, upper: Array, brightness: np.float32, eye: Eye, sign: int) -> Array:
    """Sclera, iris, pupil and catch light (3, h, w)."""
    person, scene = grid.shape.identity, grid.scene
    ball = np.empty((3, *p.shape), np.float32)
    round_off = np.clip(1 - np.float32(0.42) * p * p, 0, 1)
    under_lid = np.float32(0.5) + np.float32(0.5) * ramp(v - upper, -0.004, 0.05)
    white = np.float32(0.6) * brightness * round_off * under_lid
    ball[:] = white * hue((1.0, 0.93, 0.88))
    caruncle = gauss(p + 0.96, 0.13)
    blend(ball, np.float32(0.8) * caruncle, np.array([0.5, 0.2, 0.17], np.float32) * brightness)
    radius = np.float32(0.088)
    gx = p * np.float32(eye.half) - np.float32(0.05 * scene.gaze[0] * sign + 0.004)
    gy = v + np.float32(0.008) - np.float32(0.03 * scene.gaze[1])
    rho = np.sqrt(gx * gx + gy * gy) / radius
    iris = np.array(person.iris, np.float32)
    streak = np.sin(np.arctan2(gy, gx) * 21 + person.seed % 5) * np.float32(0.12)
    tone = (np.float32(0.75) + np.float32(0.5) * gauss(rho - 0.55, 0.3) + streak) * (
        1 - np.float32(0.55) * ramp(rho, 0.78, 1.02)
    )
    tone *= (np.float32(0.8) + np.float32(0.9) * ramp(gy, -0.03, 0.08)) * under_lid * brightness
    blend(ball, cover((rho - 1) * radius, grid.soft * 2.4), tone * hue(iris) * np.float32(1.15))
    blend(ball, cover((rho - 0.42) * radius, grid.soft * 2), np.array([0.008, 0.007, 0.007], np.float32))
    cx = np.float32(sign * 0.03 * np.sin(scene.azimuth) + 0.004)
    glint = gauss(gx - cx, 0.017) * gauss(gy + 0.03, 0.015)
    blend(
        ball,
        np.clip(np.float32(1.15) * glint, 0, 1),
        np.array([0.9, 0.9, 0.9], np.float32) * np.float32(max(float(brightness), 0.5)),
    )
    return ball


def _lashes(
    region: Array, grid: Grid, p: Array, v: Array, upper: Array, lower: Array, inside: Array, eye: Eye
) -> None:
    person = grid.shape.identity
    dark = np.array([0.012, 0.009, 0.008], np.float32)
    edge = (1 - ramp(np.abs(p), 0.93, 1.08)) * ramp(p, -1.1, -0.5)
    width = 0.0105 + 0.006 * person.make_up + 0.005 * (1 - person.masculine)
    above = v - upper + np.float32(width * 0.35)
    line = gauss(above, width) * edge * np.float32(0.88)
    blend(region, np.clip(line, 0, 1), dark)
    comb = np.float32(0.6) + np.float32(0.4) * np.sin(p * 34)
    if eye.closed > 0.3:
        fringe = gauss(v - upper - 0.018, 0.015) * edge * comb * np.float32(0.55 * eye.closed)
    else:
        fringe = (
            gauss(above + 0.012, 0.013) * edge * ramp(p, -0.2, 0.8) * comb * np.float32(0.3 + 0.5 * person.make_up)
        )
    blend(region, np.clip(fringe, 0, 1), dark)
    rim = gauss(v - lower, 0.009) * inside * ramp(p, -0.9, 0.3)
    amount = np.float32((0.3 + 0.25 * person.make_up) * (1 - eye.closed))
    blend(region, rim * amount, dark)


def brows_paint(grid: Grid, picture: Array, light: Array) -> None:
    """Paint both brows: a tapering band of slanted hairs along a quadratic curve."""
    person = grid.shape.identity
    hair = np.array(person.hair, np.float32) * np.float32(0.55)
    if person.hair_style == "scarf" or hair.mean() > 0.25:
        hair *= np.float32(0.6)
    for side, sign in ((0, -1), (1, 1)):
        b = grid.shape.brows[side]
        top = min(b.y_in, b.y_mid, b.y_out) - 0.08
        at = grid.patch(sign * (b.x_in - 0.05), sign * (b.x_out + 0.05), top, max(b.y_in, b.y_out) + 0.09)
        region = part(picture, at)
        if not region.size:
            continue
        s, v = sign * grid.u[at], grid.v[at]
        t = (s - np.float32(b.x_in)) / np.float32(b.x_out - b.x_in)
        # Through inner end, arch at 0.6 of the length, outer end.
        arch = (b.y_mid - b.y_in - 0.6 * (b.y_out - b.y_in)) / (0.6 * 0.4)
        y = np.float32(b.y_in) + np.float32(b.y_out - b.y_in) * t + np.float32(arch) * t * (1 - t)
        thick = (
            np.float32(b.thick)
            * (np.float32(0.75) + np.float32(0.6) * gauss(t - 0.3, 0.32))
            * (1 - np.float32(0.72) * ramp(t, 0.5, 1.0))
        )
        body = np.clip(1.25 - np.abs(v - y) / thick * np.float32(0.85), 0, 1)
        body *= ramp(t, -0.04, 0.12) * (1 - ramp(t, 0.93, 1.04))
        hairs = np.float32(0.78) + np.float32(0.22) * np.sin(s * 118 + v * 92 + 2 * np.sin(s * 37))
        shade = np.float32(0.35) + np.float32(0.65) * np.clip(light[at], 0, 1.2)
        blend(region, np.clip(body * hairs, 0, 1) * np.float32(0.9), shade * hue(hair))
