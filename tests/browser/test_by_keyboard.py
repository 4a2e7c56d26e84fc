"""The main ways through the pages with the keyboard alone, the focus always to be seen."""

import re

import numpy as np
import pytest
from django.urls import reverse
from playwright.sync_api import expect

from annotator.choices import DecisionKind, LayerKind
from annotator.models import Decision, Export
from annotator.services.arrays import array_write
from tests.browser.steps import READY
from tests.factories import faces_make, layer_make, run_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TABS = 80
SAVED = "#review-save[data-save=saved]"


@pytest.fixture
def run(dataset):
    faces = faces_make(dataset, 8, pictures=True)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[0]] * 8, [12])
    return run_make(dataset, faces, 12, [1] * 4 + [2] * 4, [1] * 8, weak_layer=weak)


def focus_seen(page):
    """What has the focus has an outline or a frame, and something of it lies in the window."""
    told = page.evaluate_handle("() => document.activeElement").as_element()
    assert told is not None
    style = told.evaluate(
        """node => {
          const own = getComputedStyle(node), label = node.closest("label");
          const around = label && getComputedStyle(label);
          const frame = node.closest(".tile, .face");
          const drawn = (one) => one && one.outlineStyle !== "none" && parseFloat(one.outlineWidth) >= 2;
          return {
            drawn: drawn(own) || drawn(around) || (frame && getComputedStyle(frame).boxShadow !== "none")
              || (frame && drawn(getComputedStyle(frame))),
            words: (node.textContent || node.name || node.id).trim().slice(0, 40),
          };
        }"""
    )
    assert style["drawn"], f"the focus on “{style['words']}” can't be seen"
    box = told.bounding_box()
    size = page.viewport_size
    assert box and box["x"] < size["width"] and box["y"] < size["height"] and box["y"] + box["height"] > 0, style


def tab_to(page, name, key="Tab"):
    """Press Tab until the control of this name has the focus; every stop on the way can be seen."""
    wanted = re.compile(name)
    for _press in range(TABS):
        page.keyboard.press(key)
        words = page.evaluate_handle("() => document.activeElement").as_element()
        if words.evaluate("node => node === document.body"):
            continue  # past the last control; the next one is the first again
        said = words.evaluate("node => (node.getAttribute('aria-label') || node.textContent || '').trim()")
        if said:
            focus_seen(page)
        if wanted.search(" ".join(said.split())):
            return
    raise AssertionError(f"{TABS} times Tab don't lead to “{name}”")


def test_from_the_data_sets_through_two_clusters(page_of, cast, dataset, run):
    page = page_of(cast.bob)
    page.goto("/")
    tab_to(page, "^Smiles")
    page.keyboard.press("Enter")
    page.wait_for_url("**/datasets/*/")
    tab_to(page, "^Review$")
    page.keyboard.press("Enter")
    page.wait_for_url("**/review/")
    tab_to(page, "^Start reviewing")
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    focus_seen(page)
    page.keyboard.press("ArrowRight")
    focus_seen(page)
    page.keyboard.press("o")
    page.wait_for_selector(SAVED)
    page.keyboard.press("a")
    page.wait_for_selector(SAVED)
    first = page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first)
    page.wait_for_selector(READY)
    page.keyboard.press("Space")
    page.wait_for_selector("#zoom[open]")
    page.keyboard.press("u")
    page.wait_for_selector(SAVED)
    page.keyboard.press("Escape")
    tab_to(page, "^Accept all")
    page.keyboard.press("Enter")
    page.wait_for_selector("#review-status[data-undecided='0']", state="attached")
    kinds = list(Decision.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == [DecisionKind.RELABEL, DecisionKind.CONFIRM, DecisionKind.UNSCORABLE, DecisionKind.CONFIRM]


def test_the_noise_gallery(page_of, cast, dataset, run):
    run.membership = array_write(dataset=dataset, purpose="membership", values=np.zeros((8, 1), np.int32))
    run.save()
    page = page_of(cast.bob)
    page.goto(reverse("review_queue", args=[dataset.pk]))
    tab_to(page, "^Noise$")
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    page.keyboard.press("n")
    page.wait_for_selector(SAVED)
    page.keyboard.press("ArrowRight")
    focus_seen(page)
    page.keyboard.press("e")
    page.wait_for_selector("#face-1 .own")
    page.keyboard.press("z")
    page.wait_for_selector("#face-1 .own", state="detached")
    assert Decision.objects.count() == 3


def test_an_export(page_of, cast, dataset, run):
    page = page_of(cast.alice)
    page.goto(reverse("dataset_detail", args=[dataset.pk]))
    tab_to(page, "^Export$")
    page.keyboard.press("Enter")
    page.wait_for_url("**/exports/")
    tab_to(page, "^Make the export")
    page.keyboard.press("Enter")
    page.wait_for_url("**/exports/*/")
    assert Export.objects.count() == 1


def test_keys_and_history(page_of, cast, dataset, run):
    page = page_of(cast.bob)
    page.goto(reverse("dataset_detail", args=[dataset.pk]))
    tab_to(page, "^bob$")
    page.keyboard.press("Enter")
    tab_to(page, "^Keys$")
    page.keyboard.press("Enter")
    page.wait_for_url("**/keys/")
    tab_to(page, "^Save$")
    page.go_back()
    tab_to(page, "^History$")
    page.keyboard.press("Enter")
    page.wait_for_url("**/history/")
    tab_to(page, "^Download as CSV")
    expect(page.get_by_role("heading", name="History")).to_be_visible()
