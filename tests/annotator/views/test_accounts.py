"""Coming in: by password, by a one-time link, by an invitation."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from annotator.choices import Role
from annotator.models import Invitation, LoginLink
from annotator.services.accounts import MOST_FAILURES, login_link_create
from annotator.services.members import invitation_create
from tests.conftest import PASSWORD


@pytest.fixture(autouse=True)
def no_failures_yet():
    cache.clear()


def login(client, username, password, **more):
    return client.post(reverse("login"), {"username": username, "password": password, **more})


def who(client):
    return client.session.get("_auth_user_id")


def test_the_right_password_leads_to_the_page_asked_for(cast):
    client = Client()
    answer = login(client, "bob", PASSWORD, next="/datasets/7/")
    assert answer["Location"] == "/datasets/7/"
    assert who(client) == str(cast.bob.pk)


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_login_leads_to_no_other_server(cast, target):
    assert login(Client(), "bob", PASSWORD, next=target)["Location"] == "/"


def unnamed(page):
    """The page without its token and the name typed in."""
    words = ("csrf", "bob", "bab")
    return [line for line in page.splitlines() if not any(word in line.lower() for word in words)]


def test_a_wrong_password_and_an_unknown_name_read_alike(cast):
    one = login(Client(), "bob", "wrong").content.decode()
    other = login(Client(), "bab", "wrong").content.decode()
    assert "don&#x27;t go together" in one
    assert unnamed(one) == unnamed(other)


@pytest.mark.parametrize("name", ["bob", "nobody"])
def test_after_many_guesses_even_the_right_password_waits(cast, name):
    client = Client()
    for _ in range(MOST_FAILURES):
        login(client, name, "wrong")
    answer = login(client, name, PASSWORD)
    assert answer.status_code == 429
    assert who(client) is None


def test_a_part_of_a_page_sends_the_whole_page_to_the_login(cast):
    answer = Client().get(
        reverse("login"),
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/datasets/3/"},
    )
    assert answer["HX-Redirect"] == "/login/?next=%2Fdatasets%2F3%2F"


def test_logging_out_takes_a_post(cast):
    client = cast.client("bob")
    assert client.get(reverse("logout")).status_code == 405
    client.post(reverse("logout"))
    assert who(client) is None


def test_looking_at_a_login_link_does_not_use_it_up(cast):
    _, token = login_link_create(cast.bob)
    address = reverse("login_link", args=[token])
    client = Client()
    for _ in range(3):
        page = client.get(address)
        assert "Log in as bob" in page.content.decode()
        assert who(client) is None
    assert client.post(address)["Location"] == reverse("dataset_list")
    assert who(client) == str(cast.bob.pk)
    assert LoginLink.objects.get().used_at is not None


def test_a_used_login_link_says_so(cast):
    _, token = login_link_create(cast.bob)
    address = reverse("login_link", args=[token])
    Client().post(address)
    for answer in (Client().get(address), Client().post(address)):
        assert answer.status_code == 404
        page = answer.content.decode()
        assert "used already" in page
        assert "<h1>This link no longer works</h1>" in page
        assert f'class="button" href="{reverse("login")}"' in page


def test_an_invitation_that_is_over_leads_to_the_login_or_home(cast, dataset):
    address = reverse("invitation_accept", args=["no-such-token"])
    page = Client().get(address).content.decode()
    assert "<h1>This link no longer works</h1>" in page
    assert f'class="button" href="{reverse("login")}"' in page
    assert f'class="button" href="{reverse("dataset_list")}"' in cast.client("bob").get(address).content.decode()


@pytest.fixture
def invitation(cast, dataset):
    """The address of a coder's invitation."""
    _, token = invitation_create(dataset=dataset, name="Eve", role=Role.CODER, user=cast.alice)
    return reverse("invitation_accept", args=[token])


ACCOUNT = {"username": "eve", "password1": "correct horse staple", "password2": "correct horse staple"}


def test_an_invited_person_makes_an_account_and_is_in(dataset, invitation):
    client = Client()
    assert "as coder" in client.get(invitation).content.decode()
    answer = client.post(invitation, ACCOUNT)
    assert answer["Location"] == reverse("dataset_detail", args=[dataset.pk])
    assert dataset.members.get(user__username="eve").role == Role.CODER
    assert who(client) == str(User.objects.get(username="eve").pk)


def test_a_second_submission_makes_no_second_account(dataset, invitation):
    client = Client()
    client.post(invitation, ACCOUNT)
    assert Client().post(invitation, {**ACCOUNT, "username": "eva"}).status_code == 404
    assert not User.objects.filter(username="eva").exists()


def test_a_logged_in_person_joins_with_their_account(cast, dataset, invitation):
    client = cast.client("charlie")
    assert "Join as charlie" in client.get(invitation).content.decode()
    client.post(invitation)
    assert dataset.members.filter(user=cast.charlie, role=Role.CODER).exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"password2": "another pass phrase"}, "match"),
        ({"username": "Bob"}, "already"),
    ],
)
def test_a_faulty_account_leaves_the_invitation_open(invitation, change, says):
    answer = Client().post(invitation, {**ACCOUNT, **change})
    assert says in answer.content.decode()
    assert Invitation.objects.get().accepted_at is None


def test_a_password_change_keeps_this_session(cast):
    client = cast.client("bob")
    new = "quite another pass phrase"
    client.post(reverse("password_change"), {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    assert client.get(reverse("dataset_list")).status_code == 200
    cast.bob.refresh_from_db()
    assert cast.bob.check_password(new)


def test_who_has_no_password_yet_chooses_one(cast):
    cast.bob.set_unusable_password()
    cast.bob.save()
    page = cast.client("bob").get(reverse("password_change")).content.decode()
    assert "old_password" not in page


def test_the_log_in_page_says_user_name_as_all_pages_do(client, db):
    shown = client.get(reverse("login")).content.decode()
    assert "User name" in shown and "Username" not in shown
