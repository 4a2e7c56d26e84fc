"""Tiny faces with a visible sign: the AUs of the test data can be learned in seconds."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tests.trainer.algorithms.tiny import Tiny, tiny_make


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # tiny batches only wait for a second one
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny() -> Tiny:
    return tiny_make(np.random.default_rng(3))
