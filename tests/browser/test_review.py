"""Reviewing by keyboard in a real browser: each key saves at once, and nothing is lost."""

import uuid

import numpy as np
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from annotator.choices import DecisionKind, LayerKind, Mode, Scope
from annotator.models import Assignment, Decision, Label
from annotator.services.assignments import assignment_next
from annotator.services.datasets import coded_aus_ensure, dataset_create
from annotator.services.decisions import decision_make
from tests.factories import faces_make, layer_make, run_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SAVED = "#review-save[data-save=saved]"


@pytest.fixture
def bob(transactional_db):
    return User.objects.create_user("bob", password="x")


@pytest.fixture
def cluster(bob):
    """Twelve faces proposed present in one cluster, handed to Bob; the weak labels of four differ."""
    dataset = dataset_create(name="Smiles", user=bob, aus=[12])
    faces = faces_make(dataset, 12, pictures=True)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[number >= 4] for number in range(12)], [12])
    run = run_make(dataset, faces, 12, [1] * 12, [1] * 12, weak_layer=weak)
    assignment_next(dataset, bob)
    return run.clusters.get()


def login(context, live_server, user):
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])


@pytest.fixture
def page(page_of, bob, cluster):
    page = page_of(bob)
    page.goto(reverse("cluster_detail", args=[cluster.run.dataset_id, cluster.pk]))
    page.wait_for_selector(".tile .shot:focus")
    return page


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_timeout(50)
    page.wait_for_selector(SAVED)


def own(user):
    """The user's tokens of AU12 by position, p a u or ! for noise."""
    found = {}
    for label in Label.objects.filter(layer__user=user).select_related("face"):
        code = "p" if label.present else "a" if label.scored else "u" if label.unscorable else ""
        if code or label.noise:
            found[label.face.position] = code + ("!" if label.noise else "")
    return found


def test_a_day_in_keys(page, bob):
    press(page, "o", "ArrowRight", "u", "ArrowRight", "n")
    assert own(bob) == {0: "a", 1: "u", 2: "!"}
    press(page, "ArrowRight", "x", "ArrowRight", "x", "0")
    assert own(bob) == {0: "a", 1: "u", 2: "!", 3: "a", 4: "a"}
    press(page, "a")
    assert own(bob) == {0: "a", 1: "u", 2: "!", 3: "a", 4: "a", **dict.fromkeys(range(5, 12), "p")}
    press(page, "z", "z")
    assert own(bob) == {0: "a", 1: "u", 2: "!"}
    press(page, "y")
    assert own(bob)[3] == "a"


def test_the_same_key_twice_in_haste_goes_there_and_back(page, bob):
    press(page, "o", "o")
    assert own(bob) == {0: "p"}
    assert Decision.objects.count() == 2


def test_shift_and_arrows_choose_and_escape_lets_go(page, bob):
    press(page, "Shift+ArrowRight", "Shift+ArrowRight")
    assert page.locator("[name=face]:checked").count() == 3
    press(page, "Escape", "1")
    assert own(bob) == {2: "p"}


def test_keys_rest_while_somebody_types_and_with_modifiers(page, bob):
    page.keyboard.press("Control+u")
    page.click("[name=note]")
    page.keyboard.type("an unsure one")
    assert page.input_value("[name=note]") == "an unsure one"
    assert not Decision.objects.exists()
    page.click(".tile >> nth=0 >> [name=face]")
    press(page, "0")
    assert Decision.objects.get().note == "an unsure one"


def test_all_faces_are_chosen_and_set_apart_by_two_keys(page, bob):
    press(page, "*")
    assert page.inner_text(".chosen-count") == "12 chosen"
    assert page.inner_text("[data-key=n]").startswith("All noise")
    page.click(".tile >> nth=3 >> [name=face]")
    assert page.inner_text("[data-key=n]").startswith("Noise")
    press(page, "n")
    assert own(bob) == {position: "!" for position in range(12) if position != 3}


def test_haste_accepts_nothing_that_nobody_looked_at(page, bob):
    page.keyboard.press("j")
    page.wait_for_selector("#undecided[open]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#undecided:not([open])", state="attached")
    assert own(bob) == {}
    assert Assignment.objects.get().state == "open"


def test_next_asks_about_undecided_faces_and_finishes(page, bob, live_server):
    page.keyboard.press("j")
    page.wait_for_selector("#undecided[open]")
    assert page.inner_text("#undecided p .undecided-count") == "12"
    page.click("text=Accept these 12 and go on")
    page.wait_for_url("**/review/")
    assert set(own(bob).values()) == {"p"}
    assert Assignment.objects.get().state == "done"


def test_the_large_picture_goes_on_with_the_keys(page, bob):
    page.keyboard.press("Space")
    page.wait_for_selector("#zoom[open]")
    press(page, "ArrowRight", "o")
    assert own(bob) == {1: "a"}
    page.keyboard.press("Escape")
    page.wait_for_selector("#zoom:not([open])", state="attached")
    page.wait_for_selector("#face-1:focus-within")


def test_a_session_that_ended_loses_nothing(page, bob, live_server):
    page.wait_for_load_state("networkidle")  # what is still on its way would keep its session
    Session.objects.all().delete()
    page.keyboard.press("o")
    page.wait_for_selector("[data-waiting] >> text=Log in")
    page.wait_for_selector("#review-save[data-save=waiting]")
    assert not Decision.objects.exists()
    login(page.context, live_server, bob)
    page.reload()
    page.wait_for_selector(SAVED)
    page.wait_for_timeout(100)
    page.wait_for_selector(SAVED)
    assert own(bob) == {0: "a"}


def test_another_user_in_the_same_tab_does_not_send_it(page, bob, live_server, cluster):
    page.wait_for_load_state("networkidle")  # what is still on its way would keep its session
    Session.objects.all().delete()
    page.keyboard.press("o")
    page.wait_for_selector("[data-waiting]")
    cleo = User.objects.create_user("cleo", password="x")
    cluster.run.dataset.members.create(user=cleo, role="admin")
    Assignment.objects.update(coder=cleo)
    login(page.context, live_server, cleo)
    page.reload()
    page.wait_for_selector("[data-waiting] >> text=another user")
    assert not Decision.objects.exists()


def test_a_closed_window_loses_nothing(page, bob, live_server, cluster):
    here = page.url
    page.context.set_offline(True)
    page.keyboard.press("o")
    page.wait_for_selector("[data-waiting] >> text=can't be reached")
    context = page.context
    page.close()
    context.set_offline(False)
    later = context.new_page()
    later.clock.install()
    later.clock.fast_forward(60_000)
    later.goto(live_server.url)
    later.get_by_text("are not saved: 1").wait_for()
    later.get_by_role("link", name="Open the page").click()
    later.wait_for_selector("#face-0 .own")
    assert later.url == here
    assert own(bob) == {0: "a"}
    later.goto(live_server.url)
    later.wait_for_timeout(200)
    assert not later.get_by_text("are not saved").is_visible()


def reopened_after(page, keys, meanwhile):
    """The page shown again, whose window was closed while these keys waited, and something happened meanwhile."""
    here, context = page.url, page.context
    context.set_offline(True)
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_selector("[data-waiting] >> text=can't be reached")
    page.close()
    context.set_offline(False)
    meanwhile()
    later = context.new_page()
    later.goto(here)
    later.wait_for_selector(".tile .shot:focus")
    later.wait_for_timeout(100)
    later.wait_for_selector(SAVED)
    return later


@pytest.fixture
def elsewhere(page_of, bob, cluster):
    """Another browser of Bob's, at the same cluster."""

    def _press(*keys):
        other = page_of(bob)
        other.goto(reverse("cluster_detail", args=[cluster.run.dataset_id, cluster.pk]))
        other.wait_for_selector(".tile .shot:focus")
        press(other, *keys)
        other.close()

    return _press


@pytest.mark.parametrize("turned", ["undo", "redo"])
def test_an_undo_that_waited_leaves_what_was_decided_since(page, bob, elsewhere, turned):
    press(page, "o")
    if turned == "redo":
        press(page, "z")
    later = reopened_after(page, "z" if turned == "undo" else "y", lambda: elsewhere("ArrowRight", "u"))
    assert "You decided something else here since" in later.inner_text("#messages")
    assert own(bob) == ({0: "a", 1: "u"} if turned == "undo" else {1: "u"})
    press(later, "z")
    assert own(bob) == ({0: "a"} if turned == "undo" else {})


def test_an_undo_that_waited_does_nothing_where_it_was_done_already(page, bob, elsewhere):
    press(page, "ArrowRight", "u", "ArrowLeft", "o")
    later = reopened_after(page, "z", lambda: elsewhere("z"))
    assert "undone already" in later.inner_text("#messages")
    assert own(bob) == {1: "u"}


def test_an_undo_that_waited_behind_its_decision_takes_back_that_one(page, bob, elsewhere):
    press(page, "u")
    later = reopened_after(page, "0z", lambda: None)
    assert own(bob) == {0: "u"}
    assert not later.locator("#messages .notice").count()


def test_undos_that_waited_take_back_nothing_where_their_decision_was_refused(page, bob, elsewhere):
    press(page, "ArrowRight", "u", "ArrowLeft")
    later = reopened_after(page, "0zz", lambda: elsewhere("1"))
    assert "was not saved" in later.inner_text("#messages")
    assert own(bob) == {0: "p", 1: "u"}


def test_a_server_that_is_away_is_tried_again(page, bob):
    page.context.set_offline(True)
    page.keyboard.press("o")
    page.wait_for_selector("[data-waiting] >> text=can't be reached")
    page.context.set_offline(False)
    page.wait_for_selector(SAVED)
    assert own(bob) == {0: "a"}


def test_a_stale_tab_shows_both_sides_and_catches_up(page, bob, cluster):
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector(".tile .shot:focus")
    press(other, "1")
    press(page, "0")
    assert "not coded" in page.inner_text("#messages")
    assert page.inner_text("#face-0 .own").strip().endswith("present")
    assert own(bob) == {0: "p"}
    press(page, "0")
    assert own(bob) == {0: "a"}


def test_a_whole_cluster_asks_once_about_an_unusual_pair(page, bob, cluster):
    dataset = cluster.run.dataset
    coded_aus_ensure(dataset=dataset, aus=[15])
    decision_make(
        dataset=dataset,
        user=bob,
        kind=DecisionKind.RELABEL,
        code="present",
        aus=[15],
        faces=range(3),
        mode=Mode.ASSISTED,
        scope=Scope.SELECTION,
        client_id=uuid.uuid4(),
    )
    page.keyboard.press("a")
    page.wait_for_selector("#pairs[open]")
    assert "AU12 with AU15 is rare; 3 faces would have both" in page.inner_text("#pairs-question")
    page.keyboard.press("n")
    page.wait_for_selector(SAVED)
    assert Decision.objects.count() == 1
    assert page.locator("[data-saving]").count() == 0
    page.keyboard.press("a")
    page.wait_for_selector("#pairs[open]")
    page.click("#pairs >> text=Yes, both")
    page.wait_for_selector(SAVED)
    assert Decision.objects.latest("pk").faces.count() == 12


def test_the_help_names_every_key_once(page):
    page.keyboard.press("?")
    page.wait_for_selector("#keys-help[open]")
    keys = page.locator(".keys-list kbd").all_inner_texts()
    assert len(keys) == len(set(keys))
    assert {"a", "o", "u", "n", "e", "z", "j", "x", "*", "?"} <= set(keys)


def test_the_size_of_the_tiles_is_remembered(page):
    before = page.locator(".tile").first.bounding_box()["width"]
    page.locator(".sizes input").fill("240")
    page.reload()
    page.wait_for_selector(".tile .shot:focus")
    assert page.locator(".sizes input").input_value() == "240"
    box = page.locator(".tile").first.bounding_box()
    assert box["width"] >= 240 > before


def test_the_face_page_by_keys(page, bob, live_server, cluster):
    page.goto(reverse("face_detail", args=[cluster.run.dataset_id, 0]))
    page.wait_for_selector(".face-codes tr[aria-selected=true]")
    press(page, "1")
    press(page, "n")
    assert own(bob) == {0: "p!"}
    press(page, "z", "z")
    assert own(bob) == {}


def test_the_noise_gallery_by_keys(page, bob, live_server, cluster):
    membership = np.zeros((12, 1), np.int32)
    from annotator.services.arrays import array_write

    run = cluster.run
    run.membership = array_write(dataset=run.dataset, purpose="membership", values=membership)
    run.save()
    page.goto(reverse("noise_gallery", args=[run.dataset_id]))
    page.wait_for_selector(".tile .shot:focus")
    press(page, "n", "ArrowRight", "e")
    assert own(bob) == {0: "!"}
    assert page.inner_text("#face-1 .own").strip().endswith("kept")
