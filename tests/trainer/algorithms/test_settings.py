"""Settings: presets, changes by path, bounds in words, and their way through JSON."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.algorithms.methods import METHODS, preset_of, settings_load, settings_make
from trainer.algorithms.networks import NETWORKS, network_create
from trainer.algorithms.optimisers import OPTIMISERS, SCHEDULES, learning_rate
from trainer.algorithms.sampling import SAMPLERS
from trainer.algorithms.settings import NETWORK_NAMES, PRESETS, flattened, settings_told, stage_parts, stages_of
from trainer.algorithms.settings import OPTIMISERS as OPTIMISER_NAMES
from trainer.algorithms.settings import SAMPLERS as SAMPLER_NAMES
from trainer.algorithms.settings import SCHEDULES as SCHEDULE_NAMES

JUNK = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | st.floats() | st.integers(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=3,
)
"""Whatever JSON can say, and some more."""
PATHS = [told.path for told in settings_told(METHODS["adversarial"].settings)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("preset", PRESETS)
def test_preset_comes_back_from_json(method: str, preset: str) -> None:
    settings = settings_make(method, preset=preset)
    assert (settings.method, settings.preset) == (method, preset)
    assert preset_of(settings.as_dict()) == flattened(settings.as_dict())
    assert settings_load(json.loads(json.dumps(settings.as_dict()))) == settings


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("preset", PRESETS)
def test_preset_builds_a_network_that_takes_its_pictures(method: str, preset: str) -> None:
    config = replace(settings_make(method, preset=preset).network, outputs=3)
    network = network_create(config).eval()
    with torch.inference_mode():
        features = network.features(torch.zeros(1, 3, config.input_size, config.input_size))
        assert (features.shape, network.head(features).shape) == ((1, config.features), (1, 3))


def test_paper_presets_are_what_the_papers_state() -> None:
    """Zhao et al. 2018, §4.1, after Krizhevsky et al. 2012, §5; Wang et al., §3.2, §4.1 and §4.3.2."""
    chosen = ("alexnet", "resnet", "adversarial")
    alexnet, resnet, adversarial = (settings_make(method, preset="paper") for method in chosen)
    assert (alexnet.network.name, alexnet.network.features, alexnet.network.input_size) == ("alexnet", 256, 224)
    assert (alexnet.training.sampler, alexnet.training.batch, alexnet.training.optimiser) == (
        "oversampled",
        128,
        "sgd",
    )
    assert (alexnet.training.learning_rate, alexnet.training.momentum, alexnet.training.weight_decay) == (
        0.01,
        0.9,
        5e-4,
    )
    falls = [learning_rate(epoch, 90, 1, alexnet.training) for epoch in range(90)]
    assert [falls.count(rate) for rate in sorted(set(falls), reverse=True)] == [23, 23, 23, 21]
    for settings in (resnet, adversarial):
        assert (settings.network.name, settings.network.input_size, settings.folds) == ("resnet50", 224, 3)
        assert (settings.training.optimiser, settings.training.weight_decay) == ("adamw", 0)
    assert adversarial.adversarial and adversarial.adversarial.alpha == 0.01
    assert adversarial.adversarial.predictions == "probabilities"


def test_settings_kept_before_there_were_presets_are_those_of_the_quick_one() -> None:
    kept = {path: value for path, value in settings_make("resnet").as_dict().items() if path != "preset"}
    assert settings_load(kept) == settings_make("resnet")


@pytest.mark.parametrize("preset", ["slow", "", ["paper"], None])
def test_unknown_preset_names_the_known(preset: Any) -> None:
    with pytest.raises(ValueError, match="quick, paper"):
        settings_make("alexnet", preset=preset)


@pytest.mark.parametrize("method", METHODS)
def test_every_setting_has_its_line(method: str) -> None:
    for told in settings_told(METHODS[method].settings):
        assert told.about.endswith("."), told.path


def test_text_is_taken_as_the_settings_kind() -> None:
    settings = settings_make("adversarial", {"training.epochs": "5", "adversarial.alpha": "0.1", "pretrained": "x"})
    assert (settings.training.epochs, settings.adversarial and settings.adversarial.alpha) == (5, 0.1)
    assert settings.pretrained == "x"


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("training.epochs", "0", "training.epochs: epochs 0, at least 1"),
        ("training.epochs", "2.5", "2.5 is not a whole number"),
        ("training.batch", "inf", "training.batch"),
        ("training.learning_rate", "nan", "training.learning_rate"),
        ("training.sampler", "fair", "random, oversampled, stratified, momu"),
        ("training.augmentation", "1", "a group of settings"),
        ("adversarial.alpha", "0.1", "no setting 'adversarial.alpha' in this method"),
        ("method", "resnet", "no setting 'method'"),
        ("preset", "paper", "no setting 'preset'"),
        ("speed", "9", "no setting 'speed'"),
        ("training.epochs.more", "1", "no setting"),
        ("training.epochs", None, "training.epochs: "),
        ("training.epochs", True, "training.epochs: True is no number"),
        ("pretrained", None, "pretrained: None is no text"),
        ("pretrained", ["a"], r"pretrained: \['a'\] is no text"),
        ("pretrained", "a\0b", "pretrained: .* one line of text"),
        ("pretrained", "\ud800", "pretrained: .* one line of text"),
        ("pretrained", "a" * 300, "pretrained: .* longer than 200"),
    ],
)
def test_what_cannot_be_is_refused_by_name(path: str, value: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        settings_make("alexnet", {path: value})


@pytest.mark.parametrize("method", ["oracle", ["alexnet"], None])
def test_unknown_method_names_the_known(method: Any) -> None:
    with pytest.raises(ValueError, match="alexnet, drml, resnet, adversarial"):
        settings_make(method)


def test_names_are_those_of_the_registries() -> None:
    assert set(NETWORK_NAMES) == set(NETWORKS)
    assert set(OPTIMISER_NAMES) == set(OPTIMISERS)
    assert set(SCHEDULE_NAMES) == set(SCHEDULES)
    assert set(SAMPLER_NAMES) == set(SAMPLERS)


@given(st.sampled_from(PATHS), JUNK)
def test_any_value_is_taken_or_refused_with_the_settings_name(path: str, value: object) -> None:
    try:
        settings = settings_make("adversarial", {path: value})
    except ValueError as error:
        assert path in str(error)
    else:
        assert settings_load(settings.as_dict()) == settings


def test_the_stages_of_a_hybrid_are_told_in_the_order_of_the_work():
    settings = settings_make("hybrid", {"training.epochs": 4, "hybrid.epochs": 7, "hybrid.fusion_epochs": 2})
    assert stages_of(settings.as_dict(), 1) == [
        ("fold-0", 4),
        ("fold-0-lstm", 7),
        ("fold-0-fusion", 2),
        ("detector", 4),
        ("detector-lstm", 7),
        ("detector-fusion", 2),
    ]
    assert [stage_parts(stage) for stage in ("fold-0", "fold-1-lstm", "detector-fusion", "pretraining")] == [
        ("fold-0", ""),
        ("fold-1", "lstm"),
        ("detector", "fusion"),
        ("pretraining", ""),
    ]


def test_emotions_come_before_all_networks():
    assert stages_of(settings_make("emoco").as_dict(), 1)[0] == ("pretraining", 20)
