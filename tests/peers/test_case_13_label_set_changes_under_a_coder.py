"""A label set was changed while a coder worked with it, and the work was in pieces (CVAT 7099).

Ours: a decision made on the old page is refused in words that say what changed, and nothing of it is
written; codes of an AU taken off the list are kept, and are there again when it comes back.
"""

import uuid

import pytest
from django.urls import reverse

from annotator.models import Decision, Label
from annotator.services.assignments import assignment_next
from annotator.services.datasets import coded_au_hide, coded_aus_ensure, protocol_change
from tests.factories import faces_make, run_make
from tests.peers.conftest import together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def work(crowd):
    """Bob, in a cluster of AU12 with six faces; and the admin."""
    dataset, (bob,) = crowd(1)
    run = run_make(dataset, faces_make(dataset, 6), 12, [1] * 6, [1] * 6)
    assignment_next(dataset, bob)
    return dataset, bob, run.clusters.get()


def decide(who, cluster, faces="0 1", **more):
    address = reverse("cluster_decide", args=[cluster.run.dataset_id, cluster.pk])
    return who.post(address, client_id=uuid.uuid4(), action="present", face=faces, protocol=1, **more)


def test_a_changed_protocol_is_told_in_words_and_nothing_is_lost(work, caller):
    dataset, bob, cluster = work
    assert decide(caller(bob), cluster).status == 200
    protocol_change(dataset=dataset, user=dataset.created_by, present_from=3)
    late = decide(caller(bob), cluster, "2 3")
    assert late.status == 409
    assert "this page was made under version 1, now version 2 holds" in late.body
    assert Label.objects.filter(layer__user=bob).count() == 2


def test_an_au_taken_off_the_list_refuses_and_keeps_what_was_coded(work, caller):
    dataset, bob, cluster = work
    assert decide(caller(bob), cluster).status == 200
    coded_au_hide(dataset=dataset, au=12, user=dataset.created_by)
    face = reverse("face_decide", args=[dataset.pk, 2])
    late = caller(bob).post(face, client_id=uuid.uuid4(), action="present:12", protocol=1)
    assert late.status == 409
    assert "AU12 was taken off the AU list meanwhile" in late.body
    assert "kept" in late.body
    coded_aus_ensure(dataset=dataset, aus=[12])
    mask = dataset.coded_aus.get(au=12).mask
    assert set(Label.objects.filter(layer__user=bob).values_list("present", flat=True)) == {mask}


def test_changed_in_the_same_moment_a_decision_is_whole_under_one_version_or_refused(work, caller):
    dataset, bob, cluster = work
    window, admin = caller(bob), dataset.created_by
    saves = [lambda face=face: decide(window, cluster, str(face)) for face in range(5)]
    change = [lambda: protocol_change(dataset=dataset, user=admin, present_from=4)]
    *answers, _version = together([*saves, *change])
    assert {answer.status for answer in answers} <= {200, 409}
    saved = sum(answer.status == 200 for answer in answers)
    assert Label.objects.filter(layer__user=bob).count() == saved
    assert list(Decision.objects.values_list("protocol_version", flat=True)) == [1] * saved
