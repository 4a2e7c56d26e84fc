"""Counting a data set: sizes, base rates, co-occurrence, reviewed shares, agreement.

Figures come from one grouped query a layer: faces with the very same masks fall into one row, so a
million faces are counted in the database and only the distinct mask combinations reach Python.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.core.cache import cache
from django.db.models import Count, F, FilteredRelation, Q
from django.db.models.functions import Coalesce
from numpy.typing import NDArray

from annotator.choices import AssignmentState, FaceRole, LayerKind
from annotator.masks import ABSENT, NOT_SCORED, PRESENT, UNSCORABLE, codes_unpack
from annotator.models import Assignment, Cluster, ClusterRun, CodedAU, DataSet, Face, Label, LabelLayer
from annotator.selectors.codes import coded_aus

BATCH = 20_000
"""Distinct mask combinations unpacked at once."""
INLINE_FACES = 30_000
"""Up to this many faces the figures are computed with the page; beyond, the page asks for them."""
COUNT_KEPT_FROM = 50_000
COUNT_KEPT_SECONDS = 60
SLOW_SECONDS = 1.0
KEEP_FACTOR = 30
"""Figures that took t ≥ SLOW_SECONDS to compute may be this many times t seconds behind the revision."""
KEEP_LONGEST = 24 * 3600


@dataclass(frozen=True)
class LayerFigures:
    """How often each of A AUs is coded in one layer, in the data set's AU order."""

    layer_id: int
    kind: str
    faces: int
    noise: int
    scored: NDArray[np.int64]
    """(A,) faces with a code present or absent."""
    present: NDArray[np.int64]
    """(A,) of these, present."""
    unscorable: NDArray[np.int64]
    """(A,) faces on which the AU can't be told."""
    both: NDArray[np.int64]
    """(A, A): faces on which the row's AU and the column's are present."""
    asked: NDArray[np.int64]
    """(A, A): faces on which the row's AU is present and the column's is scored."""

    def rate(self, place: int) -> float | None:
        """The base rate of the AU at this place of the list; None where nothing is scored."""
        return float(self.present[place] / self.scored[place]) if self.scored[place] else None


@dataclass(frozen=True)
class Agreement:
    """How a layer's codes compare with the reference where both are scored: (A,) counts."""

    both: NDArray[np.int64]
    agreed: NDArray[np.int64]
    hits: NDArray[np.int64]
    """Present in both."""
    claimed: NDArray[np.int64]
    """Present in the layer."""
    wanted: NDArray[np.int64]
    """Present in the reference."""

    def share(self, place: int) -> float | None:
        return float(self.agreed[place] / self.both[place]) if self.both[place] else None

    def f1(self, place: int) -> float | None:
        """The F1 of present; None where neither source has any."""
        total = self.claimed[place] + self.wanted[place]
        return float(2 * self.hits[place] / total) if total else None


@dataclass(frozen=True)
class Figures:
    """Everything that is counted for an overview. Holds all layers: show only what the reader may see."""

    revision: int
    seconds: float
    made_at: float
    faces: int
    subjects: int
    clips: int
    aus: tuple[int, ...]
    layers: tuple[LayerFigures, ...]
    agreement: dict[tuple[int, bool], Agreement]
    """By layer id (proposal and weak), and whether over test faces or over all others."""
    reviewed_faces: int
    reviewed: NDArray[np.int64]
    """(A,) faces on which a coder or the consensus has the AU scored or unscorable."""
    clusters: int
    clusters_done: int

    @property
    def reviewed_share(self) -> float | None:
        return self.reviewed_faces / self.faces if self.faces else None

    @property
    def reviewed_codes_share(self) -> float | None:
        asked = self.faces * len(self.aus)
        return float(self.reviewed.sum() / asked) if asked else None


def face_counts(datasets: Sequence[DataSet]) -> dict[int, int]:
    """Faces by data set id."""
    large = {one.pk: faces_count(one) for one in datasets if one.next_position >= COUNT_KEPT_FROM}
    small = [one.pk for one in datasets if one.pk not in large]
    rows = Face.objects.filter(dataset__in=small).order_by().values("dataset").annotate(n=Count("pk"))
    return large | {row["dataset"]: row["n"] for row in rows}


def faces_count(dataset: DataSet) -> int:
    """How many faces there are. Counting a million takes a tenth of a second, so a large count is kept for a
    minute, as long as no face came (the next position says so) and no subject was withdrawn."""
    if dataset.next_position < COUNT_KEPT_FROM:
        return dataset.faces.count()
    withdrawn = dataset.withdrawals.count()
    key = f"faces:{dataset.pk}:{dataset.created_at.timestamp()}:{dataset.next_position}:{withdrawn}"
    kept: int | None = cache.get(key)
    if kept is None:
        kept = dataset.faces.count()
        cache.set(key, kept, COUNT_KEPT_SECONDS)
    return kept


def figures_ready(dataset: DataSet, faces: int) -> Figures | None:
    """The figures if they are at hand or quickly made; None where a page should ask for them later."""
    kept = _figures_kept(dataset)
    if kept is not None or faces > INLINE_FACES:
        return kept
    return figures_compute(dataset)


def figures_of(dataset: DataSet) -> Figures:
    """The figures, kept ones where they are fresh enough, otherwise computed now."""
    return _figures_kept(dataset) or figures_compute(dataset)


def _figures_kept(dataset: DataSet) -> Figures | None:
    """The figures of this revision, or older ones whose making took so long that they must last a while."""
    kept: Figures | None = cache.get(_figures_key(dataset))
    if kept is None or kept.aus != tuple(coded.au for coded in coded_aus(dataset)):
        return None
    if kept.revision == dataset.revision:
        return kept
    lasts = KEEP_FACTOR * kept.seconds if kept.seconds >= SLOW_SECONDS else 0
    return kept if time.time() - kept.made_at < lasts else None


def _figures_key(dataset: DataSet) -> str:
    return f"figures:{dataset.pk}:{dataset.created_at.timestamp()}"


def figures_compute(dataset: DataSet) -> Figures:
    """Count everything anew and keep it."""
    started = time.monotonic()
    aus = coded_aus(dataset)
    bits = [coded.bit for coded in aus]
    layers = list(dataset.layers.all())
    people = [layer for layer in layers if layer.kind in (LayerKind.CODER, LayerKind.CONSENSUS)]
    reviewed_faces, reviewed = _reviewed(people, aus)
    clusters, done = clusters_count(dataset)
    figures = Figures(
        revision=dataset.revision,
        faces=dataset.faces.count(),
        subjects=dataset.subjects.count(),
        clips=dataset.clips.count(),
        aus=tuple(coded.au for coded in aus),
        layers=tuple(layer_figures(layer, bits) for layer in layers),
        agreement=_agreement_by_layer(layers, bits),
        reviewed_faces=reviewed_faces,
        reviewed=reviewed,
        clusters=clusters,
        clusters_done=done,
        seconds=time.monotonic() - started,
        made_at=time.time(),
    )
    cache.set(_figures_key(dataset), figures, KEEP_LONGEST)
    return figures


def layer_figures(layer: LabelLayer, bits: Sequence[int]) -> LayerFigures:
    """Count one layer in a single grouped query."""
    width = len(bits)
    counts = np.zeros((3, width), np.int64)
    both, asked = np.zeros((width, width), np.int64), np.zeros((width, width), np.int64)
    faces = noise = 0
    rows = Label.objects.filter(layer=layer).order_by().values_list("present", "scored", "unscorable", "noise")
    for batch in _batches(rows.annotate(n=Count("pk")).iterator(chunk_size=BATCH)):
        codes = codes_unpack(batch[:, 0], batch[:, 1], batch[:, 2], bits)
        n = batch[:, 4]
        present, scored = codes == PRESENT, (codes == PRESENT) | (codes == ABSENT)
        counts += [n @ present, n @ scored, n @ (codes == UNSCORABLE)]
        # (A, M) float64 times (M, A): exact, since the counts stay far below 2⁵³.
        weighted = (present * n[:, None]).T.astype(np.float64)
        both += np.rint(weighted @ present).astype(np.int64)
        asked += np.rint(weighted @ scored).astype(np.int64)
        faces += int(n.sum())
        noise += int(n[batch[:, 3] != 0].sum())
    return LayerFigures(
        layer_id=layer.pk,
        kind=layer.kind,
        faces=faces,
        noise=noise,
        present=counts[0],
        scored=counts[1],
        unscorable=counts[2],
        both=both,
        asked=asked,
    )


def _batches(rows: Iterable[tuple[int | bool, ...]]) -> Iterable[NDArray[np.int64]]:
    """Rows of whole numbers as (≤ BATCH, columns) arrays."""
    batch: list[tuple[int | bool, ...]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield np.array(batch, dtype=np.int64)
            batch = []
    if batch:
        yield np.array(batch, dtype=np.int64)


def _agreement_by_layer(layers: Sequence[LabelLayer], bits: Sequence[int]) -> dict[tuple[int, bool], Agreement]:
    references = [layer for layer in layers if layer.kind == LayerKind.REFERENCE]
    compared = [layer for layer in layers if layer.kind in (LayerKind.PROPOSAL, LayerKind.WEAK)]
    return {
        (layer.pk, test): agreement_count(layer, references, bits, test=test)
        for layer in compared
        for test in (False, True)
        if references
    }


def agreement_count(
    layer: LabelLayer, references: Sequence[LabelLayer], bits: Sequence[int], *, test: bool
) -> Agreement:
    """Compare a layer with the reference layers over the test faces, or over all the others. Of two
    reference layers the newer counts, as everywhere (ADR 6)."""
    sums = np.zeros((5, len(bits)), np.int64)
    rows = Label.objects.filter(layer=layer)
    of_test = Q(face__role=FaceRole.TEST)
    rows = rows.filter(of_test) if test else rows.exclude(of_test)
    fields, told = [], Q()
    for place, reference in enumerate(sorted(references, key=lambda one: -one.pk)):
        name = f"reference_{place}"
        rows = rows.annotate(**{name: FilteredRelation("face__labels", condition=Q(face__labels__layer=reference))})
        told |= Q(**{f"{name}__isnull": False})
        for mask in ("present", "scored", "unscorable"):
            fields.append(f"{mask}_{place}")
            rows = rows.annotate(**{fields[-1]: Coalesce(F(f"{name}__{mask}"), 0)})
    grouped = rows.filter(told).order_by().values_list("present", "scored", *fields).annotate(n=Count("pk"))
    for batch in _batches(grouped.iterator(chunk_size=BATCH)):
        claimed = codes_unpack(batch[:, 0], batch[:, 1], np.zeros(len(batch), np.int64), bits)
        wanted = np.full_like(claimed, NOT_SCORED)
        for first in range(2, 2 + len(fields), 3):
            codes = codes_unpack(batch[:, first], batch[:, first + 1], batch[:, first + 2], bits)
            wanted = np.where(wanted == NOT_SCORED, codes, wanted)
        n = batch[:, -1]
        both = (wanted >= 0) & (claimed >= 0)
        yes, said = both & (wanted == PRESENT), both & (claimed == PRESENT)
        sums += [n @ both, n @ (both & (wanted == claimed)), n @ (yes & said), n @ said, n @ yes]
    return Agreement(*sums)


def _reviewed(layers: Sequence[LabelLayer], aus: Sequence[CodedAU]) -> tuple[int, NDArray[np.int64]]:
    """Faces that a person has looked at (any AU, or set apart), and (A,) the same for each AU."""
    if not layers:
        return 0, np.zeros(len(aus), np.int64)
    rows = Label.objects.filter(layer__in=layers).annotate(
        seen=F("scored").bitor(F("unscorable"))  # type: ignore[arg-type]  # the stubs know numbers only
    )
    looked = {
        f"au_{coded.au}": Count("face", distinct=len(layers) > 1, filter=Q(**{f"seen_{coded.au}__gt": 0}))
        for coded in aus
    }
    rows = rows.annotate(**{f"seen_{coded.au}": F("seen").bitand(coded.mask) for coded in aus})
    totals = rows.aggregate(
        faces=Count("face", distinct=len(layers) > 1, filter=Q(seen__gt=0) | Q(noise=True)), **looked
    )
    return totals["faces"], np.array([totals[f"au_{coded.au}"] for coded in aus], dtype=np.int64)


def clusters_count(dataset: DataSet) -> tuple[int, int]:
    """The clusters behind the adopted proposals of AUs on the list, as the queue hands them out, and how
    many of them are reviewed by enough coders."""
    listed = coded_aus(dataset)
    needed = dataset.protocols.latest("version").coders_per_item
    total = done = 0
    for run in ClusterRun.objects.filter(dataset=dataset, adopted_at__isnull=False):
        mask = sum(coded.mask for coded in listed if coded.au in run.adopted_aus)
        if not mask:
            continue
        clusters = Cluster.objects.filter(run=run, number__gt=0).annotate(adopted=F("aus").bitand(mask))
        total += clusters.filter(adopted__gt=0).count()
        finished = Assignment.objects.filter(cluster__run=run, cluster__number__gt=0, state=AssignmentState.DONE)
        finished = finished.annotate(adopted=F("cluster__aus").bitand(mask)).filter(adopted__gt=0)
        seats = finished.order_by().values("cluster").annotate(n=Count("coder", distinct=True))
        done += seats.filter(n__gte=needed).count()
    return total, done
