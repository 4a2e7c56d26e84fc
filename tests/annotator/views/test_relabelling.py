"""Relabelling a whole scope: consequences first, one atomic decision, one undo, 409 for what is out of date."""

import re
import uuid

import pytest
from django.urls import reverse

from annotator.choices import LayerKind, Mode
from annotator.choices import Scope as DecisionScope
from annotator.models import Decision, DecisionFace, Label
from annotator.selectors import consequences
from annotator.services import decisions
from annotator.services.assignments import assignment_take
from annotator.services.datasets import coded_aus_ensure, revision_raise
from tests.factories import faces_make, layer_make, run_make

HTMX = {"HX-Request": "true"}


@pytest.fixture
def faces(dataset, cast):
    """Ten faces; reference has AU12 absent on the first three and present on the fourth; proposals on the first
    five; Bob has 0–1 absent, 2 present, 3 unscorable, none on the others."""
    faces = faces_make(dataset, 10)
    layer_make(dataset, LayerKind.REFERENCE, faces[:4], [[0]] * 3 + [[1]], [12], name="reference")
    layer_make(dataset, LayerKind.PROPOSAL, faces[:5], [[1]] * 4 + [[0]], [12], name="proposal")
    layer_make(dataset, LayerKind.CODER, faces[:4], [[0], [0], [1], [-2]], [12], user=cast.bob)
    revision_raise(dataset)
    return faces


def look(client, dataset, htmx=False, **query):
    query = {"au": "12", **query}
    return client.get(reverse("faces_consequences", args=[dataset.pk]), query, headers=HTMX if htmx else {})


def send(client, dataset, page, htmx=False, **changes):
    """The confirm button of a page of consequences."""
    form = page.content.decode().split('<form method="post"', 1)[1]
    values = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    values = {name: value.replace("&amp;", "&") for name, value in values.items()} | changes
    return client.post(reverse("faces_decide", args=[dataset.pk]), values, headers=HTMX if htmx else {})


def state(dataset, user):
    mask = dataset.coded_aus.get(au=12).mask
    found = {}
    for label in Label.objects.filter(layer__user=user).select_related("face"):
        code = (
            "p" if label.present & mask else "a" if label.scored & mask else "u" if label.unscorable & mask else "-"
        )
        found[label.face.position] = code + ("!" if label.noise else "")
    return "".join(found.get(position, "-") for position in range(10))


@pytest.mark.parametrize(
    ("action", "changes", "stays", "after"),
    [
        ("present", 9, 1, "pppppppppp"),
        ("absent", 8, 2, "aaaaaaaaaa"),
        ("unscorable", 9, 1, "uuuuuuuuuu"),
        ("accept", 4, 6, "ppppa-----"),
        ("noise", 10, 0, "a!a!p!u!-!-!-!-!-!-!"),
        ("restore", 4, 6, "----------"),
    ],
)
def test_what_the_page_says_would_change_is_what_changes(dataset, faces, cast, action, changes, stays, after):
    client = cast.client("bob")
    page = look(client, dataset, action=action)
    assert (page.context["told"].changes, page.context["told"].stay) == (changes, stays)
    answer = send(client, dataset, page)
    assert answer.status_code == 302
    assert state(dataset, cast.bob) == after


def test_the_words_count_by_own_code_and_by_source(dataset, faces, cast):
    text = look(cast.client("bob"), dataset, action="present").content.decode()
    assert "6 have no code of yours and would get their first" in text
    assert "on 2 you said absent" in text
    assert "on 1 you said unscorable" in text
    assert "1 stays as it is" in text
    assert "3 of them contradict the reference" in text
    told = look(cast.client("bob"), dataset, action="present").context["told"]
    counted = {one.layer.name: (one.same, one.otherwise, one.none) for one in told.layers}
    assert counted == {"reference": (1, 3, 6), "proposal": (4, 1, 5)}


def test_one_decision_for_all_and_one_undo_for_all(dataset, faces, cast):
    client = cast.client("bob")
    before = state(dataset, cast.bob)
    done = send(client, dataset, look(client, dataset, action="present", faces="0-6"), note="all smile")
    decision = Decision.objects.get()
    assert (decision.scope, decision.note, decision.faces.count()) == (DecisionScope.SELECTION, "all smile", 6)
    page = client.get(done.url)
    assert "Relabelled: 6 faces." in page.content.decode()
    undo = {"action": "undo", "undo": decision.pk, "client_id": uuid.uuid4(), "next": done.url}
    back = client.post(reverse("faces_decide", args=[dataset.pk]), undo)
    assert state(dataset, cast.bob) == before
    assert "done=" in back.url and back.url.count("done=") == 1
    assert "Redo" in client.get(back.url).content.decode()


def test_a_failure_midway_applies_none(dataset, faces, cast, monkeypatch):
    client = cast.client("bob")
    before, page = state(dataset, cast.bob), look(client, dataset, action="present")
    real, made = decisions.rows_insert, []

    def fail(model, names, rows, **more):
        if model is not Label:
            return real(model, names, rows, **more)
        real(model, names, list(rows)[:3], **more)
        made.append(state(dataset, cast.bob))
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(decisions, "rows_insert", fail)
    with pytest.raises(RuntimeError):
        send(client, dataset, page)
    assert made and made[0] != before
    assert state(dataset, cast.bob) == before
    assert not Decision.objects.exists() and not DecisionFace.objects.exists()


def test_own_codes_changed_meanwhile_answer_409_with_both_sides(dataset, faces, cast):
    client = cast.client("bob")
    page = look(client, dataset, action="present", faces="0-5")
    send(client, dataset, look(client, dataset, action="absent", faces="5"))
    answer = send(client, dataset, page)
    assert answer.status_code == 409
    text = re.sub(r"\s+", " ", answer.content.decode())
    assert '<th scope="row">No code of yours</th><td class="num">2</td><td class="num">1</td>' in text
    assert state(dataset, cast.bob) == "aapu-a----"
    again = send(client, dataset, answer)
    assert again.status_code == 302
    assert state(dataset, cast.bob) == "pppppp----"


def test_faces_that_came_into_the_scope_meanwhile_answer_409(dataset, faces, cast):
    client = cast.client("bob")
    mine = dataset.layers.get(user=cast.bob).pk
    page = look(client, dataset, action="present", where=f"{mine}:12:a")
    send(client, dataset, look(client, dataset, action="absent", faces="9"))
    assert send(client, dataset, page).status_code == 409


def test_the_same_request_twice_decides_once(dataset, faces, cast):
    client = cast.client("bob")
    page = look(client, dataset, action="present")
    send(client, dataset, page)
    assert send(client, dataset, page).status_code == 302
    assert Decision.objects.count() == 1


def test_nothing_to_change_too_many_and_nonsense_are_refused(dataset, faces, cast, monkeypatch):
    client = cast.client("bob")
    send(client, dataset, look(client, dataset, action="present"))
    page = look(client, dataset, action="present")
    assert "Nothing would change" in page.content.decode()
    assert send(client, dataset, page).status_code == 400
    monkeypatch.setattr(consequences, "RELABEL_MOST", 5)
    page = look(client, dataset, action="absent")
    assert "faces are relabelled at once" in page.content.decode()
    assert send(client, dataset, page).status_code == 400
    assert look(client, dataset, action="explode").status_code == 400
    assert Decision.objects.count() == 1


def test_unusual_pairs_are_told_before_and_need_a_yes(dataset, faces, cast):
    coded_aus_ensure(dataset=dataset, aus=[51, 52])
    client = cast.client("bob")
    send(client, dataset, look(client, dataset, au="51", action="present", faces="0-1"))
    page = look(client, dataset, au="52", action="present", faces="1-3")
    assert "On 1 of them you have AU51 present, the opposite" in page.content.decode()
    assert send(client, dataset, page).status_code == 422
    assert Decision.objects.count() == 1
    assert send(client, dataset, page, sure="1").status_code == 302
    assert Decision.objects.latest("pk").faces.count() == 3


def test_htmx_gets_parts_and_an_event_and_undoes_in_place(dataset, faces, cast):
    client = cast.client("bob")
    page = look(client, dataset, htmx=True, action="present", faces="0-6")
    assert b"<html" not in page.content
    stale = send(client, dataset, page, htmx=True, shown="0" * 32)
    assert (stale.status_code, stale.headers["HX-Retarget"]) == (409, "#consequences")
    done = send(client, dataset, page, htmx=True)
    assert done.headers["HX-Trigger"] == "facesDecided"
    assert "Undo all of it" in done.content.decode()
    undone = send(client, dataset, done, htmx=True)
    assert "6 faces are as they were" in undone.content.decode()
    assert state(dataset, cast.bob) == "aapu------"


def test_only_reviewers_and_nobody_blind(dataset, faces, cast):
    run = run_make(dataset, faces, 12, [1] * 10, [1] * 10, adopted=False)
    page = look(cast.client("bob"), dataset, action="present")
    assert look(cast.client("ana"), dataset, action="present").status_code == 403
    run.adopted_aus = [12]
    assignment = assignment_take(cluster=run.clusters.get(), user=cast.bob)
    assignment.mode = Mode.BLIND
    assignment.save()
    blind = look(cast.client("bob"), dataset, action="present")
    assert blind.status_code == 403
    assert "contradict" not in blind.content.decode()
    assert send(cast.client("bob"), dataset, page).status_code == 403
    assert state(dataset, cast.bob) == "aapu------"


def test_it_leads_back_to_pages_of_this_server_alone(dataset, faces, cast):
    client = cast.client("bob")
    page = look(client, dataset, action="present", next="https://elsewhere.example/")
    assert "elsewhere" not in page.content.decode()
    assert send(client, dataset, page, next="//elsewhere.example/").url.startswith("/datasets/")
