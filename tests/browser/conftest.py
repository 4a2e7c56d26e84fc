"""What the walks in a browser need beside it: real workers and files to upload."""

import zipfile
from pathlib import Path

import pytest

from demo.faces import faces_draw
from tests.workers import worker


@pytest.fixture
def workers(transactional_db):
    """A worker for each queue."""
    with worker("io"), worker("cpu"), worker("gpu"):
        yield


@pytest.fixture(scope="session")
def faces_zip(tmp_path_factory) -> tuple[Path, Path]:
    """160 drawn faces of 8 subjects with their weak labels in one ZIP file, and the reference file beside it,
    which tells two subjects to train on and one to test on."""
    files = faces_draw(tmp_path_factory.mktemp("faces"), faces=160, seed=3)
    path = files.folder / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(files.labels, "labels.csv")
        for picture in sorted(files.pictures.rglob("*.*")):
            archive.write(picture, picture.relative_to(files.folder))
    return path, files.reference
