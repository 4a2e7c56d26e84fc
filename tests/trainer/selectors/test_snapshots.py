"""The check before a training: what goes in, what stays out and why, what is wrong with it."""

import uuid

import numpy as np
import pytest

from annotator.choices import DecisionKind, FaceRole, LayerKind, Mode, Scope
from annotator.models import Face, Subject
from annotator.services.datasets import protocol_change
from annotator.services.decisions import decision_make
from tests.factories import faces_make, layer_make, run_make
from trainer.algorithms.folds import folds_assign, subjects_split
from trainer.selectors import snapshots
from trainer.selectors.snapshots import training_check
from trainer.selectors.training_codes import codes_chosen, face_table

NEITHER = {"proposals": False, "weak": False}
PROPOSALS = {"proposals": True, "weak": False}
WEAK = {"proposals": False, "weak": True}


def decide(dataset, user, kind, position, **more):
    return decision_make(
        dataset=dataset, user=user, kind=kind, faces=[position], mode=Mode.ASSISTED, scope=Scope.FACE,
        client_id=uuid.uuid4(), **{"aus": [12], **more},
    )  # fmt: skip


def codes_of(dataset, sources, au=12):
    found = codes_chosen(dataset, face_table(dataset), sources)
    return found.codes[:, [coded.au for coded in found.aus].index(au)].tolist()


def texts(check, *, stops=None):
    return [problem.text for problem in check.problems if stops is None or problem.stops == stops]


def au(check, number=12):
    return next(one for one in check.aus if one.au == number)


def test_weak_codes_go_in_only_when_asked_for(dataset):
    faces = faces_make(dataset, 3)
    layer_make(dataset, LayerKind.REFERENCE, faces[:2], [[1], [0]], [12])
    layer_make(dataset, LayerKind.WEAK, faces, [[0], [0], [1]], [12])
    assert codes_of(dataset, NEITHER) == [1, 0, -1]
    assert codes_of(dataset, WEAK) == [1, 0, 1]


def test_proposals_go_in_only_when_asked_for_and_come_before_weak_codes(dataset):
    faces = faces_make(dataset, 4)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1], [1], [1], [1]], [12])
    layer_make(dataset, LayerKind.REFERENCE, faces[:1], [[1]], [12])
    run_make(dataset, faces[:3], 12, [1, 1, 1], [0, 0, 0], weak_layer=weak)
    assert codes_of(dataset, NEITHER) == [1, -1, -1, -1]
    assert codes_of(dataset, PROPOSALS) == [1, 0, 0, -1]
    assert codes_of(dataset, PROPOSALS | {"weak": True}) == [1, 0, 0, 1]


def test_the_noise_group_of_an_adopted_run_vouches_for_nothing(dataset):
    faces = faces_make(dataset, 3)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1], [1], [1]], [12])
    layer_make(dataset, LayerKind.REFERENCE, faces[:1], [[1]], [12])
    run_make(dataset, faces, 12, [0, 0, 1], [1, 1, 1], weak_layer=weak)
    dataset.layers.get(kind=LayerKind.PROPOSAL).labels.filter(face__in=faces[:2]).update(noise=True)
    assert codes_of(dataset, PROPOSALS | {"weak": True}) == [1, -1, 1]
    assert training_check(dataset, PROPOSALS).left_out == {"run_noise": 1}


def test_every_face_left_out_has_one_reason(dataset, cast):
    faces = faces_make(dataset, 7)
    tests = faces_make(dataset, 2, role=FaceRole.TEST)
    layer_make(dataset, LayerKind.REFERENCE, [*faces[:2], *tests], [[1], [0], [1], [-1]], [12])
    layer_make(dataset, LayerKind.WEAK, faces[:6], [[1]] * 6, [12])
    decide(dataset, cast.bob, DecisionKind.NOISE, 2, aus=[])
    decide(dataset, cast.bob, DecisionKind.UNSCORABLE, 3)
    decide(dataset, cast.bob, DecisionKind.RELABEL, 4, code="present")
    decide(dataset, cast.cleo, DecisionKind.RELABEL, 4, code="absent")
    check = training_check(dataset, NEITHER)
    assert check.left_out == {"test": 2, "noise": 1, "disagreed": 1, "unscorable": 1, "weak": 1, "uncoded": 1}
    assert (check.faces, check.all_faces, check.test_faces) == (2, 9, 1)
    assert sum(check.left_out.values()) + check.faces == check.all_faces
    assert check.left_out_words[0][0] == "test faces, for reporting only"
    assert (au(check).unscorable, au(check).disagreed) == (1, 1)
    assert check.single_left_out == [au(check)]


@pytest.mark.parametrize(
    ("subjects", "folds", "says"),
    [
        (4, 2, "With fewer than five subjects none is kept for validation"),
        (6, 3, "Without a fold's subjects fewer than five are left"),
        (8, 3, None),
    ],
)
def test_where_no_subject_is_kept_for_validation_the_check_says_so(dataset, subjects, folds, says):
    faces = faces_make(dataset, 2 * subjects)
    people = [Subject.objects.create(dataset=dataset, pseudonym=f"S{number}") for number in range(subjects)]
    for number, face in enumerate(faces):
        Face.objects.filter(pk=face.pk).update(subject=people[number // 2])
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1], [0]] * subjects, [12])
    told = [text for text in texts(training_check(dataset, NEITHER, folds=folds)) if "kept for validation" in text]
    assert [text.startswith(says) for text in told] == ([True] if says else [])
    # what the splits do by the usual share
    groups = np.arange(2 * subjects) // 2
    fold = folds_assign(np.arange(2 * subjects), groups, folds, seed=0)
    kept = [subjects_split(np.flatnonzero(fold != one), groups, 0.1, 0)[1].size for one in range(folds)]
    assert all(kept) is (says is None)


def test_a_code_that_waits_for_a_second_coder_is_told_as_such(dataset, cast):
    faces = faces_make(dataset, 2)
    protocol_change(dataset=dataset, user=cast.alice, coders_per_item=2)
    layer_make(dataset, LayerKind.REFERENCE, faces[:1], [[1]], [12])
    decide(dataset, cast.bob, DecisionKind.RELABEL, 1, code="present")
    assert training_check(dataset, NEITHER).left_out == {"waiting": 1}


def test_a_proposal_alone_is_told_as_such(dataset):
    faces = faces_make(dataset, 2)
    layer_make(dataset, LayerKind.REFERENCE, faces[:1], [[1]], [12])
    run_make(dataset, faces, 12, [1, 1], [1, 1])
    assert training_check(dataset, NEITHER).left_out == {"proposal": 1}


def test_positives_subjects_and_sources_are_counted(dataset, cast):
    faces = faces_make(dataset, 6)
    people = [Subject.objects.create(dataset=dataset, pseudonym=name) for name in "ab"]
    for face, person in zip(faces, [people[0], people[0], people[0], people[1], None, None], strict=True):
        Face.objects.filter(pk=face.pk).update(subject=person)
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1, 1], [1, 0], [0, -1], [0, 0], [0, 0], [0, 0]], [12, 25])
    decide(dataset, cast.bob, DecisionKind.RELABEL, 5, code="present")
    check = training_check(dataset, NEITHER, folds=2)
    assert (check.subjects, check.positives) == (4, {1: 0, 4: 0, 12: 3, 25: 1})
    assert check.sources == {"coder": 1, "reference": 10}
    assert (au(check).present_subjects, au(check, 25).present_subjects, au(check, 25).known) == (2, 1, 5)
    assert check.learned == [12, 25] and check.ready
    assert check.summary()["aus"][2]["known"] == 6


def test_the_codes_of_test_faces_are_the_trusted_ones_alone(dataset):
    tests = faces_make(dataset, 2, role=FaceRole.TEST)
    layer_make(dataset, LayerKind.REFERENCE, tests[:1], [[1]], [12])
    layer_make(dataset, LayerKind.WEAK, tests, [[0], [1]], [12])
    found = codes_chosen(dataset, face_table(dataset), WEAK)
    column = [coded.au for coded in found.aus].index(12)
    assert found.test_codes[:, column].tolist() == [1, -1] and (found.codes == -1).all()


@pytest.mark.parametrize(
    ("codes", "sources", "says"),
    [
        ([[-1, -1]] * 8, NEITHER, "choose the weak labels too"),
        ([[1, 1]] * 8, NEITHER, "nothing to tell apart"),
        ([[1, 0], [0, 0]], NEITHER, "too few for 3 folds"),
    ],
)
def test_what_stops_a_training_is_said(dataset, codes, sources, says):
    faces = faces_make(dataset, 8)
    layer_make(dataset, LayerKind.WEAK, faces[-1:], [[1]], [12])
    layer_make(dataset, LayerKind.REFERENCE, faces[: len(codes)], codes, [12, 25])
    check = training_check(dataset, sources)
    assert not check.ready and says in " ".join(texts(check, stops=True))


def test_an_empty_data_set_says_what_is_missing(dataset):
    check = training_check(dataset, NEITHER)
    assert not check.ready and "import labels or review" in texts(check)[0]


def test_what_makes_figures_rough_is_said_and_stops_nothing(dataset):
    faces = faces_make(dataset, 8)
    person = Subject.objects.create(dataset=dataset, pseudonym="a")
    Face.objects.filter(pk__in=[face.pk for face in faces[:2]]).update(subject=person)
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1, 1, 0], [1, 0, 0], *[[0, 1, 0]] * 6], [12, 25, 4])
    check = training_check(dataset, NEITHER)
    assert check.ready and check.learned == [12, 25]
    said = "\n".join(texts(check))
    assert "AU1 has no code" in said and "AU4 is present in no face" in said
    assert "can't judge it: AU12." in said and "fewer than 20 faces, so that figures will be rough: AU25 (7)." in said
    assert "No test face" in said


def test_fewer_subjects_than_folds_are_told(dataset):
    faces = faces_make(dataset, 12)
    people = [Subject.objects.create(dataset=dataset, pseudonym=name) for name in "ab"]
    for number, face in enumerate(faces):
        Face.objects.filter(pk=face.pk).update(subject=people[number % 2])
    layer_make(dataset, LayerKind.REFERENCE, faces, [[number // 2 % 2] for number in range(12)], [12])
    assert "There are 2 subjects for 3 folds" in "\n".join(texts(training_check(dataset, NEITHER)))
    Face.objects.update(subject=people[0])
    said = "\n".join(texts(training_check(dataset, NEITHER)))
    assert (
        "All coded faces are of one subject" in said
        and "one subject only" not in said
        and "AU1, AU4, AU25 have no code" in said
    )


def test_a_slow_check_is_kept_until_the_data_set_changes(dataset, cast, monkeypatch):
    faces = faces_make(dataset, 8)
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1], [0]] * 4, [12])
    monkeypatch.setattr(snapshots, "SLOW_SECONDS", 0.0)
    training_check(dataset, NEITHER)
    reads = []
    monkeypatch.setattr(snapshots, "codes_chosen", lambda *given: reads.append(1) or codes_chosen(*given))
    assert training_check(dataset, NEITHER, folds=5).folds == 5 and not reads
    assert training_check(dataset, WEAK).faces == 8 and len(reads) == 1
    decide(dataset, cast.bob, DecisionKind.NOISE, 0, aus=[])
    assert training_check(dataset, NEITHER).faces == 7 and len(reads) == 2
