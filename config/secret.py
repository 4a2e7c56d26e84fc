"""The secret key: made at first run, kept in the data folder with mode 600, never a known one."""

import os
import secrets
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
    try:
        # O_EXCL: of two processes started at once only one makes the key, the other reads it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            raise ImproperlyConfigured(f"{path} can be read by others: run chmod 600 on it.") from None
        return _checked(path.read_text().strip(), str(path))
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_urlsafe(64)
        file.write(key)
    return key


def _checked(key: str, where: str) -> str:
    if len(key) < SHORTEST or len(set(key)) < 10 or key.startswith("django-insecure-"):
        raise ImproperlyConfigured(
            f"The secret key in {where} is empty, too short or a known example. Delete it and a new one is made."
        )
    return key
