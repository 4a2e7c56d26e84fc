"""What people do in the browser again and again: go to a page, import, review by keys, look into an export."""

import csv
import io
import re
from typing import Any

from django.contrib.auth.models import User

from annotator.models import DataSet, Decision

LONG = 240_000
READY = ".tile .shot:focus"
"""The page's script has given the first face the focus, so keys are answered."""


def place_opened(page: Any, name: str) -> None:
    """Go to one of the data set's pages by its navigation."""
    page.get_by_role("navigation", name="In this data set").get_by_role("link", name=name, exact=True).click()


def files_imported(page: Any, dataset: DataSet, *, content: str, kind: str, file: Any) -> None:
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


def pressed(page: Any, key: str) -> None:
    """Press the key and wait until the server has answered."""
    with page.expect_response(lambda response: "/decide/" in response.url):
        page.keyboard.press(key)
    page.wait_for_selector("#review-save[data-save=saved]")


def next_cluster(page: Any) -> None:
    """The key that finishes this cluster and opens another one."""
    first = page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first)
    page.wait_for_selector(READY)


def table_exported(page: Any, dataset: DataSet) -> list[dict[str, str]]:
    """Order an export as it is proposed, and read the file that is downloaded."""
    place_opened(page, "Export")
    page.get_by_role("button", name="Make the export").click()
    with page.expect_download(timeout=LONG) as download:
        page.get_by_role("link", name="Download CSV").click(timeout=LONG)
    return list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))


def codes_decided(dataset: DataSet, coder: User) -> dict[tuple[str, int], int]:
    """{(image, AU): 0 or 1} as the coder's decisions left them, one after another."""
    codes = {}
    for decision in Decision.objects.filter(dataset=dataset, user=coder).order_by("id"):
        for changed in decision.faces.select_related("face"):
            for coded in dataset.coded_aus.all():
                if decision.aus & coded.mask:
                    codes[changed.face.image, coded.au] = int(bool(changed.new_present & coded.mask))
    return codes


def codes_stand(table: list[dict[str, str]], codes: dict[tuple[str, int], int]) -> None:
    """Each decided code stands in the table as the coder's; no other one does."""
    assert codes
    rows = {row["image"]: row for row in table}
    for (image, au), code in codes.items():
        assert rows[image][f"AU{au:02d}"] == str(code), (image, au)
        assert rows[image][f"AU{au:02d}_source"] == "coder"
    as_coder = {
        (row["image"], int(column[2:4]))
        for row in table
        for column, source in row.items()
        if column.endswith("_source") and source == "coder"
    }
    assert as_coder == codes.keys()
