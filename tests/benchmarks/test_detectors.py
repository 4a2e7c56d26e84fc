"""The detectors' benchmark on a few hundred stills: it runs, and finished runs are not done again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.ictau, pytest.mark.slow, pytest.mark.backendless]


def benched(ictau, work, *options):
    command = [
        sys.executable,
        "benchmarks/detectors.py",
        "--data",
        str(ictau),
        "--work",
        str(work),
        "--quick",
        "--json",
    ]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_runs_are_kept_and_a_killed_training_ends_with_the_same_weights(ictau, tmp_path):
    told = benched(ictau, tmp_path, "--seeds", "1", "--parts", "labels", "resume")
    assert set(told["methods"]) == {f"labels: {name}" for name in ("reference", "weak", "reannotated", "true")}
    assert all(0 <= figures["auc"] <= 1 for figures in told["methods"].values())
    assert told["parts"]["resume"]["killed_by"] == 9
    assert told["parts"]["resume"]["same_weights"]
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert len(made) == 4
    again = benched(ictau, tmp_path, "--seeds", "2", "--parts", "labels")
    difference = again["parts"]["labels"]["differences"]["reannotated − weak"]["f1_fixed"]
    assert difference["low"] <= difference["value"] <= difference["high"]
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_the_other_parts_run(ictau, tmp_path):
    told = benched(
        ictau, tmp_path, "--seeds", "1", "--parts", "alpha", "adversarial", "samplers", "overhead", "--only", "o"
    )
    assert {"samplers: momu", "samplers: random"} <= set(told["methods"])
    assert set(told["parts"]["alpha"]["validation"]) == {"drawn, α = 0.0", "drawn, α = 0.9", "probabilities, α = 0.9"}
    assert all(part["overhead"] > -1 for part in told["parts"]["overhead"].values())
