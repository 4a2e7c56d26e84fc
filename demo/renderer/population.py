"""The people of the demo and what their faces do: emotions, action units, splits, odd pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .odd import NOISE, OUTLIERS
from .spec import AUS, PRESENT_FROM, FaceSpec

FACES_PER_SUBJECT = 20
NOISE_SHARE = 0.035
OUTLIER_SHARE = 0.035
SPLITS = (("train_gt", 0.20), ("test", 0.15))  # by subject; the rest is unlabelled

# emotion: (share, {AU: odds that it acts})
EMOTIONS: dict[str, tuple[float, dict[int, float]]] = {
    "happiness": (0.22, {6: 0.72, 12: 0.93, 25: 0.6, 26: 0.08}),
    "sadness": (0.11, {1: 0.7, 4: 0.45, 15: 0.74, 17: 0.45, 43: 0.14}),
    "surprise": (0.12, {1: 0.82, 2: 0.84, 5: 0.6, 25: 0.9, 26: 0.7}),
    "fear": (0.07, {1: 0.76, 2: 0.5, 4: 0.6, 5: 0.7, 25: 0.72, 26: 0.2}),
    "anger": (0.1, {4: 0.88, 5: 0.22, 9: 0.2, 17: 0.3, 25: 0.16}),
    "disgust": (0.1, {9: 0.85, 17: 0.4, 4: 0.25, 6: 0.25, 25: 0.25}),
    "neutral": (0.28, {43: 0.09}),
}
EXTRAS = {
    1: 0.02,
    2: 0.02,
    4: 0.03,
    5: 0.01,
    6: 0.02,
    9: 0.01,
    12: 0.04,
    15: 0.015,
    17: 0.02,
    25: 0.06,
    26: 0.02,
    43: 0.05,
}
TRACE = 0.07


@dataclass(frozen=True)
class FaceRow:
    """One picture of the demo: where it lies, whom it shows, and how it is drawn."""

    image: str
    subject: str
    emotion: str
    split: str
    spec: FaceSpec

    @property
    def occurrence(self) -> tuple[int, ...]:
        """Which of AUS are present, 0 or 1; all 0 where there is no face."""
        values = dict(self.spec.intensities)
        return tuple(int(values.get(au, 0.0) >= PRESENT_FROM) for au in AUS)


def intensities_draw(emotion: str, rng: np.random.Generator) -> tuple[tuple[int, float], ...]:
    """AU intensities of one face: the emotion's prototype with drop-outs, extras and traces."""
    acting = EMOTIONS[emotion][1]
    values: dict[int, float] = {}
    for au in AUS:
        odds = max(acting.get(au, 0.0), EXTRAS[au])
        if rng.random() < odds:
            values[au] = float(PRESENT_FROM + (5 - PRESENT_FROM) * rng.beta(1.5, 1.7))
        elif rng.random() < TRACE:
            values[au] = float(rng.uniform(0.4, 1.5))
    if values.get(26, 0) >= PRESENT_FROM:
        values[25] = max(values.get(25, 0.0), PRESENT_FROM)
    elif values.get(26, 0) > 0 and values.get(25, 0) < PRESENT_FROM:
        del values[26]
    if values.get(43, 0) >= PRESENT_FROM:
        values.pop(5, None)
    elif values.get(5, 0) >= PRESENT_FROM:
        values.pop(43, None)
    if values.get(12, 0) > 0 and values.get(15, 0) > 0 and rng.random() < 0.85:
        values.pop(15 if acting.get(12, 0) >= acting.get(15, 0) else 12)
    return tuple(sorted((au, round(value, 3)) for au, value in values.items()))


def population(faces: int, seed: int) -> list[FaceRow]:
    """All rows of a demo data set, subject by subject; odd pictures only among the unlabelled."""
    subjects = max(3, round(faces / FACES_PER_SUBJECT))
    splits = _splits(subjects, seed)
    rows = [_row(index, index * subjects // faces, splits, seed) for index in range(faces)]
    loose = [i for i, row in enumerate(rows) if row.split == "unlabelled"]
    rng = np.random.default_rng([seed, 5])
    rng.shuffle(loose)
    noise, outliers = round(NOISE_SHARE * faces), round(OUTLIER_SHARE * faces)
    for k, at in enumerate(loose[: noise + outliers]):
        rows[at] = _odd(rows[at], k, k < noise)
    return rows


def _splits(subjects: int, seed: int) -> list[str]:
    order = np.random.default_rng([seed, 3]).permutation(subjects)
    splits = ["unlabelled"] * subjects
    start = 0
    for name, share in SPLITS:
        count = max(1, round(share * subjects))
        for at in order[start : start + count]:
            splits[at] = name
        start += count
    return splits


def _row(index: int, person: int, splits: list[str], seed: int) -> FaceRow:
    rng = np.random.default_rng([seed, 7, index])
    names = list(EMOTIONS)
    shares = np.array([EMOTIONS[name][0] for name in names])
    emotion = str(rng.choice(names, p=shares / shares.sum()))
    subject = f"S{person + 1:03d}"
    spec = FaceSpec(
        person=seed * 100_003 + person,
        scene=int(rng.integers(2**31)),
        intensities=intensities_draw(emotion, rng),
    )
    return FaceRow(f"{subject}/{index + 1:04d}.jpg", subject, emotion, splits[person], spec)


def _odd(row: FaceRow, k: int, noise: bool) -> FaceRow:
    if noise:
        spec = FaceSpec(row.spec.person, row.spec.scene, kind="noise", subkind=NOISE[k % len(NOISE)])
    else:
        subkind = OUTLIERS[k % len(OUTLIERS)]
        spec = FaceSpec(row.spec.person, row.spec.scene, row.spec.intensities, kind="outlier", subkind=subkind)
    return FaceRow(row.image, row.subject, row.emotion, row.split, spec)
