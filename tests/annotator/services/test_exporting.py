"""Exports from the order to the file: what is in it, that it is whole or not there, and its memory."""

import csv
import hashlib
import io
import tracemalloc
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from annotator.choices import (
    AssignmentState,
    DecisionKind,
    FaceRole,
    Intensity,
    JobState,
    LayerKind,
    Mode,
    Scope,
)
from annotator.errors import Conflict, InputRefused, JobCancelled, NotAllowed, NotFound
from annotator.formats.columns import columns_guess
from annotator.formats.tables import table_open, table_sample
from annotator.formats.wide import records_read
from annotator.masks import intensities_pack
from annotator.models import (
    Assignment,
    AuditEntry,
    Clip,
    Event,
    Export,
    ImportBatch,
    ImportRow,
    Job,
    Label,
    Member,
    Subject,
    Withdrawal,
)
from annotator.selectors.export_plan import chunks_read
from annotator.selectors.exports import export_file_open, export_preview
from annotator.services import exporting
from annotator.services.datasets import protocol_change, revision_raise
from annotator.services.decisions import decision_make, decision_undo
from annotator.services.exporting import export_create, exports_remove
from annotator.services.job_running import job_run
from annotator.services.jobs import job_cancel, job_create, job_resume, jobs_reap
from annotator.storage import FolderStorage
from tests.factories import faces_make, layer_make, run_make


def export(dataset, user, shape="wide", preset="standard", accept_proposals=False):
    """The finished export and its bytes."""
    order, job = export_create(
        dataset=dataset, user=user, shape=shape, preset=preset, accept_proposals=accept_proposals
    )
    job = job_run(job.pk)
    assert job.state == JobState.DONE, job.error
    order.refresh_from_db()
    with export_file_open(order) as file:
        return order, file.read()


def table(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def line(content, image, au):
    """The line of a long table for this face and AU."""
    [found] = [row for row in table(content) if row["image"] == image and row["au"] == au]
    return found


def relabel(dataset, user, faces, code, aus=(12,), kind=DecisionKind.RELABEL):
    return decision_make(
        dataset=dataset,
        user=user,
        kind=kind,
        aus=list(aus),
        faces=[face.position for face in faces],
        code=code,
        mode=Mode.ASSISTED,
        scope=Scope.SELECTION,
        client_id=uuid.uuid4(),
    )


def test_unknown_is_never_written_as_absent(cast, dataset):
    faces = faces_make(dataset, 3)
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [0], [-1]], [12])
    _, content = export(dataset, cast.ana)
    assert [row["AU12"] for row in table(content)] == ["1", "0", ""]
    assert [row["AU12_source"] for row in table(content)] == ["weak", "weak", ""]
    assert {row["AU01"] + row["AU01_source"] for row in table(content)} == {""}


def test_every_code_has_its_source(cast, dataset):
    faces = faces_make(dataset, 5)
    images = [face.image for face in faces]
    layer_make(dataset, LayerKind.WEAK, faces, [[0]] * 5, [12])
    run = run_make(dataset, faces, 12, [1, 2, 3, 4, 5], [-1, 1, 1, 1, 1])
    layer_make(dataset, LayerKind.REFERENCE, faces[2:], [[1], [-1], [-1]], [12])
    relabel(dataset, cast.bob, [faces[3], faces[4]], "present")
    layer_make(dataset, LayerKind.CONSENSUS, [faces[4]], [[0]], [12])
    _, content = export(dataset, cast.alice, "long", accept_proposals=True)
    found = {row["image"]: row for row in table(content) if row["au"] == "AU12"}
    assert [found[image]["source"] for image in images] == [
        "weak",
        "proposal",
        "reference",
        "coder",
        "consensus",
    ]
    assert [found[image]["value"] for image in images] == ["0", "1", "1", "1", "0"]
    assert [found[image]["weak"] for image in images] == ["0"] * 5
    assert [found[image]["cluster"] for image in images] == ["1", "2", "3", "4", "5"]
    assert [found[image]["made_by"] for image in images] == ["", f"run {run.pk}", "", "", ""]
    assert found[images[1]]["probability"] == "0.8999"
    assert [found[image]["coder"] for image in images] == ["", "", "", "bob", ""]


def test_proposals_stay_out_unless_accepted(cast, dataset):
    faces = faces_make(dataset, 1)
    layer_make(dataset, LayerKind.WEAK, faces, [[0]], [12])
    run_make(dataset, faces, 12, [1], [1])
    _, content = export(dataset, cast.alice)
    assert table(content)[0]["AU12"] == "0"


def test_a_code_is_dated_by_the_last_decision_that_set_it(cast, dataset):
    faces = faces_make(dataset, 1)
    first = relabel(dataset, cast.bob, faces, "present")
    second = relabel(dataset, cast.bob, faces, "absent")
    relabel(dataset, cast.bob, faces, None, kind=DecisionKind.NOISE)
    relabel(dataset, cast.cleo, faces, "present", aus=[25])
    days = [timezone.now() - timedelta(days=days) for days in (9, 5)]
    for decision, at in zip((first, second), days, strict=True):
        type(decision).objects.filter(pk=decision.pk).update(created_at=at)
    _, content = export(dataset, cast.alice, "long")
    assert line(content, faces[0].image, "AU12")["decided_at"] == f"{days[1]:%Y-%m-%dT%H:%M:%SZ}"
    decision_undo(user=cast.bob, client_id=uuid.uuid4(), decision=second)
    _, content = export(dataset, cast.alice, "long")
    undone = line(content, faces[0].image, "AU12")
    assert undone["value"] == "1" and undone["decided_at"] == f"{days[0]:%Y-%m-%dT%H:%M:%SZ}"


def test_an_undo_taken_back_dates_the_code_by_its_first_decision(cast, dataset):
    faces = faces_make(dataset, 1)
    decision = relabel(dataset, cast.bob, faces, "present")
    at = timezone.now() - timedelta(days=3)
    type(decision).objects.filter(pk=decision.pk).update(created_at=at)
    undo = decision_undo(user=cast.bob, client_id=uuid.uuid4(), decision=decision)
    decision_undo(user=cast.bob, client_id=uuid.uuid4(), decision=undo)
    _, content = export(dataset, cast.alice, "long")
    assert line(content, faces[0].image, "AU12")["decided_at"] == f"{at:%Y-%m-%dT%H:%M:%SZ}"


def test_events_are_a_table_of_their_own(cast, dataset):
    clip = Clip.objects.create(
        dataset=dataset, name="laugh", frame_rate=25, subject=Subject.objects.create(dataset=dataset, pseudonym="S1")
    )
    faces_make(dataset, 2, clip=clip)
    layers = [layer_make(dataset, LayerKind.WEAK), layer_make(dataset, LayerKind.CODER, user=cast.bob)]
    Event.objects.create(layer=layers[0], clip=clip, au=12, onset=3)
    Event.objects.create(layer=layers[1], clip=clip, au=4, onset=1, apex=2, offset=5, intensity=3, side="left")
    order, content = export(dataset, cast.ana, "events")
    assert [tuple(row.values()) for row in table(content)] == [
        ("S1", "laugh", "25.0", "AU04", "1", "2", "5", "C", "left", "coder", "bob"),
        ("S1", "laugh", "25.0", "AU12", "3", "", "", "", "both", "weak", ""),
    ]
    assert order.rows == 2
    with export_file_open(order, dictionary=True) as file:
        lines = file.read().decode().splitlines()
    assert [line.split(",")[0] for line in lines[1:12]] == content.decode().splitlines()[0].split(",")


def test_the_long_table_tells_why_a_code_is_unscorable(cast, dataset):
    [face] = faces_make(dataset, 1)
    values = {"dataset": dataset, "user": cast.bob, "aus": [12], "faces": [0], "scope": Scope.FACE}

    def unscorable(hidden):
        return decision_make(
            kind=DecisionKind.UNSCORABLE, hidden=hidden, mode=Mode.ASSISTED, client_id=uuid.uuid4(), **values
        )

    unscorable(71)
    later = unscorable(72)
    assert line(export(dataset, cast.ana, "long")[1], face.image, "AU12")["unscorable_reason"] == "72"
    decision_undo(user=cast.bob, decision=later, client_id=uuid.uuid4())
    assert line(export(dataset, cast.ana, "long")[1], face.image, "AU12")["unscorable_reason"] == "71"


def test_unscorable_is_told_apart(cast, dataset):
    faces = faces_make(dataset, 1)
    layer_make(dataset, LayerKind.WEAK, faces, [[1]], [12])
    relabel(dataset, cast.bob, faces, None, kind=DecisionKind.UNSCORABLE)
    _, long = export(dataset, cast.alice, "long")
    found = line(long, faces[0].image, "AU12")
    assert (found["value"], found["scored"], found["source"], found["coder"], found["weak"]) == (
        "",
        "unscorable",
        "coder",
        "bob",
        "1",
    )
    _, wide = export(dataset, cast.alice)
    assert table(wide)[0]["AU12"] == "" and table(wide)[0]["AU12_source"] == "coder (unscorable)"


def test_a_disagreement_leaves_the_code_out_and_says_so(cast, dataset):
    faces = faces_make(dataset, 1)
    layer_make(dataset, LayerKind.WEAK, faces, [[1]], [12])
    layer_make(dataset, LayerKind.CODER, faces, [[1]], [12], user=cast.bob)
    layer_make(dataset, LayerKind.CODER, faces, [[0]], [12], user=cast.cleo)
    order, content = export(dataset, cast.alice)
    assert table(content)[0]["AU12"] == "" and table(content)[0]["AU12_source"] == "disagreement"
    assert order.job.result["by_source"]["disagreement"] == 1 and order.job.result["codes"] == 0
    _, long = export(dataset, cast.alice, "long")
    assert line(long, faces[0].image, "AU12")["coder"] == "bob; cleo"


def test_a_single_coder_of_two_does_not_count(cast, dataset):
    faces = faces_make(dataset, 1)
    protocol_change(dataset=dataset, user=cast.alice, coders_per_item=2)
    layer_make(dataset, LayerKind.WEAK, faces, [[0]], [12])
    layer_make(dataset, LayerKind.CODER, faces, [[1]], [12], user=cast.bob)
    _, content = export(dataset, cast.alice)
    assert (table(content)[0]["AU12"], table(content)[0]["AU12_source"]) == ("0", "weak")
    layer_make(dataset, LayerKind.CODER, faces, [[1]], [12], user=cast.cleo)
    _, content = export(dataset, cast.alice)
    assert (table(content)[0]["AU12"], table(content)[0]["AU12_source"]) == ("1", "coder")


def test_a_face_set_apart_is_marked(cast, dataset):
    faces = faces_make(dataset, 2)
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [1]], [12])
    relabel(dataset, cast.bob, faces[:1], None, aus=[], kind=DecisionKind.NOISE)
    _, long = export(dataset, cast.alice, "long")
    assert line(long, faces[0].image, "AU12")["noise"] == "1"
    assert line(long, faces[1].image, "AU12")["noise"] == "0"
    _, wide = export(dataset, cast.alice)
    assert [row["AU12_source"] for row in table(wide)] == ["weak (noise)", "weak"]
    assert [row["AU12"] for row in table(wide)] == ["", "1"]
    _, openface = export(dataset, cast.alice, "wide", "openface")
    assert [row["AU12_c"] for row in table(openface)] == ["", "1"]


def test_test_faces_keep_their_reference_codes(cast, dataset):
    faces = faces_make(dataset, 1, role=FaceRole.TEST)
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1]], [12])
    _, content = export(dataset, cast.alice)
    assert (table(content)[0]["AU12"], table(content)[0]["AU12_source"]) == ("1", "reference")


def test_intensities_come_from_the_layer_that_counts(cast, dataset):
    faces = faces_make(dataset, 1)
    layer = layer_make(dataset, LayerKind.REFERENCE, faces, [[1]], [12])
    bit = dataset.coded_aus.get(au=12).bit
    Label.objects.filter(layer=layer).update(intensities=intensities_pack({bit: (Intensity.C, Intensity.B)}))
    _, long = export(dataset, cast.alice, "long")
    assert line(long, faces[0].image, "AU12")["intensity"] == "LC RB"
    _, disfa = export(dataset, cast.alice, preset="disfa")
    assert table(disfa)[0]["AU12"] == "3"


@pytest.mark.parametrize(
    ("preset", "column", "missing"),
    [("emotionet", "'AU 12'", "999"), ("openface", "AU12_c", ""), ("bp4d", "12", "9")],
)
def test_presets_keep_their_missing_code(cast, dataset, preset, column, missing):
    faces = faces_make(dataset, 2)
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [-1]], [12])
    _, content = export(dataset, cast.alice, preset=preset)
    assert [row[column] for row in table(content)] == ["1", missing]


def test_faces_come_in_the_order_of_import_without_the_withdrawn(cast, dataset):
    faces = faces_make(dataset, 5)
    faces[2].delete()
    _, content = export(dataset, cast.alice)
    assert [row["image"] for row in table(content)] == [faces[n].image for n in (0, 1, 3, 4)]


def test_the_same_state_gives_the_same_bytes(cast, dataset):
    faces = faces_make(dataset, 30)
    layer_make(dataset, LayerKind.WEAK, faces, [[n % 2] for n in range(30)], [12])
    relabel(dataset, cast.bob, faces[:7], "present")
    for shape in ("wide", "long"):
        one, first = export(dataset, cast.alice, shape)
        two, second = export(dataset, cast.ana, shape)
        assert one.pk != two.pk and first == second
        assert one.sha256 == two.sha256 == hashlib.sha256(first).hexdigest()
        with export_file_open(one, dictionary=True) as a, export_file_open(two, dictionary=True) as b:
            assert a.read() == b.read()


def test_cells_that_a_spreadsheet_would_run_are_disarmed(cast, dataset):
    [face] = faces_make(dataset, 1)
    face.image = '=HYPERLINK("http://x"),"a".png'
    face.save()
    layer_make(dataset, LayerKind.WEAK, [face], [[1]], [12])
    _, content = export(dataset, cast.alice)
    assert table(content)[0]["image"] == "'" + face.image


def test_the_dictionary_names_state_protocol_and_columns(cast, dataset):
    faces_make(dataset, 1)
    revision_raise(dataset)
    order, content = export(dataset, cast.alice, accept_proposals=True)
    with export_file_open(order, dictionary=True) as file:
        lines = list(csv.DictReader(io.StringIO(file.read().decode())))
    found = {row["column"]: row for row in lines}
    assert set(content.decode().splitlines()[0].split(",")) <= set(found)
    assert found["(revision)"]["values"] == str(order.revision) == str(dataset.revision)
    assert found["(protocol)"]["meaning"].startswith("version 1 ")
    assert found["(proposals)"]["values"] == "yes"


def test_original_columns_and_codes_come_back(cast, dataset, tmp_path):
    """What an import kept stands behind the codes, in the order of its rows, hostile cells and all."""
    faces = faces_make(dataset, 3)
    header = ("image", "AU12", "Größe, cm", "split")
    cells = [
        [face.image, value, extra, split]
        for face, value, extra, split in zip(
            faces, ["1", "0", ""], ["=1+1", 'a "b", c', "ü\n2"], ["train", "test", ""], strict=True
        )
    ]
    mapping = columns_guess(header, [tuple(row) for row in cells])
    job, _ = job_create(dataset=dataset, kind="import", target="import:1")
    batch = ImportBatch.objects.create(
        dataset=dataset,
        with_pictures=True,
        labels_path="x",
        labels_file="x",
        layer_kind="weak",
        header=list(header),
        mapping=mapping.to_json(),
        job=job,
    )
    for number, (face, row) in enumerate(zip(faces, cells, strict=True), start=2):
        ImportRow.objects.create(batch=batch, line=number, face=face, cells=row)
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [0], [-1]], [12])
    _, content = export(dataset, cast.alice)
    path = tmp_path / "again.csv"
    path.write_bytes(content)
    opened = table_open(path)
    again = columns_guess(opened.header, table_sample(opened))
    records = list(records_read(path, again))
    assert [record.image for record in records] == [face.image for face in faces]
    assert [record.codes.codes[12].state for record in records] == [1, 0, -1]
    assert [record.split for record in records] == ["train", "test", ""]
    place = again.header.index("Größe, cm")
    assert [record.cells[place] for record in records] == ["=1+1", 'a "b", c', "ü\n2"]


@pytest.mark.parametrize(("name", "refusal"), [("bob", NotAllowed), ("charlie", NotFound)])
def test_only_export_roles_may_order(cast, dataset, name, refusal):
    with pytest.raises(refusal):
        export_create(
            dataset=dataset,
            user=getattr(cast, name),
            shape="wide",
            preset="standard",
            accept_proposals=False,
        )
    assert not Export.objects.exists()


@pytest.mark.parametrize(("shape", "preset"), [("tall", "standard"), ("wide", "x"), ("long", "bp4d")])
def test_an_unknown_shape_or_preset_is_refused(cast, dataset, shape, preset):
    with pytest.raises(InputRefused):
        export_create(dataset=dataset, user=cast.alice, shape=shape, preset=preset, accept_proposals=False)


def blind_open(dataset, user):
    return Assignment.objects.create(
        dataset=dataset,
        coder=user,
        aus=1,
        mode=Mode.BLIND,
        state=AssignmentState.OPEN,
        lease_until=timezone.now() + timedelta(hours=1),
    )


def test_who_codes_blind_can_not_export(cast, dataset):
    blind_open(dataset, cast.dora)
    with pytest.raises(NotAllowed, match="blind"):
        export_create(dataset=dataset, user=cast.dora, shape="wide", preset="standard", accept_proposals=False)


def order(dataset, user):
    return export_create(dataset=dataset, user=user, shape="wide", preset="standard", accept_proposals=False)


def test_a_role_lost_meanwhile_ends_the_export(cast, dataset):
    export_row, job = order(dataset, cast.ana)
    Member.objects.filter(user=cast.ana).delete()
    assert job_run(job.pk).state == JobState.FAILED
    export_row.refresh_from_db()
    assert export_row.file_name == ""


def test_the_same_order_given_twice_is_one_export(cast, dataset):
    first, job = order(dataset, cast.alice)
    again, same = order(dataset, cast.alice)
    assert (again.pk, same.pk) == (first.pk, job.pk)
    other, _ = order(dataset, cast.ana)
    assert other.pk != first.pk


def test_ordering_is_audited(cast, dataset):
    made, _ = order(dataset, cast.alice)
    entry = AuditEntry.objects.get(action="export created")
    assert entry.user == cast.alice and entry.detail["export"] == made.pk


class Killed(BaseException):
    """As if the process had been killed there."""


def test_a_worker_killed_in_the_middle_leaves_nothing_to_download(cast, dataset, monkeypatch):
    """Killed once the table is stored but not its dictionary, without any chance to clean up."""
    faces_make(dataset, 3)
    made, job = order(dataset, cast.alice)
    save = FolderStorage._save

    def killed(self, name, content):
        if name.endswith(".dictionary.csv"):
            raise Killed
        return save(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(FolderStorage, "_save", killed)
        patch.setattr(exporting, "_files_delete", lambda names: None)
        with pytest.raises(Killed):
            job_run(job.pk)
    made.refresh_from_db()
    assert made.file_name == made.sha256 == "" and made.finished_at is None
    with pytest.raises(NotFound):
        export_file_open(made)
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert jobs_reap()["requeued"] == 1
    assert job_run(job.pk).state == JobState.DONE
    made.refresh_from_db()
    with export_file_open(made) as file:
        assert len(table(file.read())) == 3


def test_a_cancelled_export_can_be_made_anew(cast, dataset, monkeypatch):
    faces = faces_make(dataset, 30)
    made, job = order(dataset, cast.alice)
    rows = exporting.rows_make

    def rows_then_cancel(plan, chunk):
        yield from rows(plan, chunk)
        raise JobCancelled

    with monkeypatch.context() as patch:
        patch.setattr(exporting, "rows_make", rows_then_cancel)
        assert job_run(job.pk).state == JobState.CANCELLED
    made.refresh_from_db()
    assert made.file_name == ""
    layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 30, [12])
    revision_raise(dataset)
    job_resume(job=job)
    assert job_run(job.pk).state == JobState.DONE
    made.refresh_from_db()
    assert made.rows == 30 and made.revision == dataset.revision
    with export_file_open(made) as file:
        assert len(table(file.read())) == 30


def test_an_export_cancelled_while_waiting_never_runs(cast, dataset):
    made, job = order(dataset, cast.alice)
    job_cancel(job=job)
    assert job_run(job.pk).state == JobState.CANCELLED
    made.refresh_from_db()
    assert made.file_name == ""


def test_a_withdrawal_meanwhile_throws_the_file_away(cast, dataset, monkeypatch, tmp_path):
    faces_make(dataset, 3)
    made, job = order(dataset, cast.alice)
    rows = exporting.rows_make

    def withdraw(plan, chunk):
        Withdrawal.objects.create(dataset=dataset, subject_sha256="0" * 64, faces=1, withdrawn_by=cast.alice)
        return rows(plan, chunk)

    monkeypatch.setattr(exporting, "rows_make", withdraw)
    ended = job_run(job.pk)
    assert ended.state == JobState.FAILED and "withdrawn" in ended.error
    made.refresh_from_db()
    assert made.file_name == "" and not list(tmp_path.rglob("*.csv"))


def test_files_made_before_a_withdrawal_are_removed(cast, dataset, tmp_path, django_capture_on_commit_callbacks):
    faces_make(dataset, 3)
    made, _ = export(dataset, cast.alice)
    with django_capture_on_commit_callbacks(execute=True):
        assert exports_remove(dataset=dataset) == 1
    made.refresh_from_db()
    assert made.file_name == "" and made.rows == 3 and not list(tmp_path.rglob("*.csv"))


def test_a_write_meanwhile_is_told_in_the_dictionary(cast, dataset, monkeypatch):
    faces_make(dataset, 3)
    before = dataset.revision
    rows = exporting.rows_make

    def write(plan, chunk):
        revision_raise(dataset)
        return rows(plan, chunk)

    monkeypatch.setattr(exporting, "rows_make", write)
    made, _ = export(dataset, cast.alice)
    with export_file_open(made, dictionary=True) as file:
        assert f"{before} to {before + 1}" in file.read().decode()


def test_a_data_set_without_aus_is_refused(cast, dataset):
    dataset.coded_aus.all().delete()
    _, job = order(dataset, cast.alice)
    assert "no AUs" in job_run(job.pk).error


def test_memory_does_not_grow_with_the_faces(transactional_db, cast, dataset, monkeypatch):
    """What is held at once is a chunk: four times as many faces need no more. (Transactional, so that
    the job's heartbeat doesn't wait for the test's own transaction.)"""
    monkeypatch.setattr(exporting, "chunks_read", lambda plan: chunks_read(plan, 500))
    layer = layer_make(dataset, LayerKind.WEAK)
    mask = dataset.coded_aus.get(au=12).mask

    def peak_with(more):
        faces = faces_make(dataset, more)
        labels = [Label(layer=layer, face=face, present=mask, scored=mask) for face in faces]
        Label.objects.bulk_create(labels, batch_size=2_000)
        del faces, labels
        tracemalloc.start()
        try:
            export(dataset, cast.alice)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small = peak_with(2_000)
    assert peak_with(6_000) < small + 700_000


def test_queries_do_not_grow_with_faces_within_a_chunk(cast, dataset, django_assert_max_num_queries):
    faces = faces_make(dataset, 40)
    layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 40, [12])
    relabel(dataset, cast.bob, faces, "present")
    _, job = order(dataset, cast.alice)
    with django_assert_max_num_queries(45):
        assert job_run(job.pk).state == JobState.DONE


def test_the_preview_counts_as_the_export_does(cast, dataset):
    faces = faces_make(dataset, 10)
    layer_make(dataset, LayerKind.WEAK, faces, [[0]] * 10, [12])
    run_make(dataset, faces[:6], 12, [1] * 6, [1] * 6)
    relabel(dataset, cast.bob, faces[:2], "present")
    preview = export_preview(dataset.members.get(user=cast.alice))
    made, _ = export(dataset, cast.alice, accept_proposals=True)
    counts = made.job.result["by_source"]
    assert preview.whole and preview.faces == 10
    assert {share.source: share.accepted for share in preview.lines if share.accepted} == {
        source: count for source, count in counts.items() if count
    }
    assert {share.source: share.without for share in preview.lines} == {"coder": 2, "proposal": 0, "weak": 8}


def test_a_second_active_job_for_one_target_is_refused(cast, dataset):
    _, job = order(dataset, cast.alice)
    job_cancel(job=job)
    order(dataset, cast.alice)
    with pytest.raises(Conflict):
        job_resume(job=job)


def test_an_export_names_the_layers_it_was_read_from(cast, dataset):
    layer = layer_make(dataset, LayerKind.WEAK, faces_make(dataset, 1), [[1]], [12])
    export(dataset, cast.alice)
    assert Export.objects.get().layers == [layer.pk]
