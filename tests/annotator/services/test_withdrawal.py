"""The withdrawal of a subject: nothing of them is left, nobody else's is touched, a receipt stays."""

import hashlib
import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from annotator.choices import AssignmentState, DecisionKind, JobState, LayerKind, Mode, Scope
from annotator.errors import Conflict, InputRefused, NotFound
from annotator.models import (
    ArrayFile,
    Assignment,
    AssignmentFace,
    AuditEntry,
    Clip,
    Cluster,
    Decision,
    DecisionEvent,
    DecisionFace,
    Detector,
    Event,
    Face,
    ImportBatch,
    ImportRow,
    Job,
    Label,
    LabelSnapshot,
    Subject,
    Withdrawal,
)
from annotator.selectors.arrays import array_read
from annotator.selectors.events import event_words
from annotator.selectors.withdrawal import NameMatcher, receipts, withdrawal_preview
from annotator.services import withdrawal
from annotator.services.arrays import array_write
from annotator.services.decisions import decision_make, decision_undo
from annotator.services.events import EventOrder, event_decide
from annotator.services.exporting import export_create
from annotator.services.importing import import_prepare
from annotator.services.importing_tables import upload_path
from annotator.services.job_running import job_run
from annotator.services.jobs import job_create, job_resume
from annotator.services.withdrawal import subject_withdraw, withdrawal_leftovers_delete
from tests.annotator.importing import import_do, pictures_write, quiet_heart, table_write
from tests.factories import detector_make, faces_make, picture_bytes, run_make

__all__ = ["quiet_heart"]

GONE = "zwiebelfisch17"
STAYS = "quastenflosser4"
HEADER = ["image", "subject", "clip", "frame", "AU12", "AU12_prob"]


@pytest.fixture
def own_data(settings, tmp_path):
    """A data folder of this test's own, so that all of it can be searched."""
    settings.DATA = tmp_path / "data"
    settings.DATA.mkdir()
    return settings.DATA


@pytest.fixture
def lived_in(dataset, cast, tmp_path, own_data):
    """Two subjects of three frames, imported; a run, a detector, decisions, events, an export."""
    rows = [
        [f"{who}/clip/{frame}.png", who, f"{who}-smiles", frame, frame % 2, 0.25 * frame]
        for who in (GONE, STAYS)
        for frame in range(3)
    ]
    rows.append([f"{GONE}/clip/missing.png", GONE, "", 9, 1, 0.5])
    pictures = pictures_write(tmp_path / "lab", [row[0] for row in rows[:-1]])
    table = table_write(tmp_path / "lab" / "weak.csv", [HEADER, *rows])
    _batch, job = import_do(dataset, cast.alice, table, [pictures])
    assert job.state == JobState.DONE, job.error
    dataset.refresh_from_db()
    faces = list(Face.objects.order_by("position"))
    weak = dataset.layers.get(kind=LayerKind.WEAK)
    run_make(dataset, faces, 12, [0, 1, 1, 1, 2, 2], [1, 1, 0, 0, 1, 1], weak_layer=weak)
    array_write(dataset=dataset, purpose="features", values=np.arange(12, dtype=np.float32).reshape(6, 2))
    array_write(dataset=dataset, purpose="short", values=np.ones((1, 2), np.uint32))
    codes = np.array([[1], [0], [-1], [1], [1], [0]], np.int8)
    snapshot = LabelSnapshot.objects.create(
        dataset=dataset,
        revision=1,
        protocol=dataset.protocols.latest("version"),
        aus=[12],
        codes=array_write(dataset=dataset, purpose="snapshot", values=codes),
    )
    Detector.objects.create(
        dataset=dataset, name="Small", method="alexnet", aus=[12], snapshot=snapshot, seed=0, weights_name="w"
    )
    for clip in Clip.objects.all():
        Event.objects.create(layer=weak, clip=clip, au=12, onset=0)
    _decide(cast.bob, dataset, faces[:2], f"{GONE} blinks")
    _decide(cast.bob, dataset, faces[2:5], f"like {GONE}/clip/1.png")
    _decide(cast.bob, dataset, faces[3:], "clear")
    for own in (faces[:2], faces[1:4]):
        assignment = Assignment.objects.create(
            dataset=dataset, coder=cast.cleo, aus=1, lease_until="2100-01-01T00:00Z"
        )
        AssignmentFace.objects.bulk_create(AssignmentFace(assignment=assignment, face=face) for face in own)
    _export, job = export_create(
        dataset=dataset, user=cast.ana, shape="wide", preset="standard", accept_proposals=False
    )
    assert job_run(job.pk).state == JobState.DONE
    for folder in (f"cache/faces-{dataset.pk}", f"cache/neighbours-{dataset.pk}", f"jobs/{job.pk}"):
        (own_data / folder).mkdir(parents=True)
        (own_data / folder / "0.npz").write_bytes(GONE.encode())
    return dataset


def _decide(user, dataset, faces, note):
    decision = Decision.objects.create(
        dataset=dataset,
        user=user,
        client_id=faces[0].key,
        kind="confirm",
        aus=1,
        mode=Mode.ASSISTED,
        scope=Scope.SELECTION,
        note=note,
        protocol_version=1,
        revision=1,
    )
    zero = dict.fromkeys(
        (f"{when}_{what}" for when in ("old", "new") for what in ("present", "scored", "unscorable", "noise")), 0
    )
    DecisionFace.objects.bulk_create(DecisionFace(decision=decision, face=face, **zero) for face in faces)


def withdraw(dataset, cast, name=GONE):
    return subject_withdraw(dataset=dataset, user=cast.alice, pseudonym=name, confirm=name)


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Run what waits for the commit, which a test's own transaction never does."""

    def run(dataset, cast, name=GONE):
        with django_capture_on_commit_callbacks(execute=True):
            return withdraw(dataset, cast, name)

    return run


def rows_that_say(word):
    """(table, row) of every value in the database that has the word in it."""
    return [
        (model.__name__, row)
        for model in apps.get_models(include_auto_created=True)
        for row in model.objects.values_list()
        if any(word in str(bytes(v) if isinstance(v, memoryview) else v) for v in row)
    ]


def files_that_say(folder: Path, word):
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and (word in str(path) or word.encode() in path.read_bytes())
    ]


def test_no_row_of_any_table_speaks_of_the_subject(lived_in, cast, committed):
    assert {name for name, _row in rows_that_say(GONE)} >= {"Subject", "Clip", "Face", "ImportRow", "Decision"}
    committed(lived_in, cast)
    assert rows_that_say(GONE) == []


def test_no_file_of_ours_speaks_of_the_subject(lived_in, cast, committed, own_data, tmp_path):
    names = [
        n for face in Face.objects.filter(subject__pseudonym=GONE) for n in (face.picture_name, face.thumbnail_name)
    ]
    assert all(map(default_storage.exists, names))
    committed(lived_in, cast)
    assert not any(map(default_storage.exists, names))
    assert files_that_say(tmp_path / "files", GONE) == files_that_say(own_data, GONE) == []
    stored = {path.name for path in (tmp_path / "files").rglob("*.npy")}
    assert stored == {Path(array.name).name for array in ArrayFile.objects.all()}
    assert len(list((tmp_path / "files").rglob("pictures/*/*"))) == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps its files to itself")
def test_sqlite_keeps_nothing_of_what_it_deleted(lived_in, cast):
    withdraw(lived_in, cast)
    database = Path(connection.settings_dict["NAME"])
    for path in (database, database.with_name(database.name + "-wal")):
        assert not path.exists() or GONE.encode() not in path.read_bytes()


def test_arrays_are_blank_at_the_subject_and_whole_elsewhere(lived_in, cast, committed):
    before = {array.pk: (array.name, np.array(array_read(array))) for array in ArrayFile.objects.all()}
    committed(lived_in, cast)
    for array in ArrayFile.objects.all():
        name, old = before[array.pk]
        new = array_read(array, check=True)
        assert (new.dtype, new.shape) == (old.dtype, old.shape) and array.name != name
        assert np.array_equal(new[3:], old[3:], equal_nan=new.dtype.kind == "f")
        gone = np.asarray(new[:3])
        kind = new.dtype.kind
        assert np.isnan(gone).all() if kind == "f" else (gone == (-1 if kind == "i" else 0)).all()


def test_the_others_keep_everything(lived_in, cast, committed):
    def world():
        mine = Face.objects.filter(subject__pseudonym=STAYS)
        return (
            list(mine.order_by("pk").values()),
            list(Label.objects.filter(face__in=mine).order_by("pk").values()),
            list(DecisionFace.objects.filter(face__in=mine).order_by("pk").values()),
            list(ImportRow.objects.filter(face__in=mine).order_by("pk").values()),
            list(Clip.objects.filter(subject__pseudonym=STAYS).values()),
            list(Event.objects.filter(clip__subject__pseudonym=STAYS).values()),
        )

    before = world()
    committed(lived_in, cast)
    assert world() == before and len(before[0]) == 3
    assert list(Decision.objects.order_by("pk").values_list("note", flat=True)) == ["", "", "clear"]
    assert all(default_storage.exists(face.picture_name) for face in Face.objects.all())


def test_clusters_shrink_and_empty_ones_wait_for_nobody(lived_in, cast, committed):
    committed(lived_in, cast)
    sizes = dict(Cluster.objects.values_list("number", "size"))
    assert sizes == {0: 0, 1: 1, 2: 2}
    states = Assignment.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [AssignmentState.RELEASED, AssignmentState.OPEN]


def test_the_receipt_names_nobody_and_stays(lived_in, cast, committed):
    revision = lived_in.revision
    receipt = committed(lived_in, cast)
    assert receipt.subject_sha256 == hashlib.sha256(GONE.encode()).hexdigest()
    assert (receipt.faces, receipt.withdrawn_by) == (3, cast.alice)
    entry = AuditEntry.objects.get(action="subject withdrawn")
    assert entry.detail["detectors"] == ["Small"] and entry.detail["exports"] == 1
    assert [one.files_deleted for one in receipts(lived_in)] == [True]
    lived_in.refresh_from_db()
    assert lived_in.revision > revision
    with pytest.raises(NotFound, match="withdrawn already"):
        withdraw(lived_in, cast)


def test_positions_are_not_given_again(lived_in, cast, committed, tmp_path):
    committed(lived_in, cast)
    table = table_write(tmp_path / "lab" / "more.csv", [HEADER, ["new.png", "new", "", "", 1, ""]])
    import_do(lived_in, cast.alice, table, [pictures_write(tmp_path / "lab", ["new.png"])])
    assert list(Face.objects.order_by("position").values_list("position", flat=True)) == [3, 4, 5, 6]


def test_the_subject_does_not_come_back_by_a_later_import(lived_in, cast, committed, tmp_path):
    committed(lived_in, cast)
    import_do(lived_in, cast.alice, tmp_path / "lab" / "weak.csv", [tmp_path / "lab"])
    assert not Subject.objects.filter(pseudonym=GONE).exists()
    assert rows_that_say(f"{GONE}/clip") == []


@pytest.mark.parametrize("kind", ["import", "features", "clustering", "export"])
def test_refused_while_a_job_is_at_work(lived_in, cast, kind):
    job, _new = job_create(dataset=lived_in, kind=kind, target="x")
    with pytest.raises(Conflict, match=f"number {job.pk}"):
        withdraw(lived_in, cast)
    with pytest.raises(Conflict):
        withdrawal_leftovers_delete(dataset=lived_in, user=cast.alice)
    assert Face.objects.count() == 6 and not Withdrawal.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_no_job_begins_while_a_subject_is_withdrawn(lived_in, cast, monkeypatch):
    inside, go_on = threading.Event(), threading.Event()

    def held(found, user, batches):
        inside.set()
        assert go_on.wait(20)
        return real(found, user, batches)

    def elsewhere(work, *args, **options):
        try:
            return work(*args, **options)
        finally:
            connection.close()

    real = withdrawal._withdraw
    monkeypatch.setattr(withdrawal, "_withdraw", held)
    resumable = Job.objects.create(
        dataset=lived_in, kind="features", target="features", queue="gpu", state=JobState.FAILED
    )
    with ThreadPoolExecutor(3) as pool:
        withdrawing = pool.submit(elsewhere, withdraw, lived_in, cast)
        assert inside.wait(20)
        started = pool.submit(elsewhere, job_create, dataset=lived_in, kind="clustering", target="run")
        resumed = pool.submit(elsewhere, job_resume, job=resumable)
        time.sleep(0.3)
        early = started.done() or resumed.done()
        go_on.set()
        assert withdrawing.result(20).faces == 3
        assert started.result(20)[1] and resumed.result(20).state == JobState.QUEUED
    assert not early


def test_refused_unless_confirmed(lived_in, cast):
    with pytest.raises(InputRefused, match="confirm"):
        subject_withdraw(dataset=lived_in, user=cast.alice, pseudonym=GONE, confirm=GONE.upper())
    assert Face.objects.count() == 6


def test_a_face_without_subject_goes_by_its_image(dataset, cast, committed):
    faces = faces_make(dataset, 2, pictures=True)
    clip = Clip.objects.create(dataset=dataset, name="alone")
    Face.objects.filter(pk=faces[0].pk).update(clip=clip)
    receipt = committed(dataset, cast, "face-0.png")
    assert receipt.faces == 1 and list(Face.objects.all()) == [faces[1]]
    assert not Clip.objects.exists() and not default_storage.exists(faces[0].picture_name)


def test_a_clip_without_subject_stays_with_its_other_faces(dataset, cast, committed):
    clip = Clip.objects.create(dataset=dataset, name="shared")
    faces_make(dataset, 2, clip=clip)
    committed(dataset, cast, "face-0.png")
    assert Face.objects.get().clip == clip


def test_a_bystander_in_the_subjects_clip_stays(dataset, cast, committed):
    subject = Subject.objects.create(dataset=dataset, pseudonym=GONE)
    clip = Clip.objects.create(dataset=dataset, subject=subject, name="both")
    faces_make(dataset, 1, clip=clip, subject=subject)
    other = faces_make(dataset, 1, clip=clip)[0]
    committed(dataset, cast)
    other.refresh_from_db()
    assert other.clip is None and not Clip.objects.exists()


def test_uploads_of_unfinished_imports_go_if_they_hold_the_subject(dataset, cast, committed, own_data):
    Subject.objects.create(dataset=dataset, pseudonym=GONE)
    batches = {}
    for who in (GONE, STAYS):
        path = table_write(upload_path(".csv"), [HEADER, ["a.png", who, "", "", 1, ""]])
        batches[who] = import_prepare(
            dataset=dataset,
            user=cast.alice,
            labels_path=path,
            labels_file="x.csv",
            with_pictures=False,
            owns_files=True,
        )
    committed(dataset, cast)
    assert list(ImportBatch.objects.all()) == [batches[STAYS]]
    assert not Path(batches[GONE].labels_path).exists() and Path(batches[STAYS].labels_path).exists()


def test_an_import_that_broke_off_loses_its_uploads_and_keeps_its_row(dataset, cast, committed, own_data):
    Subject.objects.create(dataset=dataset, pseudonym=GONE)
    path = table_write(upload_path(".csv"), [HEADER, ["a.png", GONE, "", "", 1, ""]])
    batch = import_prepare(
        dataset=dataset, user=cast.alice, labels_path=path, labels_file="x.csv", with_pictures=False, owns_files=True
    )
    batch.job = Job.objects.create(dataset=dataset, kind="import", target="x", queue="io", state=JobState.FAILED)
    batch.split_roles = {"train": [GONE, STAYS], "test": []}
    batch.save()
    committed(dataset, cast)
    batch.refresh_from_db()
    assert not path.exists() and batch.labels_path == "" and batch.split_roles["train"] == [STAYS]


def test_what_the_storage_would_not_delete_is_deleted_later(lived_in, cast, committed, monkeypatch):
    lost = Face.objects.filter(subject__pseudonym=GONE).first()
    delete = type(default_storage._wrapped).delete

    def refuse(storage, name):
        if lost.key.hex in name:
            raise OSError("the disk is away")
        delete(storage, name)

    monkeypatch.setattr(type(default_storage._wrapped), "delete", refuse)
    committed(lived_in, cast)
    assert default_storage.exists(lost.picture_name) and not receipts(lived_in)[0].files_deleted
    assert withdrawal_leftovers_delete(dataset=lived_in, user=cast.alice) == 2
    monkeypatch.setattr(type(default_storage._wrapped), "delete", delete)
    assert withdrawal_leftovers_delete(dataset=lived_in, user=cast.alice) == 0
    assert not default_storage.exists(lost.picture_name) and receipts(lived_in)[0].files_deleted
    assert all(default_storage.exists(face.thumbnail_name) for face in Face.objects.all())


def test_a_process_killed_after_the_commit_leaves_work_for_later(lived_in, cast):
    lost = Face.objects.filter(subject__pseudonym=GONE).first()
    withdraw(lived_in, cast)  # what waits for the commit never runs here
    assert default_storage.exists(lost.picture_name) and not receipts(lived_in)[0].files_deleted
    assert withdrawal_leftovers_delete(dataset=lived_in, user=cast.alice) == 0
    assert not default_storage.exists(lost.picture_name) and receipts(lived_in)[0].files_deleted


def test_the_sweep_takes_what_broke_off_and_nothing_that_is_named(dataset, cast, own_data):
    faces = faces_make(dataset, 3, pictures=True)
    array = array_write(dataset=dataset, purpose="features", values=np.ones((3, 1), np.float32))
    stray = [
        f"datasets/{dataset.pk}/arrays/stray.npy",
        f"datasets/{dataset.pk}/exports/stray.csv",
        f"datasets/{dataset.pk}/pictures/ab/{'ab' * 16}",
        f"datasets/{dataset.pk}/thumbnails/ab/{'ab' * 16}",
    ]
    for name in stray:
        default_storage.save(name, ContentFile(picture_bytes()))
    old, fresh = upload_path(".upload"), upload_path(".upload")
    for path in (old, fresh):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    assert withdrawal_leftovers_delete(dataset=dataset, user=cast.alice) == 0
    assert not any(map(default_storage.exists, stray)) and not old.exists() and fresh.exists()
    assert all(default_storage.exists(name) for f in faces for name in (f.picture_name, f.thumbnail_name))
    assert array_read(array, check=True).shape == (3, 1)


def test_a_damaged_array_is_blanked_and_still_told_as_damaged(dataset, cast, committed):
    faces_make(dataset, 2)
    array = array_write(dataset=dataset, purpose="features", values=np.ones((2, 1), np.float32))
    ArrayFile.objects.update(sha256="0" * 64)
    committed(dataset, cast, "face-0.png")
    array.refresh_from_db()
    assert np.isnan(array_read(array)[0]).all() and array.sha256 == "0" * 64


def test_an_array_too_damaged_to_read_is_deleted_whole(dataset, cast, committed):
    faces_make(dataset, 1)
    array = array_write(dataset=dataset, purpose="features", values=np.ones((1, 1), np.float32))
    default_storage.save(array.name, ContentFile(GONE.encode()))
    committed(dataset, cast, "face-0.png")
    assert not default_storage.exists(array.name)


def test_a_missing_array_hinders_nobody(dataset, cast, committed):
    faces_make(dataset, 1)
    array = array_write(dataset=dataset, purpose="features", values=np.ones((1, 1), np.float32))
    default_storage.delete(array.name)
    assert committed(dataset, cast, "face-0.png").faces == 1


def test_the_preview_counts_what_goes(lived_in, cast):
    preview = withdrawal_preview(lived_in, GONE)
    assert (preview.faces, preview.clips, preview.events, preview.rows) == (3, 1, 1, 3)
    assert preview.labels == 6 and preview.decisions == 3 and preview.exports == 1
    assert preview.arrays == ArrayFile.objects.count() and [d.name for d in preview.detectors] == ["Small"]


def seen_by(dataset, *learned, **fields):
    """A detector with codes of nobody, of which `learned` are (faces, 2): by the detector, by its encoder."""
    detector = detector_make(dataset, **fields)
    codes = array_write(dataset=dataset, purpose="snapshot", values=np.full((len(learned), 2), -1, np.int8))
    LabelSnapshot.objects.filter(pk=detector.snapshot_id).update(codes=codes)
    detector.seen = array_write(dataset=dataset, purpose="seen", values=np.array(learned, bool))
    detector.save()
    return detector


def test_a_detector_that_learned_from_a_face_without_its_code_is_named(dataset, cast, committed):
    faces_make(dataset, 2)
    for name, learned in (("Emotions", [1, 0]), ("Others", [0, 0])):
        seen_by(dataset, learned, [1, 0], name=name)
    for name, parts in (("Older", {"hybrid": {"gap": 5}}), ("By codes", {"hybrid": None})):
        older = seen_by(dataset, [0, 0], [0, 0], name=name)
        Detector.objects.filter(pk=older.pk).update(seen=None, configuration=parts)
    assert [one.name for one in withdrawal_preview(dataset, "face-0.png").detectors] == ["Emotions", "Older"]
    committed(dataset, cast, "face-0.png")
    (told,) = receipts(dataset)
    assert told.detectors == ["Emotions", "Older"] and told.encoders == []


def test_an_encoder_that_learned_from_a_face_is_named_where_it_is_still_there(dataset, cast, committed, own_data):
    faces_make(dataset, 2)
    (own_data / "pretrained").mkdir()
    for number, learned in enumerate(([1, 1], [1, 1], [1, 0])):
        seen_by(dataset, learned, [1, 1], encoder_name=f"pretrained/emoco-{number}.safetensors")
        (own_data / "pretrained" / f"emoco-{number}.safetensors").touch()
    (own_data / "pretrained" / "emoco-1.safetensors").unlink()
    assert withdrawal_preview(dataset, "face-0.png").encoders == ["pretrained/emoco-0.safetensors"]
    committed(dataset, cast, "face-0.png")
    assert receipts(dataset)[0].encoders == ["pretrained/emoco-0.safetensors"]


def test_rows_of_others_with_the_same_file_name_are_not_taken_for_the_subjects(dataset, cast, tmp_path):
    table = table_write(tmp_path / "x.csv", [["image", "AU12"], ["a/1.png", 1]])
    batch = import_prepare(
        dataset=dataset, user=cast.alice, labels_path=table, labels_file="x.csv", with_pictures=False
    )
    matcher = NameMatcher("1", ["gone/1.png"])
    assert matcher.speaks(batch, ["gone\\1.png", "0"]) and matcher.speaks(batch, ["/data/gone/1.png", "0"])
    assert matcher.speaks(batch, ["1.png", "0"]) and not matcher.speaks(batch, ["a/1.png", "1"])
    assert matcher.speaks(batch, ["1"])


def test_a_coder_can_still_undo_a_decision_that_lost_its_faces(dataset, cast, committed):
    face = faces_make(dataset, 1)[0]
    decision = decision_make(
        dataset=dataset,
        user=cast.bob,
        client_id=uuid.uuid4(),
        kind=DecisionKind.NOISE,
        aus=[12],
        faces=[face.position],
        scope=Scope.FACE,
        mode=Mode.ASSISTED,
    )
    committed(dataset, cast, face.image)
    undo = decision_undo(user=cast.bob, client_id=uuid.uuid4(), decision=decision)
    assert undo.undoes == decision and not undo.faces.exists()


def test_events_of_the_subjects_clips_go_with_the_notes_on_them(dataset, cast, committed):
    subject = Subject.objects.create(dataset=dataset, pseudonym=GONE)
    clip = Clip.objects.create(dataset=dataset, subject=subject, name="laugh")
    face = faces_make(dataset, 1, subject=subject, clip=clip, frame=7)[0]
    values = {"dataset": dataset, "user": cast.bob, "mode": Mode.ASSISTED}
    decision = event_decide(
        face=face,
        order=EventOrder(au=12, point="onset", frame=7),
        client_id=uuid.uuid4(),
        note="a broad smile of hers",
        **values,
    )
    committed(dataset, cast, GONE)
    decision = Decision.objects.get(pk=decision.pk)
    assert (decision.note, event_words(decision)) == ("", "")
    assert not Event.objects.exists() and not DecisionEvent.objects.exists()
    undo = decision_undo(user=cast.bob, client_id=uuid.uuid4(), decision=decision)
    assert undo.undoes == decision
