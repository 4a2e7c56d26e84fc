"""Hair of the head in ten styles, beards, and glasses."""

from __future__ import annotations

import numpy as np

from .grid import Grid, blend, cloud, cover, gauss, hue, part, ramp

Array = np.ndarray

# style: volume on top, volume at the sides, how far down the sides reach (y), strands 0 straight 1 curly
STYLES: dict[str, tuple[float, float, float, float]] = {
    "bald": (0.0, 0.0, -2.0, 0.0),
    "buzz": (0.015, 0.01, 0.02, 0.9),
    "short": (0.09, 0.03, 0.1, 0.25),
    "parted": (0.12, 0.05, 0.12, 0.1),
    "tied": (0.055, 0.02, 0.05, 0.05),
    "fringe": (0.1, 0.15, 0.95, 0.05),
    "bob": (0.11, 0.17, 0.85, 0.08),
    "long": (0.1, 0.16, 1.9, 0.15),
    "curly": (0.27, 0.3, 0.45, 1.0),
    "scarf": (0.1, 0.12, 1.25, 0.0),
}


class Hair:
    """Colour and coverage of the hair, made once and laid down in two layers: behind and on the face."""

    def __init__(self, grid: Grid, rng: np.random.Generator) -> None:
        self.grid, self.person = grid, grid.shape.identity
        self.top, self.sides, self.reach, self.curl = STYLES[self.person.hair_style]
        self.scarf = self.person.hair_style == "scarf"
        grow = self.person.hair_volume
        self.top, self.sides = self.top * grow, self.sides * grow
        self.colour = self._colour(rng)

    def _colour(self, rng: np.random.Generator) -> Array:
        """Lit strands (3, size, size), linear."""
        grid, scene = self.grid, self.grid.scene
        u, v = grid.u, grid.v
        base = np.array(self.person.cloth if self.scarf else self.person.hair, np.float32)
        if self.scarf:
            flow = np.sin(u * 7 + v * 9 + 2 * np.sin(v * 3 - u * 2)) * np.float32(0.1)
        else:
            part = np.float32(self.person.parting if self.person.hair_style == "parted" else 0.0)
            angle = np.arctan2(u - part, np.float32(-1.15) - v + np.float32(2.6) * ramp(v, -0.9, 0.6))
            angle = (angle * 90).astype(np.int32) % 1021
            strands = np.random.default_rng([self.person.seed, 31]).standard_normal(1021).astype(np.float32)
            straight = strands[angle] * np.float32(0.17)
            knots = cloud(rng, grid.size, 64 if self.curl > 0.5 else 30) * np.float32(0.24)
            flow = straight * np.float32(1 - 0.7 * self.curl) + knots * np.float32(0.25 + 0.75 * self.curl)
        turn = (
            u * np.float32(np.sin(scene.azimuth)) - (v + 0.3) * np.float32(0.7 + np.sin(scene.elevation))
        ) * np.float32(0.55)
        light = np.float32(scene.ambient * 0.75) + np.float32(scene.key) * np.clip(
            np.float32(0.33) + turn, 0.06, 0.95
        )
        sheen = gauss(grid.r - (1.0 + 0.3 * self.top), 0.13) * ramp(v, -0.25, -0.7) * np.clip(0.5 + turn, 0, 1)
        sheen *= np.float32(0.0 if self.scarf else 0.055 * scene.key * (1 - 0.6 * self.curl))
        rim = np.float32(1) - np.float32(0.35) * gauss(grid.r - 0.93, 0.07) * ramp(v, -0.4, 0.2)
        lit = light * (1 + flow) * rim * hue(base)
        return np.asarray(lit + sheen * (1 + 2 * flow))

    def _silhouette(self) -> Array:
        """Signed distance to the outer edge of the hair: negative inside."""
        grid = self.grid
        down = ramp(grid.v, -0.75, 0.05)
        bulge = np.float32(self.top) * (1 - down) + np.float32(self.sides) * down
        if self.curl > 0.5 and self.top > 0.1:
            lumps = np.sin(grid.u * 21 + 2 * np.sin(grid.v * 11)) * np.sin(grid.v * 19 + 2 * np.sin(grid.u * 13))
            bulge = bulge + np.float32(0.018) * lumps
        return np.asarray((grid.r - 1 - bulge) * np.float32(0.8))

    def behind(self, picture: Array) -> None:
        """Hair that hangs behind or beside the face: for the styles that reach below the ear."""
        if self.person.hair_style == "bald":
            return
        grid = self.grid
        if self.reach < 0.3:
            mask = cover(self._silhouette(), grid.soft * 3) * (1 - ramp(grid.v, -0.25, -0.05))
            blend(picture, mask, self.colour * np.float32(0.55))
            return
        v = grid.v
        half = np.float32(self.person.width + self.sides) * (1 - np.float32(0.1) * ramp(v, 0.3, 1.1))
        wave = np.float32(0.02 + 0.03 * self.curl) * np.sin(v * 7 + self.person.seed % 5)
        hang = np.abs(grid.u) - half - wave
        below = cover(hang, grid.soft * 4) * ramp(v, -0.2, 0.0) * (1 - ramp(v, self.reach - 0.08, self.reach + 0.04))
        mask = np.maximum(cover(self._silhouette(), grid.soft * 4), below)
        end = self.reach - np.float32(0.5 if self.curl > 0.5 else 0.0) * ramp(np.abs(grid.u), 0.7, 1.05)
        mask *= 1 - ramp(v - end, -0.02 - 0.2 * self.curl, 0.06)
        shade = np.float32(1) - np.float32(0.62) * (1 - ramp(np.abs(grid.u), 0.42, 0.85))
        blend(picture, mask, self.colour * shade)

    def front(self, picture: Array) -> None:
        """Hair that lies on the face: the hairline, a fringe, locks before the ears."""
        if self.person.hair_style == "bald":
            return
        grid, v = self.grid, self.grid.v
        line = self._hairline()
        edge = 0.012 if self.scarf else 0.05
        mask = 1 - ramp(v - line - self._ragged(), -edge, edge)
        if self.reach > 0.3:
            mask = np.maximum(mask, self._locks())
        mask *= cover(self._silhouette(), grid.soft * (2.5 if self.scarf else 5))
        if self.person.hair_style == "buzz":
            mask = mask * np.float32(0.78)
        # A soft shadow of the hair on the skin below it.
        below = (1 - ramp(v - line, 0.0, 0.12)) * cover((grid.r - 1) * 0.8, grid.soft * 3)
        picture *= 1 - np.float32(0.22) * below
        blend(picture, mask, self.colour)

    def _hairline(self) -> Array:
        """Height of the hairline (size, size) over the distance from the middle of the face."""
        p, side, u = self.person, self.grid.side, self.grid.u
        if self.scarf:
            return np.asarray(np.float32(p.hairline + 0.03) + np.float32(0.25) * ramp(side, 0.35, 0.7))
        temples = np.float32(0.34) * ramp(side, 0.3, 0.72) + np.float32(0.5) * ramp(side, 0.66, 0.78)
        line = np.float32(p.hairline) + temples
        if p.hair_style == "fringe":
            line += np.float32(p.brow_y - 0.1 - p.hairline) * (1 - ramp(side, 0.55, 0.7))
        elif p.hair_style == "parted":
            line += np.float32(0.13) * gauss(u - p.parting * 1.8, 0.3)
            line -= np.float32(0.05) * gauss(u - p.parting, 0.06)
        elif p.hair_style in ("bob", "long"):
            line += np.float32(0.22) * ramp(side, 0.28, 0.6)
        return np.asarray(line)

    def _ragged(self) -> Array:
        side = self.grid.side
        depth = np.float32(0.0 if self.scarf else 0.012)
        teeth = side * 43 + 4 * np.sin(side * 17 + self.person.seed % 97) + 2 * np.sin(side * 97)
        return np.asarray(depth * np.sin(teeth))

    def _locks(self) -> Array:
        """Coverage of the strands that fall before ears and cheeks, or of the scarf's edge."""
        grid, v = self.grid, self.grid.v
        inner = 0.8 if self.scarf else 0.83 if self.person.hair_style == "fringe" else 0.86
        inward = grid.r - np.float32(0.05) * ramp(v, 0.2, 0.8)
        locks = ramp(inward, inner - 0.02, inner + 0.02) * ramp(v, -0.7, -0.4)
        locks *= 1 - ramp(v, self.reach - 0.1, self.reach)
        if self.scarf:
            under_chin = cover((0.93 - grid.r) * 0.8, grid.soft * 3) * ramp(v, 0.4, 0.6)
            return np.asarray(np.maximum(locks, under_chin))
        return np.asarray(locks * (1 - ramp(v, 0.55, 0.95)))


def beard_paint(grid: Grid, picture: Array, light: Array, rng: np.random.Generator) -> None:
    """Beard, moustache or stubble over the lower face; painted before the lips."""
    p, m = grid.shape.identity, grid.shape.mouth
    amount = max(p.beard, 0.42 * p.stubble)
    if amount <= 0:
        return
    side, v = grid.side, grid.v
    lower = ramp(v - np.float32(0.62) + np.float32(0.55) * np.maximum(0, side - 0.3) * -1, -0.02, 0.16)
    cheek = ramp(v + np.float32(0.75) * side, 0.95, 1.12)
    moustache = gauss(v - (m.y - 0.115), 0.055) * (1 - ramp(side, 0.24, 0.36))
    chin_gap = (
        np.float32(0.75)
        * gauss(v - (m.y + m.gap_lower + 0.12), 0.035)
        * ramp(side, 0.05, 0.12)
        * (1 - ramp(side, 0.12, 0.25))
    )
    lips = gauss(v - (m.y + 0.4 * m.gap_lower), 0.075 + 0.5 * m.gap_lower) * (1 - ramp(side, 0.22, 0.34))
    mask = np.maximum(np.maximum(lower * cheek, np.float32(0.3) * lower) * (1 - lips), moustache) - chin_gap
    sideburn = ramp(grid.r, 0.84, 0.93) * ramp(v, 0.0, 0.35)
    mask = np.clip(np.maximum(mask, sideburn * np.float32(0.9)), 0, 1) * ramp(np.float32(1.02) - grid.r, 0.0, 0.03)
    grainy = np.clip(np.float32(0.88) + np.float32(0.16) * cloud(rng, grid.size, 130), 0, 1.1)
    shade = np.float32(0.2) + np.float32(0.75) * np.clip(light, 0, 1.2)
    hair = np.array(p.hair, np.float32) * np.float32(0.8)
    blend(picture, np.clip(mask * grainy * np.float32(amount), 0, 0.96), shade * hue(hair))


def glasses_paint(grid: Grid, picture: Array) -> None:
    """Thin frames before the eyes, with a faint reflection."""
    p = grid.shape.identity
    if not p.glasses:
        return
    at = grid.patch(-0.85, 0.85, -0.3, 0.3)
    region, side, v = part(picture, at), grid.side[at], grid.v[at]
    if not region.size:
        return
    dx, dy = np.abs(side - np.float32(p.eye_x + 0.01)) / 0.265, np.abs(v - 0.025) / 0.185
    power = 4 if p.seed % 2 else 2.4
    rim = (dx**power + dy**power) ** np.float32(1 / power) - 1
    frame = cover(np.abs(rim) * 0.2 - 0.012, grid.soft * 2)
    bridge = cover(np.abs(v + 0.03 + 0.5 * side * side) - 0.012, grid.soft * 2) * (side < p.eye_x - 0.25)
    arms = cover(np.abs(v + 0.04) - 0.012, grid.soft * 2) * (side > p.eye_x + 0.26) * (grid.r[at] < 1.0)
    lens = cover(rim * 0.2, grid.soft * 2)
    sheen = lens * gauss(grid.u[at] * 0.6 - v + 0.1, 0.05) * np.float32(0.05)
    region += sheen
    dark = (0.02, 0.018, 0.018) if p.seed % 3 else (0.12, 0.07, 0.03)
    blend(region, np.clip(frame + bridge + arms, 0, 1) * np.float32(0.92), dark)
