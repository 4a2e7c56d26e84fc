"""A data set of any size for the web benchmark: rows in the bulk, arrays by position, one tiny picture.

The faces are no faces. What counts is that every row, index, array and history is there in the number
that a lab would have: weak, reference, proposal and two coders' layers, an adopted run of three AUs with
clusters of very unequal sizes, twenty thousand past decisions, a detector's predictions.
"""

import io
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.utils import timezone
from numpy.typing import NDArray
from PIL import Image

from annotator.choices import DecisionKind, FaceRole, LayerKind, Mode, Role, Scope
from annotator.masks import BITS, codes_pack
from annotator.models import (
    Cluster,
    ClusterRun,
    DataSet,
    Decision,
    DecisionFace,
    Detector,
    Face,
    FeatureSet,
    Label,
    LabelLayer,
    LabelSnapshot,
    Member,
    Projection,
    Subject,
)
from annotator.services.arrays import array_write
from annotator.services.datasets import dataset_create

AUS = [1, 2, 4, 6, 7, 9, 12, 15, 17, 20, 25, 26]
CLUSTERED = [4, 12, 25]
"""The AUs of the adopted run, one partition each."""
SIZES = (100, 5_000)
"""Clusters of just these sizes are made for decisions on so many faces."""
PER_SUBJECT = 400
PICTURES = 200
"""Faces whose picture and thumbnail are there: the first ones."""
BLOCK = 100_000
DECISIONS = 20_000
SEED = 5


def world_build(faces: int) -> DataSet:
    """Make the whole world in a migrated database; the coders are bob and cleo, the admin alice."""
    rng = np.random.default_rng(SEED)
    people = {name: User.objects.get_or_create(username=name)[0] for name in ("alice", "bob", "cleo")}
    dataset = dataset_create(name=f"{faces:,} faces", user=people["alice"], aus=AUS)
    for name in ("bob", "cleo"):
        Member.objects.create(dataset=dataset, user=people[name], role=Role.CODER)
    first = faces_write(dataset, faces, rng)
    truth = (rng.random((faces, len(AUS)), dtype=np.float32) < 0.15).astype(np.int8)
    weak = layer_write(dataset, LayerKind.WEAK, first, np.arange(faces), _flipped(truth, 0.15, rng))
    some = np.sort(rng.choice(faces, faces // 10, replace=False))
    layer_write(dataset, LayerKind.REFERENCE, first, some, truth[some])
    run = run_write(dataset, weak, truth, rng)
    proposals = np.full((faces, len(AUS)), -1, np.int8)
    proposals[:, [AUS.index(au) for au in CLUSTERED]] = truth[:, [AUS.index(au) for au in CLUSTERED]]
    layer_write(dataset, LayerKind.PROPOSAL, first, np.arange(faces), proposals)
    run.adopted_at, run.adopted_aus = timezone.now(), CLUSTERED
    run.save()
    for name in ("bob", "cleo"):
        mine = np.sort(rng.choice(faces, faces // 10, replace=False))
        coded = np.full((len(mine), len(AUS)), -1, np.int8)
        coded[:, AUS.index(12)] = truth[mine, AUS.index(12)]
        layer_write(dataset, LayerKind.CODER, first, mine, coded, user=people[name])
        decisions_write(dataset, people[name], first, mine, truth[mine, AUS.index(12)])
    machine_write(dataset, first, truth, rng)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return dataset


def faces_write(dataset: DataSet, faces: int, rng: np.random.Generator) -> int:
    """All faces at positions 0…N−1 and their subjects; returns the first one's id (the others follow)."""
    count = -(-faces // PER_SUBJECT)
    Subject.objects.bulk_create(
        (Subject(dataset=dataset, pseudonym=f"s{number:05d}") for number in range(count)), batch_size=1_000
    )
    subjects = list(Subject.objects.filter(dataset=dataset).order_by("pk").values_list("pk", flat=True))
    roles = np.where(rng.random(faces) < 0.05, FaceRole.TEST.value, FaceRole.NONE.value)
    keys = [uuid.UUID(bytes=rng.bytes(16), version=4) for _ in range(faces)]
    rows = (
        (dataset.pk, place, _key(keys[place]), f"{place // PER_SUBJECT:05d}/{place:07d}.png",
         subjects[place // PER_SUBJECT], None, None, None, str(roles[place]), "", "", 96, 96, f"{place:064x}", 100.0,
         0.5)
        for place in range(faces)
    )  # fmt: skip
    names = [
        "dataset", "position", "key", "image", "subject", "clip", "frame", "time_s", "role", "split", "emotion",
        "width", "height", "pixels_sha256", "sharpness", "brightness",
    ]  # fmt: skip
    rows_write(Face, names, rows)
    dataset.next_position = faces
    dataset.save(update_fields=["next_position"])
    for face in dataset.faces.order_by("position")[:PICTURES]:
        for name in (face.picture_name, face.thumbnail_name):
            default_storage.save(name, ContentFile(_picture(face.position)))
    return int(dataset.faces.get(position=0).pk)


def layer_write(
    dataset: DataSet,
    kind: LayerKind,
    first: int,
    positions: NDArray[np.int64],
    codes: NDArray[np.int8],
    *,
    user: User | None = None,
    detector: Detector | None = None,
) -> LabelLayer:
    """A layer with the codes (len(positions), AUs) of the faces at these positions."""
    name = f"coder {user.username}" if user else str(kind)
    layer = LabelLayer.objects.create(dataset=dataset, kind=kind, user=user, detector=detector, name=name)
    masks = codes_pack(codes, _bits(dataset))
    columns = (positions + first, *masks)
    rows = ((layer.pk, *row, False, None) for row in _zipped(columns))
    rows_write(Label, ["layer", "face", "present", "scored", "unscorable", "noise", "intensities"], rows)
    return layer


def run_write(dataset: DataSet, weak: LabelLayer, truth: NDArray[np.int8], rng: np.random.Generator) -> ClusterRun:
    """A finished run with one partition for each of CLUSTERED; cluster 0 is noise, 1 and 2 have SIZES."""
    faces = len(truth)
    columns = [AUS.index(au) for au in CLUSTERED]
    membership = np.stack([_groups(faces, rng) for _ in CLUSTERED], axis=1)
    proposals = truth[:, columns]
    shares = np.clip(proposals * 0.8 + 0.1 + rng.normal(0, 0.05, proposals.shape), 0, 1).astype(np.float16)
    apart = (membership == 0).any(axis=1)
    scores = np.where(apart, 0.9, 0.2) * rng.random(faces)
    run = ClusterRun.objects.create(
        dataset=dataset,
        aus=CLUSTERED,
        partitions=[[au] for au in CLUSTERED],
        weak_layer=weak,
        protocol=dataset.protocols.latest("version"),
        revision=dataset.revision,
        membership=array_write(dataset=dataset, purpose="membership", values=membership),
        proposals=array_write(dataset=dataset, purpose="proposals", values=proposals),
        probabilities=array_write(dataset=dataset, purpose="probabilities", values=shares),
        outlier_scores=array_write(dataset=dataset, purpose="outlier-scores", values=scores.astype(np.float32)),
        outlier_reasons=array_write(dataset=dataset, purpose="outlier-reasons", values=apart.astype(np.uint32)),
        summary=_summary(membership),
        finished_at=timezone.now(),
    )
    for place, au in enumerate(CLUSTERED):
        sizes = np.bincount(membership[:, place])
        present = np.bincount(membership[:, place], weights=proposals[:, place])
        share = present / np.maximum(sizes, 1)
        mask = 1 << _bits(dataset)[AUS.index(au)]
        Cluster.objects.bulk_create(
            (
                Cluster(
                    run=run, partition=place, number=number, aus=mask, size=int(size), agreement=0.8,
                    votes={str(au): {"share": share[number], "weak_share": share[number], "agreement": 0.8}},
                    expected_corrections=float(size) * 0.1,
                )
                for number, size in enumerate(sizes.tolist())
                if size
            ),
            batch_size=1_000,
        )  # fmt: skip
    return run


def _summary(membership: NDArray[np.int32]) -> dict[str, Any]:
    """What a run's page tells beside its clusters."""
    told = {
        "weak_rate": 0.22, "proposal_rate": 0.15, "base_rate": 0.15, "cut": 0.5, "changed": len(membership) // 7,
        "added": 0, "witnesses": {"weak label": 1.0, "neighbours": 2.0},
    }  # fmt: skip
    parts = [
        {"aus": [place], "clusters": int(sizes.size - 1), "largest": int(sizes[1:].max()),
         "median_size": float(np.median(sizes[1:])), "noise": int(sizes[0]), "umqi": 0.5}
        for place, sizes in enumerate(np.bincount(column) for column in membership.T)
    ]  # fmt: skip
    return {
        "reasons": ["It stands alone: no other face is near it."], "faces": len(membership),
        "noise": parts[0]["noise"], "changed": told["changed"], "warnings": [], "neighbour_recall": 1.0,
        "partitions": parts, "per_au": [told for _part in parts],
    }  # fmt: skip


def _groups(faces: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """(faces,) cluster numbers: two in a hundred in group 0, SIZES as far as they go, the rest of about 500."""
    numbers = np.zeros(faces, np.int32)
    start = faces // 50
    for number, size in enumerate(SIZES, start=1):
        size = min(size, (faces - start) // 2)
        numbers[start : start + size] = number
        start += size
    rest = faces - start
    groups = max(rest // 500, 4)
    weights = rng.lognormal(size=groups)
    numbers[start:] = rng.choice(groups, rest, p=weights / weights.sum()) + len(SIZES) + 1
    return rng.permutation(numbers)


def decisions_write(
    dataset: DataSet, user: User, first: int, positions: NDArray[np.int64], present: NDArray[np.int8]
) -> None:
    """The user's past decisions on AU12, up to DECISIONS // 2 of them with ten faces each."""
    mask = 1 << _bits(dataset)[AUS.index(12)]
    count = min(DECISIONS // 2, len(positions) // 10)
    Decision.objects.bulk_create(
        (
            Decision(
                dataset=dataset, user=user, client_id=uuid.uuid4(), kind=DecisionKind.RELABEL, aus=mask,
                mode=Mode.ASSISTED, scope=Scope.SELECTION, protocol_version=1, revision=1,
                in_view=positions[number * 10 : number * 10 + 10].tolist(),
            )
            for number in range(count)
        ),
        batch_size=1_000,
    )  # fmt: skip
    ids = list(Decision.objects.filter(dataset=dataset, user=user).order_by("pk").values_list("pk", flat=True))
    rows = (
        (ids[place // 10], int(positions[place]) + first, 0, 0, 0, False, None, mask * int(present[place]), mask, 0,
         False, None)
        for place in range(count * 10)
    )  # fmt: skip
    names = [f"{when}_{what}" for when in ("old", "new") for what in ("present", "scored", "unscorable", "noise")]
    columns = ["decision", "face", *names[:4], "old_intensities", *names[4:], "new_intensities"]
    rows_write(DecisionFace, columns, rows)


def machine_write(dataset: DataSet, first: int, truth: NDArray[np.int8], rng: np.random.Generator) -> None:
    """A detector with its predictions, a feature set and its layout on a plane."""
    faces, bits = len(truth), _bits(dataset)
    snapshot = LabelSnapshot.objects.create(
        dataset=dataset,
        revision=dataset.revision,
        protocol=dataset.protocols.latest("version"),
        aus=AUS,
        codes=array_write(dataset=dataset, purpose="snapshot", values=np.full((faces, len(AUS)), -1, np.int8)),
        summary={"faces": faces, "subjects": 1, "all_faces": faces, "test_faces": 0, "aus": [], "left_out": {}},
    )
    detector = Detector.objects.create(
        dataset=dataset, name="Made up", method="alexnet", aus=AUS, snapshot=snapshot, seed=0,
        weights_name="none", weights_sha256="0" * 64, thresholds=[0.5] * len(AUS),
    )  # fmt: skip
    told = np.clip(truth * 0.6 + 0.2 + rng.normal(0, 0.2, truth.shape), 0, 1).astype(np.float16)
    called = (told > 0.5).astype(np.int8)
    layer = layer_write(dataset, LayerKind.PREDICTION, first, np.arange(faces), called, detector=detector)
    scores = np.full((faces, BITS), np.nan, np.float16)
    scores[:, bits] = told
    layer.probabilities = array_write(dataset=dataset, purpose="scores", values=scores)
    layer.save()
    features = FeatureSet.objects.create(
        dataset=dataset,
        name="Made up",
        backbone="none",
        revision=dataset.revision,
        features=array_write(
            dataset=dataset, purpose="features", values=rng.normal(size=(faces, 4)).astype(np.float32)
        ),
    )
    plane = rng.normal(0, 0.3, (faces, 2)).clip(-1, 1).astype(np.float32)
    Projection.objects.create(
        dataset=dataset,
        feature_set=features,
        method="umap",
        revision=dataset.revision,
        coordinates=array_write(dataset=dataset, purpose="coordinates", values=plane),
    )


def rows_write(model: type[models.Model], names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows by the database's own bulk path: COPY on PostgreSQL, one prepared statement on SQLite."""
    columns = [model._meta.get_field(name).column for name in names]
    quoted = ", ".join(connection.ops.quote_name(column) for column in columns)
    table = connection.ops.quote_name(model._meta.db_table)
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Row by row, the checks of foreign keys take longer than the rows.
            cursor.execute("SET LOCAL session_replication_role = 'replica'")
            with cursor.copy(f"COPY {table} ({quoted}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["?"] * len(columns))
            # The driver's own call: Django's would rewrite the statement for every batch.
            connection.connection.executemany(f"INSERT INTO {table} ({quoted}) VALUES ({marks})", rows)


def _zipped(columns: Sequence[NDArray[np.int64]]) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(columns[0]), BLOCK):
        yield from zip(*(column[start : start + BLOCK].tolist() for column in columns), strict=True)


def _bits(dataset: DataSet) -> list[int]:
    bit_of = dict(dataset.coded_aus.values_list("au", "bit"))
    return [bit_of[au] for au in AUS]


def _flipped(codes: NDArray[np.int8], share: float, rng: np.random.Generator) -> NDArray[np.int8]:
    wrong = rng.random(codes.shape, dtype=np.float32) < share
    return np.where(wrong, 1 - codes, codes).astype(np.int8)


def _key(key: uuid.UUID) -> str:
    return str(key) if connection.vendor == "postgresql" else key.hex


def _picture(seed: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "WEBP")
    return file.getvalue()


def world_note(folder: Path, faces: int, seconds: float) -> None:
    """Remember what was built here, for `--keep`."""
    note = {"faces": faces, "seconds": round(seconds, 1), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    (folder / "world.json").write_text(json.dumps(note))


def world_noted(folder: Path, faces: int) -> bool:
    """Whether a whole world of so many faces lies in the folder."""
    note = folder / "world.json"
    return note.exists() and json.loads(note.read_text())["faces"] == faces


def world_ready(folder: Path, faces: int) -> float:
    """Build the world unless the folder has it; the seconds it took, 0 for one that was kept."""
    if world_noted(folder, faces):
        return 0.0
    began = time.perf_counter()
    world_build(faces)
    seconds = time.perf_counter() - began
    world_note(folder, faces, seconds)
    return seconds
