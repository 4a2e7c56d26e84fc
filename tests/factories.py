"""Small makers of real rows for tests: faces with pictures, layers with codes, a finished run."""

import hashlib
import io
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from numpy.typing import ArrayLike
from PIL import Image

from annotator.choices import FaceRole, LayerKind
from annotator.masks import codes_pack
from annotator.models import Cluster, ClusterRun, DataSet, Face, Label, LabelLayer
from annotator.services.arrays import array_write


def picture_bytes(seed: int = 0, size: int = 16, format: str = "PNG") -> bytes:
    """A small picture of its own for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def faces_make(dataset: DataSet, count: int, *, pictures: bool = False, **fields: Any) -> list[Face]:
    """`count` new faces at the next positions, named face-<position>.png."""
    start = dataset.next_position
    faces = [
        Face(
            dataset=dataset,
            position=start + number,
            key=uuid.uuid4(),
            image=f"face-{start + number}.png",
            width=16,
            height=16,
            pixels_sha256=hashlib.sha256(str(number).encode()).hexdigest(),
            sharpness=100.0,
            brightness=0.5,
            **{"role": FaceRole.NONE, **fields},
        )
        for number in range(count)
    ]
    dataset.next_position = start + count
    dataset.save(update_fields=["next_position"])
    faces = Face.objects.bulk_create(faces)
    if pictures:
        for face in faces:
            default_storage.save(face.picture_name, ContentFile(picture_bytes(face.position, format="WEBP")))
            default_storage.save(face.thumbnail_name, ContentFile(picture_bytes(face.position, format="WEBP")))
    return faces


def layer_make(
    dataset: DataSet,
    kind: LayerKind,
    faces: Sequence[Face] = (),
    codes: ArrayLike | None = None,
    aus: Sequence[int] = (),
    *,
    user: User | None = None,
    name: str = "",
) -> LabelLayer:
    """A layer with codes (faces × AUs): 1 present, 0 absent, −1 not scored, −2 unscorable."""
    layer = LabelLayer.objects.create(
        dataset=dataset, kind=kind, user=user, name=name or (f"{kind} {user.username}" if user else str(kind))
    )
    if codes is not None:
        bits = [dataset.coded_aus.get(au=au).bit for au in aus]
        masks = codes_pack(np.asarray(codes, dtype=np.int8).reshape(len(faces), len(bits)), bits)
        Label.objects.bulk_create(
            Label(layer=layer, face=face, present=int(present), scored=int(scored), unscorable=int(unscorable))
            for face, present, scored, unscorable in zip(faces, *masks, strict=True)
        )
    return layer


def run_make(
    dataset: DataSet,
    faces: Sequence[Face],
    au: int,
    numbers: Sequence[int],
    proposals: Sequence[int],
    *,
    weak_layer: LabelLayer | None = None,
    adopted: bool = True,
) -> ClusterRun:
    """A finished run for one AU: `numbers` are the faces' clusters, `proposals` their codes.

    Expected corrections of a cluster grow with its number; when adopted, a proposal layer is made.
    """
    total = dataset.next_position
    membership = np.full((total, 1), -1, np.int32)
    codes = np.full((total, 1), -1, np.int8)
    positions = [face.position for face in faces]
    membership[positions, 0] = numbers
    codes[positions, 0] = proposals
    run = ClusterRun.objects.create(
        dataset=dataset,
        aus=[au],
        partitions=[[au]],
        weak_layer=weak_layer,
        protocol=dataset.protocols.latest("version"),
        revision=dataset.revision,
        membership=array_write(dataset=dataset, purpose="membership", values=membership),
        proposals=array_write(dataset=dataset, purpose="proposals", values=codes),
        probabilities=array_write(
            dataset=dataset, purpose="probabilities", values=np.clip(codes, 0.1, 0.9).astype(np.float16)
        ),
        outlier_scores=array_write(
            dataset=dataset,
            purpose="outlier-scores",
            values=np.where(membership[:, 0] == 0, 0.9, 0.1).astype(np.float32),
        ),
        outlier_reasons=array_write(
            dataset=dataset, purpose="outlier-reasons", values=(membership[:, 0] == 0).astype(np.uint32)
        ),
        summary={"reasons": ["It stands alone: no other face is near it."]},
        finished_at=timezone.now(),
    )
    bit = dataset.coded_aus.get(au=au)
    for number in sorted(set(numbers)):
        inside = [code for code, group in zip(proposals, numbers, strict=True) if group == number]
        share = float(np.mean([code == 1 for code in inside]))
        Cluster.objects.create(
            run=run,
            partition=0,
            number=number,
            aus=bit.mask,
            size=len(inside),
            votes={str(au): {"share": share, "weak_share": share, "agreement": max(share, 1 - share)}},
            agreement=max(share, 1 - share),
            expected_corrections=float(number),
        )
    if adopted:
        layer_make(dataset, LayerKind.PROPOSAL, faces, [[code] for code in proposals], [au])
        run.adopted_at, run.adopted_aus = timezone.now(), [au]
        run.save()
    return run
