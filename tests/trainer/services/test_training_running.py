"""The training job from codes to detector: what it learns from, keeps, reports, and how it is taken up."""

import hashlib
import json

import numpy as np
import pytest
from django.core.files.storage import default_storage
from safetensors import safe_open

from annotator.choices import FaceRole, JobState, LayerKind
from annotator.models import Clip, Detector, Face, Job, LabelSnapshot
from annotator.selectors.arrays import array_read
from annotator.selectors.withdrawal import taught_by
from annotator.services.datasets import dataset_create
from annotator.services.job_running import job_run
from annotator.services.jobs import job_cancel, job_resume
from annotator.services.withdrawal import subject_withdraw
from tests.annotator.importing import quiet_heart
from tests.annotator.selectors.test_clips import clip_make
from tests.factories import layer_make
from tests.trainer.services.world import AUS, QUICK, REFERENCE, faces_drawn, text_of, world_make
from trainer.algorithms import objectives
from trainer.algorithms.detectors import stage_seed
from trainer.algorithms.sampling import composition
from trainer.algorithms.weights import weights_load
from trainer.selectors.detector_card import card_make
from trainer.selectors.training_codes import face_table
from trainer.services import training_running
from trainer.services.training import training_create
from trainer.services.training_running import Taken, judged

__all__ = ["quiet_heart"]


def training(dataset, cast, *, method="alexnet", sources=REFERENCE, name="", **settings) -> Job:
    given = QUICK | {path.replace("__", "."): value for path, value in settings.items()}
    job, _new = training_create(
        dataset=dataset, user=cast.alice, method=method, settings=given, sources=sources, name=name
    )
    return job


def detector_of(job: Job) -> Detector:
    assert job.state == JobState.DONE, text_of(job)
    return Detector.objects.get(pk=job.result["detector"])


def test_a_frame_without_any_code_breaks_no_event_in_two(dataset, cast):
    clip_make(dataset, range(0, 35, 5))
    faces = face_table(dataset)
    codes = np.array([0, 1, 1, -1, 1, 1, 0], np.int8)[:, None]
    scores = (codes != 0).astype(np.float32)
    taken = Taken(
        snapshot=LabelSnapshot(dataset=dataset),
        faces=faces,
        labels=codes,
        study=np.zeros(7, bool),
        test_labels=np.full_like(codes, -1),
        whole=faces.in_time,
        places=np.arange(7),
    )
    known = np.flatnonzero(codes[:, 0] >= 0)
    taken = taken.part(faces.part(known))  # a training needs no other pictures
    told = judged(taken, np.arange(6), taken.labels, scores[known], np.full(1, 0.5, np.float32))
    (au,) = told["events"]["aus"]
    assert (au["true_events"], au["predicted_events"], au["f1_half"]) == (1, 1, 1.0)


def test_a_training_keeps_a_detector_with_snapshot_scores_and_report(dataset, cast, own_data):
    faces = world_make(dataset)
    job = job_run(training(dataset, cast, training__epochs=12).pk)
    detector = detector_of(job)
    assert (detector.name, detector.method, detector.aus) == ("AlexNet-BN 1", "alexnet", list(AUS))
    codes = array_read(detector.snapshot.codes)
    assert (codes[:32] >= 0).all() and (codes[32:] == -1).all()
    assert detector.snapshot.summary["faces"] == 32
    assert detector.snapshot.summary["left_out"] == {"test": 8, "uncoded": 6}
    honest = array_read(detector.out_of_fold)
    assert honest.shape == (len(faces), 2) and np.isfinite(honest[:32]).all() and np.isnan(honest[32:]).all()
    report = detector.report
    assert report["cross_validation"]["faces"] == 32 and len(report["cross_validation"]["folds"]) == 2
    assert report["test"]["faces"] == 8 and report["test"]["mean"]["auc"]["value"] > 0.9
    assert set(report["trainings"]) == {"fold-0", "fold-1", "detector"}
    assert report["machine"]["precision"] == "float32" and report["machine"]["seconds"] > 0
    assert report["composition"]["sampler"] == "random"
    learned = (codes == 1).sum(axis=0)
    assert (np.sum(report["composition"]["batches"], axis=0) <= learned).all()
    assert detector.configuration["training"]["epochs"] == 12 and len(detector.thresholds) == 2
    assert job.result["mean_f1"] == report["cross_validation"]["mean"]["rules"]["validation"]["f1"]["value"]
    assert not (own_data / "jobs" / str(job.pk)).exists()


def test_the_weights_carry_card_and_aus(dataset, cast):
    world_make(dataset)
    detector = detector_of(job_run(training(dataset, cast, name="Mouths").pk))
    network, extra = weights_load(default_storage.path(detector.weights_name))
    assert extra["aus"] == list(AUS) and network.config.outputs == 2
    with safe_open(default_storage.path(detector.weights_name), framework="pt") as file:
        card = file.metadata()["card"]
    assert "# Mouths" in card and "AU12" in card and "test faces, for reporting only" in card
    assert "Software: Corrugator" in card and card == card_make(detector)


def test_curves_counts_and_log_tell_of_it_live(dataset, cast):
    world_make(dataset)
    job = job_run(training(dataset, cast, validation=0.3).pk)
    assert set(job.curves) == {
        f"{stage}.{what}" for stage in ("fold-0", "fold-1", "detector") for what in ("loss", "f1")
    }
    loss, f1 = job.curves["detector.loss"], job.curves["detector.f1"]
    assert [point[0] for point in loss] == [1, 2, 3] and all(len(point) == 3 for point in loss)
    assert all(point[2] > 0 for point in loss) and all(len(point) == 4 for point in f1)
    assert job.counts["faces"] == 32 and job.counts["examples_per_second"] > 0 and "seconds_left" in job.counts
    assert "Training on 32 faces, codes from reference 64" in job.log and "fold-0: 3 epochs" in job.log


def test_a_clip_without_a_subject_is_one_person_to_the_intervals(dataset, cast):
    faces = world_make(dataset)
    clip = Clip.objects.create(dataset=dataset, name="laugh")
    Face.objects.filter(pk__in=[face.pk for face in faces[:8]]).update(subject=None, clip=clip)
    detector = detector_of(job_run(training(dataset, cast).pk))
    told = [fold["subjects"] for fold in detector.report["cross_validation"]["folds"]]
    assert detector.report["cross_validation"]["subjects"] == sum(told) == detector.snapshot.summary["subjects"] == 7


def test_without_validation_faces_or_test_faces_the_report_says_so(dataset, cast):
    world_make(dataset, tests=0)
    job = job_run(training(dataset, cast, validation=0).pk)
    assert detector_of(job).report["test"] is None and "No test face" in detector_of(job).report["test_why"]
    assert all(point[2] is None for point in job.curves["detector.loss"])


def test_an_au_that_is_never_present_is_not_learned(dataset, cast):
    faces = world_make(dataset)
    reference = dataset.layers.get(kind=LayerKind.REFERENCE)
    bit = dataset.coded_aus.get(au=25).mask
    for label in reference.labels.filter(face__in=faces[:32]):
        label.present &= ~bit
        label.save()
    detector = detector_of(job_run(training(dataset, cast).pk))
    assert detector.aus == [12] and array_read(detector.out_of_fold).shape == (46, 1)
    assert detector.report["test"]["aus"][0]["known"] == 8


def test_the_adversarial_method_learns_from_faces_without_codes_but_never_from_test_faces(dataset, cast, monkeypatch):
    faces = world_make(dataset)
    seen = {}
    train = training_running.detector_train

    def watched(cache, labels, groups, settings, **more):
        seen["study"] = more["study_rows"].copy()
        return train(cache, labels, groups, settings, **more)

    monkeypatch.setattr(training_running, "detector_train", watched)
    job = job_run(training(dataset, cast, method="adversarial").pk)
    assert detector_of(job).method == "adversarial"
    assert seen["study"].tolist() == [32 <= row < 38 for row in range(len(faces))]
    assert "pictures of 6 faces without codes" in job.log


def test_where_all_faces_are_too_many_only_those_needed_are_decoded(dataset, cast, monkeypatch, own_data):
    world_make(dataset)
    whole = detector_of(job_run(training(dataset, cast).pk))
    monkeypatch.setattr("trainer.services.pictures.WHOLE_BYTES", 0)
    for path in (own_data / "cache" / f"faces-{dataset.pk}").glob("*.npy"):
        path.unlink()
    part = detector_of(job_run(training(dataset, cast, name="again").pk))
    (cache,) = (own_data / "cache" / f"faces-{dataset.pk}").glob("*.npy")
    assert cache.name.startswith("part-32-") and np.load(cache).shape == (40, 32, 32, 3)
    assert np.array_equal(array_read(whole.out_of_fold), array_read(part.out_of_fold), equal_nan=True)
    assert whole.report["test"] == part.report["test"]


def stopped_after_a_fold(job: Job, monkeypatch, how) -> Job:
    """Run the job until its second network begins, where `how` happens."""
    epoch = training_running.LiveCurves.epoch

    def stop(self, report):
        epoch(self, report)
        if report.stage == "fold-1":
            how()

    with monkeypatch.context() as patched:
        patched.setattr(training_running.LiveCurves, "epoch", stop)
        return job_run(job.pk)


def pull_the_plug():
    raise OSError("the plug was pulled")


def test_a_broken_training_goes_on_from_its_snapshot_to_the_same_result(dataset, cast, monkeypatch):
    faces = world_make(dataset)
    unbroken = detector_of(job_run(training(dataset, cast).pk))
    job = stopped_after_a_fold(training(dataset, cast, name="broken"), monkeypatch, pull_the_plug)
    assert job.state == JobState.FAILED and job.checkpoint["snapshot"]
    # What is coded and who comes meanwhile is of the next training.
    dataset.layers.get(kind=LayerKind.REFERENCE).labels.filter(face=faces[0]).update(present=0)
    faces_drawn(dataset, np.ones((3, 2), bool))
    stages = set()
    epoch = training_running.LiveCurves.epoch
    monkeypatch.setattr(
        training_running.LiveCurves, "epoch", lambda self, report: stages.add(report.stage) or epoch(self, report)
    )
    resumed = detector_of(job_run(job_resume(job=job).pk))
    assert stages == {"fold-1", "detector"}
    assert resumed.snapshot_id == job.checkpoint["snapshot"]
    same = [array_read(detector.out_of_fold)[:46] for detector in (unbroken, resumed)]
    assert np.array_equal(*same, equal_nan=True)
    nets = [weights_load(default_storage.path(one.weights_name))[0].state_dict() for one in (unbroken, resumed)]
    assert all((nets[0][name] == nets[1][name]).all() for name in nets[0])


def test_faces_that_come_while_the_codes_are_read_do_not_undo_what_was_finished(dataset, cast, monkeypatch):
    world_make(dataset)
    check = training_running.codes_check

    def meanwhile(*given, **more):
        faces_drawn(dataset, np.ones((3, 2), bool))
        return check(*given, **more)

    monkeypatch.setattr(training_running, "codes_check", meanwhile)
    job = stopped_after_a_fold(training(dataset, cast), monkeypatch, pull_the_plug)
    resumed = job_run(job_resume(job=job).pk)
    assert detector_of(resumed).snapshot_id == job.checkpoint["snapshot"]
    assert resumed.log.count("fold-0: ") == 1


def test_a_cache_of_all_faces_that_came_meanwhile_does_not_undo_what_was_finished(dataset, cast, monkeypatch):
    world_make(dataset)
    with monkeypatch.context() as patched:
        patched.setattr("trainer.services.pictures.WHOLE_BYTES", 0)
        job = stopped_after_a_fold(training(dataset, cast), patched, pull_the_plug)
    detector_of(job_run(training(dataset, cast, name="whole").pk))
    resumed = job_run(job_resume(job=job).pk)
    assert detector_of(resumed) and resumed.log.count("fold-0: ") == 1


def test_a_face_that_became_a_test_face_is_not_learned_from_when_resumed(dataset, cast, monkeypatch):
    faces = world_make(dataset)
    job = stopped_after_a_fold(training(dataset, cast), monkeypatch, pull_the_plug)
    Face.objects.filter(pk=faces[3].pk).update(role=FaceRole.TEST)
    detector = detector_of(job_run(job_resume(job=job).pk))
    assert (array_read(detector.snapshot.codes)[3] == -1).all() and detector.report["test"]["faces"] == 9
    assert detector.snapshot_id != job.checkpoint["snapshot"]


def test_a_subject_that_withdrew_meanwhile_is_not_learned_from(
    dataset, cast, monkeypatch, django_capture_on_commit_callbacks
):
    faces = world_make(dataset)
    job = stopped_after_a_fold(training(dataset, cast, method="adversarial"), monkeypatch, pull_the_plug)
    with django_capture_on_commit_callbacks(execute=True):
        name = faces[0].subject.pseudonym
        subject_withdraw(dataset=dataset, user=cast.alice, pseudonym=name, confirm=name)
    detector = detector_of(job_run(job_resume(job=job).pk))
    assert detector.report["cross_validation"]["faces"] == detector.snapshot.summary["faces"] == 28
    assert np.isnan(array_read(detector.out_of_fold)[:4]).all()
    assert detector.report["trainings"]["detector"]["unlabelled"] == 6


def test_a_cancelled_training_keeps_a_checkpoint_and_goes_on_with_the_next_epoch(
    dataset, cast, monkeypatch, own_data
):
    world_make(dataset)
    job = training(dataset, cast, training__epochs=6)
    contexts, epochs = [], []
    init, epoch = training_running.LiveCurves.__init__, training_running.LiveCurves.epoch

    def remember(self, context, *, faces):
        init(self, context, faces=faces)
        contexts.append(context)

    def cancel_in_the_second_network(self, report):
        epoch(self, report)
        epochs.append((report.stage, report.epoch))
        if epochs[-1] == ("fold-1", 2) and len(contexts) == 1:
            job_cancel(job=job)
            contexts[0].heartbeat()

    monkeypatch.setattr(training_running.LiveCurves, "__init__", remember)
    monkeypatch.setattr(training_running.LiveCurves, "epoch", cancel_in_the_second_network)
    ended = job_run(job.pk)
    assert ended.state == JobState.CANCELLED and not Detector.objects.exists()
    assert [point[0] for point in ended.curves["fold-1.loss"]] == [1, 2]
    assert list((own_data / "jobs" / str(job.pk)).glob("fold-1-*.checkpoint"))
    epochs.clear()
    assert detector_of(job_run(job_resume(job=ended).pk))
    assert epochs[0] == ("fold-1", 3)
    assert [point[0] for point in Job.objects.get().curves["fold-1.loss"]] == [1, 2, 3, 4, 5, 6]


def test_a_job_that_died_after_its_detector_makes_no_second(dataset, cast):
    world_make(dataset)
    job = job_run(training(dataset, cast).pk)
    Job.objects.filter(pk=job.pk).update(state=JobState.QUEUED, result={})
    again = job_run(job.pk)
    assert again.result == job.result
    assert Detector.objects.count() == LabelSnapshot.objects.count() == 1


def test_a_job_that_another_worker_took_over_keeps_no_detector(dataset, cast, monkeypatch):
    world_make(dataset)
    job = training(dataset, cast)
    keep = training_running.weights_keep

    def taken_over(*given):
        keep(*given)
        Job.objects.filter(pk=job.pk).update(claim="another")

    monkeypatch.setattr(training_running, "weights_keep", taken_over)
    job_run(job.pk)
    assert not Detector.objects.exists()


def test_weights_that_are_not_there_are_said_so(dataset, cast):
    world_make(dataset)
    job = job_run(training(dataset, cast, pretrained="nowhere").pk)
    assert job.state == JobState.FAILED and "no weights 'nowhere'" in job.error


def test_pretrained_weights_are_found_below_the_data_folder(dataset, cast, own_data):
    world_make(dataset)
    first = detector_of(job_run(training(dataset, cast).pk))
    copied(first, own_data / "pretrained" / "own.safetensors")
    other = dataset_create(name="Frowns", user=cast.alice, aus=list(AUS))
    world_make(other)
    second = detector_of(job_run(training(other, cast, pretrained="own.safetensors").pk))
    assert second.configuration["pretrained"] == "own.safetensors"
    assert second.weights_sha256 != first.weights_sha256


def copied(detector, path):
    path.parent.mkdir(parents=True)
    with default_storage.open(detector.weights_name) as file:
        path.write_bytes(file.read())


def test_weights_of_the_data_set_that_come_after_the_order_are_refused_by_the_worker(dataset, cast, own_data):
    world_make(dataset)
    first = detector_of(job_run(training(dataset, cast).pk))
    job = training(dataset, cast, pretrained="later.safetensors")
    copied(first, own_data / "pretrained" / "later.safetensors")
    job = job_run(job.pk)
    assert job.state == JobState.FAILED and f"own detector “{first.name}”" in job.error
    assert Detector.objects.count() == 1


def test_the_report_is_plain_json(dataset, cast):
    world_make(dataset)
    detector = detector_of(job_run(training(dataset, cast).pk))
    json.dumps([detector.report, detector.configuration, detector.thresholds], allow_nan=False)


@pytest.mark.parametrize("method", ["alexnet", "adversarial"])
@pytest.mark.parametrize("sampler", ["random", "oversampled", "stratified", "momu"])
def test_the_batches_told_are_those_that_the_final_network_began_with(dataset, cast, monkeypatch, sampler, method):
    world_make(dataset)
    first = {}
    draw = objectives.epoch_batches

    def watched(name, labels, size, count, seed, **more):
        batches = draw(name, labels, size, count, seed, **more)
        first.setdefault(tuple(seed), composition(labels, batches).tolist())
        return batches

    monkeypatch.setattr(objectives, "epoch_batches", watched)
    settings = {"training__sampler": sampler, "training__epochs": 1}
    told = detector_of(job_run(training(dataset, cast, method=method, **settings).pk)).report["composition"]
    assert told == {"sampler": sampler, "batches": first[(stage_seed(0, "detector"), 0)]}


EMOCO = {
    "emoco__epochs": 1, "emoco__batch": 8, "emoco__queue": 8, "emoco__hidden": 8, "emoco__dimensions": 8,
    "emoco__norm_groups": 2,
}  # fmt: skip


def test_emoco_learns_from_imported_emotions_but_not_those_of_test_faces(dataset, cast, own_data):
    faces = world_make(dataset)
    for face in faces:
        face.emotion = ("happy", "sad")[face.position % 2]
    Face.objects.bulk_update(faces, ["emotion"])
    job = job_run(training(dataset, cast, method="emoco", **EMOCO).pk)
    detector = detector_of(job)
    told = detector.report["trainings"]["pretraining"]
    assert told["source"] == "column"
    assert told["emotions"] == {"happy": 19, "sad": 19}  # 38 of the 46 faces are not for testing
    assert "Learning first from the imported emotions: happy 19, sad 19" in text_of(job)


def test_emoco_infers_emotions_from_weak_codes_and_says_so(dataset, cast, own_data):
    faces = world_make(dataset)
    joyful = [[1] if face.position % 2 else [0] for face in faces]
    layer_make(dataset, LayerKind.WEAK, faces, joyful, [12])
    job = job_run(training(dataset, cast, method="emoco", **EMOCO).pk)
    assert detector_of(job).report["trainings"]["pretraining"]["source"] == "aus"
    assert "emotions inferred from weak codes: happiness 19, neutral 19" in text_of(job)


def taught(dataset, faces):
    """The names that the withdrawal of one of these faces would tell."""
    found = taught_by(dataset, np.array([face.position for face in faces]))
    return [detector.name for detector in found.detectors], found.encoders


def test_a_detector_has_seen_its_codes_and_the_pictures_without_codes_but_no_test_face(dataset, cast):
    faces = world_make(dataset)
    for method in ("alexnet", "adversarial"):
        detector_of(job_run(training(dataset, cast, method=method, name=method).pk))
    assert taught(dataset, faces[:1]) == (["alexnet", "adversarial"], [])
    assert taught(dataset, faces[32:38]) == (["adversarial"], [])
    assert taught(dataset, faces[38:]) == ([], [])


def test_emotions_are_seen_by_detector_and_encoder_and_by_what_begins_from_it(dataset, cast, own_data):
    faces = world_make(dataset)
    for face in faces[10:34]:
        face.emotion = ("happy", "sad")[face.position % 2]
    Face.objects.bulk_update(faces, ["emotion"])
    first = detector_of(job_run(training(dataset, cast, method="emoco", name="first", **EMOCO).pk))
    kept = own_data / first.encoder_name
    assert first.encoder_sha256 == hashlib.sha256(kept.read_bytes()).hexdigest()
    detector_of(job_run(training(dataset, cast, name="begun", pretrained=kept.name).pk))
    assert taught(dataset, faces[32:34]) == (["first", "begun"], [first.encoder_name])
    assert taught(dataset, faces[:1]) == (["first", "begun"], [])
    assert taught(dataset, faces[34:]) == ([], [])


def test_a_face_that_became_a_test_face_has_no_emotion_when_resumed(dataset, cast, monkeypatch):
    faces = world_make(dataset)
    for face in faces:
        face.emotion = ("happy", "sad")[face.position % 2]
    Face.objects.bulk_update(faces, ["emotion"])
    job = stopped_after_a_fold(training(dataset, cast, method="emoco", **EMOCO), monkeypatch, pull_the_plug)
    Face.objects.filter(pk=faces[32].pk).update(role=FaceRole.TEST)  # one without codes, or all would be frozen anew
    detector = detector_of(job_run(job_resume(job=job).pk))
    assert detector.snapshot_id == job.checkpoint["snapshot"]
    assert detector.report["trainings"]["pretraining"]["emotions"] == {"happy": 18, "sad": 19}


def test_emotions_that_went_after_the_order_are_not_inferred_from_the_codes_that_judge(dataset, cast, own_data):
    faces = world_make(dataset)
    layer_make(dataset, LayerKind.WEAK, faces, [[face.position % 2] for face in faces], [12])
    Face.objects.filter(pk__in=[face.pk for face in faces[::2]]).update(emotion="happy")
    Face.objects.filter(pk__in=[face.pk for face in faces[1::2]]).update(emotion="sad")
    job = training(dataset, cast, method="emoco", sources=REFERENCE | {"weak": True}, **EMOCO)
    Face.objects.update(emotion="")
    job = job_run(job.pk)
    assert job.state == JobState.FAILED and "inferred from weak codes" in job.error


def test_emoco_without_any_emotion_ends_with_words(dataset, cast, own_data):
    world_make(dataset)
    job = job_run(training(dataset, cast, method="emoco", **EMOCO).pk)
    assert job.state == JobState.FAILED
    assert "EmoCo needs at least two" in text_of(job)


def test_another_method_begins_with_what_emoco_learned(dataset, cast, own_data):
    faces = world_make(dataset)
    for face in faces:
        face.emotion = ("happy", "sad")[face.position % 2]
    Face.objects.bulk_update(faces, ["emotion"])
    first = detector_of(job_run(training(dataset, cast, method="emoco", **EMOCO).pk))
    kept = own_data / "pretrained" / f"emoco-{first.pk}.safetensors"
    job = job_run(training(dataset, cast, pretrained=kept.name).pk)
    told = detector_of(job).report["trainings"]["detector"]
    assert told["pretrained_sha256"] == hashlib.sha256(kept.read_bytes()).hexdigest()
