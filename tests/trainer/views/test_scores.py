"""The pages of a detector's scores: scopes, codes laid over, bars and their faces, selections, access."""

import re
import uuid

import numpy as np
import pytest
from django.urls import reverse

from annotator.choices import DecisionKind, FaceRole, LayerKind, Mode, Scope
from annotator.models import Face
from annotator.services import selections
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_take
from annotator.services.decisions import decision_make
from tests.factories import detector_make, faces_make, layer_make, prediction_layer_make, run_make
from trainer.selectors import score_codes, score_pages

SCORES = [0.06, 0.12, 0.32, 0.33, 0.34, 0.6, 0.61, 0.92, 0.97, 1.0]
HOSTILE = "\"'><script>hurt()</script>{{7*7}}&x=1"


@pytest.fixture
def detector(dataset, cast):
    """Ten faces, scored on AU12 as in SCORES and on AU25 always 0.2; the first is a test face; weak codes on
    all, reference on the first five; a cluster of the first four."""
    faces = faces_make(dataset, 10, pictures=True)
    Face.objects.filter(position=0).update(role=FaceRole.TEST)
    Face.objects.filter(position__in=[1, 2]).update(role=FaceRole.TRAIN, split="first half")
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[0, 0]] * 10, [12, 25], name="weak")
    layer_make(dataset, LayerKind.REFERENCE, faces[:5], [[1]] * 5, [12], name="reference")
    run_make(dataset, faces, 12, [1] * 4 + [2] * 6, [1] * 10, weak_layer=weak)
    detector = detector_make(dataset, aus=[12, 25])
    held = np.full((10, 2), -1, np.int8)
    held[1:3] = 1
    detector.snapshot.codes = array_write(dataset=dataset, purpose="snapshot", values=held)
    detector.snapshot.save()
    prediction_layer_make(detector, faces, [[score, 0.2] for score in SCORES])
    return detector


@pytest.fixture
def alice(cast):
    return cast.client("alice")


def address(detector, name="score_distribution"):
    return reverse(name, args=[detector.dataset_id, detector.pk])


def distribution(client, detector, **query):
    return client.get(address(detector), query)


def bar(client, detector, low="0.30", high="0.35", au=12, **query):
    return client.get(address(detector, "score_faces"), {"au": au, "low": low, "high": high, **query})


def positions(response):
    return [tile.face.position for tile in response.context["page"].tiles]


def row(response, au=12):
    return next(row for row, _bar in response.context["shown"].rows if row.au == au)


def test_the_share_predicted_present_beside_the_codes_that_are_known(detector, alice):
    answer = distribution(alice, detector)
    told = row(answer)
    assert (told.scored, told.called, told.known) == (10, 5, 4)
    assert (told.code_rate, told.there, told.weak_rate) == (1.0, 0.0, 0.0)
    text = answer.content.decode()
    assert "Reviewed and reference codes" in text
    assert "−100.0" in text
    assert row(answer, 25).known == 0


def test_codes_of_test_faces_stay_out_and_the_page_says_so(detector, alice):
    answer = distribution(alice, detector, role="test")
    assert (row(answer).scored, row(answer).known) == (1, 0)
    assert "none of these faces has any, or they are test faces" in answer.content.decode()
    assert "Codes of test faces stay out" in distribution(alice, detector).content.decode()


def test_scores_of_faces_trained_on_are_called_out_of_fold(detector, alice):
    text = re.sub(r"\s+", " ", distribution(alice, detector).content.decode())
    assert "Trained on</dt><dd>2</dd>" in text
    assert "out of fold: scored by networks that never saw their subject" in text


@pytest.mark.parametrize(
    ("query", "scored"),
    [
        ({"role": "train"}, 2),
        ({"split": "first half"}, 2),
        ({"faces": "7-9"}, 3),
        ({"role": "none", "faces": "0-4"}, 2),
        ({"subject": "nobody"}, 0),
    ],
)
def test_scopes(detector, alice, query, scored):
    answer = distribution(alice, detector, **query)
    assert row(answer).scored == scored
    assert ("No scores here" in answer.content.decode()) is (scored == 0)
    assert ("There are no such faces" in answer.content.decode()) is (query.get("subject") == "nobody")


def test_the_scope_of_a_cluster_is_named_and_can_be_left(detector, alice):
    cluster = detector.dataset.runs.get().clusters.get(number=1)
    answer = distribution(alice, detector, cluster=cluster.pk, role="train")
    assert row(answer).scored == 2
    text = answer.content.decode()
    assert f"cluster 1 of run {cluster.run_id}" in text
    assert f'href="{address(detector)}?role=train"' in text
    assert f'href="{address(detector)}?cluster={cluster.pk}"' in text


def test_each_bar_opens_its_faces_in_the_same_scope(detector, alice):
    text = distribution(alice, detector, faces="2-9", codes="trained").content.decode()
    links = [
        link.replace("&amp;", "&") for link in re.findall(r'<a href="([^"]+scores/faces/[^"]+au=12[^"]+)"', text)
    ]
    found = [positions(alice.get(link)) for link in links]
    assert found == [[4, 3, 2], [6, 5], [7], [9, 8]]
    assert all("faces=2-9" in link and "codes=trained" in link for link in links)


def test_words_of_a_bar_count_its_codes(detector, alice):
    text = distribution(alice, detector).content.decode()
    assert 'aria-label="0.30–0.35: 3 faces; 3 present, 0 absent, 0 not coded"' in text
    assert 'aria-label="0.90–0.95: 1 face"' in text


def test_codes_are_chosen(detector, alice):
    weak = detector.dataset.layers.get(name="weak")
    assert row(distribution(alice, detector, codes=weak.pk)).code_rate == 0.0
    assert row(distribution(alice, detector, codes="trained")).known == 2
    assert "predicted against coded" not in distribution(alice, detector, codes="none").content.decode()
    assert row(distribution(alice, detector, codes="nonsense")).known == 4


def test_many_faces_come_first_without_codes_that_take_long(detector, alice, monkeypatch):
    monkeypatch.setattr(score_pages, "ROWS_INLINE", 5)
    first = distribution(alice, detector)
    assert row(first).known == 0
    assert row(first).called == 5
    assert re.search(r'hx-get="[^"]*\?wait=1" hx-trigger="load"', first.content.decode())
    asked = distribution(alice, detector, wait=1)
    assert row(asked).known == 4
    assert 'hx-trigger="load"' not in asked.content.decode().split('id="scores"')[1]
    again = distribution(alice, detector)
    assert row(again).known == 4


def test_for_very_many_faces_codes_that_are_read_at_once_come_first(detector, alice, monkeypatch):
    monkeypatch.setattr(score_pages, "ROWS_INLINE", 5)
    monkeypatch.setattr(score_codes, "ROWS_LONG", 5)
    answer = distribution(alice, detector)
    assert answer.context["view"].choice.key == "trained"
    assert (row(answer).known, answer.context["shown"].later) == (2, False)


def test_heights_of_bars_as_faces_or_square_roots(detector, alice):
    def heights(**query):
        shown = distribution(alice, detector, **query).context["shown"].histograms[0]
        return [round(sum(float(part.height) for part in bar.segments)) for bar in shown.bars if bar.count]

    assert heights() == [48, 48, 84, 69, 48, 69]
    assert heights(heights="faces") == [28, 28, 84, 56, 28, 56]


# Faces of a bar


@pytest.mark.parametrize(
    ("order", "found"), [("highest", [4, 3, 2]), ("lowest", [2, 3, 4]), ("number", [2, 3, 4]), ("x", [4, 3, 2])]
)
def test_faces_are_ordered(detector, alice, order, found):
    assert positions(bar(alice, detector, order=order)) == found


def test_a_tile_tells_score_prediction_and_what_each_layer_says(detector, alice):
    text = bar(alice, detector, "0.60", "0.65").content.decode()
    assert "0.610" in text
    assert "predicted present" in text
    tile = bar(alice, detector).context["page"].tiles[-1]
    assert [(word.layer.name, word.code) for word in tile.said] == [
        ("reference", "p"),
        ("proposal", "p"),
        ("weak", "a"),
    ]
    assert (tile.called, tile.trained) == (False, True)


def test_codes_of_a_test_face_are_not_told(detector, alice):
    answer = bar(alice, detector, "0", "0.1")
    assert positions(answer) == [0]
    assert answer.context["page"].tiles[0].said == []
    assert "test face" in answer.content.decode()


def test_the_bars_beside(detector, alice):
    text = bar(alice, detector).content.decode().replace("&amp;", "&")
    assert "low=0.25&high=0.30" in text
    assert "low=0.35&high=0.40" in text
    assert bar(alice, detector, "0", "0.05").context["beside"] == {"higher": ("0.05", "0.10")}
    assert bar(alice, detector, "0.95", "1").context["beside"] == {"lower": ("0.90", "0.95")}


def test_pages_of_a_bar(detector, alice, monkeypatch):
    monkeypatch.setattr(score_pages, "PER_PAGE", 4)
    first = bar(alice, detector, "0", "1", order="number")
    assert positions(first) == [0, 1, 2, 3]
    assert "1–4 of 10" in first.content.decode()
    last = bar(alice, detector, "0", "1", order="number", start=8)
    assert positions(last) == [8, 9]
    assert last.context["page"].before == 4
    assert positions(bar(alice, detector, "0", "1", order="number", start=999)) == [9]


def test_faces_coded_alike_are_looked_for_a_part_at_a_time(detector, alice, monkeypatch):
    monkeypatch.setattr(score_pages, "PER_PAGE", 2)
    monkeypatch.setattr(score_pages, "LOOK", 2)
    monkeypatch.setattr(score_pages, "LOOKED_MOST", 4)
    first = bar(alice, detector, "0", "1", order="number", code="present")
    assert (positions(first), first.context["page"].end) == ([1, 2], 3)
    second = bar(alice, detector, "0", "1", order="number", code="present", start=3)
    assert (positions(second), second.context["page"].end) == ([3, 4], 5)
    none = bar(alice, detector, "0", "1", order="number", code="present", start=5)
    assert positions(none) == []
    assert "None among the first 9 of 10 faces" in none.content.decode()
    assert "Go on looking" in none.content.decode()
    assert positions(bar(alice, detector, "0", "1", order="number", code="unknown")) == [0]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"low": "0.5", "high": "0.5"}, 400),
        ({"low": "x"}, 400),
        ({"high": "nan"}, 400),
        ({"low": "-1"}, 400),
        ({"au": 1}, 404),
        ({"role": HOSTILE}, 400),
        ({"split": "a\0"}, 400),
        ({"faces": "1-"}, 400),
        ({"cluster": "999999999999999999999"}, 400),
        ({"cluster": "999999999"}, 404),
        ({"start": "-7", "order": HOSTILE, "code": HOSTILE, "codes": HOSTILE}, 200),
    ],
)
def test_what_no_page_would_ask(detector, alice, query, status):
    assert bar(alice, detector, **query).status_code == status


def test_a_withdrawn_face_leaves_a_hole_and_no_tile(detector, alice):
    Face.objects.filter(position=3).delete()
    assert positions(bar(alice, detector)) == [4, 2]


# Selections


def chosen(client, detector, faces, seen=(), query=""):
    return client.post(address(detector) + query, {"face": faces, "seen": seen})


def test_chosen_faces_become_a_scope(detector, alice):
    answer = chosen(alice, detector, [2, 3, 7], ["0:-"])
    assert answer.url == f"{address(detector)}?faces=2-3%2C7"
    followed = alice.get(answer.url)
    assert row(followed).scored == 3
    assert "a selection" in followed.content.decode()


def test_none_chosen_means_the_cluster_or_what_was_shown(detector, alice):
    assert chosen(alice, detector, [], ["1:-", "2:p"], "?cluster=5").url == f"{address(detector)}?cluster=5"
    assert chosen(alice, detector, [], ["1:-", "2:p"]).url == f"{address(detector)}?faces=1-2"
    assert chosen(alice, detector, []).url == address(detector)


def test_a_long_selection_is_kept_for_its_owner(detector, alice, cast, monkeypatch):
    monkeypatch.setattr(selections, "ADDRESS_ROOM", 5)
    answer = chosen(alice, detector, [0, 2, 4, 6, 8])
    assert re.search(r"\?selection=\d+$", answer.url)
    followed = alice.get(answer.url)
    assert row(followed).scored == 5
    link = re.search(r'href="([^"]+scores/faces/[^"]+)"', followed.content.decode())[1].replace("&amp;", "&")
    assert alice.get(link).status_code == 200
    assert cast.client("dora").get(answer.url).status_code == 404


@pytest.mark.parametrize("faces", [["x"], ["-1"], ["9" * 30]])
def test_a_selection_that_no_form_sends_is_refused(detector, alice, faces):
    assert chosen(alice, detector, faces).status_code == 400


def test_the_cluster_page_and_the_noise_gallery_lead_to_scores(detector, cast):
    cluster = detector.dataset.runs.get().clusters.get(number=1)
    page = reverse("cluster_detail", args=[detector.dataset_id, cluster.pk])
    there = f"{address(detector)}?cluster={cluster.pk}"
    assert f'href="{there}"' in cast.client("dora").get(page).content.decode()
    assignment_take(cluster=cluster, user=cast.dora)
    assert f'formaction="{there}"' in cast.client("dora").get(page).content.decode()
    assert address(detector) not in cast.client("bob").get(page).content.decode()
    run = detector.dataset.runs.get()
    run.outlier_scores = array_write(dataset=detector.dataset, purpose="o", values=np.ones(10, np.float32))
    run.outlier_reasons = array_write(dataset=detector.dataset, purpose="r", values=np.ones(10, np.uint32))
    run.save()
    noise = reverse("noise_gallery", args=[detector.dataset_id])
    assert f'formaction="{address(detector)}"' in cast.client("dora").get(noise).content.decode()
    assert address(detector) not in cast.client("bob").get(noise).content.decode()


def test_the_overview_leads_to_scores_who_may_see_them(detector, cast):
    page = reverse("dataset_detail", args=[detector.dataset_id])
    offered = {name: address(detector) in cast.client(name).get(page).content.decode() for name in ("ana", "bob")}
    assert offered == {"ana": True, "bob": False}


# Who may, and what is there before the first prediction


@pytest.mark.parametrize(
    ("name", "status"), [("alice", 200), ("dora", 200), ("ana", 200), ("bob", 403), ("charlie", 404)]
)
def test_who_may_see_scores(detector, cast, name, status):
    client = cast.client(name)
    assert distribution(client, detector).status_code == status
    assert bar(client, detector).status_code == status
    assert chosen(client, detector, [1]).status_code == (302 if status == 200 else status)


def test_a_blind_coder_sees_none(detector, cast):
    cluster = detector.dataset.runs.get().clusters.get(number=1)
    assignment_take(cluster=cluster, user=cast.dora, mode=Mode.BLIND)
    client = cast.client("dora")
    assert distribution(client, detector).status_code == 403
    assert bar(client, detector).status_code == 403
    assert chosen(client, detector, [1]).status_code == 403
    page = client.get(reverse("cluster_detail", args=[detector.dataset_id, cluster.pk])).content.decode()
    assert "scores/" not in page


def test_another_data_sets_detector_is_not_there(detector, alice, dataset):
    missing = reverse("score_distribution", args=[dataset.pk, detector.pk + 1])
    assert alice.get(missing).status_code == 404


def test_reviewed_codes_count_at_once(detector, alice, cast):
    distribution(alice, detector)
    decision_make(
        dataset=detector.dataset, user=cast.bob, kind=DecisionKind.RELABEL, code="absent", aus=[12], faces=[9],
        mode=Mode.ASSISTED, scope=Scope.FACE, client_id=uuid.uuid4(),
    )  # fmt: skip
    assert row(distribution(alice, detector)).known == 5


@pytest.mark.parametrize("name", ["score_distribution", "score_faces"])
def test_before_the_first_prediction_it_says_how_to_make_one(dataset, cast, name):
    faces_make(dataset, 2)
    detector = detector_make(dataset)
    texts = {who: cast.client(who).get(address(detector, name)).content.decode() for who in ("alice", "ana")}
    predict = reverse("detector_predict", args=[dataset.pk, detector.pk])
    assert all("No scores yet" in text for text in texts.values())
    assert predict in texts["alice"]
    assert predict not in texts["ana"]


def test_faces_that_came_later_are_counted(detector, alice):
    faces_make(detector.dataset, 3)
    answer = distribution(alice, detector)
    assert answer.context["shown"].without == 3
    assert "3 faces came later" in answer.content.decode()


def test_hostile_names_are_shown_as_text(detector, alice):
    Face.objects.filter(position=1).update(split=HOSTILE[:60])
    detector.dataset.layers.filter(name="weak").update(name=HOSTILE)
    type(detector).objects.filter(pk=detector.pk).update(name=HOSTILE)
    detector.dataset.revision += 1
    detector.dataset.save()
    for text in (
        distribution(alice, detector, split=HOSTILE[:60], subject=HOSTILE).content.decode(),
        bar(alice, detector, "0", "1", split=HOSTILE[:60]).content.decode(),
    ):
        assert "<script>hurt" not in text
        assert "&lt;script&gt;hurt" in text
        assert "49" not in text.split("&lt;/script&gt;")[1][:4]


def test_queries_do_not_grow_with_faces_and_bars(detector, alice, django_assert_max_num_queries):
    distribution(alice, detector)
    with django_assert_max_num_queries(24):
        distribution(alice, detector, role="none")
    with django_assert_max_num_queries(24):
        bar(alice, detector, "0", "1", code="present")
