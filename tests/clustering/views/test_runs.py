"""The pages of clustering runs: what each role is offered, and every state that a run can be in."""

import numpy as np
import pytest
from django.urls import reverse

from annotator.choices import JobState, LayerKind
from annotator.models import ClusterRun, FeatureSet, Job
from annotator.services.arrays import array_write
from tests.factories import detector_make, faces_make, layer_make, prediction_layer_make, run_make


def summary(faces):
    held_out = {"faces": 4, "weak_agreement": 0.95, "agreement": 0.94, "weak_f1": 0.4, "f1": 0.7, "log_loss": 0.1}
    told = {
        "weak_rate": 0.2, "proposal_rate": 0.3, "base_rate": 0.3, "cut": 0.4, "changed": 2037, "added": 0,
        "witnesses": {"weak label": 1.9, "feature network": -1.8}, "held_out": held_out,
    }  # fmt: skip
    part = {"aus": [0], "clusters": 2, "largest": 3, "median_size": 2.5, "noise": 1, "umqi": 0.66}
    return {
        "faces": faces, "changed": 2037, "noise": 1, "warnings": [], "neighbour_recall": 1.0,
        "per_au": [told], "partitions": [part],
    }  # fmt: skip


@pytest.fixture
def run(dataset):
    faces = faces_make(dataset, 6)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 6, [12])
    run = run_make(dataset, faces, 12, [1, 1, 1, 2, 2, 0], [1, 1, 1, 0, 0, 0], weak_layer=weak)
    run.summary, run.curves = summary(1200), {"umqi": [[[0.1, 0.5, 3.0, 0.5], [0.2, 0.3, 1.0, 1.0]]]}
    run.feature_set = None
    run.save()
    return run


def features_make(dataset, **fields):
    array = array_write(dataset=dataset, purpose="features", values=np.zeros((1, 4), np.float32))
    return FeatureSet.objects.create(dataset=dataset, revision=1, features=array, **fields)


def page_of(cast, run, name="alice"):
    answer = cast.client(name).get(reverse("run_detail", args=[run.dataset_id, run.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(("name", "offered"), [("alice", True), ("dora", True), ("ana", False)])
def test_only_who_may_review_is_led_to_review(cast, run, name, offered):
    page = page_of(cast, run, name)
    cluster = run.clusters.get(number=1)
    content = page.split('id="main"')[1]
    for address in (
        reverse("review_queue", args=[run.dataset_id]),
        reverse("noise_gallery", args=[run.dataset_id]),
        reverse("cluster_detail", args=[run.dataset_id, cluster.pk]),
    ):
        assert (f'href="{address}"' in content) is offered
    assert "Cluster 1" in page


def test_an_adopted_run_tells_what_it_changed(cast, run):
    assert "if it is adopted" not in page_of(cast, run)
    ClusterRun.objects.filter(pk=run.pk).update(adopted_aus=[], adopted_at=None)
    assert "if it is adopted" in page_of(cast, run)


def test_figures_are_read_in_thousands(cast, run):
    page = page_of(cast, run)
    assert "<dd>1,200</dd>" in page
    assert "<dd>2,037</dd>" in page


def test_the_better_figure_is_bold_and_no_other(cast, run):
    page = page_of(cast, run)
    assert '<td class="num strong">95.0%</td><td class="num">94.0%</td>' in page
    assert '<td class="num">0.40</td><td class="num strong">0.70</td>' in page


def test_a_weight_against_is_explained(cast, run):
    assert "A negative weight" in page_of(cast, run)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (JobState.RUNNING, "the run goes on"),
        (JobState.FAILED, "This run has no result"),
        (JobState.CANCELLED, "This run has no result"),
    ],
)
def test_an_unfinished_run_says_how_it_stands(cast, run, state, says):
    job = Job.objects.create(
        dataset=run.dataset, kind="clustering", target="run", queue="cpu", state=state, error="No memory is left."
    )
    ClusterRun.objects.filter(pk=run.pk).update(finished_at=None, job=job)
    page = page_of(cast, run)
    assert says in page
    assert ("the run goes on" in page) is (state == JobState.RUNNING)


def test_the_form_names_the_weak_layer_that_a_run_takes_and_what_it_covers(cast, dataset):
    faces = faces_make(dataset, 5)
    layer_make(dataset, LayerKind.WEAK, faces[:4], [[1]] * 4, [12], name="weak")
    layer_make(dataset, LayerKind.WEAK, faces[:2], [[1]] * 2, [12], name="weak 2")
    page = cast.client("alice").get(reverse("run_list", args=[dataset.pk])).content.decode()
    assert "Weak labels: weak, with codes for 4 of 5 faces" in page


def test_the_newest_run_comes_first(cast, run):
    newer = run_make(run.dataset, list(run.dataset.faces.all()), 12, [1] * 6, [1] * 6, adopted=False)
    page = cast.client("alice").get(reverse("run_list", args=[run.dataset_id])).content.decode()
    assert page.index(f">Run {newer.pk}<") < page.index(f">Run {run.pk}<")


def test_what_a_detector_made_leads_to_its_report(cast, run):
    detector = detector_make(run.dataset)
    layer = prediction_layer_make(detector, list(run.dataset.faces.all()), [[0.9] * len(detector.aus)] * 6)
    features = features_make(run.dataset, name="net", detector=detector)
    ClusterRun.objects.filter(pk=run.pk).update(weak_layer=layer, feature_set=features)
    report = f'href="{reverse("detector_detail", args=[run.dataset_id, detector.pk])}"'
    assert page_of(cast, run, "ana").count(report) == 2
    assert report in cast.client("ana").get(reverse("run_list", args=[run.dataset_id])).content.decode()


def test_the_form_opens_by_itself_when_the_first_features_are_there(cast, dataset):
    faces_make(dataset, 1)
    listens, with_form = 'hx-select="#features"', 'hx-select-oob="#start"'
    address = reverse("run_list", args=[dataset.pk])
    assert listens not in cast.client("alice").get(address).content.decode()
    Job.objects.create(dataset=dataset, kind="features", target="features", queue="gpu", state=JobState.RUNNING)
    page = cast.client("alice").get(address).content.decode()
    assert listens in page
    assert with_form in page
    features_make(dataset, name="net")
    page = cast.client("alice").get(address).content.decode()
    assert listens in page
    assert with_form not in page, "a form that may be half filled is left alone"


def test_an_empty_data_set_is_led_to_the_import_and_offered_no_run(cast, dataset):
    page = cast.client("alice").get(reverse("run_list", args=[dataset.pk])).content.decode()
    assert f'href="{reverse("import_list", args=[dataset.pk])}">Import faces' in page
    assert "Start clustering" not in page


def test_settings_with_good_defaults_are_not_called_optional(cast, dataset):
    faces_make(dataset, 1)
    page = cast.client("alice").get(reverse("run_list", args=[dataset.pk])).content.decode()
    assert "(optional)" not in page


def started(cast, dataset, **posted):
    """The configuration of the run that the form starts."""
    faces = faces_make(dataset, 3)
    layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 3, [12])
    features_make(dataset, name="net")
    answer = cast.client("alice").post(reverse("run_create", args=[dataset.pk]), posted)
    assert answer.status_code == 302
    return ClusterRun.objects.get().configuration


def test_the_form_hands_its_choices_to_the_run(cast, dataset, monkeypatch):
    monkeypatch.setattr("clustering.views.runs.job_send", lambda job: None)
    chosen = {
        "lam_steps": "6", "groups": "sets", "vote": "majority", "affinity": "exponential", "cut": "global",
        "delta": "3", "solver": "agd",
    }  # fmt: skip
    told = started(cast, dataset, joint="on", **chosen)
    assert told["joint"] is True
    assert {name: str(told[name]) for name in chosen} == chosen


def test_fields_left_empty_keep_the_defaults(cast, dataset, monkeypatch):
    monkeypatch.setattr("clustering.views.runs.job_send", lambda job: None)
    told = started(cast, dataset)
    assert (told["lam"], told["lam_steps"], told["groups"], told["vote"]) == (0.03, 0, "aus", "witnesses")


def test_lambda_is_told_in_both_units(cast, run):
    run.summary["partitions"][0] |= {"lam": 0.03, "lam_literal": 36.0}
    run.save()
    page = page_of(cast, run)
    assert "<strong>λ 0.03</strong>, in the paper's unit 36." in page
    assert "It was given; no other was tried." in page


def test_the_form_tells_what_lambda_is_in_the_papers_unit(cast, dataset):
    faces_make(dataset, 40)
    page = cast.client("alice").get(reverse("run_list", args=[dataset.pk])).content.decode()
    assert "In the paper&#x27;s unit it is 40 times as large, once for each face: 1.2 for 0.03." in page


@pytest.mark.parametrize(("converged", "kind"), [(True, "small soft"), (False, "notice warning")])
def test_how_near_the_embedding_came_is_told_and_a_shortfall_is_a_warning(cast, run, converged, kind):
    found = {"lam": 0.03, "residual": 0.00712, "iterations": 200, "converged": converged}
    run.summary["partitions"][0] |= found
    run.save()
    page = page_of(cast, run)
    assert "largest residual 0.0071 after 200 rounds" in page
    assert f'<p class="{kind}" id="embedding-residual">' in page


def test_the_neighbour_search_is_named_beside_its_recall(cast, run):
    run.summary |= {"neighbour_search": "ivf", "neighbour_recall": 0.971}
    run.save()
    assert '97.1% <span class="soft">inverted file</span>' in page_of(cast, run)


@pytest.mark.parametrize(
    ("cut", "umqi", "says"),
    [
        ("local", 0.66, "at no loss"),
        ("local", 0.3, "the price for clusters small enough"),
        ("density", 0.3, "the price for clusters small enough"),
        ("global", 0.5, "It is the best of these cuts"),
        ("local", -0.1, "torn apart"),
    ],
)
def test_what_umqi_says_of_the_clusters_depends_on_how_they_were_cut(cast, run, cut, umqi, says):
    run.configuration = {"cut": cut}
    run.summary["partitions"][0]["umqi"] = umqi
    run.save()
    page = page_of(cast, run)
    assert says in page
    assert ("small enough to look through" in page) is (says not in ("It is the best of these cuts", "torn apart"))


def test_a_sweep_tells_how_its_lambda_was_chosen(cast, run):
    rows = [{"lam": lam, "clusters": 2, "umqi": 0.5, "by_reference": 0.0, "merit": lam} for lam in (0.01, 0.5, 0.2)]
    run.summary["partitions"][0] |= {"lam": 0.5, "lam_literal": 600.0, "sweep": rows, "plane_lams": [0.01, 0.5, 0.2]}
    run.save()
    page = page_of(cast, run)
    assert "Chosen out of 3 by the agreement of halves" in page
    assert '<tr aria-current="true" class="strong"><th scope="row" class="num">0.5</th>' in page


def test_faces_that_keep_their_weak_label_are_counted_by_reason(cast, run):
    assert "keep their weak label" not in page_of(cast, run)
    run.summary["per_au"][0]["kept"] = {"its cluster is split evenly": 1200, "the face is in no cluster": 0}
    run.save()
    page = page_of(cast, run)
    assert "<strong>1,200</strong> faces: its cluster is split evenly" in page
    assert "in no cluster" not in page


def test_what_adopting_would_change_is_told_until_it_is_adopted(cast, run):
    assert "What adopting would change" not in page_of(cast, run)
    ClusterRun.objects.filter(pk=run.pk).update(adopted_aus=[], adopted_at=None)
    page = page_of(cast, run)
    assert "What adopting would change" in page
    assert "Nothing: the proposals there now are the same." not in page, "its noise group was never marked"
    assert "Noise group: 1 face newly set apart, 0 taken back." in page


def test_among_many_faces_the_changes_come_after_the_page(cast, run, monkeypatch):
    monkeypatch.setattr("clustering.selectors.adoption.INLINE_FACES", 5)
    ClusterRun.objects.filter(pk=run.pk).update(adopted_aus=[], adopted_at=None)
    address = reverse("run_changes", args=[run.dataset_id, run.pk])
    assert f'hx-get="{address}"' in page_of(cast, run)
    assert "Noise group: 1 face" in cast.client("ana").get(address).content.decode()
    assert cast.client("bob").get(address).status_code == 403


def test_an_unfinished_run_changes_nothing_yet(cast, run):
    ClusterRun.objects.filter(pk=run.pk).update(finished_at=None)
    answer = cast.client("alice").get(reverse("run_changes", args=[run.dataset_id, run.pk]))
    assert answer.status_code == 409
