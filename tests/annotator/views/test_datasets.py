"""The list of data sets, a new one, the overview and the settings."""

import pytest
from django.core.cache import cache
from django.urls import reverse

from annotator.choices import FaceRole, JobState, LayerKind
from annotator.models import DataSet, Job
from annotator.selectors import datasets as counting
from tests.factories import faces_make, layer_make


@pytest.fixture(autouse=True)
def nothing_kept():
    cache.clear()


def text(answer):
    return " ".join(answer.content.decode().split())


def overview_of(cast, dataset, name="alice", **query):
    return cast.client(name).get(reverse("dataset_detail", args=[dataset.pk]), query)


def test_the_list_shows_only_ones_own(cast, dataset):
    assert "Smiles" in text(cast.client("bob").get("/"))
    page = text(cast.client("charlie").get("/"))
    assert "Smiles" not in page
    assert "Ask a lab admin for an invitation" in page


def test_a_new_server_says_what_to_do_first(cast):
    assert reverse("dataset_create") in text(cast.client("alice").get("/"))


def test_a_new_data_set_has_the_chosen_aus(cast):
    answer = cast.client("alice").post(reverse("dataset_create"), {"name": "Posed", "aus": [1, 12]})
    dataset = DataSet.objects.get(name="Posed")
    assert answer["Location"] == reverse("dataset_detail", args=[dataset.pk])
    assert [coded.au for coded in dataset.coded_aus.all()] == [1, 12]


def test_a_name_in_use_is_said_at_its_field(cast, dataset):
    page = text(cast.client("alice").post(reverse("dataset_create"), {"name": "Smiles"}))
    assert 'aria-invalid="true"' in page
    assert "called “Smiles” already" in page


def test_the_overview_of_an_empty_data_set_names_the_next_step(cast, dataset):
    page = text(overview_of(cast, dataset))
    assert "Bring in faces and their labels" in page
    assert "Base rates" not in page


def test_the_overview_shows_rates_agreement_and_co_occurrence(cast, dataset):
    faces = faces_make(dataset, 4, role=FaceRole.TEST)
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1], [1], [1], [0]], [12])
    layer_make(dataset, LayerKind.PROPOSAL, faces, [[1], [1], [0], [0]], [12])
    page = text(overview_of(cast, dataset, "ana"))
    for words in ("75.0%", "50.0%", "Test faces", "AUs that come together", "n 4"):
        assert words in page


def test_a_coder_never_reads_another_coders_rates(cast, dataset):
    faces = faces_make(dataset, 2)
    layer_make(dataset, LayerKind.CODER, faces, [[1], [0]], [12], user=cast.cleo)
    assert "coder cleo" not in text(overview_of(cast, dataset, "bob"))
    assert "coder cleo" in text(overview_of(cast, dataset, "dora"))


def test_with_many_faces_the_figures_come_after_the_page(cast, dataset, monkeypatch):
    monkeypatch.setattr(counting, "INLINE_FACES", 1)
    layer_make(dataset, LayerKind.WEAK, faces_make(dataset, 2), [[1], [0]], [12])
    figures = reverse("dataset_figures", args=[dataset.pk])
    first = text(overview_of(cast, dataset))
    assert f'hx-get="{figures}" hx-trigger="load"' in first
    assert "Base rates" not in first
    assert "Base rates" in text(cast.client("alice").get(figures))
    assert "Base rates" in text(overview_of(cast, dataset, count="now"))


def test_a_card_polls_only_while_a_job_runs(cast, dataset):
    card = reverse("dataset_card", args=[dataset.pk])
    client = cast.client("alice")
    assert "hx-trigger" not in text(client.get(card))
    job = Job.objects.create(dataset=dataset, kind="import", target="import:1", queue="io")
    assert 'hx-trigger="every 3s"' in text(client.get(card))
    Job.objects.filter(pk=job.pk).update(state=JobState.DONE)
    assert "hx-trigger" not in text(client.get(card))


def test_a_layer_number_that_is_none_is_ignored(cast, dataset):
    layer_make(dataset, LayerKind.WEAK, faces_make(dataset, 1), [[1]], [12])
    for asked in ("x", "999999", "-1"):
        assert overview_of(cast, dataset, layer=asked).status_code == 200


def test_queries_of_the_overview_do_not_grow_with_faces(cast, dataset, django_assert_max_num_queries):
    layer_make(dataset, LayerKind.WEAK, faces_make(dataset, 300), [[1]] * 300, [12])
    client = cast.client("alice")
    with django_assert_max_num_queries(32):
        client.get(reverse("dataset_detail", args=[dataset.pk]))


def test_settings_are_saved_and_read_back(cast, dataset):
    client = cast.client("alice")
    address = reverse("dataset_settings", args=[dataset.pk])
    client.post(
        address,
        {"name": "Smiles II", "description": "d", "accept_proposals": "on", "retention_until": "2031-05-06"},
    )
    page = text(client.get(address))
    assert 'value="Smiles II"' in page
    assert 'value="2031-05-06"' in page


def test_a_faulty_setting_is_shown_again(cast, dataset):
    answer = cast.client("alice").post(
        reverse("dataset_settings", args=[dataset.pk]), {"name": "", "retention_until": "soon"}
    )
    assert answer.status_code == 422
    assert "Enter a valid date" in text(answer)


PROTOCOL = {"coding": "occurrence", "present_from": "2", "laterality": "none", "coders_per_item": "1"}


def test_a_protocol_change_is_a_new_version_and_says_so(cast, dataset):
    address = reverse("protocol_change", args=[dataset.pk])
    page = text(
        cast.client("alice").post(address, {**PROTOCOL, "coders_per_item": "2", "note": "kappa"}, follow=True)
    )
    assert "Version 2 of the protocol holds from now on" in page
    assert [p.coders_per_item for p in dataset.protocols.order_by("version")] == [1, 2]


def test_the_same_protocol_stays_the_same_version(cast, dataset):
    page = text(cast.client("alice").post(reverse("protocol_change", args=[dataset.pk]), PROTOCOL, follow=True))
    assert "stays at version 1" in page
    assert dataset.protocols.count() == 1


def test_an_unknown_protocol_is_refused(cast, dataset):
    answer = cast.client("alice").post(
        reverse("protocol_change", args=[dataset.pk]), {**PROTOCOL, "present_from": "9"}
    )
    assert answer.status_code == 422
    assert dataset.protocols.count() == 1
