"""The detectors' benchmark on a few hundred stills: it runs, and finished runs are not done again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.ictau, pytest.mark.slow, pytest.mark.backendless, pytest.mark.xdist_group("detectors benchmark"),
]  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """One for the module: the re-annotated labels in it take half a minute."""
    return tmp_path_factory.mktemp("detectors")


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


def test_runs_are_kept_and_a_killed_training_ends_with_the_same_weights(ictau, work):
    before = set(work.rglob("*.json"))
    told = benched(ictau, work, "--seeds", "1", "--parts", "labels", "resume")
    assert set(told["methods"]) == {f"labels: {name}" for name in ("reference", "weak", "reannotated", "true")}
    assert all(0 <= figures["auc"] <= 1 for figures in told["methods"].values())
    assert told["parts"]["resume"]["killed_by"] == 9
    assert told["parts"]["resume"]["same_weights"]
    made = {path: path.stat().st_mtime_ns for path in set(work.rglob("*.json")) - before}
    assert len(made) == 4
    again = benched(ictau, work, "--seeds", "2", "--parts", "labels")
    difference = again["parts"]["labels"]["differences"]["reannotated − weak"]["f1_fixed"]
    assert difference["low"] <= difference["value"] <= difference["high"]
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_the_other_parts_run(ictau, work):
    told = benched(
        ictau, work, "--seeds", "1", "--parts", "alpha", "adversarial", "samplers", "overhead", "--only", "o"
    )
    assert {"samplers: momu", "samplers: random"} <= set(told["methods"])
    assert set(told["parts"]["alpha"]["validation"]) == {"drawn, α = 0.0", "drawn, α = 0.9", "probabilities, α = 0.9"}
    assert all(part["overhead"] > -1 for part in told["parts"]["overhead"].values())


@pytest.mark.parametrize(
    ("part", "only", "figure"),
    [
        ("networks_tune", "AlexNet, rate 0.002", "auc"),
        ("pretraining", "EmoCo, 500, linear", "auc"),
        ("hybrid_conditions", "noise", "auc"),
        ("divergence", "hog", "ratio"),
    ],
)
def test_a_part_gives_its_figures(ictau, work, part, only, figure):
    told = benched(ictau, work, "--seeds", "1", "--parts", part, "--only", only)
    assert told["methods"] and all(figures[figure] > 0 for figures in told["methods"].values())
