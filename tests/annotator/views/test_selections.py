"""Keeping a choice of faces: by a form's field or as bytes, for oneself alone."""

import numpy as np
import pytest
from django.urls import reverse

from annotator.models import Selection
from annotator.views import selections as views
from tests.factories import faces_make


@pytest.fixture
def address(dataset):
    faces_make(dataset, 50)
    return reverse("selection_create", args=[dataset.pk])


def octets(client, address, numbers):
    body = np.array(numbers, "<u4").tobytes()
    return client.post(address, body, content_type="application/octet-stream")


def test_both_ways_of_sending_give_the_same_selection(address, dataset, cast):
    client = cast.client("bob")
    told = client.post(address, {"faces": "3-5,9"}).json()
    assert told["size"] == 4
    assert octets(client, address, [3, 4, 5, 9]).json() == told
    assert Selection.objects.get().user == cast.bob
    assert told["faces"] == reverse("face_list", args=[dataset.pk]) + f"?selection={told['selection']}"
    assert told["distributions"] == reverse("distributions", args=[dataset.pk]) + f"?selection={told['selection']}"


def test_the_boxes_of_a_grid_lead_to_the_page_about_their_faces(address, dataset, cast):
    given = {"face": ["9", "3", "4"], "seen": ["3:-", "4:-", "9:-"], "au": "12"}
    answer = cast.client("bob").post(address, given)
    assert answer.headers["Location"] == reverse("face_list", args=[dataset.pk]) + "?faces=3-4%2C9&au=12"
    assert cast.client("bob").post(address, {"seen": ["3:-"]}).status_code == 400


def test_the_pages_it_names_are_about_these_faces_for_their_owner_alone(address, cast):
    told = cast.client("bob").post(address, {"faces": "3-5,9"}).json()
    page = cast.client("bob").get(told["faces"])
    assert [tile.position for tile in page.context["page"].tiles] == [3, 4, 5, 9]
    assert cast.client("alice").get(told["faces"]).status_code == 404
    assert cast.client("alice").get(told["distributions"]).status_code == 404


@pytest.mark.parametrize("numbers", [[], [5, 4], [4, 4], [7, 50]])
def test_bytes_that_are_no_choice_of_these_faces_are_refused_in_json(address, cast, numbers):
    body = np.array(numbers, "<u4").tobytes()
    answer = cast.client("bob").post(
        address, body, content_type="application/octet-stream", headers={"Accept": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert not Selection.objects.exists()


def test_too_long_a_body_is_refused_by_its_length(address, cast, monkeypatch):
    monkeypatch.setattr(views, "SELECTION_MOST", 3)
    answer = octets(cast.client("bob"), address, [1, 2, 3, 4])
    assert answer.status_code == 400
    assert "at most 3 faces" in answer.content.decode()
