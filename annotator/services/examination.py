"""What `manage.py doctor` looks at: what is configured, what is reachable, what is missing."""

import importlib.metadata
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from annotator.jobs import QUEUES
from annotator.selectors.health import database_problem, queues_unserved
from config.embedded import redis_answers

LEAST_FREE_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `level` is ok, warning or error."""

    name: str
    level: str
    told: str


def examine() -> list[Finding]:
    """Look at everything; a check that itself fails is a finding, never an exception."""
    findings = []
    for name, check in CHECKS.items():
        try:
            level, told = check()
        except Exception as error:  # whatever is broken here is what the doctor is asked for
            level, told = "error", f"{type(error).__name__}: {error}"
        findings.append(Finding(name, level, told))
    return findings


def _address() -> tuple[str, str]:
    if not settings.BEHIND_TLS and not settings.ADDRESS.startswith(("http://127.", "http://localhost")):
        return "warning", f"{settings.ADDRESS} is not https: passwords and faces would travel in the open."
    return "ok", settings.ADDRESS


def _data() -> tuple[str, str]:
    free = shutil.disk_usage(settings.DATA).free
    told = f"{settings.DATA}, {free / 2**30:.1f} GB free"
    return ("ok" if free > LEAST_FREE_BYTES else "warning"), told


def _database() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok", f"{connection.vendor}, {connection.settings_dict['NAME']}"


def _migrations() -> tuple[str, str]:
    if problem := database_problem():
        return "error", f"{problem} Run manage.py migrate."
    return "ok", "all applied"


def _storage() -> tuple[str, str]:
    name = default_storage.save("doctor/probe", ContentFile(b"probe"))
    default_storage.delete(name)
    return "ok", f"{settings.FILES.backend.rsplit('.', 1)[-1]}, can be written"


def _broker() -> tuple[str, str]:
    if redis_answers(settings.REDIS_URL):
        return "ok", "Redis answers"
    if settings.REDIS_URL.startswith("redis+socket://"):
        return "warning", "The private Redis is not running; manage.py serve starts it."
    return "error", "The Redis of REDIS_URL does not answer."


def _workers() -> tuple[str, str]:
    if not redis_answers(settings.REDIS_URL):
        return "warning", "unknown without the broker"
    if missing := queues_unserved():
        return "warning", f"no worker for: {', '.join(missing)}; manage.py serve starts them"
    return "ok", f"one for each queue: {', '.join(QUEUES)}"


def _accelerator() -> tuple[str, str]:
    import torch

    version = importlib.metadata.version("torch")
    if torch.cuda.is_available():
        return "ok", f"torch {version}, {torch.cuda.get_device_name(0)}"
    return "ok", f"torch {version}, no GPU: trainings run on {torch.get_num_threads()} cores"


CHECKS: dict[str, Callable[[], tuple[str, str]]] = {
    "address": _address,
    "data folder": _data,
    "database": _database,
    "migrations": _migrations,
    "storage": _storage,
    "broker": _broker,
    "workers": _workers,
    "accelerator": _accelerator,
}
