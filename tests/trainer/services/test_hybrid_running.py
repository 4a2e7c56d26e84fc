"""The hybrid in its jobs: from coded frames to a detector that follows clips, and its predictions of whole clips."""

import numpy as np
import pytest

from annotator.choices import FaceRole, JobState, LayerKind
from annotator.errors import InputRefused
from annotator.models import Clip, Detector, Face, FeatureSet
from annotator.selectors.arrays import array_read
from annotator.selectors.withdrawal import taught_by
from annotator.services.job_running import job_run
from annotator.services.jobs import job_resume
from tests.annotator.importing import quiet_heart
from tests.factories import layer_make
from tests.trainer.services.world import AUS, QUICK, REFERENCE, faces_drawn, text_of, world_make
from trainer.algorithms.clips import Clips
from trainer.algorithms.hybrid import CNN, WHOLE, parts_predict
from trainer.selectors.training_codes import face_table
from trainer.services import predicting
from trainer.services.pictures import faces_stream
from trainer.services.training import prediction_create, training_create

__all__ = ["quiet_heart"]

HYBRID = {
    "hybrid.layers": 1,
    "hybrid.cells": 8,
    "hybrid.sequence": 8,
    "hybrid.sequences": 2,
    "hybrid.ignored": 1,
    "hybrid.active": 0,
    "hybrid.epochs": 2,
    "hybrid.fusion": 8,
    "hybrid.fusion_epochs": 2,
}
FRAMES = 10


@pytest.fixture
def film(dataset) -> list[Face]:
    """Six clips of ten frames by six people, coded but for the last four; one of test faces; four stills."""
    number, frame = np.divmod(np.arange(70), FRAMES)
    truth = np.stack([(frame >= 2 + number % 3) & (frame < 7), frame >= 5], axis=1)
    faces = faces_drawn(dataset, truth[:60]) + faces_drawn(dataset, truth[60:], role=FaceRole.TEST)
    for row, face in enumerate(faces):
        face.subject = faces[row // FRAMES * FRAMES].subject
        face.frame = int(frame[row])
        if not face.frame:
            clip = Clip.objects.create(dataset=dataset, subject=face.subject, name=f"clip {number[row]}")
        face.clip = clip
    Face.objects.bulk_update(faces, ["subject", "clip", "frame"])
    coded = [row for row in range(70) if frame[row] < 6]
    layer_make(dataset, LayerKind.REFERENCE, [faces[row] for row in coded], truth[coded].astype(int), AUS)
    return faces + faces_drawn(dataset, truth[:4])


def hybrid(dataset, cast, **changed):
    settings = QUICK | HYBRID | changed
    job, _new = training_create(
        dataset=dataset, user=cast.alice, method="hybrid", settings=settings, sources=REFERENCE
    )
    return job


def detector_of(job) -> Detector:
    assert job.state == JobState.DONE, text_of(job)
    return Detector.objects.get(pk=job.result["detector"])


def test_a_hybrid_is_reported_whole_and_by_its_parts(dataset, cast, film):
    job = job_run(hybrid(dataset, cast).pk)
    detector = detector_of(job)
    assert detector.method == "hybrid" and detector.name == "Hybrid of CNN and LSTM 1"
    report = detector.report
    assert set(report["parts"]) == {"cnn", "lstm"}
    for part in report["parts"].values():
        assert part["mean"]["rules"]["validation"]["f1"] and part["events"]["area"] is not None
    assert report["cross_validation"]["faces"] == 36 and report["test"]["faces"] == 6
    assert {"detector", "detector-lstm", "detector-fusion"} <= set(report["trainings"])
    assert {"fold-0-lstm.loss", "fold-0-fusion.loss"} <= set(job.curves)
    assert "pictures of 24 faces without codes" in job.log  # not the stills, not the test faces


def test_frames_without_codes_that_it_followed_are_told_at_a_withdrawal(dataset, cast, film):
    detector_of(job_run(hybrid(dataset, cast).pk))
    named = [bool(taught_by(dataset, np.array([face.position])).detectors) for face in film]
    assert named == [True] * 60 + [False] * 14


def test_predictions_follow_whole_clips_and_leave_stills_to_the_frames(dataset, cast, film):
    detector = detector_of(job_run(hybrid(dataset, cast).pk))
    job, _new = prediction_create(detector=detector, user=cast.alice)
    job = job_run(job.pk)
    assert job.state == JobState.DONE, text_of(job)
    bits = [dataset.coded_aus.get(au=au).bit for au in AUS]
    scores = array_read(FeatureSet.objects.get().scores)[:, bits].astype(np.float32)
    table = face_table(dataset)
    (_row, pixels), *_none = faces_stream(None, dataset, table, 32)
    clips = Clips(table.clips, table.frames)
    told = parts_predict(predicting.network_fetch(detector), pixels, np.arange(74), clips, np.ones(74, bool))
    honest = array_read(detector.out_of_fold)
    own = np.where(np.isfinite(honest[:70]), honest[:70], told[WHOLE][:70])
    assert np.allclose(scores[:70], own, atol=2e-3)
    assert np.allclose(scores[70:], told[CNN][70:], atol=2e-3)
    assert not np.allclose(told[WHOLE][60:70], told[CNN][60:70], atol=2e-3)


def test_a_prediction_that_broke_off_while_clips_were_followed_ends_the_same(dataset, cast, film, monkeypatch):
    detector = detector_of(job_run(hybrid(dataset, cast).pk))
    job, _new = prediction_create(detector=detector, user=cast.alice)
    follow = predicting.outputs_follow

    def broken(*given, **more):
        follow(*given, **more)
        raise RuntimeError("power cut")

    monkeypatch.setattr(predicting, "outputs_follow", broken)
    job = job_run(job.pk)
    assert job.state == JobState.FAILED
    monkeypatch.undo()
    job_resume(job=job)
    job = job_run(job.pk)
    assert job.state == JobState.DONE, text_of(job)
    first = array_read(FeatureSet.objects.get().scores)
    FeatureSet.objects.all().delete()
    again, _new = prediction_create(detector=detector, user=cast.alice)
    job_run(again.pk)
    assert np.array_equal(array_read(FeatureSet.objects.get().scores), first, equal_nan=True)


def test_without_clips_the_order_is_refused(dataset, cast):
    world_make(dataset)
    with pytest.raises(InputRefused, match="no face here is a frame of a clip"):
        hybrid(dataset, cast)


def test_only_stills_coded_ends_with_words(dataset, cast, film):
    dataset.layers.all().delete()
    stills = film[70:]
    layer_make(dataset, LayerKind.REFERENCE, stills, np.array([[0, 1], [1, 0], [0, 0], [1, 1]]), AUS)
    job = job_run(hybrid(dataset, cast).pk)
    assert job.state == JobState.FAILED and "No coded face is a frame of a clip" in job.error
