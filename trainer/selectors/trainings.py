"""What the training pages show: the detectors, the trainings under way or broken off, and one of them live."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotator.choices import ACTIVE_STATES, JobState
from annotator.errors import InputRefused, NotFound
from annotator.models import DataSet, Detector, Job, LabelSnapshot
from annotator.selectors.codes import blind_refuse
from trainer.algorithms.methods import preset_of, settings_load
from trainer.algorithms.settings import (
    FINAL_STAGE,
    FUSION_PART,
    LSTM_PART,
    PRETRAINING,
    DetectorSettings,
    flattened,
    stage_parts,
    stages_of,
)
from trainer.selectors.curves import Network, networks_of
from trainer.selectors.detector_charts import Mark, mark_of, stage_title
from trainer.selectors.detector_reports import USUAL_RULE, Figure, head_of
from trainer.selectors.detectors import method_title

STOPPED_SHOWN = 5
HEAVY = ("log", "curves", "checkpoint")
LOG_LINES = 200
SOURCES = ("proposals", "weak")


@dataclass(frozen=True)
class MeanF1:
    """A detector's mean F1 in one evaluation, with a mark 100 wide."""

    figure: Figure
    mark: Mark | None


@dataclass(frozen=True)
class DetectorRow:
    """One detector as the table shows it."""

    detector: Detector
    method: str
    faces: int | None
    means: Sequence[MeanF1 | None]
    """Cross-validated, and of test faces."""


def detector_rows(detectors: Iterable[Detector]) -> list[DetectorRow]:
    rows = []
    for detector in detectors:
        faces = detector.snapshot.summary.get("faces", detector.report.get("train_faces"))
        means = [_mean_f1(head.cells) for head in head_of(detector.report)]
        rows.append(DetectorRow(detector, method_title(detector.method), faces, means))
    return rows


def _mean_f1(cells: Sequence[Any]) -> MeanF1 | None:
    """By the rule that predictions are made by; at one half where a report lacks it."""
    by_rule = {cell.rule: cell.mean.f1 for cell in cells if cell.mean}
    figure = by_rule.get(USUAL_RULE) or by_rule.get("fixed")
    return MeanF1(figure, mark_of(figure)) if figure else None


def jobs_at_work(dataset: DataSet) -> list[Job]:
    """Trainings and predictions that wait or run, newest first."""
    jobs = Job.objects.filter(dataset=dataset, kind__in=("training", "prediction"), state__in=ACTIVE_STATES)
    return list(jobs.defer(*HEAVY))


@dataclass(frozen=True)
class StoppedTraining:
    """A training that failed or was cancelled."""

    job: Job
    name: str
    method: str


def trainings_stopped(dataset: DataSet) -> list[StoppedTraining]:
    """The newest trainings that ended without a detector."""
    states = (JobState.FAILED, JobState.CANCELLED)
    jobs = Job.objects.filter(dataset=dataset, kind="training", state__in=states).select_related("created_by")
    return [
        StoppedTraining(job, training_name(job), training_method(job)) for job in jobs.defer(*HEAVY)[:STOPPED_SHOWN]
    ]


def training_for(user: User, dataset: DataSet, job_id: int) -> Job:
    """Raises NotAllowed in a blind assignment, NotFound for another data set's training."""
    blind_refuse(user, dataset)
    # An address may name a number that no database's integer holds.
    jobs = Job.objects.select_related("created_by").filter(dataset=dataset, kind="training")
    job = jobs.filter(pk=min(job_id, 2**63 - 1)).first()
    if job is None:
        raise NotFound(_("There is no such training in this data set."))
    job.dataset = dataset
    return job


def training_method(job: Job) -> str:
    return method_title(str(job.params.get("settings", {}).get("method", "")))


def training_name(job: Job) -> str:
    """The name that was given, or else the method's."""
    return str(job.params.get("name") or training_method(job))


@dataclass(frozen=True)
class Step:
    """One network of the work as a list of them shows it."""

    stage: str
    title: str
    short: str
    state: str
    """done, now or waiting."""
    epoch: int
    epochs: int


@dataclass(frozen=True)
class Training:
    """A training as its page shows it, whatever state it is in."""

    job: Job
    name: str
    method: str
    networks: Sequence[Network]
    now: int
    """Place of the network at work, or that would be at work; the last one's when all are done."""
    aus: Sequence[int]
    """Of the columns of F1; empty where they are not known."""
    detector: Detector | None

    @property
    def steps(self) -> list[Step]:
        return [
            Step(
                network.stage,
                stage_title(network.stage),
                _short(network.stage, place),
                self._state(place),
                network.epoch,
                network.epochs,
            )
            for place, network in enumerate(self.networks)
        ]

    def _state(self, place: int) -> str:
        if place < self.now or self.job.state == JobState.DONE:
            return "done"
        return "now" if place == self.now and self.job.active and self.networks[place].epoch else "waiting"

    @property
    def finished(self) -> int:
        """Networks that would not be trained again."""
        return sum(step.state == "done" for step in self.steps)

    @property
    def message(self) -> str:
        """The job's own words, where they say more than the list of networks does."""
        title = stage_title(self.networks[self.now].stage)
        return "" if self.job.message.startswith(f"{title},") else self.job.message

    def chosen(self, stage: str) -> tuple[Network, list[Network]]:
        """The network to look at, and the others of its kind that have begun: the one asked for, or the newest."""
        begun = [network for network in self.networks if network.losses]
        found = next((one for one in begun if one.stage == stage), begun[-1] if begun else self.networks[0])
        part = stage_parts(found.stage)[1]
        return found, [one for one in begun if one is not found and stage_parts(one.stage)[1] == part]

    @property
    def mark(self) -> str:
        """Another one whenever the page would look otherwise, so that an unchanged page need not be sent."""
        job = self.job
        told = [job.state, job.fraction, job.message, job.counts, len(job.log), job.error, self.detector is None]
        told += [(network.epoch, len(network.losses)) for network in self.networks]
        return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


def _short(stage: str, place: int) -> str:
    if stage == PRETRAINING:
        return _("Emotions")
    network, part = stage_parts(stage)
    number = network.removeprefix("fold-")
    name = (
        _("Detector") if network == FINAL_STAGE else _("Fold %d") % (int(number) + 1 if number.isdigit() else place)
    )
    return {LSTM_PART: f"{name} LSTM", FUSION_PART: _("%(name)s fusion") % {"name": name}}.get(part, name)


def training_told(job: Job) -> Training:
    """The job's row arranged for its page."""
    settings = job.params.get("settings", {})
    snapshot = LabelSnapshot.objects.filter(dataset_id=job.dataset_id, pk=job.checkpoint.get("snapshot")).first()
    folds = _folds(int(settings.get("folds") or 0), snapshot)
    networks = networks_of(job.curves, stages_of(settings, folds))
    begun = [place for place, network in enumerate(networks) if network.losses]
    return Training(
        job=job,
        name=training_name(job),
        method=training_method(job),
        networks=networks,
        now=begun[-1] if begun else 0,
        aus=snapshot.aus if snapshot else (),
        detector=Detector.objects.filter(dataset_id=job.dataset_id, pk=job.result.get("detector")).first(),
    )


def _folds(asked: int, snapshot: LabelSnapshot | None) -> int:
    """As many folds as asked for, but never more than there are subjects."""
    subjects = (snapshot.summary if snapshot else {}).get("subjects")
    return min(asked, subjects) if isinstance(subjects, int) else asked


def time_left(seconds: float | None) -> str:
    """“about 6 minutes”; empty where it is not known."""
    if seconds is None:
        return ""
    if seconds < 60:
        return _("less than a minute")
    minutes = round(seconds / 60)
    if minutes < 60:
        return ngettext("about %d minute", "about %d minutes", minutes) % minutes
    hours, rest = divmod(round(minutes / 5) * 5, 60)
    told = ngettext("about %d hour", "about %d hours", hours) % hours
    return _("%(hours)s %(minutes)d min") % {"hours": told, "minutes": rest} if rest and hours < 10 else told


def log_tail(job: Job) -> tuple[str, int]:
    """The last lines of the job's log, and how many came before them."""
    lines = job.log.splitlines()
    return "\n".join(lines[-LOG_LINES:]), max(0, len(lines) - LOG_LINES)


@dataclass(frozen=True)
class Order:
    """What a training is asked for: the form begins with it."""

    settings: DetectorSettings
    name: str
    """One that no detector has; empty where none was given."""
    sources: Mapping[str, bool]
    begun_from: str = ""
    """The name of the training or detector whose order this was."""


def order_of(user: User, dataset: DataSet, asked: str) -> Order:
    """The order behind a detector, `asked` by its id, or behind a training, by “job-” and its id. Raises
    NotFound for other data sets', InputRefused where it was not made by an order."""
    blind_refuse(user, dataset)
    kind, _dash, number = asked.rpartition("-")
    if kind not in ("", "job") or not number.isdecimal():
        raise NotFound(_("There is nothing like that to begin from."))
    if kind == "job":
        job = training_for(user, dataset, int(number))
        order = _order(job.params.get("settings", {}), training_name(job), job.params.get("sources", {}))
        return replace(order, name=_name_next(dataset, str(job.params.get("name") or "")))
    detectors = Detector.objects.filter(dataset=dataset, pk=min(int(number), 2**63 - 1))
    detector = detectors.select_related("snapshot", "job").first()
    if detector is None:
        raise NotFound(_("There is no such detector in this data set."))
    kinds = detector.snapshot.sources
    used = {"proposals": "proposal" in kinds, "weak": "weak" in kinds}
    asked_for = detector.job.params if detector.job else {}
    order = _order(detector.configuration, detector.name, asked_for.get("sources", used))
    return replace(order, name=_name_next(dataset, str(asked_for.get("name", detector.name) or "")))


def _name_next(dataset: DataSet, name: str) -> str:
    """The name, or where a detector has it, that with the first number that is free; none stays none."""
    taken = set(dataset.detectors.values_list("name", flat=True)) if name else set()
    numbered = (f"{name[:90]} {number}" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _order(saved: Mapping[str, Any], name: str, sources: Mapping[str, bool]) -> Order:
    try:
        settings = settings_load(saved)
    except ValueError as error:
        raise InputRefused(
            _("“%(name)s” can't be trained again with its settings: %(reason)s") % {"name": name, "reason": error}
        ) from error
    return Order(settings, "", {source: bool(sources.get(source)) for source in SOURCES}, name)


def settings_changed(job: Job) -> list[tuple[str, Any, Any]]:
    """(path, value, the preset's value) of what was ordered otherwise than the method's preset has it."""
    saved = job.params.get("settings", {})
    presets = preset_of(saved)
    return [
        (path, value, presets[path])
        for path, value in flattened(saved).items()
        if path in presets and presets[path] != value
    ]
