"""A clip over time: stretches, scores, agreement, gaps, the clips beside it, and the walls of a blind assignment."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.choices import LayerKind, Mode
from annotator.errors import NotFound
from annotator.models import Clip, Event, Subject
from annotator.selectors.film import COLUMNS, PICTURES, WIDTH, _curve, _Frames, _stretches, clip_first, film_of
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_take
from tests.annotator.selectors.test_clips import clip_make
from tests.factories import faces_make, layer_make, run_make


def frames_of(numbers) -> _Frames:
    numbers = np.array(numbers, np.int64)
    step = int(np.diff(numbers).min()) if len(numbers) > 1 else 1
    return _Frames(list(range(len(numbers))), np.arange(len(numbers)), numbers, step)


def spans(film, au):
    lanes = next(one for one in film.aus if one.coded.au == au).lanes
    return {
        lane.layer.kind: [(one.first, one.last, one.code) for one in lane.stretches] for lane in lanes
    }  # fmt: skip


def test_each_layer_has_its_stretches_of_present_frames(dataset, cast):
    faces = clip_make(dataset, [10, 11, 12, 13, 14])
    layer_make(dataset, LayerKind.REFERENCE, faces, [[0], [1], [1], [0], [1]], [12])
    layer_make(dataset, LayerKind.WEAK, faces, [[0], [0], [1], [-2], [-2]], [12])
    film = film_of(cast.alice, dataset, faces[0].clip_id)
    assert (film.first, film.last, film.count, film.span) == (10, 14, 5, 5)
    assert spans(film, 12) == {
        LayerKind.REFERENCE: [(10, 10, "absent"), (13, 13, "absent"), (11, 12, "present"), (14, 14, "present")],
        LayerKind.WEAK: [(10, 11, "absent"), (12, 12, "present"), (13, 14, "unscorable")],
    }
    first = next(one for one in film.aus[0].lanes[0].stretches if one.code == "present")
    assert (first.x, first.width) == (WIDTH / 5, 2 * WIDTH / 5)


def test_a_frame_that_nobody_coded_is_no_absent_one(dataset, cast):
    faces = clip_make(dataset, [1, 2, 3, 4])
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1], [-1], [0], [-1]], [12])
    film = film_of(cast.alice, dataset, faces[0].clip_id)
    assert spans(film, 12)[LayerKind.REFERENCE] == [(3, 3, "absent"), (1, 1, "present")]
    assert [one.words for one in film.aus[0].lanes[0].stretches] == ["frame 3, absent", "frame 1, present"]


def test_layers_are_compared_with_the_reference_where_both_code(dataset, cast):
    faces = clip_make(dataset, [1, 2, 3, 4])
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1], [1], [0], [-1]], [12])
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [0], [0], [1]], [12])
    film = film_of(cast.alice, dataset, faces[0].clip_id)
    assert film.trusted.kind == LayerKind.REFERENCE
    reference, weak = film.aus[0].lanes
    assert (reference.agreed, reference.coded) == (None, 3)
    assert weak.agreed == pytest.approx(2 / 3)


def test_a_gap_ends_a_stretch_and_is_drawn(dataset, cast):
    faces = clip_make(dataset, [1, 2, 6, 7])
    layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 4, [12])
    film = film_of(cast.alice, dataset, faces[0].clip_id)
    assert spans(film, 12)[LayerKind.WEAK] == [(1, 2, "present"), (6, 7, "present")]
    assert film.gaps == [(pytest.approx(2 * WIDTH / 7, abs=0.01), pytest.approx(3 * WIDTH / 7, abs=0.02))]


def test_pictures_stand_where_their_frames_are_and_none_where_all_are_missing(dataset, cast):
    faces = clip_make(dataset, [1, 2, 6, 7])
    film = film_of(cast.alice, dataset, faces[0].clip_id)
    assert [face and face.frame for face in film.pictures] == [1, 2, None, None, None, 6, 7]


def test_a_picture_is_the_frame_nearest_the_middle_of_its_part(dataset, cast):
    faces = clip_make(dataset, [*range(100), *range(300, 320)])
    film = film_of(cast.alice, dataset, faces[0].clip_id)
    assert len(film.pictures) == PICTURES  # of 20 frames each
    assert [face and face.frame for face in film.pictures] == [*[9, 29, 49, 69, 89], *[None] * 10, 309]


def test_every_fifth_frame_is_no_gap(dataset, cast):
    faces = clip_make(dataset, [0, 5, 10, 15])
    layer_make(dataset, LayerKind.WEAK, faces, [[0], [1], [1], [0]], [12])
    film = film_of(cast.alice, dataset, faces[0].clip_id)
    assert (
        spans(film, 12)[LayerKind.WEAK]
        == [
            (0, 0, "absent"),
            (15, 15, "absent"),
            (5, 10, "present"),
        ]
        and not film.gaps
    )
    assert film.aus[0].lanes[0].stretches[2].width == WIDTH / 2


def test_scores_are_a_line_broken_where_frames_or_scores_are_missing(dataset, cast):
    faces = clip_make(dataset, [1, 2, 3, 8])
    layer = layer_make(dataset, LayerKind.PREDICTION, faces, [[1], [1], [0], [1]], [12])
    values = np.full((4, 63), np.nan, np.float16)
    values[[face.position for face in faces], dataset.coded_aus.get(au=12).bit] = [1.0, 0.5, 0.0, 0.75]
    layer.probabilities = array_write(dataset=dataset, purpose="scores", values=values)
    layer.save()
    film = film_of(cast.alice, dataset, faces[0].clip_id)
    assert film.aus[0].lanes[0].curve == "M62.5,0 187.5,20 312.5,40M937.5,10h0"


def test_aus_that_nobody_finds_in_the_clip_are_named_apart(dataset, cast):
    faces = clip_make(dataset, [1, 2])
    layer_make(dataset, LayerKind.WEAK, faces, [[1, 0], [0, 0]], [12, 25])
    film = film_of(cast.alice, dataset, faces[0].clip_id)
    assert [one.coded.au for one in film.aus] == [12]
    assert 25 in [coded.au for coded in film.never]


def test_a_blind_coder_sees_nothing_of_machines_or_others(dataset, cast):
    faces = clip_make(dataset, [1, 2])
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1], [1]], [12])
    own = layer_make(dataset, LayerKind.CODER, faces, [[1], [0]], [12], user=cast.bob)
    layer_make(dataset, LayerKind.CODER, faces, [[0], [1]], [12], user=cast.cleo)
    run = run_make(dataset, faces, 12, [1, 1], [1, 1])
    assignment_take(cluster=run.clusters.get(number=1), user=cast.bob, mode=Mode.BLIND)
    film = film_of(cast.bob, dataset, faces[0].clip_id)
    assert [lane.layer for one in film.aus for lane in one.lanes] == [own]
    assert film.trusted is None and film.aus[0].lanes[0].agreed is None


def test_a_coders_events_lie_in_their_lane_from_onset_to_offset(dataset, cast):
    faces = clip_make(dataset, [0, 5, 10, 15])
    own = layer_make(dataset, LayerKind.CODER, faces, [[1]] * 4, [12], user=cast.bob)
    Event.objects.create(layer=own, clip=faces[0].clip, au=12, onset=5, apex=10, offset=10)
    lane = film_of(cast.bob, dataset, faces[0].clip_id).aus[0].lanes[0]
    assert [(bar.x, bar.width, bar.apex) for bar in lane.bars] == [(WIDTH / 4, WIDTH / 2, WIDTH * 5 / 8)]
    assert lane.bars[0].words == "frames 5–10, apex 10"


def test_an_au_with_events_alone_is_found_and_has_a_lane(dataset, cast):
    faces = clip_make(dataset, [1, 2])
    own = layer_make(dataset, LayerKind.CODER, user=cast.bob)
    layer_make(dataset, LayerKind.WEAK, faces, [[0], [0]], [12])
    Event.objects.create(layer=own, clip=faces[0].clip, au=12, onset=1)
    film = film_of(cast.bob, dataset, faces[0].clip_id)
    assert 12 not in [coded.au for coded in film.never]
    lanes = {lane.layer.kind: lane for lane in film.aus[0].lanes}
    assert [bar.open for bar in lanes[LayerKind.CODER].bars] == [True]
    assert not lanes[LayerKind.CODER].stretches and not lanes[LayerKind.WEAK].bars


def test_a_blind_coder_sees_no_events_of_others(dataset, cast):
    faces = clip_make(dataset, [1, 2])
    for user, au in ((cast.bob, 12), (cast.cleo, 25)):
        layer = layer_make(dataset, LayerKind.CODER, user=user)
        Event.objects.create(layer=layer, clip=faces[0].clip, au=au, onset=1, offset=2)
    run = run_make(dataset, faces, 12, [1, 1], [1, 1])
    assignment_take(cluster=run.clusters.get(number=1), user=cast.bob, mode=Mode.BLIND)
    assert [one.coded.au for one in film_of(cast.bob, dataset, faces[0].clip_id).aus] == [12]
    assert [one.coded.au for one in film_of(cast.alice, dataset, faces[0].clip_id).aus] == [12, 25]


def test_a_long_clip_is_drawn_in_bounded_detail(dataset, cast):
    count = 3 * COLUMNS
    scores = np.random.default_rng(0).random(count).astype(np.float32)
    frames = frames_of(range(count))
    told = _stretches(scores > 0.5, frames, "present")
    assert len(told) <= COLUMNS
    curve = _curve(scores, frames)
    assert curve.count(",") <= 2 * COLUMNS
    heights = [float(point.split(",")[1]) for point in curve.removeprefix("M").split(" ")]
    assert min(heights) == pytest.approx(40 * (1 - scores.max()), abs=0.06)
    assert max(heights) == pytest.approx(40 * (1 - scores.min()), abs=0.06)


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=2, max_size=60))
def test_stretches_hold_the_present_frames_and_no_others(pairs):
    numbers = np.cumsum([gap for gap, _present in pairs])
    frames = frames_of(numbers)
    present = np.array([said for _gap, said in pairs])
    told = _stretches(present, frames, "present")
    inside = np.zeros(len(numbers), bool)
    for one in told:
        inside |= (numbers >= one.first) & (numbers <= one.last)
    assert np.array_equal(inside, present)


def test_the_clips_beside_it_go_by_subject_and_name(dataset, cast):
    first, second = (Subject.objects.create(dataset=dataset, pseudonym=name) for name in ("S1", "S2"))
    order = [(None, "b"), (first, "a"), (first, "c"), (second, "a")]
    clips = []
    for subject, name in order:
        faces = clip_make(dataset, [1, 2], name=f"{subject or '-'} {name}")
        Clip.objects.filter(pk=faces[0].clip_id).update(subject=subject, name=name)
        clips.append(Clip.objects.get(pk=faces[0].clip_id))
    Clip.objects.create(dataset=dataset, subject=first, name="b without frames")
    for place, clip in enumerate(clips):
        film = film_of(cast.alice, dataset, clip.pk)
        assert film.before == (clips[place - 1] if place else None)
        assert film.after == (clips[place + 1] if place + 1 < len(clips) else None)


def test_the_first_clip_is_one_with_frames(dataset):
    assert clip_first(dataset) is None
    Clip.objects.create(dataset=dataset, name="a")
    faces = clip_make(dataset, [1], name="b")
    assert clip_first(dataset) == faces[0].clip


def test_a_clip_of_another_data_set_or_without_frames_is_not_there(dataset, cast):
    empty = Clip.objects.create(dataset=dataset, name="empty")
    for number in (empty.pk, empty.pk + 1):
        with pytest.raises(NotFound):
            film_of(cast.alice, dataset, number)
    assert faces_make(dataset, 1)


def test_how_much_is_asked_does_not_grow_with_the_frames(dataset, cast, django_assert_max_num_queries):
    faces = clip_make(dataset, range(300))
    layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 300, [12])
    for user in (cast.bob, cast.cleo):
        layer = layer_make(dataset, LayerKind.CODER, faces, [[1]] * 300, [12], user=user)
        Event.objects.bulk_create(Event(layer=layer, clip=faces[0].clip, au=12, onset=at) for at in range(300))
    with django_assert_max_num_queries(13):
        film_of(cast.alice, dataset, faces[0].clip_id)
