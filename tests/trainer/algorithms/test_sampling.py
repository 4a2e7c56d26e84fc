"""The samplers against their plain twins, by their invariants, and by what they do to rare AUs."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.trainer.algorithms.sampling_twins import (
    Replay,
    momu_twin,
    oversampled_twin,
    pick_random,
    random_twin,
    strata_twin,
    stratified_twin,
)
from trainer.algorithms import settings as training_settings
from trainer.algorithms.sampling import SAMPLERS, composition, epoch_batches

RATES = np.array([0.5, 0.3, 0.2, 0.1, 0.05, 0.02])
DEALING = ("random", "stratified")
DRAWING = ("oversampled", "momu")

tables = st.tuples(st.integers(1, 40), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.int8, shape, elements=st.sampled_from([-1, 0, 0, 1]))
)
numbers = st.integers(1, 9)
quick = settings(deadline=None, max_examples=60)


def world(faces: int = 3000, unknown: float = 0.0) -> np.ndarray:
    """(faces, 6) codes with the base rates RATES, AUs tied to each other a little."""
    rng = np.random.default_rng(5)
    strength = 0.5 * rng.normal(size=(faces, 1)) + rng.normal(size=(faces, len(RATES)))
    cuts = [np.quantile(column, 1 - rate) for column, rate in zip(strength.T, RATES, strict=True)]
    labels = (strength > cuts).astype(np.int8)
    labels[rng.random(labels.shape) < unknown] = -1
    return labels


def able(sampler: str, labels: np.ndarray, count: int) -> bool:
    """Whether there is something to balance and a row for each batch."""
    if sampler == "momu":
        return bool((labels == 1).any())
    if sampler == "oversampled":
        return bool(((labels == 1).any(axis=0) & (labels == 0).any(axis=0)).any())
    return len(labels) >= count


def test_the_registry_holds_the_names_of_the_settings() -> None:
    assert tuple(SAMPLERS) == training_settings.SAMPLERS


def test_an_unknown_sampler_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'smote'; known: random, oversampled, stratified, momu\."):
        epoch_batches("smote", world(), 8, 4, (0,))


@pytest.mark.parametrize(("size", "count", "draw"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_numbers_below_one_are_refused(size: int, count: int, draw: int) -> None:
    with pytest.raises(ValueError, match="0, at least 1"):
        epoch_batches("momu", world(), size, count, (0,), draw)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_labels_without_a_row_or_a_column_for_each_au_are_refused(sampler: str) -> None:
    for labels in (np.zeros((0, 3), np.int8), np.zeros(3, np.int8)):
        with pytest.raises(ValueError, match="at least one row"):
            epoch_batches(sampler, labels, 2, 1, (0,))


@pytest.mark.parametrize("sampler", DEALING)
def test_more_batches_than_rows_are_refused(sampler: str) -> None:
    with pytest.raises(ValueError, match="3 rows can't fill 4 batches"):
        epoch_batches(sampler, np.eye(3, dtype=np.int8), 1, 4, (0,))


@pytest.mark.parametrize(("sampler", "code"), [("momu", 0), ("momu", -1), ("oversampled", 1), ("oversampled", 0)])
def test_labels_in_which_nothing_can_be_balanced_are_refused(sampler: str, code: int) -> None:
    labels = np.full((6, 2), code, np.int8)
    labels[:, 1] = -1
    with pytest.raises(ValueError, match="No AU has"):
        epoch_batches(sampler, labels, 2, 2, (0,))


@given(st.sampled_from(tuple(SAMPLERS)), tables, numbers, numbers, numbers, st.integers(0, 99))
@quick
def test_batches_are_valid_and_repeat_themselves(
    sampler: str, labels: np.ndarray, size: int, count: int, draw: int, seed: int
) -> None:
    assume(able(sampler, labels, count))
    before = labels.copy()
    batches = epoch_batches(sampler, labels, size, count, (seed, 1), draw)
    assert (labels == before).all()
    assert len(batches) == count
    assert all(batch.dtype == np.intp and batch.ndim == 1 for batch in batches)
    assert all(((batch >= 0) & (batch < len(labels))).all() for batch in batches)
    if sampler in DRAWING:
        assert {len(batch) for batch in batches} == {size}
    again = epoch_batches(sampler, labels, size, count, (seed, 1), draw)
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_another_seed_gives_another_epoch(sampler: str) -> None:
    labels = world(600)
    one, other = (np.concatenate(epoch_batches(sampler, labels, 32, 18, (7, e))) for e in (0, 1))
    assert (one != other).mean() > 0.9


@given(st.sampled_from(DEALING), tables, numbers)
@quick
def test_dealt_batches_hold_each_row_once_and_differ_by_one(sampler: str, labels: np.ndarray, count: int) -> None:
    assume(len(labels) >= count)
    batches = epoch_batches(sampler, labels, 3, count, (1,))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(labels)))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= 1


def test_random_batches_are_cut_as_the_twins() -> None:
    batches = epoch_batches("random", world(50), 3, 7, (0,))
    assert random_twin(50, 7, Replay(batches)) == [batch.tolist() for batch in batches]


@given(tables, numbers)
@quick
def test_each_stratum_of_algorithm_1_is_spread_evenly(labels: np.ndarray, count: int) -> None:
    assume(len(labels) >= count)
    batches = [set(batch.tolist()) for batch in epoch_batches("stratified", labels, 3, count, (1,))]
    for stratum in strata_twin(labels):
        shares = [len(stratum & batch) for batch in batches]
        assert max(shares) - min(shares) <= 1


def test_stratification_is_the_twins_with_the_same_order_of_the_faces() -> None:
    labels, count = world(200, unknown=0.2), 7
    found = {tuple(sorted(batch.tolist())) for batch in epoch_batches("stratified", labels, 3, count, (3,))}
    order = np.random.default_rng((3,)).permutation(len(labels)).tolist()
    wanted = stratified_twin(labels, count, lambda pool, number: [row for row in order if row in pool])
    assert found == {tuple(sorted(batch)) for batch in wanted}


def test_strata_of_a_worked_example() -> None:
    # AU c has 1 face, then AU a has 1 left and AU b 2, then b has 1; the last two show nothing known
    labels = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 0], [0, 0, 0], [-1, 0, -1]], np.int8)
    assert strata_twin(labels) == [{0}, {1}, {2}, {3, 4}]
    [batch] = epoch_batches("stratified", labels, 5, 1, (0,))
    assert batch[:3].tolist() == [0, 1, 2]


def test_the_few_faces_of_a_rare_au_come_all_over_the_epoch() -> None:
    labels = np.zeros((4000, 1), np.int8)
    labels[:10] = 1
    found = composition(labels, epoch_batches("stratified", labels, 10, 400, (2,)))[:, 0]
    assert found.max() == 1
    assert 100 < np.flatnonzero(found).mean() < 300
    assert np.ptp(np.flatnonzero(found)) > 200


@given(tables, st.integers(1, 12), numbers, numbers, st.integers(0, 99))
@quick
def test_momu_takes_every_step_of_algorithm_2(
    labels: np.ndarray, size: int, count: int, draw: int, seed: int
) -> None:
    assume(able("momu", labels, count))
    batches = epoch_batches("momu", labels, size, count, (seed,), draw)
    again = momu_twin(labels, size, count, draw, Replay(batches))
    assert again == [batch.tolist() for batch in batches]


@pytest.mark.parametrize("draw", [1, 4, 50])
def test_momu_takes_every_step_of_algorithm_2_over_many_restorations(draw: int) -> None:
    labels = world(300, unknown=0.1)
    batches = epoch_batches("momu", labels, 30, 40, (0,), draw)
    momu_twin(labels, 30, 40, draw, Replay(batches))
    assert max(Counter(np.concatenate(batches).tolist()).values()) > 1  # there were some


def test_momu_composes_batches_as_its_twin_does() -> None:
    labels = world(600)
    fast = composition(labels, epoch_batches("momu", labels, 32, 60, (0,)))
    slow = momu_twin(labels, 32, 60, 4, pick_random(1))
    twin = composition(labels, [np.array(batch) for batch in slow])
    assert fast.mean(axis=0) == pytest.approx(twin.mean(axis=0), rel=0.12)
    assert fast.std(axis=0) == pytest.approx(twin.std(axis=0), rel=0.5)


def test_momu_draws_no_face_twice_while_no_class_runs_dry() -> None:
    labels = np.repeat(np.eye(4, dtype=np.int8), 100, axis=0)
    drawn = np.concatenate(epoch_batches("momu", labels, 40, 10, (0,), draw=5))
    assert len(set(drawn.tolist())) == 400


def test_momu_draws_the_faces_of_an_au_equally_often() -> None:
    labels = np.ones((20, 1), np.int8)
    times = Counter(row for seed in range(500) for row in epoch_batches("momu", labels, 4, 1, (seed,))[0].tolist())
    # 100 expected of each, a standard deviation of 9
    assert len(times) == 20
    assert all(60 < n < 140 for n in times.values())


def test_momu_with_an_au_of_fewer_faces_than_are_drawn() -> None:
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1], [0, 0]], np.int8)
    batches = epoch_batches("momu", labels, 5, 3, (0,), 3)
    assert [sorted(batch.tolist()) for batch in batches] == [[0, 1, 2, 3, 4]] * 3


def test_momu_passes_over_an_au_without_positives_and_faces_without_any() -> None:
    labels = np.array([[1, 0, -1], [0, 0, -1], [-1, 0, 0], [0, 0, 1]], np.int8)
    assert set(np.concatenate(epoch_batches("momu", labels, 8, 4, (0,))).tolist()) == {0, 3}


@given(tables, numbers, numbers, st.integers(0, 99))
@quick
def test_oversampling_takes_every_turn_of_its_twin(labels: np.ndarray, size: int, count: int, seed: int) -> None:
    assume(able("oversampled", labels, count))
    batches = epoch_batches("oversampled", labels, size, count, (seed,))
    again = oversampled_twin(labels, size, count, Replay(batches))
    assert again == [batch.tolist() for batch in batches]


def test_oversampling_shows_a_rare_au_as_often_as_not_in_its_turns() -> None:
    labels = world(1000, unknown=0.2)[:, -1:]
    for batch in epoch_batches("oversampled", labels, 32, 20, (0,)):
        codes = Counter(labels[batch, 0].tolist())
        assert codes == {1: 16, 0: 16}


def test_oversampling_leaves_an_au_without_known_absent_codes_out_of_its_turns() -> None:
    labels = np.array([[1, -1], [0, -1], [-1, 1], [-1, 1]], np.int8)
    assert set(np.concatenate(epoch_batches("oversampled", labels, 8, 2, (0,))).tolist()) == {0, 1}


def test_composition_counts_present_codes_only() -> None:
    labels = np.array([[1, -1], [0, 1], [1, 1]], np.int8)
    batches = [np.array([0, 2, 2]), np.empty(0, np.intp), np.array([1])]
    assert composition(labels, batches).tolist() == [[3, 2], [0, 0], [0, 1]]
    assert composition(labels, []).shape == (0, 2)


def test_rare_aus_are_steadier_when_stratified_and_more_frequent_under_momu() -> None:
    labels, found = world(), {}
    for sampler in SAMPLERS:
        found[sampler] = composition(labels, epoch_batches(sampler, labels, 50, 60, (4,)))
    # between batches (Fig. 6, top and middle)
    assert (found["stratified"].var(axis=0) < 0.7 * found["random"].var(axis=0)).all()
    assert (found["stratified"].sum(axis=0) == found["random"].sum(axis=0)).all()
    # within batches (bottom)
    rare = RATES < 0.1
    for sampler in DRAWING:
        assert (found[sampler][:, rare].mean(axis=0) > 2 * found["random"][:, rare].mean(axis=0)).all()
    uneven = {name: (counts.std(axis=1) / counts.mean(axis=1)).mean() for name, counts in found.items()}
    assert uneven["momu"] < 0.7 * uneven["stratified"]
    assert found["momu"].min() >= 4
