"""The features job: the default small detector with an honest report, frozen codes, taken up without harm."""

import json
from dataclasses import replace

import numpy as np
import pytest

from annotator.choices import FaceRole, JobState, LayerKind
from annotator.models import Detector, Face, FeatureSet, Job, LabelSnapshot
from annotator.selectors.arrays import array_read
from annotator.selectors.withdrawal import taught_by
from annotator.services.job_running import job_run
from annotator.services.jobs import job_resume
from tests.annotator.importing import quiet_heart
from tests.factories import layer_make
from tests.trainer.algorithms.tiny import QUICK, SETTINGS
from tests.trainer.services.world import faces_drawn, text_of, world_make
from trainer.algorithms import features
from trainer.services import extracting
from trainer.services.features import features_create
from trainer.services.training import prediction_create

__all__ = ["quiet_heart"]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The default detector at a size for tests."""
    settings = replace(SETTINGS, training=replace(QUICK, epochs=2))
    monkeypatch.setattr(features, "FeatureSettings", lambda: settings)
    monkeypatch.setattr(extracting, "INPUT_SIZE", 32)


def ended(job) -> Job:
    job = job_run(job.pk)
    assert job.state == JobState.DONE, text_of(job)
    return job


def asked(dataset, cast, **more) -> Job:
    return features_create(dataset=dataset, user=cast.alice, **more)[0]


def test_the_default_detector_reports_as_every_other(dataset, cast, own_data):
    world_make(dataset)
    job = ended(asked(dataset, cast))
    detector, feature_set = Detector.objects.get(), FeatureSet.objects.get()
    assert job.result == {"feature_set": feature_set.pk, "detector": detector.pk, "faces": 46}
    assert detector.method == "default" and detector.snapshot.summary["faces"] == 32
    report = detector.report
    assert report["cross_validation"]["faces"] == 32 and len(report["cross_validation"]["folds"]) == 3
    assert report["test"] is None and report["test_why"]
    assert set(report["trainings"]) == {"fold-0", "fold-1", "fold-2", "features"}
    assert report["machine"]["seconds"] > 0 and report["settings"]["width"] == 8
    json.dumps([report, detector.thresholds], allow_nan=False)
    honest = array_read(detector.out_of_fold)
    columns = [list(detector.aus).index(au) for au in (12, 25)]
    assert np.isfinite(honest[:32][:, columns]).all() and np.isnan(honest[32:]).all()
    bits = [dataset.coded_aus.get(au=au).bit for au in (12, 25)]
    assert np.allclose(array_read(feature_set.scores)[:32, bits], honest[:32][:, columns], atol=1e-3)
    assert np.isfinite(array_read(feature_set.features)).all()
    assert not (own_data / "jobs" / str(job.pk)).exists()


def test_a_withdrawal_names_it_for_every_face_that_is_not_for_testing(dataset, cast):
    faces = world_make(dataset)
    ended(asked(dataset, cast))
    taught = [bool(taught_by(dataset, np.array([face.position])).detectors) for face in faces]
    assert taught == [True] * 38 + [False] * 8


def test_it_predicts_from_the_feature_set_it_made(dataset, cast):
    world_make(dataset)
    ended(asked(dataset, cast))
    job = ended(prediction_create(detector=Detector.objects.get(), user=cast.alice)[0])
    assert job.result["feature_set"] == FeatureSet.objects.get().pk
    layer = dataset.layers.get(kind=LayerKind.PREDICTION)
    known = dataset.coded_aus.get(au=12).mask | dataset.coded_aus.get(au=25).mask
    assert set(layer.labels.values_list("scored", flat=True)) == {known}


def broken(job, monkeypatch) -> Job:
    """The job, stopped while its second network is trained."""
    train = features.train

    def breaks(network, data, config, **more):
        if more.get("stage") == "fold-1" or len(seen) == 1:
            raise OSError("the plug was pulled")
        seen.append(1)
        return train(network, data, config, **more)

    seen: list[int] = []
    with monkeypatch.context() as patched:
        patched.setattr(features, "train", breaks)
        ended = job_run(job.pk)
    assert ended.state == JobState.FAILED
    return ended


def test_a_broken_job_goes_on_with_the_codes_it_began_with(dataset, cast, monkeypatch):
    faces = world_make(dataset)
    job = broken(asked(dataset, cast), monkeypatch)
    dataset.layers.get(kind=LayerKind.REFERENCE).labels.filter(face=faces[0]).update(present=0)
    ended(job_resume(job=job))
    assert LabelSnapshot.objects.get().pk == job.checkpoint["snapshot"]


def test_with_other_faces_a_broken_job_begins_anew(dataset, cast, monkeypatch):
    world_make(dataset)
    job = broken(asked(dataset, cast), monkeypatch)
    faces = faces_drawn(dataset, np.array([[True, False]]))
    dataset.refresh_from_db()
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1, 0]], [12, 25], name="more")
    assert ended(job_resume(job=job)).result["faces"] == 47
    detector = Detector.objects.get()
    assert detector.snapshot.summary["faces"] == 33 and detector.snapshot_id != job.checkpoint["snapshot"]


def test_a_face_that_became_a_test_face_does_not_end_a_broken_job(dataset, cast, monkeypatch):
    """It was studied without its codes: what learned from it is trained anew."""
    faces = world_make(dataset)
    job = broken(asked(dataset, cast), monkeypatch)
    Face.objects.filter(pk=faces[33].pk).update(role=FaceRole.TEST)
    ended(job_resume(job=job))
    assert Detector.objects.get().report["studied_faces"] == 5


def test_a_damaged_stage_of_a_broken_job_is_trained_again(dataset, cast, monkeypatch, own_data):
    world_make(dataset)
    job = broken(asked(dataset, cast), monkeypatch)
    (own_data / "jobs" / str(job.pk) / "fold-0.safetensors").write_bytes(b"half a file")
    ended(job_resume(job=job))


def test_a_job_that_died_after_its_feature_set_makes_no_second(dataset, cast):
    world_make(dataset)
    job = ended(asked(dataset, cast))
    Job.objects.filter(pk=job.pk).update(state=JobState.QUEUED, result={})
    assert ended(job).result == job.result
    assert FeatureSet.objects.count() == Detector.objects.count() == 1


def test_pixels_need_no_detector(dataset, cast):
    world_make(dataset, coded=4, others=2, tests=0)
    job = ended(asked(dataset, cast, backbone="pixels"))
    feature_set = FeatureSet.objects.get()
    assert job.result["detector"] is None and feature_set.scores is None and feature_set.backbone == "pixels"
    assert array_read(feature_set.features).shape[0] == 6


def test_nothing_coded_is_said_in_words(dataset, cast):
    faces_drawn(dataset, np.array([[True, False]]))
    job = job_run(asked(dataset, cast).pk)
    assert job.state == JobState.FAILED and "No face has a present AU yet" in job.error
