"""manage.py project makes the map once, and says so the second time."""

import io
import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from annotator.models import FeatureSet
from annotator.services.arrays import array_write
from tests.factories import faces_make


@pytest.fixture
def featured(dataset):
    faces_make(dataset, 5)
    values = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    array = array_write(dataset=dataset, purpose="features", values=values)
    return FeatureSet.objects.create(dataset=dataset, name="net", revision=1, features=array)


def command(*arguments):
    out = io.StringIO()
    call_command("project", *map(str, arguments), "--json", stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue().splitlines()[-1])


def test_it_tells_the_map_and_whether_it_was_made_now(featured):
    told = command("Smiles")
    assert (told["faces"], told["method"], told["made"]) == (5, "pca", True)
    again = command("Smiles", "--features", featured.pk)
    assert (again["projection"], again["made"]) == (told["projection"], False)


def test_queued_it_waits_for_a_worker(featured):
    told = command("Smiles", "--queue")
    assert told["projection"] is None and told["job"]


def test_a_feature_set_of_another_data_set_is_refused(featured):
    with pytest.raises(CommandError, match="no feature set 999"):
        command("Smiles", "--features", 999)
