"""What the report pages show of a detector besides its figures: what it was trained on, its settings, and how
far it is on its way into the next round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotator.errors import NotFound
from annotator.models import DataSet, Detector, FeatureSet, Job, LabelLayer
from annotator.selectors.codes import blind_refuse
from trainer.algorithms.methods import METHODS, preset_of
from trainer.algorithms.settings import CHOSEN_WHOLE, flattened, settings_told
from trainer.selectors.predictions import prediction_layer
from trainer.selectors.snapshots import REASONS

DEFAULT_METHOD = "default"
"""The method of detectors that are made along with a feature set."""
EVALUATION_NAMES: dict[str, Promise] = {"cross_validation": _("Cross-validation"), "test": _("Test faces")}
EVALUATIONS_TOLD: dict[str, Promise] = {
    "cross_validation": _("Each coded face was scored out of fold: by a network that never saw its subject."),
    "test": _("Scored once, by the finished detector; nothing was trained or tuned on these faces."),
}
RULE_NAMES: dict[str, Promise] = {
    "fixed": _("Threshold 0.5"),
    "validation": _("Chosen thresholds"),
    "base_rate": _("At the base rate"),
}
RULES_TOLD: dict[str, Promise] = {
    "fixed": _("An AU is called present above a score of one half."),
    "validation": _(
        "An AU is called present above its own threshold, chosen for F1 on scores out of fold, never on the faces "
        "that it judges here."
    ),
    "base_rate": _(
        "As many faces are called present as are present: it compares rankings, and knows the answer's base rate."
    ),
}


def detectors_shown(user: User, dataset: DataSet) -> QuerySet[Detector]:
    """The data set's detectors, newest first, with their snapshots; none of them in a blind assignment."""
    blind_refuse(user, dataset)
    return Detector.objects.filter(dataset=dataset).select_related(
        "snapshot__protocol", "snapshot__codes", "job", "promoted_by"
    )


def detector_for(user: User, dataset: DataSet, detector_id: int) -> Detector:
    """Raises NotAllowed in a blind assignment, NotFound for another data set's detector."""
    # An address may name a number that no database's integer holds.
    detector = detectors_shown(user, dataset).filter(pk=min(detector_id, 2**63 - 1)).first()
    if detector is None:
        raise NotFound(_("There is no such detector in this data set."))
    detector.dataset = dataset
    return detector


def method_title(method: str) -> str:
    if method in METHODS:
        return METHODS[method].title
    return str(_("Small detector of the features")) if method == DEFAULT_METHOD else method


def time_taken(seconds: float | None) -> str:
    """“8 s”, “12 min”, “2 h 5 min”; empty where it is not known."""
    if seconds is None:
        return ""
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


@dataclass(frozen=True)
class SettingRow:
    """One setting of a detector; `preset` is the method's own value where it was changed."""

    path: str
    value: Any
    about: str
    preset: Any = None


def setting_rows(detector: Detector) -> list[SettingRow]:
    """Every setting that the detector was trained with, as it was kept."""
    about = _settings_explained()
    presets = preset_of(detector.configuration)
    rows = []
    for path, value in flattened(detector.configuration).items():
        if path in CHOSEN_WHOLE:
            continue
        preset = presets.get(path)
        # The number of AUs comes from the data, the seed of a network from the training's own.
        changed = path in about and preset is not None and preset != value
        rows.append(SettingRow(path, value, about.get(path, ""), preset if changed else None))
    return rows


def _settings_explained() -> dict[str, str]:
    return {told.path: told.about for method in METHODS.values() for told in settings_told(method.settings)}


@dataclass(frozen=True)
class Snapshot:
    """What the detector was trained on, in words and numbers; None is not known."""

    revision: int
    protocol: int
    sources: Mapping[str, int]
    """Codes by kind of layer."""
    faces: int | None
    subjects: int | None
    left_out: list[tuple[str, int]]
    """(reason, faces)."""
    aus: list[Mapping[str, Any]]
    """{"au", "present", "absent", …} of each AU; empty for detectors made along with a feature set."""


def snapshot_told(detector: Detector) -> Snapshot:
    snapshot = detector.snapshot
    summary = snapshot.summary
    return Snapshot(
        revision=snapshot.revision,
        protocol=snapshot.protocol.version,
        sources=snapshot.sources,
        faces=summary.get("faces", detector.report.get("train_faces")),
        subjects=summary.get("subjects"),
        left_out=[(str(REASONS.get(reason, reason)), faces) for reason, faces in summary.get("left_out", {}).items()],
        aus=summary.get("aus", []),
    )


@dataclass(frozen=True)
class NextRound:
    """How far the detector is on its way into the next round."""

    job: Job | None
    """The newest job that predicts with it."""
    layer: LabelLayer | None
    feature_set: FeatureSet | None
    promoted_before: Detector | None
    """The detector that is promoted now, where that is another one."""
    faces_since: int
    """Faces without a prediction: those that came after it."""

    @property
    def ready(self) -> bool:
        return self.layer is not None and self.feature_set is not None and not self.working

    @property
    def working(self) -> bool:
        return self.job is not None and self.job.active

    @property
    def unfinished(self) -> bool:
        """Whether its last prediction failed or was cancelled: the card then offers to resume."""
        return self.job is not None and self.job.state in ("failed", "cancelled")


def next_round(detector: Detector) -> NextRound:
    dataset = detector.dataset
    layer = prediction_layer(detector)
    others = Detector.objects.filter(dataset=dataset, promoted_at__isnull=False).exclude(pk=detector.pk)
    jobs = Job.objects.filter(dataset=dataset, kind="prediction", target=f"prediction:{detector.pk}")
    return NextRound(
        job=jobs.defer("log", "curves", "checkpoint").first(),
        layer=layer,
        feature_set=detector.feature_sets.first(),
        promoted_before=others.only("pk", "name", "promoted_at").first(),
        faces_since=max(0, dataset.faces.count() - layer.labels.count()) if layer else 0,
    )
