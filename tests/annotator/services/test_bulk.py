"""Rows by one statement: as model instances would write them, on either database."""

from annotator.choices import LayerKind
from annotator.models import Label
from annotator.services.bulk import rows_insert
from tests.factories import faces_make, layer_make

NAMES = ["layer", "face", "present", "scored", "unscorable", "noise", "intensities"]


def rows_of(layer):
    found = layer.labels.order_by("face__position").values_list(*NAMES[2:])
    return [(*row[:-1], None if row[-1] is None else bytes(row[-1])) for row in found]


def test_rows_are_written_with_their_largest_numbers_and_empty_fields(dataset):
    faces, layer = faces_make(dataset, 3), layer_make(dataset, LayerKind.WEAK)
    told = [(1, 3, 0, False, None), (2**62, 2**62 + 1, 0, True, b"\x00\xff"), (0, 0, 2**62, False, b"")]
    values = [(layer.pk, face.pk, *row) for face, row in zip(faces, told, strict=True)]
    rows_insert(Label, NAMES, values)
    assert rows_of(layer) == told


def test_a_row_that_is_there_is_brought_up_to_date_and_others_stay(dataset):
    faces, layer = faces_make(dataset, 3), layer_make(dataset, LayerKind.WEAK)
    rows_insert(Label, NAMES, [(layer.pk, face.pk, 1, 1, 0, False, b"x") for face in faces[:2]])
    again = [(layer.pk, face.pk, 0, 2, 0, True, None) for face in faces[1:]]
    rows_insert(Label, NAMES, again, key=("layer", "face"))
    assert rows_of(layer) == [(1, 1, 0, False, b"x"), (0, 2, 0, True, None), (0, 2, 0, True, None)]


def test_no_rows_are_no_statement(dataset, django_assert_num_queries):
    with django_assert_num_queries(0):
        rows_insert(Label, NAMES, [], key=("layer", "face"))
