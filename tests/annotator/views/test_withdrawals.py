"""The page for withdrawing a subject: look, confirm by typing, receipts; never by a link."""

from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotator.models import Face, Subject, Withdrawal
from annotator.services.datasets import dataset_create
from annotator.services.jobs import job_create
from annotator.services.withdrawal import subject_withdraw
from tests.factories import faces_make

NAME = "P-<17>"


@pytest.fixture
def faces(dataset, settings, tmp_path):
    settings.DATA = tmp_path
    subject = Subject.objects.create(dataset=dataset, pseudonym=NAME)
    faces_make(dataset, 2, pictures=True)
    return faces_make(dataset, 3, pictures=True, subject=subject)


def post(cast, dataset, route, **data):
    return cast.client("alice").post(reverse(route, args=[dataset.pk]), data)


def test_looking_shows_the_counts_and_deletes_nothing(cast, dataset, faces):
    response = post(cast, dataset, "withdrawal_look", pseudonym=NAME)
    assert response.status_code == 200 and response.context["preview"].faces == 3
    assert b"P-&lt;17&gt;" in response.content and faces[0].key.hex.encode() in response.content
    assert Face.objects.count() == 5


def test_the_pseudonym_stays_out_of_addresses(cast, dataset, faces):
    response = post(cast, dataset, "withdrawal_look", pseudonym=NAME)
    assert f"={quote(NAME)}" not in response.content.decode()
    done = post(cast, dataset, "withdrawal_create", pseudonym=NAME, confirm=NAME)
    assert done.url == reverse("withdrawal_list", args=[dataset.pk])


def test_a_name_that_nobody_has_is_said_beside_the_field(cast, dataset, faces):
    response = post(cast, dataset, "withdrawal_look", pseudonym="nobody")
    assert response.status_code == 422 and "no subject of that pseudonym" in response.content.decode()


def test_withdrawing_needs_the_name_typed_again(cast, dataset, faces):
    for confirm in ("", "P-17"):
        response = post(cast, dataset, "withdrawal_create", pseudonym=NAME, confirm=confirm)
        assert response.status_code == 422 and response.context["preview"].faces == 3
    assert Face.objects.count() == 5


def test_withdrawn_it_is_on_the_list_without_its_name(cast, dataset, faces):
    client = cast.client("alice")
    address = reverse("withdrawal_create", args=[dataset.pk])
    page = client.post(address, {"pseudonym": NAME, "confirm": NAME}, follow=True).content.decode()
    receipt = Withdrawal.objects.get()
    assert receipt.subject_sha256 in page and "3 faces" in page and "P-&lt;17&gt;" not in page
    assert Face.objects.count() == 2


def test_while_a_job_is_at_work_the_page_says_so(cast, dataset, faces):
    job_create(dataset=dataset, kind="features", target="features")
    response = post(cast, dataset, "withdrawal_look", pseudonym=NAME)
    assert "A job is at work" in response.context["busy"] and b"disabled" in response.content
    assert post(cast, dataset, "withdrawal_create", pseudonym=NAME, confirm=NAME).status_code == 409


def test_files_left_behind_are_told_and_deleted_on_demand(cast, dataset, faces):
    subject_withdraw(dataset=dataset, user=cast.alice, pseudonym=NAME, confirm=NAME)  # its commit never comes
    address = reverse("withdrawal_list", args=[dataset.pk])
    assert b"Delete them now" in cast.client("alice").get(address).content
    post(cast, dataset, "withdrawal_finish")
    assert b"Delete them now" not in cast.client("alice").get(address).content


@pytest.mark.parametrize("name", ["dora", "bob", "ana"])
def test_only_admins_withdraw(cast, dataset, faces, name):
    client = cast.client(name)
    assert client.get(reverse("withdrawal_list", args=[dataset.pk])).status_code == 403
    address = reverse("withdrawal_create", args=[dataset.pk])
    assert client.post(address, {"pseudonym": NAME, "confirm": NAME}).status_code == 403
    assert Face.objects.count() == 5


def test_another_data_sets_subject_is_not_found(cast, dataset, faces):
    other = dataset_create(name="Other", user=cast.alice)
    response = post(cast, other, "withdrawal_create", pseudonym=NAME, confirm=NAME)
    assert response.status_code == 404 and Face.objects.count() == 5


def test_the_page_asks_the_database_no_more_for_more_receipts(cast, dataset, faces):
    client, asked = cast.client("alice"), []
    for face in Face.objects.filter(subject=None):
        subject_withdraw(dataset=dataset, user=cast.alice, pseudonym=face.image, confirm=face.image)
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("withdrawal_list", args=[dataset.pk]))
        asked.append(len(queries))
    assert asked[0] == asked[1]
