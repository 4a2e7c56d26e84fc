"""Sorting, splitting, comparing and passes by plain forms, and what they keep from blind eyes."""

import re
from html import unescape

import numpy as np
import pytest
from django.urls import reverse

from annotator.choices import AssignmentState, LayerKind, Mode
from annotator.models import Assignment, Cluster, Subject
from annotator.services.arrays import array_write
from annotator.services.assignments import assignment_next, assignment_take
from tests.annotator.selectors.test_middles import features_give
from tests.annotator.views.test_review import decide, url
from tests.factories import faces_make, layer_make, run_make

SHARES = [0.55, 0.9, 0.7, 0.95, 0.6, 0.8]


@pytest.fixture
def cluster(dataset):
    """Cluster 1 of six faces of two subjects, cluster 2 of two; everything proposed present."""
    faces = faces_make(dataset, 8)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 4 + [[0]] * 4, [12])
    run = run_make(dataset, faces, 12, [1] * 6 + [2] * 2, [1] * 8, weak_layer=weak)
    shares = np.array([*SHARES, 0.9, 0.9], np.float16)[:, None]
    run.probabilities = array_write(dataset=dataset, purpose="probabilities", values=shares)
    features_give(run, np.arange(8)[:, None])
    for name, positions in (("anna", (1, 3)), ("ben", (0, 2))):
        subject = Subject.objects.create(dataset=dataset, pseudonym=name)
        dataset.faces.filter(position__in=positions).update(subject=subject)
    return run.clusters.get(number=1)


@pytest.fixture
def bob(cast, cluster):
    assignment_take(cluster=cluster, user=cast.bob)
    return cast.client("bob")


def page(client, dataset, cluster, **query):
    response = client.get(url("cluster_detail", dataset, cluster.pk), query)
    assert response.status_code == 200
    return response


def shown(response):
    return [tile.position for tile in response.context["page"].tiles]


ORDERS = {
    "probable": [3, 1, 5, 2, 4, 0],
    "improbable": [0, 4, 2, 5, 1, 3],
    "far": [0, 5, 1, 4, 2, 3],
    "near": [2, 3, 1, 4, 0, 5],
    "subject": [1, 3, 0, 2, 4, 5],
    "position": [0, 1, 2, 3, 4, 5],
    "bands": [4, 5, 0, 2, 1, 3],
}


@pytest.mark.parametrize("order", list(ORDERS))
def test_a_cluster_is_sorted_as_the_address_says(dataset, cluster, bob, order):
    assert shown(page(bob, dataset, cluster, order=order)) == ORDERS[order]


def test_the_order_is_remembered_for_the_next_cluster(dataset, cluster, bob):
    page(bob, dataset, cluster, order="probable")
    assert shown(page(bob, dataset, cluster)) == ORDERS["probable"]
    following = bob.post(url("review_next", dataset), {"assignment": Assignment.objects.get().pk})
    assert bob.get(following.url).context["page"].order == "probable"


def test_an_order_that_is_none_changes_nothing(dataset, cluster, bob):
    bob.cookies["cluster_order"] = "pk; drop"
    response = page(bob, dataset, cluster, order="pk")
    assert response.context["page"].order == "bands"
    assert "cluster_order" not in response.cookies


def test_the_control_works_as_a_plain_form(dataset, cluster, bob):
    text = page(bob, dataset, cluster, au="12", order="near").content.decode()
    assert re.search(r'<select[^>]* name="order" form="sort-form"', text)
    assert '<option value="near" selected>' in text
    form = text[text.index('<form id="sort-form"') :]
    assert 'name="au" value="12"' in form[: form.index("</form>")]


def test_a_decision_on_a_page_of_several_is_about_the_faces_it_showed(dataset, cluster, bob, cast, monkeypatch):
    monkeypatch.setattr("annotator.selectors.arrangement.PAGE", 3)
    second = shown(page(bob, dataset, cluster, order="probable", page=2))
    assert second == [2, 4, 0]
    # Another tab sorts otherwise meanwhile: this one's form still says what it showed.
    page(bob, dataset, cluster, order="position")
    answer = decide(bob, dataset, cluster, "absent", page="2", order="probable")
    faces = dataset.decisions.get().faces.values_list("face__position", flat=True)
    assert answer.status_code == 200
    assert sorted(faces) == [0, 2, 4]


def test_what_it_is_sorted_by_is_shown(dataset, cluster, bob):
    tiles = page(bob, dataset, cluster, order="far").context["page"].tiles
    assert [tile.note for tile in tiles] == ["2.50", "2.50", "1.50", "1.50", "0.50", "0.50"]
    tiles = page(bob, dataset, cluster, order="subject").context["page"].tiles
    assert [tile.note for tile in tiles] == ["anna", "anna", "ben", "ben", "", ""]


def test_blind_the_cookie_of_a_seeing_day_sorts_nothing(dataset, cluster, bob):
    page(bob, dataset, cluster, order="probable")
    Assignment.objects.update(mode=Mode.BLIND)
    for query in ({}, {"order": "improbable"}, {"order": "far"}):
        response = page(bob, dataset, cluster, **query)
        assert shown(response) == ORDERS["position"]
        assert set(re.findall(r'<option value="(\w+)"', response.content.decode())) == {"position", "subject"}
    assert shown(page(bob, dataset, cluster, order="subject")) == ORDERS["subject"]


# From face to face


def face_page(client, address):
    response = client.get(address)
    assert response.status_code == 200
    return response


def walked(client, response):
    """From the first tile's link on by “next face”, and back by “previous face”: the positions gone through."""
    found = re.findall(r'class="shot" href="([^"]+)"', response.content.decode())
    address, there = unescape(found[0]), []
    while address:
        here = face_page(client, address)
        there.append(here.context["face"].position)
        address = linked(here, "next")
    back = [there[-1]]
    while address := linked(here, "prev"):
        here = face_page(client, address)
        back.append(here.context["face"].position)
    assert back == there[::-1]
    return there


def linked(response, name):
    found = re.search(rf'<a class="button" rel="{name}"[^>]* href="([^"]+)"', response.content.decode())
    return unescape(found[1]) if found else None


@pytest.mark.parametrize("order", list(ORDERS))
def test_the_face_page_goes_on_within_the_cluster_it_was_opened_from(dataset, cluster, bob, order):
    assert walked(bob, page(bob, dataset, cluster, order=order)) == ORDERS[order]


def test_going_on_reaches_over_the_pages_of_a_cluster_and_leads_back_to_the_right_one(
    dataset, cluster, bob, monkeypatch
):
    monkeypatch.setattr("annotator.selectors.arrangement.PAGE", 4)
    monkeypatch.setattr("annotator.selectors.neighbours.PAGE", 4)
    assert walked(bob, page(bob, dataset, cluster, order="probable", au="12")) == ORDERS["probable"]
    query = f"?cluster={cluster.pk}&order=probable&au=12"
    here = face_page(bob, url("face_detail", dataset, 4) + query)
    assert here.context["back"] == url("cluster_detail", dataset, cluster.pk) + "?page=2&au=12"
    text = here.content.decode()
    assert "5 of 6" in text and "Cluster 1</a>" in text and "Faces of the cluster" in text


def test_blind_going_on_tells_nothing(dataset, cluster, bob):
    """Neither by the order nor by the cluster's name, whatever the link says and wherever one is blind."""
    seen = page(bob, dataset, cluster, order="probable")
    Assignment.objects.update(mode=Mode.BLIND)
    assert walked(bob, page(bob, dataset, cluster)) == ORDERS["position"]
    assert walked(bob, page(bob, dataset, cluster, order="subject")) == ORDERS["subject"]
    here = face_page(bob, url("face_detail", dataset, 2) + f"?cluster={cluster.pk}&order=probable")
    assert (here.context["neighbours"].previous, here.context["neighbours"].next) == (1, 3)
    assert "Cluster 1" not in here.content.decode()
    other = cluster.run.clusters.get(number=2)
    Assignment.objects.update(mode=Mode.ASSISTED)
    assignment_take(cluster=other, user=Assignment.objects.get().coder)
    Assignment.objects.filter(cluster=other).update(mode=Mode.BLIND)
    here = face_page(bob, url("face_detail", dataset, 2) + f"?cluster={cluster.pk}&order=probable")
    assert (here.context["neighbours"].previous, here.context["neighbours"].next) == (1, 3)
    assert shown(seen) == ORDERS["probable"]


def test_going_on_passes_over_a_face_that_was_withdrawn_and_from_one_that_was_split_off(dataset, cluster, bob):
    query = f"?cluster={cluster.pk}&order=position"
    dataset.faces.get(position=3).delete()
    here = face_page(bob, url("face_detail", dataset, 2) + query).context["neighbours"]
    assert (here.previous, here.next, here.place, here.total) == (1, 4, 3, 5)
    bob.post(url("cluster_split", dataset, cluster.pk), {"face": "4"})
    here = face_page(bob, url("face_detail", dataset, 4) + query).context["neighbours"]
    assert (here.previous, here.next, here.place, here.total) == (2, 5, None, 4)


def test_a_cluster_that_is_none_is_not_gone_through(dataset, cluster, bob):
    assert bob.get(url("face_detail", dataset, 2) + "?cluster=999&order=position").status_code == 404


# What lies beside


def test_the_part_beside_names_the_nearest_cluster_and_sure_faces(dataset, cluster, bob):
    text = bob.get(url("cluster_beside", dataset, cluster.pk), headers={"HX-Request": "true"}).content.decode()
    assert "Nearest: cluster 2" in text
    assert "<html" not in text
    assert "AU12 surely present" in text


def test_without_script_it_is_a_page(dataset, cluster, bob):
    assert url("cluster_beside", dataset, cluster.pk) in page(bob, dataset, cluster).content.decode()
    assert "<html" in bob.get(url("cluster_beside", dataset, cluster.pk)).content.decode()


def test_blind_there_is_no_part_beside(dataset, cluster, bob):
    Assignment.objects.update(mode=Mode.BLIND)
    assert bob.get(url("cluster_beside", dataset, cluster.pk)).status_code == 403
    text = page(bob, dataset, cluster).content.decode()
    assert 'id="beside"' not in text
    assert "Nearest" not in text
    assert "Split off" not in text


# Splitting


def split(client, dataset, cluster, faces, **fields):
    return client.post(url("cluster_split", dataset, cluster.pk), {"face": [str(face) for face in faces], **fields})


def test_splitting_and_putting_back_by_plain_forms(dataset, cluster, bob):
    answer = split(bob, dataset, cluster, [1, 3], only="12")
    assert answer.url == url("cluster_detail", dataset, cluster.pk) + "?au=12"
    text = bob.get(answer.url).content.decode()
    part = Cluster.objects.get(split_from=cluster)
    assert "2 faces were split off as cluster 3" in text
    assert url("cluster_merge", dataset, part.pk) in text
    assert "Split off from cluster 1" in page(bob, dataset, part).content.decode()
    answer = bob.post(url("cluster_merge", dataset, part.pk))
    assert answer.url == url("cluster_detail", dataset, cluster.pk)
    assert len(shown(bob.get(answer.url))) == 6


@pytest.mark.parametrize("faces", [["x"], ["-1"], [str(10**20)]])
def test_a_choice_that_makes_no_sense_splits_nothing(dataset, cluster, bob, faces):
    assert split(bob, dataset, cluster, faces).status_code == 400
    assert not Cluster.objects.exclude(split_from=None).exists()


def test_a_refusal_says_why(dataset, cluster, bob, cast):
    answer = split(cast.client("cleo"), dataset, cluster, [1])
    assert answer.status_code == 409
    assert "not yours to review" in answer.content.decode()


@pytest.mark.parametrize(("name", "status"), [("ana", 403), ("charlie", 404)])
@pytest.mark.parametrize("place", ["cluster_split", "cluster_merge"])
def test_who_may_not_review_splits_nothing(dataset, cluster, cast, bob, name, status, place):
    assert cast.client(name).post(url(place, dataset, cluster.pk), {"face": "1"}).status_code == status


def test_a_cluster_of_another_data_set_is_not_split(dataset, cluster, cast, bob):
    from annotator.services.datasets import dataset_create

    other = dataset_create(name="Other", user=cast.alice, aus=[12])
    answer = cast.client("alice").post(url("cluster_split", other, cluster.pk), {"face": "1"})
    assert answer.status_code == 404


def test_blind_nothing_of_a_split_is_told(dataset, cluster, bob):
    split(bob, dataset, cluster, [1, 3])
    part = Cluster.objects.get(split_from=cluster)
    Assignment.objects.update(mode=Mode.BLIND)
    for one in (cluster, part):
        text = page(bob, dataset, one).content.decode()
        assert "split off" not in text.lower()


# A pass over a region


@pytest.fixture
def brows(dataset, cluster):
    """Adopted runs for AU1 and AU4 beside the one for AU12; the most corrections are in AU12's."""
    runs = []
    for au, number in ((1, 1), (4, 2)):
        run = run_make(dataset, list(dataset.faces.all()), au, [number] * 8, [1] * 8, adopted=False)
        run.adopted_at, run.adopted_aus = cluster.run.adopted_at, [au]
        run.save()
        runs.append(run)
    cluster.run.clusters.update(expected_corrections=100)
    return runs


def test_the_queue_offers_a_pass_and_next_stays_in_it(dataset, cluster, brows, cast):
    client = cast.client("cleo")
    text = client.get(url("review_queue", dataset)).content.decode()
    assert 'name="au" value="upper"' in text
    assert 'name="au" value="lower"' not in text  # AU12 alone needs no pass
    answer = client.post(url("review_next", dataset), {"au": "upper"})
    taken = []
    while "/clusters/" in answer.url:
        text = client.get(answer.url).content.decode()
        assert "Staying with upper face" in text
        mine = Assignment.objects.get(coder=cast.cleo, state=AssignmentState.OPEN)
        taken.append(mine.cluster.run.aus[0])
        form = text[text.index('id="next-form"') :]
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[: form.index("</form>")])
        answer = client.post(url("review_next", dataset), dict(hidden))
    assert taken == [4, 1]  # by expected corrections
    assert "Upper face has nothing left" in client.get(answer.url).content.decode()


def test_a_region_that_is_none_means_every_au(dataset, cluster, brows, cast):
    answer = cast.client("cleo").post(url("review_next", dataset), {"au": "middle"})
    assert "au=" not in answer.url
    assert Assignment.objects.get().cluster.run.aus == [12]


def test_the_page_describes_the_au_at_hand(dataset, cluster, bob):
    text = page(bob, dataset, cluster).content.decode()
    dialog = text[text.index('<dialog id="facs-help"') :]
    assert "zygomaticus major" in dialog
    assert "Mistaken for" in dialog
    assert 'data-row="cluster.facs" data-function="facs" data-default="f" data-keys="f"' in text


def test_thousands_of_faces_need_no_more_queries(dataset, cast, django_assert_max_num_queries):
    faces = faces_make(dataset, 3_000)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 3_000, [12])
    run = run_make(dataset, faces, 12, [1] * 2_999 + [2], [0] * 3_000, weak_layer=weak)
    features_give(run, np.random.default_rng(0).normal(size=(3_000, 8)))
    cluster = run.clusters.get(number=1)
    assignment_next(dataset, cast.bob)
    assignment_take(cluster=cluster, user=cast.bob)
    client = cast.client("bob")
    for order in ("bands", "disagreement", "far", "subject", "probable"):
        with django_assert_max_num_queries(44):
            page(client, dataset, cluster, order=order)
    with django_assert_max_num_queries(40):
        assert client.get(reverse("cluster_beside", args=[dataset.pk, cluster.pk])).status_code == 200
    with django_assert_max_num_queries(50):
        assert split(client, dataset, cluster, range(1_000)).status_code == 302
