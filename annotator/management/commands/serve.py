"""manage.py serve: web, workers and broker in one terminal, until Ctrl-C."""

import signal
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any
from urllib.request import urlopen

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, close_old_connections
from django.urls import reverse

from annotator.jobs import QUEUES
from annotator.services.accounts import login_link_create
from annotator.services.console import console_user
from annotator.services.jobs import jobs_reap
from config.embedded import EmbeddedRefused, redis_answers, redis_program
from config.env import words
from config.serving import (
    ServeRefused,
    Supervisor,
    lock_note,
    only_one,
    port_choose,
    web_command,
    worker_command,
)

REAP_EVERY_SECONDS = 3.0
EVERYWHERE = "0.0.0.0"


class Command(BaseCommand):
    help = "Serve Corrugator: web, workers and broker, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, help="default: the first free one from 8000 on")
        parser.add_argument("--host", default="127.0.0.1")

    def handle(self, *args: Any, **options: Any) -> None:
        self.begin(options["host"], options["port"])

    def begin(self, host: str, port: int | None, welcome: Sequence[User] = ()) -> None:
        """Serve until Ctrl-C; the people of `welcome` get a one-time login link each."""
        try:
            with only_one(settings.DATA / "run"):
                self.serve(host, port_choose(host, port), welcome)
        except (ServeRefused, EmbeddedRefused) as error:
            raise CommandError(str(error)) from error

    def serve(self, host: str, port: int, welcome: Sequence[User]) -> None:
        # SIGTERM ends it like Ctrl-C does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        supervisor = Supervisor(settings.BASE_DIR, settings.DATA / "logs")
        try:
            self._start(supervisor, host, port)
            address = address_here(host, port)
            lock_note(settings.DATA / "run", address)
            self.stdout.write(f"\nCorrugator is at {address}   (Ctrl-C stops everything)")
            self._print_login(address, welcome)
            self._watch(supervisor)
        except KeyboardInterrupt:
            self.stdout.write("\nStopping…")
        finally:
            supervisor.stop()
            self.stdout.write("Stopped. Your data is in " + str(settings.DATA))

    def _start(self, supervisor: Supervisor, host: str, port: int) -> None:
        if settings.REDIS_URL.startswith("redis+socket://"):
            supervisor.add("redis", redis_command())
            _wait(lambda: redis_answers(settings.REDIS_URL), "Redis did not start", 15)
        elif not redis_answers(settings.REDIS_URL):
            raise ServeRefused("The Redis of REDIS_URL does not answer.")
        supervisor.add("web", web_command(host, port), environment={"CORRUGATOR_HOSTS": hosts_with(host)})
        for queue in QUEUES:
            # SIGQUIT: a job in progress is dropped at once; its lease runs out and it is resumed.
            supervisor.add(f"worker-{queue}", worker_command(queue), signal.SIGQUIT)
        _wait(lambda: _answers(f"{address_here(host, port)}/healthz"), "The web server did not start", 60)

    def _print_login(self, address: str, welcome: Sequence[User]) -> None:
        """A way in: for the people named in `welcome`, or for whoever starts this the first time."""
        users = list(welcome)
        if not users and not User.objects.filter(last_login__isnull=False).exists():
            users = [console_user()]
        for user in users:
            _, token = login_link_create(user, valid_minutes=60)
            link = f"{address}{reverse('login_link', args=[token])}"
            self.stdout.write(f"Log in once as {user.username}: {link}")

    def _watch(self, supervisor: Supervisor) -> None:
        reaped = 0.0
        while True:
            time.sleep(0.5)
            supervisor.watch()
            if time.monotonic() - reaped >= REAP_EVERY_SECONDS:
                reaped = time.monotonic()
                try:
                    close_old_connections()
                    jobs_reap()
                except OperationalError as error:
                    self.stderr.write(f"The database does not answer: {error}")


def redis_command() -> list[str]:
    folder = settings.REDIS_SOCKET.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if len(str(settings.REDIS_SOCKET)) > 100:
        raise ServeRefused("The data folder's path is too long for a socket: set CORRUGATOR_DATA to a shorter one.")
    return [
        redis_program(), "--port", "0", "--unixsocket", str(settings.REDIS_SOCKET), "--unixsocketperm", "700",
        "--dir", str(folder), "--appendonly", "yes", "--save", "",
    ]  # fmt: skip


def address_here(host: str, port: int) -> str:
    """Where this machine finds the server; one that listens everywhere is found at the loopback."""
    return f"http://{'127.0.0.1' if host == EVERYWHERE else host}:{port}"


def hosts_with(host: str) -> str:
    """CORRUGATOR_HOSTS with the address that is listened on: people will type it."""
    return " ".join([*words("CORRUGATOR_HOSTS"), *([] if host == EVERYWHERE else [host])])


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _wait(ready: Any, complaint: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise ServeRefused(f"{complaint}: see the folder {settings.DATA / 'logs'}")
        time.sleep(0.2)
