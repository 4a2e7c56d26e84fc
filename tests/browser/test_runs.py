"""The pages of runs in Chromium: compared without script, the changes counted after the page, axe."""

import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from annotator.choices import LayerKind
from annotator.services.arrays import array_write
from tests.browser.test_accessibility import RULES_OF
from tests.factories import faces_make, layer_make, run_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LAMS = [0.01, 0.2, 4.0]


@pytest.fixture
def runs(dataset):
    """Two runs of AU12 which differ on three faces; the second tried several λ and isn't adopted."""
    faces = faces_make(dataset, 6, pictures=True)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1], [0]] * 3, [12])
    runs = [
        run_make(dataset, faces, 12, [1, 1, 1, 2, 2, 0], [1] * 6, weak_layer=weak),
        run_make(dataset, faces, 12, [1, 1, 1, 2, 2, 0], [1, 1, 1, 0, 0, 0], weak_layer=weak, adopted=False),
    ]
    for run in runs:
        told = {"weak_rate": 0.5, "proposal_rate": 0.5, "changed": 1, "added": 0, "witnesses": {"weak label": 1.0}}
        told["kept"] = {"its cluster is split evenly": 2}
        told["held_out"] = {"faces": 6, "weak_agreement": 0.5, "weak_f1": 0.5, "agreement": 0.7, "f1": 0.6}
        part = {
            "clusters": 2,
            "noise": 1,
            "median_size": 2,
            "largest": 3,
            "umqi": 0.5,
            "lam": 0.2,
            "lam_literal": 1.2,
        }
        run.summary |= {"faces": 6, "changed": 1, "noise": 1, "warnings": [], "neighbour_recall": 1.0}
        run.summary |= {"per_au": [told], "partitions": [part]}
    runs[1].summary["partitions"][0] |= {
        "sweep": [{"lam": lam, "clusters": 2, "umqi": lam, "by_reference": 1, "merit": -lam} for lam in LAMS],
        "plane_lams": LAMS,
    }
    planes = np.random.default_rng(0).normal(size=(6, 1, 3, 2)).astype(np.float32)
    runs[1].sweep_planes = array_write(dataset=dataset, purpose="sweep-planes", values=planes)
    for run in runs:
        run.save()
    return runs


def test_two_runs_are_compared_without_script(runs, dataset, cast, page_of):
    page = page_of(cast.ana, java_script_enabled=False)
    page.goto(reverse("run_list", args=[dataset.pk]))
    page.get_by_role("radio", name=f"Compare run {runs[1].pk} as A").check()
    page.get_by_role("radio", name=f"Compare run {runs[0].pk} as B").check()
    page.get_by_role("button", name="Compare A and B").click()
    page.wait_for_url(re.compile(rf"a={runs[1].pk}&b={runs[0].pk}"))
    assert page.locator(".face.tile").count() == 3
    page.get_by_role("link", name="Swap A and B").click()
    page.wait_for_url(re.compile(rf"a={runs[0].pk}&b={runs[1].pk}"))
    page.locator(".face.tile a").first.click()
    page.wait_for_url(re.compile("/faces/"))


def test_the_changes_come_after_the_page(runs, dataset, cast, page_of, monkeypatch):
    monkeypatch.setattr("clustering.selectors.adoption.INLINE_FACES", 0)
    page = page_of(cast.alice)
    page.goto(reverse("run_detail", args=[dataset.pk, runs[1].pk]))
    page.wait_for_selector("#changes")
    assert "Changed to absent" in page.inner_text("#changes")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_two_runs_and_a_sweep(runs, dataset, cast, page_of, scheme):
    page = page_of(cast.alice, color_scheme=scheme, bypass_csp=True)
    first, second = runs
    found = []
    for address in (
        reverse("run_detail", args=[dataset.pk, second.pk]),
        reverse("run_compare", args=[dataset.pk], query={"a": first.pk, "b": second.pk}),
        reverse("run_list", args=[dataset.pk]),
    ):
        page.goto(address, wait_until="networkidle")
        page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
        violations = Axe().run(page, options=RULES_OF).response["violations"]
        found += [f"{address}: {one['id']} at {one['nodes'][0]['target']}" for one in violations]
    assert not found
