"""Typed reading of the few environment variables that Corrugator knows.

With none of them set everything is embedded: SQLite, a private Redis and files under `var/`.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def words(name: str) -> list[str]:
    return [word for word in text(name).replace(",", " ").split() if word]


def flag(name: str, default: bool = False) -> bool:
    value = text(name).lower()
    if value in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return default if value == "" else value in {"1", "true", "yes", "on"}
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def whole_number(name: str, default: int) -> int:
    value = text(name)
    try:
        return int(value) if value else default
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error


def database(url: str, data: Path) -> dict[str, Any]:
    """Django's database settings for `DATABASE_URL`: empty (SQLite in the data folder),
    sqlite:///path, or postgresql://user:password@host:port/name?host=/socket/folder."""
    parts = urlsplit(url)
    if not url or parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": parts.path or data / "corrugator.sqlite3",
            # A file, not memory: tests share it with real worker processes.
            "TEST": {"NAME": data / "test.sqlite3"},
            # IMMEDIATE takes the write lock at the start of a transaction, so that two writers
            # queue for it (up to `timeout` seconds) and neither fails half-way with "locked".
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;"
                    "PRAGMA mmap_size=268435456;"
                ),
            },
        }
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"DATABASE_URL names {parts.scheme!r}; use sqlite or postgresql.")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host") or parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True)
class Storage:
    """Where pictures, arrays and exports lie: a folder, or a bucket."""

    backend: str
    options: dict[str, Any]


def storage(url: str, data: Path) -> Storage:
    """Django's storage settings for `STORAGE_URL`: empty (a folder in the data folder) or
    s3://bucket/prefix?endpoint_url=...&region_name=... ."""
    if not url:
        return Storage(
            "annotator.storage.FolderStorage", {"location": Path(text("CORRUGATOR_FILES") or data / "files")}
        )
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise ImproperlyConfigured("STORAGE_URL must look like s3://bucket/prefix.")
    options: dict[str, Any] = {
        "bucket_name": parts.netloc,
        "location": parts.path.strip("/"),
        "default_acl": None,
        "querystring_auth": True,
        "file_overwrite": True,
        # What is read from the bucket and larger than this goes to a file first, not to memory.
        "max_memory_size": 8 * 2**20,
    }
    given = {key: _TRUTHS.get(value.lower(), value) for key, value in parse_qsl(parts.query)}
    return Storage("storages.backends.s3.S3Storage", options | given)
