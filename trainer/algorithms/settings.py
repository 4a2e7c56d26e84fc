"""Every setting of a training, with its line of explanation, and the methods with their two presets.

Light to import (no torch): the web pages make their forms of it, the commands their `--set`, and a
detector keeps it as JSON. A setting is named by its path, such as `training.learning_rate`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, get_type_hints

NETWORK_NAMES = ("alexnet_small", "alexnet", "drml", "resnet18", "resnet50")
NETWORK_FEATURES = {"resnet18": 512, "resnet50": 2048}  # where the architecture decides
NETWORK_LEAST_SIZE = {"alexnet": 63, "drml": 66}  # a smaller picture leaves nothing to its last pooling
OPTIMISERS = ("adamw", "sgd", "rmsprop")
SCHEDULES = ("cosine", "step", "constant")
SAMPLERS = ("random", "oversampled", "stratified", "momu")
WAYS = ("past", "both")
PRECISIONS = ("auto", "float32", "bfloat16")
QUICK, PAPER = "quick", "paper"
PRESETS = (QUICK, PAPER)
CHOSEN_WHOLE = ("method", "preset")  # what the other settings begin from: not changed one by one
LONGEST_TEXT = 200
PRETRAINING = "pretraining"  # the stage before the networks of a detector
FINAL_STAGE = "detector"
LSTM_PART, FUSION_PART = "lstm", "fusion"
PRETRAINED_FOLDER, PRETRAINED_FILE = "pretrained", "model.safetensors"  # below the data folder; in a model's folder


def setting(
    default: Any,
    about: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that knows its bounds (both allowed) and its line of explanation."""
    return field(default=default, metadata={"about": about, "least": least, "most": most, "choices": choices})


class Checked:
    """Refuses, with ValueError, values outside the bounds of their `setting`."""

    def __post_init__(self) -> None:
        for one in fields(self):  # type: ignore[arg-type]
            value, told = getattr(self, one.name), one.metadata
            if not told:
                continue
            if told["choices"] and value not in told["choices"]:
                raise ValueError(f"{one.name} {value!r}, known: {', '.join(told['choices'])}")
            if told["least"] is not None and not value >= told["least"]:
                raise ValueError(f"{one.name} {value}, at least {told['least']:g}")
            if told["most"] is not None and not value <= told["most"]:
                raise ValueError(f"{one.name} {value}, at most {told['most']:g}")


@dataclass(frozen=True)
class NetworkConfig(Checked):
    """All that is needed to build a network again, weights apart."""

    outputs: int  # AUs: columns of the head; set by the data
    name: str = setting("alexnet_small", "Architecture of the network.", choices=NETWORK_NAMES)
    input_size: int = setting(
        64, "Side of the square picture in pixels; 224 in the papers, smaller for small faces.", least=32, most=224
    )
    features: int = setting(256, "Numbers that describe a face (fc7); a ResNet has its own.", least=1, most=8192)
    width: int = setting(32, "Channels of the first convolution of alexnet_small and drml.", least=1, most=512)
    dropout: float = setting(0.1, "Share of features silenced in training.", least=0, most=0.95)

    def __post_init__(self) -> None:
        if self.outputs < 1:
            raise ValueError(f"outputs {self.outputs}, at least 1")
        super().__post_init__()
        least = NETWORK_LEAST_SIZE.get(self.name, 0)
        if self.input_size < least:
            raise ValueError(f"input_size {self.input_size}, {self.name} needs at least {least}")
        # whatever was given: another architecture is then one changed setting, not two
        object.__setattr__(self, "features", NETWORK_FEATURES.get(self.name, self.features))


@dataclass(frozen=True)
class AugmentationConfig(Checked):
    """How far a face may be changed; each number is the end of an even range around no change."""

    flip: float = setting(0.5, "Chance of a mirrored face; the AUs have no side here.", least=0, most=1)
    rotation: float = setting(5.0, "Largest turn in degrees.", least=0, most=90)
    scale: float = setting(0.05, "Largest change of size, as a share.", least=0, most=0.9)
    shift: float = setting(0.025, "Largest shift, as a share of the side.", least=0, most=0.5)
    brightness: float = setting(0.1, "Largest change of brightness and contrast, as a share.", least=0, most=0.9)
    colour: float = setting(0.15, "The same for each colour channel by itself.", least=0, most=0.9)


@dataclass(frozen=True)
class TrainingConfig(Checked):
    """How a network is trained; a network's own shape is in NetworkConfig."""

    epochs: int = setting(40, "Passes over the faces.", least=1, most=10_000)
    # batch normalisation has no spread in a batch of one
    batch: int = setting(32, "Faces in a step.", least=2, most=8192)
    optimiser: str = setting("adamw", "What turns gradients into steps.", choices=OPTIMISERS)
    learning_rate: float = setting(2e-3, "Size of a step at its peak.", least=1e-8, most=10)
    schedule: str = setting("cosine", "How the learning rate falls.", choices=SCHEDULES)
    step_epochs: int = setting(10, "Epochs between two falls of the step schedule.", least=1, most=10_000)
    step_factor: float = setting(0.1, "The learning rate after such a fall, as a share.", least=0, most=1)
    warmup: float = setting(0.05, "Share of the steps in which the learning rate rises.", least=0, most=0.99)
    momentum: float = setting(0.9, "Momentum of sgd and rmsprop.", least=0, most=0.9999)
    weight_decay: float = setting(0.05, "Pull of kernels and matrices towards zero.", least=0, most=10)
    clip: float = setting(1.0, "Largest norm of a step's gradient; 0 leaves it.", least=0, most=1e6)
    positive_limit: float = setting(
        0.0, "Present codes count up to this many times an absent one; 0: equally.", least=0, most=1000
    )
    sampler: str = setting("random", "Which faces come together in a step.", choices=SAMPLERS)
    sampler_size: int = setting(4, "Faces of the rarest AU that MOMU draws at a time (S).", least=1, most=1000)
    patience: int = setting(
        0,
        "Epochs without a better validation loss before stopping; 0, or no validation faces: trains to the end.",
        least=0,
        most=10_000,
    )
    precision: str = setting("auto", "Arithmetic in training.", choices=PRECISIONS)
    seed: int = 0  # order of the faces, augmentation, dropout; set by the training
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)


@dataclass(frozen=True)
class AdversarialConfig(Checked):
    """The discriminator of Wang et al. and its weight."""

    alpha: float = setting(
        0.01,
        "Weight of the discriminator (α); 0 is plain training. The paper's best: 0.01 on BP4D, 0.001 on DISFA.",
        least=0,
        most=0.999,
    )
    recogniser_steps: int = setting(1, "Updates of the recogniser in a step (H_R).", least=1, most=100)
    discriminator_steps: int = setting(1, "Updates of the discriminator in a step (H_D).", least=1, most=100)
    predictions: str = setting(
        "drawn",
        "What the discriminator sees of a prediction: codes drawn by it, or its probabilities.",
        choices=("drawn", "probabilities"),
    )
    hidden: int = setting(64, "Width of the discriminator's two hidden layers.", least=1, most=4096)
    learning_rate: float = setting(1e-3, "Size of the discriminator's steps.", least=1e-8, most=10)
    unlabelled: float = setting(
        0.5, "Share of the faces in a step that have no code (m₂ of m), as far as there are any.", least=0, most=0.95
    )

    def labelled(self, batch: int) -> int:
        """m₁ of a batch of m faces, where there are faces without a code."""
        return max(2, round(batch * (1 - self.unlabelled)))


@dataclass(frozen=True)
class ViewConfig(Checked):
    """The two views of a face in contrastive learning; the defaults are those of MoCo v2 but for the crop."""

    crop: float = setting(0.6, "Least share of the picture's area in a view; 0.2 in MoCo v2.", least=0.05, most=1)
    flip: float = setting(0.5, "Chance of a mirrored view.", least=0, most=1)
    jitter: float = setting(0.4, "Largest change of light and saturation, as a share.", least=0, most=1)
    jitter_chance: float = setting(0.8, "Chance of changed colours.", least=0, most=1)
    grey: float = setting(0.2, "Chance of a view without colours.", least=0, most=1)
    blur: float = setting(0.5, "Chance of a blurred view.", least=0, most=1)


@dataclass(frozen=True)
class EmoCoConfig(Checked):
    """The pretraining of Sun et al. 2021 on emotions, before the codes are looked at."""

    epochs: int = setting(20, "Passes over the faces with an emotion.", least=1, most=10_000)
    batch: int = setting(64, "Faces in a step of the pretraining.", least=4, most=8192)
    learning_rate: float = setting(
        0.03, "At a batch of 256; it is scaled with the batch, as in the paper.", least=1e-8, most=10
    )
    emotion: float = setting(1.0, "Weight of emotion classification (λ); 0 is momentum contrast.", least=0, most=1e3)
    contrast: int = setting(1, "Whether faces are contrasted at all; 0 is emotion classification.", least=0, most=1)
    queues: str = setting("emotion", "A queue of keys for each emotion, or one.", choices=("emotion", "one"))
    queue: int = setting(1024, "Keys in a queue (K); 65536 in the paper.", least=1, most=1 << 20)
    centring: str = setting(
        "emotion",
        "Whether faces are compared from their emotion's centre.",
        choices=("emotion", "none"),
    )
    temperature: float = setting(0.2, "τ of the contrast.", least=1e-3, most=10)
    momentum: float = setting(
        0.99,
        "How slowly the key encoder follows (m); 0.999 in the paper.",
        least=0,
        most=0.99999,
    )
    dimensions: int = setting(128, "Numbers of an embedding.", least=2, most=4096)
    hidden: int = setting(256, "Width of the projector's hidden layer; 2048 in the paper.", least=1, most=8192)
    norm_groups: int = setting(
        8, "Groups in which a batch is normalised, so that a key does not tell its query.", least=1, most=1024
    )
    protocol: str = setting(
        "finetune",
        "Whether codes then train all of it or the head alone.",
        choices=("finetune", "linear"),
    )
    views: ViewConfig = field(default_factory=ViewConfig)


@dataclass(frozen=True)
class HybridConfig(Checked):
    """Seeing along time on top of a network that sees single frames (Chu et al. 2019)."""

    layers: int = setting(3, "LSTMs one above the other.", least=1, most=8)
    cells: int = setting(256, "Memory cells of each.", least=1, most=4096)
    dropout: float = setting(0.5, "Share of inputs and cells silenced in training.", least=0, most=0.95)
    directions: str = setting("past", "Whether a frame sees those before it, or those after it too.", choices=WAYS)
    variance: float = setting(0.98, "Share of the features' variance that is kept (PCA).", least=0.01, most=1)
    components: int = setting(1024, "Most numbers of a frame that the LSTMs see.", least=1, most=8192)
    sequence: int = setting(1300, "Frames of a training sequence; at most those of the clip.", least=2, most=100_000)
    sequences: int = setting(10, "Sequences in a step.", least=2, most=1000)
    ignored: int = setting(10, "First frames of a sequence that are not learned from.", least=0, most=10_000)
    active: float = setting(
        1.5, "Least AUs present in a frame, on average over a sequence to learn from.", least=0, most=63
    )
    gap: int = setting(5, "Largest step of the frame number within a sequence; a longer gap begins anew.", least=1)
    margin: float = setting(0.5, "Margin of the loss (λ).", least=0.01, most=1)
    epochs: int = setting(30, "Passes over the frames.", least=1, most=10_000)
    learning_rate: float = setting(1e-3, "Size of the LSTMs' steps at the beginning.", least=1e-8, most=10)
    fall: float = setting(0.97, "The learning rate after an epoch, as a share of that before.", least=0.01, most=1)
    apart: float = setting(
        0.0,
        "Share of the subjects from whom time is learned and single frames are not; 0: both from all.",
        least=0,
        most=0.9,
    )
    fusion: int = setting(64, "Width of the fusion's first connections.", least=1, most=8192)
    fusion_epochs: int = setting(20, "Passes of the fusion over the frames.", least=1, most=10_000)
    fusion_rate: float = setting(1e-3, "Size of the fusion's steps.", least=1e-8, most=10)

    def network(self, features: int, components: int, outputs: int) -> TemporalConfig:
        """The shape of the network that these settings train."""
        return TemporalConfig(
            features=features,
            components=components,
            outputs=outputs,
            layers=self.layers,
            cells=self.cells,
            dropout=self.dropout,
            both_ways=self.directions == "both",
            sequence=self.sequence,
            gap=self.gap,
            fusion=self.fusion,
        )


@dataclass(frozen=True)
class TemporalConfig:
    """All that is needed to build again what sees along time, weights apart."""

    features: int
    """F of the network below."""
    components: int
    outputs: int
    layers: int
    cells: int
    dropout: float
    both_ways: bool
    sequence: int
    """Frames that were learned from at a time."""
    gap: int
    fusion: int


@dataclass(frozen=True)
class DetectorSettings(Checked):
    """One training from snapshot to detector."""

    method: str = "alexnet"
    preset: str = QUICK  # of the method's presets, the one that these settings began from
    folds: int = setting(
        3,
        "Networks trained without a part of the subjects each, for honest scores of the coded faces.",
        least=2,
        most=20,
    )
    validation: float = setting(
        0.1, "Share of the training subjects kept for the live curves and early stopping.", least=0.0, most=0.5
    )
    pretrained: str = setting(
        "",
        "Weights to begin with: a folder under the data folder's `pretrained`, or a hub name; empty: from scratch. "
        "Never those of this data set's own detectors.",
    )
    seed: int = setting(0, "Seed of weights, folds, order and augmentation.", least=0, most=2**31 - 1)
    network: NetworkConfig = field(default_factory=lambda: NetworkConfig(outputs=1))
    training: TrainingConfig = field(default_factory=TrainingConfig)
    adversarial: AdversarialConfig | None = None
    emoco: EmoCoConfig | None = None
    hybrid: HybridConfig | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.preset not in PRESETS:
            raise ValueError(f"There is no preset {self.preset!r}; known: {', '.join(PRESETS)}.")
        if not self.pretrained.isprintable():
            raise ValueError(f"pretrained {self.pretrained!r}, one line of text is needed")
        if len(self.pretrained) > LONGEST_TEXT:
            raise ValueError(f"pretrained is longer than {LONGEST_TEXT} characters")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, nested."""
        return dataclasses.asdict(self)


def stages_of(saved: Mapping[str, Any], folds: int) -> list[tuple[str, int]]:
    """What settings kept by `as_dict` train one after another, each with its epochs, for so many folds."""

    def epochs(part: str, name: str = "epochs") -> int:
        return int((saved.get(part) or {}).get(name) or 0)

    told = [(PRETRAINING, epochs("emoco"))] if saved.get("emoco") else []
    for name in (*(f"fold-{fold}" for fold in range(folds)), FINAL_STAGE):
        told.append((name, epochs("training") or 1))
        if saved.get("hybrid"):
            told += [(lstm_stage(name), epochs("hybrid")), (fusion_stage(name), epochs("hybrid", "fusion_epochs"))]
    return told


def lstm_stage(stage: str) -> str:
    """What a hybrid learns along time, after the network of this stage."""
    return f"{stage}-{LSTM_PART}"


def fusion_stage(stage: str) -> str:
    """How it learns to weigh both."""
    return f"{stage}-{FUSION_PART}"


def stage_parts(stage: str) -> tuple[str, str]:
    """The network that a stage is of, and which part of a hybrid it trains: ("fold-0", "lstm"); "" the network."""
    name, _dash, part = stage.rpartition("-")
    return (name, part) if part in (LSTM_PART, FUSION_PART) else (stage, "")


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
        DetectorSettings(method="emoco", training=TrainingConfig(epochs=30, batch=32), emoco=EmoCoConfig()),
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
            hybrid=HybridConfig(layers=3, cells=64, sequence=80, active=0.5, learning_rate=2e-3),
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
        "Chu et al. 2019, §3 and §4.1: AlexNet with an fc7 of 4096, batches of 196, momentum 0.9, decay 0.0005 and "
        "0.001 at the beginning, lowered when validation stands still (here after a third of the epochs); PCA to "
        "98%, at most 1024; three LSTMs of 256 cells, dropout 0.5, RMSProp of 0.001 with momentum 0.9, weights from "
        "±0.08, 10 sequences of 1300 frames, the first 10 not learned from, sequences with fewer than 1.5 active "
        "AUs left out, margin 0.5, two connections of fusion. What it calls a weight decay of 0.97 is taken for the "
        "fall of the rate. Epochs, widths of the fusion, gaps, augmentation and folds are ours.",
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


def flattened(nested: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """{"training": {"epochs": 5}} as {"training.epochs": 5}; a part that is None is left out."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{before}{name}.")
        elif value is not None:
            flat[before + name] = value
    return flat


@dataclass(frozen=True)
class SettingTold:
    """One setting as a form or a table shows it."""

    path: str
    value: Any
    about: str
    least: float | None
    most: float | None
    choices: tuple[str, ...]


def settings_told(settings: Any, before: str = "") -> Iterator[SettingTold]:
    """Every setting with an explanation, parts after plain ones, in the order of the classes."""
    parts = []
    for one in fields(settings):
        value = getattr(settings, one.name)
        if is_dataclass(value):
            parts.append((one.name, value))
        elif one.metadata:
            told = one.metadata
            yield SettingTold(before + one.name, value, told["about"], told["least"], told["most"], told["choices"])
    for name, part in parts:
        yield from settings_told(part, f"{before}{name}.")


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
