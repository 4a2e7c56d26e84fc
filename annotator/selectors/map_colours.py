"""What the map is coloured by: for every face of a data set one small number, and what the numbers mean.

Everything is read by column (selectors/columns.py, arrays by position), so that a million faces take a
fraction of a second. Counts are the page's: it knows which faces lie on its map.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import LayerKind, Role
from annotator.errors import InputRefused, NotFound
from annotator.facs import au_label
from annotator.masks import ABSENT, PRESENT, UNSCORABLE
from annotator.models import ArrayFile, ClusterRun, CodedAU, DataSet, FeatureSet, LabelLayer, Member, Subject
from annotator.selectors.access import EXPORT
from annotator.selectors.arrays import array_read
from annotator.selectors.codes import coded_aus, layers_visible_to
from annotator.selectors.columns import Columns

OWN = "own"
"""The reader's own codes, whose layer may not be there yet."""
WAYS = ("code", "differ", "cluster", "subject", "score")
STEPS = 250
"""Scores are told in so many steps, from 0 to STEPS; NO_SCORE where there is none."""
NO_SCORE = 255
CLUSTERS_LINKED = 200
"""The largest clusters of a run, whose pages are told with the colours."""


@dataclass(frozen=True)
class Source:
    """One source of codes or scores that the map may be coloured by."""

    key: str
    name: str
    kind: str
    """The layer's kind, for its colour."""
    layer: LabelLayer | None = None
    scores: ArrayFile | None = None


@dataclass(frozen=True)
class MapChoices:
    """All that a member may colour the map by now."""

    dataset: DataSet
    aus: list[CodedAU]
    layers: list[Source]
    runs: list[ClusterRun]
    scores: list[Source]

    @property
    def ways(self) -> list[str]:
        """Those of WAYS that have something to show."""
        there = {
            "code": bool(self.aus),
            "differ": bool(self.aus) and len(self.layers) > 1,
            "cluster": bool(self.runs),
            "score": bool(self.scores) and bool(self.aus),
        }
        return [way for way in WAYS if there.get(way, True)]


@dataclass(frozen=True)
class Asked:
    """What the map is to be coloured by; only the fields that its way needs are used."""

    by: str
    coded: CodedAU | None
    layer: Source | None
    other: Source | None
    run: ClusterRun | None
    score: Source | None

    @property
    def parameters(self) -> dict[str, str]:
        """The choice in an address; `map_asked` reads it."""
        values: dict[str, object] = {"by": self.by}
        if self.by != "subject" and self.coded:
            values["au"] = self.coded.au
        if self.by in ("code", "differ") and self.layer:
            values["layer"] = self.layer.key
        if self.by == "differ" and self.other:
            values["other"] = self.other.key
        if self.by == "cluster" and self.run:
            values["run"] = self.run.pk
        if self.by == "score" and self.score:
            values["score"] = self.score.key
        return {name: str(value) for name, value in values.items()}


@dataclass(frozen=True)
class Colouring:
    """One number for each of P positions, and what the numbers mean."""

    values: NDArray[Any]
    """(P,) uint8, uint16 or uint32."""
    words: str
    """What the map is coloured by, for its legend's head."""
    entries: list[dict[str, Any]] = field(default_factory=list)
    """{"value", "words", "colour"} of each number that may occur; colour names a token, or is left out where
    the page is to give one."""
    scale: bool = False
    """The numbers are scores in STEPS steps, not names."""
    rest: str = ""
    """In words, what a number without an entry is: “cluster %s”."""
    moves: bool = False
    """Decisions change it."""


def map_choices(member: Member) -> MapChoices:
    """What this member may colour the map by: layers through the one door, finished runs, probabilities of the
    layers, and for those who may open detectors the scores that lie beside feature sets."""
    dataset = member.dataset
    layers = layers_visible_to(member.user, dataset)
    named = [Source(OWN, _("my codes"), LayerKind.CODER)]
    named += [
        Source(str(layer.pk), layer.name, layer.kind, layer) for layer in layers if layer.user_id != member.user_id
    ]
    mine = next((layer for layer in layers if layer.user_id == member.user_id), None)
    named[0] = Source(OWN, named[0].name, LayerKind.CODER, mine)
    scores = [
        Source(f"layer-{layer.pk}", layer.name, layer.kind, layer, layer.probabilities)
        for layer in layers
        if layer.probabilities is not None
    ]
    if Role(member.role) in EXPORT:
        sets = FeatureSet.objects.filter(dataset=dataset, scores__isnull=False).select_related("scores")
        scores += [Source(f"features-{one.pk}", one.name, "prediction", None, one.scores) for one in sets]
    runs = ClusterRun.objects.filter(dataset=dataset, finished_at__isnull=False, membership__isnull=False)
    return MapChoices(
        dataset,
        coded_aus(dataset),
        sorted(named, key=lambda source: _place(source)),
        list(runs.select_related("membership")),
        scores,
    )


def _place(source: Source) -> int:
    """Proposals first, then what they are compared with."""
    order = [LayerKind.PROPOSAL, LayerKind.WEAK, LayerKind.REFERENCE, LayerKind.CODER, LayerKind.CONSENSUS]
    return order.index(LayerKind(source.kind)) if source.kind in order else len(order)


def map_asked(choices: MapChoices, values: Mapping[str, str]) -> Asked:
    """What an address asks to colour by, defaults where it says nothing.

    InputRefused for a way that there is none of, NotFound for a source that the member doesn't have.
    """
    by = values.get("by") or next(iter(choices.ways))
    if by not in choices.ways:
        raise InputRefused(_("The map can't be coloured by that here."))
    layer = _named(choices.layers, values.get("layer", ""))
    others = [source for source in choices.layers if source != layer]
    run = _named_run(choices.runs, values.get("run", ""))
    known = run.aus if by == "cluster" and run else None
    return Asked(
        by=by,
        coded=_named_au(choices.aus, values.get("au", ""), known),
        layer=layer,
        other=_named(others, values.get("other", "")) if by == "differ" else next(iter(others), None),
        run=run,
        score=_named(choices.scores, values.get("score", "")),
    )


def _named(sources: Sequence[Source], key: str) -> Source | None:
    if not key:
        return next(iter(sources), None)
    found = next((source for source in sources if source.key == key), None)
    if found is None:
        raise NotFound(_("There is no such source of codes, or it is not shown to you now."))
    return found


def _named_run(runs: Sequence[ClusterRun], number: str) -> ClusterRun | None:
    if not number:
        adopted = [run for run in runs if run.adopted_at is not None]
        return next(iter([*adopted, *runs]), None)
    found = next((run for run in runs if str(run.pk) == number), None)
    if found is None:
        raise NotFound(_("There is no such run in this data set."))
    return found


def _named_au(aus: Sequence[CodedAU], number: str, known: Sequence[int] | None) -> CodedAU | None:
    listed = [coded for coded in aus if known is None or coded.au in known]
    found = next((coded for coded in listed if str(coded.au) == number), None)
    if found is None and number and not any(str(coded.au) == number for coded in aus):
        raise NotFound(_("There is no such AU on the list of this data set."))
    return found or next(iter(listed), None)


def map_stamp(choices: MapChoices, asked: Asked, columns: Columns) -> str:
    """Another one once the colours have changed."""
    said: list[object] = [choices.dataset.pk, choices.dataset.next_position, asked.parameters]
    if asked.by in ("code", "differ"):
        for source in (asked.layer, asked.other if asked.by == "differ" else None):
            said.append(columns.stamp(source.layer) if source and source.layer else "")
            said.append(source.name if source else "")
    elif asked.by == "cluster" and asked.run and asked.run.membership:
        said.append(asked.run.membership.name)
    elif asked.by == "score" and asked.score and asked.score.scores:
        said.append(asked.score.scores.name)
    else:
        said.append(choices.dataset.revision)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:32]


def map_colouring(choices: MapChoices, asked: Asked, columns: Columns) -> Colouring:
    """The colours asked for, of all positions of the data set. InputRefused where its sources are missing."""
    if asked.by == "subject":
        return _by_subject(choices.dataset, columns)
    if asked.coded is not None:
        if asked.by == "code" and asked.layer:
            return _by_code(choices.dataset, asked.layer, asked.coded, columns)
        if asked.by == "differ" and asked.layer and asked.other:
            return _by_difference(choices.dataset, (asked.layer, asked.other), asked.coded, columns)
        if asked.by == "cluster" and asked.run:
            return _by_cluster(choices.dataset, asked.run, asked.coded)
        if asked.by == "score" and asked.score and asked.score.scores:
            return _by_score(choices.dataset, asked.score, asked.coded)
    raise InputRefused(_("The map can't be coloured by that here."))


PRESENT_NUMBER, ABSENT_NUMBER, UNSCORABLE_NUMBER, NO_CODE_NUMBER, NOISE_NUMBER = range(5)


def _codes(dataset: DataSet, source: Source, coded: CodedAU, columns: Columns) -> tuple[NDArray[Any], NDArray[Any]]:
    """(P,) codes of the AU, and (P,) whether the source sets the face apart as noise."""
    if source.layer is None:
        return np.full(dataset.next_position, -1, np.int8), np.zeros(dataset.next_position, bool)
    layer = columns.layer(source.layer)
    return layer.codes(coded.bit), layer.noise()


def _by_code(dataset: DataSet, source: Source, coded: CodedAU, columns: Columns) -> Colouring:
    codes, noise = _codes(dataset, source, coded, columns)
    values = np.full(len(codes), NO_CODE_NUMBER, np.uint8)
    for code, number in (
        (PRESENT, PRESENT_NUMBER),
        (ABSENT, ABSENT_NUMBER),
        (UNSCORABLE, UNSCORABLE_NUMBER),
    ):
        values[codes == code] = number
    values[noise] = NOISE_NUMBER
    names = (_("present"), _("absent"), _("unscorable"), _("no code"), _("noise"))
    colours = ("present", "absent", "unscorable", "map-none", "noise")
    return Colouring(
        values,
        _("%(au)s by %(layer)s") % {"au": au_label(coded.au), "layer": source.name},
        [{"value": n, "words": names[n], "colour": colours[n]} for n in range(5)],
        moves=source.kind in (LayerKind.CODER, LayerKind.CONSENSUS),
    )


def _by_difference(dataset: DataSet, sources: tuple[Source, Source], coded: CodedAU, columns: Columns) -> Colouring:
    (one, _n), (other, _m) = (_codes(dataset, source, coded, columns) for source in sources)
    told = (one >= 0) & (other >= 0)
    values = np.full(len(one), 3, np.uint8)
    values[told & (one == other)] = 2
    values[told & (one > other)] = 0
    values[told & (one < other)] = 1
    names = {"one": sources[0].name, "other": sources[1].name, "au": au_label(coded.au)}
    return Colouring(
        values,
        _("%(au)s: %(one)s beside %(other)s") % names,
        [
            {"value": 0, "words": _("%(one)s present, %(other)s absent") % names, "colour": "present"},
            {"value": 1, "words": _("%(one)s absent, %(other)s present") % names, "colour": "absent"},
            {"value": 2, "words": _("they agree"), "colour": "map-agree"},
            {"value": 3, "words": _("not coded by both"), "colour": "map-none"},
        ],
        moves=any(source.kind in (LayerKind.CODER, LayerKind.CONSENSUS) for source in sources),
    )


def _by_cluster(dataset: DataSet, run: ClusterRun, coded: CodedAU) -> Colouring:
    partition = next((place for place, aus in enumerate(run.partitions) if coded.au in aus), None)
    if partition is None or run.membership is None:
        raise InputRefused(_("This run has no clusters for that AU."))
    numbers = _padded(np.asarray(array_read(run.membership)[:, partition]), dataset.next_position, -1) + 1
    largest = run.clusters.filter(partition=partition, number__gt=0).order_by("-size")[:CLUSTERS_LINKED]
    named = [
        {"value": number + 1, "words": _("cluster %s") % number, "cluster": pk}
        for pk, number in largest.values_list("pk", "number")
    ]
    apart = {"value": 1, "words": _("noise group"), "colour": "noise"}
    return Colouring(
        _narrow(numbers),
        _("Clusters of run %(run)s for %(au)s") % {"run": run.pk, "au": au_label(coded.au)},
        [*named, apart, {"value": 0, "words": _("in no cluster"), "colour": "map-none"}],
        rest=_("cluster %s"),
    )


def _by_subject(dataset: DataSet, columns: Columns) -> Colouring:
    """Subjects are numbered by their places among all by pseudonym, as the column has them."""
    places = columns.subjects
    names = list(Subject.objects.filter(dataset=dataset).order_by("pseudonym").values_list("pseudonym", flat=True))
    entries: list[dict[str, Any]] = [{"value": place + 1, "words": name} for place, name in enumerate(names, start=1)]
    return Colouring(
        _narrow(np.maximum(places, -1).astype(np.int64) + 1),
        _("Subjects"),
        [*entries, {"value": 0, "words": _("no subject"), "colour": "map-none"}],
    )


def _by_score(dataset: DataSet, source: Source, coded: CodedAU) -> Colouring:
    assert source.scores is not None
    column = _padded(np.asarray(array_read(source.scores)[:, coded.bit], np.float32), dataset.next_position, np.nan)
    values = np.full(len(column), NO_SCORE, np.uint8)
    told = np.isfinite(column)
    values[told] = np.rint(np.clip(column[told], 0, 1) * STEPS)
    return Colouring(
        values,
        _("Probability of %(au)s by %(source)s") % {"au": au_label(coded.au), "source": source.name},
        [{"value": NO_SCORE, "words": _("no score"), "colour": "map-none"}],
        scale=True,
    )


def _padded(column: NDArray[Any], length: int, missing: float) -> NDArray[Any]:
    """The column as long as the data set is now; `missing` for faces that came after it was made."""
    values = np.full(length, missing, column.dtype)
    values[: len(column)] = column[:length]
    return values


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers from 0 on in as few bytes as hold them."""
    most = int(values.max(initial=0))
    return values.astype(np.uint8 if most < 1 << 8 else np.uint16 if most < 1 << 16 else np.uint32)
