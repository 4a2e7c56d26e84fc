"""The speed of rank-order clustering is told for a few faces, with the distances that plain Python gives."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.backendless]


def test_compiled_distances_are_those_of_plain_python_and_come_sooner():
    done = subprocess.run(
        [sys.executable, "benchmarks/rank_order_speed.py", "--faces", "2000", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["distance"]["identical"]
    assert told["ratio_python_over_compiled"] > 2
    assert told["whole"].keys() == {
        "ours, local cut", "ours, density cut", "ours, global cut", "k-means", "HDBSCAN",
    }  # fmt: skip
    assert told["clusters"]
