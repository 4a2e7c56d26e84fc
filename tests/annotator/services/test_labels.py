"""Bulk writing of label rows: what is replaced, what is merged, what is refused."""

import numpy as np
import pytest
from django.db import IntegrityError

from annotator.choices import LayerKind
from annotator.masks import intensities_pack, intensities_unpack
from annotator.models import Label
from annotator.services.labels import labels_write
from tests.factories import faces_make, layer_make


def masks(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@pytest.fixture
def layer(dataset):
    return layer_make(dataset, LayerKind.WEAK)


@pytest.fixture
def faces(dataset):
    return [face.pk for face in faces_make(dataset, 3)]


def rows(layer):
    return list(layer.labels.order_by("face_id").values_list("present", "scored", "unscorable"))


def test_new_rows_hold_the_masks(layer, faces):
    labels_write(
        layer=layer, face_ids=faces, present=masks(1, 0, 2), scored=masks(1, 3, 2), unscorable=masks(2, 4, 0)
    )
    assert rows(layer) == [(1, 1, 2), (0, 3, 4), (2, 2, 0)]


def test_without_a_merge_mask_rows_are_replaced(layer, faces):
    labels_write(layer=layer, face_ids=faces[:1], present=masks(1), scored=masks(3), unscorable=masks(4))
    labels_write(layer=layer, face_ids=faces[:1], present=masks(8), scored=masks(8), unscorable=masks(0))
    assert rows(layer) == [(8, 8, 0)]


def test_merging_changes_only_the_masked_bits(layer, faces):
    labels_write(layer=layer, face_ids=faces[:1], present=masks(0b01), scored=masks(0b11), unscorable=masks(0b100))
    labels_write(
        layer=layer,
        face_ids=faces[:1],
        present=masks(0b100),
        scored=masks(0b100),
        unscorable=masks(0b001),
        merge_mask=0b101,
    )
    assert rows(layer) == [(0b100, 0b110, 0b001)]


def test_each_face_can_have_its_own_merge_mask(layer, faces):
    labels_write(layer=layer, face_ids=faces[:2], present=masks(3, 3), scored=masks(3, 3), unscorable=masks(0, 0))
    labels_write(
        layer=layer,
        face_ids=faces[:2],
        present=masks(0, 0),
        scored=masks(1, 2),
        unscorable=masks(0, 0),
        merge_mask=masks(1, 2),
    )
    assert rows(layer) == [(2, 3, 0), (1, 3, 0)]


def test_a_new_code_takes_its_old_intensity_away_and_no_other(layer, faces):
    both = intensities_pack({0: (3, 3), 1: (5, 2)})
    labels_write(
        layer=layer,
        face_ids=faces[:1],
        present=masks(3),
        scored=masks(3),
        unscorable=masks(0),
        intensities={0: both},
    )
    labels_write(
        layer=layer, face_ids=faces[:1], present=masks(0), scored=masks(1), unscorable=masks(0), merge_mask=1
    )
    assert intensities_unpack(layer.labels.get().intensities) == {1: (5, 2)}


def test_noise_is_not_touched(layer, faces):
    Label.objects.create(layer=layer, face_id=faces[0], noise=True)
    labels_write(layer=layer, face_ids=faces[:1], present=masks(1), scored=masks(1), unscorable=masks(0))
    assert layer.labels.get().noise


@pytest.mark.parametrize(
    ("present", "scored", "unscorable"),
    [(1, 0, 0), (0, 1, 1), (-1, -1, 0)],
    ids=["unscored", "both", "negative"],
)
def test_contradictions_are_refused(layer, faces, present, scored, unscorable):
    with pytest.raises(ValueError, match="Present must be scored"):
        labels_write(
            layer=layer,
            face_ids=faces[:1],
            present=masks(present),
            scored=masks(scored),
            unscorable=masks(unscorable),
        )
    assert rows(layer) == []


def test_a_face_given_twice_is_refused(layer, faces):
    twice = [faces[0], faces[0]]
    with pytest.raises(ValueError, match="twice"):
        labels_write(layer=layer, face_ids=twice, present=masks(0, 0), scored=masks(0, 0), unscorable=masks(0, 0))


def test_more_faces_than_a_batch_are_all_written(dataset, layer, monkeypatch):
    monkeypatch.setattr("annotator.services.labels.BATCH", 3)
    ids = [face.pk for face in faces_make(dataset, 10)]
    values = np.arange(1, 11)
    packed = {row: intensities_pack({0: (row % 5 + 1, 0)}) for row in (0, 4, 9)}
    labels_write(layer=layer, face_ids=ids, present=values, scored=values, unscorable=values * 0, intensities=packed)
    assert [row[0] for row in rows(layer)] == list(range(1, 11))
    graded = layer.labels.filter(intensities__isnull=False).order_by("face_id")
    assert [intensities_unpack(row.intensities)[0][0] for row in graded] == [1, 5, 5]


def test_the_database_refuses_a_code_both_scored_and_unscorable(dataset):
    layer = layer_make(dataset, LayerKind.WEAK)
    with pytest.raises(IntegrityError):
        layer.labels.create(face=faces_make(dataset, 1)[0], scored=3, unscorable=1)
