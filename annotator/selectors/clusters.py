"""The cluster under review: one page of its faces as this reviewer may see them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from annotator.errors import NotFound
from annotator.masks import ABSENT, PRESENT
from annotator.models import Assignment, Cluster, CodedAU, DataSet, LabelLayer
from annotator.selectors.arrangement import ORDERS, Order, cluster_arrange, orders_offered
from annotator.selectors.codes import is_blind, layers_visible_to
from annotator.selectors.memberships import cluster_positions
from annotator.selectors.run_hints import cluster_odd, run_cut
from annotator.selectors.tiles import Tile, run_proposals, tiles_make

CLUSTER_WITH = (
    "run__dataset",
    "run__weak_layer",
    "run__membership",
    "run__embedding",
    "run__feature_set__features",
    "split_from",
)


def cluster_get(dataset: DataSet, cluster_id: int) -> Cluster:
    """The cluster of a finished run of this data set; NotFound otherwise."""
    cluster = (
        Cluster.objects.select_related(*CLUSTER_WITH)
        .filter(pk=cluster_id, run__dataset=dataset, run__finished_at__isnull=False)
        .first()
    )
    if cluster is None:
        raise NotFound(_("There is no such cluster."))
    return cluster


@dataclass(frozen=True)
class Band:
    """One part of the grid."""

    name: str
    title: str
    tiles: list[Tile]


@dataclass(frozen=True)
class ClusterPage:
    """One page of a cluster's faces as this reviewer may see them."""

    cluster: Cluster
    aus: list[CodedAU]
    bands: list[Band]
    blind: bool
    number: int
    pages: int
    total: int
    proposal: str
    """What the run proposes for most faces: p, a, or nothing when blind or for several AUs."""
    cut: float | None
    """The probability from which on the run proposes “present”; None like `proposal`."""
    order: str
    """A key of ORDERS; `orders` has those that can be chosen."""
    orders: dict[str, Order]
    odd: bool
    """The faces are as a whole unlike the run's others, and some are yet to be decided; never blind."""

    @property
    def tiles(self) -> list[Tile]:
        return [tile for band in self.bands for tile in band.tiles]

    @property
    def hint(self) -> str:
        """What the note under each face says."""
        return str(ORDERS[self.order].hint)

    @property
    def undecided(self) -> int:
        return sum(not tile.decided for tile in self.tiles)


BANDS = {
    "differ": _("The weak label differs"),
    "missing": _("No weak label"),
    "agree": _("The weak label agrees"),
}


def cluster_page(
    cluster: Cluster, user: User, assignment: Assignment | None = None, *, number: int = 1, order: str = ""
) -> ClusterPage:
    """The page of a cluster with all that its reviewer may see; see cluster_arrange for the order."""
    shown = cluster_arrange(cluster, user, assignment, number=number, order=order)
    tiles = cluster_tiles(cluster, user, shown.positions, shown.aus, assignment)
    band_of = dict(zip(shown.positions.tolist(), shown.bands.tolist(), strict=True))
    if shown.notes:
        notes = dict(zip(shown.positions.tolist(), shown.notes, strict=True))
        tiles = [replace(tile, note=notes[tile.position]) for tile in tiles]
    names = ["differ", "missing", "agree"] if shown.order == "bands" else ["all"]
    order_title = str(ORDERS[shown.order].title)
    bands = [
        Band(name, str(BANDS.get(name, order_title)), [tile for tile in tiles if band_of[tile.position] == place])
        for place, name in enumerate(names)
    ]
    one = not shown.blind and len(shown.aus) == 1
    odd = not shown.blind and cluster_odd(cluster.run, cluster_positions(cluster))
    return ClusterPage(
        cluster=cluster,
        aus=shown.aus,
        bands=[band for band in bands if band.tiles],
        blind=shown.blind,
        number=shown.number,
        pages=shown.pages,
        total=shown.total,
        proposal=_majority(cluster, shown.positions, shown.aus) if one else "",
        cut=run_cut(cluster.run, shown.aus[0].au) if one else None,
        order=shown.order,
        orders=orders_offered(cluster, blind=shown.blind),
        odd=odd and not all(tile.decided for tile in tiles),
    )


def _majority(cluster: Cluster, positions: NDArray[np.int64], aus: Sequence[CodedAU]) -> str:
    codes, _shares = run_proposals(cluster.run, positions, aus)
    present, absent = int((codes == PRESENT).sum()), int((codes == ABSENT).sum())
    if not present and not absent:
        return ""
    return "p" if present >= absent else "a"


def _weak_layer(cluster: Cluster, user: User, assignment: Assignment | None) -> LabelLayer | None:
    """The run's weak layer, if this reviewer may see it now."""
    visible = layers_visible_to(user, cluster.run.dataset, assignment)
    return next((layer for layer in visible if layer.pk == cluster.run.weak_layer_id), None)


def cluster_tiles(
    cluster: Cluster,
    user: User,
    positions: NDArray[np.int64] | Sequence[int],
    aus: Sequence[CodedAU],
    assignment: Assignment | None = None,
    *,
    weak: bool = True,
) -> list[Tile]:
    """The faces at these positions, in their order, with what this reviewer may see of them now;
    without weak labels where `weak` is false."""
    blind = is_blind(user, cluster.run.dataset, assignment)
    return tiles_make(
        cluster.run.dataset,
        user,
        np.asarray(positions, np.int64),
        aus,
        run=None if blind else cluster.run,
        weak=None if blind or not weak else _weak_layer(cluster, user, assignment),
    )
