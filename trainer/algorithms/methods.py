"""The methods with their two presets, and settings by name: what forms, commands and saved detectors begin from.

Light to import, as settings.py is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, get_type_hints

from trainer.algorithms.settings import (
    CHOSEN_WHOLE,
    PAPER,
    PRESETS,
    QUICK,
    AdversarialConfig,
    DetectorSettings,
    EmoCoConfig,
    HybridConfig,
    NetworkConfig,
    TrainingConfig,
    ViewConfig,
    flattened,
)


@dataclass(frozen=True)
class Method:
    """A way to train a detector, with the settings it begins from."""

    name: str
    title: str
    paper: str
    about: str
    settings: DetectorSettings
    """The quick preset: scaled down to what two cores train in minutes."""
    published: DetectorSettings
    """The paper preset: what the paper states; where it is silent, as in the quick one."""
    published_about: str
    """What of the paper preset is stated where, and what is not."""

    def preset(self, name: str) -> DetectorSettings:
        """Raises ValueError for an unknown name."""
        if name not in PRESETS:
            raise ValueError(f"There is no preset {name!r}; known: {', '.join(PRESETS)}.")
        return self.published if name == PAPER else self.settings


RESNET_QUICK = TrainingConfig(epochs=20, batch=32, learning_rate=5e-4)
# Wang et al., §3.2 and §4.1. They name Adam and no decay: without any, AdamW is Adam.
RESNET_PAPER = DetectorSettings(
    method="resnet",
    preset=PAPER,
    folds=3,
    network=NetworkConfig(outputs=1, name="resnet50", input_size=224, dropout=0.0),
    training=replace(RESNET_QUICK, optimiser="adamw", weight_decay=0.0),
)
METHODS: dict[str, Method] = {
    "alexnet": Method(
        "alexnet",
        "AlexNet-BN",
        "Zhao et al. 2018, §4.1",
        "A plain convolutional network with a 256-number description of each face. Quick; begin with it.",
        DetectorSettings(
            method="alexnet", training=TrainingConfig(epochs=30, batch=32, sampler="random", patience=0)
        ),
        # The rate of Krizhevsky et al. fell by ten three times in about 90 epochs, whenever validation stood still.
        DetectorSettings(
            method="alexnet",
            preset=PAPER,
            network=NetworkConfig(outputs=1, name="alexnet", input_size=224, features=256, dropout=0.5),
            training=TrainingConfig(
                epochs=90,
                batch=128,
                optimiser="sgd",
                learning_rate=0.01,
                schedule="step",
                step_epochs=23,
                step_factor=0.1,
                warmup=0.0,
                momentum=0.9,
                weight_decay=5e-4,
                sampler="oversampled",
            ),
        ),
        "Zhao et al. 2018, §4.1: AlexNet with batch normalisation, a 256-D fc7 and 1:1 oversampling; the rest as in "
        "“the original work”, Krizhevsky et al. 2012, §4–5. Augmentation, clipping and folds are ours.",
    ),
    "drml": Method(
        "drml",
        "DRML",
        "Zhao, Chu, Zhang 2016 (CVPR); its layers from the authors' published network",
        "Learns each part of the face with weights of its own. Several times as slow as AlexNet's plan.",
        DetectorSettings(
            method="drml",
            network=NetworkConfig(outputs=1, name="drml", input_size=74, features=256, width=16),
            training=TrainingConfig(epochs=30, batch=32),
        ),
        DetectorSettings(
            method="drml",
            preset=PAPER,
            network=NetworkConfig(outputs=1, name="drml", input_size=170, features=2048, width=32, dropout=0.5),
            training=TrainingConfig(
                epochs=30,
                batch=64,
                optimiser="sgd",
                learning_rate=1e-3,
                schedule="step",
                step_epochs=10,
                step_factor=0.3,
                warmup=0.0,
                momentum=0.9,
                weight_decay=5e-3,
            ),
        ),
        "Stated by the authors' network: 170 pixels, the layers, 4096 and 2048 connections, one loss over all AUs in "
        "which unknown codes give no gradient. Optimiser, rates, epochs, dropout and augmentation are ours.",
    ),
    "resnet": Method(
        "resnet",
        "ResNet",
        "Wang et al., §3.2 (the recogniser without its discriminator)",
        "A deeper network, best begun from pretrained weights; slow without a GPU.",
        DetectorSettings(
            method="resnet",
            network=NetworkConfig(outputs=1, name="resnet18", input_size=112, features=512, dropout=0.0),
            training=RESNET_QUICK,
        ),
        RESNET_PAPER,
        "Wang et al., §3.2 and §4.1: ResNet-50 at 224 pixels, Adam, three folds by subject. Learning rate, batch, "
        "epochs and augmentation are not stated and ours.",
    ),
    "adversarial": Method(
        "adversarial",
        "Adversarial semi-supervised",
        "Wang et al., Algorithm 1",
        "Learns from coded and uncoded faces: a discriminator keeps the predicted AUs in natural combinations.",
        DetectorSettings(
            method="adversarial",
            training=TrainingConfig(epochs=30, batch=64),
            adversarial=AdversarialConfig(alpha=0.1),
        ),
        replace(
            RESNET_PAPER,
            method="adversarial",
            training=replace(RESNET_PAPER.training, epochs=30, batch=64),
            adversarial=AdversarialConfig(alpha=0.01, predictions="probabilities"),
        ),
        "Wang et al., §3.2, §4.1 and §4.3.2: ResNet-50 at 224 pixels, Adam, three folds, a three-layer discriminator "
        "that sees probabilities, α 0.01 as on BP4D (0.001 on DISFA). Learning rates, batch, epochs, H_R, H_D and "
        "augmentation are not stated and ours.",
    ),
    "emoco": Method(
        "emoco",
        "EmoCo",
        "Sun, Zeng, Shan 2021",
        "Learns from faces and their emotions first, then from codes: for few coded faces among many others.",
        DetectorSettings(
            method="emoco",
            training=TrainingConfig(epochs=30, batch=32),
            emoco=EmoCoConfig(emotion=10.0, learning_rate=0.1),
        ),
        DetectorSettings(
            method="emoco",
            preset=PAPER,
            network=RESNET_PAPER.network,
            training=RESNET_PAPER.training,
            emoco=EmoCoConfig(
                epochs=200,
                batch=256,
                queue=65536,
                momentum=0.999,
                hidden=2048,
                norm_groups=16,
                views=ViewConfig(crop=0.2),
            ),
        ),
        "Sun et al. 2021, IV.B: ResNet-50, SGD 0.03 at 256 with cosine, momentum 0.9 and decay 0.0001, 200 epochs, a "
        "projector of 2048 and 128, queues of 65536, τ 0.2, λ 1, m 0.999, the views of MoCo v2. How the codes are "
        "then learned, 224 pixels and normalising in groups on one device are ours.",
    ),
    "hybrid": Method(
        "hybrid",
        "Hybrid of CNN and LSTM",
        "Chu, De la Torre, Cohn 2019",
        "For clips: looks at single frames, then along time, and weighs both for each frame.",
        DetectorSettings(
            method="hybrid",
            training=TrainingConfig(epochs=15, batch=32),
            hybrid=HybridConfig(
                layers=1,
                cells=128,
                dropout=0.3,
                sequence=30,
                active=0.5,
                epochs=40,
                learning_rate=3e-4,
                decay=1e-3,
                fall=1.0,
                fusion_epochs=30,
                fusion_rate=5e-3,
            ),
        ),
        DetectorSettings(
            method="hybrid",
            preset=PAPER,
            network=NetworkConfig(outputs=1, name="alexnet", input_size=224, features=4096, dropout=0.5),
            training=TrainingConfig(
                epochs=30,
                batch=196,
                optimiser="sgd",
                learning_rate=1e-3,
                schedule="step",
                step_epochs=10,
                step_factor=0.1,
                warmup=0.0,
                momentum=0.9,
                weight_decay=5e-4,
            ),
            hybrid=HybridConfig(),
        ),
        "Chu et al. 2019, §3 and §4.2: AlexNet with an fc7 of 4096, batches of 196, momentum 0.9, decay 0.0005 and "
        "0.001 at the beginning, lowered when validation stands still (here after a third of the epochs); PCA to "
        "98%, at most 1024; three LSTMs of 256 cells, dropout 0.5, RMSProp of 0.001 with momentum 0.9, weights from "
        "±0.08, 10 sequences of 1300 frames, the first 10 not learned from, sequences with fewer than 1.5 active "
        "AUs left out, margin 0.5, two connections of fusion. What it calls a weight decay of 0.97 is taken for the "
        "fall of the rate. Pictures of 224 pixels (its crops have 176), epochs, widths of the fusion, gaps, "
        "augmentation and folds are ours.",
    ),
}


def settings_make(method: str, given: Mapping[str, Any] | None = None, *, preset: str = QUICK) -> DetectorSettings:
    """The method's preset with some settings changed, each named by its path: {"training.epochs": 5}.

    Values may be text, as commands and forms have them. Raises ValueError, naming the setting, for an
    unknown method, preset, path or value.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"There is no method {method!r}; known: {', '.join(METHODS)}.")
    settings = METHODS[method].preset(preset)
    for path, value in (given or {}).items():
        settings = _changed(settings, path.split("."), value, path)
    return settings


def settings_load(saved: Mapping[str, Any]) -> DetectorSettings:
    """What `as_dict` gave, as settings again; those of before there were two presets too. Raises ValueError
    where it doesn't fit."""
    plain = {path: value for path, value in flattened(saved).items() if path not in CHOSEN_WHOLE}
    return settings_make(str(saved.get("method")), plain, preset=str(saved.get("preset", QUICK)))


def preset_of(saved: Mapping[str, Any]) -> dict[str, Any]:
    """By path, the preset that settings kept by `as_dict` began from; empty for an unknown method."""
    method, name = METHODS.get(str(saved.get("method"))), str(saved.get("preset", QUICK))
    return flattened(method.preset(name).as_dict()) if method and name in PRESETS else {}


def _changed(part: Any, names: list[str], value: Any, path: str) -> Any:
    name, rest = names[0], names[1:]
    known = {one.name for one in fields(part)} if is_dataclass(part) else set()
    if name not in known or name in CHOSEN_WHOLE or (rest and getattr(part, name) is None):
        raise ValueError(f"There is no setting {path!r} in this method.")
    if rest:
        return replace(part, **{name: _changed(getattr(part, name), rest, value, path)})
    kind = get_type_hints(type(part))[name]
    if kind not in (int, float, str):
        raise ValueError(f"{path!r} is a group of settings: name one of them.")
    try:
        return replace(part, **{name: _of_kind(kind, value)})
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path}: {error}") from error


def _of_kind(kind: type, value: Any) -> Any:
    if kind is str and not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    if isinstance(value, bool):
        raise ValueError(f"{value} is no number")
    if kind is int and float(value) != int(float(value)):
        raise ValueError(f"{value} is not a whole number")
    return kind(float(value)) if kind is int else kind(value)
