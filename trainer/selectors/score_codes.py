"""The codes that are laid over a detector's scores: reviewed and reference ones, those it was trained
on, or one layer's.

Codes of test faces are never laid over scores: those are for the detector's report, which scores them
once. Codes are read only from layers that their reader may see.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from django.core.cache import cache
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.masks import ABSENT, NOT_SCORED
from annotator.models import CodedAU, DataSet, Detector, LabelLayer
from annotator.selectors.arrays import array_read, values_at
from annotator.selectors.codes import coded_aus
from annotator.selectors.columns import Columns
from annotator.selectors.effective import effective_codes
from annotator.selectors.scopes import Scope
from trainer.selectors.scores import ScoreCounts, ScoredAU, Scores, scores_count

TRUSTED, TRAINED, NONE = "trusted", "trained", "none"
TRUSTED_KINDS = (LayerKind.CONSENSUS, LayerKind.CODER, LayerKind.REFERENCE)
KEEP_SECONDS = 3600
ROWS_INLINE = 6_000
"""Codes of more faces than these are not read with the page: it asks for them once it is shown."""
ROWS_LONG = 100_000
"""For more faces than these, codes that are read at once are laid over first."""


@dataclass(frozen=True)
class CodeChoice:
    """One source of codes that a page offers."""

    key: str
    name: str
    kind: str = ""
    """The layer's kind, for its colour; empty for codes of several kinds."""
    layer: LabelLayer | None = None

    @property
    def rows(self) -> bool:
        """Whether the codes are read from the database's rows, which takes seconds for a million faces."""
        return self.key not in (TRAINED, NONE)


def code_choices(detector: Detector, layers: Sequence[LabelLayer]) -> list[CodeChoice]:
    """What may be laid over the scores, of the layers that the reader may see."""
    visible = {layer.pk for layer in layers}
    choices = []
    if any(layer.kind in TRUSTED_KINDS for layer in layers):
        choices.append(CodeChoice(TRUSTED, _("Reviewed and reference codes")))
    if {pk for pks in detector.snapshot.layers.values() for pk in pks} <= visible:
        choices.append(CodeChoice(TRAINED, _("Codes it was trained on")))
    choices += [
        CodeChoice(str(layer.pk), layer.name, layer.kind, layer)
        for layer in layers
        if layer.kind != LayerKind.PREDICTION
    ]
    return [*choices, CodeChoice(NONE, _("No codes"))]


def code_choice(choices: Sequence[CodeChoice], key: str, faces: int) -> CodeChoice:
    """The choice of this key; else the first, or for many faces the first that is read at once."""
    quick = [choice for choice in choices if not (choice.rows and faces > ROWS_LONG)]
    return next((choice for choice in choices if choice.key == key), quick[0])


def weak_choice(choices: Sequence[CodeChoice]) -> CodeChoice | None:
    """The newest weak layer."""
    return next((choice for choice in reversed(choices) if choice.kind == LayerKind.WEAK), None)


@dataclass(frozen=True)
class CodeSource:
    """Reads the codes of one choice for the AUs that a detector scores."""

    choice: CodeChoice
    detector: Detector
    aus: Sequence[ScoredAU]
    layers: Sequence[LabelLayer]

    def __call__(self, positions: NDArray[np.int64]) -> NDArray[np.int8]:
        """(n,) positions to (n, A): 1 present, 0 absent, −1 unknown: not coded, unscorable, a test face."""
        codes = np.full((len(positions), len(self.aus)), NOT_SCORED, np.int8)
        if self.choice.key == TRAINED:
            self._trained(positions, codes)
        elif self.choice.key != NONE and len(positions):
            known = self._effective(positions) if self.choice.layer is None else self._layer(positions)
            tests = values_at(self._columns.tests, positions, False)
            codes[:] = np.where((known >= ABSENT) & ~tests[:, None], known, NOT_SCORED)
        return codes

    def _trained(self, positions: NDArray[np.int64], codes: NDArray[np.int8]) -> None:
        snapshot = self.detector.snapshot
        held = array_read(snapshot.codes)
        inside = np.flatnonzero(positions < len(held))
        places = [place for place, au in enumerate(self.aus) if au.au in snapshot.aus]
        columns = [snapshot.aus.index(self.aus[place].au) for place in places]
        codes[inside[:, None], places] = np.take(held, positions[inside], axis=0)[:, columns]

    def _layer(self, positions: NDArray[np.int64]) -> NDArray[np.int8]:
        assert self.choice.layer is not None
        return self._columns.layer(self.choice.layer).layer_codes(positions).codes([au.bit for au in self.aus])

    def _effective(self, positions: NDArray[np.int64]) -> NDArray[np.int8]:
        trusted = [layer for layer in self.layers if layer.kind in TRUSTED_KINDS]
        found = effective_codes(
            self.detector.dataset,
            trusted,
            positions.tolist(),
            self._coded,
            accept_proposals=False,
            coders_needed=self._coders,
            read={layer.pk: self._columns.layer(layer).layer_codes(positions) for layer in trusted},
        )
        return np.where(found.noise[:, None], np.int8(NOT_SCORED), found.codes)

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.detector.dataset)

    @cached_property
    def _coded(self) -> list[CodedAU]:
        by_au = {coded.au: coded for coded in coded_aus(self.detector.dataset)}
        return [by_au[au.au] for au in self.aus]

    @cached_property
    def _coders(self) -> int:
        return self.detector.dataset.protocols.latest("version").coders_per_item


@dataclass(frozen=True)
class Question:
    """What is counted: these scores of these faces and AUs, with the codes of these sources."""

    dataset: DataSet
    scores: Scores
    scope: Scope
    aus: Sequence[ScoredAU]
    sources: Sequence[CodeSource]

    @property
    def _key(self) -> str:
        """A stored file's name is never used again; each write to a code or a face raises the revision."""
        said = [
            self.scores.array.name,
            self.dataset.revision,
            self.scope.parameters,
            [[source.choice.key, [layer.pk for layer in source.layers]] for source in self.sources],
            [[au.bit, au.threshold] for au in self.aus],
        ]
        return "scores:" + hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def answer_kept(self) -> ScoreCounts | None:
        """The counts, if this process has made them since the data set last changed."""
        kept: ScoreCounts | None = cache.get(self._key)
        return kept

    def answer(self, positions: NDArray[np.int64] | None) -> ScoreCounts:
        """The counts, over the scope's positions; kept until the data set changes."""
        counts = self.answer_kept()
        if counts is None:
            counts = scores_count(array_read(self.scores.array), self.aus, positions, self.sources)
            cache.set(self._key, counts, KEEP_SECONDS)
        return counts
