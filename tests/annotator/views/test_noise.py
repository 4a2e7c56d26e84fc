"""The noise gallery: ranking, reasons, and decisions about noise alone."""

import uuid

import numpy as np
import pytest
from django.urls import reverse

from annotator.choices import LayerKind, Mode
from annotator.models import Decision, Label
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_take
from tests.factories import faces_make, layer_make, run_make

REASONS = ["It stands alone.", "It is blurred."]


@pytest.fixture
def run(dataset):
    """Two faces in the noise group, one with a reason of its own, seven in cluster 1."""
    faces = faces_make(dataset, 10)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 10, [12])
    run = run_make(dataset, faces, 12, [0, 0] + [1] * 8, [1] * 10, weak_layer=weak)
    scores = np.array([0.8, 0.9, 0.7, *[0.1] * 7], np.float32)
    bits = np.array([1, 3, 2, *[0] * 7], np.uint32)
    run.outlier_scores = array_write(dataset=dataset, purpose="scores", values=scores)
    run.outlier_reasons = array_write(dataset=dataset, purpose="reasons", values=bits)
    run.summary = {"reasons": REASONS}
    run.save()
    return run


@pytest.fixture
def bob(cast):
    return cast.client("bob")


def gallery(client, dataset, **query):
    return client.get(reverse("noise_gallery", args=[dataset.pk]), query)


def decide(client, dataset, action, faces=(), htmx=True, **fields):
    values = {
        "action": action,
        "client_id": str(uuid.uuid4()),
        "face": list(faces),
        "protocol": "1",
        **fields,
    }
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(reverse("noise_decide", args=[dataset.pk]), values, headers=headers)


def shown(response):
    return [tile.position for tile in response.context["gallery"].tiles]


def test_the_most_unusual_come_first_with_reasons_in_words(dataset, run, bob):
    page = gallery(bob, dataset)
    assert shown(page) == [1, 0, 2]
    assert [tile.reasons for tile in page.context["gallery"].tiles] == [REASONS, REASONS[:1], REASONS[1:]]


def test_the_percentage_is_named_and_reasons_are_written_alike(dataset, run, bob):
    run.summary = {"reasons": ["unlike any other face here", "little fine detail"]}
    run.save()
    text = gallery(bob, dataset).content.decode()
    assert '<span class="word">unusual</span> 90%' in text
    for words in ("In no cluster", "Unlike any other face here", "Little fine detail"):
        assert f">{words} <span" in text
    assert "<li>Little fine detail</li>" in text


def test_a_face_of_the_noise_group_without_another_reason_is_said_to_be_in_no_cluster(dataset, bob):
    faces = faces_make(dataset, 300)
    run = run_make(dataset, faces, 12, [0, 0] + [1] * 298, [1] * 300)
    bits = np.array([1] + [0] * 299, np.uint32)
    run.outlier_reasons = array_write(dataset=dataset, purpose="reasons", values=bits)
    run.save()
    told = {tile.position: tile.reasons for tile in gallery(bob, dataset).context["gallery"].tiles}
    assert told == {0: run.summary["reasons"], 1: ["in no cluster"], 2: [], 3: [], 4: []}


def test_filters_by_reason_and_by_the_noise_group(dataset, run, bob):
    assert shown(gallery(bob, dataset, reason="1")) == [1, 2]
    assert shown(gallery(bob, dataset, reason="group")) == [1, 0]
    assert shown(gallery(bob, dataset, reason="99; DROP")) == [1, 0, 2]


def test_pages_of_sixty(dataset, bob):
    faces = faces_make(dataset, 70)
    run_make(dataset, faces, 12, [0] * 70, [1] * 70)
    assert len(shown(gallery(bob, dataset))) == 60
    assert len(shown(gallery(bob, dataset, page=2))) == 10


def test_a_hundredth_is_shown_for_its_score_alone_even_among_equals(dataset, bob):
    faces = faces_make(dataset, 300)
    run_make(dataset, faces, 12, [1] * 300, [1] * 300)
    assert shown(gallery(bob, dataset)) == [0, 1, 2]


def test_noise_marks_the_face_and_leaves_codes_alone(dataset, run, bob, cast):
    answer = decide(bob, dataset, "noise", [0, 1])
    assert 'data-state="noise"' in answer.content.decode()
    assert list(Label.objects.filter(layer__user=cast.bob).values_list("noise", "scored")) == [(True, 0)] * 2


def test_keeping_is_remembered_and_undone(dataset, run, bob):
    decide(bob, dataset, "restore", [0])
    assert [tile.state for tile in gallery(bob, dataset).context["gallery"].tiles] == ["", "kept", ""]
    decide(bob, dataset, "undo", undo=Decision.objects.get().pk)
    assert [tile.state for tile in gallery(bob, dataset).context["gallery"].tiles] == ["", "", ""]
    decide(bob, dataset, "redo", redo=Decision.objects.latest("pk").pk)
    assert [tile.state for tile in gallery(bob, dataset).context["gallery"].tiles] == ["", "kept", ""]


def test_undo_in_the_gallery_is_about_the_gallery(dataset, run, bob, cast):
    cluster = run.clusters.get(number=1)
    assignment_take(cluster=cluster, user=cast.bob)
    values = {"action": "accept", "client_id": str(uuid.uuid4()), "protocol": "1"}
    bob.post(reverse("cluster_decide", args=[dataset.pk, cluster.pk]), values)
    assert gallery(bob, dataset).context["undoable"] is None


def test_a_plain_form_comes_back_to_the_same_filter(dataset, run, bob):
    answer = decide(bob, dataset, "noise", [0], htmx=False, reason="1", page="1")
    assert answer.url.endswith("?reason=1&page=1")


def test_a_stale_mark_is_a_conflict(dataset, run, bob):
    decide(bob, dataset, "noise", [0])
    answer = decide(bob, dataset, "restore", [0], seen=["0:"])
    assert answer.status_code == 409
    assert "noise" in answer.content.decode()


def test_without_a_run_it_says_what_is_missing(dataset, bob):
    assert "No ranking yet" in gallery(bob, dataset).content.decode()


def test_a_blind_coder_does_not_see_the_ranking(dataset, run, bob, cast):
    assignment_take(cluster=run.clusters.get(number=1), user=cast.bob, mode=Mode.BLIND)
    assert gallery(bob, dataset).status_code == 403
    assert decide(bob, dataset, "noise", [0]).status_code == 403


@pytest.mark.parametrize(("name", "status"), [("ana", 403), ("charlie", 404)])
def test_who_may_not_decide_on_noise(dataset, run, cast, name, status):
    client = cast.client(name)
    assert gallery(client, dataset).status_code == status
    assert decide(client, dataset, "noise", [0]).status_code == status


def test_the_number_of_queries_does_not_grow(dataset, run, bob, django_assert_max_num_queries):
    with django_assert_max_num_queries(26):
        gallery(bob, dataset)
