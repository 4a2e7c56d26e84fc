"""The REST API: what each person gets, page by page, and that its schema is sound."""

import json
import uuid

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from annotator.api.urls import urlpatterns
from annotator.choices import FaceRole, JobState, LayerKind
from annotator.models import Decision, Export, Subject
from annotator.services.datasets import coded_aus_ensure, dataset_create
from annotator.services.exporting import export_create
from annotator.services.job_running import job_run
from annotator.services.jobs import job_create
from tests.factories import faces_make, layer_make, run_make

EVERYBODY = {"alice": 200, "dora": 200, "bob": 200, "cleo": 200, "ana": 200, "charlie": 404}
EXPORTERS = {**EVERYBODY, "bob": 403, "cleo": 403}
READS = {
    "api_dataset_detail": EVERYBODY,
    "api_face_list": EVERYBODY,
    "api_layer_list": EVERYBODY,
    "api_label_list": EVERYBODY,
    "api_run_list": EXPORTERS,
    "api_cluster_list": EVERYBODY,
    "api_job_list": EVERYBODY,
    "api_job_detail": EVERYBODY,
    "api_event_list": EVERYBODY,
    "api_history": EVERYBODY,
    "api_exports": EXPORTERS,
    "api_export_detail": EXPORTERS,
}
WRITES = {
    "api_decision_make": {"alice": 201, "dora": 201, "bob": 201, "cleo": 201, "ana": 403, "charlie": 404},
    "api_decision_undo": {"alice": 400, "dora": 400, "bob": 400, "cleo": 400, "ana": 403, "charlie": 404},
    "api_event_mark": {"alice": 400, "dora": 400, "bob": 400, "cleo": 400, "ana": 403, "charlie": 404},
    "api_exports": {"alice": 201, "dora": 201, "bob": 403, "cleo": 403, "ana": 201, "charlie": 404},
    "api_job_cancel": {"alice": 200, "dora": 403, "bob": 403, "cleo": 403, "ana": 403, "charlie": 404},
}
OPEN_TO_ALL = {"api_schema", "api_docs", "api_dataset_list"}


@pytest.fixture
def world(cast, dataset):
    """Five faces, a weak layer, an adopted run, a job and an export: one of everything listed."""
    faces = faces_make(dataset, 5)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1, 0]] * 5, [12, 25])
    run_make(dataset, faces, 12, [1, 1, 2, 2, 0], [1, 1, 0, 0, 1], weak_layer=weak)
    job, _ = job_create(dataset=dataset, kind="import", target="import:1", user=cast.alice)
    export, _ = export_create(
        dataset=dataset, user=cast.alice, shape="wide", preset="standard", accept_proposals=False
    )
    return {"faces": faces, "weak": weak, "job": job, "export": export}


def address(name, dataset, world):
    extra = {"api_job_detail": "job", "api_job_cancel": "job", "api_export_detail": "export"}
    arguments = [dataset.pk, *([world[extra[name]].pk] if name in extra else [])]
    query = f"?layer={world['weak'].pk}" if name == "api_label_list" else ""
    return reverse(name, args=arguments) + query


def body(name):
    if name == "api_exports":
        return {"shape": "long"}
    if name == "api_decision_make":
        return {
            "client_id": str(uuid.uuid4()),
            "kind": "relabel",
            "aus": [12],
            "faces": [0],
            "code": "present",
        }
    return {"client_id": str(uuid.uuid4())}


def post(client, url, data):
    return client.post(url, json.dumps(data), content_type="application/json")


def test_every_address_has_a_rule():
    assert {pattern.name for pattern in urlpatterns} == set(READS) | set(WRITES) | OPEN_TO_ALL


@pytest.mark.parametrize("name", READS)
def test_who_may_read(cast, dataset, world, name):
    url = address(name, dataset, world)
    assert {who: cast.client(who).get(url).status_code for who in READS[name]} == READS[name]
    assert Client().get(url).status_code == 403


@pytest.mark.parametrize("name", WRITES)
def test_who_may_write(cast, dataset, world, name):
    url = address(name, dataset, world)
    # Alice last: what she does may take away what others are refused.
    for who in sorted(WRITES[name], reverse=True):
        assert post(cast.client(who), url, body(name)).status_code == WRITES[name][who], who
    assert post(Client(), url, body(name)).status_code == 403


def test_a_write_without_a_token_is_refused(cast, dataset, world):
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.bob)
    assert post(client, address("api_decision_make", dataset, world), body("api_decision_make")).status_code == 403
    assert not Decision.objects.exists()


def test_refusals_are_json_in_plain_words(cast, dataset):
    answer = cast.client("charlie").get(reverse("api_dataset_detail", args=[dataset.pk]))
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == {"detail": "There is no such data set, or you are not a member of it."}


def test_the_list_holds_only_ones_own_data_sets(cast, dataset):
    url = reverse("api_dataset_list")
    assert [row["name"] for row in cast.client("bob").get(url).json()] == ["Smiles"]
    assert cast.client("charlie").get(url).json() == []


def test_faces_come_page_by_page_to_the_last(cast, dataset, world):
    client, url = cast.client("ana"), reverse("api_face_list", args=[dataset.pk])
    pages, after = [], ""
    while after is not None:
        page = client.get(f"{url}?limit=2&after={after}").json()
        pages.append([face["position"] for face in page["results"]])
        after = page["next"]
    assert pages == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=1e9", "after=" + "9" * 40, "role=x"])
def test_a_page_that_can_not_be_is_refused(cast, dataset, query):
    answer = cast.client("ana").get(reverse("api_face_list", args=[dataset.pk]) + f"?{query}")
    assert answer.status_code == 400 and answer.json()["detail"]


def test_faces_are_filtered_by_the_allowed_fields_only(cast, dataset):
    subject = Subject.objects.create(dataset=dataset, pseudonym="S1")
    faces_make(dataset, 1, subject=subject, role=FaceRole.TEST, split="held out")
    faces_make(dataset, 2)
    client, url = cast.client("ana"), reverse("api_face_list", args=[dataset.pk])

    def count(query):
        return len(client.get(f"{url}?{query}").json()["results"])

    assert [count("subject=S1"), count("role=test"), count("split=held out"), count("role=none")] == [
        1,
        1,
        1,
        2,
    ]
    assert count("key__startswith=a") == count("dataset__members__user__password__startswith=m") == 3


def test_coders_are_not_told_the_split(cast, dataset):
    faces_make(dataset, 1, split="held out")
    url = reverse("api_face_list", args=[dataset.pk])
    assert cast.client("ana").get(url).json()["results"][0]["split"] == "held out"
    assert cast.client("bob").get(url).json()["results"][0]["split"] is None
    assert cast.client("bob").get(f"{url}?split=held out").status_code == 403


def test_labels_say_what_each_code_is(cast, dataset):
    faces = faces_make(dataset, 2)
    layer = layer_make(dataset, LayerKind.REFERENCE, faces[1:], [[1, 0, -1, -2]], [1, 4, 12, 25])
    answer = cast.client("bob").get(reverse("api_label_list", args=[dataset.pk]) + f"?layer={layer.pk}")
    [row] = answer.json()["results"]
    assert row["position"] == 1
    assert row["codes"] == {"AU1": "present", "AU4": "absent", "AU25": "unscorable"}


def test_another_coders_layer_is_not_found(cast, dataset):
    faces = faces_make(dataset, 1)
    layer = layer_make(dataset, LayerKind.CODER, faces, [[1]], [12], user=cast.bob)
    url = reverse("api_label_list", args=[dataset.pk]) + f"?layer={layer.pk}"
    assert cast.client("cleo").get(url).status_code == 404
    assert cast.client("bob").get(url).status_code == 200
    assert cast.client("dora").get(url).status_code == 200


def test_pages_cost_the_same_for_more_faces(cast, dataset, django_assert_max_num_queries):
    faces = faces_make(dataset, 60, subject=Subject.objects.create(dataset=dataset, pseudonym="S1"))
    layer = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 60, [12])
    client = cast.client("ana")
    for name, query in (("api_face_list", ""), ("api_label_list", f"?layer={layer.pk}")):
        with django_assert_max_num_queries(10):
            assert len(client.get(reverse(name, args=[dataset.pk]) + query).json()["results"]) == 60


def test_a_decision_given_twice_is_made_once(cast, dataset, world):
    client, url, data = (
        cast.client("bob"),
        address("api_decision_make", dataset, world),
        body("api_decision_make"),
    )
    first, second = post(client, url, data), post(client, url, data)
    assert first.json()["id"] == second.json()["id"] and first.json()["faces"] == 1
    assert Decision.objects.count() == 1


def test_a_stale_decision_is_answered_with_both_sides(cast, dataset, world):
    client, url = cast.client("bob"), address("api_decision_make", dataset, world)
    post(client, url, body("api_decision_make"))
    stale = post(client, url, {**body("api_decision_make"), "code": "absent", "expected": {"0": "-"}})
    assert stale.status_code == 409
    assert stale.json()["faces"] == [{"position": 0, "shown": "-", "now": "p"}]
    assert Decision.objects.count() == 1


def test_a_changed_protocol_is_answered_with_409(cast, dataset, world):
    data = {**body("api_decision_make"), "protocol_version": 7}
    answer = post(cast.client("bob"), address("api_decision_make", dataset, world), data)
    assert answer.status_code == 409 and "version 7" in answer.json()["detail"]


def test_codes_by_position_are_written(cast, dataset, world):
    data = {**body("api_decision_make"), "faces": [0, 1], "codes": {"0": 1, "1": 0}}
    del data["code"]
    assert post(cast.client("bob"), address("api_decision_make", dataset, world), data).status_code == 201
    layer = dataset.layers.get(user=cast.bob)
    url = reverse("api_label_list", args=[dataset.pk]) + f"?layer={layer.pk}"
    rows = cast.client("bob").get(url).json()["results"]
    assert [row["codes"] for row in rows] == [{"AU12": "present"}, {"AU12": "absent"}]


def test_an_unusual_pair_is_asked_about_and_written_when_sure(cast, dataset, world):
    coded_aus_ensure(dataset=dataset, aus=[51, 52])
    client, url = cast.client("bob"), address("api_decision_make", dataset, world)
    post(client, url, {**body("api_decision_make"), "aus": [51]})
    asked = post(client, url, {**body("api_decision_make"), "aus": [52]})
    assert asked.status_code == 422
    assert asked.json()["pairs"] == [{"aus": [51, 52], "opposite": True, "faces": [0]}]
    assert "sure" in asked.json()["detail"]
    assert Decision.objects.count() == 1
    assert post(client, url, {**body("api_decision_make"), "aus": [52], "sure": True}).status_code == 201


def test_intensities_of_each_side_are_written(cast, dataset, world):
    data = {**body("api_decision_make"), "sides": {"left": "C", "right": "none"}}
    del data["code"]
    client = cast.client("bob")
    assert post(client, address("api_decision_make", dataset, world), data).status_code == 201
    layer = dataset.layers.get(user=cast.bob)
    rows = client.get(reverse("api_label_list", args=[dataset.pk]) + f"?layer={layer.pk}").json()["results"]
    assert rows[0]["codes"] == {"AU12": "present"}
    assert rows[0]["intensities"] == {"AU12": {"left": "C", "right": "none"}}


def test_an_unscorable_tells_its_reason(cast, dataset, world):
    data = {**body("api_decision_make"), "kind": "unscorable", "hidden": 72}
    made = post(cast.client("bob"), address("api_decision_make", dataset, world), data).json()
    assert (made["hidden"], made["event"]) == (72, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "event"},
        {"hidden": 12},
        {"sides": {"middle": "C"}},
        {"sides": {}},
        {"kind": "undo"},
        {"faces": "all"},
        {"client_id": "1"},
        {"expected": {"x": "p"}},
        {"faces": []},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(cast, dataset, world, wrong):
    data = {**body("api_decision_make"), **wrong}
    assert post(cast.client("bob"), address("api_decision_make", dataset, world), data).status_code == 400
    assert not Decision.objects.exists()


def test_only_ones_own_decision_is_undone(cast, dataset, world):
    made = post(cast.client("bob"), address("api_decision_make", dataset, world), body("api_decision_make")).json()
    url = reverse("api_decision_undo", args=[dataset.pk])
    order = {"client_id": str(uuid.uuid4()), "decision": made["id"]}
    assert post(cast.client("cleo"), url, order).status_code == 403
    undone = post(cast.client("bob"), url, order)
    assert undone.status_code == 201
    assert undone.json()["undoes"] == made["id"] and undone.json()["left"] == []


def test_another_data_sets_rows_are_not_found(cast, dataset, world):
    from annotator.services.datasets import dataset_create

    other = dataset_create(name="Frowns", user=cast.alice, aus=[4])
    client = cast.client("alice")
    for name in ("api_job_detail", "api_export_detail", "api_label_list"):
        url = address(name, dataset, world).replace(f"/datasets/{dataset.pk}/", f"/datasets/{other.pk}/")
        assert client.get(url).status_code == 404, name
    assert client.get(reverse("api_cluster_list", args=[other.pk])).json()["results"] == []


def test_a_cancelled_job_says_so(cast, dataset, world):
    answer = post(cast.client("alice"), address("api_job_cancel", dataset, world), {})
    assert answer.json()["state"] == JobState.CANCELLED


def test_an_ordered_export_ends_with_addresses_that_work(cast, dataset, world):
    client = cast.client("ana")
    ordered = post(client, reverse("api_exports", args=[dataset.pk]), {"accept_proposals": True}).json()
    assert ordered["csv"] is None and ordered["state"] == JobState.QUEUED
    assert job_run(Export.objects.get(pk=ordered["id"]).job_id).state == JobState.DONE
    made = client.get(reverse("api_export_detail", args=[dataset.pk, ordered["id"]])).json()
    table = client.get(made["csv"])
    assert table["Content-Type"] == "text/csv; charset=utf-8"
    assert len(b"".join(table.streaming_content)) == made["size"]
    assert client.get(made["dictionary"]).status_code == 200


def test_the_schema_is_sound(db, tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))
    assert "/api/v1/datasets/{dataset_id}/decisions/" in (tmp_path / "schema.yml").read_text()


def test_schema_and_docs_need_a_login(cast):
    schema, docs = reverse("api_schema"), reverse("api_docs")
    assert Client().get(schema).status_code == 403
    assert Client().get(docs)["Location"].startswith("/login/")
    assert cast.client("charlie").get(schema).json()["info"]["title"] == "Corrugator"
    assert b"api-docs.js" in cast.client("charlie").get(docs).content


def decide(client, dataset, **order):
    order = {"client_id": str(uuid.uuid4()), "kind": "confirm", "aus": [12], "faces": [1], **order}
    return client.post(reverse("api_decision_make", args=[dataset.pk]), order, content_type="application/json")


def test_a_decision_names_the_cluster_whose_proposals_it_takes(dataset, cast):
    run = run_make(dataset, faces_make(dataset, 3), 12, [1, 1, 1], [1, 0, 1], adopted=False)
    cluster = run.clusters.get(number=1)
    answer = decide(cast.client("bob"), dataset, cluster=cluster.pk)
    assert answer.status_code == 201
    assert Decision.objects.get(pk=answer.json()["id"]).cluster == cluster


def test_a_cluster_of_another_data_set_is_not_there(dataset, cast):
    faces_make(dataset, 3)
    other = dataset_create(name="Other", user=cast.alice, aus=[12])
    run = run_make(other, faces_make(other, 3), 12, [1, 1, 1], [1, 0, 1])
    answer = decide(cast.client("bob"), dataset, cluster=run.clusters.get(number=1).pk)
    assert answer.status_code == 404
    assert not Decision.objects.exists()


@pytest.mark.parametrize("position", [2**63, 10**30])
def test_a_position_beyond_all_numbers_is_refused(dataset, cast, position):
    faces_make(dataset, 3)
    answer = decide(cast.client("bob"), dataset, kind="relabel", code="present", faces=[1, position])
    assert answer.status_code == 400


def test_a_data_set_of_a_number_beyond_all_is_not_there(cast):
    assert cast.client("alice").get(f"/api/v1/datasets/{10**20}/").status_code == 404
    assert cast.client("alice").get(f"/datasets/{10**20}/").status_code == 404


@pytest.mark.parametrize("field", ["subject", "split"])
def test_a_nul_is_refused_in_words(dataset, cast, field):
    answer = cast.client("alice").get(reverse("api_face_list", args=[dataset.pk]) + f"?{field}=a%00b")
    assert answer.status_code == 400
