"""Whether a cluster may be split or put together again, and what its figures are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import Mode, Role
from annotator.masks import ABSENT, NOT_SCORED, PRESENT
from annotator.models import Assignment, Cluster, Decision, Member
from annotator.selectors.codes import coded_aus
from annotator.selectors.columns import codes_at
from annotator.selectors.review import ACTIVE, coders_needed
from annotator.selectors.tiles import run_proposals


def split_hindrance(cluster: Cluster, user: User, assignment: Assignment | None) -> str:
    """Why this user can't split this cluster now, in their words; nothing where they can.

    A cluster that two people code stays whole: the second would see by its faces what the first one
    thought, and agreement is counted on the same faces.
    """
    if assignment is None:
        return _("This cluster is not yours to review now. Take it first.")
    if assignment.mode == Mode.BLIND:
        return _("While you code blind, a cluster stays whole: whoever codes it next must get the same faces.")
    if coders_needed(cluster.run.dataset) > 1:
        return _(
            "Here each cluster is coded by two, and stays whole for it: a part split off would tell the second "
            "coder what the first one saw."
        )
    others = Assignment.objects.filter(cluster=cluster, state__in=ACTIVE).exclude(coder=user).select_related("coder")
    if other := others.first():
        return _("%(name)s has a seat on this cluster too: it stays whole.") % {"name": other.coder.get_username()}
    return ""


def merge_hindrance(cluster: Cluster, user: User) -> str:
    """Why this user can't put a split-off cluster back; nothing where they can."""
    if cluster.split_from is None:
        return _("This cluster was not split off: there is nothing to put it back into.")
    admin = Member.objects.filter(dataset=cluster.run.dataset, user=user, role=Role.ADMIN).exists()
    if cluster.split_by_id != user.pk and not admin:
        return _("Only the one who split it off, or an admin, can put it back.")
    if Decision.objects.filter(cluster=cluster).exists():
        return _("There are decisions in it already, and they name this cluster: it stays.")
    if cluster.splits.exists():
        return _("A part of it was split off in its turn: put that back first.")
    seats = Assignment.objects.filter(cluster__in=[cluster.pk, cluster.split_from_id], state__in=ACTIVE)
    if other := seats.exclude(coder=user).select_related("coder").first():
        return _("%(name)s holds it, or the cluster it came from: its faces would change under their hands.") % {
            "name": other.coder.get_username()
        }
    return ""


@dataclass(frozen=True)
class Part:
    """A cluster that was split off, as the page of the one it came from lists it."""

    cluster: Cluster
    mergeable: bool
    """Whether this user may try to put it back; `merge_hindrance` has the last word."""


def splits_listed(cluster: Cluster, user: User) -> list[Part]:
    """What was split off this cluster, in order."""
    decided = Exists(Decision.objects.filter(cluster=OuterRef("pk")))
    parts = cluster.splits.annotate(decided=decided).order_by("pk")
    return [Part(part, part.split_by_id == user.pk and not part.decided) for part in parts]


@dataclass(frozen=True)
class Figures:
    """What a cluster's row says of its faces, reckoned as a run reckons it."""

    size: int
    votes: dict[str, Any]
    agreement: float
    expected_corrections: float


def cluster_figures(cluster: Cluster, positions: NDArray[np.int64]) -> Figures:
    """The figures of these faces as a cluster, from the run's proposals and probabilities and the weak
    codes as they are now: shares of present, agreement, and how many weak labels are expected to be wrong."""
    run = cluster.run
    aus = coded_aus(run.dataset, cluster.aus)
    proposed, shares = run_proposals(run, positions, aus)
    likely = shares.astype(np.float64)
    weak = np.full_like(proposed, NOT_SCORED)
    if run.weak_layer is not None:
        weak = codes_at(run.weak_layer, positions).codes([coded.bit for coded in aus])
    wrong = np.where(weak == PRESENT, 1 - likely, np.where(weak == ABSENT, likely, 0.0))
    right = np.where(proposed == PRESENT, likely, 1 - likely)
    votes, agreements = {}, []
    for place, coded in enumerate(aus):
        share = _mean(proposed[:, place] == PRESENT, proposed[:, place] >= 0)
        agreements.append(0.0 if share is None else max(share, 1 - share))
        votes[str(coded.au)] = {
            "share": share,
            "weak_share": _mean(weak[:, place] == PRESENT, weak[:, place] >= 0),
            "agreement": None if share is None else max(share, 1 - share),
            "confidence": _mean(right[:, place], (proposed[:, place] >= 0) & ~np.isnan(likely[:, place])),
            "corrections": round(float(np.nansum(wrong[:, place])), 4),
        }
    return Figures(
        size=len(positions),
        votes=votes,
        agreement=float(np.mean(agreements)) if agreements else 0.0,
        expected_corrections=float(np.nansum(wrong)),
    )


def _mean(values: NDArray[Any], known: NDArray[np.bool_]) -> float | None:
    return round(float(values[known].mean()), 4) if known.any() else None
