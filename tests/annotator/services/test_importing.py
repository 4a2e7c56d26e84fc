"""Imports as a whole: what becomes of rows, pictures, codes, splits and problems."""

import hashlib
import json

import numpy as np
import pytest
from django.core.files.storage import default_storage

from annotator.choices import FaceRole, LayerKind
from annotator.errors import Conflict, InputRefused
from annotator.masks import intensities_unpack
from annotator.models import DataSet, Face, ImportBatch, Job, Label, Withdrawal
from annotator.pictures.decoding import picture_decode
from annotator.selectors.arrays import array_read
from annotator.selectors.imports import mapping_of, problem_rows
from annotator.services.datasets import dataset_create, protocol_change
from annotator.services.importing import (
    import_discard,
    import_map,
    import_prepare,
    import_start,
    import_table_choose,
)
from annotator.services.job_running import job_run
from tests.annotator.importing import (  # noqa: F401  (quiet_heart is a fixture)
    batch_make,
    codes_of,
    import_do,
    pictures_write,
    quiet_heart,
    table_write,
    zip_bytes,
    zip_write,
)
from tests.factories import faces_make, layer_make, picture_bytes

HEADER = ["image", "subject", "clip", "frame", "emotion", "AU1", "AU12"]


@pytest.fixture
def folder(tmp_path):
    return pictures_write(tmp_path / "lab", ["s/1.png", "s/2.png", "s/3.png"])


@pytest.fixture
def labels(tmp_path):
    return table_write(
        tmp_path / "labels.csv",
        [
            HEADER,
            ["s/1.png", "Ann", "C1", 1, "joy", 0, 1],
            ["s/2.png", "Ann", "C1", 2, "", "", 0],
            ["s/3.png", "", "", "", "", 999, 1],
        ],
    )


def problems(batch: ImportBatch) -> list[tuple[int, str]]:
    return [(row.line, row.problem) for row in problem_rows(batch)]


def test_rows_become_faces_with_subjects_clips_and_positions(dataset, cast, labels, folder):
    batch, job = import_do(dataset, cast.alice, labels, [folder])
    assert job.state == "done", job.error
    faces = list(dataset.faces.select_related("subject", "clip").order_by("position"))
    assert [(f.position, f.image, str(f.subject), str(f.clip), f.frame) for f in faces] == [
        (0, "s/1.png", "Ann", "C1", 1),
        (1, "s/2.png", "Ann", "C1", 2),
        (2, "s/3.png", "None", "None", None),
    ]
    assert (batch.rows_read, batch.faces_added, batch.labels_added, batch.problems) == (3, 3, 4, 0)
    assert DataSet.objects.get(pk=dataset.pk).next_position == 3


def test_unknown_never_becomes_absent(dataset, cast, labels, folder):
    import_do(dataset, cast.alice, labels, [folder])
    layer = dataset.layers.get()
    assert (layer.kind, layer.name) == ("weak", "weak")
    assert codes_of(layer) == {"s/1.png": {1: 0, 12: 1}, "s/2.png": {12: 0}, "s/3.png": {12: 1}}


def test_a_row_without_any_code_leaves_no_label_row(dataset, cast, folder, tmp_path):
    table = table_write(tmp_path / "l.csv", [["image", "AU1"], ["s/1.png", ""], ["s/2.png", 1]])
    import_do(dataset, cast.alice, table, [folder])
    assert list(codes_of(dataset.layers.get())) == ["s/2.png"]


def test_the_picture_is_kept_without_loss_and_without_metadata(dataset, cast, labels, folder):
    import_do(dataset, cast.alice, labels, [folder])
    face = dataset.faces.get(image="s/2.png")
    given = picture_decode((folder / "s/2.png").read_bytes())
    with default_storage.open(face.picture_name) as file:
        kept = picture_decode(file.read())
    assert (kept.pixels == given.pixels).all()
    assert face.pixels_sha256 == given.sha256
    assert default_storage.exists(face.thumbnail_name)


def test_original_cells_are_kept_in_order(dataset, cast, folder, tmp_path):
    odd = ["s/1.png", "=cmd()", "ünïcode, comma", "1"]
    table = table_write(tmp_path / "l.csv", [["image", "note", "site", "AU1"], odd])
    batch, _job = import_do(dataset, cast.alice, table, [folder])
    assert batch.header == ["image", "note", "site", "AU1"]
    assert batch.rows.get().cells == odd


def test_bad_rows_are_named_and_good_ones_kept(dataset, cast, folder, tmp_path):
    (folder / "s/3.png").write_bytes(b"<svg onload=alert(1)>")
    table = table_write(
        tmp_path / "l.csv",
        [
            ["image", "AU1"],
            ["s/1.png", 1],
            ["s/2.png", 7],
            ["s/9.png", 1],
            ["s/3.png", 1],
            ["s/1.png", 0],
            ["", 0],
            ["s/2.png"],
        ],
    )
    batch, job = import_do(dataset, cast.alice, table, [folder])
    assert job.state == "done"
    assert [(line, reason.split(":")[0][:40]) for line, reason in problems(batch)] == [
        (3, "AU1 holds '7', which the mapping does no"),
        (4, "there is no picture 's/9.png' in what wa"),
        (5, "the file is not a picture that can be re"),
        (6, "'s/1.png' is in line 2 already"),
        (7, "image is empty"),
        (8, "the row has 1 cells, the header has 2"),
    ]
    assert codes_of(dataset.layers.get()) == {"s/1.png": {1: 1}}
    assert batch.rows.count() == 7


def test_an_image_of_an_earlier_import_is_named_and_left_alone(dataset, cast, labels, folder, tmp_path):
    import_do(dataset, cast.alice, labels, [folder])
    before = list(Face.objects.values_list("pk", "key"))
    again = table_write(tmp_path / "again.csv", [["image", "AU12"], ["s/1.png", 0]])
    batch, _job = import_do(dataset, cast.alice, again, [folder])
    assert problems(batch) == [(2, "the image 's/1.png' is in the data set already")]
    assert list(Face.objects.values_list("pk", "key")) == before
    assert codes_of(dataset.layers.get())["s/1.png"] == {1: 0, 12: 1}


def test_two_imports_make_one_data_set(dataset, cast, labels, folder, tmp_path):
    import_do(dataset, cast.alice, labels, [folder])
    more = pictures_write(tmp_path / "more", ["t/1.png"])
    table = table_write(tmp_path / "more.csv", [["image", "subject", "AU12"], ["t/1.png", "Ann", 1]])
    import_do(dataset, cast.alice, table, [more])
    assert list(dataset.faces.order_by("position").values_list("position", flat=True)) == [0, 1, 2, 3]
    assert dataset.subjects.count() == 1
    assert dataset.layers.count() == 1


def test_equal_pictures_under_two_names_are_both_kept_and_counted(dataset, cast, tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(picture_bytes(1))
    table = table_write(tmp_path / "l.csv", [["image", "AU1"], ["a.png", 1], ["b.png", 0]])
    _batch, job = import_do(dataset, cast.alice, table, [tmp_path])
    assert job.result["faces"] == 2
    assert job.result["identical_pictures"] == 1


def test_a_picture_goes_to_the_row_that_names_it_whole(dataset, cast, tmp_path):
    folder = pictures_write(tmp_path / "lab", ["b/1.png"])
    table = table_write(tmp_path / "l.csv", [["image", "AU1"], ["a/1.png", 1], ["b/1.png", 0]])
    batch, _job = import_do(dataset, cast.alice, table, [folder])
    assert [face.image for face in dataset.faces.all()] == ["b/1.png"]
    assert problems(batch)[0][1] == "'a/1.png' fits only the picture 'b/1.png', which another row names"


def test_a_picture_that_several_rows_half_name_belongs_to_none(dataset, cast, tmp_path):
    folder = pictures_write(tmp_path / "lab", ["b/1.png"])
    table = table_write(tmp_path / "l.csv", [["image", "AU1"], ["a/1.png", 1], ["c/1.png", 0]])
    batch, _job = import_do(dataset, cast.alice, table, [folder])
    assert not dataset.faces.exists()
    assert [line for line, _reason in problems(batch)] == [2, 3]


def test_split_values_part_reference_from_weak(dataset, cast, tmp_path):
    folder = pictures_write(tmp_path / "lab", ["1.png", "2.png", "3.png"])
    table = table_write(
        tmp_path / "l.csv",
        [
            ["image", "split", "AU1"],
            ["1.png", "train_gt", 1],
            ["2.png", "test", 0],
            ["3.png", "unlabelled", 1],
        ],
    )
    _batch, job = import_do(dataset, cast.alice, table, [folder], split={"train": ["train_gt"], "test": ["test"]})
    assert codes_of(dataset.layers.get(kind="reference")) == {"1.png": {1: 1}, "2.png": {1: 0}}
    assert codes_of(dataset.layers.get(kind="weak")) == {"3.png": {1: 1}}
    roles = dict(dataset.faces.values_list("image", "role"))
    assert roles == {"1.png": FaceRole.TRAIN, "2.png": FaceRole.TEST, "3.png": FaceRole.NONE}
    assert set(job.result["layers"]) == {"weak", "reference"}


def test_new_aus_join_the_list_and_old_bits_stay(dataset, cast, folder, tmp_path):
    bits = dict(dataset.coded_aus.values_list("au", "bit"))
    table = table_write(tmp_path / "l.csv", [["image", "AU06", "AU12"], ["s/1.png", 1, 0]])
    import_do(dataset, cast.alice, table, [folder])
    after = dict(dataset.coded_aus.values_list("au", "bit"))
    assert after == {**bits, 6: len(bits)}


def test_intensities_are_packed_and_the_threshold_decides(dataset, cast, folder, tmp_path):
    table = table_write(tmp_path / "l.csv", [["image", "AU12"], ["s/1.png", 3], ["s/2.png", 1], ["s/3.png", 0]])
    import_do(dataset, cast.alice, table, [folder])
    layer = dataset.layers.get()
    bit = dataset.coded_aus.get(au=12).bit
    assert codes_of(layer) == {"s/1.png": {12: 1}, "s/2.png": {12: 0}, "s/3.png": {12: 0}}
    graded = layer.labels.get(face__image="s/1.png")
    assert intensities_unpack(graded.intensities) == {bit: (3, 3)}


def test_a_semicolon_table_is_read(dataset, cast, folder, tmp_path):
    table = table_write(tmp_path / "l.csv", [["image", "AU1"], ["s/1.png", 1]], delimiter=";")
    import_do(dataset, cast.alice, table, [folder])
    assert codes_of(dataset.layers.get()) == {"s/1.png": {1: 1}}


def test_a_withdrawn_subject_does_not_come_back(
    dataset, cast, labels, folder, tmp_path, django_capture_on_commit_callbacks
):
    Withdrawal.objects.create(
        dataset=dataset,
        subject_sha256=hashlib.sha256(b"Ann").hexdigest(),
        faces=2,
        withdrawn_by=cast.alice,
    )
    with django_capture_on_commit_callbacks(execute=True):
        batch, _job = import_do(dataset, cast.alice, labels, [folder])
    assert [face.image for face in dataset.faces.all()] == ["s/3.png"]
    assert not dataset.subjects.exists()
    assert [(row.line, row.problem, row.cells) for row in problem_rows(batch)] == [
        (2, "the subject has withdrawn from this data set", []),
        (3, "the subject has withdrawn from this data set", []),
    ]
    stored = tmp_path / "files" / "datasets" / str(dataset.pk) / "pictures"
    assert len([path for path in stored.rglob("*") if path.is_file()]) == 1


def test_frame_rates_come_from_frames_and_times(dataset, cast, folder, tmp_path):
    table = table_write(
        tmp_path / "l.csv",
        [["image", "clip", "frame", "timestamp", "AU1"]]
        + [[f"s/{n}.png", "C", n * 10, n * 0.4, 1] for n in (1, 2, 3)],
    )
    import_do(dataset, cast.alice, table, [folder])
    assert dataset.clips.get().frame_rate == pytest.approx(25)


def test_a_long_table_gathers_a_face_from_many_rows(dataset, cast, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("annotator.services.importing_run.ROWS_AT_ONCE", 2)
    table = table_write(
        tmp_path / "l.csv",
        [
            ["image", "au", "value"],
            ["s/1.png", 1, 1],
            ["s/2.png", 1, 0],
            ["s/1.png", 12, 0],
            ["s/1.png", 1, 0],
            ["s/2.png", 6, 1],
        ],
    )
    batch, job = import_do(dataset, cast.alice, table, [folder])
    assert job.state == "done", job.error
    assert codes_of(dataset.layers.get()) == {"s/1.png": {1: 1, 12: 0}, "s/2.png": {1: 0, 6: 1}}
    assert problems(batch) == [(5, "'s/1.png', AU1, is in line 2 already")]
    assert batch.faces_added == 2


class TestLaterLabels:
    """Label files for faces that are there already."""

    @pytest.fixture
    def faces(self, dataset):
        faces = faces_make(dataset, 3)
        for face, image in zip(faces, ("a/1.png", "b/1.png", "b/2.png"), strict=True):
            face.image = image
            face.save()
        return faces

    def test_a_second_weak_file_gets_a_layer_of_its_own(self, dataset, cast, faces, tmp_path):
        table = table_write(tmp_path / "l.csv", [["image", "AU1"], ["a/1.png", 1]])
        import_do(dataset, cast.alice, table)
        import_do(dataset, cast.alice, table)
        assert [layer.name for layer in dataset.layers.all()] == ["weak", "weak 2"]
        assert not dataset.layers.exclude(kind="weak").exists()

    def test_a_chosen_layer_takes_the_codes_and_keeps_what_the_file_leaves_open(self, dataset, cast, faces, tmp_path):
        layer = layer_make(dataset, LayerKind.WEAK, faces[:1], [[1, 0]], [1, 12])
        table = table_write(tmp_path / "l.csv", [["image", "AU1", "AU12"], ["a/1.png", "", 1]])
        import_do(dataset, cast.alice, table, layer=layer)
        assert codes_of(layer) == {"a/1.png": {1: 1, 12: 1}}
        assert dataset.layers.count() == 1

    @pytest.mark.parametrize(
        ("cell", "image"),
        [
            ("b/2.png", "b/2.png"),
            ("2.png", "b/2.png"),
            ("x/y/b/1.png", "b/1.png"),
            ("C:\\lab\\a\\1.png", "a/1.png"),
        ],
    )
    def test_faces_are_found_by_the_longest_ending_that_one_has(self, dataset, cast, faces, tmp_path, cell, image):
        table = table_write(tmp_path / "l.csv", [["image", "AU1"], [cell, 1]])
        import_do(dataset, cast.alice, table)
        assert list(codes_of(dataset.layers.get())) == [image]

    @pytest.mark.parametrize(
        ("cell", "reason"),
        [
            ("1.png", "'1.png' fits 2 faces equally well: give more of the path"),
            ("B/2.PNG", "there is no face 'B/2.PNG' in this data set"),
            ("3.png", "there is no face '3.png' in this data set"),
            ("z/1.png", "there is no '1.png' in a folder 'z': 2 faces elsewhere are named so"),
            ("C:\\lab\\z\\1.png", "there is no '1.png' in a folder 'z': 2 faces elsewhere are named so"),
            ("", "image is empty: the row names no image"),
        ],
    )
    def test_rows_that_mean_no_single_face_are_named(self, dataset, cast, faces, tmp_path, cell, reason):
        table = table_write(tmp_path / "l.csv", [["image", "AU1"], [cell, 1]])
        batch, _job = import_do(dataset, cast.alice, table)
        assert problems(batch) == [(2, reason)]
        assert not dataset.layers.exists()

    def test_two_names_for_one_face_are_one_too_many(self, dataset, cast, faces, tmp_path, monkeypatch):
        monkeypatch.setattr("annotator.services.importing_run.ROWS_AT_ONCE", 1)
        table = table_write(tmp_path / "l.csv", [["image", "AU1"], ["b/2.png", 1], ["2.png", 0]])
        batch, _job = import_do(dataset, cast.alice, table)
        assert problems(batch) == [(3, "'2.png' is in line 2 already")]
        assert codes_of(dataset.layers.get()) == {"b/2.png": {1: 1}}

    def test_probabilities_lie_at_the_positions_of_their_faces(self, dataset, cast, faces, tmp_path):
        table = table_write(
            tmp_path / "l.csv",
            [["image", "AU1_prob", "AU1", "AU12_prob", "AU12"], ["b/2.png", 0.25, 0, 0.75, 1]],
        )
        import_do(dataset, cast.alice, table)
        layer = dataset.layers.get()
        values = array_read(layer.probabilities, check=True)
        bits = dict(dataset.coded_aus.values_list("au", "bit"))
        assert values.shape == (3, 63) and values.dtype == np.float16
        assert values[2, [bits[1], bits[12]]].tolist() == [0.25, 0.75]
        assert np.isnan(values).sum() == values.size - 2
        assert codes_of(layer) == {"b/2.png": {1: 0, 12: 1}}

    def test_later_probabilities_join_those_of_the_layer(self, dataset, cast, faces, tmp_path):
        first = table_write(tmp_path / "a.csv", [["image", "AU1_prob"], ["a/1.png", 0.25], ["b/1.png", 0.5]])
        import_do(dataset, cast.alice, first)
        layer = dataset.layers.get()
        faces_make(dataset, 2)
        second = table_write(tmp_path / "b.csv", [["image", "AU1_prob"], ["b/1.png", 0.75], ["face-4.png", 1]])
        import_do(dataset, cast.alice, second, layer=layer)
        layer.refresh_from_db()
        column = array_read(layer.probabilities)[:, dataset.coded_aus.get(au=1).bit]
        assert column[[0, 1, 4]].tolist() == [0.25, 0.75, 1]
        assert np.isnan(column[[2, 3]]).all()

    def test_a_role_is_given_once_and_never_changed(self, dataset, cast, faces, tmp_path):
        Face.objects.filter(pk=faces[0].pk).update(role=FaceRole.TEST)
        table = table_write(tmp_path / "l.csv", [["image", "split", "AU1"], ["a/1.png", "t", 1], ["b/1.png", "t", 1]])
        import_do(dataset, cast.alice, table, split={"train": ["t"]})
        assert dict(dataset.faces.values_list("image", "role")) == {
            "a/1.png": "test",
            "b/1.png": "train",
            "b/2.png": "none",
        }


class TestBeforeTheStart:
    """Preparing and mapping touch nothing, and refuse what can't be imported."""

    def test_preparing_and_mapping_leave_the_data_set_alone(self, dataset, cast, labels, folder):
        batch_make(dataset, cast.alice, labels, [folder])
        assert not dataset.faces.exists() and not dataset.layers.exists()
        assert DataSet.objects.get(pk=dataset.pk).revision == dataset.revision

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "the table is empty"),
            (b"image,AU1\n", "a header but no rows"),
            (b"image,AU1,AU1\na.png,1,1\n", "occur more than once"),
            (b"\xff\xfe\x00", "can't be read"),
        ],
    )
    def test_useless_tables_are_refused(self, dataset, cast, folder, tmp_path, content, reason):
        path = tmp_path / "l.csv"
        path.write_bytes(content)
        with pytest.raises(InputRefused, match=reason):
            batch_make(dataset, cast.alice, path, [folder])
        assert not ImportBatch.objects.exists()

    def test_a_table_without_an_image_or_au_column_cannot_be_started(self, dataset, cast, folder, tmp_path):
        table = table_write(tmp_path / "l.csv", [["a", "b"], [1, 2]])
        batch = import_prepare(
            dataset=dataset, user=cast.alice, labels_path=table, labels_file="l.csv", pictures=[folder]
        )
        with pytest.raises(InputRefused, match=r"no column names the image.*no column holds an AU"):
            import_start(batch=batch, user=cast.alice)
        assert not dataset.jobs.exists()

    def test_a_mapping_of_another_table_is_refused(self, dataset, cast, labels, folder, tmp_path):
        batch = batch_make(dataset, cast.alice, labels, [folder])
        other = batch_make(
            dataset, cast.alice, table_write(tmp_path / "o.csv", [["image", "AU2"], ["s/1.png", 1]]), [folder]
        )
        with pytest.raises(InputRefused, match="header"):
            import_map(batch=batch, mapping=mapping_of(other))

    def test_a_begun_import_keeps_its_mapping(self, dataset, cast, labels, folder):
        batch, _job = import_do(dataset, cast.alice, labels, [folder])
        with pytest.raises(Conflict):
            import_map(batch=batch, mapping=mapping_of(batch))
        with pytest.raises(Conflict):
            import_discard(batch=batch)

    def test_starting_twice_gives_one_job(self, dataset, cast, labels, folder):
        batch = batch_make(dataset, cast.alice, labels, [folder])
        first = import_start(batch=batch, user=cast.alice)
        assert import_start(batch=batch, user=cast.alice).pk == first.pk
        assert dataset.jobs.count() == 1

    def test_a_sixty_fourth_au_is_refused(self, cast, folder, tmp_path):
        from annotator.facs import ACTION_UNITS

        aus = sorted(ACTION_UNITS)
        full = dataset_create(name="Full", user=cast.alice, aus=aus[:63])
        table = table_write(tmp_path / "l.csv", [["image", f"AU{aus[63]}"], ["s/1.png", 1]])
        with pytest.raises(InputRefused, match="63 AUs at most"):
            batch_make(full, cast.alice, table, [folder])

    def test_a_changed_label_file_is_not_gone_on_with(self, dataset, cast, labels, folder, monkeypatch):
        batch = batch_make(dataset, cast.alice, labels, [folder])
        monkeypatch.setattr("annotator.services.importing_run.PICTURES_AT_ONCE", 1)
        monkeypatch.setattr("annotator.services.importing_run.probabilities_write", lambda *_: 1 / 0)
        job = job_run(import_start(batch=batch, user=cast.alice).pk)
        assert job.state == "failed"
        labels.write_text(labels.read_text() + "s/4.png,,,,,1,1\n")
        job = job_run(import_start(batch=batch, user=cast.alice).pk)
        assert "was changed since this import began" in job.error


class TestArchives:
    """A ZIP file may hold the label file and the pictures."""

    def test_table_and_pictures_in_one_archive(self, dataset, cast, tmp_path, settings):
        archive = zip_write(
            tmp_path / "all.zip",
            {
                "d/labels.csv": b"image,AU1\n1.png,1\n",
                "d/1.png": picture_bytes(),
                "__MACOSX/._labels.csv": b"x",
            },
        )
        batch, job = import_do(dataset, cast.alice, archive, [archive])
        assert job.state == "done", job.error
        assert codes_of(dataset.layers.get()) == {"1.png": {1: 1}}
        assert batch.labels_file == "labels.csv"
        assert archive.exists()
        assert not list(settings.UPLOADS.iterdir())

    def test_of_several_tables_the_user_chooses(self, dataset, cast, tmp_path):
        archive = zip_write(
            tmp_path / "all.zip",
            {"a.csv": b"image,AU1\n1.png,1\n", "b.csv": b"image,AU1\n1.png,0\n", "1.png": picture_bytes()},
        )
        batch = import_prepare(
            dataset=dataset, user=cast.alice, labels_path=archive, labels_file="all.zip", pictures=[archive]
        )
        assert batch.header == []
        with pytest.raises(InputRefused):
            import_start(batch=batch, user=cast.alice)
        batch = import_table_choose(batch=batch, table="b.csv")
        assert batch.header == ["image", "AU1"]

    def test_uploads_are_deleted_when_all_is_in(self, dataset, cast, settings):
        settings.UPLOADS.mkdir()
        archive = zip_write(settings.UPLOADS / "0.zip", {"l.csv": b"image,AU1\n1.png,1\n", "1.png": picture_bytes()})
        batch = import_prepare(
            dataset=dataset, user=cast.alice, labels_path=archive, labels_file="all.zip", owns_files=True
        )
        assert job_run(import_start(batch=batch, user=cast.alice).pk).state == "done"
        assert not list(settings.UPLOADS.iterdir())

        # Killed after the last row and before the files were gone, it is run once more.
        archive.write_bytes(b"left behind")
        batch.refresh_from_db()
        batch.labels_path = str(archive)
        batch.save()
        Job.objects.update(state="queued")
        assert job_run(batch.job_id).state == "done"
        assert not list(settings.UPLOADS.iterdir())

    @pytest.mark.parametrize(("present_from", "codes"), [(1, [1, 1, 1]), (3, [0, 0, 1])])
    def test_the_protocol_says_from_which_intensity_an_au_is_present(
        self, dataset, cast, tmp_path, present_from, codes
    ):
        protocol_change(dataset=dataset, user=cast.alice, present_from=present_from)
        faces = faces_make(dataset, 3)
        rows = [[face.image, letter] for face, letter in zip(faces, "ABC", strict=True)]
        table = table_write(tmp_path / "l.csv", [["image", "AU12_intensity"], *rows])
        batch = import_prepare(
            dataset=dataset, user=cast.alice, labels_path=table, labels_file="l.csv", with_pictures=False
        )
        assert job_run(import_start(batch=batch, user=cast.alice).pk).state == "done"
        labels = Label.objects.order_by("face__position").values_list("present", flat=True)
        assert [int(present > 0) for present in labels] == codes

    def test_a_discarded_upload_is_deleted(self, dataset, cast, settings):
        settings.UPLOADS.mkdir()
        path = table_write(settings.UPLOADS / "0.csv", [["image", "AU1"], ["1.png", 1]])
        batch = import_prepare(
            dataset=dataset,
            user=cast.alice,
            labels_path=path,
            labels_file="x.csv",
            with_pictures=False,
            owns_files=True,
        )
        import_discard(batch=batch)
        assert not path.exists() and not ImportBatch.objects.exists()

    @pytest.mark.parametrize(
        ("files", "reason"),
        [
            ({"../evil.csv": b"image,AU1\n", "1.png": b"x"}, "leads out of the archive"),
            ({"/etc/evil.csv": b"image,AU1\n", "1.png": b"x"}, "absolute path"),
            ({"l.csv": b"image,AU1\n", "big.png": b"\0" * 30_000_000}, "100 times its packed size"),
            ({"1.png": picture_bytes()}, "no label file"),
            ({"l.csv": b"image,AU1\n"}, "no picture"),
        ],
        ids=["parent", "absolute", "bomb", "no table", "no picture"],
    )
    def test_hostile_and_useless_archives_are_refused_whole(self, dataset, cast, tmp_path, settings, files, reason):
        path = tmp_path / "x.zip"
        path.write_bytes(zip_bytes(files))
        with pytest.raises(InputRefused, match=reason):
            import_prepare(dataset=dataset, user=cast.alice, labels_path=path, labels_file="x.zip")
        assert not ImportBatch.objects.exists()
        assert not settings.UPLOADS.exists() or not list(settings.UPLOADS.iterdir())


def test_hostile_texts_stay_texts(dataset, cast, folder, tmp_path):
    evil = '<script>alert("x")</script>'
    table = table_write(
        tmp_path / "l.csv",
        [
            ["image", "subject", "clip", "emotion", "split", evil, "AU1"],
            ["s/1.png", evil, evil, evil, evil, "=1+1", 1],
        ],
    )
    batch, job = import_do(dataset, cast.alice, table, [folder])
    face = dataset.faces.select_related("subject", "clip").get()
    assert {str(face.subject), str(face.clip), face.emotion, face.split} == {evil}
    assert batch.rows.get().cells[5] == "=1+1"
    assert json.dumps(job.result)


def test_a_huge_picture_is_a_problem_of_its_row(dataset, cast, folder, tmp_path):
    from PIL import Image

    Image.new("1", (20_000, 20_000)).save(folder / "s/2.png")
    table = table_write(tmp_path / "l.csv", [["image", "AU1"], ["s/1.png", 1], ["s/2.png", 1]])
    batch, _job = import_do(dataset, cast.alice, table, [folder])
    assert [(line, "50,000,000 pixels" in reason) for line, reason in problems(batch)] == [(3, True)]
    assert dataset.faces.count() == 1
