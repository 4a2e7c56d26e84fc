"""The latency of pages and actions is told for a few faces, from a real server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_page_and_action_answers_and_what_is_missing_is_named(database):
    done = subprocess.run(
        [
            sys.executable, "benchmarks/web_latency.py", "--faces", "2000", "--repeat", "1", "--database", database,
            "--json",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = {line["title"]: line for line in json.loads(done.stdout.splitlines()[-1])["results"][0]["lines"]}
    assert {line["skipped"] for line in lines.values() if "skipped" in line} <= {"this version has no such address"}
    for title in ("data sets", "queue", "run", "decide 5,000 faces", "undo 5,000 faces", "next", "thumbnail"):
        assert 0 < lines[title]["p50"] <= lines[title]["p95"]
