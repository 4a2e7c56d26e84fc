"""The export pages: who gets them, what they show, and how the files come."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotator.choices import AssignmentState, JobState, LayerKind, Mode
from annotator.models import Assignment, AuditEntry, Export, Job
from annotator.selectors import exports
from annotator.services.exporting import export_create
from annotator.services.job_running import job_run
from tests.factories import faces_make, layer_make

ALLOWED = {"alice": 200, "dora": 200, "ana": 200, "bob": 403, "cleo": 403, "charlie": 404}
ROUTES = ["export_list", "export_detail", "export_download", "export_dictionary"]


@pytest.fixture
def made(cast, dataset):
    """A finished wide export of three faces."""
    faces = faces_make(dataset, 3)
    layer_make(dataset, LayerKind.WEAK, faces, [[1], [0], [-1]], [12])
    return finished(cast.alice, dataset)


def finished(user, dataset, shape="wide", preset="standard"):
    export, job = export_create(dataset=dataset, user=user, shape=shape, preset=preset, accept_proposals=False)
    assert job_run(job.pk).state == JobState.DONE
    export.refresh_from_db()
    return export


def url(name, dataset, export=None):
    return reverse(name, args=[dataset.pk] if name in ("export_list", "export_create") else [dataset.pk, export.pk])


@pytest.mark.parametrize("name", ROUTES)
def test_who_may_see_and_download(cast, dataset, made, name):
    found = {who: cast.client(who).get(url(name, dataset, made)).status_code for who in ALLOWED}
    assert found == ALLOWED
    assert Client().get(url(name, dataset, made))["Location"].startswith("/login/")


def test_who_may_order(cast, dataset):
    for who, status in ALLOWED.items():
        answer = cast.client(who).post(url("export_create", dataset), {"form": "wide:standard"})
        assert answer.status_code == {200: 302}.get(status, status), who
    assert Export.objects.count() == 3


@pytest.mark.parametrize("name", ROUTES[1:])
def test_another_data_sets_export_is_not_found(cast, dataset, made, name):
    from annotator.services.datasets import dataset_create

    other = dataset_create(name="Frowns", user=cast.alice, aus=[4])
    assert cast.client("alice").get(url(name, other, made)).status_code == 404


def test_an_order_leads_to_its_page_and_its_job(cast, dataset):
    answer = cast.client("ana").post(
        url("export_create", dataset), {"form": "long:standard", "accept_proposals": "on"}, follow=True
    )
    export = Export.objects.get()
    assert (export.shape, export.accept_proposals, export.created_by) == ("long", True, cast.ana)
    assert f'id="job-{export.job_id}"' in answer.content.decode()


def test_a_double_click_orders_once(cast, dataset):
    client = cast.client("ana")
    first, second = (client.post(url("export_create", dataset), {"form": "wide:bp4d"}) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Export.objects.count() == Job.objects.count() == 1


@pytest.mark.parametrize("form", ["", "wide", "long:bp4d", "tall:standard", "wide:<script>"])
def test_a_form_that_there_is_not_is_shown_again(cast, dataset, form):
    answer = cast.client("ana").post(url("export_create", dataset), {"form": form})
    assert answer.status_code == 422 and "<script>" not in answer.content.decode()
    assert not Export.objects.exists()


def test_files_come_as_attachments_under_names_made_here(cast, dataset, made):
    dataset.name = '../"Smiles"; ü\r\nX: y'
    dataset.save()
    answer = cast.client("ana").get(url("export_download", dataset, made))
    assert answer.streaming and answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == f'attachment; filename="smiles-u-x-y-r{made.revision}-wide.csv"'
    assert b"".join(answer.streaming_content).startswith(b"image,subject,clip,frame,time_s,AU01,")
    dictionary = cast.client("ana").get(url("export_dictionary", dataset, made))
    assert dictionary["Content-Disposition"].endswith('-wide.dictionary.csv"')
    assert b"".join(dictionary.streaming_content).startswith(b"column,meaning,values\n")


def test_a_download_is_audited(cast, dataset, made):
    cast.client("ana").get(url("export_download", dataset, made))
    entry = AuditEntry.objects.get(action="export downloaded")
    assert entry.user == cast.ana
    assert entry.detail == {"export": made.pk, "file": "table", "sha256": made.sha256}


def test_an_unfinished_export_has_nothing_to_download(cast, dataset):
    export, _ = export_create(
        dataset=dataset, user=cast.alice, shape="wide", preset="standard", accept_proposals=False
    )
    client = cast.client("alice")
    assert client.get(url("export_download", dataset, export)).status_code == 404
    assert url("export_download", dataset, export) not in client.get(url("export_list", dataset)).content.decode()


def test_a_failed_export_says_why_and_offers_to_go_on(cast, dataset):
    export, job = export_create(
        dataset=dataset, user=cast.alice, shape="wide", preset="standard", accept_proposals=False
    )
    Job.objects.filter(pk=job.pk).update(state=JobState.FAILED, error="The disk is full.")
    page = cast.client("alice").get(url("export_detail", dataset, export)).content.decode()
    assert "The disk is full." in page and reverse("job_resume", args=[dataset.pk, job.pk]) in page


def test_the_detail_page_shows_checksum_revision_and_sources(cast, dataset, made):
    page = cast.client("ana").get(url("export_detail", dataset, made)).content.decode()
    assert made.sha256 in page and f"revision {made.revision}" in page and "version 1" in page
    assert '<span class="badge weak">weak</span>' in page


def test_a_removed_file_is_told(cast, dataset, made):
    Export.objects.update(file_name="", dictionary_name="", sha256="")
    client = cast.client("ana")
    assert "withdrawn" in client.get(url("export_detail", dataset, made)).content.decode()
    assert "File removed" in client.get(url("export_list", dataset)).content.decode()


def test_hostile_names_stay_text(cast, dataset, made):
    dataset.name = "<script>alert(1)</script>"
    dataset.save()
    for name in ROUTES[:2]:
        page = cast.client("ana").get(url(name, dataset, made)).content.decode()
        assert "<script>alert" not in page and "&lt;script&gt;" in page


def test_who_codes_blind_waits(cast, dataset, made):
    """An adjudicator who codes blind sees no counts by source and gets no file, old ones neither."""
    Assignment.objects.create(
        dataset=dataset,
        coder=cast.dora,
        aus=1,
        mode=Mode.BLIND,
        state=AssignmentState.OPEN,
        lease_until=timezone.now(),
    )
    client = cast.client("dora")
    page = client.get(url("export_list", dataset)).content.decode()
    assert "blind assignment" in page and url("export_download", dataset, made) not in page
    detail = client.get(url("export_detail", dataset, made)).content.decode()
    assert url("export_download", dataset, made) not in detail and "badge weak" not in detail
    assert client.get(url("export_download", dataset, made)).status_code == 403
    assert client.get(url("export_dictionary", dataset, made)).status_code == 403
    assert client.post(url("export_create", dataset), {"form": "wide:standard"}).status_code == 403


def test_a_data_set_without_labels_names_the_next_step(cast, dataset):
    dataset.coded_aus.all().delete()
    page = cast.client("alice").get(url("export_list", dataset)).content.decode()
    assert "Nothing to export yet" in page and "None yet." in page


def test_queries_do_not_grow_with_faces_or_exports(cast, dataset, made, django_assert_max_num_queries):
    for preset in ("emotionet", "openface", "bp4d", "disfa"):
        finished(cast.alice, dataset, preset=preset)
    faces = faces_make(dataset, 50)
    layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 50, [12], name="more")
    client = cast.client("alice")
    with django_assert_max_num_queries(24):
        assert client.get(url("export_list", dataset)).status_code == 200


def test_htmx_gets_the_parts_that_the_pages_include(cast, dataset, made):
    client = cast.client("alice")
    for name, anchor in (("export_list", b'id="exports"'), ("export_detail", b'id="export"')):
        whole = client.get(url(name, dataset, made)).content
        part = client.get(url(name, dataset, made), headers={"HX-Request": "true"}).content
        assert anchor in part and part.strip().splitlines()[0] in whole and b"<html" not in part


def test_some_thousand_faces_are_counted_not_estimated(cast, dataset, monkeypatch):
    monkeypatch.setattr(exports, "WHOLE", 12)
    monkeypatch.setattr(exports, "SAMPLE", 5)
    faces = faces_make(dataset, 12)
    layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 12, [12])
    member = dataset.members.get(user=cast.alice)
    assert (exports.export_preview(member).faces, exports.export_preview(member).whole) == (12, True)
    faces_make(dataset, 1)
    dataset.refresh_from_db()
    member.refresh_from_db()
    assert (exports.export_preview(member).faces, exports.export_preview(member).whole) == (5, False)
