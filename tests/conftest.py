"""The cast and the data set that tests share; every test has files of its own."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotator.choices import Role
from annotator.models import DataSet, Member
from annotator.services.datasets import dataset_create
from tests.browsing import browser, page_of

__all__ = ["browser", "page_of"]

PASSWORD = "a long enough pass phrase"


@dataclass(frozen=True)
class Cast:
    """The people of the permission tests."""

    alice: User
    """Admin of the data set, and allowed to create others."""
    dora: User
    """Adjudicator."""
    bob: User
    """Coder."""
    cleo: User
    """A second coder."""
    ana: User
    """Analyst."""
    charlie: User
    """Has an account but is no member."""

    def client(self, name: str) -> Client:
        client = Client()
        client.force_login(getattr(self, name))
        return client


def pytest_collection_modifyitems(items):
    """One backend is enough for the algorithms, which know neither database nor broker, and for what a page does
    in the browser; whole loops and reviewing, where the browser writes much, are walked on both."""
    for item in items:
        in_browser = "browser" in item.path.parts and item.path.name not in ("test_loop.py", "test_review.py")
        if "algorithms" in item.path.parts or in_browser:
            item.add_marker(pytest.mark.backendless)


@pytest.fixture(autouse=True)
def no_beat_from_outside(request, monkeypatch):
    """A heartbeat has a connection of its own, which on PostgreSQL doesn't see the rows of a test that runs
    inside one transaction: it would take the job for lost as soon as the machine is slow."""
    if "transactional_db" not in request.fixturenames and "live_server" not in request.fixturenames:
        marks = request.node.iter_markers("django_db")
        if not any(mark.kwargs.get("transaction") for mark in marks):
            monkeypatch.setattr("annotator.services.job_running._beat", lambda context, done: None)


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    """Pictures, arrays, exports and uploads of this test lie in its own folder."""
    storages = {key: dict(value) for key, value in settings.STORAGES.items()}
    storages["default"] = {
        "BACKEND": "annotator.storage.FolderStorage",
        "OPTIONS": {"location": str(tmp_path / "files")},
    }
    storages["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = storages
    settings.UPLOADS = tmp_path / "uploads"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def cast(db) -> Cast:
    people = {
        name: User.objects.create_user(name, password=PASSWORD, is_staff=name == "alice")
        for name in Cast.__dataclass_fields__
    }
    return Cast(**people)


@pytest.fixture
def dataset(cast: Cast) -> DataSet:
    """A data set of AUs 1, 4, 12, 25 with the whole cast but Charlie; no faces yet."""
    dataset = dataset_create(name="Smiles", user=cast.alice, aus=[1, 4, 12, 25])
    for name, role in (
        ("dora", Role.ADJUDICATOR),
        ("bob", Role.CODER),
        ("cleo", Role.CODER),
        ("ana", Role.ANALYST),
    ):
        Member.objects.create(dataset=dataset, user=getattr(cast, name), role=role)
    return dataset


@pytest.fixture(scope="session")
def ictau() -> Path:
    """The folder of the ictau pictures; tests that ask for it skip where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "ictau"
    folder = Path(os.environ.get("CORRUGATOR_ICTAU", beside))
    if not (folder / "stills.csv").exists():
        pytest.skip("the ictau pictures are not here (set CORRUGATOR_ICTAU to their folder)")
    return folder
