"""What the training pages are told: the state of each network, time in words, orders to begin from."""

import pytest

from annotator.choices import JobState
from annotator.errors import InputRefused, NotFound
from annotator.models import LabelSnapshot
from annotator.services.datasets import dataset_create
from tests.factories import detector_make, faces_make, training_make
from trainer.algorithms.methods import settings_make
from trainer.selectors.trainings import (
    STOPPED_SHOWN,
    detector_rows,
    jobs_at_work,
    order_of,
    settings_changed,
    time_left,
    training_told,
    trainings_stopped,
)


def states(job):
    return [step.state for step in training_told(job).steps]


@pytest.mark.parametrize(
    ("state", "networks", "expected"),
    [
        (JobState.QUEUED, 0, ["waiting"] * 4),
        (JobState.RUNNING, 0, ["waiting"] * 4),
        (JobState.RUNNING, 2, ["done", "now", "waiting", "waiting"]),
        (JobState.FAILED, 2, ["done", "waiting", "waiting", "waiting"]),
        (JobState.DONE, 4, ["done"] * 4),
    ],
)
def test_each_network_is_done_at_work_or_waiting(dataset, state, networks, expected):
    assert states(training_make(dataset, state=state, networks=networks)) == expected


def test_there_are_never_more_folds_than_subjects(dataset):
    detector = detector_make(dataset)
    LabelSnapshot.objects.update(summary={"subjects": 2})
    job = training_make(dataset, checkpoint={"snapshot": detector.snapshot_id})
    assert len(training_told(job).networks) == 3


def test_the_snapshot_names_the_aus_of_the_columns(dataset):
    detector = detector_make(dataset, aus=[1, 4])
    assert training_told(training_make(dataset, checkpoint={"snapshot": detector.snapshot_id})).aus == [1, 4]
    assert training_told(training_make(dataset)).aus == ()


def test_the_network_shown_is_the_newest_unless_another_is_asked_for(dataset):
    training = training_told(training_make(dataset, networks=3))
    assert training.chosen("")[0].stage == "fold-2"
    chosen, others = training.chosen("fold-0")
    assert (chosen.stage, [one.stage for one in others]) == ("fold-0", ["fold-1", "fold-2"])
    assert training.chosen("detector")[0].stage == "fold-2", "it has not begun"


def test_the_mark_changes_with_whatever_the_page_shows(dataset):
    job = training_make(dataset)
    marks = {training_told(job).mark}
    for name, value in {
        "message": "Reading", "fraction": 0.5, "state": JobState.FAILED, "error": "No.", "log": "more",
        "counts": {"faces": 1}, "curves": {"fold-0.loss": [[1, 0.5, None]]},
    }.items():  # fmt: skip
        setattr(job, name, value)
        marks.add(training_told(job).mark)
    assert len(marks) == 8


def test_messages_that_the_list_of_networks_tells_already_are_left_out(dataset):
    job = training_make(dataset)
    assert training_told(job).message == ""
    job.message = "Judging the detector"
    assert training_told(job).message == "Judging the detector"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (20, "less than a minute"),
        (80, "about 1 minute"),
        (340, "about 6 minutes"),
        (3600, "about 1 hour"),
        (2 * 3600 + 610, "about 2 hours 10 min"),
        (30 * 3600, "about 30 hours"),
    ],
)
def test_time_left_is_told_as_people_say_it(seconds, words):
    assert time_left(seconds) == words


def test_a_detector_is_judged_by_the_rule_it_predicts_by_and_at_one_half_without(dataset):
    faces_make(dataset, 3)
    detector = detector_make(dataset, f1=0.7)
    for part in ("cross_validation", "test"):
        detector.report[part]["mean"]["rules"]["fixed"] = {"f1": {"value": 0.4}, "aus": 2}
    row = detector_rows([detector])[0]
    assert [mean.figure.value for mean in row.means] == [0.7, 0.7 - 0.02]
    detector.report["cross_validation"]["mean"]["rules"]["validation"] = None
    detector.report["test"] = None
    row = detector_rows([detector])[0]
    assert row.means[0].figure.value == 0.4
    assert row.means[1] is None
    assert row.faces == 3


def test_a_detector_without_a_report_is_listed_too(dataset):
    assert detector_rows([detector_make(dataset, report={})])[0].means == [None, None]


def test_trainings_at_work_and_broken_off_are_told_apart(dataset):
    running = training_make(dataset)
    training_make(dataset, state=JobState.DONE)
    stopped = [training_make(dataset, state=JobState.FAILED) for _number in range(STOPPED_SHOWN + 1)]
    assert jobs_at_work(dataset) == [running]
    assert [one.job for one in trainings_stopped(dataset)] == stopped[:0:-1]


def test_an_order_is_taken_from_a_training(cast, dataset):
    job = training_make(dataset, method="adversarial", settings={"adversarial.alpha": 0.2})
    order = order_of(cast.alice, dataset, f"job-{job.pk}")
    assert order.settings == settings_make("adversarial", {"adversarial.alpha": 0.2})
    assert (order.name, order.sources) == ("Brows and lips", {"proposals": True, "weak": False})


def test_an_order_is_taken_from_a_detector_and_its_training_if_that_is_known(cast, dataset):
    alone = detector_make(dataset, method="resnet", sources={"reference": 3, "weak": 2})
    order = order_of(cast.alice, dataset, str(alone.pk))
    assert (order.settings.method, order.sources) == ("resnet", {"proposals": False, "weak": True})
    made = detector_make(dataset, job=training_make(dataset))
    assert order_of(cast.alice, dataset, str(made.pk)).sources == {"proposals": True, "weak": False}


def test_a_clone_has_a_name_of_its_own(cast, dataset):
    job = training_make(dataset)
    made = detector_make(dataset, job=job, name="Brows and lips")
    again = order_of(cast.alice, dataset, str(made.pk))
    assert (again.name, again.begun_from) == ("Brows and lips 2", "Brows and lips")
    detector_make(dataset, name="Brows and lips 2")
    assert order_of(cast.alice, dataset, f"job-{job.pk}").name == "Brows and lips 3"
    unnamed = training_make(dataset)
    unnamed.params |= {"name": ""}
    unnamed.save()
    order = order_of(cast.alice, dataset, f"job-{unnamed.pk}")
    assert (order.name, order.begun_from) == ("", "AlexNet-BN")
    numbered = detector_make(dataset, job=unnamed, name="AlexNet-BN 1")
    assert order_of(cast.alice, dataset, str(numbered.pk)).name == ""


@pytest.mark.parametrize("asked", ["", "x", "job-", "job-x", "-5", "run-3", "999999999999999999999", "٣x"])
def test_what_is_not_there_is_not_found(cast, dataset, asked):
    with pytest.raises(NotFound):
        order_of(cast.alice, dataset, asked)


def test_another_data_sets_order_is_not_found(cast, dataset):
    other = dataset_create(name="Others", user=cast.alice)
    job, detector = training_make(other), detector_make(other)
    for asked in (f"job-{job.pk}", str(detector.pk)):
        with pytest.raises(NotFound):
            order_of(cast.alice, dataset, asked)


def test_settings_that_no_method_knows_any_more_are_refused_in_words(cast, dataset):
    detector = detector_make(dataset, configuration={"method": "default"})
    with pytest.raises(InputRefused, match="can't be trained again"):
        order_of(cast.alice, dataset, str(detector.pk))


def test_only_what_differs_from_the_preset_is_told(dataset):
    job = training_make(dataset, settings={"training.epochs": 3})
    assert settings_changed(job) == [("training.epochs", 3, 30)]
    assert settings_changed(training_make(dataset, params={})) == []
