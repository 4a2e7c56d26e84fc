"""The secret key: made at first run, kept in the data folder with mode 600, never a known one."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

SHORTEST = 40


def secret_key(data: Path, given: str = "") -> str:
    """The key given by the environment, else the one in `data/secret_key`, made when missing.

    Raises ImproperlyConfigured for a key that is empty, short, or made of few different signs
    (an example out of a manual), and for a key file that others can read.
    """
    if given:
        return _checked(given, "CORRUGATOR_SECRET_KEY")
    path = data / "secret_key"
    data.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise ImproperlyConfigured(f"{path} can be read by others: run chmod 600 on it.")
    return _checked(path.read_text().strip(), str(path))


def _make(path: Path) -> None:
    """Write a new key whole under another name and link it into place: of two processes started at once
    one makes the key and both read it, and one killed half-way leaves no empty key behind."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".secret_key.")  # mode 600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()


def _checked(key: str, where: str) -> str:
    if len(key) < SHORTEST or len(set(key)) < 10 or key.startswith("django-insecure-"):
        raise ImproperlyConfigured(
            f"The secret key in {where} is empty, too short or a known example. Delete it and a new one is made."
        )
    return key
