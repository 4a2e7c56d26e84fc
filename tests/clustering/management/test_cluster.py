"""manage.py cluster hands its options to the run, and names the one that can't be."""

import io
import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from annotator.choices import LayerKind
from annotator.models import ClusterRun, FeatureSet
from annotator.services.arrays import array_write
from clustering.management.commands.cluster import Command
from tests.factories import faces_make, layer_make


@pytest.fixture
def ready(dataset):
    faces = faces_make(dataset, 3)
    layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 3, [12])
    array = array_write(dataset=dataset, purpose="features", values=np.zeros((3, 4), np.float32))
    FeatureSet.objects.create(dataset=dataset, name="net", revision=1, features=array)
    return dataset


def command(*arguments):
    out = io.StringIO()
    call_command("cluster", *map(str, arguments), "--json", stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue().splitlines()[-1])


def test_lambda_groups_and_vote_are_settings_of_the_run(ready, monkeypatch):
    monkeypatch.setattr(Command, "job_finish", lambda self, job, queue: job)
    wanted = {"groups": "sets", "vote": "majority", "affinity": "exponential", "cut": "density", "delta": 2}
    options = [part for name, value in wanted.items() for part in (f"--{name}", value)]
    run = ClusterRun.objects.get(pk=command(ready.name, "--lambda-steps", 4, "--joint", *options)["run"])
    wanted |= {"lam_steps": 4, "joint": True}
    assert {name: run.configuration[name] for name in wanted} == wanted


def test_one_step_is_no_sweep(ready):
    with pytest.raises(CommandError, match="lam_steps must be 0"):
        command(ready.name, "--lambda-steps", 1)
