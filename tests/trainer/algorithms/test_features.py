"""The default detector: honest folds, resuming, AUs nobody shows, undefined figures."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.trainer.algorithms.tiny import SETTINGS, Tiny
from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.features import (
    FEATURE_STAGE,
    CheckPoint,
    FeatureResult,
    Stage,
    checkpoint_ignore,
    features_extract,
)
from trainer.algorithms.folds import folds_assign
from trainer.algorithms.measures import auc_measure, base_rate_call, f1_measure


def extracted(tiny: Tiny, checkpoint: CheckPoint = checkpoint_ignore, done: tuple[Stage, ...] = ()) -> FeatureResult:
    return features_extract(
        tiny.cache, tiny.labels, tiny.train_rows, tiny.groups, SETTINGS, checkpoint=checkpoint, done=done
    )


def same(first: FeatureResult, second: FeatureResult) -> bool:
    return np.array_equal(first.features, second.features) and np.array_equal(first.scores, second.scores)


def test_result_has_features_and_probabilities_of_every_face(tiny: Tiny) -> None:
    result = extracted(tiny)
    assert result.features.shape == (72, 256) and result.features.dtype == np.float32
    assert result.scores.shape == (72, 3) and result.scores.dtype == np.float32
    assert np.isfinite(result.features).all()
    assert ((result.scores > 0) & (result.scores < 1)).all()
    report = json.loads(json.dumps(result.report, allow_nan=False))
    assert [au["known"] for au in report["aus"]] == (tiny.labels[:48] >= 0).sum(axis=0).tolist()
    assert set(report["stages"]) == {"fold-0", "fold-1", "fold-2", "features"}


def test_own_label_never_reaches_the_out_of_fold_score(tiny: Tiny) -> None:
    poisoned = tiny.labels.copy()
    poisoned[7] = [1, 1, 1] if not poisoned[7].all() else [0, 0, 0]
    clean, dirty = extracted(tiny), extracted(tiny.with_labels(poisoned))
    own_subject = [6, 7, 8]
    assert np.array_equal(clean.scores[own_subject], dirty.scores[own_subject])
    assert not np.array_equal(clean.scores[:48], dirty.scores[:48])


def test_labels_outside_the_training_rows_are_not_read(tiny: Tiny) -> None:
    leaked = tiny.labels.copy()
    leaked[48:] = 1
    assert same(extracted(tiny), extracted(tiny.with_labels(leaked)))


@pytest.mark.parametrize("kept", [1, 3, 4])
def test_resumed_work_gives_the_same_result(tiny: Tiny, kept: int) -> None:
    stages: list[Stage] = []
    whole = extracted(tiny, checkpoint=stages.append)
    again: list[Stage] = []
    resumed = extracted(tiny, checkpoint=again.append, done=tuple(stages[:kept]))
    assert same(whole, resumed)
    assert [stage.name for stage in again] == [stage.name for stage in stages[kept:]]
    assert stages[-1].name == FEATURE_STAGE


def test_stages_from_other_labels_are_trained_anew(tiny: Tiny) -> None:
    stages: list[Stage] = []
    extracted(tiny, checkpoint=stages.append)
    changed = tiny.labels.copy()
    changed[0, 0] = 1 - max(0, changed[0, 0])
    fresh = extracted(tiny.with_labels(changed))
    assert same(extracted(tiny.with_labels(changed), done=tuple(stages)), fresh)


def test_au_without_positives_has_low_scores_and_undefined_figures(tiny: Tiny) -> None:
    labels = tiny.labels.copy()
    labels[:48, 1] = 0
    result = extracted(tiny.with_labels(labels))
    silent = result.report["aus"][1]
    assert (silent["positives"], silent["auc"], silent["f1"], silent["f1_base_rate"]) == (0, None, None, None)
    assert (result.scores[:, 1] < 0.5).all()


def test_au_that_nobody_scored_has_no_probability(tiny: Tiny) -> None:
    labels = tiny.labels.copy()
    labels[:, 2] = -1
    result = extracted(tiny.with_labels(labels))
    assert np.isnan(result.scores[:, 2]).all()
    assert np.isfinite(result.scores[:, :2]).all()
    assert result.report["aus"][2]["known"] == 0


def test_cancel_ends_the_work_and_keeps_the_finished_stages(tiny: Tiny) -> None:
    stages: list[Stage] = []
    with pytest.raises(Cancelled):
        features_extract(
            tiny.cache,
            tiny.labels,
            tiny.train_rows,
            tiny.groups,
            SETTINGS,
            cancelled=lambda: len(stages) == 1,
            checkpoint=stages.append,
        )
    assert [stage.name for stage in stages] == ["fold-0"]


def test_progress_never_falls_and_ends_at_one(tiny: Tiny) -> None:
    heard: list[float] = []
    features_extract(
        tiny.cache, tiny.labels, tiny.train_rows, tiny.groups, SETTINGS, progress=lambda f, _: heard.append(f)
    )
    assert heard == sorted(heard)
    assert heard[-1] == 1.0


def test_faces_kept_from_study_do_not_change_the_feature_network(tiny: Tiny) -> None:
    study = np.arange(72) < 60
    changed = replace(tiny, cache=tiny.cache.copy())
    changed.cache[60:] = 0
    first, second = (
        features_extract(d.cache, d.labels, d.train_rows, d.groups, SETTINGS, study_rows=study)
        for d in (tiny, changed)
    )
    assert np.array_equal(first.scores[:60], second.scores[:60])


def test_arrays_that_do_not_fit_are_refused(tiny: Tiny) -> None:
    with pytest.raises(ValueError, match="71"):
        features_extract(tiny.cache, tiny.labels[:71], tiny.train_rows, tiny.groups, SETTINGS)


def test_folds_keep_subjects_together_and_even() -> None:
    groups = np.concatenate([np.repeat(np.arange(10), 7), np.full(30, -1)])
    rows = np.arange(5, 100)
    folds = folds_assign(rows, groups, 5, seed=0)
    assert (folds[:5] == -1).all()
    assert all(len(set(folds[rows][groups[rows] == subject])) == 1 for subject in range(10))
    assert np.ptp(np.bincount(folds[rows])) <= 1


def test_fewer_subjects_than_folds_give_fewer_folds() -> None:
    assert folds_assign(np.arange(6), np.repeat([0, 1], 3), 5, seed=0).max() == 1


def test_faces_of_a_single_subject_are_folded_by_face() -> None:
    assert sorted(np.bincount(folds_assign(np.arange(6), np.zeros(6, dtype=int), 3, seed=0))) == [2, 2, 2]


def test_a_single_labelled_face_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two labelled faces"):
        folds_assign(np.arange(1), np.zeros(1, dtype=int), 3, seed=0)


def test_measures_of_a_case_worked_by_hand() -> None:
    labels, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.9, 0.4, 0.1])
    # pairs: 0.9 against 0.9 is half, against 0.1 won; 0.4 against 0.9 lost, against 0.1 won
    assert auc_measure(labels, scores) == 2.5 / 4
    assert f1_measure(labels, scores > 0.5) == 0.5
    assert base_rate_call(scores, 0.75).tolist() == [True, True, True, False]
    assert auc_measure(np.zeros(3), np.zeros(3)) is None
    assert f1_measure(np.zeros(3), np.ones(3, dtype=bool)) is None
