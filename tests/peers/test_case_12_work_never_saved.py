"""Three days of work were never saved (CVAT 7996).

Ours: there is no save button. Each decision is in the database before it is answered, so that a server
killed the moment after loses none, and a reload shows it.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import uuid

import pytest
from django.urls import reverse

from annotator.models import Decision, Label
from annotator.services.assignments import assignment_next
from config.serving import web_command
from tests.factories import faces_make, run_make
from tests.peers.conftest import Caller
from tests.workers import ROOT, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


class Server:
    """The web server of `serve` on this test's database, in processes of its own."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            web_command("127.0.0.1", self.port),
            cwd=ROOT,
            # Without its manifest of static files, which only `serve` collects.
            env=os.environ | environment() | {"CORRUGATOR_DEBUG": "1"},
            start_new_session=True,
            stdout=sys.stderr,
        )
        self.ready()

    def ready(self) -> None:
        deadline = time.monotonic() + 90
        while True:
            line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                line.request("GET", "/healthz")
                line.getresponse().read()
                return
            except OSError:
                assert time.monotonic() < deadline, "the web server did not start"
                time.sleep(0.2)
            finally:
                line.close()

    def kill(self) -> None:
        """As a power cut would: no process gets to finish anything."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def servers():
    started = []

    def start():
        started.append(Server())
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()


def test_what_was_answered_outlives_a_killed_server_and_a_reload_shows_it(crowd, servers):
    dataset, (bob,) = crowd(1)
    run = run_make(dataset, faces_make(dataset, 6), 12, [1] * 6, [1] * 6)
    assignment_next(dataset, bob)
    cluster = run.clusters.get()
    page = reverse("cluster_detail", args=[dataset.pk, cluster.pk])
    decide = reverse("cluster_decide", args=[dataset.pk, cluster.pk])
    server = servers()
    window = Caller(server.url, bob)
    for position, action in enumerate(("present", "absent", "unscorable", "noise")):
        answer = window.post(decide, client_id=uuid.uuid4(), action=action, face=position, protocol=1)
        assert answer.status == 200, answer.body[:500]
    server.kill()
    assert Decision.objects.count() == 4
    assert Label.objects.filter(layer__user=bob).count() == 4
    shown = Caller(servers().url, bob).get(page).body
    for position, word in enumerate(("present", "absent", "unscorable", "noise")):
        tile = shown.split(f'id="face-{position}"')[1].split("</li>")[0]
        assert word in tile.split('class="own')[1].split("</span>")[0].lower()
