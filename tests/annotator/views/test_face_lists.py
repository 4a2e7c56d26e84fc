"""The grid of faces: scopes, orders, pages that go on, what each role and a blind coder see, decisions."""

import re
import uuid

import numpy as np
import pytest
from django.urls import reverse

from annotator.choices import LayerKind, Mode
from annotator.models import Decision, Face, Label, Subject
from annotator.selectors import face_grid
from annotator.selectors.neighbours import Neighbours
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_take
from annotator.services.datasets import revision_raise
from tests.factories import detector_make, faces_make, layer_make, prediction_layer_make, run_make

SHARES = [0.1, 0.9, 0.5, 0.4, 0.8, 0.2, 0.3, 0.7, 0.6]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def faces(dataset):
    """Nine faces: weak says AU12 on the first three, reference on the third to sixth; a detector's scores of
    all but the last, as in SHARES; two people, in the order Zoe, Ann, nobody."""
    faces = faces_make(dataset, 10)
    layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 3 + [[0]] * 7, [12], name="weak")
    layer_make(dataset, LayerKind.REFERENCE, faces[2:6], [[1]] * 4, [12], name="reference")
    prediction_layer_make(detector_make(dataset, aus=[12]), faces[:9], SHARES)
    zoe, ann = (Subject.objects.create(dataset=dataset, pseudonym=name) for name in ("Zoe", "Ann"))
    Face.objects.filter(position__lt=4).update(subject=zoe)
    Face.objects.filter(position__in=[4, 5]).update(subject=ann)
    revision_raise(dataset)
    return faces


def grid(client, dataset, htmx=False, **query):
    return client.get(reverse("face_list", args=[dataset.pk]), query, headers=HTMX if htmx else {})


def positions(answer):
    return [tile.position for tile in answer.context["page"].tiles]


def layer(dataset, kind):
    return dataset.layers.filter(kind=kind).get()


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("position", list(range(10))),
        ("subject", [4, 5, 0, 1, 2, 3, 6, 7, 8, 9]),
        ("high", [1, 4, 7, 8, 2, 3, 6, 5, 0, 9]),
        ("low", [0, 5, 6, 3, 2, 8, 7, 4, 1, 9]),
        ("differ", [0, 2, 3, 4, 5, 7, 8, 1, 6, 9]),
        ("nonsense", list(range(10))),
    ],
)
def test_orders(dataset, faces, cast, sort, expected):
    if sort in ("high", "low"):
        sort += f"-{layer(dataset, LayerKind.PREDICTION).pk}"
    assert positions(grid(cast.client("bob"), dataset, au=12, sort=sort)) == expected


@pytest.mark.parametrize("sort", ["position", "subject", "differ"])
def test_the_face_page_goes_on_in_the_order_of_the_grid_it_was_opened_from(dataset, faces, cast, sort):
    client, query = cast.client("bob"), f"q=face&au=12&sort={sort}"
    order = positions(client.get(reverse("face_list", args=[dataset.pk]) + "?" + query))
    walked, here = [], order[0]
    while here is not None:
        walked.append(here)
        page = client.get(reverse("face_detail", args=[dataset.pk, here]) + "?" + query)
        assert page.context["neighbours"].previous == (walked[-2] if len(walked) > 1 else None)
        assert page.context["neighbours"].place == len(walked)
        here = page.context["neighbours"].next
    assert walked == order
    assert f"{len(order)} of {len(order)}" in page.content.decode()


def test_the_face_page_without_a_grid_goes_on_by_number(dataset, faces, cast):
    page = cast.client("bob").get(reverse("face_detail", args=[dataset.pk, 4]))
    assert page.context["neighbours"] == Neighbours(3, 5)


@pytest.mark.parametrize("sort", ["position", "subject", "differ"])
def test_pages_go_on_behind_the_last_face_and_hold_each_face_once(dataset, faces, cast, sort, monkeypatch):
    monkeypatch.setattr(face_grid, "PER_PAGE", 4)
    monkeypatch.setattr(face_grid, "MORE", 2)
    client = cast.client("bob")
    whole, seen = grid(client, dataset, au=12, sort=sort), []
    answer = whole
    while True:
        seen += positions(answer)
        more = answer.context.get("more")
        if not more:
            break
        answer = client.get(more, headers=HTMX)
        assert b"<html" not in answer.content and b"face-panel" not in answer.content
    assert sorted(seen) == list(range(10))
    assert len(whole.context["page"].tiles) == 4


def test_the_next_page_misses_no_face_when_shown_ones_left_the_scope(dataset, faces, cast, monkeypatch):
    monkeypatch.setattr(face_grid, "PER_PAGE", 4)
    client = cast.client("bob")
    decide(client, dataset, "absent", [9])
    mine = layer(dataset, LayerKind.CODER).pk
    first = grid(client, dataset, where=f"{mine}:12:n")
    assert positions(first) == [0, 1, 2, 3]
    decide(client, dataset, "present", [1, 3])
    assert positions(client.get(first.context["more"])) == [4, 5, 6, 7]


def test_without_script_the_link_behind_the_faces_leads_on(dataset, faces, cast, monkeypatch):
    monkeypatch.setattr(face_grid, "PER_PAGE", 4)
    client = cast.client("ana")
    page = grid(client, dataset).content.decode()
    link = re.search(r'<a class="button" href="([^"]+after=3[^"]*)"', page)[1].replace("&amp;", "&")
    further = client.get(link)
    assert positions(further) == [4, 5, 6, 7]
    assert "From the first" in further.content.decode()


def test_a_panel_gets_the_grid_alone(dataset, faces, cast):
    answer = grid(cast.client("bob"), dataset, htmx=True, faces="2-4")
    text = answer.content.decode()
    assert "<html" not in text
    assert 'id="face-grid"' in text
    assert positions(answer) == [2, 3, 4]
    assert "faces/consequences/?faces=2-4&amp;au=1" in text


def test_a_panel_has_boxes_further_on_too(dataset, faces, cast, monkeypatch):
    monkeypatch.setattr(face_grid, "PER_PAGE", 4)
    client = cast.client("bob")
    panel = grid(client, dataset, htmx=True)
    further = client.get(panel.context["more"], headers=HTMX)
    assert len(further.context["page"].tiles) == 6
    assert [answer.content.count(b'name="face"') for answer in (panel, further)] == [4, 6]


def test_what_each_source_says_of_the_au_is_on_the_tile(dataset, faces, cast):
    tile = grid(cast.client("bob"), dataset, au=12, faces="2").context["page"].tiles[0]
    assert [one.words for one in tile.said] == [
        "reference: present",
        f"{layer(dataset, LayerKind.PREDICTION).name}: absent",
        "weak: present",
    ]


def test_the_au_shown_is_that_of_the_condition(dataset, faces, cast):
    weak = layer(dataset, LayerKind.WEAK).pk
    assert grid(cast.client("bob"), dataset, where=f"{weak}:12:p").context["view"].coded.au == 12
    assert grid(cast.client("bob"), dataset).context["view"].coded.au == 1
    assert grid(cast.client("bob"), dataset, au=99).status_code == 404


@pytest.mark.parametrize(("has", "expected"), [("p", [0, 1, 2]), ("a", [3, 4, 5, 6, 7, 8, 9]), ("d", [3, 4, 5])])
def test_the_form_adds_a_condition_to_those_there_are(dataset, faces, cast, has, expected):
    weak, reference = layer(dataset, LayerKind.WEAK).pk, layer(dataset, LayerKind.REFERENCE).pk
    client = cast.client("bob")
    answer = grid(client, dataset, au=12, of=weak, has=has + (str(reference) if has == "d" else ""))
    assert answer.status_code == 302
    followed = client.get(answer.url)
    assert positions(followed) == expected
    again = client.get(answer.url + f"&of={reference}&has=p")
    assert positions(client.get(again.url)) == [one for one in expected if 2 <= one <= 5]
    assert grid(client, dataset, au=12, of="", has="p").status_code == 400


def test_search_keeps_the_other_conditions(dataset, faces, cast):
    text = grid(cast.client("bob"), dataset, faces="0-5", au=12).content.decode()
    assert '<input type="hidden" name="faces" value="0-5">' in text
    assert positions(grid(cast.client("bob"), dataset, faces="0-5", q="ann")) == [4, 5]


def test_no_faces_and_no_such_faces_are_told_apart(dataset, cast):
    shown = grid(cast.client("bob"), dataset).content.decode()
    assert "No faces yet" in shown and "Import faces" not in shown
    assert "Import faces" in grid(cast.client("alice"), dataset).content.decode()
    faces_make(dataset, 2)
    assert "There are no such faces" in grid(cast.client("bob"), dataset, q="zzz").content.decode()


def test_hostile_words_of_a_search_stay_words(dataset, faces, cast):
    hostile = "\"'><script>hurt()</script>"
    text = grid(cast.client("bob"), dataset, q=hostile).content.decode()
    assert "<script>hurt" not in text and "&lt;script&gt;hurt" in text


# Who sees what


def test_an_analyst_looks_and_has_no_buttons(dataset, faces, cast):
    text = grid(cast.client("ana"), dataset).content.decode()
    assert "review-form" not in text and "consequences" not in text
    answer = decide(cast.client("ana"), dataset, "present", [1])
    assert answer.status_code == 403


def test_blind_the_grid_holds_one_s_own_codes_and_nothing_else(dataset, faces, cast):
    run = run_make(dataset, faces, 12, [1] * 10, [1] * 10)
    client = cast.client("bob")
    decide(client, dataset, "present", [1])
    assignment = assignment_take(cluster=run.clusters.get(), user=cast.bob)
    assignment.mode = Mode.BLIND
    assignment.save()
    answer = grid(client, dataset, au=12)
    assert [[one.layer.kind for one in tile.said] for tile in answer.context["page"].tiles] == [[]] * 10
    text = answer.content.decode()
    assert not [word for word in ("weak", "proposal", "reference", "prediction", "disagreement") if word in text]
    assert "review-form" not in text
    for layers in dataset.layers.exclude(user=cast.bob):
        assert grid(client, dataset, where=f"{layers.pk}:12:p").status_code == 404
        ordered = grid(client, dataset, au=12, sort=f"high-{layers.pk}")
        assert positions(ordered) == list(range(10))
    assert decide(client, dataset, "present", [2]).status_code == 403


def test_the_number_of_queries_does_not_grow_with_the_faces(dataset, faces, cast, django_assert_max_num_queries):
    client = cast.client("bob")
    weak = layer(dataset, LayerKind.WEAK).pk
    grid(client, dataset, where=f"{weak}:12:a", sort="differ")
    with django_assert_max_num_queries(21):
        grid(client, dataset, where=f"{weak}:12:a", sort="differ")


# Decisions in the grid


def decide(client, dataset, action, faces, au=12, seen=None, htmx=False, **more):
    shown = seen if seen is not None else dict.fromkeys(faces, "-")
    values = {
        "action": action,
        "client_id": uuid.uuid4(),
        "au": au,
        "face": " ".join(map(str, faces)),
        "seen": " ".join(f"{face}:{token}" for face, token in shown.items()),
        **more,
    }
    address = reverse("grid_decide", args=[dataset.pk]) + f"?au={au}"
    return client.post(address, values, headers=HTMX if htmx else {})


def codes(dataset, user):
    bit = dataset.coded_aus.get(au=12).mask
    labels = Label.objects.filter(layer__user=user).order_by("face__position")
    return {
        label.face.position: (bool(label.present & bit), bool(label.scored & bit), label.noise) for label in labels
    }


def test_chosen_faces_are_decided_and_the_answer_tells_their_state(dataset, faces, cast):
    answer = decide(cast.client("bob"), dataset, "present", [1, 3], htmx=True)
    assert answer.headers["X-Decision"] == str(Decision.objects.get().pk)
    assert 'data-faces="1 3 "' in answer.content.decode()
    assert codes(dataset, cast.bob) == {1: (True, True, False), 3: (True, True, False)}


def test_noise_and_codes_are_apart(dataset, faces, cast):
    client = cast.client("bob")
    decide(client, dataset, "present", [1])
    decide(client, dataset, "noise", [1], seen={1: "p"})
    assert codes(dataset, cast.bob) == {1: (True, True, True)}
    decide(client, dataset, "restore", [1], seen={1: "p!"})
    assert codes(dataset, cast.bob) == {1: (False, False, False)}


def test_a_stale_grid_writes_nothing_and_shows_both_sides(dataset, faces, cast):
    client = cast.client("bob")
    decide(client, dataset, "present", [1])
    answer = decide(client, dataset, "absent", [1], htmx=True)
    assert answer.status_code == 409
    assert "This page showed" in answer.content.decode()
    assert codes(dataset, cast.bob) == {1: (True, True, False)}


def test_undo_takes_back_what_the_page_named(dataset, faces, cast):
    client = cast.client("bob")
    decide(client, dataset, "present", [1, 2])
    decision = Decision.objects.get()
    assert decide(client, dataset, "undo", [], undo=decision.pk).status_code == 302
    assert codes(dataset, cast.bob) == {1: (False, False, False), 2: (False, False, False)}


def test_probabilities_of_a_weak_layer_sort_too(dataset, faces, cast):
    weak = layer(dataset, LayerKind.WEAK)
    values = np.full((10, 63), np.nan, np.float16)
    values[:, dataset.coded_aus.get(au=12).bit] = np.linspace(1, 0, 10)
    weak.probabilities = array_write(dataset=dataset, purpose="probabilities", values=values)
    weak.save()
    answer = grid(cast.client("bob"), dataset, au=12, sort=f"low-{weak.pk}")
    assert positions(answer) == list(range(9, -1, -1))
    assert answer.context["page"].tiles[0].probability == 0
