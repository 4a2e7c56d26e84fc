"""Every setting of a training, with its line of explanation; the methods that they make are in methods.py.

Light to import (no torch): the web pages make their forms of it, the commands their `--set`, and a
detector keeps it as JSON. A setting is named by its path, such as `training.learning_rate`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

NETWORK_NAMES = ("alexnet_small", "alexnet", "drml", "resnet18", "resnet50")
NETWORK_FEATURES = {"resnet18": 512, "resnet50": 2048}  # where the architecture decides
NETWORK_LEAST_SIZE = {"alexnet": 63, "drml": 66}  # a smaller picture leaves nothing to its last pooling
OPTIMISERS = ("adamw", "sgd", "rmsprop")
SCHEDULES = ("cosine", "step", "constant")
SAMPLERS = ("random", "oversampled", "stratified", "momu")
WAYS = ("past", "both")
BODIES = ("learned", "kept")
PRECISIONS = ("auto", "float32", "bfloat16")
QUICK, PAPER = "quick", "paper"
COLUMN, INFERRED = "column", "aus"  # where emotions are from: an imported column, or weak codes of AUs
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
    gap: int = setting(
        5, "Largest step within a sequence, in the clip's own steps from frame to frame; longer begins anew.", least=1
    )
    margin: float = setting(0.5, "Margin of the loss (λ).", least=0.01, most=1)
    epochs: int = setting(30, "Passes over the frames.", least=1, most=10_000)
    learning_rate: float = setting(1e-3, "Size of the LSTMs' steps at the beginning.", least=1e-8, most=10)
    decay: float = setting(0.0, "Pull of the LSTMs' weights towards zero.", least=0, most=10)
    fall: float = setting(0.97, "The learning rate after an epoch, as a share of that before.", least=0.01, most=1)
    body: str = setting(
        "learned",
        "Whether the network of single frames learns as a whole, or its head alone over the weights it begins with.",
        choices=BODIES,
    )
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
        if self.hybrid is not None and self.hybrid.body == "kept" and not self.pretrained:
            raise ValueError("hybrid.body=kept needs weights to keep: name them in `pretrained`")

    @property
    def head_alone(self) -> bool:
        """Whether the body stays as it begins."""
        linear = self.emoco is not None and self.emoco.protocol == "linear"
        return linear or (self.hybrid is not None and self.hybrid.body == "kept")

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
