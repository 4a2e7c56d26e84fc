"""The import pages: uploads, columns, the check, the job, the problems; hostile files and texts."""

import io
import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from annotator.models import ImportBatch, ImportRow, Job, LabelLayer
from annotator.services.job_running import job_run
from annotator.views.imports import BAD_SHOWN
from tests.annotator.importing import (  # noqa: F401  (quiet_heart is a fixture)
    batch_make,
    codes_of,
    import_do,
    pictures_write,
    quiet_heart,
    table_write,
    zip_bytes,
)
from tests.factories import faces_make, layer_make, picture_bytes

EVIL = '<script>alert("x")</script>'


@pytest.fixture
def alice(cast):
    return cast.client("alice")


def upload(client, dataset, *files: tuple[str, bytes], **fields):
    data = {"content": "faces", "layer_kind": "weak", "place": "upload", **fields}
    data["files"] = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post(reverse("import_create", args=[dataset.pk]), data)


def archive(**files: bytes) -> bytes:
    return zip_bytes({name.replace("__", "."): data for name, data in files.items()})


def column_fields(batch: ImportBatch) -> dict[str, str]:
    """What the columns page posts when nothing was changed on it."""
    mapping = batch.mapping
    data = {"shape": mapping["shape"], "style": mapping["style"], "layer_kind": batch.layer_kind}
    for number, name in enumerate(batch.header):
        for role in ("image", "subject", "clip", "frame", "emotion", "split"):
            if mapping[role] == name:
                data[f"use-{number}"] = role
        for use in ("codes", "probabilities", "intensities"):
            for au, column in mapping[use]:
                if column == name:
                    data |= {f"use-{number}": use, f"au-{number}": str(au)}
    pairs = [(value, name) for name in ("present", "absent", "not_scored", "unscorable") for value in mapping[name]]
    return {**data, "value": [value for value, _ in pairs], "meaning": [name for _, name in pairs]}


def page_url(name: str, batch: ImportBatch) -> str:
    return reverse(name, args=[batch.dataset_id, batch.pk])


class TestUpload:
    def test_a_csv_and_a_zip_lead_to_the_columns_page(self, alice, dataset, settings):
        answer = upload(
            alice,
            dataset,
            ("my labels.csv", b"image,AU1\na.png,1\n"),
            ("p.zip", archive(a__png=picture_bytes())),
        )
        batch = ImportBatch.objects.get()
        assert answer.url == page_url("import_mapping", batch)
        assert batch.labels_file == "my labels.csv" and batch.owns_files
        stored = sorted(path.name for path in settings.UPLOADS.iterdir())
        assert len(stored) == 2 and not any("labels" in name or "p.zip" in name for name in stored)

    def test_the_whole_way_from_upload_to_codes(self, alice, dataset, settings):
        content = archive(
            l__csv=b"image,AU1,AU12\na.png,1,\nb.png,0,1\n", a__png=picture_bytes(1), b__png=picture_bytes(2)
        )
        upload(alice, dataset, ("all.zip", content))
        batch = ImportBatch.objects.get()
        page = alice.get(page_url("import_mapping", batch))
        assert page.status_code == 200 and "all.zip" not in page.content.decode()
        answer = alice.post(page_url("import_mapping", batch), {**column_fields(batch), "action": "start"})
        assert answer.url == page_url("import_detail", batch)
        assert job_run(Job.objects.get().pk).state == "done"
        assert codes_of(LabelLayer.objects.get()) == {"a.png": {1: 1}, "b.png": {1: 0, 12: 1}}
        assert "Every row was imported" in alice.get(answer.url).content.decode()
        assert not list(settings.UPLOADS.iterdir())

    @pytest.mark.parametrize(
        ("files", "reason"),
        [
            ([], "Choose the files"),
            ([("a.csv", b"image,AU1\n"), ("p.zip", archive(a__png=b"x"))], "a header but no rows"),
            ([("a.csv", b"x"), ("b.csv", b"y")], "One label file at a time"),
            (
                [("a.zip", archive(a__png=b"x")), ("b.zip", archive(b__png=b"x"))],
                "Send the label file beside",
            ),
            ([("a.csv", b"image,AU1\na.png,1\n")], "came without pictures"),
            (
                [("x.zip", zip_bytes({"../../etc/passwd.csv": b"image,AU1\na,1\n"}))],
                "leads out of the archive",
            ),
            ([("x.zip", archive(l__csv=b"image,AU1\na.png,1\n", a__png=b"\0" * 30_000_000))], "100 times"),
            ([("x.zip", b"PK\x03\x04 no archive at all")], "cannot be read as a ZIP|not a ZIP|refused"),
            (
                [("x.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), ("p.zip", archive(a__png=b"x"))],
                "no table of text",
            ),
        ],
    )
    def test_useless_and_hostile_uploads_are_refused_and_leave_nothing(self, alice, dataset, settings, files, reason):
        answer = upload(alice, dataset, *files)
        assert answer.status_code == 422
        assert re.search(reason, answer.content.decode())
        assert not ImportBatch.objects.exists()
        assert not settings.UPLOADS.exists() or not list(settings.UPLOADS.iterdir())

    def test_an_upload_over_the_limit_is_refused_before_it_is_stored(self, alice, dataset, settings):
        settings.UPLOAD_LIMIT_BYTES = 1000
        answer = upload(alice, dataset, ("a.csv", b"x" * 2_000_000))
        assert answer.status_code == 400
        assert "an upload may have" in answer.content.decode()
        assert not settings.UPLOADS.exists()

    def test_an_upload_without_the_token_is_refused_and_leaves_nothing(self, cast, dataset, settings):
        from django.test import Client

        client = Client(enforce_csrf_checks=True)
        client.force_login(cast.alice)
        client.get(reverse("import_create", args=[dataset.pk]))
        assert upload(client, dataset, ("a.csv", b"image,AU1\na,1\n")).status_code == 403
        assert not list(settings.UPLOADS.iterdir())

    @pytest.mark.parametrize("name", ["bob", "dora", "ana", "charlie"])
    def test_others_cannot_upload(self, cast, dataset, settings, name):
        answer = upload(cast.client(name), dataset, ("a.csv", b"image,AU1\na,1\n"))
        assert answer.status_code == (404 if name == "charlie" else 403)
        assert not settings.UPLOADS.exists()

    def test_of_several_tables_one_is_chosen_on_the_next_page(self, alice, dataset):
        content = archive(
            a__csv=b"image,AU1\n1.png,1\n", b__csv=b"image,AU2\n1.png,1\n", **{"1__png": picture_bytes()}
        )
        upload(alice, dataset, ("all.zip", content))
        batch = ImportBatch.objects.get()
        page = alice.get(page_url("import_mapping", batch)).content.decode()
        assert "a.csv" in page and "b.csv" in page
        alice.post(page_url("import_mapping", batch), {"table": "b.csv"})
        batch.refresh_from_db()
        assert batch.header == ["image", "AU2"]


class TestServerFolder:
    @pytest.fixture
    def root(self, tmp_path, settings):
        root = tmp_path / "server"
        pictures_write(root / "lab", ["a.png"])
        table_write(root / "lab" / "labels.csv", [["image", "AU1"], ["a.png", 1]])
        settings.IMPORT_FOLDERS = [root]
        return root

    def post(self, client, dataset, **fields):
        data = {"content": "faces", "layer_kind": "weak", "place": "server", "folder": "0", **fields}
        return client.post(reverse("import_create", args=[dataset.pk]), data)

    def test_a_folder_is_imported_in_place(self, alice, dataset, root):
        self.post(alice, dataset, inner="lab")
        batch = ImportBatch.objects.get()
        assert batch.labels_file == "labels.csv" and not batch.owns_files
        assert batch.pictures == [str(root / "lab")]

    def test_pictures_are_looked_for_before_the_start(self, alice, dataset, root):
        table_write(root / "lab" / "labels.csv", [["image", "AU1"], ["a.png", 1], ["z.png", 1]])
        self.post(alice, dataset, inner="lab")
        text = alice.get(page_url("import_matches", ImportBatch.objects.get())).content.decode()
        assert "Pictures found for 1 of the first 2 rows" in text and "z.png" in text

    @pytest.mark.parametrize(
        ("inner", "labels", "reason"),
        [
            ("..", "", "leads out of the folder"),
            ("lab", "../../secret.csv", "leads out of the folder"),
            ("link", "", "leads out of the folder"),
            ("lab", "link.csv", "leads out of the folder"),
            ("nowhere", "", "There is no folder"),
            ("lab", "other.csv", "There is no label file"),
            ("lab\0", "", "is no path"),
        ],
    )
    def test_paths_out_of_the_folder_are_refused(self, alice, dataset, root, inner, labels, reason):
        table_write(root.parent / "secret.csv", [["image", "AU1"], ["a.png", 1]])
        (root / "link").symlink_to(root.parent)
        (root / "lab" / "link.csv").symlink_to(root.parent / "secret.csv")
        answer = self.post(alice, dataset, inner=inner, labels=labels)
        assert answer.status_code == 422
        assert not ImportBatch.objects.exists()
        if "\0" not in inner:
            assert reason in answer.content.decode()

    def test_a_folder_with_several_tables_asks_for_one(self, alice, dataset, root):
        table_write(root / "lab" / "more.csv", [["image", "AU1"], ["a.png", 1]])
        assert "several label files" in self.post(alice, dataset, inner="lab").content.decode()

    def test_without_folders_the_page_says_how_to_name_some(self, alice, dataset, settings):
        settings.IMPORT_FOLDERS = []
        page = alice.get(reverse("import_create", args=[dataset.pk])).content.decode()
        assert "CORRUGATOR_IMPORT_FOLDERS" in page
        assert self.post(alice, dataset).status_code == 422


class TestColumns:
    @pytest.fixture
    def batch(self, dataset, cast, tmp_path):
        faces_make(dataset, 3)
        rows = [["face-0.png", "gt", 1, -1], ["face-1.png", "rest", 0, 999], ["face-2.png", "rest", 7, ""]]
        table = table_write(tmp_path / "l.csv", [["image", "split", "AU1", "AU12"], *rows])
        return batch_make(dataset, cast.alice, table)

    def test_the_page_shows_guess_questions_values_and_check(self, alice, batch):
        page = alice.get(page_url("import_mapping", batch)).content.decode()
        assert "Assumed from the file" in page and "-1 is read as not scored" in page
        assert "<code>999</code>" in page
        assert "AU1 holds &#x27;7&#x27;" in page

    def test_the_first_rows_faces_are_looked_for(self, alice, batch, dataset):
        dataset.faces.filter(image="face-1.png").delete()
        text = alice.get(page_url("import_matches", batch)).content.decode()
        assert "Faces found for 2 of the first 3 rows" in text
        assert "there is no face &#x27;face-1.png&#x27;" in text

    def test_what_keeps_a_row_from_its_face_is_said_as_it_is(self, alice, dataset, cast, tmp_path):
        """A folder that no face lies in, and a cell that names nothing, each once in the few lines shown."""
        for face, image in zip(faces_make(dataset, 3), ["a/1.png", "b/1.png", "b/2.png"], strict=True):
            face.image = image
            face.save()
        rows = [["b/2.png", 1], ["gone/1.png", 1], *[[cell, 0] for cell in ("", "  ", "' '", "")]]
        batch = batch_make(dataset, cast.alice, table_write(tmp_path / "l.csv", [["image", "AU1"], *rows]))
        text = unescape(alice.get(page_url("import_matches", batch)).content.decode())
        assert "Faces found for 1 of the first 6 rows" in text
        assert "there is no '1.png' in a folder 'gone': 2 faces elsewhere are named so" in text
        assert text.count("image is empty: the row names no image") == 1
        assert "equally well" not in text and "''" not in text

    def test_the_check_follows_what_is_set(self, alice, batch):
        data = column_fields(batch)
        data["value"] += ["7"]
        data["meaning"] += ["unscorable"]
        answer = alice.post(page_url("import_check", batch), data)
        text = answer.content.decode()
        assert "Bad rows</dt><dd>0" in text and "Unscorable</dt><dd>1" in text
        batch.refresh_from_db()
        assert "7" not in batch.mapping["unscorable"]

    def test_a_mapping_without_an_image_cannot_start(self, alice, batch):
        data = {**column_fields(batch), "use-0": "", "action": "start"}
        answer = alice.post(page_url("import_mapping", batch), data)
        assert answer.status_code == 422
        assert "no column names the image" in answer.content.decode()
        assert not Job.objects.exists()

    def test_split_values_decide_layer_and_role(self, alice, batch, dataset):
        data = {**column_fields(batch), "action": "start"}
        data |= {"split-value": ["gt", "rest"], "split-role": ["train", ""]}
        alice.post(page_url("import_mapping", batch), data)
        job_run(Job.objects.get().pk)
        assert codes_of(dataset.layers.get(kind="reference")) == {"face-0.png": {1: 1}}
        assert codes_of(dataset.layers.get(kind="weak")) == {"face-1.png": {1: 0}}

    def test_codes_can_go_into_a_layer_that_is_there(self, alice, batch, dataset):
        layer = layer_make(dataset, "reference", name="gold")
        alice.post(page_url("import_mapping", batch), {**column_fields(batch), "layer": layer.pk, "action": "start"})
        job_run(Job.objects.get().pk)
        assert set(codes_of(layer)) == {"face-0.png", "face-1.png"}
        assert dataset.layers.count() == 1

    def test_a_column_can_be_given_another_meaning(self, alice, batch):
        data = {**column_fields(batch), "use-3": "codes", "au-3": "25", "action": "start"}
        alice.post(page_url("import_mapping", batch), data)
        batch.refresh_from_db()
        assert batch.mapping["codes"] == [[1, "AU1"], [25, "AU12"]]

    def test_a_double_click_starts_one_job(self, alice, batch):
        data = {**column_fields(batch), "action": "start"}
        for _ in range(2):
            assert alice.post(page_url("import_mapping", batch), data).url == page_url("import_detail", batch)
        assert Job.objects.count() == 1

    def test_nonsense_in_the_form_is_a_refusal_and_no_error(self, alice, batch):
        data = {
            "shape": "x",
            "style": "y",
            "threshold": "-9",
            "probability_threshold": "nan",
            "time_unit": "h",
        }
        data |= {"use-0": "evil", "use-2": "codes", "au-2": "99999", "layer": "abc", "layer_kind": "coder"}
        answer = alice.post(page_url("import_mapping", batch), {**data, "action": "start"})
        assert answer.status_code == 422
        assert "there is no AU99999 in the catalogue" in answer.content.decode()

    def test_discarding_forgets_the_import(self, alice, batch):
        alice.post(page_url("import_discard", batch))
        assert not ImportBatch.objects.exists()


class TestOutcome:
    def test_problems_are_listed_with_line_image_and_reason(self, alice, dataset, cast, tmp_path):
        faces_make(dataset, 1)
        table = table_write(tmp_path / "l.csv", [["image", "AU1"], ["face-0.png", 1], ["nobody.png", 1]])
        batch, _job = import_do(dataset, cast.alice, table)
        page = alice.get(page_url("import_detail", batch)).content.decode()
        assert '<td class="num">3</td>' in page and "nobody.png" in page and "there is no face" in page

    def test_the_problem_file_gives_the_cells_back_and_runs_nothing(self, alice, dataset, cast, tmp_path):
        table = table_write(tmp_path / "l.csv", [["image", "note", "AU1"], ["nobody.png", "=cmd|x", 1]])
        batch, _job = import_do(dataset, cast.alice, table)
        answer = alice.get(page_url("import_problems", batch))
        text = b"".join(answer.streaming_content).decode()
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert text.splitlines()[0] == "line,reason,image,note,AU1"
        assert text.splitlines()[1].endswith(",nobody.png,'=cmd|x,1")

    def test_pages_of_problems_cost_the_same_for_many(self, alice, dataset, cast, tmp_path):
        faces_make(dataset, 1)
        table = table_write(tmp_path / "l.csv", [["image", "AU1"], ["face-0.png", 1], ["nobody.png", 1]])
        batch, _job = import_do(dataset, cast.alice, table)
        with CaptureQueriesContext(connection) as few:
            alice.get(page_url("import_detail", batch))
        ImportRow.objects.bulk_create(
            ImportRow(batch=batch, line=line, cells=["x.png", "1"], problem="why") for line in range(10, 210)
        )
        ImportBatch.objects.filter(pk=batch.pk).update(problems=201)
        with CaptureQueriesContext(connection) as many:
            page = alice.get(page_url("import_detail", batch)).content.decode()
        assert len(many) == len(few)
        assert "1 of 5" in page

    def test_hostile_texts_are_shown_as_texts_on_every_page(self, alice, dataset, cast, tmp_path):
        faces_make(dataset, 1)
        header = ["image", "split", EVIL, "AU1"]
        path = table_write(tmp_path / "l.csv", [header, [EVIL, EVIL, EVIL, EVIL], ["face-0.png", EVIL, EVIL, 1]])
        batch = batch_make(dataset, cast.alice, path)
        ImportBatch.objects.filter(pk=batch.pk).update(labels_file=EVIL)
        pages = [alice.get(page_url("import_mapping", batch))]
        pages.append(alice.post(page_url("import_check", batch), column_fields(batch)))
        alice.post(page_url("import_mapping", batch), {**column_fields(batch), "action": "start"})
        job_run(Job.objects.get().pk)
        pages.append(alice.get(page_url("import_detail", batch)))
        pages.append(alice.get(reverse("import_list", args=[dataset.pk])))
        for page in pages:
            assert page.status_code == 200
            assert "<script>alert" not in page.content.decode()
            assert "&lt;script&gt;" in page.content.decode()


@pytest.mark.parametrize(
    "name",
    ["import_detail", "import_mapping", "import_problems", "import_check", "import_start", "import_discard"],
)
def test_an_import_of_another_data_set_is_not_found(alice, dataset, cast, tmp_path, name):
    from annotator.services.datasets import dataset_create

    other = dataset_create(name="Other", user=cast.bob)
    faces_make(other, 1)
    batch = batch_make(other, cast.bob, table_write(tmp_path / "l.csv", [["image", "AU1"], ["face-0.png", 1]]))
    method = alice.post if name in ("import_check", "import_start", "import_discard") else alice.get
    assert method(reverse(name, args=[dataset.pk, batch.pk])).status_code == 404
    assert ImportBatch.objects.filter(pk=batch.pk, job=None).exists()


def test_the_list_costs_the_same_for_many(alice, dataset, cast):
    def add(count: int) -> None:
        for _ in range(count):
            ImportBatch.objects.create(
                dataset=dataset,
                with_pictures=True,
                labels_path="x",
                labels_file="x",
                layer_kind="weak",
                created_by=cast.alice,
            )

    add(1)
    address = reverse("import_list", args=[dataset.pk])
    alice.get(address)
    with CaptureQueriesContext(connection) as few:
        alice.get(address)
    add(15)
    with CaptureQueriesContext(connection) as many:
        alice.get(address)
    assert len(many) == len(few)


def test_streamed_uploads_hold_what_was_sent(alice, dataset, settings):
    content = b"image,AU1\n" + b"".join(b"%07d.png,1\n" % n for n in range(300_000))
    upload(alice, dataset, ("big.csv", content), content="labels")
    stored = next(settings.UPLOADS.iterdir())
    assert stored.read_bytes() == content
    assert io.BytesIO(content).getbuffer().nbytes > 3_000_000


def test_rows_whose_face_is_not_here_are_no_good_rows(alice, dataset):
    faces_make(dataset, 2)
    rows = b"image,AU12\nface-0.png,1\nelsewhere.png,0\nface-1.png,1\n"
    answer = upload(alice, dataset, ("labels.csv", rows), content="labels")
    page = alice.get(answer["Location"]).content.decode()
    assert re.search(r"Good rows</dt><dd>2<", page)
    assert re.search(r"Bad rows</dt><dd>1<", page)
    assert "would bring nothing in" not in page


def test_labels_for_other_faces_are_told_before_the_start(alice, dataset):
    answer = upload(alice, dataset, ("labels.csv", b"image,AU12\na.png,1\nb.png,0\n"), content="labels")
    page = unescape(alice.get(answer["Location"]).content.decode())
    assert re.search(r"Good rows</dt><dd>0<", page)
    assert "there is no face 'a.png' in this data set" in page and "there is no face 'b.png'" in page
    assert "would bring nothing in" in page


def test_why_rows_fit_no_face_is_said_of_the_first_and_counted_of_the_rest(alice, dataset):
    for face, image in zip(faces_make(dataset, 2), ["a/1.png", "b/1.png"], strict=True):
        face.image = image
        face.save()
    rows = ["image,AU12", "1.png,1", "1.png,0", *(f"no-{number}.png,1" for number in range(20))]
    answer = upload(alice, dataset, ("labels.csv", "\n".join(rows).encode()), content="labels")
    page = unescape(alice.get(answer["Location"]).content.decode())
    assert "'1.png' fits 2 faces equally well: give more of the path</td><td class=\"num\">2<" in page
    assert page.count("there is no face 'no-") == BAD_SHOWN - 1
    assert f"and {21 - BAD_SHOWN} more reasons" in page


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("labels.csv", b"image,AU12\na.png,1\n", "“labels.csv” came without pictures"),
        ("script.py", b"print(1)\n", "“script.py” is neither a label file nor a ZIP file"),
        ("face.png", picture_bytes(), "“face.png” is neither a label file nor a ZIP file"),
    ],
)
def test_what_is_missing_in_an_upload_is_said_of_its_files(alice, dataset, name, content, says):
    answer = upload(alice, dataset, (name, content))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert says in page
    assert page.index(says) < page.index('name="content"')
    assert "folders or ZIP files" not in page


def test_the_imports_own_page_leads_on_when_it_is_watched_to_its_end(alice, dataset):
    batch = ImportBatch.objects.create(
        dataset=dataset, with_pictures=True, labels_file="faces.csv", header=["image"], layer_kind="weak"
    )
    batch.job = Job.objects.create(dataset=dataset, kind="import", target="import:1", queue="io", state="running")
    batch.save()
    onwards = f'class="button primary" href="{reverse("dataset_detail", args=[dataset.pk])}"'
    assert onwards not in alice.get(page_url("import_detail", batch)).content.decode()
    Job.objects.filter(pk=batch.job_id).update(state="done")
    ImportBatch.objects.filter(pk=batch.pk).update(finished_at=timezone.now())
    page = alice.get(page_url("import_detail", batch)).content.decode()
    assert onwards in page.split('id="outcome"')[1]
