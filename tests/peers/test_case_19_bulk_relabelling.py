"""Labelling thousands from a grid was asked for again and again (Label Studio 512, 1239, 1667, 8472).

Ours: 5,000 faces are one decision in one transaction. When the database fails on one of them midway,
none is written; two such decisions at once never mix.
"""

import uuid

import pytest
from django.db import connection
from django.urls import reverse

from annotator.models import Decision, DecisionFace, Label
from annotator.services.assignments import assignment_next
from tests.factories import faces_make, run_make
from tests.peers.conftest import together

pytestmark = pytest.mark.django_db(transaction=True)
FACES = 5_000


@pytest.fixture
def large(crowd):
    """Bob, and a cluster of 5,000 faces that he holds."""
    dataset, (bob,) = crowd(1)
    run = run_make(dataset, faces_make(dataset, FACES), 12, [1] * FACES, [1] * FACES)
    assignment_next(dataset, bob)
    return bob, run.clusters.get()


@pytest.fixture
def fault(large):
    """The database refuses the label of the face at position 3,333, and lets all others in."""
    _bob, cluster = large
    face = cluster.run.dataset.faces.get(position=3_333).pk
    postgres = connection.vendor == "postgresql"
    statements = (
        [
            "CREATE FUNCTION fault() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$ "
            "LANGUAGE plpgsql",
            f"CREATE TRIGGER fault BEFORE INSERT ON annotator_label FOR EACH ROW WHEN (NEW.face_id = {face}) "
            "EXECUTE FUNCTION fault()",
        ]
        if postgres
        else [
            f"CREATE TRIGGER fault BEFORE INSERT ON annotator_label WHEN NEW.face_id = {face} "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        ]
    )
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER fault" + (" ON annotator_label" if postgres else ""))
        if postgres:
            cursor.execute("DROP FUNCTION fault")


def form(action, code="-"):
    positions = range(FACES)
    seen = " ".join(f"{position}:{code}" for position in positions)
    faces = " ".join(map(str, positions))
    return {"client_id": uuid.uuid4(), "action": action, "face": faces, "seen": seen, "protocol": 1}


def decide_address(cluster):
    return reverse("cluster_decide", args=[cluster.run.dataset_id, cluster.pk])


def test_five_thousand_faces_are_one_decision_and_one_undo(large, caller):
    bob, cluster = large
    window, address = caller(bob), decide_address(cluster)
    made = window.post(address, **form("absent"))
    assert made.status == 200
    assert Label.objects.filter(layer__user=bob, present=0).exclude(scored=0).count() == FACES
    undone = window.post(address, client_id=uuid.uuid4(), action="undo", undo=made.headers["X-Decision"])
    assert undone.status == 200
    assert not Label.objects.filter(layer__user=bob).exclude(scored=0).exists()
    assert Decision.objects.count() == 2


def test_a_failure_midway_applies_none_of_it(large, fault, caller):
    bob, cluster = large
    revision = cluster.run.dataset.revision
    answer = caller(bob).post(decide_address(cluster), **form("absent"))
    assert answer.status == 500
    assert not Label.objects.filter(layer__user=bob).exists()
    assert not Decision.objects.exists()
    assert not DecisionFace.objects.exists()
    cluster.run.dataset.refresh_from_db()
    assert cluster.run.dataset.revision == revision


def test_two_bulk_decisions_at_once_leave_one_whole_and_refuse_the_other(large, caller):
    bob, cluster = large
    window, address = caller(bob), decide_address(cluster)
    answers = together(
        [lambda action=action: window.post(address, **form(action)) for action in ("present", "absent", "unscorable")]
    )
    assert sorted(answer.status for answer in answers) == [200, 409, 409]
    states = Label.objects.filter(layer__user=bob).values_list("present", "scored", "unscorable")
    assert states.count() == FACES
    assert len(set(states)) == 1
