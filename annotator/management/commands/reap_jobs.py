"""manage.py reap_jobs: put back the jobs of lost workers; `serve` does this itself."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from annotator.services.jobs import jobs_reap


class Command(BaseCommand):
    help = "Requeue jobs whose worker is lost. With --every N it goes on until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS")

    def handle(self, *args: Any, **options: Any) -> None:
        while True:
            close_old_connections()
            counts = jobs_reap()
            if any(counts.values()):
                self.stdout.write(", ".join(f"{name} {count}" for name, count in counts.items()))
            if not options["every"]:
                return
            time.sleep(options["every"])
