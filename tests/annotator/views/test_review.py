"""The review queue and the cluster page: what they show, save, refuse, and keep from blind eyes."""

import re
import uuid

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from annotator.choices import AssignmentState, LayerKind, Mode
from annotator.models import Assignment, Decision, Face, Label
from annotator.selectors.codes import layer_codes
from annotator.selectors.review import coder_layer, state_tokens
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_finish, assignment_next, assignment_take
from annotator.services.datasets import protocol_change
from tests.factories import faces_make, layer_make, run_make

HTMX = {"HX-Request": "true"}
WEAK = [1, 0, 1, -1, 1, 1]
PROPOSED = [1, 1, 1, 1, 0, 1]


@pytest.fixture
def run(dataset):
    """Cluster 1 of five faces (weak: one differs on face 1, on face 4; none on face 3), group 0 of one."""
    faces = faces_make(dataset, 6)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[code] for code in WEAK], [12])
    return run_make(dataset, faces, 12, [1, 1, 1, 1, 1, 0], PROPOSED, weak_layer=weak)


@pytest.fixture
def cluster(run):
    return run.clusters.get(number=1)


@pytest.fixture
def bob(cast):
    return cast.client("bob")


def url(name, dataset, *args):
    return reverse(name, args=[dataset.pk, *args])


def decide(client, dataset, cluster, action, faces=(), seen=(), htmx=True, **fields):
    values = {
        "action": action,
        "client_id": str(uuid.uuid4()),
        "face": [str(face) for face in faces],
        "seen": list(seen),
        "protocol": "1",
        "page": "1",
        **fields,
    }
    headers = HTMX if htmx else {}
    return client.post(url("cluster_decide", dataset, cluster.pk), values, headers=headers)


def own(user):
    """The user's codes of AU12 by position: True, False, or u."""
    bit = 1 << Face.objects.first().dataset.coded_aus.get(au=12).bit
    return {
        label.face.position: "u" if label.unscorable & bit else bool(label.present & bit)
        for label in Label.objects.filter(layer__user=user).select_related("face")
        if (label.scored | label.unscorable) & bit
    }


def test_start_reviewing_leads_to_the_cluster(dataset, cluster, bob, cast):
    page = bob.get(url("review_queue", dataset))
    assert "Start reviewing" in page.content.decode()
    answer = bob.post(url("review_next", dataset))
    assert answer.url == url("cluster_detail", dataset, cluster.pk)
    assert Assignment.objects.get().coder == cast.bob


def test_the_queue_without_a_run_says_what_is_missing(dataset, bob):
    assert "Nothing to review yet" in bob.get(url("review_queue", dataset)).content.decode()


def test_next_finishes_and_says_when_nothing_is_left(dataset, cluster, bob, cast):
    assignment = assignment_next(dataset, cast.bob)
    answer = bob.post(url("review_next", dataset), {"assignment": assignment.pk}, follow=True)
    assert answer.redirect_chain[-1][0] == url("review_queue", dataset)
    assert "Every cluster is done" in answer.content.decode()
    assignment.refresh_from_db()
    assert assignment.state == AssignmentState.DONE


def test_the_queue_says_who_holds_what_when_nothing_is_free(dataset, cluster, bob, cast):
    held = assignment_next(dataset, cast.cleo)
    page = bob.get(url("review_queue", dataset)).content.decode()
    assert "Everything that is left is with somebody now" in page
    assert "cleo" in page
    assert f"{held.lease_until:%H:%M}" in page


def test_moments_are_marked_for_the_readers_zone(dataset, cluster, bob, cast):
    held = assignment_next(dataset, cast.cleo)
    marked = f'<time datetime="{held.lease_until:%Y-%m-%dT%H:%M:%S}'
    assert marked in bob.get(url("review_queue", dataset)).content.decode()
    assert marked in bob.get(url("cluster_detail", dataset, cluster.pk)).content.decode()
    text = cast.client("cleo").get(url("cluster_detail", dataset, cluster.pk)).content.decode()
    assert marked in text
    assert f"{held.lease_until:%H:%M} UTC</time>" in text


@pytest.fixture
def lips(dataset, run):
    """A second adopted run: AU25, clusters 4 and 5 of three faces each."""
    lips = run_make(dataset, list(dataset.faces.all()), 25, [4, 4, 4, 5, 5, 5], [1] * 6, adopted=False)
    lips.adopted_at, lips.adopted_aus = timezone.now(), [25]
    lips.save()
    return lips


def test_reviewing_one_au_from_the_queue_to_its_end(dataset, cluster, lips, bob):
    """Without script: the row's button, the next form with what the page put into it, until none is left."""
    assert "Review AU12" in bob.get(url("review_queue", dataset)).content.decode()
    answer = bob.post(url("review_next", dataset), {"au": "25"})
    numbers = []
    while "/clusters/" in answer.url:
        text = bob.get(answer.url).content.decode()
        assert "Staying with AU25" in text
        numbers.append(Assignment.objects.get(state=AssignmentState.OPEN).cluster.number)
        form = text[text.index('id="next-form"') :]
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[: form.index("</form>")])
        answer = bob.post(url("review_next", dataset), dict(hidden))
    assert numbers == [5, 4]
    assert answer.url == url("review_queue", dataset)
    assert "AU25 has nothing left" in bob.get(answer.url).content.decode()
    assert bob.post(url("review_next", dataset)).url == url("cluster_detail", dataset, cluster.pk)


def test_a_plain_form_comes_back_to_the_au_it_stays_with(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    text = bob.get(url("cluster_detail", dataset, cluster.pk) + "?au=12").content.decode()
    assert '<input type="hidden" name="only" value="12">' in text
    answer = decide(bob, dataset, cluster, "absent", [0], htmx=False, only="12")
    assert answer.url == url("cluster_detail", dataset, cluster.pk) + "?au=12"


@pytest.mark.parametrize("au", ["99", "x", "9" * 30, "-25"])
def test_an_au_that_is_none_hands_out_nothing_strange(dataset, cluster, bob, au):
    answer = bob.post(url("review_next", dataset), {"au": au}, follow=True)
    assert answer.status_code == 200
    assert bob.get(url("cluster_detail", dataset, cluster.pk), {"au": au}).status_code == 200


def test_what_is_left_with_others_cannot_be_asked_for(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.cleo)
    text = bob.get(url("review_queue", dataset)).content.decode()
    assert re.search(r"<button[^>]* disabled[^>]*>Review AU12", text)


def test_waiting_for_a_second_coder_is_said(dataset, cluster, bob, cast):
    protocol_change(dataset=dataset, user=cast.alice, coders_per_item=2)
    assignment_finish(assignment=assignment_next(dataset, cast.bob), user=cast.bob)
    assert "waits for a second coder" in bob.get(url("review_queue", dataset)).content.decode()


def test_giving_back_frees_the_cluster(dataset, cluster, bob, cast):
    assignment = assignment_next(dataset, cast.bob)
    bob.post(url("assignment_release", dataset, assignment.pk))
    assert assignment_next(dataset, cast.cleo).cluster == cluster


def test_faces_whose_weak_label_differs_come_first(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    page = bob.get(url("cluster_detail", dataset, cluster.pk))
    bands = {band.name: [tile.position for tile in band.tiles] for band in page.context["page"].bands}
    assert bands == {"differ": [1, 4], "missing": [3], "agree": [0, 2]}
    text = page.content.decode()
    assert "lip corner puller" in text
    assert text.index('id="face-1"') < text.index('id="face-3"') < text.index('id="face-0"')


def test_the_percentage_says_what_it_is_and_where_the_cut_lies(dataset, run, cluster, bob, cast):
    run.summary = {"per_au": [{"cut": 0.274}]}
    run.probabilities = array_write(dataset=dataset, purpose="p", values=np.full((6, 1), 0.33, np.float16))
    run.save()
    assignment_next(dataset, cast.bob)
    text = bob.get(url("cluster_detail", dataset, cluster.pk)).content.decode()
    assert 'title="probability of present 33.0%; proposed present from 27.4% on"' in text
    assert "% probability of present, cut at 27.4%" in text


@pytest.mark.parametrize("per_au", [[], [{}], [{"cut": None}]])
def test_a_run_without_a_cut_names_none(dataset, run, cluster, bob, cast, per_au):
    run.summary = {"per_au": per_au}
    run.save()
    assignment_next(dataset, cast.bob)
    text = bob.get(url("cluster_detail", dataset, cluster.pk)).content.decode()
    assert "probability of present" in text
    assert "proposed present from" not in text


HINT = "Many of these look unlike the other faces"


def odd_make(run, scores):
    run.outlier_scores = array_write(dataset=run.dataset, purpose="scores", values=np.array(scores, np.float32))
    run.save()


@pytest.mark.parametrize(
    ("scores", "hinted"),
    [([0.4] * 5 + [0.1] * 95, True), ([0.1] * 100, False), ([0.1] * 5 + [0.4] * 95, False), ([np.nan] * 6, False)],
)
def test_a_cluster_unlike_the_others_is_pointed_out(dataset, run, cluster, bob, cast, scores, hinted):
    odd_make(run, scores)
    assignment_next(dataset, cast.bob)
    assert (HINT in bob.get(url("cluster_detail", dataset, cluster.pk)).content.decode()) is hinted


def test_a_cluster_decided_upon_is_no_longer_pointed_out(dataset, run, cluster, bob, cast):
    odd_make(run, [0.4] * 5 + [0.1] * 95)
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "noise", range(5))
    assert HINT not in bob.get(url("cluster_detail", dataset, cluster.pk)).content.decode()


def test_accepting_confirms_what_is_not_yet_decided(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "other", [0])
    answer = decide(bob, dataset, cluster, "accept")
    assert answer.status_code == 200
    assert own(cast.bob) == {0: False, 1: True, 2: True, 3: True, 4: False}
    assert "All decided" in answer.content.decode()
    decision = Decision.objects.latest("pk")
    assert (decision.kind, decision.scope, decision.faces.count()) == ("confirm", "cluster", 4)
    assert sorted(decision.in_view) == [0, 1, 2, 3, 4]


def test_accepting_when_all_is_decided_says_so(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "accept")
    answer = decide(bob, dataset, cluster, "accept")
    assert answer.status_code == 400
    assert "decided already" in answer.content.decode()


@pytest.mark.parametrize(
    ("action", "expected"),
    [("present", {0: True, 1: True}), ("absent", {0: False, 1: False}), ("unscorable", {0: "u", 1: "u"})],
)
def test_codes_for_chosen_faces(dataset, cluster, bob, cast, action, expected):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, action, [0, 1])
    assert own(cast.bob) == expected


def test_all_absent_without_a_choice_takes_the_whole_cluster(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "absent")
    assert set(own(cast.bob).values()) == {False}
    assert len(own(cast.bob)) == 5


def test_single_face_actions_ask_for_a_choice(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    answer = decide(bob, dataset, cluster, "noise", htmx=False, follow=True)
    assert answer.status_code == 302
    assert "Choose at least one face" in bob.get(answer.url).content.decode()


def test_an_answer_brings_the_changed_faces_only(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    text = decide(bob, dataset, cluster, "noise", [2]).content.decode()
    assert re.findall(r'data-faces="([^"]*)"', text) == ["2 "]
    assert 'data-state="noise"' in text
    assert 'data-token="-!"' in text
    assert 'data-undecided="4"' in text


def test_an_answer_about_many_faces_names_each_state_once(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    text = decide(bob, dataset, cluster, "accept").content.decode()
    assert sorted(re.findall(r'data-token="([^"]*)"', text)) == ["a", "p"]
    assert text.count("<template") == 2


def test_undo_and_redo_from_the_page(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "present", [0, 1])
    made = Decision.objects.get()
    decide(bob, dataset, cluster, "undo", undo=made.pk)
    assert own(cast.bob) == {}
    decide(bob, dataset, cluster, "redo", redo=Decision.objects.latest("pk").pk)
    assert own(cast.bob) == {0: True, 1: True}


def test_an_undo_is_of_the_latest_decision_here_or_of_none(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "present", [0])
    first = Decision.objects.get()
    decide(bob, dataset, cluster, "present", [1])
    for htmx in (True, False):
        answer = decide(bob, dataset, cluster, "undo", undo=first.pk, htmx=htmx)
        assert answer.status_code == 409
        assert "You decided something else here since" in answer.content.decode()
    assert own(cast.bob) == {0: True, 1: True}


def test_a_redo_is_of_the_latest_undo_or_of_none(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "present", [0])
    decide(bob, dataset, cluster, "undo", undo=Decision.objects.get().pk)
    undo = Decision.objects.latest("pk")
    decide(bob, dataset, cluster, "absent", [0])
    assert decide(bob, dataset, cluster, "redo", redo=undo.pk).status_code == 409
    assert own(cast.bob) == {0: False}


def test_an_undo_asked_for_behind_a_decision_that_waits_names_it_by_its_id(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    ids = [str(uuid.uuid4()) for _ in range(4)]
    decide(bob, dataset, cluster, "present", [0])
    decide(bob, dataset, cluster, "present", [1], client_id=ids[0])
    decide(bob, dataset, cluster, "undo", after=ids[0], client_id=ids[1])
    assert own(cast.bob) == {0: True}
    decide(bob, dataset, cluster, "undo", after=ids[1], client_id=ids[2])
    assert own(cast.bob) == {}
    decide(bob, dataset, cluster, "redo", after=ids[2], client_id=ids[3])
    assert own(cast.bob) == {0: True}
    decide(bob, dataset, cluster, "absent", [2])
    for after, words in ((ids[3], "something else here since"), (str(uuid.uuid4()), "was not saved")):
        answer = decide(bob, dataset, cluster, "undo", after=after, undo=Decision.objects.latest("pk").pk)
        assert answer.status_code == 409 and words in answer.content.decode()
    assert own(cast.bob) == {0: True, 2: False}
    assert decide(bob, dataset, cluster, "undo", after="nonsense").status_code == 400


def test_an_undo_behind_a_decision_on_another_page_is_of_what_its_own_page_named(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "present", [0])
    here = Decision.objects.get().pk
    free = {"action": "noise", "face": "3", "seen": "3:", "protocol": "1", "client_id": str(uuid.uuid4())}
    bob.post(url("noise_decide", dataset), free, headers=HTMX)
    assert Decision.objects.count() == 2
    decide(bob, dataset, cluster, "undo", undo=here, after=free["client_id"])
    assert own(cast.bob) == {}


def test_a_plain_form_saves_and_comes_back(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    answer = decide(bob, dataset, cluster, "absent", [0], htmx=False)
    assert answer.url == url("cluster_detail", dataset, cluster.pk)
    assert own(cast.bob) == {0: False}


def test_a_plain_form_sends_all_that_is_needed(dataset, cluster, bob, cast):
    """What the page renders, posted back as a browser without script would, is a valid decision."""
    assignment_next(dataset, cast.bob)
    text = bob.get(url("cluster_detail", dataset, cluster.pk)).content.decode()
    form = text[text.index('id="review-form"') :]
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[: form.index("</form>")])
    values = {"action": "accept"}
    for name, value in hidden:
        values.setdefault(name, []).append(value)
    assert bob.post(url("cluster_decide", dataset, cluster.pk), values).status_code == 302
    assert len(own(cast.bob)) == 5


def test_a_stale_tab_sees_both_sides(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "present", [0])
    answer = decide(bob, dataset, cluster, "absent", [0], seen=["0:-"])
    text = answer.content.decode()
    assert answer.status_code == 409
    assert answer["X-Decision"] == "refused"
    assert "not coded" in text
    assert "present" in text
    assert own(cast.bob) == {0: True}
    plain = decide(bob, dataset, cluster, "absent", [0], seen=["0:-"], htmx=False)
    assert plain.status_code == 409
    assert "This page showed" in plain.content.decode()


def test_a_changed_protocol_is_told(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    protocol_change(dataset=dataset, user=cast.alice, present_from=3)
    answer = decide(bob, dataset, cluster, "accept")
    assert answer.status_code == 409
    assert "version 2" in answer.content.decode()


def test_a_repeated_request_is_one_decision(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    name = str(uuid.uuid4())
    first = decide(bob, dataset, cluster, "other", [0], client_id=name)
    again = decide(bob, dataset, cluster, "other", [0], client_id=name)
    assert first["X-Decision"] == again["X-Decision"] == str(Decision.objects.get().pk)
    assert own(cast.bob) == {0: False}


def test_a_form_that_makes_no_sense_is_refused(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    assert decide(bob, dataset, cluster, "accept", client_id="x").status_code == 400
    assert decide(bob, dataset, cluster, "accept", seen=["zero"]).status_code == 400
    assert decide(bob, dataset, cluster, "dance", [0]).status_code == 400
    assert not Decision.objects.exists()


@pytest.mark.parametrize("htmx", [True, False])
@pytest.mark.parametrize("fields", [{"face": str(10**20)}, {"face": "-1"}, {"seen": f"{10**20}:p"}])
def test_positions_that_no_face_has_are_refused(dataset, cluster, bob, cast, fields, htmx):
    assignment_take(cluster=cluster, user=cast.bob)
    answer = decide(bob, dataset, cluster, "present", htmx=htmx, **fields)
    assert answer.status_code == 400
    assert not Decision.objects.exists()


def test_a_note_with_a_nul_is_kept_without_it(dataset, cluster, bob, cast):
    assignment_take(cluster=cluster, user=cast.bob)
    decide(bob, dataset, cluster, "present", note="blur\0red")
    assert Decision.objects.get().note == "blurred"


def test_without_an_assignment_nothing_is_written(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.cleo)
    page = bob.get(url("cluster_detail", dataset, cluster.pk)).content.decode()
    assert "cleo holds this cluster until" in page
    assert "review-form" not in page
    assert "Take this cluster" not in page
    assert decide(bob, dataset, cluster, "accept").status_code == 409
    assert own(cast.bob) == {}


def test_a_finished_cluster_is_read_only_until_taken_up_again(dataset, cluster, bob, cast):
    assignment = assignment_next(dataset, cast.bob)
    assignment_finish(assignment=assignment, user=cast.bob)
    assert decide(bob, dataset, cluster, "accept").status_code == 409
    bob.post(url("cluster_take", dataset, cluster.pk))
    assert decide(bob, dataset, cluster, "accept").status_code == 200


def test_a_signed_out_coder_is_sent_to_log_in_without_the_mark(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    bob.logout()
    answer = decide(bob, dataset, cluster, "accept")
    assert answer.status_code == 302
    assert "X-Decision" not in answer


def test_names_and_notes_are_escaped(dataset, cluster, cast, bob):
    cast.cleo.username = "<b>cleo"
    cast.cleo.save()
    assignment_next(dataset, cast.cleo)
    assert "<b>cleo" not in bob.get(url("cluster_detail", dataset, cluster.pk)).content.decode()
    assert "<b>cleo" not in bob.get(url("review_queue", dataset)).content.decode()


def test_undo_from_the_queue(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "accept")
    decision = Decision.objects.get()
    answer = bob.post(url("decision_undo", dataset, decision.pk), {"client_id": str(uuid.uuid4())}, follow=True)
    assert "5 faces are as they were" in answer.content.decode()
    assert own(cast.bob) == {}


def test_undo_from_the_queue_goes_back_to_this_server_only(dataset, cluster, bob, cast):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "accept")
    values = {"client_id": str(uuid.uuid4()), "next": "https://elsewhere.example/"}
    answer = bob.post(url("decision_undo", dataset, Decision.objects.get().pk), values)
    assert answer.url == url("review_queue", dataset)


def test_others_decisions_are_not_undone(dataset, cluster, cast, bob):
    assignment_next(dataset, cast.bob)
    decide(bob, dataset, cluster, "accept")
    path = url("decision_undo", dataset, Decision.objects.get().pk)
    assert cast.client("cleo").post(path, {"client_id": str(uuid.uuid4())}).status_code == 403


@pytest.mark.parametrize(("name", "status"), [("ana", 403), ("charlie", 404)])
def test_who_may_not_review(dataset, cluster, cast, name, status):
    client = cast.client(name)
    for path in (url("review_queue", dataset), url("cluster_detail", dataset, cluster.pk)):
        assert client.get(path).status_code == status
    for path in (url("review_next", dataset), url("cluster_take", dataset, cluster.pk)):
        assert client.post(path).status_code == status
    assert decide(client, dataset, cluster, "accept").status_code == status


def test_a_cluster_of_another_data_set_is_not_found(dataset, cluster, cast):
    from annotator.services.datasets import dataset_create

    other = dataset_create(name="Other", user=cast.alice, aus=[12])
    assert cast.client("alice").get(url("cluster_detail", other, cluster.pk)).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_faces(dataset, cast, bob, django_assert_max_num_queries):
    faces = faces_make(dataset, 300)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 300, [12])
    cluster = run_make(dataset, faces, 12, [1] * 300, [0] * 300, weak_layer=weak).clusters.get()
    assignment_take(cluster=cluster, user=cast.bob)
    with django_assert_max_num_queries(32):
        assert bob.get(url("cluster_detail", dataset, cluster.pk)).status_code == 200
    with django_assert_max_num_queries(24):
        assert bob.get(url("review_queue", dataset)).status_code == 200


@pytest.fixture
def joint(dataset, cast):
    """A cluster made for AU12 and AU25 together, three faces, held by Bob."""
    faces = faces_make(dataset, 3)
    run = run_make(dataset, faces, 12, [1, 1, 1], [1, 1, 0])
    run.aus, run.partitions, run.adopted_aus = [12, 25], [[12, 25]], [12, 25]
    codes = np.array([[1, 0], [1, 1], [0, -1]], np.int8)
    run.proposals = array_write(dataset=dataset, purpose="proposals", values=codes)
    shares = np.full((3, 2), 0.7, np.float16)
    run.probabilities = array_write(dataset=dataset, purpose="probabilities", values=shares)
    run.save()
    mask = sum(coded.mask for coded in dataset.coded_aus.filter(au__in=[12, 25]))
    run.clusters.update(aus=mask)
    cluster = run.clusters.get()
    assignment_take(cluster=cluster, user=cast.bob)
    return cluster


def both(user, dataset):
    """The user's tokens of AU12 and AU25 of the first three faces."""
    layer = coder_layer(dataset, user)
    ids = list(dataset.faces.order_by("position").values_list("pk", flat=True))
    return state_tokens(layer_codes(layer, ids), [coded.bit for coded in dataset.coded_aus.filter(au__in=[12, 25])])


def test_a_joint_cluster_is_accepted_for_all_its_aus(dataset, joint, bob, cast):
    text = decide(bob, dataset, joint, "accept").content.decode()
    assert both(cast.bob, dataset) == ["pa", "pp", "a-"]
    assert 'data-undecided="1"' in text


def test_in_a_joint_cluster_one_au_can_be_decided_alone(dataset, joint, bob, cast):
    decide(bob, dataset, joint, "accept")
    answer = decide(bob, dataset, joint, "absent", [1], seen=["1:pp"], au="25")
    assert answer.status_code == 200
    assert both(cast.bob, dataset)[1] == "pa"
    assert decide(bob, dataset, joint, "present", [1], seen=["1:pp"], au="12").status_code == 200
    assert decide(bob, dataset, joint, "present", [1], seen=["1:pp"], au="25").status_code == 409


# Blind


@pytest.fixture
def blind(dataset, cluster, cast):
    """The same cluster, handed to Bob blind."""
    return assignment_take(cluster=cluster, user=cast.bob, mode=Mode.BLIND)


SECRETS = (
    "sign weak",
    "sign proposed",
    "%",
    "roposed",
    "agreement",
    "corrections",
    "Cluster 1",
    "cluster 1",
    "Accept",
    "unlike",
)


def test_blind_the_cluster_page_tells_nothing_of_machines(dataset, run, cluster, blind, bob):
    odd_make(run, [0.4] * 5 + [0.1] * 95)
    text = bob.get(url("cluster_detail", dataset, cluster.pk)).content.decode()
    shown = text[text.index("<main") : text.index("</main>")]
    assert [secret for secret in SECRETS if secret in shown] == []
    positions = [int(number) for number in re.findall(r'id="face-(\d+)"', shown)]
    assert positions == sorted(positions)
    assert "face-" in shown


def test_blind_an_answer_tells_nothing_either(dataset, cluster, blind, bob):
    text = decide(bob, dataset, cluster, "present", [0, 1]).content.decode()
    assert [secret for secret in SECRETS if secret in text] == []
    assert Decision.objects.get().mode == Mode.BLIND


def test_blind_accept_and_the_other_way_are_refused(dataset, cluster, blind, bob, cast):
    assert decide(bob, dataset, cluster, "accept").status_code == 403
    assert decide(bob, dataset, cluster, "other", [0]).status_code == 400
    assert own(cast.bob) == {}


def test_blind_the_queue_names_no_cluster_and_no_corrections(dataset, cluster, blind, bob):
    decide(bob, dataset, cluster, "present", [0, 1])
    text = bob.get(url("review_queue", dataset)).content.decode()
    assert "Cluster 1" not in text
    assert "corrections" not in text


def test_a_blind_coder_sees_no_other_cluster_with_machine_codes(dataset, cluster, blind, bob, cast):
    faces = list(dataset.faces.all())
    other = run_make(dataset, faces, 25, [1] * 6, [1] * 6, adopted=False).clusters.get()
    text = bob.get(url("cluster_detail", dataset, other.pk)).content.decode()
    shown = text[text.index("<main") : text.index("</main>")]
    assert [secret for secret in SECRETS if secret in shown] == []
