"""A worker whose supervisor was killed outright ends, with its children, even where it can't end by itself.

The kernel sends it a signal then (serving.py); a worker that is busy, or waits for a broker that died too, may
not get round to it.
"""

import os
import signal
import threading
import time

GRACE_SECONDS = 10.0
"""For ending by itself after the signal."""
LOOK_SECONDS = 1.0


def orphan_watch(supervisor: int, *, grace: float = GRACE_SECONDS) -> threading.Thread:
    """Kill this process's own group `grace` seconds after it has another parent than `supervisor`.

    The process must lead a group of its own, as the supervisor's programs do: else nothing is killed but itself.
    """
    watch = threading.Thread(target=_watch, args=(supervisor, grace), name="orphan-watch", daemon=True)
    watch.start()
    return watch


def _watch(supervisor: int, grace: float) -> None:
    while os.getppid() == supervisor:
        time.sleep(LOOK_SECONDS)
    time.sleep(grace)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
