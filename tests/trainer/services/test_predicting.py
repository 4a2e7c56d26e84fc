"""The prediction job: scores out of fold, one layer a detector, taken up and repeated without harm."""

import numpy as np
import pytest
from django.core.files.storage import default_storage

from annotator.choices import JobState, LayerKind
from annotator.models import ArrayFile, Detector, Face, FeatureSet, Job, Label
from annotator.selectors.arrays import array_read
from annotator.selectors.codes import layer_codes
from annotator.services.job_running import job_run
from annotator.services.jobs import job_resume
from annotator.services.withdrawal import subject_withdraw
from tests.annotator.importing import quiet_heart
from tests.trainer.services.world import AUS, QUICK, REFERENCE, faces_drawn, text_of, world_make
from trainer.algorithms.prediction import outputs_predict
from trainer.algorithms.scaling import features_standardise
from trainer.selectors.predictions import prediction_is_current, prediction_layer
from trainer.selectors.training_codes import face_table
from trainer.services import predicting
from trainer.services.features import features_create
from trainer.services.pictures import faces_stream
from trainer.services.training import detector_promote, prediction_create, training_create

__all__ = ["quiet_heart"]


@pytest.fixture
def detector(dataset, cast) -> Detector:
    """Trained on the first 32 of 46 faces."""
    world_make(dataset)
    job, _new = training_create(dataset=dataset, user=cast.alice, method="alexnet", settings=QUICK, sources=REFERENCE)
    job = job_run(job.pk)
    assert job.state == JobState.DONE, text_of(job)
    return Detector.objects.get()


def predicted(detector, cast) -> Job:
    job, _new = prediction_create(detector=detector, user=cast.alice)
    job = job_run(job.pk)
    assert job.state == JobState.DONE, text_of(job)
    return job


def bits(dataset):
    return [dataset.coded_aus.get(au=au).bit for au in AUS]


def test_every_face_gets_features_scores_and_a_prediction(dataset, cast, detector, own_data):
    before = dataset.revision
    job = predicted(detector, cast)
    feature_set, layer = FeatureSet.objects.get(), prediction_layer(detector)
    assert job.result == {"layer": layer.pk, "feature_set": feature_set.pk, "faces": 46}
    network = predicting.network_fetch(detector)
    (_row, pixels), *_none = faces_stream(None, dataset, face_table(dataset), 32)
    features, own = outputs_predict(network, pixels, np.arange(46))
    assert np.allclose(array_read(feature_set.features), features_standardise(features), atol=1e-5)
    scores = array_read(feature_set.scores)
    assert scores.shape == (46, 63) and np.isfinite(scores).sum() == 46 * 2
    expected = np.concatenate([array_read(detector.out_of_fold)[:32], own[32:]])
    assert np.allclose(scores[:, bits(dataset)], expected, atol=1e-3)
    assert not np.allclose(own[:32], expected[:32], atol=1e-2)
    codes = layer_codes(layer, face_table(dataset).ids).codes(bits(dataset))
    called = scores[:, bits(dataset)].astype(np.float32) > np.array(detector.thresholds, np.float32)
    assert (codes == called).all() and (called[:, 0].any() and not called[:, 0].all())
    assert layer.probabilities == feature_set.scores and layer.kind == LayerKind.PREDICTION
    dataset.refresh_from_db()
    assert dataset.revision > before and not (own_data / "jobs" / str(job.pk)).exists()


def test_predicting_again_changes_nothing_and_looks_at_nothing(dataset, cast, detector, monkeypatch):
    first = predicted(detector, cast)
    monkeypatch.setattr(predicting, "faces_look", None)
    again = predicted(detector, cast)
    assert again.pk != first.pk and again.result == first.result
    assert FeatureSet.objects.count() == 1 and Label.objects.filter(layer__kind="prediction").count() == 46


def test_faces_that_came_later_get_theirs_and_runs_keep_the_old_feature_set(dataset, cast, detector):
    old = predicted(detector, cast)
    faces_drawn(dataset, np.array([[True, False], [False, True]]))
    assert not prediction_is_current(detector)
    new = predicted(detector, cast)
    assert prediction_is_current(detector)
    assert new.result["layer"] == old.result["layer"] and new.result["feature_set"] != old.result["feature_set"]
    layer = prediction_layer(detector)
    assert layer.labels.count() == 48
    assert layer.probabilities.shape[0] == 48 and layer.probabilities == FeatureSet.objects.first().scores
    assert array_read(FeatureSet.objects.last().features).shape[0] == 46


def test_a_detector_with_current_predictions_is_promoted_without_a_job(dataset, cast, detector):
    job = detector_promote(detector=detector, user=cast.alice)
    assert job_run(job.pk).state == JobState.DONE
    assert detector_promote(detector=detector, user=cast.alice) is None


def test_a_feature_set_from_a_detector_has_scores_out_of_fold_too(dataset, cast, detector):
    job, _new = features_create(dataset=dataset, user=cast.alice, detector=detector)
    job = job_run(job.pk)
    assert job.state == JobState.DONE, text_of(job)
    feature_set = FeatureSet.objects.get()
    scores = array_read(feature_set.scores)[:32, bits(dataset)]
    assert np.allclose(scores, array_read(detector.out_of_fold)[:32], atol=1e-3)
    assert predicted(detector, cast).result["feature_set"] == feature_set.pk


def test_an_interrupted_look_goes_on_where_it_was(dataset, cast, detector, monkeypatch):
    monkeypatch.setattr("trainer.services.pictures.STREAM_FACES", 10)
    monkeypatch.setattr(predicting, "SAVE_SECONDS", 0.0)
    looks = []
    predict = predicting.outputs_predict

    def breaks(network, pixels, rows, **more):
        looks.append(len(rows))
        if len(looks) == 3:
            raise OSError("the plug was pulled")
        return predict(network, pixels, rows, **more)

    monkeypatch.setattr(predicting, "outputs_predict", breaks)
    job, _new = prediction_create(detector=detector, user=cast.alice)
    assert job_run(job.pk).state == JobState.FAILED
    done = job_run(job_resume(job=Job.objects.get(pk=job.pk)).pk)
    assert done.state == JobState.DONE and looks == [10, 10, 10, 10, 10, 6]
    broken = array_read(FeatureSet.objects.get(pk=done.result["feature_set"]).features)
    fresh, _new = features_create(dataset=dataset, user=cast.alice, detector=detector)
    fresh = FeatureSet.objects.get(pk=job_run(fresh.pk).result["feature_set"])
    assert np.array_equal(broken, array_read(fresh.features))


def test_a_look_at_other_faces_is_not_gone_on_with(dataset, cast, detector, monkeypatch):
    monkeypatch.setattr("trainer.services.pictures.STREAM_FACES", 10)
    monkeypatch.setattr(predicting, "SAVE_SECONDS", 0.0)
    lay = predicting._out_of_fold_lay
    monkeypatch.setattr(predicting, "_out_of_fold_lay", None)
    job, _new = prediction_create(detector=detector, user=cast.alice)
    assert job_run(job.pk).state == JobState.FAILED
    monkeypatch.setattr(predicting, "_out_of_fold_lay", lay)
    faces_drawn(dataset, np.array([[True, False]]))
    done = job_run(job_resume(job=Job.objects.get(pk=job.pk)).pk)
    assert done.result["faces"] == 47
    assert np.isfinite(array_read(FeatureSet.objects.get().features)).all()


def test_weights_that_are_gone_are_said_so(cast, detector):
    default_storage.delete(detector.weights_name)
    job, _new = prediction_create(detector=detector, user=cast.alice)
    job = job_run(job.pk)
    assert job.state == JobState.FAILED and "are missing" in job.error


def test_a_detector_without_thresholds_calls_at_one_half(dataset, cast, detector):
    Detector.objects.update(thresholds=[], out_of_fold=None)
    detector.refresh_from_db()
    predicted(detector, cast)
    scores = array_read(prediction_layer(detector).probabilities)[:, bits(dataset)]
    codes = layer_codes(prediction_layer(detector), face_table(dataset).ids).codes(bits(dataset))
    assert (codes == (scores > 0.5)).all()


def test_a_withdrawn_subject_leaves_no_score_behind(
    dataset, cast, detector, own_data, django_capture_on_commit_callbacks
):
    predicted(detector, cast)
    face = Face.objects.select_related("subject").get(position=5)
    positions = list(Face.objects.filter(subject=face.subject).values_list("position", flat=True))
    others = [position for position in range(46) if position not in positions]
    before = array_read(detector.out_of_fold).copy()
    name = face.subject.pseudonym
    with django_capture_on_commit_callbacks(execute=True):
        subject_withdraw(dataset=dataset, user=cast.alice, pseudonym=name, confirm=name)
    detector = Detector.objects.get()
    layer, feature_set = prediction_layer(detector), FeatureSet.objects.get()
    for array in (detector.out_of_fold, layer.probabilities, feature_set.features, feature_set.scores):
        values = array_read(array, check=True)
        assert np.isnan(values[positions]).all() and np.isfinite(values[others]).any()
    assert np.array_equal(array_read(detector.out_of_fold)[others], before[others], equal_nan=True)
    assert (array_read(detector.snapshot.codes)[positions] == -1).all()
    assert layer.labels.count() == 42 and prediction_is_current(detector)
    assert not array_read(detector.seen)[positions].any() and array_read(detector.seen)[others].any()
    assert ArrayFile.objects.count() == 5 and not (own_data / "cache" / f"faces-{dataset.pk}").exists()
    again = predicted(detector, cast)
    assert again.result["faces"] == 42 and again.result["feature_set"] == feature_set.pk
