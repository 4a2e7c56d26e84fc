"""Real Celery workers for tests: processes of their own on the test's database and broker."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from annotator.models import Job
from annotator.services.jobs import jobs_reap

ROOT = Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def worker(queue: str) -> Iterator[subprocess.Popen[bytes]]:
    """A prefork worker of one process on this queue; killed with its children at the end."""
    options = (
        f"--queues {queue} --pool prefork --concurrency 1 --hostname {queue}-{os.getpid()}@%h --loglevel WARNING"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "config", "worker", *options.split()],
        cwd=ROOT,
        env=os.environ | environment(),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def environment() -> dict[str, str]:
    """Settings with which another process sees this test's database, broker and files."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite://{database['NAME']}"
    else:
        url = f"postgresql://{database['USER']}:{database['PASSWORD']}@/{database['NAME']}?host={database['HOST']}"
    files = Path(settings.STORAGES["default"]["OPTIONS"]["location"])
    return {
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
        "CORRUGATOR_FILES": str(files),
        "CORRUGATOR_DATA": str(settings.DATA),
    }


def pool_child(process: subprocess.Popen[bytes]) -> int:
    """The process id of the worker's one child, which does the work."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert children, "the worker has no child process"
    return int(children[0])


def wait_until(ready: Callable[[], Any], *, seconds: float = 60, reap: bool = False) -> Any:
    """Poll until `ready()` is true and return it; with `reap`, put lost jobs back meanwhile."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ready()
        if found:
            return found
        if reap:
            jobs_reap()
        time.sleep(0.1)
    states = list(Job.objects.values_list("id", "kind", "state", "fraction", "message", "error"))
    raise AssertionError(f"not within {seconds:g} s; jobs: {states}")
