"""The form that orders a training. Its fields are made of the method's settings, so that a new method or
setting needs nothing here: name, bounds, choices and explanation come from `settings_told`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from trainer.algorithms.methods import METHODS, settings_make
from trainer.algorithms.settings import QUICK, SettingTold, settings_told
from trainer.selectors.trainings import SOURCES, Order
from trainer.services.training import LONGEST_NAME

FIRST = (
    "network.name",
    "network.input_size",
    "training.epochs",
    "training.batch",
    "training.learning_rate",
    "training.sampler",
    "adversarial.alpha",
    "adversarial.unlabelled",
    "emoco.epochs",
    "emoco.protocol",
    "pretrained",
    "folds",
)
"""The settings that matter most, in the order shown; the others lie folded under their parts."""
PARTS: dict[str, Promise] = {
    "": gettext_lazy("Validation and seed"),
    "network": gettext_lazy("Network"),
    "training": gettext_lazy("Optimisation"),
    "training.augmentation": gettext_lazy("Augmentation"),
    "adversarial": gettext_lazy("Discriminator"),
    "emoco": gettext_lazy("Pretraining on emotions"),
    "emoco.views": gettext_lazy("Views of the pretraining"),
}
LABELS: dict[str, Promise] = {
    "folds": gettext_lazy("Folds"),
    "validation": gettext_lazy("Share for validation"),
    "pretrained": gettext_lazy("Pretrained weights"),
    "network.name": gettext_lazy("Network"),
    "network.input_size": gettext_lazy("Picture size"),
    "training.batch": gettext_lazy("Batch size"),
    "training.step_epochs": gettext_lazy("Epochs between falls"),
    "training.step_factor": gettext_lazy("Factor of a fall"),
    "training.clip": gettext_lazy("Gradient clipping"),
    "training.positive_limit": gettext_lazy("Weight of present codes"),
    "training.sampler_size": gettext_lazy("MOMU's S"),
    "adversarial.alpha": gettext_lazy("Weight of the discriminator (α)"),
    "adversarial.recogniser_steps": gettext_lazy("Steps of the recogniser"),
    "adversarial.discriminator_steps": gettext_lazy("Steps of the discriminator"),
    "adversarial.hidden": gettext_lazy("Hidden units"),
    "adversarial.unlabelled": gettext_lazy("Share of faces without codes"),
    "emoco.epochs": gettext_lazy("Epochs of the pretraining"),
    "emoco.batch": gettext_lazy("Batch of the pretraining"),
    "emoco.learning_rate": gettext_lazy("Learning rate of the pretraining"),
    "emoco.emotion": gettext_lazy("Weight of the emotions (λ)"),
    "emoco.contrast": gettext_lazy("Contrast of faces"),
    "emoco.queue": gettext_lazy("Keys in a queue (K)"),
    "emoco.hidden": gettext_lazy("Hidden units of the projector"),
    "emoco.norm_groups": gettext_lazy("Groups for normalisation"),
    "emoco.protocol": gettext_lazy("What codes train"),
}
"""Where the setting's own name says too little."""
CHOICES: dict[str, dict[str, Promise]] = {
    "network.name": {
        "alexnet_small": gettext_lazy("quick"),
        "alexnet": gettext_lazy("as published"),
        "resnet50": gettext_lazy("deeper, slow"),
    },
    "training.sampler": {
        "random": gettext_lazy("in any order"),
        "oversampled": gettext_lazy("AU by AU"),
        "stratified": gettext_lazy("rare AUs spread"),
        "momu": gettext_lazy("more of rare AUs"),
    },
    "training.schedule": {
        "cosine": gettext_lazy("smoothly"),
        "step": gettext_lazy("now and then"),
        "constant": gettext_lazy("not at all"),
    },
    "emoco.protocol": {
        "finetune": gettext_lazy("the whole network"),
        "linear": gettext_lazy("the head alone"),
    },
    "training.precision": {
        "auto": gettext_lazy("by the machine"),
        "float32": gettext_lazy("exact"),
        "bfloat16": gettext_lazy("coarser"),
    },
}
"""What a choice means, where its name says too little."""


@dataclass(frozen=True)
class Group:
    """Settings that lie folded together; opened where one is wrong or isn't the preset's."""

    title: str
    fields: list[BoundField]
    open: bool


class TrainingForm(forms.Form):
    """Name, sources, and every setting of one method; a setting's field is named by its path.

    Without data it shows the order given, or else the method's preset of this name.
    """

    def __init__(
        self,
        method: str,
        data: Any = None,
        *,
        preset: str = QUICK,
        order: Order | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        self.method = METHODS[method]
        self.preset = order.settings.preset if order else preset
        begun = self.method.preset(self.preset)
        shown = {told.path: told for told in settings_told(order.settings if order else begun)}
        self.told = shown
        self.paths = list(shown)
        self.presets = {told.path: told.value for told in settings_told(begun)}
        self.fields["name"] = forms.CharField(
            label=gettext_lazy("Name"),
            required=False,
            max_length=LONGEST_NAME,
            initial=order.name if order else "",
            help_text=gettext_lazy("Left empty: the method's name and a number."),
        )
        for source, label, about in _sources():
            chosen = bool(order.sources.get(source)) if order else False
            self.fields[source] = forms.BooleanField(
                label=label, help_text=about, required=False, initial=(initial or {}).get(source, chosen)
            )
        for told in shown.values():
            self.fields[told.path] = _field(told, self.presets.get(told.path))

    def clean(self) -> dict[str, Any]:
        """Every setting by itself in its own words, then all together."""
        for path in self.paths:
            if path in self.cleaned_data and (error := self._error(path)):
                self.add_error(path, error)
        if not self.errors:
            try:
                settings_make(self.method.name, self.settings, preset=self.preset)
            except ValueError as error:
                path, words = _told(error)
                self.add_error(path if path in self.fields else None, words)
        return self.cleaned_data

    def _error(self, path: str) -> str:
        text = self.cleaned_data[path]
        if isinstance(self.presets.get(path), int | float) and not _is_number(text):
            return _("“%s” is not a number.") % text[:40] if text else _("A number is needed here.")
        if outside := _outside(self.told[path], text):
            return outside
        try:
            settings_make(self.method.name, {path: text}, preset=self.preset)
        except ValueError as error:
            _path, words = _told(error)
            return words
        return ""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by path, as they were typed."""
        return {path: self.cleaned_data[path] for path in self.paths}

    @property
    def sources(self) -> dict[str, bool]:
        return {source: bool(self.cleaned_data.get(source)) for source in SOURCES}

    @property
    def sources_shown(self) -> dict[str, bool]:
        """The sources as the form shows them now, checked or not yet."""
        return {source: bool(self[source].value()) for source in SOURCES}

    def source_fields(self) -> list[BoundField]:
        return [self[source] for source in SOURCES]

    def first(self) -> list[BoundField]:
        return [self[path] for path in FIRST if path in self.paths]

    def groups(self) -> Iterator[Group]:
        """The other settings under the parts that they belong to."""
        parts: dict[str, list[str]] = {}
        for path in self.paths:
            if path not in FIRST:
                parts.setdefault(path.rpartition(".")[0], []).append(path)
        for part, paths in parts.items():
            title = str(PARTS.get(part) or part.rpartition(".")[2].replace("_", " ").capitalize())
            yield Group(title, [self[path] for path in paths], any(self._stands_out(path) for path in paths))

    def _stands_out(self, path: str) -> bool:
        return bool(self[path].errors) or str(self[path].value()) != _shown(self.presets.get(path))


def _sources() -> list[tuple[str, str, str]]:
    """(name, label, explanation) of what may be learned from beside trusted codes."""
    return [
        (
            "proposals",
            _("Adopted proposals"),
            _("What clustering proposes and nobody has reviewed yet; the noise group stays out."),
        ),
        (
            "weak",
            _("Weak labels"),
            _("Labels that the data set came with, where nothing better tells the code."),
        ),
    ]


def _field(told: SettingTold, preset: Any) -> forms.Field:
    shared: dict[str, Any] = {
        "label": LABELS.get(told.path) or _(told.path.rpartition(".")[2].replace("_", " ").capitalize()),
        "help_text": _help(told, preset),
        "initial": _shown(told.value),
    }
    if told.choices:
        return forms.ChoiceField(choices=[(one, _choice(told.path, one)) for one in told.choices], **shared)
    if not isinstance(told.value, int | float):
        return forms.CharField(required=False, max_length=200, **shared)
    bounds = {"min": told.least, "max": told.most, "step": 1 if isinstance(told.value, int) else "any"}
    attributes = {name: _shown(value) for name, value in bounds.items() if value is not None}
    # What is typed comes back as it was, so the text is kept and judged by the settings themselves.
    return forms.CharField(required=False, max_length=40, widget=forms.NumberInput(attributes), **shared)


def _choice(path: str, choice: str) -> str:
    about = CHOICES.get(path, {}).get(choice)
    return f"{choice}: {about}" if about else choice


def _outside(told: SettingTold, text: str) -> str:
    """What to say of a number outside the setting's bounds; empty within."""
    if told.least is not None and float(text) < told.least:
        return _("At least %s.") % _shown(told.least)
    if told.most is not None and float(text) > told.most:
        return _("At most %s.") % _shown(told.most)
    return ""


def _help(told: SettingTold, preset: Any) -> str:
    # Names stand between backticks.
    parts = enumerate(_(told.about).split("`"))
    about = format_html_join(
        "", "{}", ((format_html("<code>{}</code>", text) if n % 2 else text,) for n, text in parts)
    )
    if preset is None or preset == told.value:
        return about
    return format_html('{} <span class="preset">{}</span>', about, _("Preset: %s.") % _shown(preset))


def _shown(value: Any) -> str:
    """A number as a form shows it: 0.002, 5, 1e-08."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _told(error: ValueError) -> tuple[str, str]:
    """The path that a setting's complaint begins with, and the rest of it without the setting's name."""
    path, _colon, words = str(error).partition(": ")
    name = path.rpartition(".")[2]
    words = (words or str(error)).removeprefix(f"{name} ")
    return path, words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")
