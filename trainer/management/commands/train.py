"""manage.py train: a detector from the codes there are, or a look at what it would learn from."""

import json
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from annotator.choices import JobState
from annotator.errors import InputRefused
from annotator.management.base import CorrugatorCommand
from annotator.models import DataSet, Job
from annotator.services.jobs import job_resume
from trainer.algorithms.methods import METHODS, settings_make
from trainer.algorithms.settings import PRESETS, QUICK, flattened
from trainer.services.training import SnapshotCheck, training_check, training_create

RESULT = ("detector", "mean_f1", "test_mean_f1", "faces")


class Command(CorrugatorCommand):
    help = "Train a detector on reviewed and reference codes, judge it, and keep it with its report."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dataset", help="name or id")
        parser.add_argument("--method", metavar="NAME", help=f"one of: {', '.join(METHODS)}")
        parser.add_argument(
            "--preset", choices=PRESETS, help="settings to begin from: for small machines (default), or the paper's"
        )
        parser.add_argument("--config", type=Path, metavar="FILE", help="settings as JSON, such as a detector's own")
        parser.add_argument(
            "--set",
            dest="changes",
            action="extend",
            nargs="+",
            default=[],
            metavar="SETTING=VALUE",
            help="change the method's preset, such as training.epochs=20",
        )
        parser.add_argument("--name", default="", help="the detector's name")
        parser.add_argument("--proposals", action="store_true", help="learn from adopted proposals too")
        parser.add_argument("--weak", action="store_true", help="learn from weak labels too")
        parser.add_argument("--check", action="store_true", help="only tell what it would learn from")
        parser.add_argument("--resume", type=int, metavar="JOB", help="go on with a training that broke off")
        parser.add_argument("--queue", action="store_true", help="hand the work to a worker")

    def run(self, *, dataset: str, check: bool, resume: int | None, queue: bool, **given: Any) -> dict[str, Any]:
        found = self.dataset_named(dataset)
        if resume is not None:
            job = _resumed(found, resume, check=check, given=given)
        else:
            # A look at the codes needs no method; any has the usual number of folds.
            usual = next(iter(METHODS)) if check else None
            order = _order(given, usual)
            sources = {"proposals": given["proposals"], "weak": given["weak"]}
            if check:
                return self._check(found, order, sources)
            job, _new = training_create(
                dataset=found,
                user=self.acting_user(),
                **order,
                name=given["name"],
                sources=sources,
            )
        job = self.job_finish(job, queue=queue)
        return {"dataset": found.pk, "job": job.pk, **{key: job.result.get(key) for key in RESULT}}

    def _check(self, dataset: DataSet, order: Mapping[str, Any], sources: Mapping[str, bool]) -> dict[str, Any]:
        try:
            folds = settings_make(order["method"], order["settings"], preset=order["preset"]).folds
        except ValueError as error:
            raise InputRefused(str(error)) from error
        check = training_check(dataset, sources, folds=folds)
        return _told(dataset, check) if self.options["json"] else _words(check)


def _order(given: Mapping[str, Any], usual: str | None) -> dict[str, Any]:
    """The method, its preset and the changes to it: those of the file, and over them those of --set."""
    saved = _config(given["config"]) if given["config"] else {}
    method = _named("method", given["method"], saved) or usual
    if method is None:
        raise InputRefused(f"Name a method with --method; known: {', '.join(METHODS)}.")
    preset = _named("preset", given["preset"], saved) or QUICK
    for change in given["changes"]:
        path, equals, value = change.partition("=")
        if not equals:
            raise InputRefused(f"--set {change}: write it as SETTING=VALUE, such as training.epochs=20.")
        saved[path.strip()] = value.strip()
    return {"method": method, "preset": preset, "settings": saved}


def _named(what: str, asked: str | None, saved: dict[str, Any]) -> Any:
    """What is asked for, or else what the file says, which is taken out of it."""
    named = saved.pop(what, None)
    if asked and named and asked != named:
        raise InputRefused(f"The file is of the {what} {named}, and --{what} says {asked}.")
    return asked or named


def _config(path: Path) -> dict[str, Any]:
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputRefused(f"{path} can't be read as JSON: {error}") from error
    if not isinstance(saved, dict):
        raise InputRefused(f"{path} holds no settings: an object of names and values is needed.")
    return flattened(saved)


def _resumed(dataset: DataSet, number: int, *, check: bool, given: Mapping[str, Any]) -> Job:
    if check or any(given[name] for name in ("method", "preset", "config", "changes", "name", "proposals", "weak")):
        raise InputRefused("A resumed training keeps its settings, sources and name: leave the other options out.")
    job = Job.objects.filter(dataset=dataset, kind="training", pk=number).first()
    if job is None:
        raise InputRefused(f"The data set has no training with the job number {number}.")
    return job_resume(job=job) if job.state in (JobState.FAILED, JobState.CANCELLED) else job


def _told(dataset: DataSet, check: SnapshotCheck) -> dict[str, Any]:
    problems = [{"text": problem.text, "stops": problem.stops} for problem in check.problems]
    return {"dataset": dataset.pk, "ready": check.ready, **check.summary(), "problems": problems}


def _words(check: SnapshotCheck) -> dict[str, Any]:
    """The same in lines for people."""
    lines: dict[str, Any] = {"faces": check.faces, "subjects": check.subjects, "test faces": check.test_faces}
    lines |= {f"codes from {kind}": count for kind, count in check.sources.items()}
    lines |= {f"AU{one.au}": f"{one.present} present, {one.absent} absent" for one in check.aus}
    lines |= {
        f"left out of AU{one.au}": f"{one.unscorable} unscorable, {one.disagreed} disputed between coders"
        for one in check.single_left_out
    }
    lines |= {f"left out, {reason}": faces for reason, faces in check.left_out_words}
    for number, problem in enumerate(check.problems, start=1):
        lines[f"{'stops it' if problem.stops else 'note'} {number}"] = problem.text
    return lines
