"""manage.py login_link: the account may be named plainly or by the option that every command has."""

import json

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def alice():
    return User.objects.create_user("alice", is_staff=True, is_superuser=True)


@pytest.mark.parametrize("arguments", [["alice"], ["--user", "alice"], ["alice", "--user", "alice"]])
def test_the_account_may_be_named_either_way(capsys, arguments):
    call_command("login_link", *arguments, "--json")
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["user"] == "alice"
    assert "/login/" in said["link"]


def test_two_different_names_are_refused():
    User.objects.create_user("bob")
    with pytest.raises(CommandError, match="two accounts"):
        call_command("login_link", "alice", "--user", "bob")


def test_an_unknown_name_is_refused():
    with pytest.raises(CommandError, match="no account called “eve”"):
        call_command("login_link", "eve")
