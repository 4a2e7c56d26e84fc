"""The Celery app: it carries job ids from the web to the workers and nothing else."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init

from config.orphans import orphan_watch

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("corrugator")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["annotator"])


@celeryd_init.connect
def end_with_supervisor(**_: Any) -> None:
    """A worker that `serve` started doesn't outlive it."""
    if supervisor := os.environ.get("CORRUGATOR_SUPERVISOR"):
        orphan_watch(int(supervisor))
