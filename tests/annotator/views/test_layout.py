"""The frame of the pages: navigation by role, components as they are promised to the other pages."""

import re
from datetime import UTC, datetime

import pytest
from django import forms
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from annotator.selectors.next_steps import STEPS
from annotator.templatetags import layout


class Sample(forms.Form):
    name = forms.CharField(help_text="Any name.")
    sure = forms.BooleanField(required=False)
    sides = forms.MultipleChoiceField(choices=[("l", "Left")], widget=forms.CheckboxSelectMultiple)


def field(form, name):
    return render_to_string("components/_field.html", {"field": form[name]})


def test_a_field_points_to_its_help_and_its_error():
    html = field(Sample({"name": ""}), "name")
    described = re.search(r'aria-describedby="([^"]+)"', html)[1].split()
    assert described == ["id_name_helptext", "id_name_error"]
    assert all(f'id="{one}"' in html for one in described)
    assert '<label for="id_name">' in html


def test_a_check_box_and_a_set_of_choices_have_names():
    assert '<label for="id_sure">' in field(Sample(), "sure")
    assert "<legend>Sides" in field(Sample(), "sides")


@pytest.mark.parametrize(("name", "hidden"), [("ana", "Members"), ("bob", "Members"), ("alice", "")])
def test_navigation_leaves_out_what_the_role_may_not_open(cast, dataset, name, hidden):
    page = cast.client(name).get(reverse("dataset_detail", args=[dataset.pk])).content.decode()
    labels = re.findall(r"<a href=\"[^\"]+\"[^>]*>([^<]+)</a>", page.split('class="subnav"')[1].split("</nav>")[0])
    assert "Overview" in labels
    assert hidden not in labels


@pytest.mark.parametrize("person", ["alice", "dora", "bob", "ana"])
def test_navigation_offers_just_the_pages_that_open(cast, dataset, person):
    client, member = cast.client(person), dataset.members.get(user=getattr(cast, person))
    for place in layout.PLACES:
        status = client.get(reverse(place.url_name, args=[dataset.pk])).status_code
        assert status == (200 if member.role in place.allowed else 403), place.url_name


@pytest.mark.parametrize("step", STEPS)
def test_the_page_of_each_next_step_opens_for_whom_it_is_offered(cast, dataset, step):
    url_name, allowed = STEPS[step]
    for name in ("alice", "dora", "bob", "ana"):
        if dataset.members.get(user=getattr(cast, name)).role in allowed:
            assert cast.client(name).get(reverse(url_name, args=[dataset.pk])).status_code == 200


def test_the_present_place_is_marked(cast, dataset):
    page = cast.client("alice").get(reverse("withdrawal_list", args=[dataset.pk])).content.decode()
    nav = page.split('class="subnav"')[1].split("</nav>")[0]
    assert re.search(r'aria-current="true">Settings', nav)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("member_list", "Members"),
        ("dataset_settings", "Settings"),
        ("withdrawal_list", "Withdraw a subject"),
        ("history", "History"),
    ],
)
def test_the_admins_pages_are_named_in_the_breadcrumb(cast, dataset, name, place):
    page = cast.client("alice").get(reverse(name, args=[dataset.pk])).content.decode()
    crumbs = page.split('class="breadcrumb"')[1].split("</nav>")[0]
    assert re.findall(r'aria-current="page">([^<]+)<', crumbs) == [place]


def test_a_moment_says_its_zone_for_who_has_no_script():
    moment = datetime(2026, 11, 20, 18, 6, tzinfo=UTC)
    html = render_to_string("components/_time.html", {"at": moment})
    assert '<time datetime="2026-11-20T18:06:00+00:00"' in html
    assert "18:06 UTC<" in html


def test_an_au_carries_no_blank_that_a_link_would_underline():
    assert render_to_string("components/_au.html", {"au": 12}).endswith("</abbr>")


def test_a_field_whose_default_is_good_needs_no_remark():
    class Seed(forms.Form):
        seed = forms.IntegerField(required=False)

    assert "(optional)" in field(Seed(), "seed")
    assert "(optional)" not in render_to_string("components/_field.html", {"field": Seed()["seed"], "plain": True})


def test_places_whose_address_is_not_there_are_left_out(cast, dataset, monkeypatch):
    monkeypatch.setattr(layout, "PLACES", (layout.Place("no_such_page", "Nowhere", frozenset(["admin"]), ()),))
    request = RequestFactory().get("/")
    request.resolver_match = None
    assert layout.navigation({"request": request}, dataset.members.get(user=cast.alice)) == []


def test_no_page_carries_inline_script_or_style(cast, dataset):
    client = cast.client("alice")
    for name in ("dataset_detail", "dataset_settings", "member_list", "history"):
        page = client.get(reverse(name, args=[dataset.pk])).content.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|hx-on", page), name


def test_a_refusal_is_a_page_or_a_part_of_one(cast, dataset):
    address = reverse("member_list", args=[dataset.pk])
    page = cast.client("bob").get(address).content.decode()
    part = cast.client("bob").get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" in page
    assert "<html" not in part
    assert "Your role here is coder" in page
    assert "Your role here is coder" in part


def test_a_member_who_is_refused_stays_in_the_data_set(cast, dataset):
    address = reverse("member_list", args=[dataset.pk])
    page = cast.client("bob").get(address).content.decode()
    assert "this needs the role admin." in page
    assert f'class="button" href="{reverse("dataset_detail", args=[dataset.pk])}"' in page
    assert 'aria-label="In this data set"' in page
    strange = cast.client("charlie").get(address)
    assert strange.status_code == 404
    assert dataset.name not in strange.content.decode()
    assert 'aria-label="In this data set"' not in strange.content.decode()


def test_pagination_keeps_the_rest_of_the_query():
    from django.core.paginator import Paginator

    request = RequestFactory().get("/", {"q": "x", "page": "2"})
    html = render_to_string(
        "components/_pagination.html", {"page": Paginator(range(50), 10).page(2), "request": request}
    )
    assert re.search(r'rel="next" href="\?q=x&amp;page=3"', html)


def test_figures_are_written_as_people_read_them():
    html = Template("{% load layout %}{{ n|thousands }} {{ s|decimal }} {{ none|decimal }} {{ 2|intensity_letter }}")
    assert html.render(Context({"n": 1234567, "s": 0.7213, "none": None})) == "1,234,567 0.72 – B"


def test_a_figure_below_zero_has_a_true_minus_sign_and_one_that_rounds_to_zero_none():
    html = Template("{% load layout %}{{ s|decimal }} {{ small|decimal:1 }}")
    assert html.render(Context({"s": -0.091, "small": -0.04})) == "−0.09 0.0"


def test_an_unknown_address_is_answered_in_our_words(cast):
    answer = cast.client("bob").get("/no/such/page/")
    assert answer.status_code == 404
    assert "There is no page at this address" in answer.content.decode()


def test_a_form_from_an_old_page_says_what_to_do(cast):
    client = Client(enforce_csrf_checks=True)
    answer = client.post(reverse("login"), {"username": "bob"})
    assert answer.status_code == 403
    assert "reload the page" in answer.content.decode()


def test_an_unexpected_error_has_a_page_that_needs_no_database():
    assert "nothing of this request was saved" in render_to_string("500.html")
