"""Settings: presets, changes by path, bounds in words, and their way through JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.algorithms.networks import NETWORKS
from trainer.algorithms.optimisers import OPTIMISERS, SCHEDULES
from trainer.algorithms.sampling import SAMPLERS
from trainer.algorithms.settings import (
    METHODS,
    NETWORK_NAMES,
    settings_load,
    settings_make,
    settings_told,
)
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
def test_preset_comes_back_from_json(method: str) -> None:
    settings = settings_make(method)
    assert settings.method == method
    assert settings_load(json.loads(json.dumps(settings.as_dict()))) == settings


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
    with pytest.raises(ValueError, match="alexnet, resnet, adversarial"):
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
