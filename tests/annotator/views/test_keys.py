"""The page of one's own keys, and that every page follows them."""

import pytest
from django.urls import reverse

from annotator.models import KeyMap
from tests.architecture.conftest import world  # noqa: F401  (a fixture)


@pytest.fixture
def bob(cast):
    return cast.client("bob")


def test_a_chosen_key_is_in_buttons_hints_and_help(world, cast, bob):  # noqa: F811
    assert bob.post("/keys/", {"queue.start": "g"}).status_code == 302
    html = bob.get(reverse("review_queue", args=[world.dataset.pk])).content.decode()
    assert 'data-key="g Enter" data-commands="queue.start queue.enter"' in html
    assert 'data-row="queue.start" data-function="start" data-default="j" data-keys="g"' in html
    assert html.count('<kbd class="kbd">g</kbd>') == 2
    others = cast.client("dora").get(reverse("review_queue", args=[world.dataset.pk])).content.decode()
    assert 'data-key="j Enter"' in others


def test_a_collision_is_refused_and_names_the_other_command(cast, bob):
    answer = bob.post("/keys/", {"cluster.accept": "u", "decide.unscorable": "u", "grid.choose": "k"})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "u is the key of “Unscorable” already." in html
    assert 'name="grid.choose" value="k"' in html
    assert not KeyMap.objects.exists()


def test_keys_can_be_exchanged_in_one_go(cast, bob):
    bob.post("/keys/", {"decide.undo": "y", "decide.redo": "z"})
    assert KeyMap.objects.get(user=cast.bob).keys == {"decide.undo": "y", "decide.redo": "z"}


def test_the_same_key_on_another_page_is_no_collision(cast, bob):
    bob.post("/keys/", {"queue.start": "a"})
    assert KeyMap.objects.get(user=cast.bob).keys == {"queue.start": "a"}


@pytest.mark.parametrize("key", ["F5", "Ctrl+s", "Enter", "Tab"])
def test_keys_of_the_browser_are_refused_in_words(bob, key):
    answer = bob.post("/keys/", {"cluster.accept": key})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    assert not KeyMap.objects.exists()


def test_one_key_is_put_back_and_the_others_stay(cast, bob):
    bob.post("/keys/", {"cluster.accept": "g", "grid.choose": "k"})
    bob.post("/keys/", {"cluster.accept": "g", "grid.choose": "k", "reset": "cluster.accept"})
    assert KeyMap.objects.get(user=cast.bob).keys == {"grid.choose": "k"}


def test_all_keys_are_put_back(cast, bob):
    bob.post("/keys/", {"cluster.accept": "g", "off": "1"})
    bob.post("/keys/", {"cluster.accept": "g", "off": "1", "reset": "*"})
    assert KeyMap.objects.get(user=cast.bob).keys == {}


def test_a_fixed_key_is_not_changed(cast, bob):
    bob.post("/keys/", {"cluster.enter": "g"})
    assert KeyMap.objects.get(user=cast.bob).keys == {}


def test_switched_off_no_control_has_a_key(world, cast, bob):  # noqa: F811
    bob.post("/keys/", {"off": "1"})
    html = bob.get(reverse("review_queue", args=[world.dataset.pk])).content.decode()
    assert "data-key=" not in html
    assert "switched off" in html
    assert 'name="off" value="1" checked' in bob.get("/keys/").content.decode()


def test_hostile_values_in_the_store_are_not_shown(world, cast, bob):  # noqa: F811
    KeyMap.objects.create(user=cast.bob, keys={"queue.start": '"><script>hurt()</script>', "<b>": "x"})
    for address in (reverse("review_queue", args=[world.dataset.pk]), "/keys/"):
        html = bob.get(address).content.decode()
        assert "hurt()" not in html
        assert bob.get(address).status_code == 200
    assert 'data-key="j Enter"' in bob.get(reverse("review_queue", args=[world.dataset.pk])).content.decode()


def test_a_store_that_is_no_map_is_passed_over(cast, bob):
    KeyMap.objects.create(user=cast.bob, keys=["a"])
    assert bob.get("/keys/").status_code == 200
