"""Starts web, workers and broker as child processes, keeps them alive, and stops them together."""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

GRACE_SECONDS = 6.0
TRIED_PORTS = 20


class ServeRefused(Exception):
    """Why it can't start, in words for the terminal."""


@contextlib.contextmanager
def only_one(run: Path) -> Iterator[None]:
    """Hold the data folder's lock: two servers on one folder would share a broker's files."""
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (run / "serve.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise ServeRefused(f"Corrugator runs on this data folder already: {lock.read().strip()}") from None
        yield


def lock_note(run: Path, text: str) -> None:
    """Write the address into the lock file, for the message a second server shows."""
    (run / "serve.lock").write_text(text)


def port_choose(host: str, wanted: int | None) -> int:
    """The wanted port, or the first free one from 8000 on. Raises ServeRefused when taken."""
    for port in [wanted] if wanted else range(8000, 8000 + TRIED_PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue
    raise ServeRefused(f"Port {wanted or '8000 and the next ones'} on {host} is taken: choose another with --port.")


@dataclass
class Program:
    """One child process: how to start it, and how often it has fallen lately."""

    name: str
    command: list[str]
    stop_signal: signal.Signals = signal.SIGTERM
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    falls: list[float] = field(default_factory=list)


class Supervisor:
    """Runs programs in sessions of their own, so that Ctrl-C reaches only this process and the
    order of the end is ours; a program that falls is started again, with patience."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self.folder = folder
        self.logs = logs
        self.programs: list[Program] = []

    def add(
        self,
        name: str,
        command: list[str],
        stop_signal: signal.Signals = signal.SIGTERM,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        program = Program(name, command, stop_signal, environment or {})
        self.programs.append(program)
        self._start(program)

    def _start(self, program: Program) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{program.name}.log").open("ab") as log:
            program.process = subprocess.Popen(
                program.command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Waiting threads of torch sleep and don't spin: three workers share the cores.
                env={
                    "OMP_WAIT_POLICY": "PASSIVE",
                    **os.environ,
                    "CORRUGATOR_SUPERVISOR": str(os.getpid()),
                    **program.environment,
                },
                start_new_session=True,
                preexec_fn=_die_with_parent(program.stop_signal),
            )

    def watch(self) -> None:
        """Start again what has fallen; one that falls five times in a minute raises ServeRefused."""
        for program in self.programs:
            if program.process is None or program.process.poll() is None:
                continue
            now = time.monotonic()
            program.falls = [fall for fall in program.falls if now - fall < 60] + [now]
            if len(program.falls) >= 5:
                raise ServeRefused(f"{program.name} keeps falling: see {self.logs / (program.name + '.log')}")
            self._start(program)

    def stop(self) -> None:
        """End everything, newest first; whatever is left after the grace is killed with its children."""
        for program in reversed(self.programs):
            _signal_group(program, program.stop_signal)
        deadline = time.monotonic() + GRACE_SECONDS
        for program in self.programs:
            if program.process is None:
                continue
            try:
                program.process.wait(timeout=max(deadline - time.monotonic(), 0.05))
            except subprocess.TimeoutExpired:
                pass
            finally:
                _signal_group(program, signal.SIGKILL)
                program.process.wait()


def _signal_group(program: Program, number: signal.Signals) -> None:
    if program.process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(program.process.pid, number)


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """On Linux, have the kernel send this signal should the supervisor itself be killed."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(1, int(number), 0, 0, 0)  # PR_SET_PDEATHSIG

    return ask


def web_command(host: str, port: int) -> list[str]:
    return [
        sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"{host}:{port}", "--worker-class", "gthread",
        "--workers", "2", "--threads", "8", "--timeout", "120", "--graceful-timeout", "3", "--no-control-socket",
    ]  # fmt: skip


def worker_command(queue: str) -> list[str]:
    """One prefork process a queue, so that a training never holds up an export."""
    return [
        sys.executable, "-m", "celery", "-A", "config", "worker", "--queues", queue, "--pool", "prefork",
        "--concurrency", "1", "--hostname", f"{queue}@%h", "--loglevel", "WARNING", "--without-gossip",
        "--without-mingle",
    ]  # fmt: skip
