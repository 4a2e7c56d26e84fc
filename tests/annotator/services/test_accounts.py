"""Login links work once and not for long; guesses are limited."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from annotator.errors import NotFound
from annotator.models import AuditEntry, LoginLink
from annotator.services.accounts import (
    MOST_FAILURES,
    login_failed,
    login_held,
    login_link_create,
    login_link_find,
    login_link_use,
    login_passed,
)


@pytest.fixture(autouse=True)
def no_failures_yet():
    cache.clear()


def test_only_the_hash_of_a_login_link_is_kept(cast):
    link, token = login_link_create(cast.bob)
    assert token not in str(LoginLink.objects.filter(pk=link.pk).values())
    assert login_link_find(token).user == cast.bob


def test_a_login_link_works_once(cast):
    _, token = login_link_create(cast.bob)
    assert login_link_use(token) == cast.bob
    with pytest.raises(NotFound):
        login_link_use(token)
    assert AuditEntry.objects.filter(user=cast.bob, action="login link used").count() == 1


def test_a_login_link_used_between_look_and_press_is_refused(cast, monkeypatch):
    link, token = login_link_create(cast.bob)
    monkeypatch.setattr("annotator.services.accounts.login_link_find", lambda token: link)
    LoginLink.objects.update(used_at=timezone.now())
    with pytest.raises(NotFound):
        login_link_use(token)


def test_a_login_link_expires(cast):
    _, token = login_link_create(cast.bob, valid_minutes=5)
    LoginLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        login_link_find(token)


def test_a_login_link_of_a_closed_account_leads_nowhere(cast):
    _, token = login_link_create(cast.bob)
    cast.bob.is_active = False
    cast.bob.save()
    with pytest.raises(NotFound):
        login_link_use(token)


def test_a_name_waits_after_many_failures_from_one_address():
    for _ in range(MOST_FAILURES - 1):
        login_failed("Bob", "10.0.0.1")
    assert not login_held("bob", "10.0.0.1")
    login_failed("bob ", "10.0.0.1")
    assert login_held("bob", "10.0.0.1")
    assert not login_held("bob", "10.0.0.2")
    assert not login_held("dora", "10.0.0.1")


def test_failures_are_forgotten_once_the_password_is_right():
    for _ in range(MOST_FAILURES):
        login_failed("bob", "10.0.0.1")
    login_passed("bob", "10.0.0.1")
    assert not login_held("bob", "10.0.0.1")
