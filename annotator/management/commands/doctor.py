"""manage.py doctor: what is configured, what is reachable, what is missing."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotator.services.examination import examine

SIGNS = {"ok": "✓", "warning": "!", "error": "✗"}


class Command(BaseCommand):
    help = "Look at settings, database, broker, workers, storage and accelerator; exit 1 on an error."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = examine()
        if options["json"]:
            self.stdout.write(json.dumps({f.name: {"level": f.level, "told": f.told} for f in findings}))
        else:
            for finding in findings:
                self.stdout.write(f"{SIGNS[finding.level]} {finding.name:<12} {finding.told}")
        if any(finding.level == "error" for finding in findings):
            raise CommandError("Something needs mending: see the lines marked ✗.")
