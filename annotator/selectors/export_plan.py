"""What an export reads: looked up once into a plan, then chunk by chunk in the order of positions.

A chunk holds a few thousand faces, however large the data set is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.errors import InputRefused
from annotator.formats.mapping import ColumnMapping
from annotator.models import ClusterRun, CodedAU, DataSet, Face, ImportBatch, LabelLayer, Protocol
from annotator.selectors.arrays import array_read
from annotator.selectors.codes import LayerCodes, coded_aus, layer_codes, layers_visible_to
from annotator.selectors.effective import EffectiveCodes, effective_codes
from annotator.selectors.memberships import run_membership

CHUNK = 2_000
FACE_COLUMNS = ("pk", "position", "image", "subject__pseudonym", "clip__name", "frame", "time_s")


@dataclass(frozen=True)
class AdoptedAU:
    """The adopted run behind one AU's proposals, with its column in the run's arrays."""

    run: int
    clusters: NDArray[Any] | None
    """(positions,) int32 cluster numbers: 0 noise group, −1 none."""
    probabilities: NDArray[Any] | None
    """(positions,) float16."""


@dataclass(frozen=True)
class ExportPlan:
    """What an export reads, looked up once."""

    dataset: DataSet
    protocol: Protocol
    layers: list[LabelLayer]
    aus: list[CodedAU]
    accept_proposals: bool
    detailed: bool
    """Whether rows tell more than code and source: coders, times, clusters, intensities."""
    adopted: dict[int, AdoptedAU] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    """Columns of the imported tables that are carried over."""
    carried: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """By import: (place in `extra`, place in that import's rows)."""
    probabilities: dict[int, NDArray[Any]] = field(default_factory=dict)
    """By weak layer: (positions, 63) by AU bit."""


def export_plan(user: User, dataset: DataSet, *, accept_proposals: bool, detailed: bool, carry: bool) -> ExportPlan:
    """Look up what an export for this user reads: only the layers that they may see.

    `carry` adds the columns of the original tables that nothing here knows. Raises InputRefused for a
    data set without AUs.
    """
    aus = coded_aus(dataset)
    if not aus:
        raise InputRefused(_("The data set has no AUs yet: import labels first."))
    extra, carried = _carried(dataset) if carry else ((), {})
    layers = layers_visible_to(user, dataset)
    return ExportPlan(
        dataset=dataset,
        protocol=dataset.protocols.latest("version"),
        layers=layers,
        aus=aus,
        accept_proposals=accept_proposals,
        detailed=detailed,
        adopted=_adopted(dataset) if detailed else {},
        extra=extra,
        carried=carried,
        probabilities={
            layer.pk: array_read(layer.probabilities)
            for layer in layers
            if detailed and layer.kind == LayerKind.WEAK and layer.probabilities is not None
        },
    )


def _adopted(dataset: DataSet) -> dict[int, AdoptedAU]:
    """By AU number, the run whose proposals are adopted."""
    found = {}
    runs = ClusterRun.objects.filter(dataset=dataset, adopted_at__isnull=False).order_by("adopted_at", "pk")
    for run in runs.select_related("membership", "probabilities"):
        for au in run.adopted_aus:
            place = next((number for number, aus in enumerate(run.partitions) if au in aus), None)
            found[au] = AdoptedAU(
                run.pk,
                None if run.membership is None or place is None else run_membership(run, place),
                None
                if run.probabilities is None or au not in run.aus
                else array_read(run.probabilities)[:, run.aus.index(au)],
            )
    return found


def _carried(dataset: DataSet) -> tuple[tuple[str, ...], dict[int, list[tuple[int, int]]]]:
    """The unknown columns of the imports that brought faces, and where each import has them.

    The emotion and the split are known but have no column of their own in an export, and come with
    them. Long tables are left out: their rows belong to single codes and not to faces.
    """
    names: list[str] = []
    columns: dict[int, dict[str, int]] = {}
    begun = ImportBatch.objects.filter(dataset=dataset, with_pictures=True, job__isnull=False)
    for batch in begun.order_by("pk"):
        if not batch.mapping:
            continue
        mapping = ColumnMapping.from_json(batch.mapping)
        if mapping.shape != "wide":
            continue
        wanted = {*mapping.extra, mapping.emotion, mapping.split}
        columns[batch.pk] = {name: place for place, name in enumerate(mapping.header) if name in wanted}
        names += [name for name in columns[batch.pk] if name not in names]
    return tuple(names), {
        pk: [(names.index(name), place) for name, place in places.items()] for pk, places in columns.items() if places
    }


@dataclass(frozen=True)
class FaceChunk:
    """Some faces in order, with what counts for them."""

    faces: list[tuple[Any, ...]]
    """Values of FACE_COLUMNS."""
    read: dict[int, LayerCodes]
    effective: EffectiveCodes

    @property
    def ids(self) -> list[int]:
        return [face[0] for face in self.faces]


def chunk_read(
    plan: ExportPlan, faces: Sequence[tuple[Any, ...]], read: dict[int, LayerCodes] | None = None
) -> FaceChunk:
    """What counts for these faces (values of FACE_COLUMNS); layers in `read` are not read again."""
    faces = list(faces)
    ids = [face[0] for face in faces]
    layers = [layer for layer in plan.layers if layer.kind != LayerKind.PREDICTION]
    read = read or {layer.pk: layer_codes(layer, ids) for layer in layers}
    return FaceChunk(
        faces,
        read,
        effective_codes(
            plan.dataset,
            layers,
            ids,
            plan.aus,
            accept_proposals=plan.accept_proposals,
            coders_needed=plan.protocol.coders_per_item,
            read=read,
        ),
    )


def chunks_read(plan: ExportPlan, size: int = CHUNK) -> Iterator[FaceChunk]:
    """All faces by position, `size` at a time. Each chunk asks anew behind the last position, so that
    no cursor stays open and a face withdrawn meanwhile is simply gone."""
    after = -1
    while True:
        faces = list(
            Face.objects.filter(dataset=plan.dataset, position__gt=after)
            .order_by("position")
            .values_list(*FACE_COLUMNS)[:size]
        )
        if not faces:
            return
        yield chunk_read(plan, faces)
        after = faces[-1][1]
