"""Cross-validation folds that keep the faces of one subject together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_FOLD = -1
NO_SUBJECT = -1


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
    subjects = groups[rows].astype(np.int64)
    alone = subjects < 0
    # ids of their own for the faces without a subject, past every real one
    subjects[alone] = max(0, subjects.max(initial=0)) + 1 + np.arange(alone.sum())
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
