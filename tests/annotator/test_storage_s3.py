"""STORAGE_URL=s3://…: import, thumbnails, arrays, export and withdrawal, all against a bucket."""

import csv
import io
import logging
from pathlib import Path

import boto3
import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from moto.server import ThreadedMotoServer

from annotator.choices import JobState
from annotator.errors import CorrugatorError
from annotator.models import Export, Face
from annotator.selectors.arrays import array_read
from annotator.selectors.withdrawal import receipts
from annotator.services.arrays import array_write
from annotator.services.exporting import export_create
from annotator.services.job_running import job_run
from annotator.services.withdrawal import subject_withdraw, withdrawal_leftovers_delete
from config import env
from tests.annotator.importing import import_do, pictures_write, quiet_heart, table_write

__all__ = ["quiet_heart"]

pytestmark = pytest.mark.slow
BUCKET, PREFIX = "faces", "lab/one"


@pytest.fixture(scope="module")
def server():
    """A bucket store on the loopback, its address."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    _host, port = running.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    running.stop()


@pytest.fixture
def bucket(server, settings, tmp_path, monkeypatch):
    """An empty bucket, and the settings that STORAGE_URL makes for it; its client."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    files = env.storage(f"s3://{BUCKET}/{PREFIX}?endpoint_url={server}&region_name=us-east-1", tmp_path)
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": files.backend, "OPTIONS": files.options}}
    settings.DATA = tmp_path / "data"
    settings.DATA.mkdir()
    yield client
    for name in keys(client):
        client.delete_object(Bucket=BUCKET, Key=name)
    client.delete_bucket(Bucket=BUCKET)


def keys(client):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return sorted(found["Key"] for page in pages for found in page.get("Contents", []))


@pytest.fixture
def imported(bucket, dataset, cast, tmp_path):
    """Five pictures of two subjects, imported into the bucket."""
    names = [f"{'abb'[i % 3]}/{i}.png" for i in range(5)]
    folder = pictures_write(tmp_path / "lab", names)
    rows = [[name, name[0], number % 2] for number, name in enumerate(names)]
    table = table_write(tmp_path / "weak.csv", [["image", "subject", "AU12"], *rows])
    _batch, job = import_do(dataset, cast.alice, table, [folder])
    assert job.state == JobState.DONE, job.error
    dataset.refresh_from_db()
    return dataset


def test_pictures_are_imported_into_the_bucket_and_served(imported, bucket, cast):
    faces = list(Face.objects.all())
    stored = {f"{PREFIX}/{name}" for f in faces for name in (f.picture_name, f.thumbnail_name)}
    assert len(stored) == 10 and set(keys(bucket)) == stored
    for face in faces:
        for route in ("face_picture", "face_thumbnail"):
            response = cast.client("bob").get(reverse(route, args=[imported.pk, face.key.hex]))
            body = b"".join(response.streaming_content)
            assert response.status_code == 200 and response["Content-Type"] == "image/webp"
            assert body[:4] == b"RIFF" and body[8:12] == b"WEBP"


def test_a_picture_that_is_not_in_the_bucket_answers_404(imported, bucket, cast):
    face = Face.objects.first()
    bucket.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/{face.thumbnail_name}")
    address = reverse("face_thumbnail", args=[imported.pk, face.key.hex])
    assert cast.client("bob").get(address).status_code == 404


def test_arrays_go_to_the_bucket_and_come_back_checked(imported, bucket, settings):
    values = np.random.default_rng(0).normal(size=(5, 300)).astype(np.float32)
    array = array_write(dataset=imported, purpose="features", values=values)
    assert f"{PREFIX}/{array.name}" in keys(bucket)
    read = array_read(array, check=True)
    assert np.array_equal(read, values) and isinstance(read, np.memmap)


def test_large_files_from_the_bucket_do_not_fill_the_memory(imported, bucket):
    name = default_storage.save("large", io.BytesIO(bytes(9 * 2**20)))
    with default_storage.open(name) as file:
        assert len(file.read(1 << 20)) == 1 << 20
        assert file.file._rolled


def test_options_of_the_address_can_be_true_or_false(tmp_path):
    options = env.storage("s3://faces?verify=false&use_ssl=True&region_name=x", tmp_path).options
    assert options["verify"] is False and options["use_ssl"] is True and options["region_name"] == "x"


def test_a_damaged_array_in_the_bucket_is_found_out(imported, bucket):
    array = array_write(dataset=imported, purpose="features", values=np.ones((5, 2), np.float32))
    key = f"{PREFIX}/{array.name}"
    data = bytearray(bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    data[-1] ^= 1
    bucket.put_object(Bucket=BUCKET, Key=key, Body=bytes(data))
    with pytest.raises(CorrugatorError, match="damaged"):
        array_read(array, check=True)
    data[-1] ^= 1
    bucket.put_object(Bucket=BUCKET, Key=key, Body=bytes(data))
    assert array_read(array, check=True).all()


def test_a_missing_array_is_told_in_words_and_leaves_no_part(imported, bucket, settings):
    array = array_write(dataset=imported, purpose="features", values=np.ones((5, 2), np.float32))
    bucket.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/{array.name}")
    with pytest.raises(CorrugatorError, match="missing"):
        array_read(array)
    copies = (Path(settings.DATA) / "cache" / array.name).parent
    assert not list(copies.iterdir())


def test_an_export_is_made_and_taken_from_the_bucket(imported, bucket, cast):
    export, job = export_create(
        dataset=imported, user=cast.ana, shape="wide", preset="standard", accept_proposals=False
    )
    done = job_run(job.pk)
    assert done.state == JobState.DONE, done.error
    export.refresh_from_db()
    assert {f"{PREFIX}/{export.file_name}", f"{PREFIX}/{export.dictionary_name}"} <= set(keys(bucket))
    response = cast.client("ana").get(reverse("export_download", args=[imported.pk, export.pk]))
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert response.status_code == 200 and [row["image"] for row in rows] == [
        face.image for face in Face.objects.order_by("position")
    ]


def test_a_withdrawn_subject_is_gone_from_the_bucket(
    imported, bucket, cast, settings, django_capture_on_commit_callbacks
):
    array = array_write(dataset=imported, purpose="features", values=np.ones((5, 2), np.float32))
    _export, job = export_create(
        dataset=imported, user=cast.ana, shape="wide", preset="standard", accept_proposals=False
    )
    job_run(job.pk)
    stray = default_storage.save(f"datasets/{imported.pk}/pictures/ab/{'ab' * 16}", io.BytesIO(b"x"))
    with django_capture_on_commit_callbacks(execute=True):
        subject_withdraw(dataset=imported, user=cast.alice, pseudonym="a", confirm="a")
    assert receipts(imported)[0].files_deleted and Export.objects.get().file_name == ""
    assert withdrawal_leftovers_delete(dataset=imported, user=cast.alice) == 0
    array.refresh_from_db()
    left = {f"{PREFIX}/{name}" for f in Face.objects.all() for name in (f.picture_name, f.thumbnail_name)}
    assert set(keys(bucket)) == left | {f"{PREFIX}/{array.name}"} and not default_storage.exists(stray)
    assert np.isnan(array_read(array, check=True)).any(axis=1).tolist() == [True, False, False, True, False]
    copies = {path.name for path in Path(settings.DATA).rglob("*.npy")}
    assert copies == {Path(array.name).name}
