"""The commands walk the loop on the first 2,000 ictau stills, and the labels get better."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# one process for the module: its fixture takes minutes
pytestmark = [
    pytest.mark.ictau, pytest.mark.slow, pytest.mark.backendless, pytest.mark.xdist_group("cleaning loop"),
]  # fmt: skip


@pytest.fixture(scope="module")
def scores(ictau):
    done = subprocess.run(
        [sys.executable, "benchmarks/cleaning_loop.py", "--data", str(ictau), "--faces", "2000", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    return {what: score["all"] for what, score in told["scores"].items()}


def test_proposals_agree_better_with_the_truth_than_weak_labels(scores):
    assert scores["proposals"]["agreement"] > scores["weak"]["agreement"] + 0.5


def test_proposals_lose_no_f1_for_it(scores):
    assert scores["proposals"]["f1"] > scores["weak"]["f1"] - 0.01


def test_clusters_pay_more_than_single_faces(scores):
    single = scores["50 single faces each"]
    assert scores["50 clusters each, one key"]["agreement"] > single["agreement"]
    marked = scores["50 clusters each, wrong faces marked"]
    assert marked["agreement"] > single["agreement"] + 1
    assert marked["f1"] > single["f1"]
