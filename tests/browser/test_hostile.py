"""Hostile texts in every field that people or files can fill: shown as text on each page, never run."""

import uuid

import pytest
from django.urls import reverse

from annotator.choices import DecisionKind, LayerKind, Mode, Role, Scope
from annotator.models import DataSet, Detector, Face, ImportBatch, ImportRow, Job, Subject
from annotator.services.decisions import decision_make
from annotator.services.members import invitation_create
from tests.architecture.conftest import world  # noqa: F401  (a fixture)
from tests.architecture.test_matrix import ROUTES, RULES

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HOSTILE = "\"'><img src=x onerror=window.hurt=1><script>window.hurt=1</script>{{7*7}}=cmd"
PAGES = sorted(
    name
    for name, (method, allowed) in RULES.items()
    if method == "GET"
    and "alice" in allowed
    and not name.startswith(("api_", "face_picture", "face_thumbnail", "export_d", "login", "invitation_accept"))
    and name not in ("healthz", "readyz", "metrics", "import_problems", "detector_card", "detector_weights")
    and name not in ("history_download", "map_points", "map_colours", "map_positions")
)


@pytest.fixture
def poisoned(world, cast):  # noqa: F811
    """The world with hostile texts in whatever holds one."""
    dataset = world.dataset
    DataSet.objects.filter(pk=dataset.pk).update(name=HOSTILE, description=HOSTILE)
    subject = Subject.objects.create(dataset=dataset, pseudonym=HOSTILE)
    for face in dataset.faces.all():
        Face.objects.filter(pk=face.pk).update(
            image=f"{face.position}{HOSTILE}", subject=subject, emotion=HOSTILE[:60], split=HOSTILE[:60]
        )
    dataset.layers.filter(kind=LayerKind.WEAK).update(name=HOSTILE)
    ImportBatch.objects.update(labels_file=HOSTILE)
    ImportRow.objects.create(batch=ImportBatch.objects.get(), line=2, cells=[HOSTILE], problem=HOSTILE)
    Job.objects.update(message=HOSTILE, error=HOSTILE, log=HOSTILE, counts={HOSTILE: 1})
    Detector.objects.update(name=HOSTILE)
    training = Job.objects.get(kind="training")
    Job.objects.filter(pk=training.pk).update(params={**training.params, "name": HOSTILE})
    invitation_create(dataset=dataset, name=HOSTILE[:150], role=Role.CODER, user=cast.alice)
    type(cast.alice).objects.filter(pk=cast.bob.pk).update(username=HOSTILE[:150])
    decision_make(
        dataset=dataset,
        user=cast.alice,
        kind=DecisionKind.RELABEL,
        code="present",
        aus=[12],
        faces=[world.arguments["position"]],
        mode=Mode.ASSISTED,
        scope=Scope.FACE,
        client_id=uuid.uuid4(),
        note=HOSTILE,
    )
    return world


def test_no_page_runs_what_it_shows(poisoned, cast, page_of):
    page = page_of(cast.alice)
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    shown = 0
    for name in PAGES:
        arguments = {key: poisoned.argument(name, key) for key in ROUTES[name].pattern.converters}
        page.goto(reverse(name, kwargs=arguments), wait_until="networkidle")
        assert page.evaluate("() => window.hurt") is None, name
        assert page.locator("img[src=x]").count() == 0, name
        assert "49=cmd" not in page.content(), name
        shown += HOSTILE[:40] in page.inner_text("body")
    assert shown >= 10
