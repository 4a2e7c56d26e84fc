"""The embedding's benchmark on a few hundred faces: it runs and tells what it should."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.backendless]
SMALL = ("--neighbours", "10", "--components", "5", "--json")


def benched(*options):
    command = [sys.executable, "benchmarks/wse_speed.py", *SMALL, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_solvers_and_their_peers_end_at_one_objective():
    told = benched("--faces", "500", "--seeds", "2")
    assert len(told["seeds"]) == 2
    assert told["ratio_agd_over_exact"] is None or told["ratio_agd_over_exact"] > 0
    assert told["seeds"][0]["to_the_end_of_agd"]["objective_over_exact"] > 0.999
    for times in told["seeds"][0]["reached"].values():
        assert set(times) == {"1", "0.1", "0.01", "0.001"}
        known = [at[0] for at in times.values() if at is not None]
        assert known == sorted(known)
    for peer in told["peers"].values():
        assert abs(peer["objective"] - peer["exact"]["objective"]) < 0.01 * peer["objective"] + 1e-3


def test_growth_tells_the_peak_memory_of_each_size():
    told = benched("--growth", "300")
    assert [line["faces"] for line in told["growth"]] == [300]
    assert all(line["peak_gib"] > 0 for line in told["growth"])
