"""The pages of a detector's scores in Chromium: by the keyboard, without script, chosen faces, axe."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from annotator.choices import LayerKind
from annotator.services.assignments import assignment_take
from tests.browser.test_accessibility import RULES_OF
from tests.factories import detector_make, faces_make, layer_make, prediction_layer_make, run_make
from trainer.selectors import score_pages

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def detector(dataset):
    """Twelve faces in one cluster, with scores of AU12 in three bars, reference codes on six."""
    faces = faces_make(dataset, 12, pictures=True)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[0]] * 12, [12])
    layer_make(dataset, LayerKind.REFERENCE, faces[:6], [[1]] * 6, [12])
    run_make(dataset, faces, 12, [1] * 12, [1] * 12, weak_layer=weak)
    detector = detector_make(dataset, aus=[12, 25])
    prediction_layer_make(detector, faces, [[0.12, 0.3]] * 5 + [[0.42, 0.3]] * 4 + [[0.93, 0.8]] * 3)
    return detector


def address(detector, name="score_distribution"):
    return reverse(name, args=[detector.dataset_id, detector.pk])


def names_of_focus(page):
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


def test_bars_are_walked_by_arrows_and_opened_by_enter(detector, cast, page_of):
    page = page_of(cast.alice)
    page.goto(address(detector))
    plots = page.locator("svg.scores")
    assert [plot.locator("a[tabindex='0']").count() for plot in plots.all()] == [1, 1]
    plots.first.locator("a").first.focus()
    assert names_of_focus(page).startswith("0.10–0.15: 5 faces")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert names_of_focus(page).startswith("0.90–0.95: 3 faces")
    page.keyboard.press("Home")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("low=0.40"))
    assert page.locator(".tile").count() == 4
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("low=0.45"))
    assert "No such faces" in page.inner_text("main")


def test_chosen_faces_are_looked_at_by_themselves(detector, cast, page_of):
    page = page_of(cast.alice)
    page.goto(address(detector, "score_faces") + "?au=12&low=0.40&high=0.45")
    button = page.get_by_role("button", name=re.compile("All scores of"))
    assert button.inner_text() == "All scores of these"
    page.locator("input[name=face]").first.check()
    assert button.inner_text() == "All scores of the chosen"
    button.click()
    page.wait_for_url(re.compile(r"faces=\d+$"))
    assert page.locator("svg.scores").first.locator("a").count() == 1
    page.get_by_role("link", name="Without this condition").click()
    assert page.locator("svg.scores").first.locator("a").count() == 3


def test_a_selection_of_the_cluster_page_is_looked_at(detector, cast, page_of):
    cluster = detector.dataset.runs.get().clusters.get()
    assignment_take(cluster=cluster, user=cast.dora)
    page = page_of(cast.dora)
    page.goto(reverse("cluster_detail", args=[detector.dataset_id, cluster.pk]))
    page.locator("input[name=face]").nth(0).check()
    page.locator("input[name=face]").nth(1).check()
    page.get_by_role("button", name="Scores of chosen").click()
    page.wait_for_url(re.compile("faces="))
    assert page.locator(".stat dd").first.inner_text() == "2"


def test_codes_that_take_long_come_after_the_page(detector, cast, page_of, monkeypatch):
    monkeypatch.setattr(score_pages, "ROWS_INLINE", 2)
    page = page_of(cast.alice)
    page.goto(address(detector))
    page.wait_for_selector("text=Mean difference")
    assert page.locator("svg.scores a[tabindex='0']").count() == 2
    assert page.locator("#scores").count() == 1


def test_everything_works_without_script(detector, cast, page_of, monkeypatch):
    page = page_of(cast.alice, java_script_enabled=False)
    page.goto(address(detector))
    page.locator("[name=faces], [name=subject]").first.fill("nobody")
    page.get_by_role("button", name="Show").click()
    assert "No scores here" in page.inner_text("main")
    page.get_by_role("link", name="Without this condition").click()
    page.get_by_role("link", name="faces", exact=True).click()
    assert "heights=faces" in page.url
    page.locator("svg.scores a").nth(1).click(force=True)
    assert page.locator(".tile").count() == 4
    page.locator("input[name=face]").first.check()
    page.get_by_role("button", name="All scores of the chosen").click()
    assert page.locator(".stat dd").first.inner_text() == "1"
    monkeypatch.setattr(score_pages, "ROWS_INLINE", 2)
    layer = detector.dataset.layers.get(kind=LayerKind.REFERENCE)
    page.goto(f"{address(detector)}?codes={layer.pk}")
    page.get_by_role("link", name="Lay the codes over the scores").click()
    assert "Mean difference" in page.inner_text("main")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(detector, cast, page_of, scheme):
    page = page_of(cast.alice, color_scheme=scheme, bypass_csp=True)
    bare = detector_make(detector.dataset, name="Has not looked")
    found = []
    for where in (
        address(detector),
        f"{address(detector)}?role=none&faces=1-4&codes=none",
        f"{address(detector)}?subject=nobody",
        f"{address(detector, 'score_faces')}?au=12&low=0.40&high=0.45",
        f"{address(detector, 'score_faces')}?au=12&low=0.55&high=0.60",
        address(bare),
    ):
        page.goto(where, wait_until="networkidle")
        violations = Axe().run(page, options=RULES_OF).response["violations"]
        found += [f"{where}: {one['id']} at {one['nodes'][0]['target']}" for one in violations]
    assert not found


@pytest.mark.parametrize("width", [1440, 1024])
def test_nothing_is_cut_off(detector, cast, page_of, width):
    page = page_of(cast.alice)
    page.set_viewport_size({"width": width, "height": 900})
    for where in (address(detector), f"{address(detector, 'score_faces')}?au=12&low=0&high=1"):
        page.goto(where, wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        for wrap in page.locator(".table-wrap").all():
            assert wrap.evaluate("wrap => wrap.scrollWidth <= wrap.clientWidth")
