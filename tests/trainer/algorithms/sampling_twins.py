"""The samplers in plain Python, step by step as the papers print them; slow.

Where the papers draw at random the twins ask `pick(pool, number)`. With `Replay` it takes the faces that
the fast sampler drew and refuses those that may not be drawn there.
"""

import random
from collections.abc import Callable, Iterable

import numpy as np

Pick = Callable[[set[int], int], list[int]]


class Replay:
    """A `pick` that draws what was drawn before, and holds it to the rules."""

    def __init__(self, batches: Iterable[np.ndarray]) -> None:
        self.drawn = [int(row) for batch in batches for row in batch]
        self.at = 0

    def __call__(self, pool: set[int], number: int) -> list[int]:
        rows = self.drawn[self.at : self.at + number]
        self.at += number
        assert len(set(rows)) == number, "a face twice in one draw"
        assert pool.issuperset(rows), "a face that may not be drawn here"
        return rows


def pick_random(seed: int) -> Pick:
    chance = random.Random(seed)
    return lambda pool, number: chance.sample(sorted(pool), number)


def positives(labels: np.ndarray) -> list[set[int]]:
    """The faces of each AU."""
    return [{i for i, row in enumerate(labels.tolist()) if row[au] == 1} for au in range(labels.shape[1])]


def random_twin(rows: int, count: int, pick: Pick) -> list[list[int]]:
    order = pick(set(range(rows)), rows)
    sizes = [rows // count + (i < rows % count) for i in range(count)]
    return [[order.pop(0) for _ in range(size)] for size in sizes]


def oversampled_twin(labels: np.ndarray, size: int, count: int, pick: Pick) -> list[list[int]]:
    """AUs in turn, a positive and a negative each; a class begins anew once all its faces were drawn."""
    negatives = positives((labels == 0).astype(np.int8))
    classes = [c for pair in zip(positives(labels), negatives, strict=True) if all(pair) for c in pair]
    unseen: list[set[int]] = [set() for _ in classes]
    batches: list[list[int]] = [[] for _ in range(count)]
    for slot in range(size * count):
        k = slot % len(classes)
        unseen[k] = unseen[k] or set(classes[k])
        [row] = pick(unseen[k], 1)
        unseen[k].remove(row)
        batches[slot // size].append(row)
    return batches


def strata_twin(labels: np.ndarray) -> list[set[int]]:
    """Lines 2 to 10 of Algorithm 1: the sets D_l in the order in which they are distributed."""
    data, of_au = set(range(len(labels))), positives(labels)
    strata = []
    while data:
        numbers = [len(faces & data) for faces in of_au]  # lines 1 and 9
        still = [n for n in numbers if n > 0]
        chosen = of_au[numbers.index(min(still))] & data if still else set(data)  # lines 3 and 4
        strata.append(chosen)
        data -= chosen  # line 8
    return strata


def stratified_twin(labels: np.ndarray, count: int, pick: Pick) -> list[list[int]]:
    """Algorithm 1; each stratum is dealt on from the batch after the last one."""
    batches: list[list[int]] = [[] for _ in range(count)]
    dealt = 0
    for stratum in strata_twin(labels):
        for row in pick(stratum, len(stratum)):
            batches[dealt % count].append(row)
            dealt += 1
    return batches


def momu_twin(labels: np.ndarray, size: int, count: int, draw: int, pick: Pick) -> list[list[int]]:
    """Algorithm 2, line by line."""
    of_au, data, taken = positives(labels), set(range(len(labels))), set[int]()
    aus = [au for au, faces in enumerate(of_au) if faces]
    batches: list[list[int]] = []
    for _ in range(count):
        au = min(aus, key=lambda j: len(of_au[j] & data))  # line 3
        batch: list[int] = []
        while len(batch) < size:
            if len(of_au[au] & data) < draw:
                data |= of_au[au] & taken  # line 7
            pool = of_au[au] & data
            drawn = pick(pool, min(draw, len(pool), size - len(batch)))  # line 9
            data -= set(drawn)
            taken |= set(drawn)
            batch += drawn
            held = {j: sum(row in of_au[j] for row in batch) for j in aus}  # line 12
            au = min(aus, key=lambda j: (held[j], len(of_au[j] & data)))  # line 13
        batches.append(batch)
    return batches
