"""Which faces of a cluster are on a page, and in which order: by what machines say of them, by how they
lie in the cluster, by subject. Blind, only orders that tell nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.masks import NOT_SCORED
from annotator.models import Assignment, Cluster, CodedAU, DataSet, Face, LabelLayer
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.codes import coded_aus, face_ids, is_blind, layer_codes, layers_visible_to
from annotator.selectors.columns import codes_at
from annotator.selectors.memberships import cluster_positions
from annotator.selectors.middles import has_vectors, middle_distances
from annotator.selectors.review import cluster_aus, coder_layer, state_tokens
from annotator.selectors.tiles import run_proposals

PAGE = 5_000
"""Faces on one page of a cluster, and so in one decision about all of them."""


@dataclass(frozen=True)
class Order:
    """One way to sort the faces of a cluster."""

    title: str | Promise
    hint: str | Promise = ""
    """What the figure or word under each face says."""
    blind: bool = False
    """Whether a blind coder may have it: it must tell nothing that a machine or another person said."""
    vectors: bool = False
    """Whether it needs a run that has vectors."""


ORDERS: Mapping[str, Order] = {
    "bands": Order(_("Differing weak label first")),
    "disagreement": Order(
        _("Most disagreement first"),
        _("0 to 2: one where the weak label is not what is proposed, and how far the detector's score is from it"),
    ),
    "probable": Order(_("Most probable first")),
    "improbable": Order(_("Least probable first")),
    "far": Order(
        _("Farthest from the middle first"), _("Distance to the middle of the cluster's features"), vectors=True
    ),
    "near": Order(
        _("Nearest to the middle first"), _("Distance to the middle of the cluster's features"), vectors=True
    ),
    "subject": Order(_("By subject"), _("Subject"), blind=True),
    "position": Order(_("As imported"), blind=True),
}


def orders_offered(cluster: Cluster, *, blind: bool) -> dict[str, Order]:
    """The orders that this cluster can be sorted by; the first is the one that holds unless asked."""
    offered = {
        key: order
        for key, order in ORDERS.items()
        if (order.blind or not blind) and (not order.vectors or has_vectors(cluster.run))
    }
    return dict(reversed(offered.items())) if blind else offered


@dataclass(frozen=True)
class Arrangement:
    """Which faces of a cluster are on a page, in which order and band."""

    aus: list[CodedAU]
    blind: bool
    order: str
    """A key of ORDERS."""
    positions: NDArray[np.int64]
    """(faces on the page,) in the order shown."""
    bands: NDArray[np.int8]
    """(faces on the page,): 0 the weak label differs, 1 there is none, 2 it agrees; all 0 in other orders."""
    notes: list[str]
    """What the faces on the page are sorted by, to be shown; empty where the order shows itself."""
    number: int
    pages: int
    total: int


@dataclass(frozen=True)
class _Ranking:
    """What N faces are sorted by: `keys` (N,) each, the weightiest last as np.lexsort has them."""

    keys: Sequence[NDArray]  # type: ignore[type-arg]
    bands: NDArray[np.int8] | None = None
    notes: NDArray[np.object_] | None = None


def cluster_arrange(
    cluster: Cluster,
    user: User,
    assignment: Assignment | None = None,
    *,
    number: int = 1,
    ordered: bool = True,
    order: str = "",
) -> Arrangement:
    """One page of a cluster in this order, or where it isn't offered in the first one that is: faces
    whose weak label differs from the proposal first, least certain ones first in each band; blind, all
    in the order of positions. Ties go by position, so that pages never overlap.

    Who only asks which faces are on the page says so by `ordered=False`: a cluster of one page is then
    spared the reading of what it is sorted by.
    """
    blind, order, aus = _asked(cluster, user, assignment, order)
    positions = cluster_positions(cluster)
    bands = np.zeros(len(positions), np.int8)
    notes: NDArray[np.object_] | None = None
    if ordered or len(positions) > PAGE:
        ranking = _ranking(order, cluster, user, assignment, positions, aus)
        places = _places(ranking, positions)
        positions = positions[places]
        bands = bands if ranking.bands is None else ranking.bands[places]
        notes = None if ranking.notes is None else ranking.notes[places]
    pages = max(1, -(-len(positions) // PAGE))
    number = min(max(number, 1), pages)
    here = slice((number - 1) * PAGE, number * PAGE)
    told = [] if notes is None else [str(note) for note in notes[here]]
    return Arrangement(aus, blind, order, positions[here], bands[here], told, number, pages, len(positions))


def cluster_ordered(
    cluster: Cluster, user: User, assignment: Assignment | None, positions: NDArray[np.int64], *, order: str
) -> NDArray[np.int64]:
    """These faces in the order in which the cluster's pages show them, or would if they were in it."""
    _blind, order, aus = _asked(cluster, user, assignment, order)
    return np.asarray(positions[_places(_ranking(order, cluster, user, assignment, positions, aus), positions)])


def _asked(
    cluster: Cluster, user: User, assignment: Assignment | None, order: str
) -> tuple[bool, str, list[CodedAU]]:
    """Whether the reader is blind, the order that they get, and the AUs that the cluster is looked at for."""
    dataset = cluster.run.dataset
    blind = is_blind(user, dataset, assignment)
    offered = orders_offered(cluster, blind=blind)
    aus = coded_aus(dataset, assignment.aus if assignment else cluster_aus(cluster) or cluster.aus)
    return blind, order if order in offered else next(iter(offered)), aus


def _places(ranking: "_Ranking", positions: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.lexsort((positions, *ranking.keys))


def undecided(dataset: DataSet, user: User, positions: NDArray[np.int64], aus: Sequence[CodedAU]) -> list[int]:
    """Those of the positions on which the user has no code yet for one of the AUs, in their order."""
    layer = coder_layer(dataset, user)
    if layer is None:
        return [int(position) for position in positions]
    tokens = state_tokens(layer_codes(layer, face_ids(dataset, positions)), [coded.bit for coded in aus])
    return [
        position
        for position, token in zip(positions.tolist(), tokens, strict=True)
        if "-" in token and not token.endswith("!")
    ]


def _ranking(
    order: str,
    cluster: Cluster,
    user: User,
    assignment: Assignment | None,
    positions: NDArray[np.int64],
    aus: Sequence[CodedAU],
) -> _Ranking:
    """What these faces are sorted by in this order."""
    if order == "position" or not len(positions):
        return _Ranking(())
    if order == "subject":
        return _by_subject(cluster.run.dataset, positions)
    if order in ("far", "near"):
        apart = middle_distances(cluster, positions)
        return _Ranking((_last(-apart if order == "far" else apart),), notes=_figures(apart))
    proposed, shares = run_proposals(cluster.run, positions, aus)
    if order in ("probable", "improbable"):
        likely = np.nan_to_num(shares, nan=-1.0).max(axis=1, initial=-1.0)
        likely = np.where(likely < 0, np.nan, likely)
        return _Ranking((_last(-likely if order == "probable" else likely),))
    certainty = np.nan_to_num(np.abs(shares - 0.5), nan=1.0).min(axis=1, initial=1.0)
    visible = layers_visible_to(user, cluster.run.dataset, assignment)
    weak = _weak_codes(cluster, visible, positions, aus)
    if order == "disagreement":
        apart = disagreement(weak, proposed, _detector_calls(cluster, visible, positions, aus))
        return _Ranking((certainty, -apart), notes=_figures(apart))
    differs = ((weak != proposed) & (weak >= 0) & (proposed >= 0)).any(axis=1)
    missing = (weak < 0).all(axis=1)
    bands = np.where(differs, 0, np.where(missing, 1, 2)).astype(np.int8)
    return _Ranking((certainty, bands), bands)


def _last(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The values with what is unknown after everything else."""
    return np.where(np.isnan(values), np.inf, values)


def _figures(values: NDArray[np.floating]) -> NDArray[np.object_]:
    return np.array(["" if np.isnan(value) else f"{value:.2f}" for value in values.tolist()], object)


def _by_subject(dataset: DataSet, positions: NDArray[np.int64]) -> _Ranking:
    """Subjects by name, then the faces without one."""
    faces = Face.objects.filter(dataset=dataset, position__among=positions.tolist())
    names = dict(faces.values_list("position", "subject__pseudonym"))
    found = np.array([names.get(position) or "" for position in positions.tolist()], object)
    return _Ranking((found.astype(str), found == ""), notes=found)


def disagreement(
    weak: NDArray[np.int8], proposed: NDArray[np.int8], scored: NDArray[np.floating]
) -> NDArray[np.float64]:
    """How far other machines contradict the proposals, (N,) from 0 to 2, by the AU that they do most on:
    1 for a weak code that is not the proposed one, and the distance of the detector's score to it.

    `weak` and `proposed` are codes, `scored` scores with the threshold at one half, all (N, A); what is
    not known (below 0, NaN) contradicts nothing.
    """
    known = proposed >= 0
    apart = (known & (weak >= 0) & (weak != proposed)).astype(np.float64)
    apart += np.where(known, np.nan_to_num(np.abs(scored - proposed), nan=0.0), 0.0)
    most: NDArray[np.float64] = apart.max(axis=1, initial=0.0)
    return most


def _weak_codes(
    cluster: Cluster, visible: Sequence[LabelLayer], positions: NDArray[np.int64], aus: Sequence[CodedAU]
) -> NDArray[np.int8]:
    """The run's weak codes (N, A) as far as this reviewer may see them."""
    layer = next((layer for layer in visible if layer.pk == cluster.run.weak_layer_id), None)
    if layer is None:
        return np.full((len(positions), len(aus)), NOT_SCORED, np.int8)
    return codes_at(layer, positions).codes([coded.bit for coded in aus])


def _detector_calls(
    cluster: Cluster, visible: Sequence[LabelLayer], positions: NDArray[np.int64], aus: Sequence[CodedAU]
) -> NDArray[np.float64]:
    """Scores (N, A) of the promoted detector, or else the newest that predicted, stretched so that its
    threshold lies at one half; NaN where it has none."""
    calls = np.full((len(positions), len(aus)), np.nan)
    layers = [layer for layer in visible if layer.kind == LayerKind.PREDICTION and layer.probabilities is not None]
    layers.sort(key=lambda layer: (bool(layer.detector and layer.detector.promoted_at), layer.pk))
    if not layers or layers[-1].detector is None or layers[-1].probabilities is None:
        return calls
    detector, scores = layers[-1].detector, array_read(layers[-1].probabilities)
    for place, coded in enumerate(aus):
        if coded.au not in detector.aus:
            continue
        column = detector.aus.index(coded.au)
        threshold = detector.thresholds[column] if column < len(detector.thresholds) else 0.5
        threshold = min(max(float(threshold), 0.001), 0.999)
        calls[:, place] = np.interp(
            values_at(scores[:, coded.bit], positions, np.nan), [0.0, threshold, 1.0], [0.0, 0.5, 1.0]
        )
    return calls
