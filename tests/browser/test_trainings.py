"""Ordering a training and watching it in Chromium: with script, and without."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone

from annotator.choices import FaceRole, JobState, LayerKind
from annotator.models import Job, Subject
from tests.browser.test_accessibility import RULES_OF
from tests.factories import detector_make, faces_make, layer_make, training_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def coded(dataset):
    """Six faces of three subjects with reference codes, two test faces, and weak codes for all."""
    faces = []
    for number in range(3):
        faces += faces_make(dataset, 2, subject=Subject.objects.create(dataset=dataset, pseudonym=f"S{number}"))
    tests = faces_make(dataset, 2, role=FaceRole.TEST)
    more = faces_make(dataset, 4)
    layer_make(dataset, LayerKind.REFERENCE, faces + tests, [[1, 0], [0, 1]] * 4, [12, 25])
    layer_make(dataset, LayerKind.WEAK, faces + tests + more, [[1, 0], [0, 1]] * 6, [12, 25])
    return dataset


def test_an_order_is_checked_while_it_is_filled_and_then_started(coded, cast, page_of):
    page = page_of(cast.alice)
    page.goto(reverse("detector_create", args=[coded.pk]))
    assert "weak 8" not in page.inner_text("#check")
    page.fill("[name=name]", "From weak labels too")
    page.check("[name=weak]")
    page.wait_for_selector("#check >> text=weak 8")
    page.click("text=Adversarial semi-supervised")
    page.wait_for_selector("[name='adversarial.alpha']")
    assert page.input_value("[name=name]") == "From weak labels too"
    assert page.is_checked("[name=weak]")
    assert "weak 8" in page.inner_text("#check")
    page.click("text=As in the paper")
    page.wait_for_selector("[name='network.input_size'][value='224']")
    assert page.input_value("[name=name]") == "From weak labels too"
    assert page.is_checked("[name=weak]")
    page.fill("[name='adversarial.alpha']", "0.3")
    page.click("#start")
    page.wait_for_url(re.compile(r"/trainings/\d+/$"))
    job = Job.objects.get(kind="training")
    settings = job.params["settings"]
    assert (settings["preset"], settings["network"]["name"]) == ("paper", "resnet50")
    assert settings["adversarial"]["alpha"] == 0.3
    assert job.params["sources"] == {"proposals": False, "weak": True}


def test_a_value_out_of_bounds_is_not_sent_and_comes_back_where_it_is(coded, cast, page_of):
    page = page_of(cast.alice)
    page.goto(reverse("detector_create", args=[coded.pk]))
    page.fill("[name='training.batch']", "1")
    page.click("#start")
    assert page.evaluate("document.querySelector('#training-form').checkValidity()") is False
    page.evaluate("document.querySelector('#training-form').noValidate = true")
    page.click("#start")
    page.wait_for_selector("text=At least 2.")
    assert page.input_value("[name='training.batch']") == "1"
    assert page.get_attribute("[name='training.batch']", "aria-invalid") == "true"


def test_a_training_is_seen_live_to_its_end(coded, cast, page_of):
    job = training_make(coded, networks=1, epochs=4, log="", created_by=cast.alice)
    page = page_of(cast.alice)
    page.goto(reverse("training_detail", args=[coded.pk, job.pk]))
    assert "epoch 2 of 30" in page.inner_text("#training")
    page.click("summary:has-text('Log')")
    later = training_make(coded, networks=2, epochs=6)
    Job.objects.filter(pk=job.pk).update(curves=later.curves, fraction=0.6, log="10:05:00 The second network\n")
    page.wait_for_selector("text=60%")
    assert "epoch 3 of 30" in page.inner_text("#training")
    assert page.is_visible("text=The second network"), "the log that was opened stays open"
    page.click("#training >> nav >> text=1")
    page.wait_for_url(re.compile(r"network=fold-0"))
    detector = detector_make(coded, name="Brows, at last")
    Job.objects.filter(pk=job.pk).update(
        state=JobState.DONE, fraction=1, result={"detector": detector.pk}, finished_at=timezone.now()
    )
    page.click("text=See the report")
    page.wait_for_url(f"**{reverse('detector_detail', args=[coded.pk, detector.pk])}")


def test_an_unchanged_training_is_left_alone(coded, cast, page_of):
    job = training_make(coded)
    page = page_of(cast.alice)
    page.goto(reverse("training_detail", args=[coded.pk, job.pk]))
    page.evaluate("document.querySelector('#training').dataset.mine = 'kept'")
    for _poll in range(2):
        with page.expect_response(lambda response: "seen=" in response.url) as answer:
            pass
        assert answer.value.status == 204
    assert page.get_attribute("#training", "data-mine") == "kept"


def test_all_of_it_works_without_script(coded, cast, page_of):
    page = page_of(cast.alice, java_script_enabled=False)
    page.goto(reverse("detector_list", args=[coded.pk]))
    page.click("main >> text=New training")
    page.click("text=Adversarial semi-supervised")
    page.fill("[name='adversarial.alpha']", "0.2")
    page.check("[name=weak]")
    page.click("button[name=look]")
    assert "weak 8" in page.inner_text("#check")
    assert page.input_value("[name='adversarial.alpha']") == "0.2"
    page.click("#start")
    page.wait_for_url(re.compile(r"/trainings/\d+/$"))
    page.click("noscript a")
    page.click("#training-cancel")
    page.wait_for_url(re.compile(r"/trainings/\d+/$"))
    assert "This training was cancelled" in page.inner_text("#training")
    page.click("text=Clone")
    assert page.input_value("[name='adversarial.alpha']") == "0.2"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(coded, cast, page_of, scheme):
    snapshot = detector_make(coded, promoted_at=timezone.now()).snapshot_id
    detector_make(coded, f1=0.6)
    states = [
        training_make(coded, checkpoint={"snapshot": snapshot}, networks=3),
        training_make(coded, state=JobState.QUEUED, networks=0, counts={}, log=""),
        training_make(coded, state=JobState.FAILED, error="The disk is full."),
        training_make(coded, state=JobState.CANCELLED),
        training_make(coded, state=JobState.DONE, networks=4, result={"detector": 1}),
    ]
    page = page_of(cast.alice, color_scheme=scheme, bypass_csp=True)
    found = []

    def look(name):
        page.wait_for_load_state("networkidle")
        violations = Axe().run(page, options=RULES_OF).response["violations"]
        found.extend(f"{name}: {one['id']} at {one['nodes'][0]['target']}" for one in violations)

    for job in states:
        page.goto(reverse("training_detail", args=[coded.pk, job.pk]))
        page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
        look(job.state)
    page.goto(reverse("detector_list", args=[coded.pk]))
    look("list")
    page.goto(reverse("detector_create", args=[coded.pk]) + "?method=adversarial")
    page.fill("[name='training.epochs']", "0")
    page.evaluate("document.querySelector('#training-form').noValidate = true")
    page.click("#start")
    page.wait_for_selector("text=At least 1.")
    page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
    look("refused order")
    assert not found
