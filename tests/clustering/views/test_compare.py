"""The page of two runs side by side: who sees it, how one comes to it, and its states."""

import pytest
from django.urls import reverse

from annotator.choices import Mode
from annotator.models import ClusterRun
from annotator.services.assignments import assignment_take
from annotator.services.datasets import dataset_create
from tests.factories import faces_make, run_make


@pytest.fixture
def runs(dataset):
    """Two finished runs of AU12, which differ on the first face; the first is adopted."""
    faces = faces_make(dataset, 4)
    runs = [
        run_make(dataset, faces, 12, [1, 1, 2, 2], [1, 1, 0, 0]),
        run_make(dataset, faces, 12, [1, 1, 2, 2], [0, 1, 0, 0], adopted=False),
    ]
    for run in runs:
        run.summary |= {"faces": 4, "changed": 1, "noise": 0, "warnings": [], "neighbour_recall": 1.0}
        run.summary["per_au"] = [{"weak_rate": 0.5, "proposal_rate": 0.5, "changed": 1, "added": 0, "witnesses": {}}]
        run.summary["partitions"] = [{"clusters": 2, "noise": 0, "median_size": 2, "largest": 2, "umqi": 0.5}]
        run.save()
    return runs


def address(dataset, **asked):
    return reverse("run_compare", args=[dataset.pk], query=asked)


def page_of(cast, dataset, name="alice", **asked):
    answer = cast.client(name).get(address(dataset, **asked))
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("name", ["alice", "dora", "ana"])
def test_the_faces_on_which_they_differ_lead_to_their_pages(cast, runs, dataset, name):
    page = page_of(cast, dataset, name, a=runs[0].pk, b=runs[1].pk)
    assert "1 of 4 codes" in page
    assert page.count('class="face tile"') == 1
    first = dataset.faces.earliest("position")
    assert f'href="{reverse("face_detail", args=[dataset.pk, first.position])}"' in page


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("charlie", 404)])
def test_coders_and_outsiders_stay_outside(cast, runs, dataset, name, status):
    assert cast.client(name).get(address(dataset, a=runs[0].pk, b=runs[1].pk)).status_code == status


def test_who_codes_blind_sees_no_run(cast, runs, dataset):
    cluster = runs[0].clusters.get(number=1)
    assignment_take(cluster=cluster, user=cast.dora, mode=Mode.BLIND)
    for name in ("run_compare", "run_changes"):
        arguments = [dataset.pk] if name == "run_compare" else [dataset.pk, runs[1].pk]
        assert cast.client("dora").get(reverse(name, args=arguments)).status_code == 403


def test_the_list_and_the_run_lead_to_it(cast, runs, dataset):
    listed = cast.client("ana").get(reverse("run_list", args=[dataset.pk])).content.decode()
    assert f'name="a" value="{runs[0].pk}" checked' in listed
    assert f'name="b" value="{runs[1].pk}" checked' in listed
    shown = cast.client("ana").get(reverse("run_detail", args=[dataset.pk, runs[1].pk])).content.decode()
    assert f"?a={runs[0].pk}&amp;b={runs[1].pk}" in shown


def test_one_run_is_offered_no_comparison(cast, runs, dataset):
    ClusterRun.objects.filter(pk=runs[1].pk).update(finished_at=None)
    assert "Compare A and B" not in cast.client("ana").get(reverse("run_list", args=[dataset.pk])).content.decode()
    assert "Two finished runs are needed." in page_of(cast, dataset)


def test_nothing_chosen_yet_offers_the_choice(cast, runs, dataset):
    page = page_of(cast, dataset)
    assert "Choose two runs" in page
    assert page.count("<option") == 4


def test_an_unfinished_or_unknown_run_is_told_so(cast, runs, dataset):
    assert "There is no run 999" in page_of(cast, dataset, a=runs[0].pk, b=999)
    ClusterRun.objects.filter(pk=runs[1].pk).update(finished_at=None)
    assert "has not finished" in page_of(cast, dataset, a=runs[0].pk, b=runs[1].pk)


def test_another_data_sets_run_is_not_there(cast, runs, dataset):
    other = dataset_create(name="Others", user=cast.alice, aus=[12])
    elsewhere = run_make(other, faces_make(other, 2), 12, [1, 1], [1, 0])
    assert f"There is no run {elsewhere.pk}" in page_of(cast, dataset, a=runs[0].pk, b=elsewhere.pk)


def test_an_au_that_is_none_shows_the_first_that_differs(cast, runs, dataset):
    assert "Where they differ on AU12" in page_of(cast, dataset, a=runs[0].pk, b=runs[1].pk, au="99")


def test_the_page_asks_as_often_however_many_faces_differ(cast, runs, dataset, django_assert_max_num_queries):
    more = list(dataset.faces.all()) + faces_make(dataset, 40)
    many = run_make(dataset, more, 12, [1] * 44, [1] * 44, adopted=False)
    more = run_make(dataset, more, 12, [1] * 44, [0] * 44, adopted=False)
    client = cast.client("ana")
    for first, second in (runs, (many, more)):
        with django_assert_max_num_queries(9):
            client.get(address(dataset, a=first.pk, b=second.pk))


def test_lambdas_that_differ_stand_in_both_units(cast, runs, dataset):
    for run, lam in zip(runs, (0.03, 0.25), strict=True):
        run.summary["partitions"][0] |= {"lam": lam, "lam_literal": lam * 400}
        run.save()
    page = page_of(cast, dataset, a=runs[0].pk, b=runs[1].pk)
    assert '0.03 <span class="small soft">12</span>' in page
    assert '0.25 <span class="small soft">100</span>' in page
