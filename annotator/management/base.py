"""The shape every command shares: a progress bar, `--json`, `--queue`, errors in one line."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from annotator.choices import JobState
from annotator.errors import CorrugatorError, InputRefused
from annotator.models import DataSet, Job
from annotator.services.console import console_user
from annotator.services.job_running import job_run
from annotator.services.jobs import job_put_back, job_send


class CorrugatorCommand(BaseCommand):
    """A command over the same services as the pages.

    Subclasses define `arguments(parser)` and `run(**options) -> dict`; with `--json` that dict is
    the last line on standard output. Exit 0 only when all went well; CorrugatorErrors become one
    line on standard error (and `{"error": …}` with `--json`).
    """

    def arguments(self, parser: ArgumentParser) -> None:
        """Add the command's own arguments."""

    run: Callable[..., dict[str, Any]]
    """The command's work, by its own keyword arguments."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.arguments(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
        parser.add_argument("--user", help="the account to act as (default: the first lab admin)")

    def handle(self, *args: Any, **options: Any) -> None:
        self.options = options
        try:
            result = self.run(**options)
        except CorrugatorError as error:
            if options["json"]:
                self.stdout.write(json.dumps({"error": str(error)}))
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(result))
        else:
            for key, value in result.items():
                self.stdout.write(f"{key}: {value}")

    def acting_user(self) -> User:
        """The account named by --user, or the first lab admin (made when there is none)."""
        name = self.options.get("user")
        if not name:
            return console_user()
        user = User.objects.filter(username=name).first()
        if user is None:
            raise InputRefused(f"There is no account called “{name}”.")
        return user

    def dataset_named(self, name: str) -> DataSet:
        """The data set of this name or id."""
        dataset = DataSet.objects.filter(name=name).first()
        if dataset is None and name.isdigit():
            dataset = DataSet.objects.filter(pk=int(name)).first()
        if dataset is None:
            raise InputRefused(f"There is no data set called “{name}”, nor one with that id.")
        return dataset

    def job_finish(self, job: Job, *, queue: bool = False) -> Job:
        """Run the job here behind a progress bar, or hand it to a worker with `queue`.

        Raises InputRefused with the job's own words when it failed or was cancelled.
        """
        if queue:
            job_send(job)
            self.stderr.write(f"Job {job.pk} waits for a worker.")
            return job
        with tqdm(total=100, file=sys.stderr, bar_format="{l_bar}{bar}| {elapsed}{postfix}", leave=False) as bar:

            def echo(fraction: float, message: str) -> None:
                bar.n = round(fraction * 100, 1)
                bar.set_postfix_str(message)

            # One that an earlier command was killed in is taken up: nobody else may be there to do it.
            job_put_back(job)
            job = job_run(job.pk, echo=echo)
        if job.state == JobState.RUNNING or job.state == JobState.QUEUED:
            raise InputRefused(f"A worker is at this already: job {job.pk}.")
        if job.state != JobState.DONE:
            raise InputRefused(job.error or f"Job {job.pk} was cancelled; it can be resumed.")
        return job
