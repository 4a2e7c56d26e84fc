"""What adopting a run would change in the layer of proposals, counted; nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.core.cache import cache
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.masks import ABSENT, NOT_SCORED, PRESENT
from annotator.models import ClusterRun, CodedAU, LabelLayer
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.codes import layers_visible_to
from annotator.selectors.columns import NO_FACE, Columns
from annotator.selectors.effective import effective_codes
from clustering.selectors.inputs import TRUSTED

BLOCK = 50_000
"""Faces compared at once."""
INLINE_FACES = 20_000
"""Up to this many faces the changes are counted with the page; beyond, the page asks for them."""
KEEP_SECONDS = 3600


@dataclass(frozen=True)
class AUChanges:
    """Faces whose proposal for the AU would become another one."""

    au: int
    added: int
    """Without a proposal now."""
    to_present: int
    to_absent: int
    withdrawn: int
    """With a proposal now, for which the run has none."""
    decided: int
    """Of all these, those on which people or reference codes have the say already."""

    @property
    def all(self) -> int:
        return self.added + self.to_present + self.to_absent + self.withdrawn


@dataclass(frozen=True)
class Adoption:
    lines: list[AUChanges]
    set_apart: int
    """Faces that would newly be in the noise group, and those that would leave it."""
    taken_back: int
    first: bool
    """Whether there are no proposals at all now."""

    @property
    def total(self) -> AUChanges:
        names = ("added", "to_present", "to_absent", "withdrawn", "decided")
        return AUChanges(0, *(sum(getattr(line, name) for line in self.lines) for name in names))

    @property
    def changed(self) -> list[AUChanges]:
        return [line for line in self.lines if line.all]

    @property
    def unchanged(self) -> list[int]:
        """The AUs whose proposals stay as they are."""
        return [line.au for line in self.lines if not line.all]

    @property
    def nothing(self) -> bool:
        return not (self.total.all or self.set_apart or self.taken_back)


def adoption_ready(run: ClusterRun, user: User, faces: int) -> Adoption | None:
    """The changes if they are at hand or quickly counted; None where a page should ask for them later."""
    kept: Adoption | None = cache.get(_key(run))
    return kept if kept or faces > INLINE_FACES else adoption_count(run, user)


def adoption_count(run: ClusterRun, user: User) -> Adoption:
    """The changes as the data set is now. Only for users who see every layer: what was counted is kept for all."""
    kept: Adoption | None = cache.get(_key(run))
    if kept is not None:
        return kept
    dataset = run.dataset
    coded = {one.au: one for one in dataset.coded_aus.all()}
    aus = [coded[au] for au in run.aus]
    layers = layers_visible_to(user, dataset)
    proposal = next((layer for layer in layers if layer.kind == LayerKind.PROPOSAL), None)
    trusted = [layer for layer in layers if layer.kind in TRUSTED]
    counts = np.zeros((5, len(aus)), np.int64)
    noise = np.zeros(2, np.int64)
    columns = Columns(dataset)
    there = np.flatnonzero(columns.subjects != NO_FACE)
    for start in range(0, len(there), BLOCK):
        in_block, noise_in_block = _block_count(columns, run, aus, there[start : start + BLOCK], proposal, trusted)
        counts += in_block
        noise += noise_in_block
    lines = [AUChanges(au, *map(int, counts[:, column])) for column, au in enumerate(run.aus)]
    counted = Adoption(lines, int(noise[0]), int(noise[1]), proposal is None)
    cache.set(_key(run), counted, KEEP_SECONDS)
    return counted


def _key(run: ClusterRun) -> str:
    """Every write raises the data set's revision, so what is kept under it is never stale."""
    made = run.finished_at.timestamp() if run.finished_at else 0
    return f"adoption:{run.pk}:{made}:{run.dataset.revision}"


def _block_count(
    columns: Columns,
    run: ClusterRun,
    aus: Sequence[CodedAU],
    positions: NDArray[np.int64],
    proposal: LabelLayer | None,
    trusted: Sequence[LabelLayer],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(5, A) added, to present, to absent, withdrawn, decided; (2,) faces set apart and taken back."""
    assert run.proposals is not None and run.membership is not None
    after = values_at(array_read(run.proposals), positions, NOT_SCORED)
    apart_after = (values_at(array_read(run.membership), positions, -1) == 0).all(axis=1)
    before = np.full(after.shape, -1, np.int8)
    apart = np.zeros(len(positions), bool)
    if proposal is not None:
        told = columns.layer(proposal).layer_codes(positions)
        before, apart = told.codes([coded.bit for coded in aus]), told.noise
    kinds = np.stack(
        [
            (before < 0) & (after >= 0),
            (before == ABSENT) & (after == PRESENT),
            (before == PRESENT) & (after == ABSENT),
            (before >= 0) & (after < 0),
        ]
    )
    changed: NDArray[np.bool_] = np.asarray(kinds.any(axis=0))
    counts = [*kinds.sum(axis=1), _decided(columns, aus, positions, changed, trusted)]
    return np.array(counts, np.int64), np.array([(apart_after & ~apart).sum(), (apart & ~apart_after).sum()])


def _decided(
    columns: Columns,
    aus: Sequence[CodedAU],
    positions: NDArray[np.int64],
    changed: NDArray[np.bool_],
    trusted: Sequence[LabelLayer],
) -> NDArray[np.int64]:
    """(A,) of the changed codes (N, A), those where a trusted code counts, or ends the order, before any proposal."""
    rows = np.flatnonzero(changed.any(axis=1))
    if not len(rows) or not trusted:
        return np.zeros(len(aus), np.int64)
    counted = effective_codes(
        columns.dataset,
        trusted,
        rows.tolist(),
        aus,
        accept_proposals=False,
        coders_needed=columns.dataset.protocols.latest("version").coders_per_item,
        read={layer.pk: columns.layer(layer).layer_codes(positions[rows]) for layer in trusted},
    )
    said = (counted.source > 0) | (counted.ended != 0)
    return np.asarray((changed[rows] & said).sum(axis=0), np.int64)
