"""The order of a training: every setting is in the form, explained; bad input comes back with the reason."""

import dataclasses
import re

import pytest
from django.http import QueryDict

from trainer.algorithms import methods as known
from trainer.algorithms.methods import METHODS, settings_make
from trainer.algorithms.settings import PRESETS, DetectorSettings, settings_told
from trainer.selectors.trainings import Order
from trainer.views.forms import CHOICES, FIRST, LABELS, TrainingForm


def filled(method="alexnet", preset="quick", **changes):
    """The form as the browser would send it, with some fields changed (dots of their names as __)."""
    form = TrainingForm(method, preset=preset)
    values = {path: str(form[path].value()) for path in form.paths}
    data = QueryDict(mutable=True)
    data.update(values | {name.replace("__", "."): value for name, value in changes.items()})
    return TrainingForm(method, data, preset=preset)


@pytest.mark.parametrize("method", METHODS)
def test_every_setting_is_in_the_form_with_its_explanation_and_bounds(method):
    form = TrainingForm(method)
    shown = [field.name for field in form.first()] + [one.name for group in form.groups() for one in group.fields]
    told = {one.path: one for one in settings_told(METHODS[method].settings)}
    assert sorted(shown) == sorted(told)
    for path, one in told.items():
        html = str(form[path])
        assert str(form[path].help_text).startswith(one.about.split("`")[0].replace("'", "&#x27;")[:20])
        for name, bound in (("min", one.least), ("max", one.most)):
            written = re.search(rf' {name}="([^"]*)"', html)
            assert (None if written is None else float(written[1])) == bound, (path, name)
        for choice in one.choices:
            assert f'value="{choice}"' in html


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("preset", PRESETS)
def test_an_untouched_form_orders_the_preset(method, preset):
    form = filled(method, preset)
    assert form.is_valid(), form.errors
    assert settings_make(method, form.settings, preset=preset) == METHODS[method].preset(preset)
    assert not any(group.open for group in form.groups())


def test_a_choice_says_what_it_means():
    html = str(TrainingForm("alexnet")["training.sampler"])
    assert '<option value="random" selected>random: in any order</option>' in html
    settings = [one for method in METHODS.values() for one in settings_told(method.settings)]
    known_choices = {(one.path, choice) for one in settings for choice in one.choices}
    assert {(path, choice) for path, told in CHOICES.items() for choice in told} <= known_choices


def test_names_of_fields_speak_of_settings_that_exist():
    paths = {one.path for method in METHODS.values() for one in settings_told(method.settings)}
    assert {*FIRST, *LABELS} <= paths


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("training__epochs", "0", "At least 1."),
        ("training__epochs", "1.5", "1.5 is not a whole number."),
        ("training__learning_rate", "20", "At most 10."),
        ("training__learning_rate", "0", "At least 1e-08."),
        ("training__learning_rate", "fast", "“fast” is not a number."),
        ("training__batch", "", "A number is needed here."),
        ("training__batch", "inf", "“inf” is not a number."),
        ("training__batch", "nan", "“nan” is not a number."),
        ("training__batch", "1e400", "“1e400” is not a number."),
        ("network__name", "vgg", "Select a valid choice. vgg is not one of the available choices."),
    ],
)
def test_a_bad_value_is_answered_at_its_field_and_kept(path, value, words):
    form = filled(**{path: value}, training__seed_not_ours="1", name="Mine")
    name = path.replace("__", ".")
    assert not form.is_valid()
    assert form.errors == {name: [words]}
    assert form[name].value() == value
    assert form["name"].value() == "Mine"


def test_settings_that_do_not_fit_together_are_told_at_the_one_that_complains():
    form = filled(network__name="alexnet", network__input_size="40")
    assert not form.is_valid()
    [(path, [words])] = form.errors.items()
    assert path.startswith("network.")
    assert "at least" in words


def test_what_lies_folded_is_opened_where_it_is_wrong_or_not_the_presets():
    def opened(form):
        return [group.title for group in form.groups() if group.open]

    assert opened(TrainingForm("alexnet")) == []
    wrong = filled(training__augmentation__flip="2")
    assert not wrong.is_valid()
    assert opened(wrong) == ["Augmentation"]
    order = Order(settings_make("alexnet", {"training.momentum": 0.5}), "Again", {"proposals": True})
    cloned = TrainingForm("alexnet", order=order)
    assert opened(cloned) == ["Optimisation"]
    assert "Preset: 0.9." in cloned["training.momentum"].help_text
    assert cloned.sources_shown == {"proposals": True, "weak": False}
    assert cloned["name"].value() == "Again"


def test_a_method_that_joins_needs_nothing_here(monkeypatch):
    made = dataclasses.replace(DetectorSettings(), method="region_net")
    monkeypatch.setitem(
        known.METHODS,
        "region_net",
        known.Method("region_net", "Region net", "Zhao 2016", "Regions.", made, made, "§3."),
    )
    assert filled("region_net").is_valid()


def test_hostile_texts_of_a_setting_are_shown_as_text():
    order = Order(settings_make("alexnet", {"pretrained": '"><script>x</script>'}), "", {})
    assert "<script>" not in str(TrainingForm("alexnet", order=order)["pretrained"])
