"""The few environment variables, read with types and clear complaints."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env

pytestmark = pytest.mark.backendless


def test_without_a_setting_the_database_is_sqlite_in_the_data_folder():
    assert env.database("", Path("/data"))["NAME"] == Path("/data/corrugator.sqlite3")


def test_a_postgresql_url_is_taken_apart():
    settings = env.database("postgresql://ann:p%40ss@db.example:5433/faces", Path("/data"))
    assert (settings["USER"], settings["PASSWORD"], settings["HOST"], settings["PORT"], settings["NAME"]) == (
        "ann", "p@ss", "db.example", "5433", "faces",
    )  # fmt: skip


def test_another_database_is_refused():
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL names 'mysql'"):
        env.database("mysql://x/y", Path("/data"))


def test_a_bucket_is_taken_from_the_storage_url():
    storage = env.storage("s3://faces/lab?endpoint_url=http://127.0.0.1:9000", Path("/data"))
    assert storage.options["bucket_name"] == "faces"
    assert storage.options["endpoint_url"] == "http://127.0.0.1:9000"


def test_a_number_that_is_none_is_named(monkeypatch):
    monkeypatch.setenv("CORRUGATOR_JOB_LEASE", "soon")
    with pytest.raises(ImproperlyConfigured, match="CORRUGATOR_JOB_LEASE must be a whole number"):
        env.whole_number("CORRUGATOR_JOB_LEASE", 30)
