"""Tiny faces with a visible sign: the AUs of the test data can be learned in seconds."""

import numpy as np
import pytest

from tests.trainer.algorithms.tiny import Tiny, tiny_make


@pytest.fixture
def tiny() -> Tiny:
    return tiny_make(np.random.default_rng(3))
