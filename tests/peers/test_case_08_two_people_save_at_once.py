"""Two people saved at once and one of them got an error 400 (CVAT 190, 191).

Ours: each coder's codes are a layer of their own, so both decisions are kept; one coder in two windows
gets 409 with both versions for the later one, and nothing of it is written half-way.
"""

import uuid

import pytest
from django.urls import reverse

from annotator.models import Decision, Label
from annotator.services.assignments import assignment_next
from tests.factories import faces_make, run_make
from tests.peers.conftest import together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pair(crowd):
    """Two coders who both hold the one cluster of twelve faces, and it."""
    dataset, people = crowd(2)
    dataset.protocols.update(coders_per_item=2)
    run = run_make(dataset, faces_make(dataset, 12), 12, [1] * 12, [1] * 12)
    for user in people:
        assignment_next(dataset, user)
    return people, run.clusters.get()


def form(action, code="-", **more):
    seen = " ".join(f"{position}:{code}" for position in range(12))
    faces = " ".join(map(str, range(12)))
    return {"client_id": uuid.uuid4(), "action": action, "face": faces, "seen": seen, "protocol": 1, **more}


def test_two_coders_who_save_in_the_same_moment_both_keep_what_they_said(pair, caller):
    people, cluster = pair
    address = reverse("cluster_decide", args=[cluster.run.dataset_id, cluster.pk])
    said = dict(zip(people, ("present", "absent"), strict=True))
    callers = [(caller(user), action) for user, action in said.items()]
    answers = together([lambda one=one, action=action: one.post(address, **form(action)) for one, action in callers])
    assert [answer.status for answer in answers] == [200, 200]
    for user, action in said.items():
        codes = Label.objects.filter(layer__user=user).values_list("present", "scored")
        assert len(codes) == 12
        assert all((present == scored) is (action == "present") for present, scored in codes)


def test_one_coder_in_eight_windows_is_told_of_both_versions_and_one_is_kept_whole(pair, caller):
    (bob, _cleo), cluster = pair
    address = reverse("cluster_decide", args=[cluster.run.dataset_id, cluster.pk])
    window = caller(bob)
    actions = ["present", "absent", "unscorable", "present"] * 2
    answers = together([lambda action=action: window.post(address, **form(action)) for action in actions])
    late = [answer for answer in answers if answer.status == 409]
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    decision = Decision.objects.get()
    words = {"present": "present", "absent": "absent", "unscorable": "unscorable"}
    kept = words[actions[[answer.status for answer in answers].index(200)]]
    for answer in late:
        assert answer.headers["X-Decision"] == "refused"
        assert "not coded" in answer.body
        assert kept in answer.body
    assert decision.faces.count() == 12
    assert len(set(Label.objects.filter(layer__user=bob).values_list("present", "scored", "unscorable"))) == 1


def test_what_was_refused_can_be_said_again_with_the_state_that_the_answer_brought(pair, caller):
    (bob, _cleo), cluster = pair
    address = reverse("cluster_decide", args=[cluster.run.dataset_id, cluster.pk])
    window = caller(bob)
    window.post(address, **form("present"))
    assert window.post(address, **form("absent")).status == 409
    assert window.post(address, **form("absent", code="p")).status == 200
    assert set(Label.objects.filter(layer__user=bob).values_list("present", flat=True)) == {0}


def test_one_request_sent_eight_times_at_once_is_one_decision(pair, caller):
    (bob, _cleo), cluster = pair
    address = reverse("cluster_decide", args=[cluster.run.dataset_id, cluster.pk])
    window, asked = caller(bob), form("present")
    answers = together([lambda: window.post(address, **asked) for _time in range(8)])
    assert {answer.status for answer in answers} == {200}
    assert {answer.headers["X-Decision"] for answer in answers} == {str(Decision.objects.get().pk)}
