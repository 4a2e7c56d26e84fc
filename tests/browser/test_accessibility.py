"""axe finds nothing against WCAG 2.2 AA on any page, light and dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from tests.architecture.conftest import world  # noqa: F401  (a fixture)
from tests.architecture.test_matrix import ROUTES
from tests.browser.test_hostile import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
RULES_OF = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
PARTS = (
    "dataset_card", "dataset_figures", "job_progress", "import_matches", "run_changes", "face_panel", "face_strip",
)  # fmt: skip
"""Fragments that htmx asks for: they are looked at inside their pages."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(world, cast, page_of, scheme):  # noqa: F811
    page = page_of(cast.alice, color_scheme=scheme, bypass_csp=True)
    found = []
    for name in PAGES:
        if name in PARTS:
            continue
        arguments = {key: world.argument(name, key) for key in ROUTES[name].pattern.converters}
        page.goto(reverse(name, kwargs=arguments), wait_until="networkidle")
        violations = Axe().run(page, options=RULES_OF).response["violations"]
        found += [f"{name}: {one['id']} at {one['nodes'][0]['target']}" for one in violations]
    assert not found
