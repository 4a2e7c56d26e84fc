"""Scores counted and found by block, against a slow hand-written twin; codes that are laid over."""

import numpy as np
import pytest

from annotator.choices import FaceRole, LayerKind
from annotator.models import Face, Label
from annotator.selectors.arrays import array_read
from annotator.selectors.codes import layers_visible_to
from annotator.selectors.scopes import Scope
from annotator.services.arrays import array_write
from tests.factories import detector_make, faces_make, layer_make, prediction_layer_make
from trainer.selectors import score_charts, score_codes, scores
from trainer.selectors.scores import BARS, ScoredAU, faces_between, scores_count

AUS = [ScoredAU(1, 0, 0.5, True), ScoredAU(12, 5, 0.3, True)]


def values_make(count=500, seed=0):
    """(count, 63) with scores of two AUs, a hole at every seventh position, one AU missing at every fifth."""
    generator = np.random.default_rng(seed)
    values = np.full((count, 63), np.nan, np.float16)
    values[:, 0], values[:, 5] = generator.random(count), generator.random(count) ** 3
    values[::7] = np.nan
    values[::5, 5] = np.nan
    values[3, 0], values[4, 0], values[8, 0] = 0, 1, 0.5
    return values


def twin(values, positions, codes):
    """counts (A, bars, predicted, coded) and pairs, face by face."""
    counts, both, faces = np.zeros((2, BARS, 2, 3), int), np.zeros((2, 2), int), 0
    for position in positions:
        called = []
        for place, au in enumerate(AUS):
            score = float(values[position, au.bit])
            called.append(score > np.float32(au.threshold))
            if not np.isnan(score):
                counts[place, min(int(score * BARS), BARS - 1), int(called[-1]), codes(position, place) + 1] += 1
        faces += not all(np.isnan(values[position, [0, 5]]))
        both += np.outer(called, called)
    return counts, both, faces


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(scores, "BLOCK", 64)


@pytest.mark.parametrize("positions", [None, np.arange(3, 480, 4), np.zeros(0, np.int64)])
def test_counts_are_those_of_counting_face_by_face(small_blocks, positions):
    values = values_make()

    def code(position, place):
        return (position + place) % 3 - 1

    def source(found):
        return np.array([[code(position, place) for place in range(2)] for position in found], np.int8).reshape(-1, 2)

    counted = scores_count(values, AUS, positions, [source])
    wanted, both, faces = twin(values, range(500) if positions is None else positions.tolist(), code)
    assert np.array_equal(counted.counts[0], wanted)
    assert np.array_equal(counted.both, both)
    assert counted.faces == faces
    without = scores_count(values, AUS, positions)
    assert np.array_equal(without.bars, wanted.sum(axis=(2, 3)))
    assert np.array_equal(without.called, counted.both.diagonal())


def test_positions_behind_the_array_have_no_scores():
    values = values_make(20)
    counted = scores_count(values, AUS, np.array([1, 2, 99]))
    assert counted.faces == 2
    assert faces_between(values, 0, 0, 1, np.array([1, 2, 99])).tolist() in ([1, 2], [2, 1])


@pytest.mark.parametrize("order", ["highest", "lowest", "number"])
def test_faces_of_a_bar_in_their_order(order):
    values = values_make()
    column = values[:, 0].astype(float)
    hits = [position for position in range(500) if 0.35 <= column[position] < 0.4]
    key = {"highest": lambda at: (-column[at], at), "lowest": lambda at: (column[at], at), "number": lambda at: at}
    assert faces_between(values, 0, 0.35, 0.4, order=order).tolist() == sorted(hits, key=key[order])


def test_bars_hold_each_scored_face_once_and_the_last_holds_one():
    values = values_make()
    counted = scores_count(values, AUS)
    for place, au in enumerate(AUS):
        found = [
            faces_between(values, au.bit, *map(float, score_charts.bar_edges(number))).tolist()
            for number in range(BARS)
        ]
        assert [len(part) for part in found] == counted.bars[place].tolist()
        assert (
            sorted(face for part in found for face in part) == np.flatnonzero(~np.isnan(values[:, au.bit])).tolist()
        )
    assert 4 in faces_between(values, 0, 0.95, 1).tolist()


def test_a_score_at_the_threshold_is_predicted_absent_as_in_the_layer(dataset):
    faces = faces_make(dataset, 3)
    threshold = float(np.float32(np.float16(0.37)))
    detector = detector_make(dataset, aus=[12], thresholds=[threshold])
    layer = prediction_layer_make(detector, faces, [0.36, 0.37, 0.38])
    counted = scores_count(array_read(layer.probabilities), scores.scored_aus(detector))
    present = [label.present > 0 for label in Label.objects.filter(layer=layer).order_by("face__position")]
    assert present == [False, False, True]
    assert counted.called.tolist() == [1]


# Where scores lie, and which codes are laid over them


def test_scores_are_the_prediction_layers_or_those_beside_the_features(dataset, cast):
    faces = faces_make(dataset, 3)
    detector = detector_make(dataset)
    visible = layers_visible_to(cast.alice, dataset)
    assert scores.scores_of(detector, visible) is None
    assert scores.detector_scored(dataset) is None
    beside = array_write(dataset=dataset, purpose="scores", values=np.zeros((3, 63), np.float16))
    features = array_write(dataset=dataset, purpose="features", values=np.zeros((3, 2), np.float32))
    detector.feature_sets.create(dataset=dataset, name="f", revision=1, features=features, scores=beside)
    assert scores.scores_of(detector, visible).array == beside
    layer = prediction_layer_make(detector, faces, [[0.1, 0.2]] * 3)
    assert scores.scores_of(detector, layers_visible_to(cast.alice, dataset)).array == layer.probabilities
    assert scores.scores_of(detector, []).array == beside


def test_the_promoted_detector_is_offered_before_newer_ones(dataset):
    faces = faces_make(dataset, 1)
    first, second, _bare = (detector_make(dataset, name=name) for name in "abc")
    for detector in (first, second):
        prediction_layer_make(detector, faces, [[0.1, 0.2]])
    assert scores.detector_scored(dataset) == second
    first.promoted_at = first.created_at
    first.save()
    assert scores.detector_scored(dataset) == first


def test_hidden_aus_are_left_out_and_thresholds_default_to_a_half(dataset):
    detector = detector_make(dataset, aus=[25, 12, 1], thresholds=[])
    dataset.coded_aus.filter(au=25).update(hidden=True)
    assert [(au.au, au.threshold, au.own) for au in scores.scored_aus(detector)] == [
        (1, 0.5, False),
        (12, 0.5, False),
    ]


@pytest.fixture
def coded(dataset, cast):
    """Six faces with scores; reference on four, a coder on the first, weak on all; the second is a test
    face; the snapshot knows the first two."""
    faces = faces_make(dataset, 6)
    Face.objects.filter(position=1).update(role=FaceRole.TEST)
    layer_make(dataset, LayerKind.REFERENCE, faces[:4], [1, 1, 0, -2], [12], name="reference")
    layer_make(dataset, LayerKind.CODER, faces[:1], [0], [12], user=cast.bob)
    layer_make(dataset, LayerKind.WEAK, faces, [1] * 6, [12], name="weak")
    detector = detector_make(dataset, aus=[12])
    held = np.array([[1], [0], [-1], [-1]], np.int8)
    detector.snapshot.codes = array_write(dataset=dataset, purpose="snapshot", values=held)
    detector.snapshot.save()
    prediction_layer_make(detector, faces, [0.1, 0.2, 0.3, 0.6, 0.7, 0.8])
    return detector


def codes_of(detector, user, key, positions):
    layers = layers_visible_to(user, detector.dataset)
    choices = score_codes.code_choices(detector, layers)
    source = score_codes.CodeSource(
        next(choice for choice in choices if choice.key == key or choice.name == key),
        detector,
        scores.scored_aus(detector),
        layers,
    )
    return source(np.array(positions))[:, 0].tolist()


def test_codes_of_each_source_and_never_those_of_test_faces(coded, cast):
    everything = [0, 1, 2, 3, 4, 5]
    assert codes_of(coded, cast.alice, "trusted", everything) == [0, -1, 0, -1, -1, -1]
    assert codes_of(coded, cast.alice, "trained", everything) == [1, 0, -1, -1, -1, -1]
    assert codes_of(coded, cast.alice, "reference", everything) == [1, -1, 0, -1, -1, -1]
    assert codes_of(coded, cast.alice, "weak", everything) == [1, -1, 1, 1, 1, 1]
    assert codes_of(coded, cast.alice, "none", everything) == [-1] * 6


def test_codes_are_read_in_any_order(coded, cast):
    assert codes_of(coded, cast.alice, "reference", [5, 2, 0, 1, 77]) == [-1, 0, 1, -1, -1]


def test_codes_of_faces_set_apart_as_noise_are_unknown(coded, cast):
    Label.objects.filter(layer__user=cast.bob).update(noise=True)
    assert codes_of(coded, cast.alice, "trusted", [0, 2]) == [-1, 0]


def test_only_visible_layers_and_snapshots_of_visible_layers_are_offered(coded, cast):
    assert score_codes.code_choices(coded, [])[0].key == "trained"
    coded.snapshot.layers = {"weak": [coded.dataset.layers.get(name="weak").pk]}
    assert [choice.key for choice in score_codes.code_choices(coded, [])] == ["none"]


def test_answers_are_kept_until_the_data_set_changes(coded, cast, django_assert_num_queries):
    layers = layers_visible_to(cast.alice, coded.dataset)
    choice = score_codes.code_choices(coded, layers)[0]
    aus = scores.scored_aus(coded)
    source = score_codes.CodeSource(choice, coded, aus, layers)

    def question():
        return score_codes.Question(coded.dataset, scores.scores_of(coded, layers), Scope(), aus, [source])

    first = question().answer(None)
    assert first.counts[0, 0, :, :, 1:].sum() == 2
    with django_assert_num_queries(0):
        assert np.array_equal(question().answer(None).counts, first.counts)
    coded.dataset.revision += 1
    assert question().answer_kept() is None


# Pictures


def shares_of(table, weak=None):
    """The row of one AU whose counts by (predicted, coded) are all in one bar."""
    counts = np.zeros((1 if weak is None else 2, 1, BARS, 2, 3), np.int64)
    counts[0, 0, 3] = table
    if weak is not None:
        counts[1, 0, 3] = weak
    counted = scores.ScoreCounts(10, counts, np.zeros((1, 1), np.int64))
    return score_charts.shares(counted, AUS[:1], codes=0, weak=None if weak is None else 1)[0]


def test_shares_by_hand():
    # predicted absent: 4 not coded, 3 absent, 1 present; predicted present: 2 not coded, 0 absent, 2 present
    row = shares_of([[4, 3, 1], [2, 0, 2]], weak=[[0, 6, 2], [0, 2, 2]])
    assert (row.scored, row.called, row.known, row.weak_known) == (12, 4, 6, 12)
    assert row.rate == pytest.approx(1 / 3)
    assert (row.code_rate, row.there) == (pytest.approx(1 / 2), pytest.approx(1 / 3))
    assert row.difference == pytest.approx(-1 / 6)
    assert row.points == "−16.7"
    assert row.weak_rate == pytest.approx(1 / 3)


def test_what_is_unknown_has_no_share():
    row = shares_of([[4, 0, 0], [2, 0, 0]])
    assert (row.code_rate, row.there, row.difference) == (None, None, None)
    assert score_charts.difference_mean([row]) is None


def test_a_difference_that_rounds_to_nothing_has_no_sign():
    row = shares_of([[0, 5000, 5000], [0, 4999, 5001]])
    assert row.points == "0.0"


@pytest.mark.parametrize(("difference", "bar"), [(0.2, (50.0, 25.0)), (-0.4, (0.0, 50.0)), (None, (50.0, 0.0))])
def test_bars_of_differences(difference, bar):
    assert score_charts.difference_bar(difference, 0.4) == bar


@pytest.mark.parametrize("root", [False, True])
def test_segments_fill_their_bar_and_the_smallest_can_be_seen(root):
    counts = np.zeros((1, 1, BARS, 2, 3), np.int64)
    counts[0, 0, 0, 0] = [100_000, 800_000, 99_999]
    counts[0, 0, 19, 1] = [0, 0, 1]
    counted = scores.ScoreCounts(1_000_000, counts, np.zeros((1, 1), np.int64))
    rows = score_charts.shares(counted, AUS[:1], codes=0, weak=None)
    first, *_rest, last = score_charts.histograms(counted, rows, codes=0, root=root)[0].bars
    assert sum(float(part.height) for part in first.segments) == pytest.approx(84, abs=0.02)
    assert [part.kind for part in first.segments] == ["present", "absent", "unknown"]
    assert [part.kind for part in last.segments] == ["present"]
    assert float(last.segments[0].height) >= 1.5
    assert first.words == "0.00–0.05: 999,999 faces; 99,999 present, 800,000 absent, 100,000 not coded"
    assert (last.low, last.high) == ("0.95", "1.00")


def test_pairs_by_hand():
    counted = scores.ScoreCounts(9, np.zeros((1, 2, BARS, 2, 3), np.int64), np.array([[4, 1], [1, 0]]))
    (au, n, cells), (_au, none, empty) = score_charts.pairs(counted, AUS)
    assert (au, n, none) == (1, 4, 0)
    assert (cells[0].same, cells[1].share, cells[1].shade) == (True, 0.25, 2)
    assert empty[0].share is None
