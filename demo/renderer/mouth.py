"""The mouth: the curves of both lips, their modelling, and what shows between them."""

from __future__ import annotations

import numpy as np

from .grid import Grid, blend, cover, gauss, hue, part, ramp

Array = np.ndarray


class MouthCurves:
    """Lip contours over the patch around the mouth.

    `top`, `bottom`: outer edges of the lips; `inner_top`, `inner_bottom`: edges of the opening, all as
    y in head units for every pixel of `at`; `p`: -1 and 1 at the corners.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid, m = grid, grid.shape.mouth
        self.at = grid.patch(-0.62, 0.62, m.y - 0.36, m.y + m.gap_lower + 0.36)
        u, self.v = grid.u[self.at], grid.v[self.at]
        right = u > 0
        reach = np.where(right, np.float32(m.x_right), np.float32(m.x_left))
        corner = np.where(right, np.float32(m.corner_right), np.float32(m.corner_left))
        self.p = u / reach
        p2 = self.p * self.p
        inside = np.clip(1 - p2, 0, None)
        self.inside = inside
        bow = np.float32(0.012) * gauss(self.p, 0.22) - np.float32(0.006) * gauss(np.abs(self.p) - 0.45, 0.3)
        line = (
            np.float32(m.y)
            + corner * np.minimum(p2, 2) * (np.float32(0.55) + np.float32(0.45) * np.minimum(p2, 2))
            + np.float32(m.arch) * inside
            + bow
        )
        self.line = line
        soft_line = line - bow * np.float32(min(1.0, 30 * m.gap_lower))
        round_gap = inside * (np.float32(0.55) + np.float32(0.45) * inside)
        self.inner_top = line - np.float32(m.gap_upper) * round_gap
        self.inner_bottom = soft_line + np.float32(m.gap_lower) * np.sqrt(inside) * (
            np.float32(0.8) + np.float32(0.2) * inside
        )
        cupid = 1 - np.float32(0.26) * gauss(self.p, 0.17)
        slope = np.clip(1 - np.abs(self.p), 0, 1)
        self.top = self.inner_top - np.float32(m.upper) * cupid * slope ** np.float32(0.62) * np.float32(1.12)
        self.bottom = self.inner_bottom + np.float32(m.lower) * inside ** np.float32(0.66)

    def model(self, z: Array, shadow: Array) -> None:
        """Raise the lips in the height field and shade corners and the line between the lips."""
        m, v = self.grid.shape.mouth, self.v
        middle = np.float32(m.y + 0.4 * m.gap_lower)
        z[self.at] += np.float32(0.03) * np.exp(
            -((self.p / 1.25) ** 2) - ((v - middle) / (0.15 + 0.4 * m.gap_lower)) ** 2
        )
        up = (v - self.top) / (self.inner_top - self.top + np.float32(1e-3))
        low = (v - self.inner_bottom) / (self.bottom - self.inner_bottom + np.float32(1e-3))
        fade = np.sqrt(self.inside)
        z[self.at] += np.float32(0.028) * fade * np.clip(1 - (up - 0.75) ** 2 / 0.6, 0, None) * (up < 1.6)
        pout = np.float32(0.045 + 0.02 * self.grid.shape.mean(17))
        z[self.at] += pout * fade * np.clip(1 - ((low - 0.42) / 0.62) ** 2, 0, None)
        pocket = gauss(np.abs(self.p) - 1.02, 0.085) * gauss(v - self.line, 0.028)
        stretch = 0.26 + 0.3 * m.stretch + 0.35 * self.grid.shape.mean(15)
        shadow[self.at] += np.float32(stretch) * pocket

    def paint(self, picture: Array, light: Array) -> None:
        """Colour the lips on shaded skin and lay teeth, tongue and the dark of the mouth between them."""
        grid, p, m = self.grid, self.grid.shape.identity, self.grid.shape.mouth
        region, v, soft = part(picture, self.at), self.v, grid.soft * 1.6
        within = np.abs(self.p) < 1.0
        lips = cover(self.top - v, soft * 1.6) * cover(v - self.bottom, soft * 2.2) * within
        tint = np.array([0.98, 0.6 - 0.16 * p.make_up, 0.62 - 0.1 * p.make_up], np.float32)
        if p.skin > 0.55:
            tint = tint * np.array([0.86, 0.96, 0.98], np.float32)
        strength = np.float32(0.55 + 0.35 * p.lip_colour + 0.25 * p.make_up)
        streaks = 1 + np.float32(0.05) * np.sin(self.p * 46 + 3 * np.sin(self.p * 17))
        upper = np.where(v < self.line, np.float32(0.84), np.float32(1.0)) * streaks
        target = region * hue(tint) * upper
        region += lips * min(strength, np.float32(1)) * (target - region)
        gap = np.clip(self.inner_bottom - self.inner_top, 0, None)
        seam = gauss(v - self.line, 0.0125) * within * (1 - ramp(gap, 0.01, 0.03))
        region *= 1 - np.float32(0.72) * seam * np.clip(self.inside + 0.35, 0, 1)
        if m.gap_lower + m.gap_upper > 0.004:
            self._inside(region, light[self.at], gap)

    def _inside(self, region: Array, light: Array, gap: Array) -> None:
        grid, m, v = self.grid, self.grid.shape.mouth, self.v
        soft = grid.soft * 1.6
        opening = cover(self.inner_top - v, soft) * cover(v - self.inner_bottom, soft)
        opening *= (np.abs(self.p) < 0.985) * ramp(gap, 0.002, 0.012)
        brightness = np.float32(np.clip(light.mean() if light.size else 0, 0.15, 1.3))
        hollow = np.empty((3, *v.shape), np.float32)
        hollow[:] = hue((0.055, 0.014, 0.013)) * brightness
        tongue_y = m.y + m.gap_lower * 1.02
        tongue = np.exp(-((self.p / 0.55) ** 2) - ((v - tongue_y) / (0.03 + 0.2 * m.gap_lower)) ** 2)
        blend(
            hollow,
            np.float32(0.8) * tongue * ramp(gap, 0.08, 0.16),
            np.array([0.24, 0.07, 0.07], np.float32) * brightness,
        )
        show = np.float32(0.034 + 0.03 * m.stretch)
        edge = np.float32(m.y - 0.02) + np.float32(0.35) * (self.line - np.float32(m.y)) + show
        teeth = cover(v - edge + np.float32(0.006) * np.cos(self.p * 30) ** 2, soft)
        teeth *= 1 - ramp(np.abs(self.p), 0.62 + 0.2 * m.stretch, 0.85 + 0.1 * m.stretch)
        across = grid.u[self.at]
        parts = np.float32(1) - np.float32(0.28) * np.exp(-((np.sin(across * 46) / 0.16) ** 2))
        curve = np.clip(1 - np.float32(0.55) * self.p * self.p, 0, 1)
        under = ramp(v - self.inner_top, -0.004, 0.03)
        shade = (np.float32(0.22) + np.float32(0.4) * under) * curve * parts * brightness
        enamel = shade * hue((1.0, 0.95, 0.84))
        blend(hollow, teeth * ramp(gap, 0.012, 0.03), enamel)
        lower = cover(np.float32(m.y + m.gap_lower * 0.86) - v, soft * 2) * (1 - ramp(np.abs(self.p), 0.4, 0.6))
        blend(hollow, np.float32(0.35) * lower * ramp(gap, 0.09, 0.15), enamel * np.float32(0.7))
        blend(region, opening, hollow)
