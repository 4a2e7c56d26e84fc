"""A coder with a blind assignment open learns nothing of others' codes from any address of the API."""

import json
import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotator.choices import AssignmentState, LayerKind, Mode
from annotator.models import Assignment, Decision, Job
from annotator.services.jobs import job_create
from tests.annotator.api.test_api import READS
from tests.factories import faces_make, layer_make, run_make

SECRETS = ['"present"', "tell-tale", "0.7654", "happiness", "expected_corrections"]
"""What would give a machine's or another person's code away; the blind coder's own code is absent."""


@pytest.fixture
def blind(cast, dataset):
    """Bob codes blind; every other source says present, and names and jobs tell tales."""
    faces = faces_make(dataset, 4, emotion="happiness", split="tell-tale")
    for face in faces:
        face.image = f"tell-tale-{face.position}.png"
        face.save()
    layers = {
        "weak": layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 4, [12], name="tell-tale weak"),
        "reference": layer_make(dataset, LayerKind.REFERENCE, faces, [[1]] * 4, [12]),
        "consensus": layer_make(dataset, LayerKind.CONSENSUS, faces, [[1]] * 4, [12]),
        "cleo": layer_make(dataset, LayerKind.CODER, faces, [[1]] * 4, [12], user=cast.cleo),
        "bob": layer_make(dataset, LayerKind.CODER, faces, [[0]] * 4, [12], user=cast.bob),
    }
    run = run_make(dataset, faces, 12, [1, 1, 2, 0], [1] * 4, weak_layer=layers["weak"])
    layers["proposal"] = dataset.layers.get(kind=LayerKind.PROPOSAL)
    run.clusters.update(agreement=0.7654)
    job, _ = job_create(dataset=dataset, kind="import", target="cluster:1", user=cast.alice)
    Job.objects.filter(pk=job.pk).update(message="tell-tale", counts={"tell-tale": 4}, result={"AU12": "0.7654"})
    assignment = Assignment.objects.create(
        dataset=dataset,
        coder=cast.bob,
        aus=dataset.coded_aus.get(au=12).mask,
        mode=Mode.BLIND,
        state=AssignmentState.OPEN,
        lease_until=timezone.now() + timedelta(hours=1),
    )
    for face in faces:
        assignment.assigned_faces.create(face=face)
    return {"layers": layers, "job": job, "assignment": assignment, "run": run}


def answers(client, dataset, blind):
    """Every readable address with every layer, run and job: {url: answer}."""
    found = {}
    for name in READS:
        if name in ("api_exports", "api_export_detail"):
            continue
        arguments = [dataset.pk] + ([blind["job"].pk] if name == "api_job_detail" else [])
        url = reverse(name, args=arguments)
        queries = [""]
        if name == "api_label_list":
            queries = [f"?layer={layer.pk}" for layer in blind["layers"].values()]
        if name == "api_cluster_list":
            queries = ["", f"?run={blind['run'].pk}"]
        found |= {url + query: client.get(url + query) for query in queries}
    return found


def test_no_address_tells_a_blind_coder_anything(cast, dataset, blind):
    for url, answer in answers(cast.client("bob"), dataset, blind).items():
        text = answer.content.decode()
        if answer.status_code == 200:
            assert not [secret for secret in SECRETS if secret in text], url
        else:
            assert answer.status_code in (403, 404) and set(answer.json()) == {"detail"}, url


def test_the_same_addresses_do_tell_a_coder_who_sees(cast, dataset, blind):
    """The test above would pass on empty answers: without the assignment each secret is told."""
    Assignment.objects.update(state=AssignmentState.RELEASED)
    told = "".join(answer.content.decode() for answer in answers(cast.client("bob"), dataset, blind).values())
    assert not [secret for secret in SECRETS if secret not in told]


def test_a_blind_coder_still_reads_their_own_codes(cast, dataset, blind):
    url = reverse("api_label_list", args=[dataset.pk]) + f"?layer={blind['layers']['bob'].pk}"
    rows = cast.client("bob").get(url).json()["results"]
    assert [row["codes"] for row in rows] == [{"AU12": "absent"}] * 4


@pytest.mark.parametrize("name", ["api_layer_list", "api_dataset_detail"])
def test_blindness_is_told(cast, dataset, blind, name):
    answer = cast.client("bob").get(reverse(name, args=[dataset.pk])).json()
    assert [layer["name"] for layer in answer] == ["coder bob"] if isinstance(answer, list) else answer["blind"]


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "confirm"},
        {"kind": "relabel", "code": "other", "aus": [25]},
        {"kind": "confirm", "assignment": 1},
    ],
)
def test_no_decision_draws_a_proposal_out(cast, dataset, blind, order):
    """Confirming, or turning round a proposal, would tell a blind coder what it is."""
    if "assignment" in order:
        order = {**order, "assignment": blind["assignment"].pk}
    data = {"client_id": str(uuid.uuid4()), "aus": [12], "faces": [0], **order}
    answer = cast.client("bob").post(
        reverse("api_decision_make", args=[dataset.pk]), json.dumps(data), content_type="application/json"
    )
    assert answer.status_code in (400, 403)
    assert not Decision.objects.exists()


def test_the_mode_is_not_the_clients_to_choose(cast, dataset, blind):
    data = {
        "client_id": str(uuid.uuid4()),
        "kind": "relabel",
        "aus": [12],
        "faces": [0],
        "code": "present",
        "mode": "assisted",
    }
    cast.client("bob").post(
        reverse("api_decision_make", args=[dataset.pk]), json.dumps(data), content_type="application/json"
    )
    assert Decision.objects.get().mode == Mode.BLIND
