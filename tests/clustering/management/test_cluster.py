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


def test_lambda_may_be_given_in_the_papers_unit(ready, monkeypatch):
    monkeypatch.setattr(Command, "job_finish", lambda self, job, queue: job)
    run = ClusterRun.objects.get(pk=command(ready.name, "--lambda", 1.5, "--literal")["run"])
    assert run.configuration["lam"] == 0.5, "there are three faces"


def test_the_papers_unit_of_no_lambda_is_refused(ready):
    with pytest.raises(CommandError, match="needs --lambda"):
        command(ready.name, "--literal")


@pytest.mark.django_db(transaction=True)
def test_a_finished_run_tells_the_lambda_of_each_partition_in_both_units(dataset):
    faces = faces_make(dataset, 40)
    layer_make(dataset, LayerKind.WEAK, faces, [[number % 2] for number in range(40)], [12])
    values = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    array = array_write(dataset=dataset, purpose="features", values=values)
    FeatureSet.objects.create(dataset=dataset, name="net", revision=1, features=array)
    (part,) = command(dataset.name, "--au", 12, "--lambda", 0.25)["partitions"]
    assert (part["aus"], part["lambda"], part["lambda_literal"]) == ([12], 0.25, 10.0)
