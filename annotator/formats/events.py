"""The table of events: onset, apex and offset of an AU in a clip, one line each, and its data dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from annotator.facs import au_column
from annotator.formats.writing import line_write

_CHUNK = 500
_COLUMNS = (
    ("subject", "pseudonym of the person", "text; empty: not known"),
    ("clip", "the video", "text"),
    ("frame_rate", "frames a second of the clip", "number; empty: not known"),
    ("au", "the action unit", "AU01 …"),
    ("onset", "frame in which it begins", "whole number"),
    ("apex", "frame in which it is strongest", "whole number; empty: not marked"),
    ("offset", "last frame of it", "whole number; empty: still open"),
    ("intensity", "how strongly it shows at the apex", "A trace to E maximum; empty: not told"),
    ("side", "the subject's own side that moved", "both, left or right"),
    ("source", "the kind of layer that it is in", "consensus, coder, reference, proposal, weak or prediction"),
    ("coder", "who marked it", "text; empty: nobody"),
)


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as it leaves."""

    subject: str
    clip: str
    frame_rate: float | None
    au: int
    onset: int
    apex: int | None
    offset: int | None
    intensity: str
    side: str
    source: str
    coder: str

    @property
    def cells(self) -> list[str]:
        numbers = [self.onset, self.apex, self.offset]
        rate = "" if self.frame_rate is None else repr(float(self.frame_rate))
        told = ["" if number is None else str(number) for number in numbers]
        return [
            self.subject, self.clip, rate, au_column(self.au), *told,
            self.intensity, self.side, self.source, self.coder,
        ]  # fmt: skip


def events_write(rows: Iterable[EventRow]) -> Iterator[bytes]:
    """The table, one line for each event in the order given."""
    kept = [line_write(name for name, _meaning, _values in _COLUMNS)]
    for row in rows:
        kept.append(line_write(row.cells))
        if len(kept) >= _CHUNK:
            yield "".join(kept).encode()
            kept = []
    if kept:
        yield "".join(kept).encode()


def events_dictionary() -> bytes:
    """The data dictionary of the table: a CSV of column, meaning, values."""
    return "".join(line_write(line) for line in (("column", "meaning", "values"), *_COLUMNS)).encode()
