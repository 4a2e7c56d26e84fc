"""What is left of a supervisor that was killed outright."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.backendless
ROOT = Path(__file__).resolve().parents[2]

STUBBORN = """
import os, signal, subprocess, sys, time
from config.orphans import orphan_watch
for number in (signal.SIGTERM, signal.SIGQUIT):
    signal.signal(number, signal.SIG_IGN)
orphan_watch(os.getppid(), grace=0.5)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
SUPERVISOR = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], start_new_session=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_worker_that_ignores_signals_ends_with_its_child_when_its_supervisor_is_killed():
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    left = [int(pid) for pid in supervisor.stdout.readline().split()]
    assert len(left) == 2 and all(alive(pid) for pid in left)
    time.sleep(2.5)
    assert all(alive(pid) for pid in left), "while its supervisor lives a worker does too"
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    deadline = time.monotonic() + 60
    while any(alive(pid) for pid in left) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in left)
    supervisor.stdout.close()
