"""The noise gallery: the faces a run couldn't place, ranked, with its reasons in words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import DecisionKind
from annotator.models import ClusterRun, DataSet, DecisionFace
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.codes import blind_refuse
from annotator.selectors.review import undone_of
from annotator.selectors.tiles import Tile, tiles_make

PER_PAGE = 60
TOP_SHARE = 0.01
"""Share of all faces that is shown for its score alone."""
IN_GROUP = "group"
"""The filter for faces of the noise group."""


@dataclass(frozen=True)
class Reason:
    """One reason of a run and how many of the ranked faces have it."""

    key: str
    text: str
    count: int


@dataclass(frozen=True)
class Gallery:
    """One page of the ranked faces."""

    run: ClusterRun | None
    tiles: list[Tile]
    page: Page[int] | None
    reasons: list[Reason]
    reason: str
    total: int


def noise_run(dataset: DataSet) -> ClusterRun | None:
    """The run behind the gallery: the latest adopted one that ranked outliers, else the latest such."""
    runs = ClusterRun.objects.filter(
        dataset=dataset, finished_at__isnull=False, outlier_scores__isnull=False
    ).select_related("outlier_scores", "outlier_reasons", "membership")
    return runs.filter(adopted_at__isnull=False).order_by("-adopted_at").first() or runs.order_by("-pk").first()


def noise_gallery(dataset: DataSet, user: User, *, reason: str = "", number: int = 1) -> Gallery:
    """The page `number` of the faces worth setting apart: the noise group and faces with a reason or
    among the highest scores, most outlying first. NotAllowed while the user codes blind."""
    blind_refuse(user, dataset)
    run = noise_run(dataset)
    if run is None:
        return Gallery(None, [], None, [], "", 0)
    ranked, bits, grouped = _ranked(run)
    words = [str(text) for text in run.summary.get("reasons", [])]
    reasons = [Reason(IN_GROUP, "", int(grouped.sum()))] + [
        Reason(str(bit), text, int((bits >> np.uint32(bit) & np.uint32(1)).sum())) for bit, text in enumerate(words)
    ]
    reasons = [one for one in reasons if one.count]
    reason = reason if reason in {one.key for one in reasons} else ""
    if reason:
        chosen = grouped if reason == IN_GROUP else (bits >> np.uint32(int(reason)) & np.uint32(1)).astype(bool)
        ranked = ranked[chosen]
    page = Paginator(ranked.tolist(), PER_PAGE).get_page(number)
    tiles = noise_tiles(dataset, user, list(page.object_list), run)
    return Gallery(run, tiles, page, reasons, reason, len(ranked))


Ranked = tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.bool_]]
_kept: dict[tuple[str, ...], Ranked] = {}
"""The rankings asked for last, by the names of their arrays, which are never used again."""
KEPT_MOST = 8


def _ranked(run: ClusterRun) -> Ranked:
    """Positions from the most outlying on, with their reasons' bits and whether the noise group has them."""
    key = tuple(array.name for array in (run.outlier_scores, run.outlier_reasons, run.membership) if array)
    ranked = _kept.get(key)
    if ranked is None:
        ranked = _rank(run)
        while len(_kept) >= KEPT_MOST:
            _kept.pop(next(iter(_kept)), None)
        _kept[key] = ranked
    return ranked


def _rank(run: ClusterRun) -> Ranked:
    assert run.outlier_scores is not None
    scores = np.nan_to_num(np.asarray(array_read(run.outlier_scores), np.float32), nan=-1.0)
    bits = _reason_bits(run, len(scores))
    grouped = _grouped(run, np.arange(len(scores)))
    shown = np.flatnonzero(grouped | (bits != 0))
    rest = np.setdiff1d(np.flatnonzero(scores > 0), shown, assume_unique=True)
    most = int(len(scores) * TOP_SHARE)
    top = rest[np.argsort(-scores[rest], kind="stable")[:most]]
    shown = np.concatenate([shown, top])
    ranked = shown[np.lexsort((shown, -scores[shown]))]
    return ranked, bits[ranked], grouped[ranked]


def _grouped(run: ClusterRun, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(N,) whether the faces are in the noise group of any partition."""
    if run.membership is None:
        return np.zeros(len(positions), bool)
    return np.asarray((values_at(array_read(run.membership), positions, -1) == 0).any(axis=1))


def _reason_bits(run: ClusterRun, count: int) -> NDArray[np.uint32]:
    if run.outlier_reasons is None:
        return np.zeros(count, np.uint32)
    return np.asarray(array_read(run.outlier_reasons), np.uint32)


def noise_tiles(dataset: DataSet, user: User, positions: Sequence[int], run: ClusterRun) -> list[Tile]:
    """The faces at these positions with their scores, reasons, and whether the user kept them."""
    assert run.outlier_scores is not None
    tiles = tiles_make(dataset, user, np.asarray(positions, np.int64), [])
    scores = array_read(run.outlier_scores)
    bits = _reason_bits(run, len(scores))
    words = [str(text) for text in run.summary.get("reasons", [])]
    kept = kept_faces(dataset, user, [tile.face.pk for tile in tiles])
    grouped = _grouped(run, np.array([tile.position for tile in tiles], np.int64))
    return [
        replace(
            tile,
            score=float(scores[tile.position]) if tile.position < len(scores) else None,
            reasons=_reasons(int(bits[tile.position]) if tile.position < len(bits) else 0, words, bool(alone)),
            kept=tile.face.pk in kept,
        )
        for tile, alone in zip(tiles, grouped, strict=True)
    ]


def _reasons(bits: int, words: Sequence[str], alone: bool) -> list[str]:
    told = [text for bit, text in enumerate(words) if bits >> bit & 1]
    return told or ([_("in no cluster")] if alone else [])


def kept_faces(dataset: DataSet, user: User, face_ids: Sequence[int]) -> set[int]:
    """Those of the faces on which the user's latest standing word about noise is to keep them."""
    said = (
        DecisionFace.objects.filter(
            face_id__among=face_ids,
            decision__dataset=dataset,
            decision__user=user,
            decision__kind__in=[DecisionKind.NOISE, DecisionKind.RESTORE],
        )
        .order_by("decision_id")
        .values_list("face_id", "decision_id", "decision__kind")
    )
    undone = undone_of({decision for _face, decision, _kind in said})
    latest = {face_id: kind for face_id, decision, kind in said if decision not in undone}
    return {face_id for face_id, kind in latest.items() if kind == DecisionKind.RESTORE}
