"""“All done” was shown while tasks were locked by others who had left (Label Studio 4190).

Ours: a lease runs out, the cluster goes to whoever asks next, and pages name who holds it, and who held it.
"""

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotator.models import Assignment, Decision
from annotator.services.assignments import assignment_next
from tests.factories import faces_make, run_make
from tests.peers.conftest import together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def one(crowd):
    """Two coders and one cluster, which the first of them holds."""
    dataset, (bob, cleo) = crowd(2)
    run = run_make(dataset, faces_make(dataset, 4), 12, [1] * 4, [1] * 4)
    assignment_next(dataset, bob)
    return dataset, run.clusters.get(), bob, cleo


def lunch():
    """Everybody's time ran out a minute ago."""
    Assignment.objects.filter(state="open").update(lease_until=timezone.now() - timedelta(minutes=1))


def decide(who, cluster, position):
    address = reverse("cluster_decide", args=[cluster.run.dataset_id, cluster.pk])
    return who.post(address, client_id=uuid.uuid4(), action="present", face=position, protocol=1)


def test_nothing_free_is_not_all_done_and_the_holder_is_named(one, caller):
    dataset, _cluster, _bob, cleo = one
    coder = caller(cleo)
    assert coder.post(reverse("review_next", args=[dataset.pk])).headers["Location"].endswith("/review/")
    queue = coder.get(reverse("review_queue", args=[dataset.pk])).body
    assert "coder0" in queue
    assert "Everything is reviewed" not in queue


def test_a_lease_that_ran_out_frees_the_cluster_and_the_page_says_whose_it_was(one, caller):
    _dataset, cluster, _bob, cleo = one
    page = reverse("cluster_detail", args=[cluster.run.dataset_id, cluster.pk])
    assert "coder0 holds this cluster until" in caller(cleo).get(page).body
    lunch()
    shown = caller(cleo).get(page).body
    assert "coder0 held this cluster until" in shown
    assert "Take this cluster" in shown
    took = caller(cleo).post(reverse("cluster_take", args=[cluster.run.dataset_id, cluster.pk]))
    assert took.status == 302
    assert Assignment.objects.get(state="open").coder == cleo


def test_back_from_lunch_one_is_told_who_has_it_now_and_nothing_is_written(one, caller):
    dataset, cluster, bob, cleo = one
    assert decide(caller(bob), cluster, 0).status == 200
    lunch()
    caller(cleo).post(reverse("review_next", args=[dataset.pk]))
    late = decide(caller(bob), cluster, 1)
    assert late.status == 409
    assert "coder1 holds it until" in late.body
    assert Decision.objects.count() == 1
    shown = caller(bob).get(reverse("cluster_detail", args=[dataset.pk, cluster.pk])).body
    assert "coder0 held this cluster until" in shown
    assert "coder1 holds this cluster until" in shown


def test_back_from_lunch_one_goes_on_where_nobody_took_over(one, caller):
    _dataset, cluster, bob, _cleo = one
    lunch()
    assert decide(caller(bob), cluster, 1).status == 200


def test_of_many_who_ask_for_what_ran_out_one_gets_it(crowd, caller):
    dataset, (bob, *others) = crowd(9)
    run_make(dataset, faces_make(dataset, 4), 12, [1] * 4, [1] * 4)
    assignment_next(dataset, bob)
    lunch()
    following = reverse("review_next", args=[dataset.pk])
    callers = [caller(user) for user in others]
    answers = together([lambda one=one: one.post(following) for one in callers])
    assert sum("/clusters/" in answer.headers["Location"] for answer in answers) == 1
    assert Assignment.objects.get(state="open").coder in others
