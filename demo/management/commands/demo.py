"""manage.py demo: a believable world to try Corrugator on, then the server."""

import json
import os
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from annotator.errors import CorrugatorError
from annotator.management.commands.serve import Command as Serve
from config.serving import ServeRefused, only_one
from demo.world import world_prepare


class Command(BaseCommand):
    help = "Make a demo data set and accounts, if they are missing, and serve them until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--faces", type=int, default=1200)
        parser.add_argument("--prepare-only", action="store_true", help="make the world, don't serve it")
        parser.add_argument("--port", type=int, help="default: the first free one from 8000 on")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        # Read by torch when it is loaded: threads that wait should sleep and leave the cores to others.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        try:
            with only_one(settings.DATA / "run"):
                call_command("migrate", verbosity=0, interactive=False)
                dataset = world_prepare(folder=settings.DATA / "demo", faces=options["faces"], echo=self._echo)
        except (CorrugatorError, ServeRefused) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. Run it again and it goes on from here.") from None
        seconds = time.monotonic() - started
        self._line(f"{dataset.name} is ready for review ({seconds:.0f} s).")
        self.stdout.write("")
        if not options["prepare_only"]:
            Serve().begin(options["host"], options["port"], self._welcome())
        if options["json"]:
            told = {"dataset": dataset.pk, "faces": dataset.faces.count(), "seconds": round(seconds, 1)}
            self.stdout.write(json.dumps(told))

    def _welcome(self) -> list[User]:
        """The lab admin and a coder: the two whose pages differ most."""
        return list(User.objects.filter(username__in=["alice", "bob"]))

    def _echo(self, title: str, share: float, message: str) -> None:
        self._line(f"{title}: {share:4.0%}  {message[:60]}")

    def _line(self, text: str) -> None:
        """One line that is written over on a terminal; elsewhere only whole tenths would be noise."""
        if sys.stdout.isatty():
            self.stdout.write(f"\r\033[K{text}", ending="")
            self.stdout.flush()
        elif text != getattr(self, "_last", None) and (": " not in text or text.split(":")[0] != self._title()):
            self.stdout.write(text)
        self._last = text

    def _title(self) -> str:
        return str(getattr(self, "_last", "")).split(":")[0]
