"""A data set that has one of everything, so that every address leads somewhere."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from annotator.choices import JobState, LayerKind, Role
from annotator.models import Clip, Cluster, DataSet, Event, Export, Job, Member
from annotator.services.accounts import login_link_create
from annotator.services.assignments import assignment_next
from annotator.services.importing import import_prepare
from annotator.services.members import invitation_create
from tests.factories import (
    attribution_make,
    detector_make,
    faces_make,
    layer_make,
    prediction_layer_make,
    projection_make,
    run_make,
    sight_make,
    training_make,
)


@dataclass(frozen=True)
class World:
    """`arguments` are the values of every parameter that an address can have."""

    dataset: DataSet
    arguments: dict[str, Any]

    def argument(self, route: str, name: str) -> Any:
        """The value of an address's parameter, where one of its own is needed first."""
        return self.arguments.get(f"{route} {name}", self.arguments[name])


@pytest.fixture
def world(dataset, cast, tmp_path) -> World:
    faces = faces_make(dataset, 12, pictures=True)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1, 0]] * 12, [12, 25], name="weak")
    layer_make(dataset, LayerKind.REFERENCE, faces[:4], [[1, 0]] * 4, [12, 25], name="reference")
    run = run_make(dataset, faces, 12, [0] * 2 + [1] * 5 + [2] * 5, [1] * 7 + [0] * 5, weak_layer=weak)
    run.summary |= {"faces": 12, "changed": 5, "noise": 2, "warnings": [], "neighbour_recall": 1.0}
    run.summary["per_au"] = [
        {"weak_rate": 1.0, "proposal_rate": 0.5, "changed": 5, "added": 0, "witnesses": {"weak label": 1.0}}
    ]
    run.summary["partitions"] = [{"clusters": 2, "noise": 2, "median_size": 5, "largest": 5, "umqi": 0.5}]
    run.save()
    table = tmp_path / "labels.csv"
    table.write_text("image,AU12\na.png,1\n")
    batch = import_prepare(
        dataset=dataset, user=cast.alice, labels_path=table, labels_file="labels.csv", with_pictures=False
    )
    job = Job.objects.create(
        dataset=dataset, kind="export", target="export:1", queue="io", state=JobState.DONE, created_by=cast.alice
    )
    export = Export.objects.create(
        dataset=dataset,
        revision=1,
        protocol_version=1,
        file_name=default_storage.save("exports/a.csv", ContentFile(b"image\n")),
        dictionary_name=default_storage.save("exports/a.dictionary.csv", ContentFile(b"column\n")),
        sha256="0" * 64,
        size=6,
        rows=0,
        job=job,
        created_by=cast.alice,
        finished_at=timezone.now(),
    )
    invitation, token = invitation_create(dataset=dataset, name="Eve", role=Role.CODER, user=cast.alice)
    assignment = assignment_next(dataset, cast.bob)
    assert assignment is not None
    weights = default_storage.save("weights.safetensors", ContentFile(b"weights"))
    detector = detector_make(dataset, aus=[12, 25], weights_name=weights)
    prediction_layer_make(detector, faces, [[0.1, 0.9]] * 6 + [[0.7, 0.2]] * 6)
    clip = Clip.objects.create(dataset=dataset, name="laugh", frame_rate=25)
    for face in faces[2:6]:
        face.clip, face.frame = clip, 10 + face.position
        face.save()
    Event.objects.create(layer=weak, clip=clip, au=12, onset=12, apex=13, offset=14)
    sight_make(detector, projection_make(dataset))
    attribution_make(detector, faces[3])
    arguments = {
        "au": 12,
        "clip_id": clip.pk,
        "dataset_id": dataset.pk,
        "detector_id": detector.pk,
        "training_detail job_id": training_make(dataset, created_by=cast.alice).pk,
        "member_id": Member.objects.get(dataset=dataset, user=cast.cleo).pk,
        "invitation_id": invitation.pk,
        "token": token,
        "login_link token": login_link_create(cast.alice)[1],
        "job_id": job.pk,
        "assignment_id": assignment.pk,
        "decision_id": 0,
        "cluster_id": Cluster.objects.get(run=run, number=2).pk,
        "run_id": run.pk,
        "position": faces[3].position,
        "key": faces[3].key.hex,
        "batch_id": batch.pk,
        "export_id": export.pk,
    }
    return World(dataset, arguments)
