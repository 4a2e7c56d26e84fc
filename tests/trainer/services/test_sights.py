"""The jobs that show what a detector sees: what they keep, where they go on, and what goes with a subject."""

import numpy as np
import pytest
from django.core.files.storage import default_storage

from annotator.choices import FaceRole, JobState
from annotator.errors import Conflict
from annotator.models import (
    ArrayFile,
    AuditEntry,
    Detector,
    DetectorSight,
    Face,
    FaceAttribution,
    FeatureSet,
    Projection,
)
from annotator.selectors.arrays import StoredArray, array_read
from annotator.services.job_running import job_run
from annotator.services.jobs import job_resume
from annotator.services.withdrawal import subject_withdraw
from tests.annotator.importing import quiet_heart
from tests.trainer.services.world import QUICK, REFERENCE, text_of, world_make
from trainer.algorithms.attribution import face_attribute, maps_smooth
from trainer.algorithms.divergence import features_from_zero, subject_divergence
from trainer.algorithms.maximisation import MaximisationConfig
from trainer.services import predicting, sights
from trainer.services.pictures import face_pixels
from trainer.services.seeing import attribution_create, sight_create
from trainer.services.training import prediction_create, training_create

__all__ = ["quiet_heart"]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(sights, "MaximisationConfig", lambda seed: MaximisationConfig(steps=6, seed=seed))


@pytest.fixture
def detector(dataset, cast) -> Detector:
    """Trained on the first 32 of 46 faces, of which the last 8 are test faces."""
    world_make(dataset)
    job, _new = training_create(dataset=dataset, user=cast.alice, method="alexnet", settings=QUICK, sources=REFERENCE)
    job = job_run(job.pk)
    assert job.state == JobState.DONE, text_of(job)
    return Detector.objects.get()


def seen(detector, cast, seed=0):
    job, _new = sight_create(detector=detector, user=cast.alice, seed=seed)
    job = job_run(job.pk)
    assert job.state == JobState.DONE, text_of(job)
    return DetectorSight.objects.get()


def attributed(detector, cast, face):
    job, _new = attribution_create(detector=detector, face=face, user=cast.ana)
    job = job_run(job.pk)
    assert job.state == JobState.DONE, text_of(job)
    return FaceAttribution.objects.get(face=face)


def test_one_job_makes_pictures_plane_and_divergence(dataset, cast, detector, own_data):
    sight = seen(detector, cast)
    feature_set = FeatureSet.objects.get()
    assert sight.feature_set == feature_set and feature_set.detector == detector
    assert sight.projection == Projection.objects.get() and sight.projection.feature_set == feature_set
    assert sight.projection.method == "pca"
    pictures = array_read(StoredArray(sight.pictures_name, sight.pictures_sha256), check=True)
    assert pictures.shape == (2, 32, 32, 3) and pictures.dtype == np.uint8
    assert np.shape(sight.scores) == (2, 2)
    dataset.refresh_from_db()
    assert sight.revision == dataset.revision and sight.configuration["steps"] == 6
    assert sight.job.result["sight"] == sight.pk and not (own_data / "jobs" / str(sight.job.pk)).exists()
    assert AuditEntry.objects.filter(action="sight asked for", detail__detector=detector.pk).exists()


def test_no_test_face_is_drawn_or_measured(dataset, cast, detector):
    sight = seen(detector, cast)
    tests = set(Face.objects.filter(role=FaceRole.TEST).values_list("position", flat=True))
    assert len(tests) == 8
    assert len(sight.drawn["sample"]) == 38 and not tests & set(sight.drawn["sample"] + sight.drawn["subjects"])
    assert sight.divergence["faces"] == 38


def test_the_divergence_is_that_of_the_features_by_subject(dataset, cast, detector):
    sight = seen(detector, cast)
    faces = list(Face.objects.exclude(role=FaceRole.TEST).order_by("position"))
    features = array_read(sight.feature_set.features)[[face.position for face in faces]]
    subjects = np.array([face.subject_id for face in faces])
    expected = subject_divergence(features_from_zero(features), subjects)
    assert sight.divergence["mean"] == pytest.approx(expected.mean)
    assert sight.divergence["subjects"] == 10 and sight.divergence["chance"] == pytest.approx(expected.chance)


def test_without_two_subjects_there_is_no_divergence(dataset, cast, detector):
    Face.objects.update(subject=None)
    assert seen(detector, cast).divergence == {}


def test_features_that_are_there_are_taken(dataset, cast, detector, monkeypatch):
    job, _new = prediction_create(detector=detector, user=cast.alice)
    assert job_run(job.pk).state == JobState.DONE
    monkeypatch.setattr(predicting, "faces_look", None)
    assert seen(detector, cast).feature_set == FeatureSet.objects.get()


def test_made_again_it_takes_the_place_of_the_earlier_one(
    dataset, cast, detector, django_capture_on_commit_callbacks
):
    first = seen(detector, cast)
    with django_capture_on_commit_callbacks(execute=True):
        second = seen(detector, cast, seed=1)
    assert second.pk != first.pk and second.seed == 1
    assert not default_storage.exists(first.pictures_name) and default_storage.exists(second.pictures_name)
    assert Projection.objects.count() == 1 and FeatureSet.objects.count() == 1


def test_the_same_order_is_one_job_and_another_seed_is_refused(dataset, cast, detector):
    job, new = sight_create(detector=detector, user=cast.alice)
    assert sight_create(detector=detector, user=cast.alice) == (job, False) and new
    with pytest.raises(Conflict, match="another seed"):
        sight_create(detector=detector, user=cast.alice, seed=3)


def test_broken_off_it_goes_on_with_the_pictures(dataset, cast, detector, monkeypatch):
    monkeypatch.setattr(sights, "SAVE_STEPS", 1)
    maximise, begun = sights.activation_maximise, []

    def breaks(network, config, progress, cancelled, keep, start):
        begun.append(start)
        if len(begun) > 1:
            return maximise(network, config, progress, cancelled, keep, start)

        def pulled(done, pictures):
            keep(done, pictures)
            if done == 4:
                raise OSError("the plug was pulled")

        return maximise(network, config, progress, cancelled, pulled, start)

    monkeypatch.setattr(sights, "activation_maximise", breaks)
    job, _new = sight_create(detector=detector, user=cast.alice)
    assert job_run(job.pk).state == JobState.FAILED
    job_resume(job=job)
    assert job_run(job.pk).state == JobState.DONE
    assert begun[0] is None and begun[1][0] == 4
    resumed = array_read(StoredArray(DetectorSight.objects.get().pictures_name, ""))
    monkeypatch.setattr(sights, "activation_maximise", maximise)
    assert (array_read(StoredArray(seen(detector, cast).pictures_name, "")) == resumed).all()


def test_an_attribution_is_that_of_the_face_and_its_detector(dataset, cast, detector):
    face = Face.objects.get(position=3)
    made = attributed(detector, cast, face)
    network = predicting.network_fetch(detector)
    told = face_attribute(network, face_pixels(dataset, 32, face.key.hex, face.pk))
    maps = array_read(StoredArray(made.maps_name, made.maps_sha256), check=True)
    assert np.allclose(maps, maps_smooth(told.maps), atol=1e-6)
    assert np.allclose(np.array(made.logits)[:, 0], told.logits, atol=1e-3)
    assert attributed(detector, cast, face).pk != made.pk and FaceAttribution.objects.count() == 1


def test_a_withdrawal_takes_the_attributions_and_points_of_the_subject(
    dataset, cast, detector, django_capture_on_commit_callbacks
):
    sight = seen(detector, cast)
    gone, stays = Face.objects.get(position=3), Face.objects.get(position=12)
    of_gone, of_other = attributed(detector, cast, gone), attributed(detector, cast, stays)
    name = gone.subject.pseudonym
    with django_capture_on_commit_callbacks(execute=True):
        subject_withdraw(dataset=dataset, user=cast.alice, pseudonym=name, confirm=name)
    assert list(FaceAttribution.objects.all()) == [of_other]
    assert not default_storage.exists(of_gone.maps_name)
    assert default_storage.exists(of_other.maps_name) and default_storage.exists(sight.pictures_name)
    places = array_read(ArrayFile.objects.get(purpose="projection"))
    assert np.isnan(places[3]).all() and np.isfinite(places[12]).all()
    array_read(StoredArray(sight.pictures_name, sight.pictures_sha256), check=True)


def test_a_face_that_has_gone_is_told(dataset, cast, detector):
    job, _new = attribution_create(detector=detector, face=Face(dataset=dataset, position=99), user=cast.alice)
    job = job_run(job.pk)
    assert job.state == JobState.FAILED and "not in the data set any more" in job.error
