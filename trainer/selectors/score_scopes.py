"""Which faces a page of scores is about, as its address names them, and where they lie in arrays."""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from django.core.cache import cache
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import FaceRole
from annotator.errors import InputRefused
from annotator.models import Cluster, DataSet, Face
from annotator.selectors.clusters import cluster_get
from annotator.selectors.codes import CHUNK
from annotator.selectors.memberships import cluster_positions

SELECTION_MOST = 20_000
"""Faces of one selection."""
ADDRESS_ROOM = 1_500
"""A selection written longer than this is kept in the session: servers cut addresses of 4,000 signs."""
TEXTS = ("role", "split", "subject", "clip")
LONGEST_TEXT = 200
SPLITS_MOST = 100
KEEP_FACTOR = 1_000
"""Splits that took t seconds to find may be this many times t behind: they are offered, not counted."""
KEEP_LONGEST = 24 * 3600


@dataclass(frozen=True)
class Scope:
    """The faces that meet every condition given; without any, all faces of the data set."""

    role: str = ""
    split: str = ""
    subject: str = ""
    """A pseudonym."""
    clip: str = ""
    """A clip's name; with two clips of that name, both."""
    cluster: Cluster | None = None
    faces: str = ""
    """A selection in the notation of positions_write."""
    selection: str = ""
    """The name under which the session keeps a selection too long for an address."""

    @property
    def parameters(self) -> dict[str, str]:
        """The scope in an address; scope_read takes it from there."""
        found = {name: str(getattr(self, name)) for name in TEXTS}
        found["cluster"] = str(self.cluster.pk) if self.cluster else ""
        found["selection" if self.selection else "faces"] = self.selection or self.faces
        return {name: value for name, value in found.items() if value}

    @property
    def everything(self) -> bool:
        return not self.parameters


def scope_read(dataset: DataSet, values: Mapping[str, str], kept: Mapping[str, str]) -> Scope:
    """The scope that an address names; `kept` are the session's selections. Raises InputRefused for what
    no page of ours would write, NotFound for a cluster that isn't there."""
    texts = {name: values.get(name, "").strip() for name in TEXTS}
    if any("\0" in text or len(text) > LONGEST_TEXT for text in texts.values()):
        raise InputRefused(_("The address can't be read: a text in it is too long or holds a NUL."))
    if texts["role"] and texts["role"] not in FaceRole.values:
        raise InputRefused(
            _("The role of a face is one of %(roles)s.") % {"roles": ", ".join(map(str, FaceRole.values))}
        )
    number = values.get("cluster", "").strip()
    if number and not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise InputRefused(_("A cluster is named by its number in the address."))
    name, notation = values.get("selection", ""), values.get("faces", "").strip()
    if name:
        if name not in kept:
            raise InputRefused(_("This selection is no longer kept: choose the faces again."))
        notation = kept[name]
    positions_read(notation)
    return Scope(
        **texts, cluster=cluster_get(dataset, int(number)) if number else None, faces=notation, selection=name
    )


def scope_of_selection(positions: Iterable[int]) -> Scope:
    """The scope of chosen faces; its `selection` is set where the session has to keep `faces`."""
    notation = positions_write(positions)
    if len(notation) <= ADDRESS_ROOM:
        return Scope(faces=notation)
    return Scope(faces=notation, selection=hashlib.sha256(notation.encode()).hexdigest()[:16])


def scope_positions(dataset: DataSet, scope: Scope) -> NDArray[np.int64] | None:
    """The positions of the scope's faces, ascending, (N,); None for all faces of the data set."""
    parts: list[NDArray[np.int64]] = []
    conditions = {
        "role": scope.role,
        "split": scope.split,
        "subject__pseudonym": scope.subject,
        "clip__name": scope.clip,
    }
    given = {name: value for name, value in conditions.items() if value}
    if given:
        parts.append(_positions_meeting(dataset, given))
    if scope.cluster is not None:
        parts.append(cluster_positions(scope.cluster))
    if scope.faces:
        chosen = positions_read(scope.faces)
        parts.append(chosen if parts else _positions_there(dataset, chosen))
    if not parts:
        return None
    positions = parts[0]
    for part in parts[1:]:
        positions = np.intersect1d(positions, part, assume_unique=True)
    return positions


def _positions_meeting(dataset: DataSet, conditions: dict[str, str]) -> NDArray[np.int64]:
    """Found by looking at every face, so kept until the data set changes, at one bit a position."""
    said = json.dumps([dataset.pk, dataset.created_at.timestamp(), dataset.revision, conditions])
    key = "positions:" + hashlib.sha256(said.encode()).hexdigest()
    bits: NDArray[np.uint8] | None = cache.get(key)
    if bits is None:
        rows = Face.objects.filter(dataset=dataset, **conditions).order_by().values_list("position", flat=True)
        marked = np.zeros(dataset.next_position, bool)
        marked[np.fromiter(rows.iterator(chunk_size=CHUNK), np.int64)] = True
        bits = np.packbits(marked)
        cache.set(key, bits)
    found: NDArray[np.int64] = np.flatnonzero(np.unpackbits(bits, count=dataset.next_position))
    return found


def _positions_there(dataset: DataSet, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of a selection's positions at which there is a face: one may have been withdrawn."""
    found: list[int] = []
    for start in range(0, len(positions), CHUNK):
        chunk = positions[start : start + CHUNK].tolist()
        faces = Face.objects.filter(dataset=dataset, position__in=chunk)
        found += faces.order_by("position").values_list("position", flat=True)
    return np.array(found, np.int64)


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


def positions_write(positions: Iterable[int]) -> str:
    """Positions in short: [9, 3, 4, 5] gives “3-5,9”."""
    numbers = np.unique(np.fromiter(positions, np.int64))
    if not len(numbers):
        return ""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def positions_read(notation: str) -> NDArray[np.int64]:
    """The inverse of positions_write, ascending; InputRefused for anything else or too many faces."""
    parts: list[NDArray[np.int64]] = []
    total = 0
    for word in notation.split(",") if notation else []:
        first, dash, last = word.partition("-")
        numbers = [first, last] if dash else [first, first]
        if not all(number.isascii() and number.isdecimal() and len(number) < 19 for number in numbers):
            raise InputRefused(_("Faces are named by their numbers, as in 3-5,9."))
        low, high = int(numbers[0]), int(numbers[1])
        total += high - low + 1
        if high < low or total > SELECTION_MOST:
            raise InputRefused(
                _("A selection holds at most %(most)s faces, each range from low to high.")
                % {"most": f"{SELECTION_MOST:,}"}
            )
        parts.append(np.arange(low, high + 1, dtype=np.int64))
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
