"""What the hybrid's benchmark sets beside the hybrid."""

import numpy as np

from benchmarks.detectors_clips import REACH, smoothed
from trainer.algorithms.clips import Clips


def test_smoothed_scores_are_means_within_their_own_clip():
    random = np.random.default_rng(0)
    scores = random.random((40, 3)).astype(np.float32)
    clips = Clips(random.integers(0, 2, 40), random.permutation(40))
    found = smoothed(scores, clips)
    for row in range(40):
        own = np.flatnonzero(clips.clips == clips.clips[row])
        own = own[np.argsort(clips.frames[own])]
        place = list(own).index(row)
        near = own[max(0, place - REACH) : place + REACH + 1]
        assert np.allclose(found[row], scores[near].mean(axis=0), atol=1e-6)
