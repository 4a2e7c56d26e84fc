"""Adopting runs, and what a run keeps of the state it was made from."""

import uuid

import numpy as np
import pytest
from django.utils import timezone

from annotator.choices import DecisionKind, FaceRole, LayerKind, Mode, Scope
from annotator.models import FeatureSet, Label
from annotator.services.arrays import array_write
from annotator.services.decisions import decision_make
from annotator.services.job_running import job_run
from clustering.selectors.inputs import run_input
from clustering.services.runs import run_adopt, run_create
from tests.factories import detector_make, faces_make, layer_make, prediction_layer_make, run_make


@pytest.fixture
def asked(dataset, cast):
    """A run that was asked for and has not begun, on forty faces with codes for AU12."""
    faces = faces_make(dataset, 40)
    codes = [[number % 2] for number in range(40)]
    layer_make(dataset, LayerKind.WEAK, faces, codes, [12])
    values = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    values[::2, 0] += 6
    features = array_write(dataset=dataset, purpose="features", values=values)
    FeatureSet.objects.create(dataset=dataset, name="made", revision=1, features=features)
    return run_create(dataset=dataset, user=cast.alice, aus=[12])


def decide(dataset, user, position):
    decision_make(
        dataset=dataset, user=user, kind=DecisionKind.RELABEL, aus=[12], faces=[position], code="present",
        mode=Mode.ASSISTED, scope=Scope.FACE, client_id=uuid.uuid4(),
    )  # fmt: skip


def test_an_earlier_runs_proposals_go_where_the_adopted_run_has_none(dataset, cast):
    faces = faces_make(dataset, 4)
    old = run_make(dataset, faces, 12, [1] * 4, [0] * 4, adopted=False)
    more = faces_make(dataset, 2)
    new = run_make(dataset, faces + more, 12, [1] * 5 + [0], [1] * 6, adopted=False)
    run_adopt(run=new, user=cast.alice)
    run_adopt(run=old, user=cast.alice)
    labels = Label.objects.filter(layer__kind=LayerKind.PROPOSAL, face__in=more)
    assert set(labels.values_list("present", "scored", "noise")) == {(0, 0, False)}


def test_a_run_names_the_revision_and_layers_that_it_read(dataset, cast, asked):
    run, job = asked
    decide(dataset, cast.bob, 3)
    dataset.refresh_from_db()
    assert job_run(job.pk).state == "done", job.error
    run.refresh_from_db()
    assert run.revision == dataset.revision
    assert run.reference_layers == [dataset.layers.get(kind=LayerKind.CODER).pk]


def test_what_a_broken_off_job_kept_is_for_the_same_codes_only(dataset, cast, asked):
    run, _job = asked
    before = run_input(run).fingerprint()
    assert run_input(run).fingerprint() == before
    decide(dataset, cast.bob, 3)
    assert run_input(run).fingerprint() != before


def test_reference_codes_of_test_faces_are_not_clustered_on(dataset, asked):
    run, _job = asked
    faces = list(dataset.faces.order_by("position"))
    dataset.faces.filter(position__lt=5).update(role=FaceRole.TEST)
    layer_make(dataset, LayerKind.REFERENCE, faces[:10], [[1]] * 10, [12])
    trusted = run_input(run).trusted
    assert trusted[:12, 0].tolist() == [-1] * 5 + [1] * 5 + [-1] * 2


@pytest.fixture
def rounds(dataset):
    """Six faces with imported weak labels, two detectors that predicted all of them, and a feature set of each;
    the first detector is promoted."""
    faces = faces_make(dataset, 6)
    layer_make(dataset, LayerKind.WEAK, faces, [[1, 0]] * 6, [12, 25], name="weak")
    for name in ("promoted", "other"):
        detector = detector_make(dataset, name=name, aus=(12, 25))
        prediction_layer_make(detector, faces, [[0.9, 0.1]] * 6)
        features_make(dataset, 6, detector=detector)
    dataset.detectors.filter(name="promoted").update(promoted_at=timezone.now())
    return dataset


def features_make(dataset, faces, **fields):
    values = np.zeros((faces, 4), np.float32)
    array = array_write(dataset=dataset, purpose="features", values=values)
    return FeatureSet.objects.create(dataset=dataset, name="made", revision=1, features=array, **fields)


def begun_with(dataset, user, **given):
    """Of the run that is made: the names of the detectors behind its features and its weak labels, “weak” for
    those of the file."""
    run, _job = run_create(dataset=dataset, user=user, aus=given.pop("aus", [12, 25]), **given)
    layer = run.weak_layer
    return str(run.feature_set.detector), layer.detector.name if layer.detector else layer.name


def test_a_run_begins_with_what_the_promoted_detector_made(rounds, cast):
    assert begun_with(rounds, cast.alice) == ("promoted", "promoted")


def test_what_is_named_goes_before_the_promoted_detectors(rounds, cast):
    other = rounds.detectors.get(name="other")
    given = {"feature_set": other.feature_sets.get(), "weak_layer": rounds.layers.get(name="weak")}
    assert begun_with(rounds, cast.alice, **given) == ("other", "weak")


def test_without_a_promotion_the_newest_features_and_the_files_labels_are_taken(rounds, cast):
    rounds.detectors.update(promoted_at=None)
    assert begun_with(rounds, cast.alice) == ("other", "weak")


def test_faces_that_the_promoted_detector_has_not_seen_leave_it_out(rounds, cast):
    came = faces_make(rounds, 2)
    layer = rounds.layers.get(name="weak")
    Label.objects.bulk_create(Label(layer=layer, face=face, scored=1) for face in came)
    features_make(rounds, 8, detector=rounds.detectors.get(name="other"))
    assert begun_with(rounds, cast.alice) == ("other", "weak")


def test_an_au_that_the_promoted_detector_does_not_know_keeps_its_weak_labels(rounds, cast):
    assert begun_with(rounds, cast.alice, aus=[4, 12]) == ("promoted", "weak")


def test_a_promoted_detector_that_has_not_predicted_changes_nothing(rounds, cast):
    detector_make(rounds, name="third", aus=(12, 25), promoted_at=timezone.now())
    rounds.detectors.filter(name="promoted").update(promoted_at=None)
    assert begun_with(rounds, cast.alice) == ("other", "weak")


def test_predictions_of_a_detector_nobody_promoted_are_better_than_nothing(rounds, cast):
    rounds.layers.filter(name="weak").delete()
    rounds.detectors.update(promoted_at=None)
    assert begun_with(rounds, cast.alice) == ("other", "other")
