"""Import, export, import: the same faces, codes, roles and columns, whatever the cells hold."""

import csv
import io

import pytest

from annotator.choices import JobState
from annotator.formats.cells import formula_unguard
from annotator.models import Label
from annotator.selectors.exports import export_file_open
from annotator.services.datasets import dataset_create
from annotator.services.exporting import export_create
from annotator.services.job_running import job_run
from tests.annotator.importing import import_do, pictures_write, table_write

IMAGES = ["s/1.png", "s/é, ü.png", "s/=3.png", 's/"4".png', "s/5.png"]
HEADER = ["Notes", "image", "subject", "AU 12", "AU25", "age", "fold", "emotion"]
ROWS = [
    ["=cmd()", IMAGES[0], "Ann", 1, 0, "31", "a", "joy"],
    ["a, b; c", IMAGES[1], "+49", "", 1, "", "b", ""],
    ["'=kept", IMAGES[2], "Ann", 0, "", "-1", "b", "joy"],
    ['say "hi"', IMAGES[3], "", 1, 1, "007", "", "怒り"],
    ["two\nlines", IMAGES[4], "Bo", 0, 0, " 5 ", "a", ""],
]


@pytest.fixture
def folder(tmp_path):
    return pictures_write(tmp_path / "lab", IMAGES)


def exported(dataset, user, shape="wide"):
    order, job = export_create(dataset=dataset, user=user, shape=shape, preset="standard", accept_proposals=False)
    assert job_run(job.pk).state == JobState.DONE
    order.refresh_from_db()
    with export_file_open(order) as file:
        return file.read()


def codes(dataset):
    """{(image, AU): code} of all layers, by what the masks say."""
    aus = {coded.bit: coded.au for coded in dataset.coded_aus.all()}
    found = {}
    for label in Label.objects.filter(layer__dataset=dataset).select_related("face"):
        for bit, au in aus.items():
            if label.scored >> bit & 1:
                found[label.face.image, au] = label.present >> bit & 1
    return found


def faces(dataset):
    return list(
        dataset.faces.order_by("position").values_list("image", "subject__pseudonym", "split", "emotion", "role")
    )


def imported_again(cast, content, folder, tmp_path, **options):
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    again = dataset_create(name="Again", user=cast.alice)
    _, job = import_do(again, cast.alice, path, [folder], **options)
    assert job.state == JobState.DONE, job.error
    return again


@pytest.fixture
def lab(cast, folder, tmp_path):
    dataset = dataset_create(name="Lab", user=cast.alice)
    table = table_write(tmp_path / "labels.csv", [HEADER, *ROWS])
    batch, job = import_do(dataset, cast.alice, table, [folder])
    assert job.state == JobState.DONE and batch.faces_added == 5, job.error
    return dataset


def test_codes_and_faces_come_back(cast, lab, folder, tmp_path):
    again = imported_again(cast, exported(lab, cast.alice), folder, tmp_path)
    assert codes(again) == codes(lab) and len(codes(lab)) == 8
    assert faces(again) == faces(lab)


def test_unknown_columns_come_back_as_they_were(cast, lab, folder, tmp_path):
    content = exported(lab, cast.alice)
    again = imported_again(cast, content, folder, tmp_path)
    assert exported(again, cast.alice) == content
    table = list(csv.DictReader(io.StringIO(content.decode())))
    assert [row["age"] for row in table] == [str(row[5]) for row in ROWS]
    assert [formula_unguard(row["Notes"]) for row in table] == [row[0] for row in ROWS]


def test_a_long_table_brings_the_codes_back(cast, lab, folder, tmp_path):
    again = imported_again(cast, exported(lab, cast.alice, "long"), folder, tmp_path)
    assert codes(again) == codes(lab)
