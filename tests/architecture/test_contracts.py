"""What machines guard: the direction of imports, style, types, migrations, the deployment check."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
pytestmark = pytest.mark.backendless


def passes(*command: str, **environment: str) -> None:
    # Without what the suite itself sets for its browser tests.
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    done = subprocess.run(command, cwd=ROOT, env=inherited | environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]


def test_imports_keep_their_direction():
    passes(str(BIN / "lint-imports"), "--no-cache")


def test_ruff_finds_nothing():
    passes(str(BIN / "ruff"), "check", ".")


def test_the_code_is_formatted():
    passes(str(BIN / "ruff"), "format", "--check", ".")


def test_types_hold():
    passes(str(BIN / "mypy"))


def test_no_migration_is_missing():
    passes(sys.executable, "manage.py", "makemigrations", "--check", "--dry-run")


def test_a_deployment_behind_tls_passes_djangos_check():
    with tempfile.TemporaryDirectory() as data:
        passes(
            sys.executable,
            "manage.py",
            "check",
            "--deploy",
            "--fail-level",
            "WARNING",
            CORRUGATOR_DATA=data,
            CORRUGATOR_ADDRESS="https://corrugator.example.org",
        )
