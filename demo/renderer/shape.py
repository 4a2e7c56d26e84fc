"""Landmarks of one face: the person's resting shape, displaced by the action units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .spec import Identity, Scene

Array = np.ndarray
TABLE = 512


@dataclass(frozen=True)
class Brow:
    """Brow centre line on one side: heights at its inner end, its arch and its outer end."""

    x_in: float
    x_out: float
    y_in: float
    y_mid: float
    y_out: float
    thick: float


@dataclass(frozen=True)
class Eye:
    """One eye: centre, half width, and how far the lids stand above and below the eye line."""

    x: float
    y: float
    half: float
    upper: float
    lower: float
    tilt: float
    crease: float
    closed: float


@dataclass(frozen=True)
class Mouth:
    """Mouth: corners on both sides, gap between the lips, thickness of both lips."""

    y: float
    x_left: float
    x_right: float
    corner_left: float
    corner_right: float
    arch: float
    gap_upper: float
    gap_lower: float
    upper: float
    lower: float
    stretch: float


@dataclass(frozen=True)
class Shape:
    """All landmarks of one face. `force` maps every AU to 0..1 on the (left, right) picture side."""

    identity: Identity
    force: dict[int, tuple[float, float]]
    brows: tuple[Brow, Brow]
    eyes: tuple[Eye, Eye]
    mouth: Mouth
    nose_tip: float
    nose_base: float
    nose_w: float
    chin_y: float
    jaw_drop: float
    outline: Array  # (TABLE,) radius of the head outline over the cosine of the angle, head units

    def mean(self, au: int) -> float:
        """Force of one AU, 0..1, over both sides."""
        return (self.force[au][0] + self.force[au][1]) / 2


CENTRE_Y = 0.12  # the head outline is a polar curve around (0, CENTRE_Y)


def shape_of(identity: Identity, scene: Scene, intensities: dict[int, float]) -> Shape:
    """Displace the resting landmarks of a person by AU intensities (0..5)."""
    left, right = scene.sides
    # The first grades already move the skin well: B is near half of E.
    grades = {au: (value / 5) ** 0.8 for au, value in intensities.items()}
    force = {au: (min(1.15, grade * left), min(1.15, grade * right)) for au, grade in grades.items()}
    drop = 0.2 * _both(force, 26)
    lift = _both(force, 9)
    return Shape(
        identity=identity,
        force=force,
        brows=(_brow(identity, force, 0), _brow(identity, force, 1)),
        eyes=(_eye(identity, force, intensities[43], 0), _eye(identity, force, intensities[43], 1)),
        mouth=_mouth(identity, force, drop),
        nose_tip=identity.nose_y - 0.085 - 0.035 * lift,
        nose_base=identity.nose_y - 0.045 * lift,
        nose_w=identity.nose_w * (1 + 0.16 * lift + 0.1 * _both(force, 12)),
        chin_y=identity.chin_y + drop,
        jaw_drop=drop,
        outline=_outline(identity, drop, _both(force, 12)),
    )


def _both(force: dict[int, tuple[float, float]], au: int) -> float:
    return (force[au][0] + force[au][1]) / 2


def _brow(p: Identity, force: dict[int, tuple[float, float]], side: int) -> Brow:
    one, two, four, six, nine = (force[au][side] for au in (1, 2, 4, 6, 9))
    return Brow(
        x_in=0.15 - 0.055 * four - 0.012 * nine + 0.012 * two,
        x_out=0.585,
        y_in=p.brow_y + 0.012 - 0.135 * one - 0.01 * two + 0.085 * four + 0.035 * nine,
        y_mid=p.brow_y - p.brow_arch - 0.045 * one - 0.115 * two + 0.075 * four + 0.02 * nine,
        y_out=p.brow_y + 0.035 + p.brow_slant + 0.015 * one - 0.115 * two + 0.03 * four + 0.015 * six,
        thick=p.brow_thick * (1 + 0.12 * four),
    )


def _eye(p: Identity, force: dict[int, tuple[float, float]], shut: float, side: int) -> Eye:
    four, five, six, nine, twelve = (force[au][side] for au in (4, 5, 6, 9, 12))
    closed = min(1.0, (shut / 2) ** 1.7)
    upper = p.eye_open * (1 + 0.72 * five - 0.12 * four - 0.2 * six - 0.14 * nine)
    lower = p.eye_open * 0.62 * (1 + 0.12 * five - 0.72 * six - 0.3 * nine - 0.08 * twelve)
    return Eye(
        x=p.eye_x, y=-0.004 * five, half=p.eye_w * (1 - 0.04 * six),
        upper=upper * (1 - closed) - lower * 0.55 * closed, lower=lower, tilt=p.eye_tilt,
        crease=p.eye_crease * (1 - 0.5 * five) + 0.05 * closed, closed=closed,
    )  # fmt: skip


def _mouth(p: Identity, force: dict[int, tuple[float, float]], drop: float) -> Mouth:
    nine, twelve, chin, part = (_both(force, au) for au in (9, 12, 17, 25))
    opened = 0.075 * part
    y = p.mouth_y + 0.03 * drop - 0.055 * chin - 0.012 * nine

    def reach(side: int) -> float:
        return p.mouth_w + 0.085 * force[12][side] - 0.005 * force[15][side] - 0.02 * chin - 0.1 * drop

    def corner(side: int) -> float:
        return -0.022 - 0.092 * force[12][side] + 0.095 * force[15][side] + 0.034 * chin + 0.35 * drop

    return Mouth(
        y=y, x_left=reach(0), x_right=reach(1), corner_left=corner(0), corner_right=corner(1),
        arch=0.03 * twelve - 0.03 * chin,
        gap_upper=opened * 0.4 + 0.028 * nine * min(1.0, part * 3) + 0.04 * drop * (part > 0),
        gap_lower=opened * 0.75 + 0.8 * drop,
        upper=p.lip_upper * (1 - 0.28 * twelve - 0.12 * nine - 0.25 * chin - 0.1 * part),
        lower=p.lip_lower * (1 - 0.2 * twelve + 0.3 * chin - 0.1 * part),
        stretch=twelve,
    )  # fmt: skip


def _outline(p: Identity, drop: float, smile: float) -> Array:
    """Polar outline of the head as a table over the cosine of the angle to the chin."""
    wide, jaw = p.width + 0.012 * smile, p.jaw
    half = np.array([
        (0.0, -1.13), (0.42, -1.04), (0.66, -0.79), (wide - 0.03, -0.45), (wide, -0.1), (wide - 0.015, 0.25),
        (0.45 * wide + 0.55 * jaw + 0.035, 0.62), (jaw, 0.86), (p.chin_w + 0.09, p.chin_y - 0.11),
        (p.chin_w * 0.55, p.chin_y - 0.015), (0.0, p.chin_y),
    ])  # fmt: skip
    half[:, 1] += drop * np.clip((half[:, 1] - 0.45) / 0.7, 0, 1)
    dy = half[:, 1] - CENTRE_Y
    angle = np.arctan2(half[:, 0], dy)  # 0 at the chin, pi at the crown
    radius = np.hypot(half[:, 0], dy)
    order = np.argsort(angle)
    fine = np.linspace(0, np.pi, 256)
    r = np.interp(fine, angle[order], radius[order])
    kernel = np.exp(-0.5 * (np.arange(-24, 25) / 9.0) ** 2)
    padded = np.concatenate([r[24:0:-1], r, r[-2:-26:-1]])  # mirrored: the outline is smooth at both poles
    r = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    cosine = np.linspace(-1, 1, TABLE)
    return np.interp(np.arccos(cosine), fine, r).astype(np.float32)
