"""Finished runs of benchmarks/detectors.py: kept as JSON in the work folder, and not done again."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def mark_of(told: Any) -> str:
    """A short hash of all that decides a piece of work, JSON-ready."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def run_kept(work: Path, kind: str, told: Any, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the run gives; if one of the same kind and `told` was done before, what that gave."""
    path = work / f"{kind}-{mark_of(told)}.json"
    if not path.exists():
        path.write_text(json.dumps(run()))
    kept: dict[str, Any] = json.loads(path.read_text())
    return kept
