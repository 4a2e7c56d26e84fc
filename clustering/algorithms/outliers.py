"""Faces that look like noise (no face) or outliers (blurred, dark, turned away), ranked by several signals.

A cluster of one face alone (delta = 1 in Zhao et al. 2018) finds few of them. Each signal here is measured in
robust standard deviations from typical faces: from the reference faces where there are enough, since coders
have looked at these, else from all.
"""

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

LEAST_TYPICAL = 200
"""Reference faces needed for them to define what is typical."""
REASON_FROM = 2.5
"""Robust standard deviations from which a signal is named as a reason."""


class OutlierReason(IntFlag):
    """Why a face ranks high; several may hold. The bits are stored: never renumber them."""

    FAR = 1
    FEW_MUTUAL = 2
    ALONE = 4
    DISAGREEMENT = 8
    BLURRED = 16
    SHARP = 32
    DARK = 64
    BRIGHT = 128


REASON_WORDS = {
    OutlierReason.FAR: "unlike any other face here",
    OutlierReason.FEW_MUTUAL: "its look-alikes resemble others more",
    OutlierReason.ALONE: "in no cluster for almost every AU",
    OutlierReason.DISAGREEMENT: "the weak labels don't go with the picture",
    OutlierReason.BLURRED: "little fine detail, perhaps blurred",
    OutlierReason.SHARP: "very rough, perhaps a pattern or noise",
    OutlierReason.DARK: "much darker than most",
    OutlierReason.BRIGHT: "much brighter than most",
}


@dataclass(frozen=True)
class OutlierSignals:
    """One number per face and signal, all (N,); None where a signal is not known."""

    kth_distance: FloatArray
    mutual_share: FloatArray
    """Share of a face's neighbours that list it too."""
    alone_share: FloatArray
    """Share of the partitions in which the face fits no cluster."""
    disagreement: FloatArray | None
    sharpness: FloatArray | None
    brightness: FloatArray | None


@dataclass(frozen=True)
class Outliers:
    score: FloatArray
    """(N,) in [0, 1], higher is odder; only the order has meaning across data sets."""
    reasons: NDArray[np.uint32]
    """(N,) bits of `OutlierReason`."""


def outlier_rank(signals: OutlierSignals, typical: NDArray[np.bool_] | None = None) -> Outliers:
    """Score faces by how far their signals lie out; `typical` (N,) marks faces known to be good."""
    n = len(signals.kth_distance)
    if typical is None or typical.sum() < LEAST_TYPICAL:
        typical = np.ones(n, bool)
    tails = _tails(signals, typical)
    total = np.zeros(n)
    reasons = np.zeros(n, np.uint32)
    for reason, weight, z in tails:
        # Soft square: within the usual spread a signal says next to nothing, far out it rules.
        total += weight * np.square(np.clip(z - 1.0, 0.0, 6.0)) + 0.02 * weight * np.clip(z, -2.0, 2.0)
        reasons[z >= REASON_FROM] |= np.uint32(reason)
    total -= total.min() if n else 0.0
    return Outliers((1.0 - np.exp(-total / 12.0)).astype(np.float32), reasons)


def _tails(s: OutlierSignals, typical: NDArray[np.bool_]) -> list[tuple[OutlierReason, float, NDArray[np.float64]]]:
    far = _robust(np.log(np.maximum(s.kth_distance, 1e-6)), typical)
    few = -_robust(np.sqrt(s.mutual_share), typical)
    alone = 3.0 * s.alone_share.astype(np.float64)
    tails = [
        (OutlierReason.FAR, 1.0, far),
        (OutlierReason.FEW_MUTUAL, 0.5, few),
        (OutlierReason.ALONE, 0.5, alone),
    ]
    if s.disagreement is not None:
        tails.append((OutlierReason.DISAGREEMENT, 1.0, _robust(s.disagreement, typical)))
    if s.sharpness is not None:
        sharp = _robust(np.log(np.maximum(s.sharpness, 1e-6)), typical)
        tails += [(OutlierReason.BLURRED, 1.0, -sharp), (OutlierReason.SHARP, 0.5, sharp)]
    if s.brightness is not None:
        bright = _robust(np.log(np.maximum(s.brightness, 1e-6)), typical)
        tails += [(OutlierReason.DARK, 1.0, -bright), (OutlierReason.BRIGHT, 0.5, bright)]
    return tails


def _robust(values: NDArray[np.floating], typical: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance from the typical median in robust standard deviations; 0 for NaN and for a constant signal."""
    v = np.asarray(values, dtype=np.float64)
    base = v[typical & np.isfinite(v)]
    if not len(base):
        return np.zeros(len(v))
    middle = float(np.median(base))
    low, high = np.quantile(base, [0.16, 0.84])
    spread = (high - low) / 2
    if spread <= 1e-9:
        spread = float(base.std())
    if spread <= 1e-9:
        return np.zeros(len(v))
    return np.where(np.isfinite(v), (v - middle) / spread, 0.0)


def outlier_reasons_told(bits: int) -> list[str]:
    """The reasons of a face in words, in the order of their bits; empty when none stands out."""
    return [words for reason, words in REASON_WORDS.items() if bits & reason]
