"""Counting a data set: sizes, base rates, co-occurrence, reviewed shares, agreement.

Figures come from columns by position, so a million faces cost a fraction of a second a layer once its columns
are at hand.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.core.cache import cache
from django.db.models import Count, F
from numpy.typing import NDArray

from annotator.choices import AssignmentState, LayerKind
from annotator.models import Assignment, Cluster, ClusterRun, CodedAU, DataSet, Face, LabelLayer
from annotator.selectors.code_counts import BLOCK, codes_count
from annotator.selectors.codes import coded_aus
from annotator.selectors.columns import Columns

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
    """Faces with any code, unscorable or set apart."""
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
    columns = Columns(dataset)
    layers = list(dataset.layers.all())
    people = [layer for layer in layers if layer.kind in (LayerKind.CODER, LayerKind.CONSENSUS)]
    reviewed_faces, reviewed = _reviewed(columns, people, aus)
    clusters, done = clusters_count(dataset)
    figures = Figures(
        revision=dataset.revision,
        faces=dataset.faces.count(),
        subjects=dataset.subjects.count(),
        clips=dataset.clips.count(),
        aus=tuple(coded.au for coded in aus),
        layers=tuple(_layer_figures(columns, layer, aus) for layer in layers),
        agreement=_agreement_by_layer(columns, layers, aus),
        reviewed_faces=reviewed_faces,
        reviewed=reviewed,
        clusters=clusters,
        clusters_done=done,
        seconds=time.monotonic() - started,
        made_at=time.time(),
    )
    cache.set(_figures_key(dataset), figures, KEEP_LONGEST)
    return figures


def _layer_figures(columns: Columns, layer: LabelLayer, aus: Sequence[CodedAU]) -> LayerFigures:
    counts = codes_count(columns, None, layer, None, aus)
    _present, scored, unscorable = columns.layer(layer).masks
    return LayerFigures(
        layer_id=layer.pk,
        kind=layer.kind,
        faces=int(np.count_nonzero(scored | unscorable)),
        present=counts.present,
        scored=counts.scored,
        unscorable=counts.unscorable,
        both=counts.both,
        asked=counts.asked.T,
    )


def _agreement_by_layer(
    columns: Columns, layers: Sequence[LabelLayer], aus: Sequence[CodedAU]
) -> dict[tuple[int, bool], Agreement]:
    references = [layer for layer in layers if layer.kind == LayerKind.REFERENCE]
    compared = [layer for layer in layers if layer.kind in (LayerKind.PROPOSAL, LayerKind.WEAK)]
    if not references or not compared:
        return {}
    return {
        (layer.pk, test): _agreement(columns, layer, references, aus, columns.tests == test)
        for layer in compared
        for test in (False, True)
    }


def _agreement(
    columns: Columns,
    layer: LabelLayer,
    references: Sequence[LabelLayer],
    aus: Sequence[CodedAU],
    among: NDArray[np.bool_],
) -> Agreement:
    """Compare a layer with the reference layers over the faces marked in `among` (positions,). Of two reference
    layers the newer counts, as everywhere (ADR 6)."""
    single = np.array([coded.mask for coded in aus], np.int64)[:, None]
    held = columns.layer(layer).masks
    told = [columns.layer(one).masks for one in sorted(references, key=lambda one: -one.pk)]
    sums = np.zeros((5, len(aus)), np.int64)
    for start in range(0, len(among), BLOCK):
        here = slice(start, start + BLOCK)
        known, wanted, open_ = np.zeros((3, len(aus), len(among[here])), bool)  # (A, n)
        open_[:] = among[here]
        for masks in told:
            present, scored, unscorable = ((mask[here] & single) != 0 for mask in masks)
            known |= open_ & scored
            wanted |= open_ & present
            open_ &= ~(scored | unscorable)
        both = known & ((held[1, here] & single) != 0)
        yes, said = both & wanted, both & ((held[0, here] & single) != 0)
        sums += [part.sum(axis=1) for part in (both, both & (yes == said), yes & said, said, yes)]
    return Agreement(*sums)


def _reviewed(
    columns: Columns, layers: Sequence[LabelLayer], aus: Sequence[CodedAU]
) -> tuple[int, NDArray[np.int64]]:
    """Faces that a person has looked at (any AU, or set apart), and (A,) the same for each AU."""
    seen = np.zeros(columns.dataset.next_position, np.int64)
    for layer in layers:
        _present, scored, unscorable = columns.layer(layer).masks
        seen |= scored | unscorable  # the noise mark is a bit of it
    counts = [np.count_nonzero(seen & np.int64(coded.mask)) for coded in aus]
    return int(np.count_nonzero(seen)), np.array(counts, np.int64)


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
