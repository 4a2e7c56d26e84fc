"""From a chunk of faces to the rows of an export, and to counts of where their codes came from."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from annotator.choices import LayerKind
from annotator.formats.writing import ExportCode, ExportRow
from annotator.masks import UNSCORABLE
from annotator.models import ImportRow
from annotator.selectors.effective import SOURCES
from annotator.selectors.export_detail import DISAGREEMENT, CodeDetail
from annotator.selectors.export_plan import ExportPlan, FaceChunk


def sources_found(plan: ExportPlan, chunk: FaceChunk) -> list[list[str]]:
    """(N, A) where each code came from: a name of SOURCES, “disagreement”, or nothing.

    An unscorable code bears the name of the source that found it so.
    """
    effective = chunk.effective
    source = effective.source.copy()
    ends = effective.ended == UNSCORABLE
    if ends.any():
        bits = [coded.bit for coded in plan.aus]
        for layer in plan.layers:  # most trusted first: the first to say so ended the order
            if layer.pk not in chunk.read or layer.kind not in SOURCES:
                continue
            if layer.kind == LayerKind.PROPOSAL and not plan.accept_proposals:
                continue
            here = ends & (source == 0) & (chunk.read[layer.pk].codes(bits) == UNSCORABLE)
            source[here] = SOURCES.index(layer.kind)
    names = np.array([*SOURCES, DISAGREEMENT])
    source[effective.ended == 1] = len(SOURCES)
    found: list[list[str]] = names[source].tolist()
    return found


def sources_count(plan: ExportPlan, chunk: FaceChunk) -> Counter[str]:
    """How many codes of the chunk came from which source; unscorable and disagreement count apart."""
    effective = chunk.effective
    counts = Counter({name: int((effective.source == number).sum()) for number, name in enumerate(SOURCES) if number})
    counts["unscorable"] = int((effective.ended == UNSCORABLE).sum())
    counts[DISAGREEMENT] = int((effective.ended == 1).sum())
    return counts


def rows_make(plan: ExportPlan, chunk: FaceChunk) -> Iterator[ExportRow]:
    """The chunk's faces as rows to write. Faces nobody coded give rows without codes."""
    states = np.where(chunk.effective.ended == UNSCORABLE, UNSCORABLE, chunk.effective.codes).tolist()
    sources = sources_found(plan, chunk)
    noise = chunk.effective.noise.tolist()
    extra = _extra_cells(plan, chunk.ids)
    detail = CodeDetail(plan, chunk) if plan.detailed else None
    numbers = [coded.au for coded in plan.aus]
    for row, (pk, _position, image, subject, clip, frame, time_s) in enumerate(chunk.faces):
        told = [
            (place, au, state, source)
            for place, (au, state, source) in enumerate(zip(numbers, states[row], sources[row], strict=True))
            if source or noise[row]
        ]
        if detail:
            codes = {au: detail.code(row, place, state, source, noise[row]) for place, au, state, source in told}
        else:
            codes = {au: _plain_code(state, source, noise[row]) for _place, au, state, source in told}
        yield ExportRow(
            image=image,
            subject=subject or "",
            clip=clip or "",
            frame=frame,
            time_s=time_s,
            codes=codes,
            extra=extra.get(pk, ()),
        )


_PLAIN: dict[tuple[int, str, bool], ExportCode] = {}


def _plain_code(state: int, source: str, noise: bool) -> ExportCode:
    """One of the few codes that differ in a wide table; they are made once."""
    key = (state, source, noise)
    if key not in _PLAIN:
        _PLAIN[key] = ExportCode(state=state, source=source, noise=noise)
    return _PLAIN[key]


def _extra_cells(plan: ExportPlan, face_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """By face id, the cells of the columns carried over from the row that brought the face."""
    found: dict[int, tuple[str, ...]] = {}
    if not plan.carried:
        return found
    rows = ImportRow.objects.filter(face_id__in=face_ids, batch_id__in=plan.carried, problem="")
    rows = rows.order_by("batch_id", "line")
    for face_id, batch, cells in rows.values_list("face_id", "batch_id", "cells"):
        if face_id in found:
            continue
        line = [""] * len(plan.extra)
        for target, place in plan.carried[batch]:
            line[target] = str(cells[place]) if place < len(cells) else ""
        found[face_id] = tuple(line)
    return found
