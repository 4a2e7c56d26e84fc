"""`among`: any number of whole numbers in one parameter."""

import numpy as np
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotator.choices import LayerKind
from annotator.models import Face, Label
from tests.factories import faces_make, layer_make


def test_it_finds_what_in_finds(dataset):
    faces_make(dataset, 6)
    for wanted in ([], [2], [5, 1, 1, 99]):
        found = Face.objects.filter(dataset=dataset, position__among=wanted).order_by("position")
        assert list(found) == list(dataset.faces.filter(position__in=wanted).order_by("position"))


def test_it_takes_an_array(dataset):
    faces_make(dataset, 4)
    found = Face.objects.filter(dataset=dataset, position__among=np.array([3, 1], np.int64)).order_by("position")
    assert [face.position for face in found] == [1, 3]
    assert not Face.objects.filter(dataset=dataset, position__among=np.zeros(0, np.int64))


def test_it_follows_foreign_keys(dataset):
    faces = faces_make(dataset, 3)
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [0], [1]], [12])
    found = Label.objects.filter(face_id__among=[faces[0].pk, faces[2].pk])
    assert {label.face_id for label in found} == {faces[0].pk, faces[2].pk}


def test_a_hundred_thousand_numbers_are_one_question(dataset):
    faces_make(dataset, 3)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert Face.objects.filter(position__among=range(1, 100_000)).count() == 2
    assert len(asked) == 1
