"""Stored faces as pixels: caches of several sizes, parts that pass by, pictures that can't be read."""

import fcntl
import threading

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from annotator.errors import InputRefused, JobCancelled
from annotator.models import Job
from annotator.services.job_running import JobContext
from tests.trainer.services.world import faces_drawn
from trainer.algorithms.callbacks import progress_ignore
from trainer.selectors.training_codes import face_table
from trainer.services import pictures
from trainer.services.pictures import faces_cache, faces_prepare, faces_stream


@pytest.fixture
def context(dataset):
    job = Job.objects.create(dataset=dataset, kind="training", target="x", queue="gpu", claim="mine")
    return JobContext(job, "mine")


def caches(own_data, dataset):
    return sorted(path.name for path in (own_data / "cache" / f"faces-{dataset.pk}").glob("*.npy*"))


def cache_of(context, dataset, size, **more):
    return faces_cache(context, dataset, face_table(dataset), size, progress_ignore, **more)


def test_caches_of_several_sizes_lie_side_by_side_and_a_newer_one_takes_its_elders_place(dataset, context, own_data):
    faces_drawn(dataset, np.eye(2, dtype=bool))
    assert cache_of(context, dataset, 32).shape == (2, 32, 32, 3)
    assert cache_of(context, dataset, 48).shape == (2, 48, 48, 3)
    assert cache_of(context, dataset, 32, whole=False).shape == (2, 32, 32, 3)
    before = caches(own_data, dataset)
    assert [name.rpartition("-")[0] for name in before] == ["32", "48", "part-32"]
    faces_drawn(dataset, np.eye(2, dtype=bool))
    assert cache_of(context, dataset, 32).shape == (4, 32, 32, 3)
    after = caches(own_data, dataset)
    assert len(after) == 3 and set(before) - set(after) == {before[0]}


def test_parts_that_pass_by_are_the_caches_rows(dataset, context, own_data, monkeypatch):
    faces_drawn(dataset, np.random.default_rng(0).random((7, 2)) < 0.5)
    faces = face_table(dataset)
    monkeypatch.setattr(pictures, "STREAM_FACES", 3)
    passing = list(faces_stream(context, dataset, faces, 40))
    assert [row for row, _pixels in passing] == [0, 3, 6] and not caches(own_data, dataset)
    cache = cache_of(context, dataset, 40)
    assert (np.concatenate([pixels for _row, pixels in passing]) == cache).all()
    later = list(faces_stream(context, dataset, faces, 40, start=3))
    assert [row for row, _pixels in later] == [3, 6] and (
        np.concatenate([part for _, part in later]) == cache[3:]
    ).all()


def test_a_picture_that_cannot_be_read_is_named(dataset, context, own_data):
    face = faces_drawn(dataset, np.eye(2, dtype=bool))[1]
    default_storage.delete(face.picture_name)
    default_storage.save(face.picture_name, ContentFile(b"no picture"))
    with pytest.raises(InputRefused, match=f"1 stored pictures .* face {face.pk}"):
        cache_of(context, dataset, 32)
    assert not caches(own_data, dataset)
    with pytest.raises(InputRefused, match=f"face {face.pk}"):
        list(faces_stream(context, dataset, face_table(dataset), 32))


def test_a_full_disk_is_said_before_the_work(dataset, context, monkeypatch):
    faces_drawn(dataset, np.eye(2, dtype=bool))
    monkeypatch.setattr(pictures.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 100})())
    with pytest.raises(InputRefused, match="GB are free"):
        cache_of(context, dataset, 32)


def test_few_of_many_faces_are_decoded_alone_unless_all_are_there(dataset, context, monkeypatch):
    faces_drawn(dataset, np.random.default_rng(0).random((9, 2)) < 0.5)
    faces, needed = face_table(dataset), np.arange(9) < 2
    monkeypatch.setattr(pictures, "WHOLE_FACES", 8)
    table, cache = faces_prepare(context, dataset, faces, 32, needed, progress_ignore)
    assert table.positions.tolist() == [0, 1] and len(cache) == 2
    whole = cache_of(context, dataset, 32)
    assert (whole[:2] == cache).all()
    table, cache = faces_prepare(context, dataset, faces, 32, needed, progress_ignore)
    assert len(cache) == 2  # the same job, resumed
    context.job.checkpoint = {}
    table, cache = faces_prepare(context, dataset, faces, 32, needed, progress_ignore)
    assert table is faces and len(cache) == 9


def test_a_second_process_waits_for_the_first_one_s_cache(dataset, context, own_data):
    faces_drawn(dataset, np.eye(2, dtype=bool))
    folder = own_data / "cache" / f"faces-{dataset.pk}"
    folder.mkdir(parents=True)
    with (folder / "32-lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Timer(0.3, lambda: fcntl.flock(held, fcntl.LOCK_UN)).start()
        assert cache_of(context, dataset, 32).shape == (2, 32, 32, 3)
        fcntl.flock(held, fcntl.LOCK_EX)
        context._cancelled.set()
        with pytest.raises(JobCancelled):
            cache_of(context, dataset, 32)
