"""The cluster page in a real browser: a band drawn over the grid, sorting, splitting, a pass, the AU's
description, and a grid of more than a thousand faces that scrolls without a stutter."""

import re

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import expect

from annotator.choices import LayerKind
from annotator.models import Cluster, Decision
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_take
from annotator.services.datasets import dataset_create
from tests.annotator.selectors.test_middles import features_give
from tests.browser.steps import READY, next_cluster
from tests.factories import faces_make, layer_make, run_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MANY = 1_200
SMOOTH_MS = 200
"""A task of the page's thread that is longer makes scrolling stutter for everybody to see."""
PASSES = 10
"""The machine may be busy with something else: one undisturbed pass shows what the page does by itself."""


@pytest.fixture
def bob(transactional_db):
    return User.objects.create_user("bob", password="x")


def cluster_make(user, count):
    """Faces proposed present in cluster 1 of AU12, all but three, which are in cluster 2; Bob holds it."""
    dataset = dataset_create(name="Smiles", user=user, aus=[1, 4, 12])
    faces = faces_make(dataset, count, pictures=True)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[place >= 4] for place in range(count)], [12])
    run = run_make(dataset, faces, 12, [1] * (count - 3) + [2] * 3, [1] * count, weak_layer=weak)
    shares = np.linspace(0.5, 0.99, count).astype(np.float16)[:, None]
    run.probabilities = array_write(dataset=dataset, purpose="probabilities", values=shares)
    features_give(run, np.arange(count)[:, None])
    cluster = run.clusters.get(number=1)
    assignment_take(cluster=cluster, user=user)
    return cluster


def opened(page_of, user, cluster, **options):
    page = page_of(user, **options)
    page.goto(reverse("cluster_detail", args=[cluster.run.dataset_id, cluster.pk]))
    page.wait_for_selector(READY)
    return page


@pytest.fixture
def cluster(bob):
    return cluster_make(bob, 33)


@pytest.fixture
def page(page_of, bob, cluster):
    return opened(page_of, bob, cluster)


def chosen(page):
    return {
        int(value) for value in page.eval_on_selector_all("[name=face]:checked", "all => all.map((one) => one.value)")
    }


def middle(page, position):
    box = page.locator(f"#face-{position}").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, first, last, *, key=None):
    """Draw a band from the middle of one face to the middle of another."""
    if key:
        page.keyboard.down(key)
    page.mouse.move(*middle(page, first))
    page.mouse.down()
    page.mouse.move(*middle(page, last), steps=6)
    page.wait_for_selector(".rubber-band")
    page.wait_for_timeout(100)
    page.mouse.up()
    if key:
        page.keyboard.up(key)
    expect(page.locator(".rubber-band")).to_have_count(0)


def test_a_band_chooses_what_it_touches_and_opens_nothing(page):
    drag(page, 4, 6)
    assert chosen(page) == {4, 5, 6}
    assert page.locator("#zoom[open]").count() == 0
    assert page.inner_text(".chosen-count") == "3 chosen"
    drag(page, 7, 8)
    assert chosen(page) == {7, 8}


def test_shift_adds_and_ctrl_takes_away(page):
    drag(page, 4, 6)
    drag(page, 0, 2, key="Shift")
    assert chosen(page) == {0, 1, 2, 4, 5, 6}
    drag(page, 5, 6, key="Control")
    assert chosen(page) == {0, 1, 2, 4}


def test_a_band_over_rows_chooses_a_block(page):
    """Two rows of the band of faces whose weak label agrees: what the block touches and no more."""
    first = page.locator("#face-4").bounding_box()
    below = next(
        place for place in range(5, 30) if page.locator(f"#face-{place}").bounding_box()["y"] > first["y"] + 10
    )
    drag(page, 5, below + 2)
    assert chosen(page) == {5, 6, below + 1, below + 2}


def test_escape_gives_a_band_up(page):
    drag(page, 4, 5)
    page.mouse.move(*middle(page, 7))
    page.mouse.down()
    page.mouse.move(*middle(page, 9), steps=4)
    page.wait_for_selector(".rubber-band")
    page.keyboard.press("Escape")
    expect(page.locator(".rubber-band")).to_have_count(0)
    page.mouse.up()
    assert chosen(page) == {4, 5}


def test_a_click_still_opens_the_large_picture(page):
    page.click("#face-5 .shot")
    page.wait_for_selector("#zoom[open]")


def test_a_band_scrolls_on_at_the_edge(page_of, bob):
    page = opened(page_of, bob, cluster_make(bob, 240))
    page.locator("#face-4").scroll_into_view_if_needed()
    page.mouse.move(*middle(page, 4))
    page.mouse.down()
    page.mouse.move(700, 600, steps=3)
    page.mouse.move(900, 896, steps=3)
    expect(page.locator(".chosen-count")).to_have_text(re.compile(r"[1-9]\d\d chosen"))
    page.mouse.up()
    assert page.evaluate("() => scrollY") > 300
    assert {4, 5, 100} <= chosen(page)


def test_faces_of_any_shape_are_shown_whole(page_of, bob):
    """A picture twice as wide as high is fitted into its tile, neither cropped nor stretched."""
    cluster = cluster_make(bob, 8)
    cluster.run.dataset.faces.update(width=160, height=80)
    page = opened(page_of, bob, cluster)
    fit = page.eval_on_selector(".tile img", "(img) => getComputedStyle(img).objectFit")
    box = page.locator(".tile img").first.bounding_box()
    assert fit == "contain"
    assert box["width"] == pytest.approx(box["height"], abs=1)


def test_sorting_comes_with_the_choice_and_stays(page, bob):
    page.keyboard.press("o")
    page.select_option("select[name=order]", "probable")
    page.wait_for_url("**order=probable**")
    page.wait_for_selector(READY)
    assert page.locator(".tile").first.get_attribute("data-position") == "29"
    assert Decision.objects.count() == 1
    page.keyboard.press("u")
    page.wait_for_selector("#review-save[data-save=saved]")
    assert list(Decision.objects.latest("pk").faces.values_list("face__position", flat=True)) == [29]


def test_splitting_by_a_band_and_a_key_and_putting_back(page, cluster):
    expect(page.locator("[data-key=s]")).to_be_disabled()
    drag(page, 4, 6)
    page.keyboard.press("s")
    page.wait_for_selector("text=3 faces were split off as cluster 3")
    page.wait_for_selector(READY)
    assert page.locator("#face-5").count() == 0
    page.click(".splits >> text=Open it")
    page.wait_for_selector("#face-5")
    assert page.locator(".tile").count() == 3
    page.wait_for_selector(READY)
    page.click("text=Put back")
    page.wait_for_selector("#face-29")
    assert page.locator(".tile").count() == 30
    assert not Cluster.objects.exclude(split_from=None).exists()


def test_what_is_not_saved_yet_is_saved_before_a_split(page, bob):
    page.keyboard.press("o")
    page.keyboard.press("x")
    page.keyboard.press("s")
    page.wait_for_selector("text=1 face was split off")
    assert Decision.objects.count() == 1


def test_one_key_opens_and_closes_what_to_look_for(page):
    page.keyboard.press("f")
    page.wait_for_selector("#facs-help[open] >> text=zygomaticus major")
    page.keyboard.press("f")
    expect(page.locator("#facs-help[open]")).to_have_count(0)
    page.keyboard.press("Space")
    page.wait_for_selector("#zoom[open]")
    page.keyboard.press("f")
    page.wait_for_selector("#facs-help[open]")
    page.keyboard.press("Escape")
    expect(page.locator("#facs-help[open]")).to_have_count(0)
    assert page.locator("#zoom[open]").count() == 1


def test_what_compares_comes_after_the_page_and_stays_closed_if_closed(page):
    page.wait_for_selector("#beside-content >> text=Nearest: cluster 2")
    page.click("#beside > summary")
    with page.expect_response(re.compile(r"/clusters/\d+/$")):
        page.reload()
    page.wait_for_selector(READY)
    page.wait_for_selector("#beside:not([open])")
    assert page.locator("#beside-content >> text=Nearest: cluster").count() == 0
    page.click("#beside > summary")
    page.wait_for_selector("#beside-content >> text=Nearest: cluster 2")


def test_a_pass_over_the_upper_face(page_of, bob, cluster):
    dataset = cluster.run.dataset
    for au in (1, 4):
        run = run_make(dataset, list(dataset.faces.all()), au, [1] * 33, [1] * 33, adopted=False)
        run.adopted_at, run.adopted_aus = cluster.run.adopted_at, [au]
        run.save()
    page = page_of(bob)
    page.goto(reverse("review_queue", args=[dataset.pk]))
    page.get_by_role("button", name=re.compile("^upper face")).click()
    page.wait_for_selector(READY)
    first = page.inner_text("h1")
    assert "Staying with upper face" in page.inner_text(".staying")
    page.keyboard.press("a")
    page.wait_for_selector(".review-status .left.all")
    next_cluster(page)
    assert {first[:3], page.inner_text("h1")[:3]} == {"AU1", "AU4"}


def test_more_than_a_thousand_faces_scroll_without_a_stutter(page_of, bob):
    page = opened(page_of, bob, cluster_make(bob, MANY))
    page.wait_for_selector("#beside-content >> text=Nearest")
    page.evaluate(
        """() => {
          globalThis.slow = [];
          new PerformanceObserver((list) => slow.push(...list.getEntries().map((one) => one.duration)))
            .observe({ type: "longtask" });
        }"""
    )
    # The measure itself works: it sees a task that is too long.
    page.evaluate("() => setTimeout(() => { const end = performance.now() + 250; while (performance.now() < end); })")
    page.wait_for_timeout(600)
    assert page.evaluate("() => Math.max(...slow)") > SMOOTH_MS
    page.mouse.move(500, 600)
    worst = []
    for _round in range(PASSES):
        page.evaluate("() => { scrollTo(0, 0); slow.length = 0; }")
        for _step in range(60):
            page.mouse.wheel(0, 400)
            page.wait_for_timeout(16)
        assert page.evaluate("() => scrollY") > 10_000
        worst.append(max(page.evaluate("() => slow"), default=0))
        if worst[-1] <= SMOOTH_MS:
            break
    print("longest tasks while scrolling, ms:", worst)
    assert min(worst) <= SMOOTH_MS
