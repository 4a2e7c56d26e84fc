"""manage.py serve as a user runs it: it comes up with no setting, and Ctrl-C leaves nothing running."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from annotator.management.commands.serve import address_here, hosts_with
from tests.backend import BACKEND

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BACKEND != "embedded", reason="serve with no setting is the embedded one"),
]


@pytest.fixture
def served():
    """A server on a fresh data folder with no setting, and the lines it printed so far."""
    with tempfile.TemporaryDirectory(prefix="crg-") as data:
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("CORRUGATOR_") and key not in ("DATABASE_URL", "REDIS_URL", "STORAGE_URL")
        }
        environment |= {"CORRUGATOR_DATA": data, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            # a suite started in the background ignores Ctrl-C, and so would all it starts
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("Log in once"):
                break
        try:
            yield process, lines, environment
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=90)


def descendants(data: str) -> list[str]:
    """Command lines of the processes that run with this data folder in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"CORRUGATOR_DATA={data}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_it_comes_up_and_ctrl_c_stops_everything(served):
    process, lines, environment = served
    address = next(word for line in lines for word in line.split() if word.startswith("http://"))
    with urlopen(f"{address}/healthz", timeout=5) as response:
        assert response.status == 200
    doctor = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    findings = json.loads(doctor.stdout.splitlines()[-1])
    assert findings["broker"]["level"] == "ok"
    data = environment["CORRUGATOR_DATA"]
    assert len(descendants(data)) >= 6
    second = subprocess.run(
        [sys.executable, "manage.py", "serve"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert "runs on this data folder already" in second.stderr
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=90) == 0
    time.sleep(0.5)
    assert descendants(data) == []


def test_killing_the_supervisor_outright_leaves_nothing_running(served):
    process, _, environment = served
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60  # a busy machine needs long to stop workers that have hardly begun
    while descendants(environment["CORRUGATOR_DATA"]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert descendants(environment["CORRUGATOR_DATA"]) == []


@pytest.mark.parametrize(
    ("host", "address", "hosts"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000", "lab.example.org 127.0.0.1"),
        ("0.0.0.0", "http://127.0.0.1:8000", "lab.example.org"),
        ("192.0.2.7", "http://192.0.2.7:8000", "lab.example.org 192.0.2.7"),
    ],
)
def test_the_address_that_is_listened_on_may_be_typed(host, address, hosts, monkeypatch):
    monkeypatch.setenv("CORRUGATOR_HOSTS", "lab.example.org")
    assert (address_here(host, 8000), hosts_with(host)) == (address, hosts)
