"""Witnesses and the vote."""

import numpy as np
import pytest
from scipy.optimize import minimize

from clustering.algorithms import witnesses as wit
from clustering.algorithms.logistic import logistic_fit, logit
from clustering.algorithms.reannotation import vote_blind, vote_known
from clustering.algorithms.scores import agreement_f1
from clustering.algorithms.votes import KeptReason


def faces(n: int = 3000, aus: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth of rare AUs, a weak label that errs on its own, and a better score that errs on its own."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, aus)) < np.linspace(0.08, 0.4, aus)
    weak = np.where(truth, 1.0, -1.0) + rng.normal(size=truth.shape) * 1.0
    score = np.where(truth, 1.0, -1.0) + rng.normal(size=truth.shape) * 0.8
    return truth.astype(np.int8), weak.astype(np.float32), score.astype(np.float32)


def witnesses(weak: np.ndarray, score: np.ndarray) -> wit.Witnesses:
    return wit.Witnesses((wit.WEAK, wit.SCORE), np.stack([weak, score], axis=2), (False, False))


def some_known(truth: np.ndarray, share: float = 0.2) -> np.ndarray:
    known = np.random.default_rng(1).random(len(truth)) < share
    return np.where(known[:, None], truth, -1).astype(np.int8)


def test_logistic_fit_is_the_minimum_another_optimiser_finds() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 3)), (rng.random(80) < 0.4).astype(float)
    centre, strength = np.array([1.0, 0.0, -1.0]), np.array([2.0, 0.5, 9.0])

    def loss(b: np.ndarray) -> float:
        z = x @ b
        return float(np.sum(np.logaddexp(0, z) - y * z) + 0.5 * np.sum(strength * (b - centre) ** 2))

    found = logistic_fit(x, y, centre=centre, strength=strength)
    assert np.allclose(found, minimize(loss, np.zeros(3), tol=1e-10).x, atol=1e-3)


def test_logistic_fit_stays_finite_on_separable_data() -> None:
    x = np.column_stack([np.linspace(-1, 1, 20), np.ones(20)])
    found = logistic_fit(x, (x[:, 0] > 0).astype(float), centre=np.zeros(2), strength=np.full(2, 1e-3))
    assert np.isfinite(found).all()


def test_the_vote_of_two_witnesses_beats_each() -> None:
    truth, weak, score = faces()
    reference = some_known(truth)
    rest = reference[:, 0] == -1
    vote = vote_known(witnesses(weak, score), reference)
    for a in range(3):
        mine = agreement_f1(truth[rest, a], vote.proposal[rest, a])
        for alone in (weak, score):
            cut = np.quantile(alone[rest, a], 1 - truth[:, a].mean())
            theirs = agreement_f1(truth[rest, a], (alone[rest, a] > cut).astype(np.int8))
            assert mine[0] > theirs[0]
            assert mine[1] > theirs[1]


def test_the_proposals_have_the_base_rate_of_the_reference_faces() -> None:
    truth, weak, score = faces()
    reference = some_known(truth)
    vote = vote_known(witnesses(weak, score), reference)
    known = reference[:, 0] != -1
    assert np.allclose((vote.proposal[~known] == 1).mean(axis=0), (reference[known] == 1).mean(axis=0), atol=0.005)


def test_probabilities_are_calibrated_on_faces_not_fitted() -> None:
    truth, weak, score = faces(8000)
    reference = some_known(truth)
    vote = vote_known(witnesses(weak, score), reference)
    rest = reference[:, 0] == -1
    sure = vote.probability[rest] > 0.8
    assert truth[rest][sure].mean() == pytest.approx(vote.probability[rest][sure].mean(), abs=0.04)


def test_a_useless_witness_is_not_heard() -> None:
    truth, weak, _ = faces()
    noise = np.random.default_rng(5).normal(size=weak.shape).astype(np.float32)
    vote = vote_known(witnesses(weak, noise), some_known(truth))
    assert (np.abs(vote.weights[:, 1]) < 0.25 * vote.weights[:, 0]).all()


def test_a_reference_label_does_not_move_its_own_probability() -> None:
    truth, weak, score = faces(400)
    reference = some_known(truth, 0.5)
    face = int(np.flatnonzero(reference[:, 2] >= 0)[0])
    other = reference.copy()
    other[face] = 1 - other[face]
    before, after = (vote_known(witnesses(weak, score), r).probability[face] for r in (reference, other))
    # The choice of strength and the pooled fit of other folds see it; its own fold does not.
    assert np.allclose(before, after, atol=0.02)


def test_a_silent_witness_leaves_the_others_to_speak() -> None:
    truth, weak, score = faces()
    weak[::3] = np.nan
    score[1::3] = np.nan
    score[0] = weak[0] = np.nan
    reference = some_known(truth)
    reference[0] = -1
    vote = vote_known(witnesses(weak, score), reference)
    assert (vote.proposal[0] == -1).all()
    assert (vote.proposal[1:] >= 0).all()
    assert np.isnan(vote.probability[0]).all()


def test_reference_of_one_class_only_gives_finite_probabilities() -> None:
    truth, weak, score = faces(600)
    reference = some_known(truth)
    reference[:, 0] = np.where(reference[:, 0] == -1, -1, 0)
    vote = vote_known(witnesses(weak, score), reference)
    assert np.isfinite(vote.probability).all()
    assert (vote.proposal[:, 0] == 1).mean() < 0.02


def test_an_au_whose_vote_proves_worse_than_its_weak_labels_keeps_these() -> None:
    truth, weak, score = faces()
    weak[:, 0] = np.where(truth[:, 0], 9.0, -9.0)
    codes, reference = (weak > 0).astype(np.int8), some_known(truth)
    blurred = wit.Witnesses((wit.WEAK,), score[:, :, None], (False,))  # the vote hears the scores alone
    vote = vote_known(blurred, reference, codes)
    assert (vote.kept[:, 0] == KeptReason.UNPROVEN).all()
    assert (vote.proposal[:, 0] == codes[:, 0]).all()
    assert not vote.kept[:, 1:].any()


def test_the_blind_vote_beats_the_weak_labels() -> None:
    truth, weak, score = faces()
    codes = (weak > 0).astype(np.int8)
    vote = vote_blind(witnesses(weak, score), codes)
    for a in range(3):
        assert agreement_f1(truth[:, a], vote.proposal[:, a])[0] > agreement_f1(truth[:, a], codes[:, a])[0]
        assert agreement_f1(truth[:, a], vote.proposal[:, a])[1] > agreement_f1(truth[:, a], codes[:, a])[1]


def test_the_blind_vote_hears_no_witness_that_repeats_the_label() -> None:
    _, weak, score = faces()
    echo = np.stack([weak, score, weak], axis=2)
    told = wit.Witnesses((wit.WEAK, wit.SCORE, "cluster's weak labels"), echo, (False, False, True))
    codes = (weak > 0).astype(np.int8)
    assert (vote_blind(told, codes).proposal == vote_blind(witnesses(weak, score), codes).proposal).all()


def test_a_weak_detector_that_calls_a_rare_au_too_often_is_cut_back() -> None:
    truth, weak, score = faces()
    codes = (weak > -0.6).astype(np.int8)
    vote = vote_blind(witnesses(weak + 0.6, score), codes)
    true_rate, proposed, called = (float(np.mean(table[:, 0] == 1)) for table in (truth, vote.proposal, codes))
    assert called > 4 * true_rate
    assert proposed < 2 * true_rate


def test_a_blind_vote_over_one_class_keeps_it() -> None:
    _, weak, score = faces(300)
    vote = vote_blind(witnesses(weak, score), np.zeros(weak.shape, np.int8))
    assert (vote.proposal == 0).all()


def test_faces_without_probability_speak_like_those_with_their_label() -> None:
    weak = np.array([[1], [1], [0], [-1]], np.int8)
    probability = np.array([[0.9], [np.nan], [0.2], [np.nan]], np.float32)
    z = wit.weak_logits(weak, probability)
    assert z[1, 0] == pytest.approx(z[0, 0])
    assert np.isnan(z[3, 0])
    assert wit.weak_logits(weak, None)[0, 0] == pytest.approx(float(logit(np.array(0.85))))


def test_neighbour_means_skip_the_silent() -> None:
    values = np.array([[1.0], [np.nan], [3.0], [np.nan]], np.float32)
    lists = np.array([[1, 2], [0, 2], [1, 3], [0, 1]], np.int32)
    means = wit.neighbour_means(values, lists)[:, 0]
    assert means[[0, 1, 3]].tolist() == [3.0, 2.0, 1.0]
    assert np.isnan(means[2])


def test_features_foretell_a_value_without_seeing_the_faces_own() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 5)).astype(np.float32)
    values = (x @ rng.normal(size=(5, 2)) + rng.normal(size=(600, 2))).astype(np.float32)
    values[::4, 1] = np.nan
    told = wit.feature_forecasts(x, values)
    assert np.corrcoef(told[:, 0], values[:, 0])[0, 1] > 0.7
    values[7] += 1000
    assert np.allclose(wit.feature_forecasts(x, values)[7], told[7])
    assert np.isfinite(told).all()


def test_a_face_has_no_say_in_its_own_cluster() -> None:
    clusters = np.array([1, 1, 1, 0], np.int32)
    values = np.array([5.0, 1.0, 2.0, 9.0], np.float32)
    means = wit.cluster_means(values, clusters, shrink=0.0)
    assert means[:3].tolist() == [1.5, 3.5, 3.0]
    assert np.isnan(means[3])


def test_cluster_reference_leaves_the_face_out_and_draws_to_the_base_rate() -> None:
    clusters = np.array([1, 1, 2, 2, 3], np.int32)
    reference = np.array([1, 1, 0, -1, -1], np.int8)
    z = wit.cluster_reference(reference, clusters)
    assert z[0] == z[1] > z[4] > z[3]
    assert z[2] == z[4]
