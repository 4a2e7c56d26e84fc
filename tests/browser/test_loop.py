"""The cleaning loop in Chromium on demo faces: import, features, cluster, adopt, review, export."""

import csv
import io
import re
import zipfile

import pytest

from annotator.choices import DecisionKind, Role
from annotator.models import DataSet, Decision, Face, Member
from annotator.services.accounts import login_link_create
from demo.faces import faces_draw
from tests.workers import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LONG = 240_000
READY = ".tile .shot:focus"
"""The page's script has given the first face the focus, so keys are answered."""


@pytest.fixture(scope="session")
def faces_zip(tmp_path_factory):
    """120 drawn faces with their weak labels in one ZIP file, and their reference file beside it."""
    files = faces_draw(tmp_path_factory.mktemp("faces"), faces=120, seed=3)
    path = files.folder / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(files.labels, "labels.csv")
        for picture in sorted(files.pictures.rglob("*.*")):
            archive.write(picture, picture.relative_to(files.folder))
    return path, files.reference


def imported(page, dataset, *, content: str, kind: str, file) -> None:
    page.goto(f"/datasets/{dataset.pk}/import/new/")
    page.check(f"input[name=content][value={content}]")
    page.check(f"input[name=layer_kind][value={kind}]")
    page.set_input_files("input[name=files]", file)
    page.click("text=Read the files")
    page.wait_for_url(re.compile(r"/columns/"))
    for name, role in (("train_gt", "train"), ("test", "test")):
        if kind == "reference":
            page.select_option(f"select[aria-label='Rows of {name}']", role)
    page.get_by_role("button", name="Start the import").click()
    page.wait_for_selector("text=Every row was imported", timeout=LONG)


def test_from_upload_to_the_cleaned_table(page_of, workers, cast, faces_zip):
    archive, reference = faces_zip
    page = page_of()
    page.goto(f"/login/{login_link_create(cast.alice)[1]}/")
    page.get_by_role("button", name="Log in as alice").click()
    page.goto("/datasets/new/")
    page.fill("input[name=name]", "Loop")
    page.get_by_role("button", name=re.compile("Create|Make")).click()
    page.wait_for_url(re.compile(r"/datasets/\d+/"))
    dataset = DataSet.objects.get(name="Loop")

    imported(page, dataset, content="faces", kind="weak", file=archive)
    imported(page, dataset, content="labels", kind="reference", file=reference)
    assert dataset.faces.count() == 120

    page.goto(f"/datasets/{dataset.pk}/runs/")
    page.get_by_role("button", name="Extract features").click()
    wait_until(dataset.feature_sets.exists, seconds=240)
    page.reload()
    page.get_by_role("button", name="Start clustering").click()
    wait_until(dataset.runs.exclude(finished_at=None).exists, seconds=240)
    page.get_by_role("button", name="Adopt this run").click()
    page.wait_for_selector("text=Go to review")
    assert dataset.runs.get().adopted_aus == dataset.runs.get().aus

    Member.objects.create(dataset=dataset, user=cast.bob, role=Role.CODER)
    reviewed_by_keyboard(page_of(cast.bob), dataset)

    page.goto(f"/datasets/{dataset.pk}/exports/")
    page.get_by_role("button", name="Make the export").click()
    with page.expect_download(timeout=LONG) as download:
        page.get_by_role("link", name="Download CSV").click(timeout=LONG)
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))
    assert len(table) == 120
    codes_are_those_decided(dataset, cast.bob, table)


def reviewed_by_keyboard(page, dataset) -> None:
    """Accept a cluster but one face the other way; mark one noise and take that back; go on."""
    page.goto(f"/datasets/{dataset.pk}/review/", wait_until="networkidle")
    page.keyboard.press("j")
    page.wait_for_selector(READY)
    pressed(page, "a")
    assert page.locator(".tile").count() == page.locator(".tile[data-state=confirmed]").count()
    page.locator(".tile .shot").first.focus()
    pressed(page, "o")
    page.keyboard.press("ArrowRight")
    pressed(page, "n")
    assert page.locator(".tile[data-state=noise]").count() == 1
    pressed(page, "z")
    assert page.locator(".tile[data-state=noise]").count() == 0
    first = page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first)
    page.wait_for_selector(READY)
    pressed(page, "-")


def pressed(page, key: str) -> None:
    """Press the key and wait until the server has answered."""
    with page.expect_response(lambda response: "/decide/" in response.url):
        page.keyboard.press(key)
    page.wait_for_selector("#review-save[data-save=saved]")


def codes_are_those_decided(dataset, coder, table) -> None:
    """Each decided code stands in the table as the coder's; the others come from other layers."""
    rows = {row["image"]: row for row in table}
    kinds = list(Decision.objects.filter(user=coder).order_by("id").values_list("kind", flat=True))
    assert kinds[:4] == [DecisionKind.CONFIRM, DecisionKind.RELABEL, DecisionKind.NOISE, DecisionKind.UNDO]
    assert kinds[4:] == [DecisionKind.RELABEL]
    expected = {}
    for decision in Decision.objects.filter(user=coder).order_by("id"):
        for changed in decision.faces.select_related("face"):
            for coded in dataset.coded_aus.all():
                if decision.aus & coded.mask:
                    expected[changed.face.image, coded.au] = int(bool(changed.new_present & coded.mask))
    assert expected
    for (image, au), code in expected.items():
        assert rows[image][f"AU{au:02d}"] == str(code), (image, au)
        assert rows[image][f"AU{au:02d}_source"] == "coder"
    decided = {(image, f"AU{au:02d}_source") for image, au in expected}
    others = {
        source
        for row in table
        for column, source in row.items()
        if column.endswith("_source") and (row["image"], column) not in decided
    }
    assert "coder" not in others
    assert not Face.objects.filter(dataset=dataset, labels__noise=True, labels__layer__user=coder).exists()
