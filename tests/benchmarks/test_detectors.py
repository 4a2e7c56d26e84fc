"""The detectors' benchmark on a few hundred stills: every part runs, and finished runs are not done again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.ictau, pytest.mark.slow, pytest.mark.backendless]


def benched(ictau, work, *parts):
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
    done = subprocess.run(
        [*command, "--seeds", "2", "--parts", *parts], cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("detectors")


def test_each_kind_of_labels_has_its_figures_and_runs_are_kept(ictau, work):
    told = benched(ictau, work, "labels")
    assert set(told["methods"]) == {f"labels: {name}" for name in ("reference", "weak", "reannotated", "true")}
    assert all(0 <= figures["auc"] <= 1 for figures in told["methods"].values())
    difference = told["parts"]["labels"]["differences"]["reannotated − weak"]["f1_fixed"]
    assert difference["low"] <= difference["value"] <= difference["high"]
    made = {path: path.stat().st_mtime_ns for path in work.rglob("*.json")}
    assert len(made) == 8
    assert benched(ictau, work, "labels")["methods"] == told["methods"]
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*.json")} == made


def test_discriminator_and_samplers_run(ictau, work):
    told = benched(ictau, work, "alpha", "adversarial", "samplers")
    assert "samplers: momu" in told["methods"]
    assert "adversarial: adversarial, 50% missing" in told["methods"]
    assert set(told["parts"]["alpha"]["validation"]) >= {"0.0", str(told["parts"]["alpha"]["chosen"])}


def test_killed_training_ends_with_the_same_weights(ictau, work):
    told = benched(ictau, work, "resume")["parts"]["resume"]
    assert told["killed_by"] == 9
    assert told["same_weights"]


def test_overhead_is_measured_against_a_bare_loop(ictau, work):
    for measured in benched(ictau, work, "overhead")["parts"]["overhead"].values():
        assert measured["ours"] > 0
        assert measured["bare"] > 0
