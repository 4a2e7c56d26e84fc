"""The page of one face: who sees which codes, what it saves, what stands beside it."""

import uuid

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotator.choices import FaceRole, LayerKind, Mode
from annotator.models import Clip, Decision, Label, Subject
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_take
from annotator.services.datasets import coded_aus_ensure
from tests.factories import faces_make, layer_make, run_make


@pytest.fixture
def faces(dataset):
    subject = Subject.objects.create(dataset=dataset, pseudonym="S07")
    clip = Clip.objects.create(dataset=dataset, subject=subject, name="laugh")
    frames = faces_make(dataset, 3, subject=subject, clip=clip)
    for number, face in enumerate(frames):
        face.frame = 10 + number
        face.save()
    return [*frames, *faces_make(dataset, 1, subject=subject), *faces_make(dataset, 1)]


@pytest.fixture
def layers(dataset, faces, cast):
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1, 0]] * 5, [12, 25])
    shares = np.full((5, 63), np.nan, np.float16)
    shares[:, dataset.coded_aus.get(au=12).bit] = 0.83
    weak.probabilities = array_write(dataset=dataset, purpose="probabilities", values=shares)
    weak.save()
    layer_make(dataset, LayerKind.CODER, faces, [[0]] * 5, [12], user=cast.cleo, name="coder cleo")
    return weak


def get(client, dataset, face):
    return client.get(reverse("face_detail", args=[dataset.pk, face.position]))


def decide(client, dataset, face, action, htmx=True, **fields):
    values = {"action": action, "client_id": str(uuid.uuid4()), "protocol": "1", "mode": "assisted", **fields}
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(reverse("face_decide", args=[dataset.pk, face.position]), values, headers=headers)


def columns(response):
    return [layer.name for layer in response.context["page"].layers]


def test_layers_by_role(dataset, faces, layers, cast):
    assert columns(get(cast.client("bob"), dataset, faces[0])) == ["weak"]
    assert columns(get(cast.client("ana"), dataset, faces[0])) == ["coder cleo", "weak"]


def test_a_layer_without_a_word_on_this_face_has_no_column(dataset, faces, layers, cast):
    layer_make(dataset, LayerKind.CODER, faces[1:], [[1]] * 4, [12], user=cast.dora, name="coder dora")
    assert columns(get(cast.client("ana"), dataset, faces[0])) == ["coder cleo", "weak"]
    assert columns(get(cast.client("ana"), dataset, faces[1])) == ["coder cleo", "coder dora", "weak"]


def test_who_only_set_it_apart_is_named_without_a_column(dataset, faces, layers, cast):
    decide(cast.client("dora"), dataset, faces[0], "noise")
    page = get(cast.client("ana"), dataset, faces[0])
    assert columns(page) == ["coder cleo", "weak"]
    assert [layer.user for layer in page.context["page"].noise_by] == [cast.dora]


def test_probabilities_stand_beside_the_code(dataset, faces, layers, cast):
    page = get(cast.client("bob"), dataset, faces[0])
    cell = next(row.cells[0] for row in page.context["page"].rows if row.coded.au == 12)
    assert (cell.code, round(cell.probability, 2)) == ("p", 0.83)
    assert "83%" in page.content.decode()


def test_frames_before_and_after_and_the_same_subject(dataset, faces, layers, cast):
    context = get(cast.client("bob"), dataset, faces[1]).context
    assert [frame.face.frame for frame in context["strip"].frames] == [10, 11, 12]
    assert (context["strip"].before, context["strip"].after) == (faces[0], faces[2])
    assert context["others"] == [faces[3]]


def test_a_code_for_one_au(dataset, faces, layers, cast):
    client = cast.client("bob")
    answer = decide(client, dataset, faces[0], "present:25", **{"seen-25": "0:-"})
    assert answer.status_code == 200
    label = Label.objects.get(layer__user=cast.bob)
    assert label.present == label.scored == dataset.coded_aus.get(au=25).mask
    assert Decision.objects.get().scope == "face"


def test_clear_takes_the_code_back_and_leaves_the_noise_mark(dataset, faces, layers, cast):
    client = cast.client("bob")
    decide(client, dataset, faces[0], "absent:25")
    decide(client, dataset, faces[0], "noise")
    decide(client, dataset, faces[0], "restore:25")
    label = Label.objects.get(layer__user=cast.bob)
    assert (label.scored, label.noise) == (0, True)


def test_the_noise_mark_goes_without_the_codes(dataset, faces, layers, cast):
    client = cast.client("bob")
    decide(client, dataset, faces[0], "present:25")
    decide(client, dataset, faces[0], "noise")
    decide(client, dataset, faces[0], "restore")
    label = Label.objects.get(layer__user=cast.bob)
    assert (label.scored, label.noise) == (dataset.coded_aus.get(au=25).mask, False)


def pair_made(client, dataset, face, **fields):
    """AU12 saved, and the answer to AU15 on the same face."""
    coded_aus_ensure(dataset=dataset, aus=[15])
    decide(client, dataset, face, "present:12")
    return decide(client, dataset, face, "present:15", **fields)


def own_codes(dataset, user):
    """The AUs that the user has present."""
    label = Label.objects.get(layer__user=user)
    return [coded.au for coded in dataset.coded_aus.all() if label.present & coded.mask]


def test_rare_pairs_are_asked_about_and_saved_when_sure(dataset, faces, layers, cast):
    answer = pair_made(cast.client("bob"), dataset, faces[0])
    assert (answer.status_code, answer["X-Decision"]) == (422, "asked")
    assert answer.content.decode().startswith("AU12 with AU15 is rare")
    assert own_codes(dataset, cast.bob) == [12]
    assert decide(cast.client("bob"), dataset, faces[0], "present:15", sure="1").status_code == 200
    assert own_codes(dataset, cast.bob) == [12, 15]


def test_without_script_the_question_is_a_page_that_sends_the_form_again(dataset, faces, layers, cast):
    client = cast.client("bob")
    page = pair_made(client, dataset, faces[0], htmx=False, note="a real grimace")
    assert page.status_code == 422
    kept = dict(page.context["kept"]) | {"sure": "1"}
    answer = client.post(reverse("face_decide", args=[dataset.pk, faces[0].position]), kept)
    assert answer.status_code == 302
    assert own_codes(dataset, cast.bob) == [12, 15]
    assert Decision.objects.latest("pk").note == "a real grimace"


def test_a_stale_tab_sees_both_sides(dataset, faces, layers, cast):
    client = cast.client("bob")
    decide(client, dataset, faces[0], "present:12")
    answer = decide(client, dataset, faces[0], "absent:12", **{"seen-12": "0:-"})
    assert answer.status_code == 409
    assert "not coded" in answer.content.decode()


def test_history_is_ones_own_for_coders_and_all_for_analysts(dataset, faces, layers, cast):
    decide(cast.client("bob"), dataset, faces[0], "present:12")
    decide(cast.client("cleo"), dataset, faces[0], "absent:12")
    assert len(get(cast.client("bob"), dataset, faces[0]).context["page"].history.lines) == 1
    assert len(get(cast.client("ana"), dataset, faces[0]).context["page"].history.lines) == 2


def test_undo_on_a_still_is_about_single_face_decisions_on_it(dataset, faces, layers, cast):
    client = cast.client("bob")
    decide(client, dataset, faces[3], "present:12")
    assert get(client, dataset, faces[4]).context["undoable"] is None
    made = get(client, dataset, faces[3]).context["undoable"]
    decide(client, dataset, faces[3], "undo", undo=made.pk)
    assert Label.objects.get(layer__user=cast.bob).scored == 0


def test_undo_in_a_clip_is_about_all_its_frames_and_names_the_other(dataset, faces, layers, cast):
    client = cast.client("bob")
    decide(client, dataset, faces[1], "present:12")
    made = get(client, dataset, faces[0]).context["undoable"]
    answer = decide(client, dataset, faces[0], "undo", undo=made.pk)
    assert answer.context["words"].startswith("Frame 11:")
    assert Label.objects.get(layer__user=cast.bob).scored == 0
    assert get(client, dataset, faces[3]).context["undoable"] is None


def test_the_role_is_told_to_admins_only(dataset, faces, layers, cast):
    faces[0].role = FaceRole.TEST
    faces[0].save()
    assert "Reference for" in get(cast.client("alice"), dataset, faces[0]).content.decode()
    assert "Reference for" not in get(cast.client("alice"), dataset, faces[1]).content.decode()
    for name in ("bob", "dora", "ana"):
        assert "Reference for" not in get(cast.client(name), dataset, faces[0]).content.decode()


def test_analysts_look_but_do_not_decide(dataset, faces, layers, cast):
    client = cast.client("ana")
    assert "face-form" not in get(client, dataset, faces[0]).content.decode()
    assert decide(client, dataset, faces[0], "present:12").status_code == 403


def test_strangers_learn_nothing(dataset, faces, layers, cast):
    client = cast.client("charlie")
    assert get(client, dataset, faces[0]).status_code == 404
    assert decide(client, dataset, faces[0], "present:12").status_code == 404


def test_blind_only_ones_own_codes_are_shown(dataset, faces, layers, cast):
    run = run_make(dataset, faces, 12, [1] * 5, [1] * 5, weak_layer=layers)
    assignment_take(cluster=run.clusters.get(), user=cast.bob, mode=Mode.BLIND)
    client = cast.client("bob")
    page = get(client, dataset, faces[0])
    assert columns(page) == []
    text = page.content.decode()
    assert [secret for secret in ("83%", "face-0.png", "badge weak", "badge proposal") if secret in text] == []
    assert decide(client, dataset, faces[0], "present:12").status_code == 409
    assert decide(client, dataset, faces[0], "accept:12", mode="blind").status_code == 403
    assert decide(client, dataset, faces[0], "present:12", mode="blind").status_code == 200


def test_the_number_of_queries_does_not_grow_with_the_frames(dataset, faces, layers, cast):
    client = cast.client("bob")

    def queries():
        with CaptureQueriesContext(connection) as captured:
            get(client, dataset, faces[1])
        return len(captured)

    get(client, dataset, faces[1])
    few = queries()
    subject, clip = faces[0].subject, faces[0].clip
    faces_make(dataset, 8, subject=subject)
    for face in faces_make(dataset, 6, subject=subject, clip=clip):
        face.frame = 20 + face.position
        face.save()
    assert queries() == few
