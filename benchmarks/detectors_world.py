"""The ictau stills as benchmarks/detectors.py trains on them: pictures, and four kinds of labels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.ictau_features import cache_kept, labels_read, table_read
from clustering.algorithms.pipeline import weakly_supervised_clustering
from trainer.algorithms.faces import FaceArray
from trainer.algorithms.features import FeatureSettings, features_extract

SIZE = 64
VALIDATION = 400
QUICK = 600  # stills


@dataclass(frozen=True)
class World:
    """N stills, A AUs; rows are positions."""

    cache: FaceArray
    aus: list[int]
    reference: NDArray[np.int8]
    """(N, A), −1 unknown."""
    codes: dict[str, Callable[[], NDArray[np.int8]]]
    """What makes the (N, A) codes of the other stills: weak, reannotated, true. Re-annotation takes minutes."""
    train: NDArray[np.intp]
    """Reference stills to train on."""
    validation: NDArray[np.intp]
    """Reference stills that set thresholds and choose settings."""
    test: NDArray[np.intp]
    others: NDArray[np.intp]
    """Stills without reference labels."""
    quick: bool

    def labels(self, name: str) -> NDArray[np.int8]:
        """(N, A): the reference codes, and for the other stills those of this name ("reference": none)."""
        if name == "reference":
            return self.reference
        labels = self.reference.copy()
        labels[self.others] = self.codes[name]()[self.others]
        return labels


def world_load(data: Path, work: Path, quick: bool) -> World:
    """Pictures and labels; the re-annotated ones are made once and kept in the work folder."""
    stills = table_read(data / "stills.csv")[: QUICK if quick else None]
    aus = [int(name[2:]) for name in stills[0] if name.startswith("AU")]
    images = [row["image"] for row in stills]
    split = np.array([row["split"] for row in stills])
    cache = cache_kept(data, images, SIZE, work)
    given = labels_read(stills, aus)
    weak = labels_read(table_read(data / "weak.csv")[: len(stills)], aus)
    truth = {row["image"]: row for row in table_read(data / "truth.csv")}
    order = np.random.default_rng(0).permutation(np.flatnonzero(split == "train_gt"))
    kept = min(VALIDATION, len(order) // 5)
    reference = np.where((split == "unlabelled")[:, None], -1, given).astype(np.int8)
    others = np.flatnonzero(split == "unlabelled")
    codes = {
        "weak": lambda: weak,
        "reannotated": lambda: proposals_make(data, work, cache, split, given, weak),
        # the ceiling: what perfect labels of the other stills would give; used by nothing else
        "true": lambda: labels_read([truth[image] for image in images], aus),
    }
    return World(
        cache,
        aus,
        reference,
        codes,
        np.sort(order[kept:]),
        np.sort(order[:kept]),
        np.flatnonzero(split == "test"),
        others,
        quick,
    )


def proposals_make(
    data: Path,
    work: Path,
    cache: FaceArray,
    split: NDArray[np.str_],
    given: NDArray[np.int8],
    weak: NDArray[np.int8],
) -> NDArray[np.int8]:
    """Proposals (N, A) of weakly supervised clustering as the app makes them: features from the reference
    stills, every other setting the default; −1 for the stills it sets apart and for test stills."""
    path = work / "proposals.npy"
    if path.exists():
        stored: NDArray[np.int8] = np.load(path)
        return stored
    train = split == "train_gt"
    settings = FeatureSettings(shown=2_000, student_shown=2_000) if len(cache) <= QUICK else FeatureSettings()
    seen = features_extract(cache, given, train, np.full(len(cache), -1), settings, study_rows=split != "test")
    rows = np.flatnonzero(split != "test")
    table = table_read(data / "weak.csv")[: len(cache)]
    aus = [name for name in table[0] if name.endswith("_prob")]
    probability = np.array([[float(row[name]) for name in aus] for row in table], dtype=np.float32)
    result = weakly_supervised_clustering(
        seen.features[rows],
        weak[rows],
        weak_probability=probability[rows],
        scores=seen.scores[rows],
        reference=np.where(train[rows, None], given[rows], -1).astype(np.int8),
    )
    proposals = np.full(weak.shape, -1, dtype=np.int8)
    proposals[rows] = np.where(result.membership == 0, -1, result.proposal)
    np.save(path, proposals)
    return proposals
