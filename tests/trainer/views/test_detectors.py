"""Report pages of detectors: who sees what, every figure that can be chosen, every state on the way onwards."""

import copy
import re
from functools import cache

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from annotator.choices import JobState, LayerKind, Mode
from annotator.models import Assignment, AuditEntry, ClusterRun, Detector, FeatureSet, Job
from annotator.services.datasets import dataset_create
from tests.factories import detector_make, faces_make, layer_make, prediction_layer_make, training_make
from tests.trainer.reports import EIGHTEEN, brief_report_made, report_made
from trainer.algorithms.events import events_measure

HOSTILE = "\"'><img src=x onerror=alert(1)>{{7*7}}\n# [x](javascript:1)"
PAGES = ("detector_detail", "detector_card", "detector_weights")
AUS = [1, 12, 25]


@cache
def kept(aus=tuple(AUS), skill=1.5):
    return report_made(aus, faces=90, subjects=9, skill=skill)


@pytest.fixture
def detector(dataset):
    faces_make(dataset, 6)
    name = default_storage.save("weights.safetensors", ContentFile(b"weights" * 1000))
    return detector_make(dataset, aus=AUS, report=copy.deepcopy(kept()), weights_name=name)


def address(name, detector, query=""):
    return reverse(name, args=[detector.dataset_id, detector.pk]) + query


def page_of(cast, detector, query="", who="ana"):
    answer = cast.client(who).get(address("detector_detail", detector, query))
    assert answer.status_code == 200
    return answer.content.decode()


def compare_of(cast, dataset, *detectors, query="", who="ana"):
    asked = "&".join(f"d={one.pk}" for one in detectors)
    return cast.client(who).get(reverse("detector_compare", args=[dataset.pk]) + f"?{asked}{query}")


def blind(dataset, user):
    Assignment.objects.create(
        dataset=dataset, coder=user, aus=1, mode=Mode.BLIND, state="open", lease_until=timezone.now()
    )


# who


@pytest.mark.parametrize(
    ("who", "status"), [("ana", 200), ("dora", 200), ("alice", 200), ("bob", 403), ("charlie", 404)]
)
def test_who_sees_a_report(cast, detector, who, status):
    for name in PAGES:
        assert cast.client(who).get(address(name, detector)).status_code == status, name
    assert compare_of(cast, detector.dataset, detector, who=who).status_code == status


def test_who_codes_blind_sees_none(cast, detector):
    blind(detector.dataset, cast.dora)
    for name in PAGES:
        answer = cast.client("dora").get(address(name, detector))
        assert answer.status_code == 403 and b"AU12" not in answer.content, name
    assert compare_of(cast, detector.dataset, detector, who="dora").status_code == 403


def test_another_data_sets_detector_is_not_there(cast, detector):
    other = dataset_create(name="Frowns", user=cast.alice, aus=[4])
    for number in (detector.pk, 10**20):
        assert cast.client("alice").get(reverse("detector_detail", args=[other.pk, number])).status_code == 404


def test_only_an_admin_is_offered_what_changes_something(cast, detector):
    offers = [address("detector_promote", detector), address("detector_predict", detector), "?clone="]
    assert all(offer in page_of(cast, detector, who="alice") for offer in offers)
    assert not any(offer in page_of(cast, detector, who="ana") for offer in offers)
    for name in ("detector_promote", "detector_predict"):
        for who in ("ana", "dora", "bob"):
            assert cast.client(who).post(address(name, detector)).status_code == 403
    assert not Job.objects.exists() and not Detector.objects.exclude(promoted_at=None).exists()


# figures


def current_cell(page):
    """Text of the cell of the head that is marked as chosen."""
    [cell] = re.findall(r'<td><a href="([^"]+)" aria-current="true">(.*?)</a>', page, re.DOTALL)
    return cell[0].replace("&amp;", "&"), re.sub(r"<[^>]+>", " ", cell[1])


@pytest.mark.parametrize("evaluation", ["cross_validation", "test"])
@pytest.mark.parametrize("rule", ["fixed", "validation", "base_rate"])
def test_evaluation_and_rule_are_chosen_in_the_head(cast, detector, evaluation, rule):
    page = page_of(cast, detector, f"?evaluation={evaluation}&rule={rule}")
    link, text = current_cell(page)
    told = detector.report[evaluation]["mean"]["rules"][rule]
    assert link == f"?evaluation={evaluation}&rule={rule}"
    assert f"{told['f1']['value']:.3f}" in text and f"{told['f1']['low']:.3f}–{told['f1']['high']:.3f}" in text
    assert f"<dd>{told['s_score']:.3f}</dd>" in page
    row = detector.report[evaluation]["aus"][1]
    assert f'<td class="num">{row["rules"][rule]["precision"]:.2f}</td>' in page
    assert ("F1 and AUC by fold" in page) is (evaluation == "cross_validation")


@pytest.mark.parametrize("query", ["", "?evaluation=x&rule=y&au=z", "?au=²", "?au=99", "?au=" + "9" * 50])
def test_what_makes_no_sense_shows_the_usual(cast, detector, query):
    page = page_of(cast, detector, query)
    assert (
        current_cell(page)[0].startswith("?") and 'id="one-title"><abbr class="au" title="inner brow raiser">' in page
    )


def test_one_au_is_looked_at_closely(cast, detector):
    page = page_of(cast, detector, "?au=12")
    one = page.partition('id="one"')[2].partition("</section>")[0]
    told = detector.report["cross_validation"]["aus"][1]
    assert "AU12" in one and "lip corner puller" in one
    assert f"{told['rules']['validation']['threshold']:.3f}" in one
    assert one.count('class="dot"') == len(told["calibration"])
    assert address("score_distribution", detector) in one


def test_calibration_is_told_as_a_mean_too_also_of_reports_that_kept_none(cast, detector):
    mean = detector.report["test"]["mean"]
    error, brier = mean.pop("calibration_error"), mean.pop("brier")
    for evaluation in ("test", "cross_validation"):
        told = detector.report[evaluation]["mean"]
        error, brier = told.get("calibration_error", error), told.get("brier", brier)
        page = page_of(cast, detector, f"?evaluation={evaluation}")
        assert f"<dd>{error:.3f}</dd>" in page and f"<dd>{brier:.3f}</dd>" in page


def test_where_each_fold_has_its_own_threshold_the_detectors_is_shown_and_told_apart(cast, detector):
    for told in detector.report["cross_validation"]["aus"]:
        told["rules"]["validation"]["threshold"] = None
    detector.thresholds = [0.31, 0.42, 0.53]
    detector.save()
    page = page_of(cast, detector, "?au=12")
    assert '<td class="num soft">0.42</td>' in page and "each fold was judged by one of its own" in page
    assert "<dd>0.420</dd>" in page.partition('id="one"')[2].partition("</section>")[0]
    for query in ("?rule=fixed", "?rule=base_rate", "?evaluation=test"):
        assert "each fold was judged" not in page_of(cast, detector, query), query


def test_folds_are_judged_by_f1_and_auc_and_by_f1_alone_in_earlier_reports(cast, detector):
    folds = detector.report["cross_validation"]["folds"]
    page = page_of(cast, detector, "?evaluation=cross_validation")
    assert "F1 and AUC by fold" in page
    assert all(f'<td class="num">{fold["mean_auc"]:.2f}</td>' in page for fold in folds)
    for fold in folds:
        del fold["auc"], fold["mean_auc"]
    detector.save()
    assert "F1 and AUC by fold" not in page_of(cast, detector, "?evaluation=cross_validation")


def test_undefined_figures_are_told_as_such(cast, detector):
    told = detector.report["cross_validation"]
    told["aus"][0] |= {"positives": 0, "base_rate": 0.0, "auc": None}
    for rule, calls in told["aus"][0]["rules"].items():
        calls |= {"f1": None, "precision": None, "recall": None}
        told["mean"]["rules"][rule]["aus"] = 2
    for fold in told["folds"]:
        fold["auc"][0] = None
        for rule in fold["rules"].values():
            rule["f1"][0] = None
    detector.save()
    page = page_of(cast, detector)
    assert "undefined: no face has it" in page and "over 2 of 3 AUs" in page
    assert "Undefined, and in no mean" in page
    row = page.partition('aria-current="true">\n        <th scope="row">')[2].partition("</tr>")[0]
    assert "0.00" not in row.partition('<td class="num">–</td>')[0]


def test_a_report_in_which_nothing_is_defined_is_borne(cast, detector):
    detector.report = emptied(detector.report)
    detector.save()
    page = page_of(cast, detector)
    assert page.count("undefined") > 5
    assert compare_of(cast, detector.dataset, detector, detector_make(detector.dataset, aus=AUS)).status_code == 200
    assert cast.client("ana").get(address("detector_card", detector)).status_code == 200


def emptied(report):
    """The report with None for whatever may be undefined."""
    if isinstance(report, dict):
        if set(report) == {"value", "low", "high"}:
            return None
        may = {"brier", "calibration_error", "base_rate", "auc", "f1", "mean_f1", "f1_folds", "auc_folds", "mean_auc",
               "s_score", "accuracy", "balanced_accuracy", "precision", "recall", "marginal_mean",
               "conditional_mean"}  # fmt: skip
        return {
            name: []
            if name == "calibration"
            else None
            if name in may and not isinstance(value, list | dict)
            else emptied(value)
            for name, value in report.items()
            if name != "histograms"
        }
    if isinstance(report, list) and report and all(isinstance(one, float) for one in report):
        return [None] * len(report)
    return [emptied(one) for one in report] if isinstance(report, list) else report


def test_a_missing_test_evaluation_says_why(cast, detector):
    detector.report |= {"test": None, "test_why": "No test face has a consensus, coder or reference code."}
    detector.save()
    assert "No test face has a consensus" in page_of(cast, detector, "?evaluation=test")


def test_a_brief_report_shows_what_is_there_and_says_what_is_not(cast, dataset):
    detector = detector_make(
        dataset, aus=AUS, method="default", report=brief_report_made(3), configuration={"folds": 3}
    )
    detector.snapshot.summary = {}
    detector.snapshot.save()
    page = page_of(cast, detector, who="alice")
    assert "made along with a feature set" in page and "not computed" in page
    assert "0.660" in page and "over 2 of 3 AUs" in page and "31" in page
    assert "?clone=" not in page


def test_a_detector_without_a_report_has_a_page(cast, dataset):
    page = page_of(cast, detector_make(dataset, aus=AUS, report={}))
    assert "holds no evaluation" in page and "What it was made from" in page


@pytest.mark.parametrize("aus", [(12,), EIGHTEEN])
def test_few_and_many_aus_are_drawn(cast, dataset, aus):
    detector = detector_make(dataset, aus=aus, report=kept(aus))
    page = page_of(cast, detector)
    cells = re.findall(r'<rect x="[\d.]+" y="[\d.]+" width="[\d.]+" height="[\d.]+" fill-opacity', page)
    pairs = len(aus) ** 2 if len(aus) > 1 else 0
    assert len(cells) == 3 * pairs
    assert ("no combinations" in page) is (len(aus) == 1)
    assert len(page) < 400_000


def test_every_network_is_drawn(cast, detector):
    page = page_of(cast, detector)
    assert page.count("Network without fold") >= 3 and "The detector itself" in page


def test_what_it_was_made_from_is_told(cast, detector):
    detector.job = training_make(detector.dataset, state=JobState.DONE)
    detector.configuration["training"]["epochs"] = 77
    detector.save()
    detector.snapshot.summary |= {
        "left_out": {"noise": 41, "gone": 3},
        "aus": [{"au": 1, "present": 1234, "absent": 5, "present_subjects": 2}],
    }
    detector.snapshot.save()
    page = page_of(cast, detector)
    assert reverse("training_detail", args=[detector.dataset_id, detector.job_id]) in page
    assert "41 set apart as noise" in page and "3 gone" in page and "1,234" in page
    assert re.search(r"77\s*<span[^>]*>preset: 30", page) and detector.weights_sha256 in page
    assert "13 min" in page and "cpu, float32, 2 threads" in page


# names


def test_hostile_names_are_text(cast, detector):
    Detector.objects.update(name=HOSTILE[:120])
    detector.dataset.name = HOSTILE
    detector.dataset.save()
    other = detector_make(
        detector.dataset, name=HOSTILE[:120] + "2", aus=AUS, report=kept(), promoted_at=timezone.now()
    )
    pages = [
        page_of(cast, detector, who="alice"),
        compare_of(cast, detector.dataset, detector, other).content.decode(),
    ]
    for page in pages:
        assert "<img src=x" not in page and "&lt;img src=x" in page and "49" not in re.findall(r"\{\{.*?\}\}", page)
    card = cast.client("ana").get(address("detector_card", detector))
    assert "<img" not in card.content.decode().replace(r"\<img", "")
    assert (
        card["Content-Disposition"]
        == f'attachment; filename="img-srcx-onerroralert177-xjavascript1-detector-{detector.pk}.md"'
    )


# onwards


def test_promoting_makes_predictions_and_takes_the_place_of_another(cast, detector):
    before = detector_make(detector.dataset, name="before", promoted_at=timezone.now())
    assert "in the place of “before”" in page_of(cast, detector, who="alice")
    answer = cast.client("alice").post(address("detector_promote", detector), follow=True)
    assert answer.redirect_chain == [(address("detector_detail", detector), 302)]
    page = answer.content.decode()
    job = Job.objects.get(kind="prediction")
    assert job.target == f"prediction:{detector.pk}" and f'id="job-{job.pk}"' in page
    assert "Promoted" in page and address("detector_promote", detector) not in page
    before.refresh_from_db()
    assert before.promoted_at is None


def test_predicting_only_leaves_the_promoted_one(cast, detector):
    cast.client("alice").post(address("detector_predict", detector))
    cast.client("alice").post(address("detector_predict", detector))
    assert Job.objects.filter(kind="prediction", params={"detector": detector.pk}).count() == 1
    detector.refresh_from_db()
    assert detector.promoted_at is None


def test_a_failed_prediction_can_be_resumed(cast, detector):
    job = Job.objects.create(
        dataset=detector.dataset, kind="prediction", target=f"prediction:{detector.pk}", queue="gpu",
        state=JobState.FAILED, error="The disk is full.",
    )  # fmt: skip
    page = page_of(cast, detector, who="alice")
    assert "The disk is full." in page and reverse("job_resume", args=[detector.dataset_id, job.pk]) in page


@pytest.fixture
def predicted(detector):
    faces = list(detector.dataset.faces.order_by("position"))
    prediction_layer_make(detector, faces, [[0.9, 0.1, 0.6]] * len(faces))
    FeatureSet.objects.create(
        dataset=detector.dataset, detector=detector, name="features", revision=1, features=detector.snapshot.codes
    )
    return detector


def test_the_next_round_starts_with_its_predictions_and_features(cast, predicted):
    page = page_of(cast, predicted, who="alice")
    form = page.partition(f'action="{reverse("run_create", args=[predicted.dataset_id])}"')[2].partition("</form>")[0]
    values = dict(re.findall(r'name="(feature_set|weak_layer)" value="(\d+)"', form))
    answer = cast.client("alice").post(reverse("run_create", args=[predicted.dataset_id]), values)
    run = ClusterRun.objects.get()
    assert answer["Location"] == reverse("run_detail", args=[predicted.dataset_id, run.pk])
    assert run.feature_set.detector == predicted and run.weak_layer.detector == predicted
    assert reverse("run_create", args=[predicted.dataset_id]) not in page_of(cast, predicted, who="ana")


def test_faces_that_came_later_are_told(cast, predicted):
    assert "Predict again" not in page_of(cast, predicted, who="alice")
    faces_make(predicted.dataset, 2)
    page = page_of(cast, predicted, who="alice")
    assert "2 faces have come since" in page and "Predict again" in page


def test_a_reference_layer_of_the_same_data_set_is_no_prediction(cast, detector):
    layer_make(detector.dataset, LayerKind.WEAK, list(detector.dataset.faces.all()), [[1]] * 6, [12])
    assert "Start the next round" not in page_of(cast, detector, who="alice")


# files


def test_weights_are_streamed_and_noted(cast, detector):
    answer = cast.client("ana").get(address("detector_weights", detector))
    assert answer.streaming and b"".join(answer.streaming_content) == b"weights" * 1000
    assert f'detector-{detector.pk}.safetensors"' in answer["Content-Disposition"]
    assert answer["Content-Disposition"].startswith("attachment")
    assert AuditEntry.objects.filter(dataset=detector.dataset, user=cast.ana, action__contains="weights").exists()


def test_weights_that_are_gone_are_said_to_be(cast, detector):
    default_storage.delete(detector.weights_name)
    answer = cast.client("ana").get(address("detector_weights", detector))
    assert answer.status_code == 404 and b"not in the storage" in answer.content


def test_the_card_is_markdown_with_the_figures_of_the_page(cast, detector):
    answer = cast.client("ana").get(address("detector_card", detector))
    card = answer.content.decode()
    assert answer["Content-Type"] == "text/markdown; charset=utf-8"
    assert answer["Content-Disposition"].startswith("attachment")
    f1 = detector.report["test"]["aus"][1]["rules"]["validation"]["f1"]
    assert f"{f1['value']:.3f} ({f1['low']:.3f}–{f1['high']:.3f})" in card


def test_a_brief_detectors_card_says_what_is_known(cast, dataset):
    detector = detector_make(dataset, aus=AUS, method="default", report=brief_report_made(3))
    card = cast.client("ana").get(address("detector_card", detector)).content.decode()
    assert "mean F1 0.660" in card and "not judged on test faces" in card


# side by side


def test_two_are_compared(cast, dataset):
    one = detector_make(dataset, name="one", aus=AUS, report=kept(skill=0.6))
    two = detector_make(dataset, name="two", aus=AUS, report=kept(skill=3.0), method="adversarial")
    page = compare_of(cast, dataset, one, two, query="&evaluation=test&rule=base_rate").content.decode()
    means = [detector.report["test"]["mean"]["rules"]["base_rate"]["f1"]["value"] for detector in (one, two)]
    assert f"{means[0]:.3f}" in page and f"+{means[1] - means[0]:.3f}" in page
    assert "adversarial.alpha" in page and "Adversarial semi-supervised" in page
    assert f"?d={one.pk}&amp;d={two.pk}&amp;evaluation=test&amp;rule=fixed" in page
    assert page.count('<svg class="heat difference') == 2
    for detector in (one, two):
        mean = detector.report["test"]["mean"]
        assert f"<td>{mean['calibration_error']:.3f}</td>" in page and f"<td>{mean['brier']:.3f}</td>" in page


def test_fewer_than_two_are_chosen_from_a_list(cast, dataset):
    assert b"Nothing to compare yet" in compare_of(cast, dataset).content
    one, two = detector_make(dataset, name="one"), detector_make(dataset, name="two")
    page = compare_of(cast, dataset, one).content.decode()
    assert f'value="{one.pk}" checked' in page and f'value="{two.pk}">' in page


def test_more_than_four_and_strangers_are_refused(cast, dataset):
    many = [detector_make(dataset, name=str(number)) for number in range(5)]
    answer = compare_of(cast, dataset, *many)
    assert answer.status_code == 400 and b"Compare 4 detectors at most" in answer.content
    other = dataset_create(name="Frowns", user=cast.alice, aus=[12, 25])
    stranger = detector_make(other, name="stranger")
    assert b"stranger" not in compare_of(cast, dataset, many[0], stranger, query="&d=x&d=").content


def test_several_brief_ones_are_compared(cast, dataset):
    made = [detector_make(dataset, name=str(n), aus=AUS, method="default", report=brief_report_made(3)) for n in "ab"]
    assert compare_of(cast, dataset, *made).status_code == 200


# cost


def test_pages_cost_the_same_however_much_they_show(cast, dataset, django_assert_max_num_queries):
    few = detector_make(dataset, name="few", aus=[12], report=kept((12,)))
    many = [detector_make(dataset, name=f"many {n}", aus=EIGHTEEN, report=kept(EIGHTEEN)) for n in range(4)]
    client = cast.client("ana")
    for detector in (few, many[0]):
        with django_assert_max_num_queries(13):
            client.get(address("detector_detail", detector))
    for chosen in (many[:2], many):
        asked = "&".join(f"d={one.pk}" for one in chosen)
        with django_assert_max_num_queries(7):
            assert client.get(reverse("detector_compare", args=[dataset.pk]) + f"?{asked}").status_code == 200


@pytest.mark.parametrize(
    ("source", "words", "in_card"),
    [
        ("column", "From the imported column", "the imported column"),
        ("aus", "Inferred from weak codes", "inferred from weak codes"),
    ],
)
def test_the_page_and_the_card_tell_where_emotions_came_from(cast, detector, source, words, in_card):
    assert "<dt>Emotions</dt>" not in page_of(cast, detector)
    told = {"emotions": {"neutral": 20, "happiness": 1300}, "source": source}
    detector.report["trainings"]["pretraining"] = detector.report["trainings"]["detector"] | told
    detector.save()
    page = page_of(cast, detector)
    assert re.search(rf"<dt>Emotions</dt><dd>{words}: 1,300&nbsp;happiness, 20&nbsp;neutral</dd>", page)
    card = cast.client("ana").get(address("detector_card", detector)).content.decode()
    assert f"emotions of 1,320 faces, {in_card}: happiness 1,300" in card


def test_events_are_shown_where_faces_are_frames_of_clips(cast, detector):
    assert 'id="events"' not in page_of(cast, detector)
    labels = np.array([[0, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]], np.int8)
    detector.report["cross_validation"]["events"] = events_measure(labels, labels == 1, np.ones(4), np.arange(4))
    detector.save()
    page = page_of(cast, detector, "?au=12&evaluation=cross_validation")
    assert 'id="events"' in page
    assert "4 frames of clips" in page
    assert "AU12 by the overlap asked for" in page
    assert "0/0: without an event there is no recall" in page
    assert page.count('<tr class="fold">') == len(detector.report["cross_validation"]["folds"])
    assert 'id="events"' not in page_of(cast, detector, "?evaluation=test")
