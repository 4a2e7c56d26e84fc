"""An import broken off anywhere ends as if it had not been; other writers lose nothing meanwhile."""

import itertools
import threading
from pathlib import Path

import numpy as np
import pytest
from django.db import connection

from annotator.errors import JobCancelled
from annotator.models import AuditEntry, Face, Label
from annotator.selectors.arrays import array_read
from annotator.services import importing_chunks, importing_pictures, importing_run
from annotator.services.datasets import audit, dataset_create, revision_raise
from annotator.services.importing import import_start
from annotator.services.job_running import job_run
from annotator.services.labels import labels_write
from tests.annotator.importing import (  # noqa: F401  (quiet_heart is a fixture)
    batch_make,
    import_do,
    pictures_write,
    quiet_heart,
    table_write,
    world_of,
)
from tests.factories import faces_make, layer_make

SPLIT = {"train": ["gt"], "test": ["test"]}


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(importing_run, "PICTURES_AT_ONCE", 3)
    monkeypatch.setattr(importing_run, "ROWS_AT_ONCE", 4)


@pytest.fixture
def source(tmp_path) -> tuple[Path, Path]:
    """Ten rows in four chunks: two bad ones, two subjects, three splits, probabilities."""
    folder = pictures_write(tmp_path / "lab", [f"{n}.png" for n in range(10) if n != 4])
    splits = itertools.cycle(["gt", "test", "rest"])
    rows = [
        [f"{n}.png", "AB"[n % 2], "C", n, next(splits), n % 2, "maybe" if n == 7 else (n + 1) % 2, n / 10]
        for n in range(10)
    ]
    header = ["image", "subject", "clip", "frame", "split", "AU1", "AU12", "AU12_prob"]
    return table_write(tmp_path / "labels.csv", [header, *rows]), folder


class Killed(BaseException):
    """Stands for the end of the process: nothing in the import may catch it."""


def break_at(monkeypatch, place: str, count: int, error: type[BaseException] = Killed) -> None:
    """Make the `count`-th call of this function in the import raise, before it has done anything."""
    module, name = {
        "picture_take": (importing_run, "picture_take"),
        "labels_write": (importing_chunks, "labels_write"),
        "revision_raise": (importing_chunks, "revision_raise"),
        "probabilities_write": (importing_run, "probabilities_write"),
        "import_files_remove": (importing_run, "import_files_remove"),
        "storage": (importing_pictures, "thumbnail_encode"),
    }[place]
    real, calls = getattr(module, name), itertools.count(1)

    def breaking(*args, **options):
        if next(calls) == count:
            raise error
        return real(*args, **options)

    monkeypatch.setattr(module, name, breaking)


def run_broken(job_id: int) -> None:
    """Run the job as a worker that dies does: it stays in the state that the row has."""
    from annotator.choices import JobState
    from annotator.models import Job

    try:
        job_run(job_id)
    except Killed:
        Job.objects.filter(pk=job_id).update(state=JobState.QUEUED, claim="")


@pytest.mark.parametrize(
    ("place", "count"),
    [
        ("picture_take", 1),
        ("picture_take", 8),
        ("storage", 5),
        ("labels_write", 1),
        ("labels_write", 4),
        ("revision_raise", 1),
        ("revision_raise", 3),
        ("revision_raise", 4),
        ("probabilities_write", 1),
        ("import_files_remove", 1),
    ],
)
def test_a_killed_import_goes_on_to_the_same_end(
    dataset, cast, source, small_chunks, tmp_path, monkeypatch, place, count
):
    table, folder = source
    whole = dataset_create(name="Whole", user=cast.alice, aus=[1, 4, 12, 25])
    import_do(whole, cast.alice, table, [folder], split=SPLIT)

    batch = batch_make(dataset, cast.alice, table, [folder], split=SPLIT)
    job = import_start(batch=batch, user=cast.alice)
    with monkeypatch.context() as broken:
        break_at(broken, place, count)
        run_broken(job.pk)
    if batch.finished_at is None and place != "import_files_remove":
        assert dataset.faces.count() < 8 or place == "probabilities_write"
    done = job_run(job.pk)

    assert done.state == "done", done.error
    assert world_of(dataset) == world_of(whole)
    assert done.result["rows"] == 10 and done.result["problems"] == 2
    batch.refresh_from_db()
    assert (batch.faces_added, batch.rows_read) == (8, 10)
    arrays = [array_read(data.layers.get(kind="weak").probabilities, check=True) for data in (dataset, whole)]
    assert np.array_equal(*arrays, equal_nan=True)
    stored = tmp_path / "files" / "datasets" / str(dataset.pk)
    assert len([path for path in (stored / "pictures").rglob("*") if path.is_file()]) == 8
    assert len([path for path in (stored / "thumbnails").rglob("*") if path.is_file()]) == 8


def test_a_cancelled_import_keeps_what_was_finished_and_can_go_on(dataset, cast, source, small_chunks, monkeypatch):
    table, folder = source
    batch = batch_make(dataset, cast.alice, table, [folder])
    job = import_start(batch=batch, user=cast.alice)
    with monkeypatch.context() as broken:
        break_at(broken, "picture_take", 5, JobCancelled)
        assert job_run(job.pk).state == "cancelled"
    assert [face.image for face in dataset.faces.order_by("position")] == ["0.png", "1.png", "2.png"]
    assert job_run(import_start(batch=batch, user=cast.alice).pk).state == "done"
    assert dataset.faces.count() == 8
    assert dataset.jobs.count() == 1


def test_later_labels_killed_between_chunks_end_in_one_layer(dataset, cast, small_chunks, tmp_path, monkeypatch):
    faces_make(dataset, 9)
    rows = [[f"face-{n}.png", n % 2, n / 10] for n in range(9)]
    table = table_write(tmp_path / "l.csv", [["image", "AU1", "AU1_prob"], *rows])
    batch = batch_make(dataset, cast.alice, table)
    job = import_start(batch=batch, user=cast.alice)
    with monkeypatch.context() as broken:
        break_at(broken, "labels_write", 2)
        run_broken(job.pk)
    assert Label.objects.count() == 4
    assert job_run(job.pk).state == "done"
    layer = dataset.layers.get()
    assert layer.labels.count() == 9
    bit = dataset.coded_aus.get(au=1).bit
    assert array_read(layer.probabilities)[:, bit].tolist() == [np.float16(n / 10) for n in range(9)]


@pytest.mark.django_db(transaction=True)
def test_ten_writers_beside_an_import_lose_nothing(dataset, cast, tmp_path, small_chunks):
    """LS 5755: on SQLite too, every write that was answered is there afterwards."""
    names = [f"p{n}.png" for n in range(24)]
    folder = pictures_write(tmp_path / "lab", names)
    table = table_write(tmp_path / "l.csv", [["image", "AU1"], *[[name, 1] for name in names]])
    faces = faces_make(dataset, 10)
    layer = layer_make(dataset, "reference")
    batch = batch_make(dataset, cast.alice, table, [folder])
    job = import_start(batch=batch, user=cast.alice)
    failures: list[Exception] = []
    before = type(dataset).objects.get(pk=dataset.pk).revision

    def write(number: int) -> None:
        from django.db import transaction

        try:
            for step in range(8):
                mask = np.array([1 << step], np.int64)
                with transaction.atomic():
                    labels_write(
                        layer=layer,
                        face_ids=[faces[number].pk],
                        present=mask,
                        scored=mask,
                        unscorable=mask * 0,
                        merge_mask=int(mask[0]),
                    )
                    audit(dataset, cast.alice, f"write {number}", step=step)
                    revision_raise(type(dataset).objects.get(pk=dataset.pk))
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    done = job_run(job.pk)
    for thread in threads:
        thread.join()

    assert failures == []
    assert done.state == "done", done.error
    assert set(layer.labels.values_list("scored", flat=True)) == {0xFF}
    assert AuditEntry.objects.filter(action__startswith="write ").count() == 80
    assert Face.objects.filter(image__in=names).count() == 24
    after = type(dataset).objects.get(pk=dataset.pk)
    assert after.next_position == 34
    assert after.revision >= before + 80 + 8


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_make_each_face_once(dataset, cast, tmp_path, small_chunks):
    names = [f"p{n}.png" for n in range(12)]
    folder = pictures_write(tmp_path / "lab", names)
    rows = [["image", "AU1"], *[[name, 1] for name in names]]
    jobs = []
    for number in (1, 2):
        batch = batch_make(dataset, cast.alice, table_write(tmp_path / f"{number}.csv", rows), [folder])
        jobs.append(import_start(batch=batch, user=cast.alice))

    def work(job_id: int) -> None:
        try:
            job_run(job_id)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(job.pk,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job in jobs:
        job.refresh_from_db()
        assert job.state == "done", job.error
    assert dataset.faces.count() == 12
    assert sorted(dataset.faces.values_list("position", flat=True)) == list(range(12))
    assert sum(job.result["faces"] for job in jobs) == 12
    assert sum(job.result["problems"] for job in jobs) == 12
    stored = tmp_path / "files" / "datasets" / str(dataset.pk) / "pictures"
    assert len([path for path in stored.rglob("*") if path.is_file()]) == 12
