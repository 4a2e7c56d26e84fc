"""Two users were handed the same task (Label Studio 795).

Ours: a seat on a cluster is a row that the database lets exist once, so twenty people who press "next"
in the same moment get twenty clusters; and a double click takes one.
"""

import pytest
from django.urls import reverse

from annotator.models import Assignment
from tests.factories import faces_make, run_make
from tests.peers.conftest import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_twenty_presses_of_next_at_once_hand_out_twenty_clusters(crowd, caller):
    dataset, people = crowd(20)
    run_make(dataset, faces_make(dataset, 30), 12, list(range(1, 31)), [1] * 30)
    following = reverse("review_next", args=[dataset.pk])
    callers = [caller(user) for user in people]
    answers = together([lambda one=one: one.post(following) for one in callers])
    assert {answer.status for answer in answers} == {302}
    assert len({answer.headers["Location"] for answer in answers}) == 20
    held = Assignment.objects.filter(state="open")
    assert len(set(held.values_list("cluster", flat=True))) == held.count() == 20


def test_with_double_coding_twenty_presses_fill_ten_clusters_with_two_different_people(crowd, caller):
    dataset, people = crowd(20)
    dataset.protocols.update(coders_per_item=2)
    run_make(dataset, faces_make(dataset, 10), 12, list(range(1, 11)), [1] * 10)
    following = reverse("review_next", args=[dataset.pk])
    callers = [caller(user) for user in people]
    together([lambda one=one: one.post(following) for one in callers])
    held = list(Assignment.objects.filter(state="open").values_list("cluster", "coder"))
    assert len(held) == len(set(held)) == len({coder for _cluster, coder in held}) == 20
    assert all(sum(cluster == one for cluster, _coder in held) == 2 for one, _coder in held)


def test_a_double_click_takes_one_cluster(crowd, caller):
    dataset, (bob,) = crowd(1)
    run_make(dataset, faces_make(dataset, 8), 12, list(range(1, 9)), [1] * 8)
    following, mouse = reverse("review_next", args=[dataset.pk]), caller(bob)
    answers = together([lambda: mouse.post(following) for _click in range(6)])
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert Assignment.objects.count() == 1
