"""manage.py import_dataset and import_labels: the same services, told on the command line."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from annotator.models import DataSet, ImportRow, Job
from tests.annotator.importing import (  # noqa: F401  (quiet_heart is a fixture)
    codes_of,
    pictures_write,
    quiet_heart,
    table_write,
    zip_write,
)
from tests.factories import faces_make, picture_bytes


@pytest.fixture
def lab(tmp_path):
    pictures_write(tmp_path / "lab", ["1.png", "2.png", "3.png"])
    return table_write(
        tmp_path / "labels.csv",
        [
            ["file", "fold", "AU1", "AU12"],
            ["1.png", "gt", 1, 0],
            ["2.png", "test", 0, 7],
            ["3.png", "web", 0, 1],
        ],
    )


def command(name: str, *arguments: object) -> tuple[dict, str]:
    """The JSON object of the last line, and what was told on standard error."""
    out, err = io.StringIO(), io.StringIO()
    call_command(name, *map(str, arguments), "--json", stdout=out, stderr=err)
    return json.loads(out.getvalue().splitlines()[-1]), err.getvalue()


def test_a_new_data_set_from_a_folder(cast, lab, tmp_path):
    result, told = command("import_dataset", "Lab", "--images", tmp_path / "lab", "--labels", lab)
    dataset = DataSet.objects.get(name="Lab")
    assert {key: result[key] for key in ("dataset", "rows", "faces", "labels", "problems")} == {
        "dataset": dataset.pk,
        "rows": 3,
        "faces": 2,
        "labels": 4,
        "problems": 1,
    }
    assert {"batch", "seconds"} <= set(result)
    assert "line 3: AU12 holds '7'" in told
    assert dataset.created_by == cast.alice


def test_a_data_set_that_exists_is_added_to(cast, dataset, lab, tmp_path):
    faces_make(dataset, 1)
    command("import_dataset", "Smiles", "--images", tmp_path / "lab", "--labels", lab)
    assert dataset.faces.count() == 3


def test_split_values_on_the_command_line(cast, lab, tmp_path):
    command(
        "import_dataset", "Lab", "--images", tmp_path / "lab", "--labels", lab,
        "--split-column", "fold", "--reference-values", "gt", "test", "--test-values", "test", "--not-scored", "7",
    )  # fmt: skip
    dataset = DataSet.objects.get(name="Lab")
    assert codes_of(dataset.layers.get(kind="reference")) == {"1.png": {1: 1, 12: 0}, "2.png": {1: 0}}
    assert codes_of(dataset.layers.get(kind="weak")) == {"3.png": {1: 0, 12: 1}}
    assert dict(dataset.faces.values_list("image", "role")) == {
        "1.png": "train",
        "2.png": "test",
        "3.png": "none",
    }


def test_columns_can_be_named(cast, lab, tmp_path):
    command(
        "import_dataset",
        "Lab",
        "--images",
        tmp_path / "lab",
        "--labels",
        lab,
        "--columns",
        "AU25=AU12",
        "subject=fold",
    )
    dataset = DataSet.objects.get(name="Lab")
    assert codes_of(dataset.layers.get())["1.png"] == {1: 1, 25: 0}
    assert dataset.subjects.count() == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--columns", "image=nothing"], "names no column; there are: file"),
        (["--columns", "age=fold"], "none of image"),
        (["--format", "long"], "can't be read as long"),
        (["--split-column", "nothing"], "names no column"),
    ],
)
def test_what_does_not_fit_is_said_in_a_line(cast, lab, tmp_path, arguments, reason):
    with pytest.raises(CommandError, match=reason):
        command("import_dataset", "Lab", "--images", tmp_path / "lab", "--labels", lab, *arguments)
    assert not Job.objects.exists()


def test_an_import_without_one_good_row_is_a_failure(cast, lab, tmp_path):
    empty = pictures_write(tmp_path / "other", ["9.png"])
    with pytest.raises(CommandError, match="None of the 3 rows could be imported"):
        command("import_dataset", "Lab", "--images", empty, "--labels", lab)


def test_a_missing_label_file_is_said(cast, tmp_path):
    with pytest.raises(CommandError, match=r"none\.csv can't be read: No such file"):
        command("import_dataset", "Lab", "--images", tmp_path, "--labels", tmp_path / "none.csv")


def test_of_several_tables_in_a_zip_one_is_named(cast, tmp_path):
    archive = zip_write(
        tmp_path / "a.zip",
        {"a.csv": b"image,AU1\n1.png,1\n", "b.csv": b"image,AU1\n1.png,0\n", "1.png": picture_bytes()},
    )
    arguments = ["import_dataset", "Lab", "--images", archive, "--labels", archive]
    with pytest.raises(CommandError, match="--table"):
        command(*arguments)
    result, _told = command(*arguments, "--table", "b.csv")
    assert codes_of(DataSet.objects.get(pk=result["dataset"]).layers.get()) == {"1.png": {1: 0}}


def test_later_labels_become_a_reference_layer(cast, dataset, tmp_path):
    faces_make(dataset, 2)
    table = table_write(tmp_path / "l.csv", [["image", "AU1", "AU1_prob"], ["face-1.png", 1, 0.75]])
    result, _told = command("import_labels", "Smiles", "--labels", table, "--layer", "reference")
    layer = dataset.layers.get()
    assert (layer.kind, layer.probabilities.shape) == ("reference", [2, 63])
    assert (result["faces"], result["labels"]) == (0, 1)


def test_later_labels_can_go_into_a_layer_by_name(cast, dataset, tmp_path):
    faces_make(dataset, 2)
    table = table_write(tmp_path / "l.csv", [["image", "AU1"], ["face-1.png", 1]])
    command("import_labels", "Smiles", "--labels", table)
    command("import_labels", "Smiles", "--labels", table, "--into", "weak")
    assert dataset.layers.count() == 1
    with pytest.raises(CommandError, match="no layer called"):
        command("import_labels", "Smiles", "--labels", table, "--into", "strong")


def test_an_export_comes_back_as_it_went(cast, dataset, tmp_path):
    """LS 4033, 485, 3738: unicode, commas, quotes and formula cells, and every row, survive the round."""
    names = ["=1+1.png", "ümlaut, comma.png", 'quote"s".png', "-5.png", "@home.png", "it's.png"]
    pictures_write(tmp_path / "lab", names)
    rows = [[name, f"S,{n} “é”", "=cmd()", n % 2, "" if n % 3 else 1] for n, name in enumerate(names)]
    given = table_write(tmp_path / "given.csv", [["image", "subject", "note", "AU1", "AU12"], *rows])
    result, _told = command("import_dataset", "Smiles", "--images", tmp_path / "lab", "--labels", given)
    assert (result["faces"], result["problems"]) == (6, 0)
    first = dataset.layers.get()
    command("export_labels", "Smiles", "--out", tmp_path / "out.csv")
    result, _told = command("import_labels", "Smiles", "--labels", tmp_path / "out.csv")
    assert (result["rows"], result["problems"]) == (6, 0)
    assert codes_of(dataset.layers.exclude(pk=first.pk).get()) == codes_of(first)
    notes = {row.cells[row.batch.header.index("note")] for row in ImportRow.objects.select_related("batch")}
    assert notes == {"=cmd()"}


@pytest.mark.ictau
def test_ictau_stills_with_their_split(cast, ictau, tmp_path):
    head = (ictau / "stills.csv").read_text().splitlines()[:61]
    table = tmp_path / "stills.csv"
    table.write_text("\n".join(head) + "\n")
    result, _told = command(
        "import_dataset", "ictau", "--images", *sorted((ictau / "stills").iterdir()), "--labels", table,
        "--split-column", "split", "--reference-values", "train_gt", "test", "--test-values", "test",
    )  # fmt: skip
    dataset = DataSet.objects.get(name="ictau")
    assert (result["faces"], result["labels"], result["problems"]) == (60, 60 * 18, 0)
    assert dataset.coded_aus.count() == 18
    splits = [line.split(",")[1] for line in head[1:]]
    assert dataset.faces.filter(role="test").count() == splits.count("test")
    assert dataset.layers.get(kind="weak").labels.count() == splits.count("unlabelled")


def test_a_broken_off_import_is_gone_on_with(cast, lab, tmp_path, monkeypatch):
    def killed(self, items, taken):
        raise KeyboardInterrupt

    arguments = ("import_dataset", "Lab", "--images", tmp_path / "lab", "--labels", lab)
    with monkeypatch.context() as patch:
        patch.setattr("annotator.services.importing_run.ChunkWriter.faces_write", killed)
        with pytest.raises(CommandError):
            command(*arguments)
    result, told = command(*arguments)
    assert "which was broken off" in told
    assert (result["faces"], DataSet.objects.get().imports.count(), Job.objects.count()) == (2, 1, 1)
