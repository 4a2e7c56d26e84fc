"""How pages feel in a browser is told for a few faces, from a real server."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.backendless]


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium on this machine")
def test_the_map_is_drawn_a_lasso_told_and_clusters_are_scrolled():
    command = [sys.executable, "benchmarks/web_feel.py", "--faces", "2000", "--repeat", "1", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = json.loads(done.stdout.splitlines()[-1])["lines"]
    for name in ("map drawn", "lasso", "500 shown", "5,000 scroll, gap"):
        assert lines[name][0] > 0, name
