"""The re-annotation benchmark on a few hundred stills: it runs, and tells what its readers look for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.ictau, pytest.mark.slow, pytest.mark.backendless]


def test_every_method_is_told_for_every_au_and_a_finished_seed_is_taken_up(ictau, tmp_path):
    def benched():
        command = [sys.executable, "benchmarks/wsc_quality.py", "--data", str(ictau), "--work", str(tmp_path)]
        command += ["--quick", "--faces", "400", "--seeds", "1", "--tables", "reference", "--json"]
        command += ["--keep", str(tmp_path / "kept")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr[-3000:]
        assert "\n| AU12 | " in done.stdout
        return json.loads(done.stdout.splitlines()[-1])

    told = benched()
    methods = {"wsc", "wsc_majority", "weak", "neighbours", "neighbours_base_rate", "kmeans", "cleanlab"}
    assert methods | {"score_base_rate"} == set(told["mean"]) == set(told["per_au"]["AU12"])
    assert all(0 < told["per_au"]["AU12"][method]["agreement"] <= 1 for method in methods)
    assert told["mean"]["weak"]["agreement"] > 0.8
    assert set(told["outliers"]) == {"wsc", "kth_distance", "local_outlier_factor", "isolation_forest"}
    path = tmp_path / "kept" / "reference-0.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps(kept | {"seconds": 4711.0}))
    assert benched()["seconds"] == [4711.0]
    path.write_text(json.dumps(kept | {"seconds": 4711.0, "fingerprint": "of another program"}))
    assert benched()["seconds"] != [4711.0]
