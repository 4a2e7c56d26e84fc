"""What an export tells of a code beyond its value: coders, time, cluster, intensities, probability."""

from datetime import datetime
from typing import Any

import numpy as np

from annotator.choices import DecisionKind, Intensity, LayerKind
from annotator.formats.writing import ExportCode
from annotator.masks import NOT_SCORED, UNSCORABLE, intensities_unpack
from annotator.models import DecisionFace
from annotator.selectors.effective import SOURCES
from annotator.selectors.export_plan import ExportPlan, FaceChunk

DISAGREEMENT = "disagreement"
"""Source of a code that coders disagree on and no consensus settles: then no code counts."""


class CodeDetail:
    """What a long table tells of each code beyond its value, looked up for one chunk."""

    def __init__(self, plan: ExportPlan, chunk: FaceChunk) -> None:
        self.plan, self.chunk = plan, chunk
        self.bits = [coded.bit for coded in plan.aus]
        self.layers = {layer.pk: layer for layer in plan.layers}
        self.layer = chunk.effective.layer.tolist()
        self.positions = [face[1] for face in chunk.faces]
        self.weak: list[list[int]] = self._weak_read()
        self.decided = StandingDecisions(chunk)
        self.by_coder = {
            layer.pk: chunk.read[layer.pk].codes(self.bits).tolist()
            for layer in plan.layers
            if layer.kind == LayerKind.CODER
        }
        self.sides: dict[tuple[int, int], dict[int, tuple[int, int]]] = {}

    def _weak_read(self) -> Any:
        """(N, A) the weak value that each code had: the newest weak layer's that has one."""
        weak = np.full(self.chunk.effective.codes.shape, NOT_SCORED, np.int8)
        for layer in self.plan.layers:  # ascending ids, so that the newest is written last
            if layer.kind == LayerKind.WEAK:
                codes = self.chunk.read[layer.pk].codes(self.bits)
                weak = np.where(codes >= 0, codes, weak)
        return weak.tolist()

    def code(self, row: int, place: int, state: int, source: str, noise: bool) -> ExportCode:
        coders, decided_at = self._people(row, place, state, source)
        left, right = self._sides(row, place)
        return ExportCode(
            state=state,
            left=left,
            right=right,
            source=source,
            probability=self._probability(row, place, source),
            weak=self.weak[row][place],
            noise=noise,
            cluster=self._cluster(row, place),
            coder=coders,
            decided_at=decided_at,
            made_by=self._maker(row, place, source),
            hidden=self._hidden(row, place) if state == UNSCORABLE else None,
        )

    def _hidden(self, row: int, place: int) -> int | None:
        """Why it can't be scored, as the last of those who said so told it; nobody, for a code from outside."""
        bit, face = self.bits[place], self.chunk.faces[row][0]
        return self.decided.hidden(face, bit)

    def _people(self, row: int, place: int, state: int, source: str) -> tuple[str, datetime | None]:
        """Who gave the code (all coders who agree) and when the last of them did."""
        bit, face = self.bits[place], self.chunk.faces[row][0]
        if source == LayerKind.CONSENSUS:
            return self.decided.last(face, bit, state)
        if source not in (LayerKind.CODER, DISAGREEMENT):
            return "", None
        layers = [self.layers[pk] for pk, codes in self.by_coder.items() if codes[row][place] != NOT_SCORED]
        times = [at for layer in layers if (at := self.decided.when(face, layer.user_id, bit))]
        names = "; ".join(layer.user.username for layer in layers if layer.user)
        return names, max(times, default=None)

    def _sides(self, row: int, place: int) -> tuple[int, int]:
        """(left, right) intensities in the layer that the code came from."""
        neither = (int(Intensity.NOT_SCORED), int(Intensity.NOT_SCORED))
        pk = self.layer[row][place]
        if pk == 0 or row not in self.chunk.read[pk].intensities:
            return neither
        if (pk, row) not in self.sides:
            self.sides[pk, row] = intensities_unpack(self.chunk.read[pk].intensities[row])
        return self.sides[pk, row].get(self.bits[place], neither)

    def _cluster(self, row: int, place: int) -> str:
        adopted = self.plan.adopted.get(self.plan.aus[place].au)
        position = self.positions[row]
        if adopted is None or adopted.clusters is None or position >= len(adopted.clusters):
            return ""
        number = int(adopted.clusters[position])
        return str(number) if number >= 0 else ""

    def _probability(self, row: int, place: int, source: str) -> float | None:
        """The run's probability of a proposal, or the weak layer's own of a weak code."""
        adopted = self.plan.adopted.get(self.plan.aus[place].au)
        values: Any = None
        if source == LayerKind.PROPOSAL and adopted is not None:
            values = adopted.probabilities
        elif source == LayerKind.WEAK and self.layer[row][place] in self.plan.probabilities:
            values = self.plan.probabilities[self.layer[row][place]][:, self.bits[place]]
        position = self.positions[row]
        if values is None or position >= len(values) or np.isnan(values[position]):
            return None
        return round(float(values[position]), 4)

    def _maker(self, row: int, place: int, source: str) -> str:
        if source == LayerKind.PROPOSAL:
            adopted = self.plan.adopted.get(self.plan.aus[place].au)
            return f"run {adopted.run}" if adopted else ""
        layer = self.layers.get(self.layer[row][place])
        return layer.detector.name if layer is not None and layer.detector is not None else ""


class StandingDecisions:
    """Which standing decision last set a code, for the faces of a chunk that people have coded."""

    def __init__(self, chunk: FaceChunk) -> None:
        people = chunk.effective.noise.copy()
        for name in ("consensus", "coder"):
            people |= (chunk.effective.source == SOURCES.index(name)).any(axis=1)
        people |= (chunk.effective.ended != 0).any(axis=1)
        ids = [pk for pk, told in zip(chunk.ids, people.tolist(), strict=True) if told]
        self._standing: dict[int, list[tuple[Any, ...]]] = {}
        if ids:
            self._read(ids)

    def _read(self, face_ids: list[int]) -> None:
        rows = DecisionFace.objects.filter(face_id__in=face_ids).order_by("-decision_id")
        undone: set[tuple[int, int | None]] = set()
        for face, decision, kind, undoes, undo, redo, *rest in rows.values_list(
            "face_id",
            "decision_id",
            "decision__kind",
            "decision__undoes_id",
            "decision__undone_by",
            "decision__undone_by__undone_by",
            "old_present",
            "old_scored",
            "old_unscorable",
            "decision__aus",
            "decision__user_id",
            "decision__user__username",
            "decision__created_at",
            "decision__hidden",
            "new_present",
            "new_scored",
            "new_unscorable",
        ):
            # From the newest back: an undo that stands strikes out what it undoes, on this face only.
            if (face, decision) in undone:
                continue
            # The undo of what changed nothing on the face has no row of its own there.
            changed, rest = tuple(rest[:3]) != tuple(rest[-3:]), rest[3:]
            if undo is not None and redo is None and not changed:
                continue
            if kind == DecisionKind.UNDO:
                undone.add((face, undoes))
            elif kind != DecisionKind.NOISE:  # which may name AUs but changes no code
                self._standing.setdefault(face, []).append(tuple(rest))

    def when(self, face: int, user: int | None, bit: int) -> datetime | None:
        """When this coder last decided on the AU of this face."""
        for aus, decider, _name, at, *_rest in self._standing.get(face, ()):
            if decider == user and aus >> bit & 1:
                moment: datetime = at
                return moment
        return None

    def hidden(self, face: int, bit: int) -> int | None:
        """The reason that the last standing decision to call the AU unscorable gave."""
        for aus, _decider, _name, _at, hidden, _present, _scored, unscorable in self._standing.get(face, ()):
            if aus >> bit & 1 and unscorable >> bit & 1:
                reason: int | None = hidden
                return reason
        return None

    def last(self, face: int, bit: int, state: int) -> tuple[str, datetime | None]:
        """Who last decided as the consensus says, and when; nobody for a consensus from outside."""
        for aus, _decider, name, at, _hidden, present, scored, unscorable in self._standing.get(face, ()):
            if aus >> bit & 1 and state == _state(present >> bit & 1, scored >> bit & 1, unscorable >> bit & 1):
                return name, at
        return "", None


def _state(present: int, scored: int, unscorable: int) -> int:
    if unscorable:
        return UNSCORABLE
    return present if scored else NOT_SCORED
