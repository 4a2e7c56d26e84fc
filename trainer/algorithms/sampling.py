"""Which faces come together in a step of training: four samplers, each a pure function of its seed.

"random" and "stratified" deal every face out once an epoch; "oversampled" and "momu" draw the rare AUs
more often than they occur, so that some faces come again and others stay away. Labels (R, A) hold 1
present, 0 absent and -1 unknown everywhere; an unknown code is neither a positive nor a negative. The
order of the faces inside a batch means nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]
Batches = list[NDArray[np.intp]]


@dataclass(frozen=True)
class Epoch:
    """What a sampler fills: `count` batches of `size` faces."""

    size: int
    count: int
    draw: int
    """Faces of one AU that MOMU draws at a time, S in the paper."""
    rng: np.random.Generator


def epoch_batches(sampler: str, labels: Labels, size: int, count: int, seed: Sequence[int], draw: int = 4) -> Batches:
    """The `count` batches of one epoch, each an array of rows of `labels` (R, A).

    The same arguments give the same batches; give each epoch a seed of its own, such as (seed, epoch).
    "oversampled" and "momu" make batches of exactly `size`. "random" and "stratified" hold every row
    exactly once, so that their batches have R / count rows, rounded up or down, whatever `size` says.
    Raises ValueError for an unknown sampler, numbers below 1, more batches than rows to deal out, or
    labels in which nothing can be balanced.
    """
    if sampler not in SAMPLERS:
        raise ValueError(f"There is no sampler {sampler!r}; known: {', '.join(SAMPLERS)}.")
    for name, value in (("size", size), ("count", count), ("draw", draw)):
        if value < 1:
            raise ValueError(f"{name} {value}, at least 1")
    if labels.ndim != 2 or not len(labels):
        raise ValueError(f"labels of shape {labels.shape}, a table with at least one row is needed")
    return SAMPLERS[sampler](labels, Epoch(size, count, draw, np.random.default_rng(seed)))


def batch_count(rows: int, size: int) -> int:
    """How many batches deal out `rows` faces: of about `size` each, and none of a single face, in which
    batch normalisation finds no spread."""
    return max(1, min(round(rows / size), rows // 2))


def composition(labels: Labels, batches: Batches) -> NDArray[np.int64]:
    """(count, A) positives of each AU in each batch: the bars of Chu et al. 2019, Fig. 6."""
    present = _present(labels)
    number = np.repeat(np.arange(len(batches)), [len(batch) for batch in batches])
    rows = np.concatenate([np.empty(0, np.intp), *batches])
    out = np.zeros((len(batches), labels.shape[1]), np.int64)
    for au, column in enumerate(present):
        out[:, au] = np.bincount(number[column[rows]], minlength=len(batches))
    return out


def random_batches(labels: Labels, epoch: Epoch) -> Batches:
    """All rows in random order, cut into batches."""
    _dealable(labels, epoch)
    return np.array_split(epoch.rng.permutation(len(labels)), epoch.count)


def oversampled_batches(labels: Labels, epoch: Epoch) -> Batches:
    """One positive for one negative of each AU (Zhao et al. 2018, §4.1, implementation details).

    The paper says that each mini-batch has them 1:1, and not how that is done for many AUs at once. Here
    the AUs take turns, one after the other and on from batch to batch: a face with the AU present, then
    one with it known to be absent. Each of these classes is gone through in random order, and once all its
    faces were drawn, in a new order. An AU without known codes of both kinds has no turn; ValueError where
    none has.
    """
    codes = np.ascontiguousarray(labels.T)
    turns = [au for au, column in enumerate(codes) if (column == 1).any() and (column == 0).any()]
    if not turns:
        raise ValueError("No AU has both a present and an absent code: nothing can be oversampled.")
    rows = np.empty(epoch.count * epoch.size, np.intp)
    for i, au in enumerate(turns):
        for k, code in enumerate((1, 0)):
            part = rows[2 * i + k :: 2 * len(turns)]
            part[:] = _passes(np.flatnonzero(codes[au] == code), len(part), epoch.rng)
    return list(rows.reshape(epoch.count, epoch.size))


def stratified_batches(labels: Labels, epoch: Epoch) -> Batches:
    """Multi-label stratification (Chu et al. 2019, Algorithm 1): each AU spread evenly over the batches.

    Where the printed algorithm leaves a choice: the AU with the fewest samples is sought among those that
    still have one, the first of equals in the order of the columns; an AU without positives has no
    stratum, and the faces left over when no AU has any are the last one (the "(L + 1)" of §5.1). A stratum
    is shuffled and dealt to the batches in turn, beginning where the one before ended, so that batches
    differ by one face at most in each stratum and in all. No batch is full before the last face is dealt,
    for the batches divide the faces by their count. The batches then come in random order, because a rare
    AU's few faces would otherwise all come early in the epoch.
    """
    _dealable(labels, epoch)
    order = epoch.rng.permutation(len(labels))
    dealt = order[np.argsort(_strata(labels)[order], kind="stable")]
    return [dealt[i :: epoch.count] for i in epoch.rng.permutation(epoch.count)]


def _strata(labels: Labels) -> NDArray[np.int16]:
    """(R,) the pass of Algorithm 1 in which each row is dealt."""
    present = _present(labels)
    strata = np.full(len(labels), len(present), np.int16)
    left = present.sum(axis=1)
    for stratum in range(len(present)):
        if not left.any():
            break
        au = int(np.argmin(np.where(left > 0, left, len(labels) + 1)))
        rows = np.flatnonzero(present[au] & (strata == len(present)))
        strata[rows] = stratum
        left -= present[:, rows].sum(axis=1)
    return strata


def momu_batches(labels: Labels, epoch: Epoch) -> Batches:
    """Minority oversampling, majority undersampling (MOMU, Chu et al. 2019, Algorithm 2), as it is printed.

    Each batch begins with S = `draw` faces of the AU that has the fewest left in the data, and goes on with
    S of the AU that has the fewest in the batch. A face that was drawn leaves the data until an AU of its
    own runs out; then all faces of that AU return (line 7), those of the batch in the making too.

    Where the printed algorithm leaves a choice: N_l is kept up to date within a batch and not only at its
    end (line 15), or line 9 would find fewer than S. An AU without positives takes no part, or it would
    always be the rarest. Of equals in a batch, of which there are many while most AUs have none, the AU
    with the fewest left in the data comes first, then the order of the columns: of the rules tried, it made
    the AUs within a batch most even. The last draw of a batch is cut where S would overfill it. An AU with
    fewer than S positives gives all it has, each time anew.

    Beware: only faces with some AU are ever drawn, and base rates in the batches are far from those of the
    data. An AU of 2% may be in every eighth face, so that the scores of a network trained on these batches
    are too high, and a threshold has to be found for them. Faces on which every known code is absent are
    not learned from. ValueError where no code is present.
    """
    present = _present(labels)
    totals = present.sum(axis=1)
    if not totals.any():
        raise ValueError("No AU has a present code: MOMU has no face to draw.")
    members = np.nonzero(present)[1].astype(np.int32)
    places = np.ascontiguousarray((present.cumsum(axis=1, dtype=np.int32) - 1).T)
    places[~present.T] = -1
    chances = epoch.rng.random(epoch.count * epoch.size)
    rows = _momu(members, places, totals, chances, epoch.size, epoch.draw)
    return list(rows.reshape(epoch.count, epoch.size))


@njit(cache=True)
def _momu(members, places, totals, chances, size, draw):  # type: ignore[no-untyped-def]
    """(count * size,) the rows of all batches, one after the other.

    members: the rows of each AU, AU after AU; of each AU the first `left` are in the data, the rest were
    drawn. places: (R, A) where in its AU's part a row stands, -1 where the AU isn't present. totals: (A,).
    chances: (count * size,) in [0, 1), one for each draw. Changes members and places.
    """
    starts = np.zeros(len(totals), np.int64)
    starts[1:] = np.cumsum(totals)[:-1]
    left = totals.copy()
    held = np.zeros_like(totals)
    chosen = np.empty(len(chances), np.intp)
    for begin in range(0, len(chances), size):
        end = begin + size
        held[:] = 0
        filled = begin
        au = _fewest(held, left, totals)  # nothing is held yet: the fewest left in the data
        while filled < end:
            if left[au] < draw:
                for i in range(starts[au] + left[au], starts[au] + totals[au]):
                    _restore(members[i], members, places, starts, left)
            for _ in range(min(draw, left[au], end - filled)):
                row = members[starts[au] + int(chances[filled] * left[au])]
                _remove(row, members, places, starts, left, held)
                chosen[filled] = row
                filled += 1
            au = _fewest(held, left, totals)
    return chosen


@njit(cache=True)
def _fewest(held, left, totals):  # type: ignore[no-untyped-def]
    """The AU with the fewest in the batch, of equals the one with the fewest left in the data."""
    best = -1
    for au in range(len(totals)):
        if totals[au] == 0:
            continue
        if best < 0 or held[au] < held[best] or (held[au] == held[best] and left[au] < left[best]):
            best = au
    return best


@njit(cache=True)
def _remove(row, members, places, starts, left, held):  # type: ignore[no-untyped-def]
    """Take a row out of the data: behind the last one left of each of its AUs."""
    for au in range(len(left)):
        if places[row, au] >= 0:
            held[au] += 1
            left[au] -= 1
            _place(row, au, left[au], members, places, starts)


@njit(cache=True)
def _restore(row, members, places, starts, left):  # type: ignore[no-untyped-def]
    """Put a row that was taken out back into the data."""
    for au in range(len(left)):
        if places[row, au] >= 0:
            _place(row, au, left[au], members, places, starts)
            left[au] += 1


@njit(cache=True)
def _place(row, au, place, members, places, starts):  # type: ignore[no-untyped-def]
    """Let a row change places with the one that stands at `place` of the AU's part."""
    other = members[starts[au] + place]
    members[starts[au] + places[row, au]], members[starts[au] + place] = other, row
    places[other, au], places[row, au] = places[row, au], place


def _passes(pool: NDArray[np.intp], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """(count,) draws from the pool: none comes a second time before each came once, and so on."""
    whole, rest = divmod(count, len(pool))
    passes = rng.permuted(np.tile(pool, (whole, 1)), axis=1).ravel()
    return np.concatenate([passes, rng.choice(pool, rest, replace=False)])


def _present(labels: Labels) -> NDArray[np.bool_]:
    """(A, R) where a code is present, each AU's codes side by side in memory."""
    return np.ascontiguousarray((labels == 1).T)


def _dealable(labels: Labels, epoch: Epoch) -> None:
    if len(labels) < epoch.count:
        raise ValueError(f"{len(labels)} rows can't fill {epoch.count} batches")


Sampler = Callable[[Labels, Epoch], Batches]

SAMPLERS: dict[str, Sampler] = {
    "random": random_batches,
    "oversampled": oversampled_batches,
    "stratified": stratified_batches,
    "momu": momu_batches,
}
"""The names are those of `settings.SAMPLERS`, which is light to import."""
