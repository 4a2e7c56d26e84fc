"""The session had expired while somebody saved, and the work was lost (CVAT 1025, 1813).

Ours: the decision waits in the window, the password is asked for where one is, and what waited is sent
again under the same id. Guesses are counted as on the log-in page. A plain form leads back to its page.
"""

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from annotator.choices import LayerKind
from annotator.models import Decision, Label
from annotator.services.accounts import MOST_FAILURES
from annotator.services.assignments import assignment_next
from annotator.services.datasets import dataset_create
from tests.conftest import PASSWORD
from tests.factories import faces_make, layer_make, run_make

pytestmark = pytest.mark.django_db(transaction=True)
SAVED = "#review-save[data-save=saved]"


@pytest.fixture(autouse=True)
def no_guesses_yet():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def bob(transactional_db):
    return User.objects.create_user("bob", password=PASSWORD)


@pytest.fixture
def cluster(bob):
    """Six faces in one cluster, handed to Bob."""
    dataset = dataset_create(name="Smiles", user=bob, aus=[12])
    faces = faces_make(dataset, 6, pictures=True)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 6, [12])
    run = run_make(dataset, faces, 12, [1] * 6, [1] * 6, weak_layer=weak)
    assignment_next(dataset, bob)
    return run.clusters.get()


@pytest.fixture
def page(page_of, bob, cluster):
    page = page_of(bob)
    page.goto(reverse("cluster_detail", args=[cluster.run.dataset_id, cluster.pk]))
    page.wait_for_selector(".tile .shot:focus")
    Session.objects.all().delete()
    page.keyboard.press("o")
    page.wait_for_selector("#sign-in[open]")
    return page


def codes(user):
    return dict(Label.objects.filter(layer__user=user).values_list("face__position", "present"))


@pytest.mark.browser
def test_the_password_is_asked_for_in_place_and_what_waited_is_saved(page, bob, cluster):
    address = page.url
    assert page.input_value("#sign-in [name=username]") == "bob"
    assert not Decision.objects.exists()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#sign-in:not([open])", state="attached")
    page.wait_for_selector(SAVED)
    assert page.url == address
    assert codes(bob) == {0: 0}
    assert page.locator("[data-waiting]").count() == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("u")
    page.wait_for_selector("#face-1[data-state=unscorable]")
    assert Decision.objects.count() == 2


@pytest.mark.browser
def test_a_wrong_password_says_so_and_loses_nothing(page, bob):
    page.keyboard.type("something else")
    page.keyboard.press("Enter")
    page.wait_for_selector("#sign-in .error >> text=not the right password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(SAVED)
    assert codes(bob) == {0: 0}


@pytest.mark.browser
def test_who_logs_in_later_goes_on_deciding_and_it_waits(page, bob):
    page.click("#sign-in >> text=Later")
    page.wait_for_selector("#review-save[data-save=waiting]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("u")
    page.wait_for_selector("#sign-in[open]")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(SAVED)
    assert Decision.objects.count() == 2


def test_guesses_in_place_are_held_up_like_those_of_the_login_page(bob):
    again, login = reverse("login_again"), reverse("login")
    for guess in range(MOST_FAILURES):
        address = again if guess % 2 else login
        Client().post(address, {"username": "bob", "password": f"guess {guess}"})
    held = Client().post(again, {"username": "bob", "password": PASSWORD})
    assert held.status_code == 429
    assert "Too many" in held.content.decode()
    assert "_auth_user_id" not in held.client.session


def test_a_plain_form_leads_back_to_the_page_it_was_on(client, cluster):
    page = reverse("cluster_detail", args=[cluster.run.dataset_id, cluster.pk])
    following = reverse("review_next", args=[cluster.run.dataset_id])
    answer = client.post(following, headers={"Referer": f"http://testserver{page}?page=1"})
    login = client.post(answer["Location"].split("?")[0], {"username": "bob", "password": PASSWORD, "next": page})
    assert answer["Location"] == f"{reverse('login')}?next={page.replace('/', '%2F')}%3Fpage%3D1"
    assert client.get(login["Location"]).status_code == 200


def test_another_servers_page_is_not_gone_back_to(client, cluster):
    following = reverse("review_next", args=[cluster.run.dataset_id])
    answer = client.post(following, headers={"Referer": "http://elsewhere.example/page"})
    assert answer["Location"] == f"{reverse('login')}?next=%2F"
