"""What a drawn face is made of: who it is, how the picture was taken, and which action units act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

AUS: tuple[int, ...] = (1, 2, 4, 5, 6, 9, 12, 15, 17, 25, 26, 43)
PRESENT_FROM = 2.0  # intensity B; a trace (A) counts as absent

Domain = Literal["wild", "lab"]
Kind = Literal["face", "noise", "outlier"]
# Odds of the styles below, in their order.
_STYLES_OF_MEN = (0.1, 0.2, 0.27, 0.25, 0.0, 0.0, 0.0, 0.03, 0.15, 0.0)
_STYLES_OF_WOMEN = (0.0, 0.03, 0.05, 0.1, 0.2, 0.12, 0.18, 0.17, 0.1, 0.05)
HAIR_STYLES = ("bald", "buzz", "short", "parted", "tied", "fringe", "bob", "long", "curly", "scarf")


@dataclass(frozen=True)
class Identity:
    """One person's looks. Lengths are in head units: the eye line is y = 0, y runs down, the face is
    about 1.6 units wide and 2.4 high."""

    seed: int
    masculine: float
    age: float
    skin: float
    undertone: float
    width: float
    jaw: float
    chin_y: float
    chin_w: float
    hairline: float
    eye_x: float
    eye_w: float
    eye_open: float
    eye_tilt: float
    eye_crease: float
    iris: tuple[float, float, float]
    brow_y: float
    brow_thick: float
    brow_arch: float
    brow_slant: float
    nose_y: float
    nose_w: float
    nose_h: float
    mouth_y: float
    mouth_w: float
    lip_upper: float
    lip_lower: float
    lip_colour: float
    cheek: float
    ears: float
    neck: float
    hair: tuple[float, float, float]
    hair_style: str
    hair_volume: float
    parting: float
    beard: float
    stubble: float
    glasses: bool
    freckles: float
    make_up: float
    skew: tuple[float, float]
    cloth: tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """How one picture was taken: pose in radians, light, frame, background and camera."""

    seed: int
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    azimuth: float = 0.35
    elevation: float = 0.45
    key: float = 0.9
    ambient: float = 0.42
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    background: str = "studio"
    gaze: tuple[float, float] = (0.0, 0.0)
    sides: tuple[float, float] = (1.0, 1.0)
    blur: float = 0.35
    grain: float = 0.006
    exposure: float = 1.0


@dataclass(frozen=True)
class FaceSpec:
    """Everything one picture depends on; equal specs give equal pixels.

    `person` and `scene` are seeds. `intensities` holds (AU, 0..5) pairs; an AU left out is 0.
    `subkind` names the motif of a noise picture or what is wrong with an outlier.
    """

    person: int
    scene: int
    intensities: tuple[tuple[int, float], ...] = ()
    domain: Domain = "wild"
    kind: Kind = "face"
    subkind: str = ""

    def __post_init__(self) -> None:
        for au, value in self.intensities:
            if au not in AUS or not 0 <= value <= 5:
                raise ValueError(f"AU{au} at {value!r}: the renderer draws {AUS} at 0 to 5")


HAIR = (
    (24, 18, 16), (38, 27, 22), (62, 41, 28), (92, 60, 36), (128, 88, 52), (178, 138, 88),
    (205, 172, 120), (140, 62, 30), (150, 148, 146), (205, 204, 202),
)  # fmt: skip
IRIS = (
    (50, 30, 18), (72, 44, 24), (104, 70, 36), (112, 104, 58), (82, 112, 92), (86, 122, 152), (112, 124, 134),
)  # fmt: skip
CLOTH = (
    (40, 48, 66), (30, 30, 34), (214, 212, 208), (120, 44, 48), (58, 92, 84), (88, 104, 140), (168, 150, 126),
    (196, 160, 70), (104, 82, 110), (70, 120, 150),
)  # fmt: skip


def linear(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    """An sRGB colour (0..255) as linear light (0..1)."""
    r, g, b = ((c / 255) ** 2.2 for c in colour)
    return (r, g, b)


def identity_draw(seed: int) -> Identity:
    """The person of this seed, anywhere in the human range of skin, hair and shape."""
    rng = np.random.default_rng([seed, 11])

    def near(mean: float, spread: float) -> float:
        return float(mean + spread * np.clip(rng.standard_normal(), -2, 2))

    masculine, age, skin = float(rng.random()), float(rng.beta(1.5, 2.4)), float(rng.random())
    man = masculine > 0.5
    # Light hair and eyes go with light skin; grey comes with age.
    hair = int(rng.choice(8, p=_weights(8, 6.0 * (1 - skin) ** 1.9)))
    if age > 0.5 and rng.random() < (age - 0.4) * 1.4:
        hair = int(rng.integers(8, 10))
    iris = int(rng.choice(7, p=_weights(7, 5.0 * (1 - skin) ** 2.2)))
    odds = np.array(_STYLES_OF_MEN if man else _STYLES_OF_WOMEN)
    style = str(rng.choice(HAIR_STYLES, p=odds / odds.sum()))
    bearded = man and rng.random() < 0.3
    return Identity(
        seed=seed, masculine=masculine, age=age, skin=skin, undertone=near(0, 1),
        width=near(0.775 + 0.02 * masculine, 0.03), jaw=near(0.5 + 0.085 * masculine, 0.032),
        chin_y=near(1.115 + 0.06 * masculine, 0.035), chin_w=near(0.24 + 0.08 * masculine, 0.03),
        hairline=near(-0.66, 0.05), eye_x=near(0.365, 0.016), eye_w=near(0.2, 0.011),
        eye_open=near(0.094 - 0.014 * masculine, 0.009), eye_tilt=near(0.01, 0.014),
        eye_crease=float(np.clip(near(0.045, 0.02), 0.006, 0.09)), iris=linear(IRIS[iris]),
        brow_y=near(-0.245 + 0.02 * masculine, 0.02), brow_thick=near(0.026 + 0.013 * masculine, 0.006),
        brow_arch=near(0.045 - 0.02 * masculine, 0.012), brow_slant=near(0.0, 0.015),
        nose_y=near(0.49, 0.025), nose_w=near(0.115 + 0.02 * masculine + 0.02 * skin, 0.014),
        nose_h=near(0.14, 0.02), mouth_y=near(0.76, 0.02), mouth_w=near(0.285, 0.018),
        lip_upper=near(0.058 + 0.014 * skin - 0.012 * masculine, 0.011),
        lip_lower=near(0.08 + 0.014 * skin - 0.012 * masculine, 0.012),
        lip_colour=near(0.5, 0.18), cheek=near(0.5, 0.25), ears=near(1.0, 0.12),
        neck=near(0.4 + 0.1 * masculine, 0.03), hair=linear(HAIR[hair]), hair_style=style,
        hair_volume=near(1.0, 0.25), parting=float(rng.choice([-1, 1])) * near(0.22, 0.06),
        beard=float(rng.uniform(0.55, 1)) if bearded else 0.0,
        stubble=float(rng.uniform(0.1, 0.7)) if man and not bearded and rng.random() < 0.5 else 0.0,
        glasses=bool(rng.random() < 0.12), freckles=float(max(0, near(-0.3, 0.6) * (1 - skin))),
        make_up=0.0 if man else float(np.clip(near(0.35, 0.3), 0, 1)),
        skew=(near(0, 0.012), near(0, 0.012)), cloth=linear(CLOTH[int(rng.integers(10))]),
    )  # fmt: skip


def _weights(count: int, reach: float) -> np.ndarray:
    """Falling odds over a palette sorted from dark to light; `reach` is how far they stretch."""
    odds = np.exp(-np.arange(count) / (0.6 + reach))
    return np.asarray(odds / odds.sum())


BACKGROUNDS = ("studio", "gradient", "bokeh", "room", "outdoor", "wall")
TINTS = ((1.0, 1.0, 1.0), (1.1, 0.99, 0.84), (0.92, 1.0, 1.1), (1.05, 1.0, 0.94))


def scene_draw(seed: int, domain: Domain = "wild") -> Scene:
    """The circumstances of one picture. The lab is even, frontal and plain; the wild is anything else."""
    rng = np.random.default_rng([seed, 23])
    if domain == "lab":
        return Scene(
            seed=seed, yaw=float(rng.normal(0, 0.1)), pitch=float(rng.normal(0, 0.05)),
            roll=float(rng.normal(0, 0.03)), zoom=float(rng.uniform(0.96, 1.06)),
            shift=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.02))),
            azimuth=float(rng.normal(0, 0.35)), elevation=0.4, background="plain", key=0.75, ambient=0.5,
        )  # fmt: skip
    sides = np.clip(1 + 0.09 * rng.standard_normal(2), 0.75, 1.25)
    return Scene(
        seed=seed,
        yaw=float(np.clip(rng.normal(0, 0.15), -0.42, 0.42)),
        pitch=float(np.clip(rng.normal(0, 0.08), -0.22, 0.22)),
        roll=float(rng.normal(0, 0.05)), zoom=float(rng.uniform(0.95, 1.08)),
        shift=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.022))),
        azimuth=float(rng.uniform(-1.15, 1.15)), elevation=float(rng.uniform(0.05, 0.85)),
        key=float(rng.uniform(0.55, 1.1)), ambient=float(rng.uniform(0.24, 0.52)),
        tint=TINTS[int(rng.integers(len(TINTS)))], background=str(rng.choice(BACKGROUNDS)),
        gaze=(float(rng.normal(0, 0.2)), float(rng.normal(0, 0.1))),
        sides=(float(sides[0]), float(sides[1])), blur=float(rng.gamma(2.0, 0.16)),
        grain=float(rng.uniform(0.002, 0.011)), exposure=float(np.exp(rng.normal(0, 0.13))),
    )  # fmt: skip
