"""The whole loop in Chromium, twice round: cluster, review, train, promote, and again on what the detector says.

Alice, the admin, and Bob, the coder, only click, type and press keys; real workers do the work.
"""

import re

import pytest
from django.core.management import call_command
from playwright.sync_api import expect

from annotator.choices import FaceRole, JobState, LayerKind
from annotator.models import DataSet, Decision, Detector, Job, Label
from tests.browser.steps import (
    LONG,
    READY,
    codes_decided,
    codes_stand,
    files_imported,
    next_cluster,
    place_opened,
    pressed,
    table_exported,
)
from tests.workers import worker

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SMALL = {"Picture size": "32", "Epochs": "10", "Batch size": "16", "Folds": "2", "Width": "4"}
"""A training of seconds; Width lies folded under Network."""
SLOWER = {**SMALL, "Epochs": "40", "Batch size": "8"}
"""Long enough to be seen at work and stopped."""


def test_a_data_set_goes_round_twice(page_of, workers, cast, faces_zip):
    alice, bob = page_of(cast.alice), page_of(cast.bob)
    dataset = dataset_begun(alice, faces_zip)
    bob_invited(alice, bob)

    bob.get_by_role("link", name="Start reviewing").click()
    clusters_reviewed(bob, start=lambda: bob.keyboard.press("j"), clusters=4)
    first_round = codes_decided(dataset, cast.bob)

    detector = detector_trained(alice, dataset)
    layer, feature_set = detector_promoted(alice, detector)
    next_round_adopted(alice, dataset, detector, layer, feature_set)

    aus_seen = {au for _image, au in first_round}
    fresh = next(coded.au for coded in dataset.coded_aus.all() if coded.au not in aus_seen)
    place_opened(bob, "Review")
    start = bob.get_by_role("button", name=f"Review AU{fresh}", exact=True)
    clusters_reviewed(bob, start=start.click, clusters=2)
    runs = dataset.runs.order_by("id")
    decided_in = Decision.objects.filter(user=cast.bob).values_list("cluster__run", flat=True)
    assert set(decided_in) == {run.pk for run in runs}

    table = table_exported(alice, dataset)
    codes = codes_decided(dataset, cast.bob)
    assert first_round.items() < codes.items(), "the second round adds codes and keeps those of the first"
    assert {row["image"] for row in table} == set(dataset.faces.values_list("image", flat=True))
    assert len(table) == 160
    codes_stand(table, codes)
    sources = {value for row in table for column, value in row.items() if column.endswith("_source")}
    assert sources == {"coder", "reference", "weak"}


def dataset_begun(page, faces_zip) -> DataSet:
    """Alice makes the data set, imports, and follows the next steps to a first adopted run."""
    archive, reference = faces_zip
    page.goto("/")
    page.get_by_role("link", name="Make the first data set").click()
    page.get_by_label("Name").fill("Twice round")
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(re.compile(r"/datasets/\d+/"))
    dataset = DataSet.objects.get(name="Twice round")
    files_imported(page, dataset, content="faces", kind="weak", file=archive)
    files_imported(page, dataset, content="labels", kind="reference", file=reference)
    page.get_by_role("link", name="To the data set").click()
    step = page.get_by_role("region", name="Next step")
    step.get_by_role("link", name="Extract features").click()
    page.get_by_role("button", name="Extract features").click()
    page.get_by_role("button", name="Start clustering").click(timeout=LONG)  # opens when the features are there
    place_opened(page, "Overview")
    step.get_by_role("link", name="Look at the runs").click(timeout=LONG)
    page.get_by_role("link", name=re.compile(r"^Run \d+$")).click()
    page.get_by_role("button", name="Adopt this run").click()
    page.get_by_role("link", name="Go to review").wait_for()
    return dataset


def bob_invited(alice, bob) -> None:
    """Alice sends Bob a link; he joins as coder and lands on the data set's overview."""
    place_opened(alice, "Members")
    alice.get_by_label("For whom").fill("Bob of the second floor")
    alice.get_by_role("button", name="Make a link").click()
    bob.goto(alice.get_by_label("Link", exact=True).input_value())
    bob.get_by_role("button", name="Join as bob").click()


def clusters_reviewed(page, *, start, clusters: int) -> None:
    """By keys: accept each cluster's proposals, but the first face's the other way."""
    page.wait_for_load_state("networkidle")
    start()
    page.wait_for_selector(READY)
    for number in range(clusters):
        if number:
            next_cluster(page)
        pressed(page, "a")
        page.locator(".tile .shot").first.focus()
        pressed(page, "o")
        expect(page.get_by_text("All decided")).to_be_visible()


def detector_trained(page, dataset) -> Detector:
    """Alice orders a training, watches it without loading the page again, and opens the report."""
    place_opened(page, "Detectors")
    page.get_by_role("link", name="New training").click()
    page.get_by_role("link", name="Adversarial semi-supervised").click()
    page.wait_for_url(re.compile("method=adversarial"))
    training_filled(page, "First round", SMALL)
    shown = checked(page, dataset)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("First round")
    page.evaluate("document.body.dataset.loaded = 'once'")
    for curve in ("Loss", "Mean F1 on validation faces"):
        expect(page.get_by_role("heading", name=curve, exact=True)).to_be_visible(timeout=LONG)
    page.get_by_role("link", name="See the report").wait_for(timeout=LONG)
    expect(page.get_by_text("done, 10 epochs")).to_have_count(3)
    assert page.evaluate("document.body.dataset.loaded") == "once"
    page.get_by_role("link", name="See the report").click()

    detector = dataset.detectors.get(method="adversarial")
    expect(page.get_by_role("heading", level=1)).to_have_text("First round")
    assert page.url.endswith(f"/detectors/{detector.pk}/")
    expect(page.get_by_role("row", name=re.compile("^Cross-validation"))).to_contain_text(shown["faces"])
    expect(page.get_by_role("row", name=re.compile("^Test faces"))).to_contain_text("20 faces, 1 subject")
    assert {kind: f"{count:,}" for kind, count in detector.snapshot.sources.items()} == shown["sources"]
    assert detector.configuration["network"]["width"] == 4
    return detector


def training_filled(page, name: str, settings: dict[str, str]) -> None:
    page.get_by_label("Name").fill(name)
    page.locator("summary").filter(has_text=re.compile("^Network$")).click()
    for label, value in settings.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label(list(settings)[-1], exact=True).press("Tab")


def checked(page, dataset) -> dict:
    """What the check says the training would learn from: it is what the data set holds."""
    check = page.get_by_role("region", name="What it would learn from")
    trusted = [LayerKind.CODER, LayerKind.REFERENCE]
    learned = dataset.faces.exclude(role=FaceRole.TEST).filter(labels__layer__kind__in=trusted)
    faces = str(learned.distinct().count())
    expect(check.locator(".stat").filter(has_text="Coded faces")).to_contain_text(faces)
    expect(check.locator(".stat").filter(has_text="Test faces")).to_contain_text("20")
    expect(check.get_by_role("row", name=re.compile("^test faces"))).to_contain_text("20")
    expect(check.get_by_role("button", name="Start training")).to_be_enabled()
    badges = [badge.split() for badge in check.locator("caption .badge").all_inner_texts()]
    sources = dict(badges)
    assert sources.keys() == {"coder", "reference"}
    return {"faces": faces, "sources": sources}


def detector_promoted(page, detector):
    """Alice promotes it; its predictions are made while she watches."""
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("Promoted. It looks at every face now")).to_be_visible()
    page.get_by_role("button", name="Start the next round").wait_for(timeout=LONG)
    detector.refresh_from_db()
    assert detector.promoted_by.username == "alice"
    layer = detector.dataset.layers.get(kind=LayerKind.PREDICTION)
    assert layer.detector == detector
    assert Label.objects.filter(layer=layer).count() == 160
    expect(page.get_by_role("region", name="Next round")).to_contain_text(f"the layer “{layer.name}”")
    return layer, detector.feature_sets.get()


def next_round_adopted(page, dataset, detector, layer, feature_set) -> None:
    """The overview leads back to the detector; its button starts the second run, which is then adopted."""
    place_opened(page, "Overview")
    page.get_by_role("region", name="Next step").get_by_role("link", name="Next round").click()
    page.get_by_role("button", name="Start the next round").click()
    page.get_by_role("button", name="Adopt this run").click(timeout=LONG)
    page.get_by_role("link", name="Go to review").wait_for()
    first, second = dataset.runs.order_by("id")
    assert (second.weak_layer, second.feature_set) == (layer, feature_set)
    assert second.feature_set.detector == detector
    assert first.weak_layer.kind == LayerKind.WEAK
    assert (first.adopted_aus, second.adopted_aus) == ([], second.aus)
    page.locator("summary").filter(has_text="What it was made from").click()
    facts = page.locator(".run-facts")
    expect(facts).to_contain_text(layer.name)
    expect(facts).to_contain_text(feature_set.name)


@pytest.fixture
def coded(cast, faces_zip, transactional_db):
    """The faces with codes of all, as if every one were trusted."""
    archive, _reference = faces_zip
    call_command(
        "import_dataset", "Coded", images=[str(archive)], labels=str(archive), layer="reference", user="alice"
    )
    return DataSet.objects.get(name="Coded")


def test_a_training_is_cancelled_resumed_and_ordered_again(page_of, coded, cast):
    page = page_of(cast.alice)
    page.goto("/")
    page.get_by_role("link", name="Coded", exact=True).click()
    place_opened(page, "Detectors")
    page.get_by_role("link", name="New training").click()
    training_filled(page, "Stopped once", SLOWER)
    with worker("gpu"):
        page.get_by_role("button", name="Start training").click()
        networks = page.get_by_role("list", name="Networks")
        expect(networks.get_by_text(re.compile(r"epoch \d+ of 40"))).to_be_visible(timeout=LONG)
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("This training was cancelled")).to_be_visible(timeout=LONG)
        stopped = Job.objects.get(kind="training")
        assert stopped.state == JobState.CANCELLED
        assert not coded.detectors.exists()
        place_opened(page, "Detectors")
        page.get_by_role("region", name="Trainings that broke off").get_by_role("link", name="Stopped once").click()
        page.get_by_role("button", name="Resume").click()
        page.get_by_role("link", name="See the report").click(timeout=LONG)

    detector = coded.detectors.get()
    job = Job.objects.get(kind="training")
    assert (job.state, detector.job) == (JobState.DONE, job)
    assert job.checkpoint["snapshot"] == stopped.checkpoint["snapshot"] == detector.snapshot_id
    for network in ("fold-0", "fold-1", "detector"):
        assert [point[0] for point in job.curves[f"{network}.loss"]] == list(range(1, 41)), network

    page.get_by_role("link", name="Clone").click()
    expect(page.get_by_text("Begun from the settings of “Stopped once”.")).to_be_visible()
    assert page.get_by_role("link", name="AlexNet-BN").get_attribute("aria-current") == "true"
    for label, value in {"Name": "Stopped once 2", **SLOWER}.items():
        field = page.get_by_label(re.compile(f"^{label}( \\(optional\\))?$"))
        expect(field).to_be_visible()
        expect(field).to_have_value(value)
    expect(page.get_by_text("Preset: 30.")).to_be_visible()
