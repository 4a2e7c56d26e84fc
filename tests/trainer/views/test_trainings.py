"""The training pages: what each role is offered, every state of a training, orders checked and started."""

import hashlib
import re
import uuid

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from annotator.choices import FaceRole, JobState, LayerKind, Mode
from annotator.models import Assignment, Job, Subject
from annotator.services.decisions import decision_make
from tests.factories import detector_make, faces_make, layer_make, training_make
from trainer.algorithms.methods import METHODS, settings_load, settings_make
from trainer.views import trainings
from trainer.views.forms import TrainingForm

HTMX = {"HX-Request": "true"}


@pytest.fixture
def coded(dataset):
    """Ten faces of five subjects with reference codes, two test faces, and weak codes for all."""
    faces = []
    for number in range(5):
        subject = Subject.objects.create(dataset=dataset, pseudonym=f"S{number}")
        faces += faces_make(dataset, 2, subject=subject)
    tests = faces_make(dataset, 2, role=FaceRole.TEST)
    more = faces_make(dataset, 8)
    layer_make(dataset, LayerKind.REFERENCE, faces + tests, [[1, 0], [0, 1]] * 6, [12, 25])
    layer_make(dataset, LayerKind.WEAK, faces + tests + more, [[1, 0], [0, 1]] * 10, [12, 25])
    return dataset


def html(answer, status=200):
    assert answer.status_code == status
    return answer.content.decode()


def ordered(method="alexnet", preset="quick", **changes):
    """What the browser sends for the method's preset, some fields changed."""
    form = TrainingForm(method, preset=preset)
    values = {path: str(form[path].value()) for path in form.paths}
    return {"method": method, "preset": preset, "chosen": "1", **values, **changes}


def listed(cast, dataset, name="alice"):
    return html(cast.client(name).get(reverse("detector_list", args=[dataset.pk])))


def order_page(cast, dataset, query=""):
    return html(cast.client("alice").get(reverse("detector_create", args=[dataset.pk]) + query))


def training_page(cast, job, name="alice", query="", **options):
    return cast.client(name).get(reverse("training_detail", args=[job.dataset_id, job.pk]) + query, **options)


def ticked(page):
    """The names of the check boxes that are ticked."""
    boxes = re.findall(r'<input type="checkbox"[^>]*>', page)
    return [re.search(r'name="(\w+)"', box)[1] for box in boxes if " checked" in box]


def blind_make(cast, dataset, name):
    Assignment.objects.create(
        dataset=dataset, coder=getattr(cast, name), aus=1, mode=Mode.BLIND, lease_until=timezone.now()
    )


# the list


def test_an_empty_list_leads_to_the_next_step(cast, dataset):
    assert reverse("import_list", args=[dataset.pk]) in listed(cast, dataset).split('id="main"')[1]
    faces_make(dataset, 1)
    new = reverse("detector_create", args=[dataset.pk])
    assert listed(cast, dataset).count(f'href="{new}"') == 1
    assert new not in listed(cast, dataset, "ana")


def test_a_detector_is_listed_with_what_it_learned_from_and_how_well(cast, dataset):
    faces_make(dataset, 4)
    detector_make(dataset, name="Brows", f1=0.71, sources={"reference": 8}, promoted_at=timezone.now())
    page = listed(cast, dataset, "ana")
    for words in ("Brows", "AlexNet-BN", "4 faces", "reference", "0.71", "0.67–0.75", "0.69", "Promoted"):
        assert words in page, words


def test_two_detectors_or_more_may_be_compared(cast, dataset):
    faces_make(dataset, 2)
    first = detector_make(dataset)
    assert "Compare those ticked" not in listed(cast, dataset)
    second = detector_make(dataset)
    page = listed(cast, dataset)
    assert f'action="{reverse("detector_compare", args=[dataset.pk])}"' in page
    for detector in (first, second):
        assert f'name="d" value="{detector.pk}"' in page


def test_trainings_at_work_and_broken_off_are_on_the_list(cast, dataset):
    faces_make(dataset, 2)
    running = training_make(dataset)
    failed = training_make(dataset, state=JobState.FAILED, error="The disk is full.")
    page = listed(cast, dataset)
    for job in (running, failed):
        assert reverse("training_detail", args=[dataset.pk, job.pk]) in page
    assert "The disk is full." in page
    assert 'hx-trigger="jobEnded from:body"' in page


def test_queries_of_the_list_do_not_grow_with_detectors(cast, dataset, django_assert_max_num_queries):
    faces_make(dataset, 2)
    for _number in range(12):
        detector_make(dataset)
        training_make(dataset, state=JobState.FAILED)
    training_make(dataset)
    client = cast.client("alice")
    with django_assert_max_num_queries(12):
        client.get(reverse("detector_list", args=[dataset.pk]))


@pytest.mark.parametrize("name", ["detector_list", "training_detail"])
def test_somebody_coding_blind_is_refused(cast, dataset, name):
    blind_make(cast, dataset, "dora")
    arguments = [dataset.pk] + ([training_make(dataset).pk] if name == "training_detail" else [])
    answer = cast.client("dora").get(reverse(name, args=arguments))
    assert "blind assignment" in html(answer, 403)


# the order


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_chosen_by_its_link(cast, coded, method):
    page = order_page(cast, coded, f"?method={method}")
    for other in METHODS.values():
        assert f'href="?method={other.name}&amp;preset=quick"' in page
        assert escape(other.about) in page
    assert f'<input type="hidden" name="method" value="{method}">' in page
    assert page.count('aria-current="true"') == 3, "the card, the preset, and the place in the bar"


@pytest.mark.parametrize("method", METHODS)
def test_the_papers_settings_are_chosen_by_their_link(cast, coded, method):
    page = order_page(cast, coded, f"?method={method}&preset=paper")
    assert f'href="?method={method}&amp;preset=quick"' in page
    assert '<input type="hidden" name="preset" value="paper">' in page
    assert escape(METHODS[method].published_about.split(":")[0]) in page
    assert f'value="{METHODS[method].published.network.input_size}"' in page
    assert 'name="preset" value="quick"' in order_page(cast, coded, f"?method={method}&preset=slow")


def test_an_order_begun_from_the_paper_is_cloned_as_such(cast, coded):
    data = ordered("alexnet", "paper", **{"training.epochs": "3"})
    answer = cast.client("alice").post(reverse("detector_create", args=[coded.pk]), data)
    job = Job.objects.get(kind="training")
    expected = settings_make("alexnet", {"training.epochs": 3}, preset="paper")
    assert (answer.status_code, settings_load(job.params["settings"])) == (302, expected)
    page = order_page(cast, coded, f"?clone=job-{job.pk}")
    assert 'name="preset" value="paper"' in page and "Preset: 90." in page
    told = html(cast.client("alice").get(reverse("training_detail", args=[coded.pk, job.pk])))
    assert "begun from the paper's settings" in told and "(preset 90)" in told


def test_an_unknown_method_is_the_first(cast, coded):
    assert 'name="method" value="alexnet"' in order_page(cast, coded, "?method=vgg")


def test_switching_the_method_keeps_name_and_sources(cast, coded):
    page = order_page(cast, coded, "?method=resnet&chosen=1&weak=on&name=Mine")
    assert 'value="Mine"' in page
    assert ticked(page) == ["weak"]


def test_the_data_sets_own_rule_about_proposals_is_the_default(cast, coded):
    assert ticked(order_page(cast, coded)) == []
    coded.accept_proposals = True
    coded.save()
    assert ticked(order_page(cast, coded)) == ["proposals"]


def test_the_check_stands_beside_the_order(cast, coded):
    page = order_page(cast, coded)
    check = page[page.index('id="check"') :]
    for words in ("10", "of 20", "AU12", "reference", "test faces, for reporting only", "have no code"):
        assert words in check, words
    assert "disabled" not in check


def test_the_check_shows_single_codes_left_out(cast, coded):
    assert "Single codes left out" not in order_page(cast, coded)
    face = coded.faces.order_by("position").first()
    decision_make(
        dataset=coded, user=cast.bob, kind="unscorable", faces=[face.position], aus=[12], mode="assisted",
        scope="face", client_id=uuid.uuid4(),
    )  # fmt: skip
    table = order_page(cast, coded).partition("Single codes left out")[2].partition("</table>")[0]
    assert "AU12" in table and "AU25" not in table
    assert re.findall(r'class="num">(\d+)<', table) == ["1", "0"]


def test_the_check_follows_the_sources(cast, coded):
    client = cast.client("alice")
    address = reverse("detector_create", args=[coded.pk])
    asked = {**HTMX, "HX-Target": "check"}
    without = html(client.get(address, {"chosen": "1"}, headers=asked))
    with_weak = html(client.get(address, {"chosen": "1", "weak": "on", "folds": "4"}, headers=asked))
    assert "<html" not in without
    assert "weak 20" not in without
    assert "weak 16" in with_weak
    assert without != with_weak


def test_where_nothing_can_be_learned_the_check_says_so_and_does_not_start(cast, dataset):
    faces_make(dataset, 3)
    page = order_page(cast, dataset)
    assert "No face has a code yet" in page
    assert 'id="start" disabled' in page


def test_a_large_data_set_is_counted_once_the_page_is_there(cast, coded, monkeypatch):
    monkeypatch.setattr(trainings, "CHECKED_AT_ONCE", 5)
    page = order_page(cast, coded)
    assert "Counting the codes" in page
    assert 'hx-trigger="load"' in page


def test_an_order_starts_a_training_and_leads_to_it(cast, coded):
    data = ordered(**{"training.epochs": "3", "name": "Quick", "weak": "on"})
    answer = cast.client("alice").post(reverse("detector_create", args=[coded.pk]), data)
    job = Job.objects.get(kind="training")
    assert answer["Location"] == reverse("training_detail", args=[coded.pk, job.pk])
    assert settings_load(job.params["settings"]).training.epochs == 3
    assert (job.params["name"], job.params["sources"]) == ("Quick", {"proposals": False, "weak": True})
    assert job.created_by == cast.alice


def test_the_very_same_order_keeps_the_training_that_is_at_work(cast, coded):
    client, address = cast.client("alice"), reverse("detector_create", args=[coded.pk])
    first, second = (client.post(address, ordered()) for _time in range(2))
    assert first["Location"] == second["Location"]
    assert Job.objects.filter(kind="training").count() == 1


def test_a_bad_order_comes_back_with_all_that_was_typed(cast, coded):
    typed = {"training.epochs": "0", "adversarial.alpha": "0.3", "name": "Mine", "weak": "on"}
    data = ordered("adversarial", **typed)
    page = html(cast.client("alice").post(reverse("detector_create", args=[coded.pk]), data), 422)
    for words in ("At least 1.", "One setting can't be as it is", 'value="0.3"', 'value="Mine"', "weak 16"):
        assert words in page, words
    assert not Job.objects.filter(kind="training").exists()


def test_the_data_sets_own_weights_are_refused_in_the_form(cast, coded, own_data):
    (own_data / "pretrained").mkdir()
    (own_data / "pretrained" / "own.safetensors").write_bytes(b"weights")
    detector_make(coded, name="Mouths", weights_sha256=hashlib.sha256(b"weights").hexdigest())
    data = ordered(pretrained="own.safetensors")
    page = html(cast.client("alice").post(reverse("detector_create", args=[coded.pk]), data), 422)
    assert "own detector “Mouths”" in page and 'value="own.safetensors"' in page
    assert not Job.objects.exists()


def test_an_order_that_the_service_refuses_comes_back_with_its_reason(cast, dataset):
    faces_make(dataset, 3)
    page = html(cast.client("alice").post(reverse("detector_create", args=[dataset.pk]), ordered(name="Mine")), 422)
    assert page.count("No face has a code yet") == 2, "as an error, and in the check"
    assert 'value="Mine"' in page


def test_without_script_the_sources_are_counted_by_a_button(cast, coded):
    data = ordered(look="1", weak="on", **{"training.epochs": "7"})
    page = html(cast.client("alice").post(reverse("detector_create", args=[coded.pk]), data))
    assert "weak 16" in page
    assert 'value="7"' in page
    assert not Job.objects.filter(kind="training").exists()


def test_a_clone_begins_with_everything_of_its_training(cast, coded):
    job = training_make(coded, method="adversarial", settings={"adversarial.alpha": 0.25, "seed": 7})
    page = order_page(cast, coded, f"?clone=job-{job.pk}")
    for words in (
        'value="0.25"',
        'value="Brows and lips"',
        'name="method" value="adversarial"',
        "Preset: 0.",
        "Begun",
    ):
        assert words in page, words


def test_a_clone_of_nothing_is_not_found(cast, coded):
    answer = cast.client("alice").get(reverse("detector_create", args=[coded.pk]) + "?clone=job-0")
    assert answer.status_code == 404


def test_queries_of_the_order_are_bounded(cast, coded, django_assert_max_num_queries):
    client = cast.client("alice")
    with django_assert_max_num_queries(16):
        client.get(reverse("detector_create", args=[coded.pk]))


# one training


def test_a_running_training_is_told_in_figures_words_and_curves(cast, dataset):
    page = html(
        training_page(cast, training_make(dataset, checkpoint={"snapshot": detector_make(dataset).snapshot_id}))
    )
    for words in (
        "Brows and lips", "40%", "about 6 minutes", "212", "1,200", "Network without fold 2", "epoch 4 of 30",
        "Loss by epoch up to epoch 4", "AU12 on validation faces", "Training on 1,200 faces", "Cancel",
    ):  # fmt: skip
        assert words in page, words
    assert "Resume" not in page


def test_a_running_training_asks_for_itself_and_is_answered_only_when_it_changed(cast, dataset):
    job = training_make(dataset)
    page = html(training_page(cast, job))
    assert 'hx-trigger="every 2s"' in page
    seen = page.split("seen=")[1].split('"')[0]
    assert training_page(cast, job, query=f"?network=&seen={seen}", headers=HTMX).status_code == 204
    Job.objects.filter(pk=job.pk).update(log="10:01:00 <b>more</b>\n")
    part = html(training_page(cast, job, query=f"?network=&seen={seen}", headers=HTMX))
    assert "<html" not in part
    assert '<pre id="training-log" hx-swap-oob="innerHTML">10:01:00 &lt;b&gt;more' in part


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
def test_an_ended_training_asks_no_more(cast, dataset, state):
    assert "every 2s" not in html(training_page(cast, training_make(dataset, state=state), headers=HTMX))


def test_a_finished_training_leads_to_its_detector(cast, dataset):
    detector = detector_make(dataset, name="The one")
    page = html(training_page(cast, training_make(dataset, state=JobState.DONE, result={"detector": detector.pk})))
    assert f'href="{reverse("detector_detail", args=[dataset.pk, detector.pk])}"' in page
    assert "The one" in page


def test_a_failed_training_says_why_and_what_to_do(cast, dataset):
    job = training_make(dataset, state=JobState.FAILED, error="The disk is full.", networks=3)
    page = html(training_page(cast, job))
    for words in ("The disk is full.", "2 networks are finished and kept", "Resume", f"?clone=job-{job.pk}"):
        assert words in page, words


def test_another_network_can_be_looked_at(cast, dataset):
    page = html(training_page(cast, training_make(dataset, networks=2), query="?network=fold-0"))
    assert "Loss by epoch up to epoch 8" in page
    assert "?network=fold-0&amp;seen=" in page


def test_before_the_first_epoch_the_page_says_what_it_waits_for(cast, dataset):
    job = training_make(dataset, state=JobState.QUEUED, networks=0, counts={}, fraction=0, log="", started_at=None)
    page = html(training_page(cast, job))
    assert "Waiting for a worker." in page
    assert "Curves begin with the first epoch" in page
    assert "<path" not in page.split('id="main"')[1]


def test_a_training_without_validation_says_why_there_is_no_f1(cast, dataset):
    curves = {"fold-0.loss": [[1, 0.5, None]], "fold-0.f1": [[1, None, None, None]]}
    page = html(training_page(cast, training_make(dataset, curves=curves)))
    assert "No subjects are kept for validation" in page


def test_only_admins_are_offered_to_clone_and_cancel(cast, dataset):
    job = training_make(dataset)
    page = html(training_page(cast, job, "ana"))
    assert "?clone=" not in page
    assert reverse("job_cancel", args=[dataset.pk, job.pk]) not in page


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED])
def test_who_may_not_resume_is_told_who_may(cast, dataset, state):
    job = training_make(dataset, state=state)
    told = "An admin of this data set can resume it"
    assert told in html(training_page(cast, job, "ana"))
    assert told not in html(training_page(cast, job, "alice"))


def test_cancelling_and_resuming_come_back_to_the_training(cast, dataset):
    job = training_make(dataset, claim="somebody")
    here = reverse("training_detail", args=[dataset.pk, job.pk])
    client = cast.client("alice")
    assert client.post(reverse("job_cancel", args=[dataset.pk, job.pk]))["Location"] == here
    Job.objects.filter(pk=job.pk).update(state=JobState.CANCELLED)
    assert client.post(reverse("job_resume", args=[dataset.pk, job.pk]))["Location"] == here


def test_another_kind_of_job_is_no_training(cast, dataset):
    job = Job.objects.create(dataset=dataset, kind="export", target="export:1", queue="io")
    assert training_page(cast, job).status_code == 404


def test_queries_of_a_training_are_bounded(cast, dataset, django_assert_max_num_queries):
    job = training_make(dataset, checkpoint={"snapshot": detector_make(dataset).snapshot_id}, networks=4)
    client = cast.client("alice")
    with django_assert_max_num_queries(9):
        client.get(reverse("training_detail", args=[dataset.pk, job.pk]), headers=HTMX)
