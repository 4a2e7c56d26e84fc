"""One thread for all of them, as tiny batches only wait for a second one; a data folder for those who ask."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def own_data(settings, tmp_path):
    settings.DATA = tmp_path / "data"
    settings.DATA.mkdir()
    return settings.DATA


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
