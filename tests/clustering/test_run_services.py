"""Starting and adopting clustering runs."""

from pathlib import Path

import numpy as np
import pytest
from django.conf import settings as django_settings

from annotator.choices import LayerKind
from annotator.errors import Conflict, InputRefused
from annotator.models import ClusterRun, FeatureSet
from annotator.selectors.arrays import array_read
from annotator.services.arrays import array_write
from annotator.services.job_running import job_run
from clustering.algorithms import partition
from clustering.algorithms.neighbours import neighbour_search
from clustering.selectors.inputs import run_input
from clustering.services.runs import run_adopt, run_create
from tests.factories import faces_make, layer_make


def features_make(dataset, faces) -> FeatureSet:
    values = np.random.default_rng(0).normal(size=(len(faces), 8)).astype(np.float32)
    return FeatureSet.objects.create(
        dataset=dataset,
        name="drawn",
        revision=dataset.revision,
        features=array_write(dataset=dataset, purpose="features", values=values),
    )


@pytest.fixture
def ready(dataset):
    """200 faces with weak labels of AU12 and features: a run can start."""
    faces = faces_make(dataset, 200)
    layer_make(dataset, LayerKind.WEAK, faces, [[number % 2] for number in range(200)], [12], name="weak")
    features_make(dataset, faces)
    return dataset


def test_a_double_click_starts_one_run(ready, cast):
    first, job = run_create(dataset=ready, user=cast.alice, aus=[12])
    second, again = run_create(dataset=ready, user=cast.alice, aus=[12])
    assert (first.pk, job.pk) == (second.pk, again.pk)
    assert ClusterRun.objects.count() == 1


def test_a_small_later_file_does_not_become_the_weak_labels_unasked(ready, cast):
    few = ready.faces.order_by("position")[:3]
    layer_make(ready, LayerKind.WEAK, list(few), [[1]] * 3, [12], name="weak 2")
    run, _ = run_create(dataset=ready, user=cast.alice, aus=[12])
    assert run.weak_layer.name == "weak"


@pytest.mark.parametrize(
    ("configuration", "complaint"),
    [
        ({"lam": -1.0}, "lam must be a number"),
        ({"colour": "red"}, "colour"),
        ({"dimensions": 0}, "dimensions must be"),
    ],
)
def test_a_setting_that_cannot_be_is_named(ready, cast, configuration, complaint):
    with pytest.raises(InputRefused, match=complaint):
        run_create(dataset=ready, user=cast.alice, aus=[12], configuration=configuration)


def test_without_features_it_says_so(dataset, cast):
    layer_make(dataset, LayerKind.WEAK, faces_make(dataset, 3), [[1]] * 3, [12])
    with pytest.raises(InputRefused, match="extract features first"):
        run_create(dataset=dataset, user=cast.alice)


def test_an_unfinished_run_is_not_adopted(ready, cast):
    run, _ = run_create(dataset=ready, user=cast.alice, aus=[12])
    with pytest.raises(Conflict, match="has not finished"):
        run_adopt(run=run, user=cast.alice)


@pytest.mark.django_db(transaction=True)
def test_an_adopted_run_becomes_the_proposal_layer_and_its_noise_is_marked(ready, cast):
    run, job = run_create(dataset=ready, user=cast.alice, aus=[12])
    assert job_run(job.pk).error == ""
    run.refresh_from_db()
    layer = run_adopt(run=run, user=cast.alice)
    assert layer.labels.filter(scored__gt=0).count() == 200
    assert layer.labels.filter(noise=True).count() == run.summary["noise"] > 0


def run_now(dataset, user, **settings) -> ClusterRun:
    run, job = run_create(dataset=dataset, user=user, aus=[12], configuration=settings)
    assert job_run(job.pk).error == ""
    run.refresh_from_db()
    return run


@pytest.mark.django_db(transaction=True)
def test_a_second_run_on_the_same_features_takes_over_the_neighbours(ready, cast, monkeypatch):
    first = run_now(ready, cast.alice)
    monkeypatch.setattr(partition, "neighbour_search", only_in_the_embedding)
    second = run_now(ready, cast.alice)
    assert second.summary["neighbour_recall"] == first.summary["neighbour_recall"] == 1.0
    assert second.summary["partitions"] == first.summary["partitions"]


def only_in_the_embedding(features, *rest, **more):
    assert features.shape[1] != 8, "the features were searched again"
    return neighbour_search(features, *rest, **more)


@pytest.mark.django_db(transaction=True)
def test_a_damaged_neighbour_list_is_made_again(ready, cast):
    run_now(ready, cast.alice)
    (kept,) = (Path(django_settings.DATA) / "cache" / f"neighbours-{ready.pk}").glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:500])
    run_now(ready, cast.alice)
    assert kept.stat().st_size > 1000


@pytest.mark.django_db(transaction=True)
def test_a_sweep_keeps_its_planes_by_position(ready, cast):
    swept = run_now(ready, cast.alice, lam_steps=2)
    assert array_read(swept.sweep_planes).shape == (200, 1, 3, 2)
    assert run_now(ready, cast.alice).sweep_planes is None


@pytest.mark.django_db(transaction=True)
def test_a_later_adoption_takes_the_aus_over(ready, cast):
    runs = []
    for _ in range(2):
        run, job = run_create(dataset=ready, user=cast.alice, aus=[12])
        job_run(job.pk)
        run.refresh_from_db()
        run_adopt(run=run, user=cast.alice)
        runs.append(run)
    runs[0].refresh_from_db()
    assert (runs[0].adopted_aus, runs[1].adopted_aus) == ([], [12])


def test_another_order_while_a_run_is_at_work_is_told_so(ready, cast):
    run_create(dataset=ready, user=cast.alice, aus=[12])
    with pytest.raises(Conflict, match="with other settings is at work"):
        run_create(dataset=ready, user=cast.alice, aus=[12], configuration={"lam": 0.5})
    assert ClusterRun.objects.count() == 1


def test_a_face_set_apart_as_noise_vouches_for_nothing(ready, cast):
    faces = list(ready.faces.order_by("position"))
    layer_make(ready, LayerKind.REFERENCE, faces, [[1]] * 200, [12])
    noise = layer_make(ready, LayerKind.CODER, user=cast.bob)
    noise.labels.create(face=faces[0], noise=True)
    run, _ = run_create(dataset=ready, user=cast.alice, aus=[12])
    assert run_input(run).trusted[:2, 0].tolist() == [-1, 1]
