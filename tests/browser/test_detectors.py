"""A detector's report in a real browser: numbers by pointer and keys, both themes, narrow and without script."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import expect

from annotator.choices import JobState
from annotator.models import Detector, Job
from tests.browser.test_accessibility import RULES_OF
from tests.factories import detector_make, faces_make
from tests.trainer.reports import EIGHTEEN, brief_report_made, report_made

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def detectors(dataset):
    """One with eighteen AUs, one with four of them, one with a brief report."""
    faces_make(dataset, 3)
    return [
        detector_make(dataset, name="Eighteen", aus=EIGHTEEN, report=report_made()),
        detector_make(dataset, name="Four", aus=EIGHTEEN[:4], report=report_made(EIGHTEEN[:4], test=False)),
        detector_make(dataset, name="Brief", method="default", aus=EIGHTEEN[:2], report=brief_report_made(2)),
    ]


def address(detector):
    return reverse("detector_detail", args=[detector.dataset_id, detector.pk])


def comparison(*detectors):
    asked = "&".join(f"d={one.pk}" for one in detectors)
    return reverse("detector_compare", args=[detectors[0].dataset_id]) + f"?{asked}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(detectors, cast, page_of, scheme):
    page = page_of(cast.alice, color_scheme=scheme, bypass_csp=True)
    found = []
    for place in (*map(address, detectors), comparison(*detectors[:2]), comparison(*detectors)):
        page.goto(place, wait_until="networkidle")
        for folded in page.locator("main details:not(.menu)").all():
            folded.evaluate("one => { one.open = true; }")
        violations = Axe().run(page, options=RULES_OF).response["violations"]
        found += [f"{place}: {one['id']} at {one['nodes'][0]['target']}" for one in violations]
    assert not found


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_no_page_is_wider_than_its_window(detectors, cast, page_of, width):
    page = page_of(cast.alice)
    page.set_viewport_size({"width": width, "height": 900})
    for place in (*map(address, detectors), comparison(*detectors)):
        page.goto(place)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, place


def test_a_cell_tells_its_numbers_to_pointer_and_keys(detectors, cast, page_of):
    page = page_of(cast.alice)
    page.goto(address(detectors[0]))
    says = page.locator("[data-heats-says]")
    expect(says).to_be_empty()
    told = detectors[0].report["cross_validation"]["distribution"]
    page.locator("[data-heat=predicted] g > rect").nth(18 * 2 + 5).hover()
    expect(says).to_contain_text("AU4 where AU7 is present")
    shares = [told[kind]["conditional"][2][5] for kind in ("reference", "predicted")]
    expect(says).to_contain_text(f"{shares[0]:.0%} in the reference, {shares[1]:.0%} predicted")
    expect(page.locator("[data-heat] rect.at")).to_have_count(3)
    page.locator("[data-heat=reference]").focus()
    page.keyboard.press("ArrowRight")
    expect(says).to_contain_text("AU4 where AU9 is present")
    for _step in range(5):
        page.keyboard.press("ArrowUp")
    expect(says).to_contain_text("AU1 where AU9 is present")


def test_another_evaluation_and_au_are_a_click_away(detectors, cast, page_of):
    page = page_of(cast.ana)
    page.goto(address(detectors[0]))
    page.get_by_role("row", name="Test faces").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"evaluation=test&rule=fixed"))
    page.get_by_role("navigation", name="Another AU").get_by_role("link", name="12", exact=True).click()
    expect(page).to_have_url(re.compile(r"evaluation=test&rule=fixed&au=12#one"))
    expect(page.get_by_role("heading", name="AU12 lip corner puller")).to_be_in_viewport()


@pytest.mark.parametrize("script", [True, False])
def test_a_detector_is_promoted_and_its_progress_shown(detectors, cast, page_of, script):
    page = page_of(cast.alice, java_script_enabled=script)
    page.goto(address(detectors[1]))
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("Promoted. It looks at every face now")).to_be_visible()
    job = Job.objects.get(kind="prediction")
    expect(page.locator(f"#job-{job.pk}")).to_be_visible()
    assert Detector.objects.get(pk=detectors[1].pk).promoted_at
    if script:
        Job.objects.filter(pk=job.pk).update(state=JobState.FAILED, error="The disk is full.")
        expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_two_are_chosen_from_the_list_and_compared(detectors, cast, page_of):
    page = page_of(cast.ana)
    page.goto(reverse("detector_compare", args=[detectors[0].dataset_id]))
    for name in ("Eighteen", "Four"):
        page.get_by_role("checkbox", name=name).check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("They don't know the same AUs")).to_be_visible()
    expect(page.get_by_role("row", name="Mean of 4 AUs that all have")).to_be_visible()
