"""Two finished runs side by side: what they were made from, how they did, and where their proposals differ."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.models import ClusterRun, DataSet, Face
from annotator.selectors.arrays import array_read
from clustering.algorithms.scores import adjusted_rand_index
from clustering.algorithms.settings import WSCSettings
from clustering.selectors.runs import SETTING_WORDS, settings_told

TILES = 24
"""Most faces shown on which the proposals differ."""
LETTERS = "AB"
KEEP_SECONDS = 3600
MADE_FROM = ("feature_set", "weak_layer", "protocol", "created_by", "proposals", "membership", "probabilities")


@dataclass(frozen=True)
class Chosen:
    """The two runs asked for, and what keeps them from being compared, in a sentence; empty if nothing was asked."""

    runs: tuple[ClusterRun | None, ClusterRun | None]
    problem: str

    @property
    def both(self) -> tuple[ClusterRun, ClusterRun] | None:
        first, second = self.runs
        return (first, second) if first and second and not self.problem else None


def runs_comparable(dataset: DataSet) -> QuerySet[ClusterRun]:
    """The finished runs, newest first, with what their names in a menu need."""
    finished = dataset.runs.filter(finished_at__isnull=False).order_by("-id")
    return finished.only("id", "aus", "created_at", "adopted_aus", "dataset")


def runs_chosen(dataset: DataSet, asked: Sequence[str]) -> Chosen:
    """The runs with the two numbers asked for, in their order; an empty one is still to be chosen."""
    numbers = [int(one) for one in asked if one.isdecimal() and len(one) < 19]
    found = dataset.runs.select_related(*MADE_FROM).in_bulk(numbers)
    runs = [found.get(int(one)) if one.isdecimal() and len(one) < 19 else None for one in asked]
    problem = ""
    for text, run in zip(asked, runs, strict=True):
        if text and run is None:
            problem = _("There is no run %(number)s in this data set.") % {"number": text[:20]}
        elif run is not None and run.finished_at is None:
            problem = _("Run %(number)d has not finished: it can be compared once it has a result.") % {
                "number": run.pk
            }
    if not problem and runs[0] is not None and runs[0] == runs[1]:
        problem = _("That is one and the same run: choose two.")
    return Chosen((runs[0], runs[1]), problem)


@dataclass(frozen=True)
class Figure:
    """One figure of one of the runs; `better`: it is higher than the other's as printed."""

    value: float | None
    better: bool = False


@dataclass(frozen=True)
class Differ:
    """Faces for which both runs propose a code of the AU."""

    both: int
    first_present: int
    """Present by the first run, absent by the second."""
    second_present: int

    @property
    def all(self) -> int:
        return self.first_present + self.second_present

    @property
    def share(self) -> float | None:
        return self.all / self.both if self.both else None


@dataclass(frozen=True)
class Line:
    """One AU; each sequence has the first run's figure and the second's."""

    au: int
    weak_rate: Sequence[float | None]
    proposal_rate: Sequence[float | None]
    changed: Sequence[int | None]
    clusters: Sequence[int | None]
    noise: Sequence[int | None]
    lam: Sequence[tuple[float, float | None] | None]
    """Balanced, and in the unit of the formula as printed."""
    umqi: Sequence[Figure]
    agreement: Sequence[Figure]
    f1: Sequence[Figure]
    differ: Differ | None
    """None where only one of them has the AU."""
    rand: float | None
    """Adjusted Rand index over the faces that are in clusters in both; None without any."""


@dataclass(frozen=True)
class Fact:
    """One setting as each run has it; None where a run of that time had no such setting."""

    name: str
    words: Any
    values: Sequence[Any]


@dataclass(frozen=True)
class Tile:
    """One face on which the proposals differ."""

    face: Face
    sides: Sequence[tuple[str, int, float | None]]
    """(letter, code, probability of presence) of each run."""


@dataclass(frozen=True)
class Comparison:
    runs: tuple[ClusterRun, ClusterRun]
    lines: Sequence[Line]
    settings: Sequence[Fact]
    warnings: Sequence[str]
    mean_agreement: Sequence[Figure]
    """Over the AUs for which both have one."""
    mean_f1: Sequence[Figure]

    @property
    def shared(self) -> list[Line]:
        return [line for line in self.lines if line.differ]

    @property
    def differ(self) -> Differ:
        found = [line.differ for line in self.lines if line.differ]
        return Differ(
            sum(one.both for one in found),
            sum(one.first_present for one in found),
            sum(one.second_present for one in found),
        )

    @property
    def rand(self) -> float | None:
        return _mean(line.rand for line in self.lines)

    @property
    def judged(self) -> bool:
        return any(figure.value is not None for figure in self.mean_agreement)

    @property
    def lambdas(self) -> bool:
        """Whether λ is worth a column: some differ."""
        return len({lam[0] for line in self.lines for lam in line.lam if lam is not None}) > 1

    @property
    def weak_alike(self) -> bool:
        return self.runs[0].weak_layer_id == self.runs[1].weak_layer_id

    def au_chosen(self, asked: str) -> int | None:
        """The AU asked for if both have it; else the one on which their proposals differ most."""
        by_au = {line.au: line.differ.all for line in self.lines if line.differ}
        if asked.isdecimal() and int(asked) in by_au:
            return int(asked)
        return max(by_au, key=lambda au: by_au[au], default=None)


def comparison_make(first: ClusterRun, second: ClusterRun) -> Comparison:
    """Both must be finished, and of one data set."""
    runs = (first, second)
    aus = [*first.aus, *(au for au in second.aus if au not in first.aus)]
    measured = _measured(runs, [au for au in aus if au in first.aus and au in second.aus])
    lines = [_line(runs, au, *measured.get(au, (None, None))) for au in aus]
    agreement = [[figure.value for figure in line.agreement] for line in lines]
    f1 = [[figure.value for figure in line.f1] for line in lines]
    return Comparison(
        runs, lines, _settings(runs), list(_warnings(runs)), _mean_pair(agreement, 3), _mean_pair(f1, 2)
    )


def _measured(
    runs: tuple[ClusterRun, ClusterRun], aus: Sequence[int]
) -> dict[int, tuple[Differ | None, float | None]]:
    """How the proposals and clusters of each AU compare; kept, for the arrays are those of all faces."""
    arrays = [array for run in runs for array in (run.proposals, run.membership)]
    names = "-".join(array.sha256 if array else "" for array in arrays)
    key = (
        "comparison:" + hashlib.sha256(f"{names} {[(run.aus, run.partitions) for run in runs]}".encode()).hexdigest()
    )
    kept: dict[int, tuple[Differ | None, float | None]] | None = cache.get(key)
    if kept is None:
        rand: dict[tuple[int, int], float | None] = {}
        kept = {au: (_differ(runs, au), _rand(runs, au, rand)) for au in aus}
        cache.set(key, kept, KEEP_SECONDS)
    return kept


def _line(runs: tuple[ClusterRun, ClusterRun], au: int, differ: Differ | None, rand: float | None) -> Line:
    told = [_au_told(run, au) for run in runs]
    parts = [_part_told(run, au) for run in runs]
    held_out = [one.get("held_out") or {} for one in told]
    return Line(
        au=au,
        weak_rate=_each(told, "weak_rate"),
        proposal_rate=_each(told, "proposal_rate"),
        changed=_each(told, "changed"),
        clusters=_each(parts, "clusters"),
        noise=_each(parts, "noise"),
        lam=[None if part.get("lam") is None else (part["lam"], part.get("lam_literal")) for part in parts],
        umqi=_pair(_each(parts, "umqi"), 2),
        agreement=_pair(_each(held_out, "agreement"), 3),
        f1=_pair(_each(held_out, "f1"), 2),
        differ=differ,
        rand=rand,
    )


def _each(told: Iterable[dict[str, Any]], name: str) -> list[Any]:
    return [one.get(name) for one in told]


def _au_told(run: ClusterRun, au: int) -> dict[str, Any]:
    rows = run.summary.get("per_au") or []
    return rows[run.aus.index(au)] if au in run.aus and len(rows) == len(run.aus) else {}


def _part_told(run: ClusterRun, au: int) -> dict[str, Any]:
    parts = run.summary.get("partitions") or []
    return parts[_partition_of(run, au)] if au in run.aus and len(parts) == len(run.partitions) else {}


def _partition_of(run: ClusterRun, au: int) -> int:
    return next(index for index, aus in enumerate(run.partitions) if au in aus)


def _pair(values: Sequence[float | None], digits: int) -> list[Figure]:
    first, second = (None if value is None else round(value, digits) for value in values)
    if first is None or second is None:
        return [Figure(value) for value in values]
    return [Figure(values[0], first > second), Figure(values[1], second > first)]


def _mean_pair(values: Sequence[Sequence[float | None]], digits: int) -> list[Figure]:
    both = [pair for pair in values if None not in pair]
    return _pair([_mean(pair[side] for pair in both) for side in (0, 1)], digits)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _codes(runs: tuple[ClusterRun, ClusterRun], au: int) -> list[NDArray[np.int8]]:
    """Each run's proposals for the AU, as long as the shorter array: faces may have come between them."""
    arrays = [run.proposals for run in runs]
    if arrays[0] is None or arrays[1] is None:
        return [np.empty(0, np.int8)] * 2
    columns = [array_read(array)[:, run.aus.index(au)] for array, run in zip(arrays, runs, strict=True) if array]
    return _as_long(columns)


def _as_long(columns: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    length = min(map(len, columns))
    return [np.asarray(column[:length]) for column in columns]


def _differ(runs: tuple[ClusterRun, ClusterRun], au: int) -> Differ:
    first, second = _codes(runs, au)
    return Differ(
        int(((first >= 0) & (second >= 0)).sum()),
        int(((first == 1) & (second == 0)).sum()),
        int(((first == 0) & (second == 1)).sum()),
    )


def _rand(runs: tuple[ClusterRun, ClusterRun], au: int, known: dict[tuple[int, int], float | None]) -> float | None:
    """Of the AU's partitions, which in a joint run are another AU's too: each pair is compared once."""
    partitions = (_partition_of(runs[0], au), _partition_of(runs[1], au))
    if partitions not in known:
        arrays = [run.membership for run in runs]
        columns = [
            array_read(array)[:, partition] for array, partition in zip(arrays, partitions, strict=True) if array
        ]
        first, second = _as_long(columns) if len(columns) == 2 else [np.empty(0, np.int32)] * 2
        inside = (first > 0) & (second > 0)
        known[partitions] = adjusted_rand_index(first[inside], second[inside]) if inside.any() else None
    return known[partitions]


def _settings(runs: tuple[ClusterRun, ClusterRun]) -> list[Fact]:
    """Settings that differ. A run of a time without a setting did as its default does now."""
    defaults = settings_told(ClusterRun(configuration=WSCSettings().as_dict()))
    told = [settings_told(run) for run in runs]
    facts = []
    for name in dict.fromkeys([*told[0], *told[1]]):
        values = [one.get(name) for one in told]
        meant = [defaults.get(name) if value is None else value for value in values]
        if meant[0] != meant[1]:
            facts.append(Fact(name, SETTING_WORDS.get(name, ""), values))
    return facts


def _warnings(runs: tuple[ClusterRun, ClusterRun]) -> Iterable[str]:
    shared = [au for au in runs[0].aus if au in runs[1].aus]
    if not shared:
        yield _("They have no AU in common, so there is little to compare.")
    judged = [[(_au_told(run, au).get("held_out") or {}).get("faces", 0) for au in shared] for run in runs]
    if judged[0] != judged[1]:
        yield _(
            "They were judged on different trusted codes, for some were given between them: small differences in "
            "agreement and F1 say little."
        )
    if runs[0].weak_layer_id != runs[1].weak_layer_id:
        yield _("They began with different weak labels, so their changes are counted against different codes.")


def tiles_differing(comparison: Comparison, au: int, limit: int = TILES) -> list[Tile]:
    """The faces on which the proposals differ, those first whose probabilities are farthest apart."""
    runs = comparison.runs
    codes = _codes(runs, au)
    rows = np.flatnonzero((codes[0] >= 0) & (codes[1] >= 0) & (codes[0] != codes[1]))
    probabilities = [_probabilities(run, au, rows) for run in runs]
    apart = np.nan_to_num(np.abs(probabilities[0] - probabilities[1]))
    order = np.argsort(-apart, kind="stable")[: 2 * limit]  # more than needed: a face may be gone since
    chosen = [int(rows[place]) for place in order]
    found = Face.objects.filter(dataset=runs[0].dataset, position__among=chosen)
    faces = {face.position: face for face in found}
    tiles = [
        Tile(
            faces[position],
            [
                (letter, int(code[position]), _number(probability[place]))
                for letter, code, probability in zip(LETTERS, codes, probabilities, strict=True)
            ],
        )
        for place, position in zip(order, chosen, strict=True)
        if position in faces
    ]
    return tiles[:limit]


def _probabilities(run: ClusterRun, au: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    if run.probabilities is None:
        return np.full(len(rows), np.nan, np.float32)
    return np.asarray(array_read(run.probabilities)[rows, run.aus.index(au)], np.float32)


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
