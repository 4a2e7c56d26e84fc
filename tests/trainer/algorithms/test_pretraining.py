"""EmoCo as the stage before a detector's networks: they begin with its body, which is kept and taken up again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.trainer.algorithms.tiny import QUICK, Tiny
from trainer.algorithms.callbacks import Cancelled, EpochReport
from trainer.algorithms.detectors import DetectorResult, detector_train
from trainer.algorithms.emotions import Emotions
from trainer.algorithms.settings import PRETRAINING, DetectorSettings, EmoCoConfig, NetworkConfig

EMOCO = EmoCoConfig(epochs=2, batch=12, queue=16, dimensions=8, hidden=16, norm_groups=3, protocol="linear")
SETTINGS = DetectorSettings(
    method="emoco",
    folds=2,
    validation=0,
    network=NetworkConfig(outputs=1, input_size=32, width=4, features=16),
    training=QUICK,
    emoco=EMOCO,
)


def emotions(tiny: Tiny, names: tuple[str, ...] = ("happy", "sad", "none of these")) -> Emotions:
    return Emotions(np.arange(len(tiny.cache)) % len(names), names, "column")


def detected(tiny: Tiny, settings: DetectorSettings = SETTINGS, **given: object) -> DetectorResult:
    options = {"emotions": emotions(tiny)} | given
    return detector_train(tiny.cache, tiny.labels, tiny.groups, settings, **options)  # type: ignore[arg-type]


def body(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.float().flatten() for value in network.body.state_dict().values()])  # type: ignore[union-attr]


def test_a_linear_head_leaves_the_pretrained_body_as_it_is(tiny: Tiny, tmp_path: Path) -> None:
    result = detected(tiny, folder=tmp_path)
    kept = load_file(tmp_path / f"{PRETRAINING}.safetensors")
    learned = {name.removeprefix("body."): value for name, value in kept.items() if name.startswith("body.")}
    own = result.network.body.state_dict()
    assert own.keys() == learned.keys()
    assert all(torch.equal(own[name], learned[name]) for name in own)


def test_finetuning_changes_it(tiny: Tiny) -> None:
    linear, tuned = (
        detected(tiny, replace(SETTINGS, emoco=replace(EMOCO, protocol=protocol)))
        for protocol in ("linear", "finetune")
    )
    assert not torch.equal(body(linear.network), body(tuned.network))


def test_the_report_says_where_emotions_came_from(tiny: Tiny) -> None:
    told = detected(tiny).trainings[PRETRAINING]
    assert told["source"] == "column"
    assert told["emotions"] == {"happy": 24, "sad": 24, "none of these": 24}
    assert len(told["losses"]) == EMOCO.epochs


def test_work_stopped_in_the_pretraining_ends_as_an_unbroken_one(tiny: Tiny, tmp_path: Path) -> None:
    whole = detected(tiny)
    asked = iter(range(10_000))
    with pytest.raises(Cancelled):
        detected(tiny, folder=tmp_path, cancelled=lambda: next(asked) >= 7)
    assert torch.equal(body(whole.network), body(detected(tiny, folder=tmp_path).network))


def test_a_finished_pretraining_is_not_done_again(tiny: Tiny, tmp_path: Path) -> None:
    detected(tiny, folder=tmp_path)
    heard: list[EpochReport] = []
    detected(tiny, folder=tmp_path, on_epoch=heard.append)
    assert not heard


def test_fewer_than_two_emotions_are_refused_in_words(tiny: Tiny) -> None:
    with pytest.raises(ValueError, match="at least two"):
        detected(tiny, emotions=emotions(tiny, ("happy",)))


def test_momentum_contrast_alone_needs_no_emotion(tiny: Tiny) -> None:
    plain = replace(EMOCO, emotion=0, queues="one", centring="none")
    result = detected(tiny, replace(SETTINGS, emoco=plain), emotions=emotions(tiny, ("face",)))
    assert result.trainings[PRETRAINING]["faces"] == len(tiny.cache)


def test_without_emotions_the_method_is_refused(tiny: Tiny) -> None:
    with pytest.raises(ValueError, match="an emotion, or none, of each face"):
        detected(tiny, emotions=None)
