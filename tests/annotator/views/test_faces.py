"""The page of one face: who sees which codes, what it saves, what stands beside it."""

import html
import re
import uuid

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from annotator.choices import FaceRole, Intensity, LayerKind, Mode
from annotator.masks import intensities_pack
from annotator.models import Clip, Decision, Event, Label, Subject
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_take
from annotator.services.datasets import coded_aus_ensure, protocol_change
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


def test_without_script_a_decision_leads_back_to_the_face_among_the_same_faces(dataset, faces, layers, cast):
    client = cast.client("bob")
    here = reverse("face_detail", args=[dataset.pk, faces[0].position]) + "?au=12&state=weak_present"
    asked = re.search(r'name="next" value="([^"]+)"', client.get(here).content.decode())
    assert html.unescape(asked[1]) == here
    assert decide(client, dataset, faces[0], "present:12", htmx=False, next=here)["Location"] == here
    elsewhere = decide(client, dataset, faces[0], "absent:12", htmx=False, next="https://example.org/")
    assert elsewhere["Location"] == here.partition("?")[0]


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


# Intensities, reasons, events, the neutral face, history


def sided(dataset, cast):
    protocol_change(dataset=dataset, user=cast.alice, coding="intensity", laterality="sides")
    return {"protocol": "2"}


def own_row(response, au=12):
    return next(row for row in response.context["page"].rows if row.coded.au == au)


def test_grades_for_each_side_and_presence_by_the_threshold(dataset, faces, layers, cast):
    client, fields = cast.client("bob"), sided(dataset, cast)
    decide(client, dataset, faces[0], "grade-3:12", side="left", **fields)
    answer = decide(client, dataset, faces[0], "grade-1:12", side="right", **fields)
    row = own_row(answer)
    assert (row.own, row.left, row.right, row.grade) == ("p", 3, 1, "L C · R A")
    assert "L C · R A" in answer.content.decode()


def test_one_is_present_without_a_grade_and_nought_is_none(dataset, faces, layers, cast):
    client, fields = cast.client("bob"), sided(dataset, cast)
    row = own_row(decide(client, dataset, faces[0], "present:12", **fields))
    assert (row.own, row.left, row.right) == ("p", Intensity.UNGRADED, Intensity.UNGRADED)
    row = own_row(decide(client, dataset, faces[0], "absent:12", side="right", **fields))
    assert (row.own, row.left, row.right) == ("p", Intensity.UNGRADED, Intensity.NONE)


@pytest.mark.parametrize(("action", "side"), [("grade-3:12", "both"), ("present:12", "left")])
def test_a_grade_or_side_that_the_protocol_does_not_know_is_refused(dataset, faces, layers, cast, action, side):
    answer = decide(cast.client("bob"), dataset, faces[0], action, side=side)
    assert answer.status_code == 400
    assert "The protocol" in answer.content.decode()
    assert not Decision.objects.exists()


@pytest.mark.parametrize("action", ["grade-9:12", "grade-x:12", "present:1e3", "event-save:x", "onset:"])
def test_what_no_page_of_ours_would_send_is_refused(dataset, faces, layers, cast, action):
    fields = sided(dataset, cast)
    assert decide(cast.client("bob"), dataset, faces[0], action, **fields).status_code == 400


def test_a_stale_grade_is_a_conflict(dataset, faces, layers, cast):
    client, fields = cast.client("bob"), sided(dataset, cast)
    decide(client, dataset, faces[0], "grade-3:12", **fields)
    shown = {"seen-12": "0:p", "sides-12": "2.2"}
    answer = decide(client, dataset, faces[0], "grade-4:12", **fields, **shown)
    assert answer.status_code == 409
    assert "present B" in answer.content.decode()


def test_other_layers_show_their_grades(dataset, faces, layers, cast):
    bit = dataset.coded_aus.get(au=12).bit
    layers.labels.update(intensities=intensities_pack({bit: (4, 2)}))
    assert "L D · R B" in get(cast.client("bob"), dataset, faces[0]).content.decode()


def test_the_proposal_shows_the_probability_of_its_run(dataset, faces, layers, cast):
    run_make(dataset, faces, 12, [1] * 5, [1] * 5, weak_layer=layers)
    page = get(cast.client("bob"), dataset, faces[0]).context["page"]
    place = [layer.kind for layer in page.layers].index("proposal")
    cell = next(row.cells[place] for row in page.rows if row.coded.au == 12)
    assert cell.probability == pytest.approx(0.9, abs=0.01)


def test_the_history_tells_the_change_and_the_reason(dataset, faces, layers, cast):
    client = cast.client("bob")
    decide(client, dataset, faces[0], "present:12")
    answer = decide(client, dataset, faces[0], "unscorable:12", hidden="72")
    text = answer.content.decode()
    assert "72 Lower face not visible" in text
    assert answer.context["page"].history.lines[0].changes == [(12, "present → unscorable")]


def test_the_whole_history_is_there_page_by_page(dataset, faces, layers, cast):
    client = cast.client("bob")
    for number in range(22):
        decide(client, dataset, faces[3], "present:12" if number % 2 else "absent:12")
    first = get(client, dataset, faces[3]).context["page"].history
    assert (len(first.lines), first.page.paginator.count) == (20, 22)
    address = reverse("face_panel", args=[dataset.pk, faces[3].position])
    last = client.get(address + "?history=2").context["page"].history
    assert len(last.lines) == 2
    assert last.lines[-1].changes == [(12, "not coded → absent")]


def test_marks_and_edits_of_events_by_forms(dataset, faces, layers, cast):
    client = cast.client("bob")
    for face, point in zip(faces, ("onset", "apex", "offset"), strict=False):
        assert decide(client, dataset, face, f"{point}:12", htmx=False).status_code == 302
    event = Event.objects.get()
    assert (event.onset, event.apex, event.offset) == (10, 11, 12)
    fields = {f"event-{event.pk}-{name}": value for name, value in (("onset", "10"), ("apex", ""), ("offset", "11"))}
    fields[f"event-{event.pk}-seen"] = "10,11,12,,both"
    answer = decide(client, dataset, faces[0], f"event-save:{event.pk}", **fields)
    assert answer.status_code == 200
    event.refresh_from_db()
    assert (event.apex, event.offset) == (None, 11)
    assert decide(client, dataset, faces[0], f"event-delete:{event.pk}", **fields).status_code == 409
    assert decide(client, dataset, faces[0], f"event-delete:{event.pk}").status_code == 200
    assert not Event.objects.exists()


def test_the_au_of_a_mark_may_come_from_its_field(dataset, faces, layers, cast):
    decide(cast.client("bob"), dataset, faces[0], "onset", about="25")
    assert Event.objects.get().au == 25


def test_a_frame_that_is_no_number_is_quoted(dataset, faces, layers, cast):
    client = cast.client("bob")
    decide(client, dataset, faces[0], "onset:12")
    event = Event.objects.get()
    answer = decide(client, dataset, faces[0], f"event-save:{event.pk}", **{f"event-{event.pk}-onset": "ten"})
    assert answer.status_code == 400
    assert "not “ten”" in answer.content.decode()


def test_events_of_visible_layers_only(dataset, faces, layers, cast):
    clip = faces[0].clip
    cleo = dataset.layers.get(user=cast.cleo)
    for layer in (layers, cleo):
        Event.objects.create(layer=layer, clip=clip, au=12, onset=10, apex=11, offset=12)
    shown = {name: get(cast.client(name), dataset, faces[0]).context["page"].lanes for name in ("bob", "ana", "cleo")}
    assert [lane.layer.name for lane in shown["bob"]] == ["weak"]
    assert [lane.layer.name for lane in shown["cleo"]] == ["coder cleo", "weak"]
    assert {lane.layer.name for lane in shown["ana"]} == {"coder cleo", "weak"}
    assert not any(lane.own for lane in shown["ana"])


def test_blind_neither_events_of_others_nor_a_neutral_face_by_codes(dataset, faces, layers, cast):
    Event.objects.create(layer=layers, clip=faces[0].clip, au=12, onset=10, apex=11, offset=12)
    run = run_make(dataset, faces, 12, [1] * 5, [1] * 5, weak_layer=layers)
    assert get(cast.client("bob"), dataset, faces[0]).context["neutral"] is not None
    assignment_take(cluster=run.clusters.get(), user=cast.bob, mode=Mode.BLIND)
    page = get(cast.client("bob"), dataset, faces[0])
    assert page.context["neutral"] is None
    assert page.context["page"].lanes == []
    panel = cast.client("bob").get(reverse("face_panel", args=[dataset.pk, 0])).content.decode()
    assert [
        secret for secret in ("83%", "face-0.png", "badge weak", "badge proposal", "apex 11") if secret in panel
    ] == []


def test_the_neutral_face_is_chosen_and_shown_on_the_subjects_pages(dataset, faces, layers, cast):
    client = cast.client("bob")
    address = reverse("face_neutral", args=[dataset.pk, faces[3].position])
    assert client.post(address, {"shown": "0"})["Location"] == reverse("face_detail", args=[dataset.pk, 0])
    assert get(cast.client("cleo"), dataset, faces[0]).context["neutral"].face == faces[3]
    client.post(address, {"chosen": "0"})
    assert get(client, dataset, faces[0]).context["neutral"].chosen is False
    assert cast.client("ana").post(address).status_code == 403


def test_a_frame_is_reached_by_its_number(dataset, faces, layers, cast):
    address = reverse("clip_frame", args=[dataset.pk, faces[0].clip_id])
    answer = cast.client("ana").get(address + "?frame=12")
    assert answer["Location"] == reverse("face_detail", args=[dataset.pk, faces[2].position])
    assert cast.client("charlie").get(address + "?frame=12").status_code == 404


def test_a_position_beyond_every_integer_is_not_found(dataset, faces, layers, cast):
    address = reverse("face_detail", args=[dataset.pk, 2**63])
    assert cast.client("bob").get(address).status_code == 404
