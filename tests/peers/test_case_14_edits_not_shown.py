"""Edits were intermittently not shown (Label Studio 1790).

Ours: each answer is read back from the database after the writing, and the page shows the answer, not
what it hoped for.
"""

import uuid

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse

from annotator.choices import LayerKind
from annotator.models import Label
from annotator.services.assignments import assignment_next
from annotator.services.datasets import dataset_create
from tests.factories import faces_make, layer_make, run_make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bob(transactional_db):
    return User.objects.create_user("bob", password="x")


@pytest.fixture
def cluster(bob):
    """Six faces, every other proposed absent."""
    dataset = dataset_create(name="Smiles", user=bob, aus=[12])
    faces = faces_make(dataset, 6, pictures=True)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 6, [12])
    run = run_make(dataset, faces, 12, [1] * 6, [1, 0] * 3, weak_layer=weak)
    assignment_next(dataset, bob)
    return run.clusters.get()


@pytest.fixture
def contrary(transactional_db):
    """A database that stores the face at position 2 as unscorable, whatever it is told."""
    make = {
        "sqlite": [
            "CREATE TRIGGER contrary AFTER INSERT ON annotator_label WHEN NEW.unscorable = 0 AND NEW.face_id IN "
            "(SELECT id FROM annotator_face WHERE position = 2) BEGIN UPDATE annotator_label "
            "SET unscorable = NEW.scored, scored = 0, present = 0 WHERE id = NEW.id; END"
        ],
        "postgresql": [
            "CREATE FUNCTION contrary() RETURNS trigger AS $$ BEGIN IF NEW.face_id IN (SELECT id FROM annotator_face "
            "WHERE position = 2) THEN NEW.unscorable := NEW.scored; NEW.scored := 0; NEW.present := 0; END IF; "
            "RETURN NEW; END $$ LANGUAGE plpgsql",
            "CREATE TRIGGER contrary BEFORE INSERT ON annotator_label FOR EACH ROW EXECUTE FUNCTION contrary()",
        ],
    }[connection.vendor]

    def begin():
        with connection.cursor() as cursor:
            for statement in make:
                cursor.execute(statement)

    yield begin
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER contrary" + (" ON annotator_label" if connection.vendor != "sqlite" else ""))
        if connection.vendor != "sqlite":
            cursor.execute("DROP FUNCTION contrary")


def test_an_answer_is_what_the_database_holds_and_not_what_was_asked(client, bob, cluster, contrary):
    contrary()
    client.force_login(bob)
    address = reverse("cluster_decide", args=[cluster.run.dataset_id, cluster.pk])
    values = {"client_id": uuid.uuid4(), "action": "present", "face": "1 2 3", "protocol": 1}
    answer = client.post(address, values, headers={"HX-Request": "true"}).content.decode()
    faces = {}
    for part in answer.split("<template")[1:]:
        state, positions = (part.split(f'{name}="')[1].split('"')[0] for name in ("data-state", "data-faces"))
        faces |= dict.fromkeys(positions.split(), state)
    assert faces == {"1": "relabelled", "2": "unscorable", "3": "relabelled"}


@pytest.mark.browser
def test_the_page_shows_the_answer_and_not_what_it_hoped_for(page_of, bob, cluster, contrary):
    page = page_of(bob)
    page.goto(reverse("cluster_detail", args=[cluster.run.dataset_id, cluster.pk]))
    page.wait_for_selector(".tile .shot:focus")
    contrary()
    page.keyboard.press("*")
    page.keyboard.press("+")
    page.wait_for_selector("#face-2[data-state=unscorable]")
    page.wait_for_selector("#face-0[data-state=confirmed]")
    page.wait_for_selector("#face-1[data-state=relabelled]")
    page.reload()
    page.wait_for_selector("#face-2[data-state=unscorable]")
    page.wait_for_selector("#face-1[data-state=relabelled]")


@pytest.mark.browser
def test_undone_in_another_window_it_is_shown_after_the_next_answer(page_of, bob, cluster):
    page = page_of(bob)
    address = reverse("cluster_detail", args=[cluster.run.dataset_id, cluster.pk])
    page.goto(address)
    page.wait_for_selector(".tile .shot:focus")
    page.keyboard.press("u")
    page.wait_for_selector("#face-1[data-state=unscorable]")
    other = page.context.new_page()
    other.goto(address)
    other.wait_for_selector("#face-1[data-state=unscorable]")
    other.keyboard.press("z")
    other.wait_for_selector("#face-1:not([data-state=unscorable])")
    page.keyboard.press("1")
    page.wait_for_selector("#messages >> text=changed since this page was shown")
    page.wait_for_selector("#face-1:not([data-state=unscorable])")
    assert not Label.objects.filter(layer__user=bob).exclude(scored=0).exists()
