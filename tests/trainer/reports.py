"""Reports of detectors as trainings leave them: drawn codes and scores, judged by the real evaluation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.algorithms.evaluation import evaluate
from trainer.algorithms.sampling import composition, epoch_batches
from trainer.algorithms.thresholds import thresholds_choose

EIGHTEEN = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 43)


def codes_draw(
    aus: int, faces: int, subjects: int, *, skill: float = 1.5, seed: int = 0
) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.int64]]:
    """labels (N, A) of AUs that come together in threes and grow rarer, scores (N, A) that tell them apart the
    better the higher the skill, and subjects (N,)."""
    draw = np.random.default_rng(seed)
    groups = np.sort(draw.integers(0, subjects, faces))
    company = draw.normal(size=(faces, (aus + 2) // 3)).repeat(3, axis=1)[:, :aus]
    own = draw.normal(size=(faces, aus)) + 0.3 * draw.normal(size=(subjects, aus))[groups]
    strength = 0.75 * company + 0.6 * own
    labels = (strength > np.quantile(strength, np.linspace(0.55, 0.97, aus), axis=0).diagonal()).astype(np.int8)
    labels[draw.random((faces, aus)) < 0.05] = -1
    seen = skill * (strength - 1.0) + draw.normal(size=(faces, aus))
    return labels, (1 / (1 + np.exp(-1.4 * seen))).astype(np.float32), groups


def training_made(aus: int, *, epochs: int = 12, seed: int = 0) -> dict[str, Any]:
    """What the training loop reports of one network."""
    draw = np.random.default_rng(seed)
    falls = [0.55 * 0.8**epoch + 0.06 for epoch in range(epochs)]
    checks = [loss + 0.02 + 0.004 * epoch for epoch, loss in enumerate(falls)]
    offsets = draw.uniform(-0.2, 0.15, aus)
    f1 = [[max(0.0, 0.75 - loss + offset + draw.normal(0, 0.02)) for offset in offsets] for loss in falls]
    return {
        "faces": 1800, "unlabelled": 0, "validation": 200, "epochs": epochs,
        "best_epoch": int(np.argmin(checks)) + 1, "steps": 60 * epochs, "losses": falls,
        "validation_losses": checks, "validation_f1": f1, "seconds": 75.0, "examples_per_second": 290.0,
        "device": "cpu", "precision": "float32", "processes": 1,
    }  # fmt: skip


def report_made(
    aus: Sequence[int] = EIGHTEEN,
    *,
    faces: int = 240,
    subjects: int = 12,
    folds: int = 3,
    skill: float = 1.5,
    seed: int = 0,
    test: bool = True,
    sampler: str = "stratified",
) -> dict[str, Any]:
    """A whole report, with thresholds chosen on other faces than those they judge."""
    count = len(aus)
    labels, scores, groups = codes_draw(count, faces, subjects, skill=skill, seed=seed)
    # the codes of test faces are the same for every detector, its scores aren't
    others, judged, strangers = codes_draw(count, faces // 2, subjects, skill=skill, seed=99)
    thresholds = thresholds_choose(labels, scores)
    fold = (groups % folds).astype(np.int16)
    batches = epoch_batches(sampler, labels, 16, max(2, faces // 16), (seed, 0))
    report = {
        "cross_validation": evaluate(labels, scores, groups, thresholds=thresholds, folds=fold, resamples=40),
        "test": evaluate(others, judged, strangers, thresholds=thresholds, resamples=40) if test else None,
        "trainings": {
            **{f"fold-{number}": training_made(count, seed=number) for number in range(folds)},
            "detector": training_made(count, epochs=10, seed=folds),
        },
        "machine": {"device": "cpu", "precision": "float32", "threads": 2, "seconds": 754.2},
        "composition": {"sampler": sampler, "batches": composition(labels, batches).tolist()},
    }
    return report if test else {**report, "test_why": "No test face has a consensus, coder or reference code."}


def brief_report_made(aus: int = 2) -> dict[str, Any]:
    """The report of a detector made along with a feature set; the last AU is present in no face."""
    rows = [{"known": 90, "positives": 30, "auc": 0.91, "f1": 0.66, "f1_base_rate": 0.7} for _au in range(aus)]
    rows[-1] = {"known": 90, "positives": 0, "auc": None, "f1": None, "f1_base_rate": None}
    stage = {"faces": 60, "epochs": 3, "best_epoch": 3, "losses": [0.6, 0.5, 0.4], "held_out": [], "seconds": 4.5}
    return {
        "faces": 120, "train_faces": 90, "studied_faces": 30, "folds": 3, "seed": 0,
        "settings": {"folds": 3, "network": "alexnet_small", "training": {"epochs": 3}},
        "aus": rows, "stages": {"fold-0": stage, "features": stage}, "seconds": 31.5,
    }  # fmt: skip
