"""A crowd at a live server, and a browser where there is one."""

import http.client
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from annotator.choices import Role
from annotator.models import DataSet, Member
from annotator.services.datasets import dataset_create

TOKEN = "c" * 32


@dataclass
class Answer:
    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


class Caller:
    """A logged-in person at a server, over HTTP; safe to use from a thread of its own."""

    def __init__(self, address: str, user: User) -> None:
        client = Client()
        client.force_login(user)
        self.place = urlsplit(address).netloc
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, {})

    def post(self, path: str, **form: Any) -> Answer:
        """A form as the pages' script sends it."""
        return self._ask("POST", path, urlencode({**form, "csrfmiddlewaretoken": TOKEN}), {"HX-Request": "true"})

    def _ask(self, method: str, path: str, body: str | None, more: dict[str, str]) -> Answer:
        line = http.client.HTTPConnection(self.place, timeout=120)
        headers = {"Cookie": f"{self.cookie}; csrftoken={TOKEN}", **more}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            return Answer(answer.status, answer.read().decode(errors="replace"), dict(answer.headers))
        finally:
            line.close()


@pytest.fixture
def caller(live_server) -> Callable[[User], Caller]:
    return lambda user: Caller(live_server.url, user)


def together(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """Carry out all calls at the same moment, each in a thread; their results in the calls' order."""
    calls = list(calls)
    start = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)
    failures: list[Exception] = []

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            start.wait()
            results[place] = call()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    return results


@pytest.fixture
def crowd(transactional_db) -> Callable[[int], tuple[DataSet, list[User]]]:
    """crowd(n): a data set of AUs 12 and 25 with n coders."""

    def made(count: int) -> tuple[DataSet, list[User]]:
        dataset = dataset_create(name="Crowd", user=User.objects.create_user("admin", password="x"), aus=[12, 25])
        people = [User.objects.create_user(f"coder{number}", password="x") for number in range(count)]
        Member.objects.bulk_create(Member(dataset=dataset, user=user, role=Role.CODER) for user in people)
        return dataset, people

    return made
