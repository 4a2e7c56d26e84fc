"""Asking for trainings and predictions, and promoting: what is refused, kept apart, or done once."""

import hashlib

import pytest

from annotator.choices import LayerKind
from annotator.errors import InputRefused
from annotator.models import AuditEntry, Face, Job, Label
from annotator.services.datasets import dataset_create
from annotator.services.jobs import job_cancel
from tests.factories import detector_make, faces_make, layer_make
from trainer.services.training import detector_promote, prediction_create, training_create


@pytest.fixture
def coded(dataset):
    faces = faces_make(dataset, 12)
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1], [0]] * 6, [12])
    return dataset


def ask(dataset, cast, **more):
    given = {"method": "alexnet", "settings": {}, "sources": {}, **more}
    return training_create(dataset=dataset, user=cast.alice, **given)


def test_a_training_is_asked_for_with_all_its_settings(coded, cast):
    job, new = ask(coded, cast, settings={"training.epochs": "5"}, name="  Mouths ", sources={"weak": True})
    assert new and (job.kind, job.queue) == ("training", "gpu") and job.target.startswith("training:")
    assert job.params["settings"]["training"]["epochs"] == 5
    assert job.params["name"] == "Mouths" and job.params["sources"] == {"proposals": False, "weak": True}
    assert AuditEntry.objects.filter(action="training asked for", user=cast.alice).count() == 1


def test_a_double_click_starts_one_and_other_settings_queue(coded, cast):
    first, _ = ask(coded, cast)
    second, new = ask(coded, cast, settings={"training.epochs": 30})  # the preset's own number
    assert (second.pk, new) == (first.pk, False)
    other, new = ask(coded, cast, settings={"training.epochs": 5})
    assert new and other.pk != first.pk
    job_cancel(job=first)
    again, new = ask(coded, cast)
    assert new and again.pk != first.pk


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"method": "magic"}, "no method 'magic'"),
        ({"settings": {"training.epoch": 3}}, "training.epoch"),
        ({"settings": {"training.epochs": "many"}}, "training.epochs"),
        ({"settings": {"training.epochs": 0}}, "at least 1"),
        ({"sources": {"gossip": True}}, "gossip"),
        ({"name": "x" * 101}, "longer than 100"),
    ],
)
def test_what_cannot_be_is_named(coded, cast, given, says):
    with pytest.raises(InputRefused, match=says):
        ask(coded, cast, **given)
    assert not Job.objects.exists()


@pytest.mark.parametrize("place", ["own.safetensors", "model/model.safetensors"])
def test_the_data_sets_own_weights_are_no_start_under_whatever_name(coded, cast, own_data, place):
    path = own_data / "pretrained" / place
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    name = place.partition("/")[0]
    _job, new = ask(coded, cast, settings={"pretrained": name})
    assert new, "weights that no detector has"
    sha256 = hashlib.sha256(b"weights").hexdigest()
    detector_make(dataset_create(name="Frowns", user=cast.alice, aus=[12, 25]), weights_sha256=sha256)
    _job, new = ask(coded, cast, settings={"pretrained": name})
    assert not new, "weights of another data set's detector"
    detector_make(coded, name="Mouths", weights_sha256=sha256)
    for asked in (name, f" {name} ", f"./{name}"):
        with pytest.raises(InputRefused, match=r"own detector “Mouths”.*out-of-fold scores"):
            ask(coded, cast, settings={"pretrained": asked})
    assert Job.objects.count() == 1


def weak_beside(dataset):
    """Weak codes of all faces, reference codes of the first ten: where weak ones are chosen they judge two."""
    faces = list(dataset.faces.order_by("position"))
    layer_make(dataset, LayerKind.WEAK, faces, [[0], [1]] * 6, [12])
    Label.objects.filter(layer__kind=LayerKind.REFERENCE, face__in=faces[10:]).delete()
    return faces


def test_emotions_inferred_from_the_weak_codes_that_would_judge_are_refused(coded, cast):
    faces = weak_beside(coded)
    assert ask(coded, cast, method="emoco")[1]
    with pytest.raises(InputRefused, match="emotions would be inferred from weak codes"):
        ask(coded, cast, method="emoco", sources={"weak": True})
    for face in faces:
        face.emotion = ("happy", "sad")[face.position % 2]
    Face.objects.bulk_update(faces, ["emotion"])
    assert ask(coded, cast, method="emoco", sources={"weak": True})[1]


@pytest.mark.parametrize(("source", "refused"), [("aus", True), ("column", False)])
def test_an_encoder_of_inferred_emotions_is_no_start_where_weak_codes_judge(coded, cast, own_data, source, refused):
    weak_beside(coded)
    path = own_data / "pretrained" / "emoco-7.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    detector = detector_make(coded, name="Moods", encoder_sha256=hashlib.sha256(b"weights").hexdigest())
    detector.report["trainings"] = {"pretraining": {"source": source}}
    detector.save()
    assert ask(coded, cast, settings={"pretrained": path.name})[1]
    if refused:
        with pytest.raises(InputRefused, match=r"“Moods”.*inferred from weak codes"):
            ask(coded, cast, settings={"pretrained": path.name}, sources={"weak": True})
    else:
        assert ask(coded, cast, settings={"pretrained": path.name}, sources={"weak": True})[1]


@pytest.mark.parametrize("name", ["microsoft/resnet-18", "nowhere", "../secret", "/etc/hostname", "."])
def test_weights_that_cannot_be_looked_at_are_left_to_the_training(coded, cast, own_data, name):
    (own_data / "secret").write_bytes(b"secret")
    detector_make(coded, weights_sha256=hashlib.sha256(b"secret").hexdigest())
    assert ask(coded, cast, settings={"pretrained": name})[1]


def test_nothing_to_learn_is_refused_before_a_job_is_made(dataset, cast):
    faces_make(dataset, 3)
    with pytest.raises(InputRefused, match="No face has a code yet"):
        ask(dataset, cast)


def test_a_prediction_is_asked_for_once(coded, cast):
    detector = detector_make(coded, aus=(12,))
    job, new = prediction_create(detector=detector, user=cast.alice)
    assert new and job.target == f"prediction:{detector.pk}" and job.params == {"detector": detector.pk}
    assert prediction_create(detector=detector, user=cast.alice) == (job, False)
    other, new = prediction_create(detector=detector_make(coded, aus=(12,)), user=cast.alice)
    assert new and other.pk != job.pk


def test_a_prediction_without_faces_is_refused(dataset, cast):
    with pytest.raises(InputRefused, match="no faces yet"):
        prediction_create(detector=detector_make(dataset), user=cast.alice)


def test_one_detector_is_promoted_and_its_prediction_asked_for(coded, cast, django_capture_on_commit_callbacks):
    first, second = detector_make(coded, aus=(12,)), detector_make(coded, aus=(12,))
    revision = coded.revision
    assert detector_promote(detector=first, user=cast.alice).params == {"detector": first.pk}
    with django_capture_on_commit_callbacks() as sent:
        job = detector_promote(detector=second, user=cast.alice)
    assert job.params == {"detector": second.pk} and len(sent) == 1
    first.refresh_from_db()
    second.refresh_from_db()
    coded.refresh_from_db()
    assert first.promoted_at is None and first.promoted_by is None
    assert second.promoted_at is not None and second.promoted_by == cast.alice
    assert coded.revision == revision + 2
    assert AuditEntry.objects.filter(action="detector promoted").count() == 2


def test_promoting_twice_says_so_once(coded, cast):
    detector = detector_make(coded, aus=(12,))
    first = detector_promote(detector=detector, user=cast.alice)
    at = detector.promoted_at
    assert detector_promote(detector=detector, user=cast.dora) == first
    detector.refresh_from_db()
    assert (detector.promoted_at, detector.promoted_by) == (at, cast.alice)
    assert AuditEntry.objects.filter(action="detector promoted").count() == 1


def test_predictions_of_all_faces_are_not_made_again(coded, cast):
    detector = detector_make(coded, aus=(12,))
    layer = layer_make(coded, LayerKind.PREDICTION, name="prediction")
    layer.detector = detector
    layer.save()
    Label.objects.bulk_create(Label(layer=layer, face=face) for face in coded.faces.all())
    assert detector_promote(detector=detector, user=cast.alice) is None
    faces_make(coded, 1)
    assert detector_promote(detector=detector, user=cast.alice) is not None
