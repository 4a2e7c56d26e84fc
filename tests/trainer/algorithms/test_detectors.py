"""From codes to a detector: honest scores, thresholds, and going on where the work stopped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainer.algorithms.test_training import stopping_after, weights
from tests.trainer.algorithms.tiny import QUICK, Tiny
from trainer.algorithms.callbacks import Cancelled, EpochReport, cancel_never
from trainer.algorithms.clips import Clips
from trainer.algorithms.detectors import DetectorResult, detector_train
from trainer.algorithms.networks import network_create
from trainer.algorithms.prediction import scores_predict
from trainer.algorithms.settings import AdversarialConfig, DetectorSettings, NetworkConfig
from trainer.algorithms.thresholds import thresholds_choose
from trainer.algorithms.weights import weights_save

SETTINGS = DetectorSettings(
    folds=3, network=NetworkConfig(outputs=1, input_size=32, width=8), training=replace(QUICK, epochs=8)
)


def detected(tiny: Tiny, settings: DetectorSettings = SETTINGS, folder: Path | None = None) -> DetectorResult:
    return detector_train(tiny.cache, tiny.labels, tiny.groups, settings, folder=folder)


def test_coded_faces_alone_have_scores_out_of_fold(tiny: Tiny) -> None:
    result = detected(tiny)
    coded = (tiny.labels >= 0).any(axis=1)
    assert np.isfinite(result.out_of_fold[coded]).all()
    assert np.isnan(result.out_of_fold[~coded]).all()
    assert ((result.folds >= 0) == coded).all()


def test_no_subject_is_in_two_folds(tiny: Tiny) -> None:
    result = detected(tiny)
    for subject in np.unique(tiny.groups[tiny.groups >= 0]):
        assert len(set(result.folds[(tiny.groups == subject) & (result.folds >= 0)])) <= 1


def test_a_clip_without_a_subject_is_in_one_fold_whatever_the_method(tiny: Tiny) -> None:
    clips = Clips(np.arange(72) // 12, np.arange(72) % 12)
    result = detector_train(tiny.cache, tiny.labels, np.full(72, -1), SETTINGS, clips=clips)
    for clip in range(6):
        of_clip = clips.clips == clip
        assert len(set(result.folds[of_clip & (result.folds >= 0)])) <= 1
        assert len(set(result.validation[of_clip & (result.folds >= 0)])) <= 1


def test_a_faces_own_codes_do_not_reach_its_score(tiny: Tiny) -> None:
    before = detected(tiny)
    labels = tiny.labels.copy()
    known = labels[4] >= 0
    labels[4, known] = 1 - labels[4, known]
    after = detected(tiny.with_labels(labels))
    fold = before.folds == before.folds[4]
    assert np.array_equal(after.out_of_fold[fold], before.out_of_fold[fold])
    assert not np.array_equal(after.out_of_fold[~fold], before.out_of_fold[~fold], equal_nan=True)


def test_au_without_any_code_has_no_scores(tiny: Tiny) -> None:
    labels = tiny.labels.copy()
    labels[:, 1] = -1
    result = detected(tiny.with_labels(labels))
    assert np.isnan(result.out_of_fold[:, 1]).all()
    assert result.thresholds[1] == pytest.approx(0.5)


def test_validation_faces_are_of_subjects_the_final_network_did_not_learn_from(tiny: Tiny) -> None:
    result = detected(tiny, replace(SETTINGS, validation=0.25))
    inside = np.unique(tiny.groups[result.validation & (tiny.groups >= 0)])
    coded = (tiny.labels >= 0).any(axis=1)
    assert 0 < result.validation.sum() <= 12
    assert result.trainings["detector"]["validation"] == result.validation.sum()
    assert all(result.validation[coded & (tiny.groups == subject)].all() for subject in inside)


def test_thresholds_of_a_fold_are_chosen_without_it(tiny: Tiny) -> None:
    result = detected(tiny)
    for fold, thresholds in enumerate(result.fold_thresholds):
        others = (result.folds >= 0) & (result.folds != fold)
        assert np.array_equal(thresholds, thresholds_choose(tiny.labels[others], result.out_of_fold[others]))


def test_work_stopped_in_a_fold_ends_as_an_unbroken_one(tiny: Tiny, tmp_path: Path) -> None:
    whole = detected(tiny)
    with pytest.raises(Cancelled):
        detector_train(tiny.cache, tiny.labels, tiny.groups, SETTINGS, folder=tmp_path, cancelled=stopping_after(20))
    resumed = detected(tiny, folder=tmp_path)
    assert torch.equal(weights(resumed.network), weights(whole.network))
    assert np.array_equal(resumed.out_of_fold, whole.out_of_fold, equal_nan=True)


def test_finished_stages_are_not_trained_again(tiny: Tiny, tmp_path: Path) -> None:
    whole = detected(tiny, folder=tmp_path)
    heard: list[EpochReport] = []
    again = detector_train(tiny.cache, tiny.labels, tiny.groups, SETTINGS, folder=tmp_path, on_epoch=heard.append)
    assert heard == []
    assert again.trainings == whole.trainings


def test_stages_of_other_codes_are_trained_anew(tiny: Tiny, tmp_path: Path) -> None:
    detected(tiny, folder=tmp_path)
    labels = tiny.labels.copy()
    labels[:8] = -1
    changed = detected(tiny.with_labels(labels), folder=tmp_path)
    assert torch.equal(weights(changed.network), weights(detected(tiny.with_labels(labels)).network))


def test_damaged_stage_is_trained_again(tiny: Tiny, tmp_path: Path) -> None:
    whole = detected(tiny, folder=tmp_path)
    (tmp_path / "fold-1.safetensors").write_bytes(b"half a file")
    again = detected(tiny, folder=tmp_path)
    assert np.array_equal(again.out_of_fold, whole.out_of_fold, equal_nan=True)


@pytest.mark.parametrize("steps", [9, 20])
def test_stages_from_other_pretrained_weights_under_the_same_name_are_trained_anew(
    tiny: Tiny, tmp_path: Path, steps: int
) -> None:
    """After 9 steps no stage is finished, after 20 the first is: neither goes on from the weights before."""
    start, config = tmp_path / "start.safetensors", replace(SETTINGS.network, outputs=3)
    quick = replace(SETTINGS, training=replace(QUICK, epochs=5))

    def begun(folder: Path, cancelled: Callable[[], bool] = cancel_never) -> DetectorResult:
        folder.mkdir(exist_ok=True)
        return detector_train(
            tiny.cache, tiny.labels, tiny.groups, quick, folder=folder, pretrained=start, cancelled=cancelled
        )

    weights_save(start, network_create(config, seed=5))
    with pytest.raises(Cancelled):
        begun(tmp_path / "kept", stopping_after(steps))
    weights_save(start, network_create(config, seed=6))
    resumed, fresh = begun(tmp_path / "kept"), begun(tmp_path / "fresh")
    assert torch.equal(weights(resumed.network), weights(fresh.network))
    assert np.array_equal(resumed.out_of_fold, fresh.out_of_fold, equal_nan=True)
    assert len({told["pretrained_sha256"] for told in resumed.trainings.values()}) == 1


def test_progress_rises_over_all_stages_and_time_left_falls_to_nothing(tiny: Tiny) -> None:
    parts: list[float] = []
    heard: list[EpochReport] = []
    detector_train(
        tiny.cache,
        tiny.labels,
        tiny.groups,
        SETTINGS,
        progress=lambda part, _: parts.append(part),
        on_epoch=heard.append,
    )
    assert parts == sorted(parts)
    assert parts[-1] == pytest.approx(1.0)
    assert [told.stage for told in heard] == [
        name for name in ("fold-0", "fold-1", "fold-2", "detector") for _ in range(8)
    ]
    assert heard[-1].seconds_left == pytest.approx(0.0, abs=1e-6)


def test_adversarial_method_learns_from_uncoded_pictures(tiny: Tiny) -> None:
    settings = replace(SETTINGS, method="adversarial", adversarial=AdversarialConfig(alpha=0.1))
    study = np.zeros(72, dtype=bool)
    study[40:60] = True
    result = detector_train(tiny.cache, tiny.labels, tiny.groups, settings, study_rows=study)
    # of the twenty, those with codes are coded faces
    assert result.trainings["detector"]["unlabelled"] == 12


def test_pretrained_weights_are_the_beginning(tiny: Tiny, tmp_path: Path) -> None:
    first = detected(tiny)
    weights_save(tmp_path / "start.safetensors", first.network)
    begun = detector_train(tiny.cache, tiny.labels, tiny.groups, SETTINGS, pretrained=tmp_path / "start.safetensors")
    assert begun.trainings["detector"]["losses"][0] < first.trainings["detector"]["losses"][0]
    assert len(begun.trainings["detector"]["pretrained_sha256"]) == 64


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda tiny: (tiny.cache, tiny.labels[:9], tiny.groups), "labels has 9 rows"),
        (lambda tiny: (tiny.cache[:, :16, :16], tiny.labels, tiny.groups), "faces of 16 pixels"),
        (lambda tiny: (tiny.cache, np.full_like(tiny.labels, -1), tiny.groups), "at least two labelled faces"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    tiny: Tiny, change: Callable[[Tiny], tuple[np.ndarray, np.ndarray, np.ndarray]], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        detector_train(*change(tiny), SETTINGS)


def test_scores_are_the_same_one_face_at_a_time(tiny: Tiny) -> None:
    network = detected(tiny).network
    rows = np.arange(20)
    assert np.allclose(
        scores_predict(network, tiny.cache, rows, batch=1), scores_predict(network, tiny.cache, rows), atol=1e-5
    )
