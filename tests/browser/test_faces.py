"""The grid of any faces in Chromium: more as one scrolls, keys, a whole scope relabelled and taken back, bars
and cells that open their faces, without script, axe."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import expect

from annotator.choices import LayerKind
from annotator.models import Decision
from annotator.selectors import face_grid
from annotator.services.datasets import revision_raise
from tests.browser.steps import READY, pressed
from tests.browser.test_accessibility import RULES_OF
from tests.factories import faces_make, layer_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def faces(dataset, monkeypatch):
    """Forty faces; weak says AU12 and AU25 present on the first ten, and AU25 on the next ten too; reference
    says AU12 absent on the first four."""
    monkeypatch.setattr(face_grid, "PER_PAGE", 12)
    monkeypatch.setattr(face_grid, "MORE", 12)
    faces = faces_make(dataset, 40, pictures=True)
    layer_make(dataset, LayerKind.WEAK, faces, [[1, 1]] * 10 + [[0, 1]] * 10 + [[0, 0]] * 20, [12, 25], name="weak")
    layer_make(dataset, LayerKind.REFERENCE, faces[:12], [[0, 1]] * 4 + [[1, 1]] * 8, [12, 25], name="reference")
    revision_raise(dataset)
    return faces


@pytest.fixture
def address(dataset, faces):
    return reverse("face_list", args=[dataset.pk])


def where(dataset, au=12):
    return f"?where={dataset.layers.get(name='weak').pk}:{au}:p"


def test_faces_come_as_one_scrolls_and_answer_to_the_keys(address, dataset, cast, page_of):
    page = page_of(cast.bob)
    page.goto(address + "?au=12")
    page.wait_for_selector(READY)
    page.mouse.move(700, 600)
    for _turn in range(8):
        page.mouse.wheel(0, 3000)
        page.wait_for_timeout(100)
    expect(page.locator(".tile")).to_have_count(40)
    expect(page.locator(".more-faces")).to_have_count(0)
    page.locator("#face-39 input[name=face]").check()
    page.locator("#face-38 input[name=face]").check()
    pressed(page, "1")
    expect(page.locator("#face-39 .own")).to_have_text("present")
    assert sorted(Decision.objects.get().faces.values_list("face__position", flat=True)) == [38, 39]


def test_a_scope_is_relabelled_after_a_look_at_the_consequences_and_undone_in_one_step(
    address, dataset, cast, page_of
):
    page = page_of(cast.bob)
    page.goto(address + where(dataset))
    page.get_by_role("link", name="Relabel all 10").click()
    expect(page.locator(".consequences-count")).to_have_text(re.compile("10 of 10 faces would change"))
    expect(page.get_by_text("4 of them contradict the reference.")).to_be_visible()
    page.get_by_role("button", name="Make 10 faces present").click()
    page.wait_for_url(re.compile("done="))
    expect(page.get_by_text("Relabelled: 10 faces.")).to_be_visible()
    expect(page.locator(".tile .own-p")).to_have_count(10)
    page.get_by_role("button", name="Undo all of it").click()
    expect(page.get_by_text("10 faces are as they were.")).to_be_visible()
    expect(page.locator(".tile .own")).to_have_count(0)
    assert Decision.objects.count() == 2


def test_a_page_out_of_date_shows_both_sides(address, dataset, cast, page_of):
    page, other = page_of(cast.bob), page_of(cast.bob)
    page.goto(address + where(dataset))
    page.get_by_role("link", name="Relabel all 10").click()
    other.goto(address + where(dataset))
    other.wait_for_selector(READY)
    pressed(other, "0")
    page.get_by_role("button", name="Make 10 faces present").click()
    expect(page.locator("table.sides")).to_be_visible()
    page.get_by_role("button", name="Make 10 faces present").click()
    page.wait_for_url(re.compile("done="))


def test_a_bar_and_a_cell_open_their_faces(dataset, faces, cast, page_of):
    page = page_of(cast.bob)
    there = reverse("distributions", args=[dataset.pk])
    page.goto(there)
    page.get_by_role("link", name=re.compile("^weak, AU25: present on 20 of 40")).click()
    expect(page.locator("main h1")).to_have_text(re.compile("Faces 20"))
    expect(page.get_by_text("weak: AU25 present")).to_be_visible()
    page.goto(there)
    heat = page.get_by_role("group", name="Co-occurrence in weak")
    heat.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator("[data-heats-says]")).to_have_text(re.compile("AU12 where AU25 is present: .*weak 50%"))
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_have_text(re.compile("Faces 10"))
    expect(page.get_by_text("weak: AU25 present")).to_be_visible()


def test_conditions_are_added_by_the_form_and_taken_away(address, dataset, cast, page_of):
    page = page_of(cast.bob)
    page.goto(address + "?au=12")
    page.get_by_label("Only where").select_option(label="weak")
    page.get_by_label("What it says").select_option(label="other than reference")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("main h1")).to_have_text(re.compile("Faces 6"))
    page.get_by_role("link", name="Without this condition").click()
    expect(page.locator("main h1")).to_have_text(re.compile("Faces 40"))


def test_without_script_faces_are_chosen_relabelled_and_gone_on_to(address, dataset, cast, page_of):
    page = page_of(cast.bob, java_script_enabled=False)
    page.goto(address + "?au=12")
    page.locator("input[name=face]").nth(1).check()
    page.get_by_role("button", name=re.compile("^Present")).click()
    assert page.locator(".tile .own-p").count() == 1
    page.get_by_role("link", name=re.compile("More faces")).click()
    assert page.locator(".tile").first.get_attribute("data-position") == "12"
    page.goto(address + where(dataset))
    page.get_by_role("link", name="Relabel all 10").click()
    page.get_by_role("button", name="Make 9 faces present").click()
    assert page.locator(".tile .own-p").count() == 10
    page.get_by_role("button", name="Undo all of it").click()
    assert page.locator(".tile .own-p").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_grid_consequences_and_distributions(address, dataset, cast, page_of, scheme):
    page = page_of(cast.bob, color_scheme=scheme, bypass_csp=True)
    found = []
    for path in (
        address + where(dataset),
        address + "?q=zzz",
        reverse("faces_consequences", args=[dataset.pk]) + where(dataset),
        reverse("distributions", args=[dataset.pk]),
    ):
        page.goto(path, wait_until="networkidle")
        violations = Axe().run(page, options=RULES_OF).response["violations"]
        found += [f"{path}: {one['id']} at {one['nodes'][0]['target']}" for one in violations]
    assert not found
