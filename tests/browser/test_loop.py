"""The cleaning loop in Chromium on demo faces: import, features, cluster, adopt, review, export."""

import re

import pytest

from annotator.choices import DecisionKind, Role
from annotator.models import DataSet, Decision, Face, Member
from annotator.services.accounts import login_link_create
from tests.browser.steps import (
    READY,
    codes_decided,
    codes_stand,
    files_imported,
    next_cluster,
    pressed,
    table_exported,
)
from tests.workers import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


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

    files_imported(page, dataset, content="faces", kind="weak", file=archive)
    files_imported(page, dataset, content="labels", kind="reference", file=reference)
    faces = dataset.faces.count()
    assert faces == 160

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

    table = table_exported(page, dataset)
    assert len(table) == faces
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
    next_cluster(page)
    pressed(page, "-")


def codes_are_those_decided(dataset, coder, table) -> None:
    """Each decided code stands in the table as the coder's; the others come from other layers."""
    kinds = list(Decision.objects.filter(user=coder).order_by("id").values_list("kind", flat=True))
    assert kinds[:4] == [DecisionKind.CONFIRM, DecisionKind.RELABEL, DecisionKind.NOISE, DecisionKind.UNDO]
    assert kinds[4:] == [DecisionKind.RELABEL]
    codes_stand(table, codes_decided(dataset, coder))
    assert not Face.objects.filter(dataset=dataset, labels__noise=True, labels__layer__user=coder).exists()
