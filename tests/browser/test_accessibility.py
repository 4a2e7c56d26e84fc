"""Every page, light and dark and 1024 pixels wide: axe finds nothing against WCAG 2.2 AA, and nothing has to be
scrolled sideways. The pages are all GET addresses of the URL configuration; a new one without a visit fails."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from tests.architecture.conftest import world  # noqa: F401  (a fixture)
from tests.architecture.test_matrix import ROUTES, RULES

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
RULES_OF = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
NO_PAGES = {
    "healthz": "for machines", "readyz": "for machines", "metrics": "for machines",
    "face_picture": "a picture", "face_thumbnail": "a picture",
    "detector_sight_picture": "a picture", "face_attribution_picture": "a picture",
    "export_download": "a file", "export_dictionary": "a file", "import_problems": "a file",
    "history_download": "a file", "detector_card": "a file", "detector_weights": "a file",
    "dataset_card": "looked at inside the list", "dataset_figures": "looked at inside the overview",
    "job_progress": "looked at inside the job", "import_matches": "looked at inside the column page",
    "run_changes": "looked at inside the run", "audit_list": "leads to the history",
    "cluster_beside": "looked at inside the cluster", "face_panel": "looked at inside the face",
    "face_strip": "looked at inside the face", "clip_frame": "leads to a face",
    "map_points": "for the map's script", "map_colours": "for the map's script",
    "map_positions": "for the map's script", "map_face": "looked at inside the map",
    "api_schema": "for machines",
}  # fmt: skip
"""GET addresses that are no pages, and why."""
PAGES = sorted(
    name
    for name, (method, _allowed) in RULES.items()
    if method == "GET" and name not in NO_PAGES and (name == "api_docs" or not name.startswith("api_"))
)
OTHERS = {
    "history": ["show=assignments", "show=audit", "kind=noise", "face=x"],
    "noise_gallery": ["reason=group"],
    "run_list": [],
    "detector_detail": ["face=3", "face=4"],
    "key_map": [],
}
"""Query strings of other states of a page."""
DRAWN_LATE = {"api_docs": ".opblock"}
"""What a page's script draws after everything has come."""
SIGNED_OUT = ("login", "login_link", "invitation_accept")


@pytest.fixture
def shown(world, cast):  # noqa: F811
    """The world with a decision and its undo to show, so that lists aren't empty."""
    return world


@pytest.fixture
def visited(shown, cast, page_of):
    """visited(scheme, width): (address's name, page) of every page in this theme and width, as alice or nobody."""

    def visit(scheme, width):
        options = {"color_scheme": scheme, "bypass_csp": True}
        inside, outside = page_of(cast.alice, **options), page_of(**options)
        for page in (inside, outside):
            page.set_viewport_size({"width": width, "height": 800})
        for name in PAGES:
            arguments = {key: shown.argument(name, key) for key in ROUTES[name].pattern.converters}
            page = outside if name in SIGNED_OUT else inside
            for query in ["", *OTHERS.get(name, [])]:
                page.goto(reverse(name, kwargs=arguments) + ("?" + query if query else ""), wait_until="networkidle")
                if name in DRAWN_LATE:
                    page.wait_for_selector(DRAWN_LATE[name])
                yield name + query, page
        inside.goto("/no/such/page/")
        yield "404", inside

    return visit


def test_every_get_address_is_a_page_or_has_a_reason_not_to_be_one():
    gets = {name for name, (method, _allowed) in RULES.items() if method == "GET"}
    api = {name for name in gets if name.startswith("api_")} - {"api_docs"}
    assert gets - set(PAGES) - api == set(NO_PAGES) - api
    assert set(NO_PAGES) <= gets


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1024)])
def test_axe_finds_nothing_and_nothing_is_scrolled_sideways(visited, scheme, width):
    found = []
    for name, page in visited(scheme, width):
        violations = Axe().run(page, options=RULES_OF).response["violations"]
        found += [f"{name}: {one['id']} at {one['nodes'][0]['target']}" for one in violations]
        root = page.locator("html")
        over = root.evaluate("node => node.scrollWidth - node.clientWidth")
        if over > 0 and name != "api_docs":
            found.append(f"{name}: {over} pixels wider than the window")
    assert not found
