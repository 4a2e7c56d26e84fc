"""The faces before and behind one: in the order of the grid, or of the cluster, that its page was opened from."""

from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User

from annotator.models import Cluster, Face
from annotator.selectors.arrangement import PAGE, cluster_ordered
from annotator.selectors.codes import is_blind
from annotator.selectors.columns import Columns
from annotator.selectors.face_grid import GridView, grid_ordered
from annotator.selectors.memberships import cluster_positions
from annotator.selectors.review import assignment_open
from annotator.selectors.scopes import positions_there


@dataclass(frozen=True)
class Neighbours:
    """Where a face stands among others, for going from one to the next."""

    previous: int | None
    next: int | None
    place: int | None = None
    """From 1; None where nobody counted, or where the face isn't among them (any more)."""
    total: int | None = None
    """How many there are; None where nobody counted."""

    @property
    def page(self) -> int:
        """On which page of a cluster the face is."""
        return 1 if self.place is None else (self.place - 1) // PAGE + 1


def grid_neighbours(view: GridView, position: int) -> Neighbours:
    """The faces before and behind this one in the view's order."""
    if view.positions is None and view.sort.key == "position":
        faces = Face.objects.filter(dataset=view.dataset).values_list("position", flat=True)
        before = faces.filter(position__lt=position).order_by("-position").first()
        return Neighbours(before, faces.filter(position__gt=position).order_by("position").first())
    ordered, here, inside = grid_ordered(view, position)
    behind = here + inside
    return Neighbours(
        int(ordered[here - 1]) if here else None,
        int(ordered[behind]) if behind < len(ordered) else None,
        here + 1 if inside else None,
        None if view.scope.everything else len(ordered),
    )


def cluster_neighbours(cluster: Cluster, user: User, position: int, *, order: str) -> Neighbours:
    """The faces before and behind this one on the cluster's pages, in this order. While the user has a blind
    assignment open, here or elsewhere, only the orders that tell nothing."""
    dataset = cluster.run.dataset
    held = None if is_blind(user, dataset) else assignment_open(dataset, user, cluster)
    positions = positions_there(Columns(dataset), cluster_positions(cluster))
    inside = bool(np.isin(position, positions))
    ordered = cluster_ordered(cluster, user, held, np.union1d(positions, [position]), order=order).tolist()
    here = ordered.index(position)
    return Neighbours(
        ordered[here - 1] if here else None,
        ordered[here + 1] if here + 1 < len(ordered) else None,
        here + 1 if inside else None,
        len(positions),
    )
