"""The label that counts for a face and AU, and which source it came from (DESIGN: the way of the data)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.choices import LayerKind
from annotator.masks import ABSENT, NOT_SCORED, PRESENT, UNSCORABLE
from annotator.models import CodedAU, DataSet, LabelLayer
from annotator.selectors.codes import LayerCodes, layer_codes

SOURCES = ("", "consensus", "coder", "reference", "proposal", "weak")
"""Names of the source codes in EffectiveCodes.source; 0 means that no code counts."""


@dataclass(frozen=True)
class EffectiveCodes:
    """What counts for N faces and A AUs."""

    codes: NDArray[np.int8]
    """(N, A): 1 present, 0 absent, −1 no code counts."""
    source: NDArray[np.int8]
    """(N, A): index into SOURCES."""
    layer: NDArray[np.int64]
    """(N, A): id of the layer the code came from, 0 for none; the first coder's where coders agree."""
    ended: NDArray[np.int8]
    """(N, A): 0, or UNSCORABLE where a coder found the AU unscorable, or 1 where coders disagree."""
    noise: NDArray[np.bool_]
    """(N,): a coder or the consensus set the face apart."""


def effective_codes(
    dataset: DataSet,
    layers: Sequence[LabelLayer],
    face_ids: Sequence[int],
    aus: Sequence[CodedAU],
    *,
    accept_proposals: bool,
    coders_needed: int,
    read: dict[int, LayerCodes] | None = None,
) -> EffectiveCodes:
    """Go down the order consensus, coder, reference, proposal (if accepted), weak.

    A coder's code counts when as many coders as the protocol asks for have one and all agree;
    unscorable, or coders who disagree without a consensus, end the order: then no code counts.
    Only the layers given are read (callers pass what `layers_visible_to` returned).
    """
    bits = [coded.bit for coded in aus]
    shape = (len(face_ids), len(bits))
    result = EffectiveCodes(
        codes=np.full(shape, NOT_SCORED, np.int8),
        source=np.zeros(shape, np.int8),
        layer=np.zeros(shape, np.int64),
        ended=np.zeros(shape, np.int8),
        noise=np.zeros(len(face_ids), bool),
    )
    by_kind: dict[str, list[tuple[LabelLayer, LayerCodes]]] = {}
    # Of two layers of one kind the newer counts first: a later file corrects an earlier one.
    for layer in sorted(layers, key=lambda layer: -layer.pk):
        if layer.kind == LayerKind.PREDICTION or (layer.kind == LayerKind.PROPOSAL and not accept_proposals):
            continue
        rows = read[layer.pk] if read is not None and layer.pk in read else layer_codes(layer, face_ids)
        by_kind.setdefault(layer.kind, []).append((layer, rows))

    open_ = np.ones(shape, bool)
    for layer, rows in by_kind.get(LayerKind.CONSENSUS, []):
        result.noise[:] |= rows.noise
        _take(result, open_, rows.codes(bits), SOURCES.index("consensus"), layer.pk)
    _take_coders(result, open_, by_kind.get(LayerKind.CODER, [])[::-1], bits, coders_needed)
    for kind in (LayerKind.REFERENCE, LayerKind.PROPOSAL, LayerKind.WEAK):
        for layer, rows in by_kind.get(kind, []):
            _take(result, open_, rows.codes(bits), SOURCES.index(kind.value), layer.pk)
    return result


def _take(
    result: EffectiveCodes, open_: NDArray[np.bool_], codes: NDArray[np.int8], source: int, layer_id: int
) -> None:
    """Let these codes count where none does yet; unscorable ends the order there."""
    takes = open_ & (codes >= 0)
    result.codes[takes] = codes[takes]
    result.source[takes] = source
    result.layer[takes] = layer_id
    ends = open_ & (codes == UNSCORABLE)
    result.ended[ends] = UNSCORABLE
    open_ &= ~(takes | ends)


def _take_coders(
    result: EffectiveCodes,
    open_: NDArray[np.bool_],
    coders: Sequence[tuple[LabelLayer, LayerCodes]],
    bits: Sequence[int],
    needed: int,
) -> None:
    if not coders:
        return
    present = np.zeros(open_.shape, np.int16)
    absent, unscorable, first = present.copy(), present.copy(), np.zeros(open_.shape, np.int64)
    for layer, rows in coders:
        result.noise[:] |= rows.noise
        codes = rows.codes(bits)
        present += codes == PRESENT
        absent += codes == ABSENT
        unscorable += codes == UNSCORABLE
        first[(first == 0) & (codes >= 0)] = layer.pk
    disagree = ((present > 0).astype(int) + (absent > 0) + (unscorable > 0)) > 1
    agreed = np.full(open_.shape, NOT_SCORED, np.int8)
    agreed[(present >= needed) & ~disagree] = PRESENT
    agreed[(absent >= needed) & ~disagree] = ABSENT
    agreed[(unscorable > 0) & ~disagree] = UNSCORABLE
    result.ended[open_ & disagree] = 1
    open_ &= ~disagree
    takes = open_ & (agreed >= 0)
    _take(result, open_, agreed, SOURCES.index("coder"), 0)
    result.layer[takes] = first[takes]
