"""The map: coordinates, colours and positions as bytes; who sees which; what is asked for again and when."""

import json
import struct
import uuid

import numpy as np
import pytest
from django.urls import reverse

from annotator.choices import DecisionKind, LayerKind, Mode, Role, Scope
from annotator.models import FeatureSet, Job, Member
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_take
from annotator.services.decisions import decision_make
from annotator.services.selections import selection_keep
from tests.factories import detector_make as detector
from tests.factories import faces_make, layer_make, prediction_layer_make, projection_make, run_make

P, A, U, NONE, NOISE = range(5)


@pytest.fixture
def faces(dataset):
    """Six faces with a map: weak and proposal differ on face 2; face 5 is in the noise group."""
    faces = faces_make(dataset, 6)
    weak = layer_make(dataset, LayerKind.WEAK, faces[:5], [[1], [0], [1], [-2], [0]], [12], name="weak")
    run_make(dataset, faces, 12, [1, 1, 2, 2, 2, 0], [1, 0, 0, 1, 0, 1], weak_layer=weak)
    projection_make(dataset)
    return faces


def asked(client, dataset, name="map_colours", headers=None, **values):
    return client.get(reverse(name, args=[dataset.pk]), values, headers=headers or {})


def read(response):
    """(head, numbers) of a framed answer."""
    length = struct.unpack("<I", response.content[:4])[0]
    head = json.loads(response.content[4 : 4 + length])
    kind = {1: "<u1", 2: "<u2", 4: "<u4"}[head["bytes"]]
    assert (4 + length) % 4 == 0
    return head, np.frombuffer(response.content, kind, offset=4 + length).tolist()


def colours(client, dataset, **values):
    response = asked(client, dataset, **values)
    assert response.status_code == 200, response.content
    return read(response)


def decide(dataset, user, positions, code="present"):
    return decision_make(
        dataset=dataset, user=user, kind=DecisionKind.RELABEL, aus=[12], faces=positions, code=code,
        mode=Mode.ASSISTED, scope=Scope.SELECTION, client_id=uuid.uuid4(),
    )  # fmt: skip


def layer(dataset, name):
    return str(dataset.layers.get(name=name).pk)


def test_points_are_the_stored_coordinates_and_come_once(dataset, faces, cast):
    client = cast.client("bob")
    answer = asked(client, dataset, "map_points")
    assert np.frombuffer(answer.content, "<f4").reshape(-1, 2).shape == (6, 2)
    again = asked(client, dataset, "map_points", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_codes_of_a_layer(dataset, faces, cast):
    head, values = colours(cast.client("bob"), dataset, by="code", au=12, layer=layer(dataset, "weak"))
    assert values == [P, A, P, U, A, NONE]
    assert head["words"] == "AU12 by weak"
    assert [entry["words"] for entry in head["entries"]] == ["present", "absent", "unscorable", "no code", "noise"]


def test_what_two_layers_say_of_each_other(dataset, faces, cast):
    values = {"by": "differ", "au": 12, "layer": layer(dataset, "weak"), "other": layer(dataset, "proposal")}
    head, numbers = colours(cast.client("bob"), dataset, **values)
    assert numbers == [2, 2, 0, 3, 2, 3]
    assert head["entries"][0]["words"] == "weak present, proposal absent"


def test_clusters_of_a_run_with_their_pages(dataset, faces, cast):
    run = dataset.runs.get()
    head, values = colours(cast.client("bob"), dataset, by="cluster", au=12, run=run.pk)
    assert values == [2, 2, 3, 3, 3, 1]
    pages = {entry["words"]: entry["cluster"] for entry in head["entries"] if "cluster" in entry}
    assert pages == {f"cluster {n}": run.clusters.get(number=n).pk for n in (1, 2)}


def test_subjects_by_name(dataset, faces, cast):
    zoe, ann = (dataset.subjects.create(pseudonym=name) for name in ("Zoe", "Ann"))
    dataset.faces.filter(position=1).update(subject=zoe)
    dataset.faces.filter(position=2).update(subject=ann)
    head, values = colours(cast.client("bob"), dataset, by="subject")
    names = {entry["value"]: entry["words"] for entry in head["entries"]}
    assert [names[value] for value in values] == ["no subject", "Zoe", "Ann", *["no subject"] * 3]


def test_scores_in_steps_with_a_scale(dataset, faces, cast):
    prediction_layer_make(detector(dataset, aus=[12]), faces[:3], [[0.0], [0.5], [1.0]])
    head, values = colours(cast.client("bob"), dataset, by="score", au=12)
    assert head["scale"] is True
    assert values == [0, 125, 250, 255, 255, 255]


def test_scores_beside_features_are_for_those_who_may_open_detectors(dataset, faces, cast):
    scores = array_write(dataset=dataset, purpose="scores", values=np.zeros((6, 63), np.float16))
    features = array_write(dataset=dataset, purpose="features", values=np.zeros((6, 2), np.float32))
    made = FeatureSet.objects.create(dataset=dataset, name="own", revision=1, features=features, scores=scores)
    values = {"by": "score", "au": 12, "score": f"features-{made.pk}"}
    assert asked(cast.client("ana"), dataset, **values).status_code == 200
    assert asked(cast.client("bob"), dataset, **values).status_code == 400


def test_ones_own_codes_come_with_the_first_decision_and_another_mark(dataset, faces, cast):
    client = cast.client("bob")
    before = asked(client, dataset, by="code", au=12, layer="own")
    assert read(before)[1] == [NONE] * 6
    decide(dataset, cast.bob, [0, 3])
    after = asked(client, dataset, by="code", au=12, layer="own", headers={"If-None-Match": before["ETag"]})
    head, values = read(after)
    assert values == [P, NONE, NONE, P, NONE, NONE]
    assert head["moves"] is True


def test_colours_that_a_decision_leaves_alone_are_not_sent_again(dataset, faces, cast):
    client = cast.client("bob")
    given = {"by": "code", "au": 12, "layer": layer(dataset, "weak")}
    mark = asked(client, dataset, **given)["ETag"]
    decide(dataset, cast.bob, [0])
    assert asked(client, dataset, headers={"If-None-Match": mark}, **given).status_code == 304


def test_a_coder_sees_no_other_coders_codes_and_an_adjudicator_does(dataset, faces, cast):
    decide(dataset, cast.cleo, [0])
    hers = str(dataset.layers.get(user=cast.cleo).pk)
    assert asked(cast.client("bob"), dataset, by="code", au=12, layer=hers).status_code == 404
    assert asked(cast.client("dora"), dataset, by="code", au=12, layer=hers).status_code == 200


@pytest.mark.parametrize("name", ["map", "map_points", "map_colours", "map_positions"])
def test_a_blind_coder_sees_nothing_of_it(dataset, faces, cast, name):
    assignment_take(cluster=dataset.runs.get().clusters.get(number=1), user=cast.bob, mode=Mode.BLIND)
    assert asked(cast.client("bob"), dataset, name, q="1").status_code == 403
    assert cast.client("bob").get(reverse("map_face", args=[dataset.pk, 1])).status_code == 403


@pytest.mark.parametrize(
    ("values", "status"),
    [({"by": "hearsay"}, 400), ({"layer": "999"}, 404), ({"au": "99"}, 404), ({"by": "cluster", "run": "x"}, 404)],
)
def test_what_no_page_of_ours_asks_is_refused(dataset, faces, cast, values, status):
    assert asked(cast.client("bob"), dataset, **values).status_code == status


def test_a_search_a_cluster_a_face_and_a_selection_lead_to_positions(dataset, faces, cast):
    client = cast.client("bob")
    cluster = dataset.runs.get().clusters.get(number=2)
    kept = selection_keep(dataset=dataset, user=cast.bob, positions=np.array([1, 4]))
    for values, found in (
        ({"q": "face-3"}, [3]),
        ({"cluster": cluster.pk}, [2, 3, 4]),
        ({"face": "5"}, [5]),
        ({"selection": kept.pk}, [1, 4]),
        ({"q": "nobody"}, []),
    ):
        head, positions = read(asked(client, dataset, "map_positions", **values))
        assert (positions, head["size"]) == (found, len(found))
    assert asked(client, dataset, "map_positions").status_code == 400


def test_the_face_under_the_pointer(dataset, faces, cast):
    client = cast.client("bob")
    told = client.get(reverse("map_face", args=[dataset.pk, 3])).json()
    assert (told["position"], told["image"], told["subject"]) == (3, "face-3.png", "")
    assert client.get(reverse("map_face", args=[dataset.pk, 77])).status_code == 404


def test_without_a_map_an_admin_is_offered_one_and_others_are_told_whom_to_ask(dataset, cast):
    faces_make(dataset, 3)
    features = array_write(dataset=dataset, purpose="features", values=np.eye(3, dtype=np.float32))
    FeatureSet.objects.create(dataset=dataset, name="net", revision=1, features=features)
    assert "Make the map" in asked(cast.client("alice"), dataset, "map").content.decode()
    text = asked(cast.client("bob"), dataset, "map").content.decode()
    assert "Make the map" not in text and "Ask an admin of this data set: alice." in text


def test_a_map_is_asked_for_once(dataset, cast):
    faces_make(dataset, 3)
    features = array_write(dataset=dataset, purpose="features", values=np.eye(3, dtype=np.float32))
    FeatureSet.objects.create(dataset=dataset, name="net", revision=1, features=features)
    client = cast.client("alice")
    for _click in range(2):
        assert client.post(reverse("map_create", args=[dataset.pk]), {"method": "pca"}).status_code == 302
    assert Job.objects.filter(kind="projection").count() == 1


def test_faces_that_came_later_are_told(dataset, faces, cast):
    faces_make(dataset, 2)
    assert "2 faces came after this map" in asked(cast.client("bob"), dataset, "map").content.decode()
    assert len(colours(cast.client("bob"), dataset, by="subject")[1]) == 8


def test_hostile_names_come_as_words(dataset, faces, cast):
    Member.objects.filter(dataset=dataset, user=cast.bob).update(role=Role.ADJUDICATOR)
    dataset.layers.filter(name="weak").update(name="<img src=x onerror=alert(1)>")
    text = asked(cast.client("bob"), dataset, "map").content.decode()
    assert "<img src=x" not in text and "&lt;img src=x" in text


@pytest.mark.parametrize("name", ["map", "map_points", "map_colours", "map_positions"])
def test_the_number_of_queries_is_small(dataset, faces, cast, name, django_assert_max_num_queries):
    client = cast.client("bob")
    asked(client, dataset, name, q="face")
    with django_assert_max_num_queries(20):
        asked(client, dataset, name, q="face")
