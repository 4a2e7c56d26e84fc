"""Any selection of faces: the conditions that an address names, and the positions that meet them.

The same few parameters mean the same faces on every page that is about some of them: the grid, the
distributions, the consequences of a relabelling, a detector's scores.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.core.cache import cache
from django.db.models import Q
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import FaceRole, Role
from annotator.errors import InputRefused, NotAllowed, NotFound
from annotator.masks import ABSENT, NOT_SCORED, PRESENT, UNSCORABLE
from annotator.models import Clip, Cluster, CodedAU, DataSet, Face, LabelLayer, Member, Selection, Subject
from annotator.numbers import whole_number
from annotator.selectors.clusters import cluster_get
from annotator.selectors.codes import CHUNK, blind_refuse, coded_aus, layers_visible_to
from annotator.selectors.columns import NO_FACE, Columns
from annotator.selectors.memberships import cluster_positions
from annotator.selectors.positions import positions_read, positions_unpack

TEXTS = ("role", "split", "subject", "clip", "q")
PARAMETERS = (*TEXTS, "cluster", "faces", "selection", "where", "differ")
"""The names that a scope may have in an address."""
LONGEST_TEXT = 200
CONDITIONS_MOST = 8
SPLITS_MOST = 100
KEEP_FACTOR = 1_000
"""Splits that took t seconds to find may be this many times t behind: they are offered, not counted."""
KEEP_LONGEST = 24 * 3600
CODE_NUMBERS = {"p": PRESENT, "a": ABSENT, "u": UNSCORABLE, "n": NOT_SCORED}


@dataclass(frozen=True)
class CodeCondition:
    """The layer has this code of the AU: p present, a absent, u unscorable, n none."""

    layer: LabelLayer
    coded: CodedAU
    code: str

    def __str__(self) -> str:
        return f"{self.layer.pk}:{self.coded.au}:{self.code}"


@dataclass(frozen=True)
class Difference:
    """One of the two layers has the AU present and the other absent."""

    one: LabelLayer
    other: LabelLayer
    coded: CodedAU

    def __str__(self) -> str:
        return f"{self.one.pk}:{self.other.pk}:{self.coded.au}"


@dataclass(frozen=True)
class Scope:
    """The faces that meet every condition given; without any, all faces of the data set."""

    role: str = ""
    split: str = ""
    subject: str = ""
    """A pseudonym."""
    clip: str = ""
    """A clip's name; with two clips of that name, both."""
    q: str = ""
    """In the subject's pseudonym, the picture's or the clip's name; or a face's number."""
    cluster: Cluster | None = None
    faces: str = ""
    """A selection in the notation of positions_write."""
    selection: Selection | None = None
    """One too long for an address."""
    where: tuple[CodeCondition, ...] = ()
    differ: tuple[Difference, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        """The scope in an address; scope_read takes it from there."""
        found = {name: str(getattr(self, name)) for name in TEXTS}
        found["cluster"] = str(self.cluster.pk) if self.cluster else ""
        found["selection"] = str(self.selection.pk) if self.selection else ""
        found["faces"] = self.faces
        found["where"] = ",".join(map(str, self.where))
        found["differ"] = ",".join(map(str, self.differ))
        return {name: value for name, value in found.items() if value}

    @property
    def everything(self) -> bool:
        return not self.parameters

    @property
    def layers(self) -> list[LabelLayer]:
        """The layers whose codes its conditions read, each once."""
        named = [one.layer for one in self.where] + [layer for two in self.differ for layer in (two.one, two.other)]
        return list({layer.pk: layer for layer in named}.values())


def scope_read(member: Member, values: Mapping[str, str], layers: Sequence[LabelLayer] | None = None) -> Scope:
    """The scope that an address names, as far as this member may ask; `layers` are those that they may see,
    where the caller has them already.

    Raises InputRefused for what no page of ours would write, NotFound for a cluster, selection or layer
    that isn't there for them, NotAllowed for what their role or a blind assignment keeps from them.
    """
    texts = {name: values.get(name, "").strip() for name in TEXTS}
    if any("\0" in text or len(text) > LONGEST_TEXT for text in texts.values()):
        raise InputRefused(_("The address can't be read: a text in it is too long or holds a NUL."))
    if texts["role"] and texts["role"] not in FaceRole.values:
        raise InputRefused(
            _("The role of a face is one of %(roles)s.") % {"roles": ", ".join(map(str, FaceRole.values))}
        )
    if member.role == Role.CODER and (texts["role"] or texts["split"]):
        raise NotAllowed(_("What a face is used for is not shown to coders: it could sway them."))
    cluster, selection = _number(values, "cluster"), _number(values, "selection")
    if cluster or selection:  # both may tell what machines make of a face
        blind_refuse(member.user, member.dataset)
    notation = values.get("faces", "").strip()
    positions_read(notation)
    conditions = {"where": values.get("where", ""), "differ": values.get("differ", "")}
    if layers is None and any(conditions.values()):
        layers = layers_visible_to(member.user, member.dataset)
    reader = _ConditionReader(member.dataset, layers or ())
    return Scope(
        **texts,
        cluster=cluster_get(member.dataset, cluster) if cluster else None,
        faces=notation,
        selection=selection_get(member, selection) if selection else None,
        where=tuple(reader.code(word) for word in _words(conditions["where"])),
        differ=tuple(reader.difference(word) for word in _words(conditions["differ"])),
    )


def _number(values: Mapping[str, str], name: str) -> int:
    number = whole_number(values.get(name, "").strip() or "0")
    if number is None:
        raise InputRefused(_("A cluster and a selection are named by their numbers in the address."))
    return number


def _words(conditions: str) -> list[str]:
    words = list(dict.fromkeys(word.strip() for word in conditions.split(",") if word.strip()))
    if len(words) > CONDITIONS_MOST:
        raise InputRefused(_("At most %(most)s conditions can be joined.") % {"most": CONDITIONS_MOST})
    return words


@dataclass(frozen=True)
class _ConditionReader:
    """Reads conditions on codes out of an address; only of layers given."""

    dataset: DataSet
    layers: Sequence[LabelLayer]

    def code(self, word: str) -> CodeCondition:
        parts = word.split(":")
        if len(parts) != 3 or parts[2] not in CODE_NUMBERS:
            raise self._unreadable()
        return CodeCondition(self._layer(parts[0]), self._coded(parts[1]), parts[2])

    def difference(self, word: str) -> Difference:
        parts = word.split(":")
        if len(parts) != 3 or parts[0] == parts[1]:
            raise self._unreadable()
        return Difference(self._layer(parts[0]), self._layer(parts[1]), self._coded(parts[2]))

    def _unreadable(self) -> InputRefused:
        return InputRefused(_("A condition on codes in the address can't be read."))

    def _layer(self, number: str) -> LabelLayer:
        found = next((layer for layer in self.layers if str(layer.pk) == number), None)
        if found is None:
            raise NotFound(_("There is no such label layer, or it is not shown to you now."))
        return found

    def _coded(self, number: str) -> CodedAU:
        found = next((coded for coded in coded_aus(self.dataset) if str(coded.au) == number), None)
        if found is None:
            raise NotFound(_("There is no such AU on the list of this data set."))
        return found


def selection_get(member: Member, number: int) -> Selection:
    """One's own kept selection; NotFound for others' and for one that is no longer kept."""
    found = Selection.objects.filter(pk=number, dataset=member.dataset, user=member.user).first()
    if found is None:
        raise NotFound(_("This selection is no longer kept: choose the faces again."))
    return found


def scope_positions(dataset: DataSet, scope: Scope, columns: Columns | None = None) -> NDArray[np.int64] | None:
    """The positions of the scope's faces, ascending, (N,); None for all faces of the data set."""
    columns = columns or Columns(dataset)
    parts: list[NDArray[np.int64]] = []
    if met := _conditions(dataset, scope):
        parts.append(_positions_meeting(dataset, met, scope.q))
    if scope.cluster is not None:
        parts.append(cluster_positions(scope.cluster))
    chosen = _chosen(scope)
    if chosen is not None:
        parts.append(chosen if parts else positions_there(columns, chosen))
    positions = parts[0] if parts else None
    for part in parts[1:]:
        assert positions is not None
        positions = np.intersect1d(positions, part, assume_unique=True)
    return _coded_so(columns, scope, positions)


def _chosen(scope: Scope) -> NDArray[np.int64] | None:
    """The faces chosen one by one."""
    if scope.selection is not None:
        chosen = positions_unpack(scope.selection.positions, scope.selection.size)
        return np.intersect1d(chosen, positions_read(scope.faces), assume_unique=True) if scope.faces else chosen
    return positions_read(scope.faces) if scope.faces else None


def _conditions(dataset: DataSet, scope: Scope) -> dict[str, str]:
    """What is asked of the rows of faces."""
    conditions = {
        "role": scope.role,
        "split": scope.split,
        "subject__pseudonym": scope.subject,
        "clip__name": scope.clip,
        "q": scope.q,
    }
    return {name: value for name, value in conditions.items() if value}


def _positions_meeting(dataset: DataSet, conditions: dict[str, str], q: str) -> NDArray[np.int64]:
    """Found by looking at every face, so kept until the data set changes, at one bit a position."""
    said = json.dumps([dataset.pk, dataset.created_at.timestamp(), dataset.revision, conditions])
    key = "positions:" + hashlib.sha256(said.encode()).hexdigest()
    bits: NDArray[np.uint8] | None = cache.get(key)
    if bits is None:
        exactly = {name: value for name, value in conditions.items() if name != "q"}
        faces = Face.objects.filter(_searched(dataset, q), dataset=dataset, **exactly)
        rows = faces.order_by().values_list("position", flat=True)
        marked = np.zeros(dataset.next_position, bool)
        positions = np.fromiter(rows.iterator(chunk_size=CHUNK), np.int64)
        marked[positions[positions < len(marked)]] = True  # others came since the data set was read
        bits = np.packbits(marked)
        cache.set(key, bits)
    found: NDArray[np.int64] = np.flatnonzero(np.unpackbits(bits, count=dataset.next_position))
    return found


def _searched(dataset: DataSet, q: str) -> Q:
    """The faces that a search means; all without one."""
    if not q:
        return Q()
    found = Q(image__icontains=q)
    found |= Q(subject__in=Subject.objects.filter(dataset=dataset, pseudonym__icontains=q))
    found |= Q(clip__in=Clip.objects.filter(dataset=dataset, name__icontains=q))
    if (position := whole_number(q)) is not None:
        found |= Q(position=position)
    return found


def positions_there(columns: Columns, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of a selection's positions at which there is a face: one may have been withdrawn."""
    if len(positions) > CHUNK:
        inside = positions[positions < len(columns.subjects)]
        return np.asarray(inside[columns.subjects[inside] != NO_FACE])
    faces = Face.objects.filter(dataset=columns.dataset, position__among=positions)
    return np.array(faces.order_by("position").values_list("position", flat=True), np.int64)


def _coded_so(columns: Columns, scope: Scope, positions: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    """Those of the positions (None: of all faces) that meet the conditions on codes."""
    if not scope.where and not scope.differ:
        return positions
    if positions is None:
        marked = columns.subjects != NO_FACE
    else:
        marked = np.zeros(columns.dataset.next_position, bool)
        marked[positions] = True
    for one in scope.where:
        marked &= columns.layer(one.layer).having(one.coded.bit, CODE_NUMBERS[one.code])
    for two in scope.differ:
        sides = [columns.layer(side) for side in (two.one, two.other)]
        yes, no = ([side.having(two.coded.bit, code) for side in sides] for code in (PRESENT, ABSENT))
        marked &= (yes[0] & no[1]) | (no[0] & yes[1])
    return np.flatnonzero(marked)


def faces_count(dataset: DataSet, positions: NDArray[np.int64] | None) -> int:
    """How many faces a scope has, by its positions."""
    return Face.objects.filter(dataset=dataset).count() if positions is None else len(positions)


def splits_of(dataset: DataSet) -> list[str]:
    """The import splits that faces have, for a form. Finding them looks at every face: what took long may
    be behind by some time."""
    key = f"splits:{dataset.pk}:{dataset.created_at.timestamp()}"
    kept = cache.get(key)
    if kept is not None:
        revision, made_at, seconds, names = kept
        if revision == dataset.revision or time.time() - made_at < KEEP_FACTOR * seconds:
            return list(names)
    started = time.monotonic()
    found = Face.objects.filter(dataset=dataset).exclude(split="").order_by("split")
    names = list(found.values_list("split", flat=True).distinct()[:SPLITS_MOST])
    cache.set(key, (dataset.revision, time.time(), time.monotonic() - started, names), KEEP_LONGEST)
    return names
