"""Moments are shown in the zone of who looks, also in parts of a page that come later."""

import pytest
from django.urls import reverse

from annotator.models import Member
from annotator.services.datasets import dataset_create

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(page_of, django_user_model):
    user = django_user_model.objects.create_user("alice", password="x")
    dataset = dataset_create(name="Smiles", user=user, aus=[12])
    Member.objects.filter(user=user).update(created_at="2026-11-20T22:06:00Z")
    page = page_of(user, timezone_id="Asia/Tokyo")
    page.clock.set_fixed_time("2026-11-20T23:00:00Z")  # an hour of the same day needs no date
    page.goto(reverse("member_list", args=[dataset.pk]))
    return page


def test_a_moment_is_in_the_readers_zone_and_says_which(page):
    shown = page.locator("td time").first
    assert shown.inner_text() == "21 Nov 2026, 07:06"
    assert "GMT+9" in shown.get_attribute("title")
    assert shown.get_attribute("datetime") == "2026-11-20T22:06:00+00:00"


def test_parts_that_come_later_are_converted_too(page):
    page.evaluate(
        """() => {
          const cell = document.createElement("p");
          cell.innerHTML = '<time datetime="2026-11-20T22:06:00+00:00">22:06 UTC</time>';
          document.querySelector("main").append(cell);
        }"""
    )
    page.wait_for_selector("main > p time:text-is('07:06')")
