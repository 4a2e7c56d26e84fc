"""Cross-validation folds that keep the faces of one subject together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_FOLD = -1
FEW_SUBJECTS = 5
"""Of fewer subjects none is set aside where the share is less than one of them."""


def subjects_split(
    rows: NDArray[np.intp], groups: NDArray[np.integer[Any]], share: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows without, and those of, a random share of the subjects: nobody is in both.

    groups: (N,) subject ids; below 0 the face is its own subject. Subjects are taken in random order
    until their faces reach the share, at least one where there are five or more; at least one subject and
    two faces stay on the first side, so that of fewer the second may be empty.
    """
    subjects = _subjects_of(rows, groups)
    _, member, sizes = np.unique(subjects, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    taken = np.cumsum(sizes[order])
    reached = taken <= min(share * len(rows), len(rows) - 2)
    if share and len(sizes) >= FEW_SUBJECTS:
        reached[0] |= taken[0] <= len(rows) - 2
    apart = np.isin(member, order[reached])
    return rows[~apart], rows[apart]


def _subjects_of(rows: NDArray[np.intp], groups: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """The rows' subjects; those without one get ids of their own, past every real one."""
    subjects = groups[rows].astype(np.int64)
    alone = subjects < 0
    subjects[alone] = max(0, subjects.max(initial=0)) + 1 + np.arange(alone.sum())
    return subjects


def folds_assign(
    rows: NDArray[np.intp], groups: NDArray[np.integer[Any]], count: int, seed: int
) -> NDArray[np.int16]:
    """The fold (N,) of each row, `NO_FOLD` for the faces not in `rows`.

    groups: (N,) subject ids; below 0 the face is its own subject. Subjects go in random order, the
    largest first, each to the fold with the fewest faces. Labels have no say: a fold chosen by a
    face's own label would let that label reach its out-of-fold score. Returns fewer folds than
    `count` where there are fewer subjects. Where all faces are of one subject, they are told apart by
    face and not by subject: the scores are then out of fold for the face alone. Raises ValueError with
    fewer than two faces.
    """
    if count < 2:
        raise ValueError(f"{count} folds, at least 2 are needed")
    subjects = _subjects_of(rows, groups)
    if len(rows) < 2:
        raise ValueError("at least two labelled faces are needed for scores out of fold")
    if (subjects == subjects[0]).all():
        subjects = np.arange(len(rows))
    _, member, sizes = np.unique(subjects, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros(min(count, len(sizes)), dtype=np.int64)
    fold_of_subject = np.empty(len(sizes), dtype=np.int16)
    for subject in order:
        fold_of_subject[subject] = fold = int(filled.argmin())
        filled[fold] += sizes[subject]
    folds = np.full(len(groups), NO_FOLD, dtype=np.int16)
    folds[rows] = fold_of_subject[member]
    return folds
