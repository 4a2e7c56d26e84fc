"""Every test here works in a data folder of its own."""

import pytest


@pytest.fixture(autouse=True)
def own_folder(own_data):
    return own_data
