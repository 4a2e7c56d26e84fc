"""The film strip: a bounded window in the order of frames, with what is missing told."""

import pytest

from annotator.errors import NotFound
from annotator.models import Clip, Face, Subject
from annotator.selectors.clips import HALF, clip_frame, ends_of, strip_of
from tests.factories import faces_make


def clip_make(dataset, frames, name="laugh", **fields):
    clip = Clip.objects.create(dataset=dataset, name=name, frame_rate=25)
    faces = faces_make(dataset, len(frames), clip=clip, **fields)
    for face, frame in zip(faces, frames, strict=True):
        face.frame = frame
    Face.objects.bulk_update(faces, ["frame"])
    return faces


def test_a_still_has_no_strip(dataset):
    face = faces_make(dataset, 1)[0]
    assert strip_of(face) is None
    assert ends_of(face) is None


def test_the_whole_of_a_short_clip_in_the_order_of_frames(dataset):
    faces = clip_make(dataset, [12, 10, 11])
    strip = strip_of(faces[2])
    assert [frame.face.frame for frame in strip.frames] == [10, 11, 12]
    assert (strip.before, strip.after, strip.first, strip.last, strip.count) == (faces[1], faces[0], 10, 12, 3)
    assert not (strip.more_before or strip.more_after)


def test_missing_frames_are_told_and_a_regular_step_is_no_gap(dataset):
    faces = clip_make(dataset, [10, 11, 15, 16])
    assert [frame.missing for frame in strip_of(faces[0]).frames] == [0, 0, 3, 0]
    sampled = clip_make(dataset, [0, 5, 10, 25], name="sampled")
    assert [frame.missing for frame in strip_of(sampled[0]).frames] == [0, 0, 0, 2]


def test_the_window_is_bounded_and_says_that_there_is_more(dataset, django_assert_max_num_queries):
    faces = clip_make(dataset, range(400))
    with django_assert_max_num_queries(4):
        strip = strip_of(Face.objects.select_related("clip").get(pk=faces[200].pk))
    assert len(strip.frames) == 2 * HALF + 1
    assert (strip.more_before, strip.more_after, strip.count) == (True, True, 400)
    assert (strip.start.frame, strip.end.frame) == (200 - HALF, 200 + HALF)


def test_of_two_faces_in_a_frame_the_one_of_the_same_subject(dataset):
    mine, other = (Subject.objects.create(dataset=dataset, pseudonym=name) for name in ("S1", "S2"))
    faces = clip_make(dataset, [10, 11, 11, 12])
    for face, subject in zip(faces, (mine, other, mine, other), strict=True):
        face.subject = subject
        face.save()
    assert [frame.face for frame in strip_of(faces[0]).frames] == [faces[0], faces[2], faces[3]]


def test_a_frame_by_its_number_or_the_nearest_before(dataset):
    faces = clip_make(dataset, [10, 11, 15])
    found = [clip_frame(dataset, faces[0].clip_id, frame) for frame in (11, 13, 99, 3)]
    assert found == [faces[1], faces[1], faces[2], faces[0]]
    with pytest.raises(NotFound):
        clip_frame(dataset, faces[0].clip_id + 1, 10)
