"""What a detector is trained on: trusted codes, else weak ones, and never a test face's."""

import uuid

import pytest

from annotator.choices import DecisionKind, FaceRole, LayerKind, Mode, Scope
from annotator.errors import InputRefused
from annotator.models import Clip, Subject
from annotator.services.decisions import decision_make
from tests.annotator.selectors.test_clips import clip_make
from tests.factories import faces_make, layer_make
from trainer.selectors.training_codes import face_table, training_codes


def codes_of(dataset, au=12):
    found = training_codes(dataset, face_table(dataset))
    return found.codes[:, [coded.au for coded in found.aus].index(au)].tolist()


def decide(dataset, user, kind, position, **more):
    return decision_make(
        dataset=dataset, user=user, kind=kind, faces=[position], mode=Mode.ASSISTED, scope=Scope.FACE,
        client_id=uuid.uuid4(), **{"aus": [12], **more},
    )  # fmt: skip


def test_frames_are_counted_in_the_steps_of_their_clip(dataset):
    clip_make(dataset, [30, 10, 15])
    faces_make(dataset, 1)
    table = face_table(dataset)
    assert sorted(table.frames.tolist()) == [-1, 0, 1, 4] and table.frames[-1] == -1


def test_reference_codes_leave_weak_ones_out(dataset):
    faces = faces_make(dataset, 4)
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [1], [1], [1]], [12])
    layer_make(dataset, LayerKind.REFERENCE, faces[:2], [[1], [0]], [12])
    assert codes_of(dataset) == [1, 0, -1, -1]


def test_a_test_face_is_never_trained_on(dataset):
    faces = faces_make(dataset, 2)
    tests = faces_make(dataset, 2, role=FaceRole.TEST)
    layer_make(dataset, LayerKind.REFERENCE, faces + tests, [[1], [0], [1], [1]], [12])
    assert codes_of(dataset) == [1, 0, -1, -1]


def test_reference_codes_of_test_faces_alone_leave_the_weak_ones_in(dataset):
    faces = faces_make(dataset, 2)
    tests = faces_make(dataset, 1, role=FaceRole.TEST)
    layer_make(dataset, LayerKind.WEAK, faces + tests, [[1], [0], [1]], [12])
    layer_make(dataset, LayerKind.REFERENCE, tests, [[1]], [12])
    assert codes_of(dataset) == [1, 0, -1]


def test_a_review_without_reference_corrects_the_weak_codes_and_keeps_the_others(dataset, cast):
    faces = faces_make(dataset, 4)
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [1], [0], [0]], [12])
    decide(dataset, cast.bob, DecisionKind.RELABEL, 0, code="absent")
    assert codes_of(dataset) == [0, 1, 0, 0]
    found = training_codes(dataset, face_table(dataset))
    assert found.sources == {"coder": 1, "weak": 3}
    assert found.layers == {kind: [dataset.layers.get(kind=kind).pk] for kind in ("coder", "weak")}


def test_the_newer_weak_layer_counts_first(dataset):
    faces = faces_make(dataset, 3)
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [1], [1]], [12], name="weak")
    layer_make(dataset, LayerKind.WEAK, faces[:2], [[0], [1]], [12], name="weak 2")
    assert codes_of(dataset) == [0, 1, 1]


def test_noise_and_unscorable_codes_are_left_out(dataset, cast):
    faces = faces_make(dataset, 4)
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [1], [1], [0]], [12])
    decide(dataset, cast.bob, DecisionKind.NOISE, 0, aus=[])
    decide(dataset, cast.bob, DecisionKind.UNSCORABLE, 1)
    assert codes_of(dataset) == [-1, -1, 1, 0]


def test_without_a_present_code_there_is_nothing_to_learn(dataset):
    faces = faces_make(dataset, 2)
    layer_make(dataset, LayerKind.WEAK, faces, [[0], [0]], [12])
    with pytest.raises(InputRefused, match="No face has a present AU"):
        codes_of(dataset)


def test_faces_of_a_clip_without_a_subject_are_one_person_with_or_without_a_frame_number(dataset):
    clips = [Clip.objects.create(dataset=dataset, name=name) for name in ("laugh", "cry")]
    subject = Subject.objects.create(dataset=dataset, pseudonym="P1")
    faces_make(dataset, 2, clip=clips[0])
    faces_make(dataset, 1, clip=clips[0], frame=7)
    faces_make(dataset, 1, clip=clips[1], frame=7)
    faces_make(dataset, 1, clip=clips[0], subject=subject)
    faces_make(dataset, 1)
    people = face_table(dataset).people.tolist()
    assert people[0] == people[1] == people[2] and len({*people}) == 4
    assert people[4] == subject.pk and people[5] == -1
