"""Detectors by the REST API: who may what, what is told, and that an order does what a page's does."""

import json

import hypothesis
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import strategies as st

from annotator.choices import LayerKind, Mode
from annotator.models import Assignment, FeatureSet, Job, Subject
from annotator.services.datasets import dataset_create
from tests.factories import (
    attribution_make,
    detector_make,
    faces_make,
    layer_make,
    prediction_layer_make,
    projection_make,
    sight_make,
)
from tests.trainer.reports import brief_report_made, report_made
from trainer.algorithms.methods import METHODS
from trainer.algorithms.settings import settings_told
from trainer.api.urls import urlpatterns

READERS = {"alice": 200, "dora": 200, "ana": 200, "bob": 403, "cleo": 403, "charlie": 404}
READS = ("api_detectors", "api_detector_detail")
WRITES = {
    "api_detectors": {"alice": 201, "dora": 403, "ana": 403, "bob": 403, "charlie": 404},
    "api_detector_promote": {"alice": 200, "dora": 403, "ana": 403, "bob": 403, "charlie": 404},
    "api_detector_predict": {"alice": 201, "dora": 403, "ana": 403, "bob": 403, "charlie": 404},
}
SEEN = ("api_detector_sight", "api_face_attribution")
ORDER = {"method": "alexnet", "name": "Brows", "settings": {"training.epochs": 5}, "sources": {"weak": True}}


@pytest.fixture
def detector(dataset):
    faces = []
    for number in range(8):
        subject = Subject.objects.create(dataset=dataset, pseudonym=f"S{number}")
        faces += faces_make(dataset, 2, subject=subject)
    layer_make(dataset, LayerKind.REFERENCE, faces, [[1, 0], [0, 1]] * 8, [12, 25])
    return detector_make(dataset, aus=[12, 25], report=report_made([12, 25], faces=60, subjects=6))


def address(name, detector):
    return reverse(name, args=[detector.dataset_id, *([] if name == "api_detectors" else [detector.pk])])


def post(client, url, data):
    return client.post(url, json.dumps(data), content_type="application/json")


def test_every_address_has_a_rule():
    assert {pattern.name for pattern in urlpatterns} == {*READS, *WRITES, *SEEN}


@pytest.mark.parametrize("name", READS)
def test_who_may_read(cast, detector, name):
    url = address(name, detector)
    assert {who: cast.client(who).get(url).status_code for who in READERS} == READERS
    assert Client().get(url).status_code == 403


@pytest.mark.parametrize("name", WRITES)
def test_who_may_write(cast, detector, name):
    url = address(name, detector)
    for who, status in reversed(WRITES[name].items()):
        assert post(cast.client(who), url, ORDER).status_code == status, who
    assert post(Client(), url, ORDER).status_code == 403


def test_who_codes_blind_gets_nothing(cast, detector):
    for user in (cast.dora, cast.alice):
        Assignment.objects.create(
            dataset=detector.dataset, coder=user, aus=1, mode=Mode.BLIND, state="open", lease_until=timezone.now()
        )
    for name in READS:
        assert cast.client("dora").get(address(name, detector)).status_code == 403
    for name in WRITES:
        assert post(cast.client("alice"), address(name, detector), ORDER).status_code == 403
    assert not Job.objects.exists()


def test_another_data_sets_detector_is_not_found(cast, detector):
    other = dataset_create(name="Frowns", user=cast.alice, aus=[4])
    client = cast.client("alice")
    for number in (detector.pk, 10**20):
        assert client.get(reverse("api_detector_detail", args=[other.pk, number])).status_code == 404
    assert post(client, reverse("api_detector_promote", args=[other.pk, detector.pk]), {}).status_code == 404
    assert client.get(reverse("api_detectors", args=[other.pk])).json() == []


def test_the_list_tells_mean_f1_with_intervals(cast, detector):
    brief = detector_make(detector.dataset, method="default", aus=[12, 25], report=brief_report_made(2))
    rows = cast.client("ana").get(address("api_detectors", detector)).json()
    assert [row["id"] for row in rows] == [brief.pk, detector.pk]
    told = detector.report["test"]["mean"]["rules"]["validation"]["f1"]
    assert rows[1]["mean_f1"]["test"]["validation"] == told and "report" not in rows[1]
    assert rows[0]["mean_f1"] == {
        "cross_validation": {
            "fixed": {"value": 0.66, "low": None, "high": None},
            "validation": None,
            "base_rate": {"value": 0.7, "low": None, "high": None},
        },
        "test": None,
    }


def test_the_list_costs_the_same_for_more(cast, detector, django_assert_max_num_queries):
    for number in range(5):
        detector_make(detector.dataset, name=str(number))
    client = cast.client("ana")
    with django_assert_max_num_queries(7):
        assert len(client.get(address("api_detectors", detector)).json()) == 6


def test_one_is_told_with_its_report_and_files(cast, detector):
    faces = list(detector.dataset.faces.order_by("position"))
    layer = prediction_layer_make(detector, faces, [[0.9, 0.1]] * len(faces))
    made = FeatureSet.objects.create(
        dataset=detector.dataset, detector=detector, name="f", revision=1, features=detector.snapshot.codes
    )
    told = cast.client("ana").get(address("api_detector_detail", detector)).json()
    assert told["report"] == detector.report
    assert told["thresholds"] == {"12": 0.5, "25": 0.5}
    assert told["configuration"]["training"]["epochs"] == 30
    assert told["snapshot"]["summary"]["faces"] == len(faces)
    assert (told["layer"], told["feature_set"]) == (layer.pk, made.pk)
    assert told["card"].startswith("http://testserver/")
    assert cast.client("ana").get(told["card"]).status_code == 200


def test_an_order_starts_one_training(cast, detector):
    client, url = cast.client("alice"), address("api_detectors", detector)
    first, again = post(client, url, ORDER), post(client, url, ORDER)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"] and first.json()["kind"] == "training"
    params = Job.objects.get().params
    assert params["settings"]["training"]["epochs"] == 5 and params["name"] == "Brows"
    assert params["sources"] == {"proposals": False, "weak": True}


def test_an_order_may_begin_from_the_papers_settings(cast, detector):
    post(cast.client("alice"), address("api_detectors", detector), ORDER | {"preset": "paper"})
    settings = Job.objects.get().params["settings"]
    assert (settings["preset"], settings["training"]["batch"], settings["training"]["epochs"]) == ("paper", 128, 5)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"method": "magic"}, "method"),
        ({"preset": "slow"}, "preset"),
        ({"settings": {"training.epoch": 5}}, "training.epoch"),
        ({"settings": {"training.epochs": "many"}}, "training.epochs"),
        ({"settings": {"training.epochs": {"a": 1}}}, "training.epochs"),
        ({"settings": []}, "settings"),
        ({"sources": {"weak": "perhaps"}}, "weak"),
        ({"name": "n" * 101}, "name"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_by_name(cast, detector, changes, named):
    answer = post(cast.client("alice"), address("api_detectors", detector), {**ORDER, **changes})
    assert answer.status_code == 400 and named in answer.content.decode()
    assert not Job.objects.exists()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)
PATHS = [told.path for told in settings_told(METHODS["adversarial"].settings)]
"""Orders that are nearly right, with something else in one place or another."""
ORDERS = ANYTHING | st.fixed_dictionaries(
    {"method": st.sampled_from([*METHODS]) | ANYTHING},
    optional={
        "name": st.text(max_size=120) | ANYTHING,
        "settings": st.dictionaries(st.sampled_from(PATHS) | st.text(max_size=6), ANYTHING, max_size=3) | ANYTHING,
        "sources": st.fixed_dictionaries({"weak": ANYTHING, "proposals": ANYTHING}) | ANYTHING,
    },
)


@hypothesis.settings(
    max_examples=60, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(order=ORDERS)
def test_any_order_is_taken_or_refused_in_words(cast, detector, order):
    answer = post(cast.client("alice"), address("api_detectors", detector), order)
    assert answer.status_code in (200, 201, 400, 409), answer.content
    assert answer.status_code < 300 or answer.json()
    assert Job.objects.exists() == (answer.status_code < 300)
    Job.objects.all().delete()


@pytest.mark.parametrize(
    "value", ["a\0b", "\ud800", None, ["x"], {"x": 1}, 10**400, True, "9" * 5000], ids=lambda value: repr(value)[:9]
)
@pytest.mark.parametrize("path", ["pretrained", "training.sampler", "training.epochs", "training.clip"])
def test_a_value_that_no_setting_has_is_refused_by_name(cast, detector, path, value):
    answer = post(cast.client("alice"), address("api_detectors", detector), {**ORDER, "settings": {path: value}})
    assert answer.status_code == 400 and path in answer.content.decode()


def test_promotion_tells_the_job_that_predicts(cast, detector):
    client = cast.client("alice")
    told = post(client, address("api_detector_promote", detector), {}).json()
    assert told["detector"]["promoted_at"] and told["job"]["kind"] == "prediction"
    predicted = post(client, address("api_detector_predict", detector), {})
    assert predicted.status_code == 200 and predicted.json()["id"] == told["job"]["id"]
    Job.objects.all().delete()
    faces = list(detector.dataset.faces.order_by("position"))
    prediction_layer_make(detector, faces, [[0.9, 0.1]] * len(faces))
    again = post(client, address("api_detector_promote", detector), {}).json()
    assert again["detector"]["id"] == detector.pk


def test_the_schema_names_detectors(cast):
    schema = cast.client("ana").get(reverse("api_schema")).json()
    path = schema["paths"]["/api/v1/datasets/{dataset_id}/detectors/"]
    assert {path[method]["operationId"] for method in ("get", "post")} == {"detector_list", "detector_train"}


# what it sees


def seen_address(name, detector, *more):
    return reverse(name, args=[detector.dataset_id, detector.pk, *more])


def test_what_it_sees_is_told_once_it_was_made(cast, detector):
    url = seen_address("api_detector_sight", detector)
    assert cast.client("ana").get(url).status_code == 404
    sight = sight_make(detector, projection_make(detector.dataset))
    told = cast.client("ana").get(url).json()
    assert told["projection"] == sight.projection_id and told["divergence"]["mean"] == 0.002
    assert [one["au"] for one in told["wanted"]] == [12, 25] and told["wanted"][0]["scores"] == {
        "12": 0.99,
        "25": 0.6,
    }
    assert cast.client("ana").get(told["wanted"][1]["picture"]).status_code == 200


def test_having_it_made_is_for_admins_and_one_job(cast, detector):
    url = seen_address("api_detector_sight", detector)
    assert [post(cast.client(who), url, {}).status_code for who in ("ana", "bob", "charlie")] == [403, 403, 404]
    made = post(cast.client("alice"), url, {})
    assert made.status_code == 201 and made.json()["kind"] == "sight"
    assert post(cast.client("alice"), url, {}).status_code == 200


def test_what_speaks_for_a_face_is_told_once_it_was_found(cast, detector):
    url = seen_address("api_face_attribution", detector, 3)
    assert cast.client("ana").get(url).status_code == 404
    assert post(cast.client("ana"), url, {}).status_code == 201
    assert post(cast.client("bob"), url, {}).status_code == 403
    attribution_make(detector, detector.dataset.faces.get(position=3))
    told = cast.client("ana").get(url).json()
    assert told["face"] == 3 and told["aus"][0]["logit"] == 1.0 and told["aus"][0]["empty_logit"] == -0.5
    assert cast.client("ana").get(told["aus"][1]["speaks_against"]).status_code == 200
    assert post(cast.client("ana"), seen_address("api_face_attribution", detector, 99), {}).status_code == 404
