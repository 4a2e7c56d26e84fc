"""The divergence of features between subjects, as the detectors' benchmark measures it."""

import math

import numpy as np
import pytest

from benchmarks.detectors_divergence import divergence_measure, hog


def hog_slowly(face):
    """One face with loops: nine orientations in cells of 8 pixels, blocks of 2 × 2, L2-Hys."""
    grey = face.astype(float).mean(axis=2)
    size = len(grey)
    cells = size // 8
    votes = np.zeros((cells, cells, 9))
    for y in range(cells * 8):
        for x in range(cells * 8):
            down = grey[y + 1, x] - grey[y - 1, x] if 0 < y < size - 1 else 0.0
            right = grey[y, x + 1] - grey[y, x - 1] if 0 < x < size - 1 else 0.0
            angle = math.atan2(down, right) % math.pi
            place = angle / math.pi * 9 - 0.5
            below = math.floor(place)
            votes[y // 8, x // 8, below % 9] += math.hypot(down, right) * (1 - (place - below))
            votes[y // 8, x // 8, (below + 1) % 9] += math.hypot(down, right) * (place - below)
    blocks = []
    for y in range(cells - 1):
        for x in range(cells - 1):
            block = np.concatenate([votes[y, x], votes[y, x + 1], votes[y + 1, x], votes[y + 1, x + 1]])
            block = np.minimum(block / math.sqrt((block**2).sum() + 1e-6), 0.2)
            blocks.append(block / math.sqrt((block**2).sum() + 1e-6))
    return np.concatenate(blocks)


def test_hog_is_that_of_the_loops():
    faces = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    found = hog(faces)
    assert found.shape == (2, 3 * 3 * 36) and found.min() >= 0
    assert np.allclose(found[1], hog_slowly(faces[1]), atol=1e-4)


def test_named_features_are_measured_alike_and_signed_ones_moved():
    random = np.random.default_rng(1)
    subjects = np.repeat(np.arange(5), 20)
    knows = random.random((100, 8)) + 2 * random.random((5, 8))[subjects]
    told = divergence_measure({"knows": knows, "signed": knows - 3, "knows not": random.random((100, 8))}, subjects)
    assert told["knows"]["ratio"] > 5 and told["signed"]["ratio"] > 5
    assert told["knows not"]["ratio"] == pytest.approx(1, abs=0.6)
    assert told["knows"]["subjects"] == 5 and told["knows"]["dimensions"] == 8
