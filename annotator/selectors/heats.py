"""Shares by two AUs as a picture: rows are counted, columns given; the darker the more."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from annotator.selectors.axes import Tick

HEAT_SIDE, HEAT_MARGIN, CELL_MOST, LABEL_ROOM = 288, 28, 40, 11

Share = float | None
Linker = Callable[[int, int], str]
"""The AUs of a cell's row and column to where it leads; empty for nowhere."""


@dataclass(frozen=True)
class HeatCell:
    x: float
    y: float
    share: Share
    depth: float
    """How dark, 0 to 1; of no meaning where the share is undefined."""
    present: int
    """The AU whose presence is counted …"""
    given: int
    """… among the faces with this one."""
    address: str = ""
    """The faces behind it."""
    faces: int | None = None
    """How many have the given AU and are coded for the other; None where that wasn't told,"""
    few: bool = False
    """or too few for the share to say much."""


@dataclass(frozen=True)
class HeatLine:
    au: int
    cells: Sequence[HeatCell]


@dataclass(frozen=True)
class HeatMap:
    """Shares by two AUs; rows are counted, columns given."""

    kind: str
    """A layer's kind, predicted, or difference: its colour."""
    side: float
    size: float
    """Of one cell."""
    top: float
    """The share that is drawn darkest."""
    cells: Sequence[HeatCell]
    columns: Sequence[Tick]
    """All AUs, which are the rows too."""
    view: float = HEAT_MARGIN + HEAT_SIDE + 1
    """Side of the picture: the same for few AUs, whose cells don't grow beyond all bounds."""

    @property
    def marks(self) -> Sequence[Tick]:
        """The AUs that are written at the edges: all of them, or every second or third of very many."""
        return self.columns[:: math.ceil(LABEL_ROOM / self.size)]

    @property
    def lines(self) -> list[HeatLine]:
        """The cells row by row, as a table has them."""
        wide = len(self.columns)
        cuts = [self.cells[start : start + wide] for start in range(0, len(self.cells), wide)]
        return [HeatLine(cells[0].present, cells) for cells in cuts]


def heat_map(
    kind: str,
    shares: Sequence[Sequence[Share]],
    aus: Sequence[int],
    top: float,
    linker: Linker = lambda present, given: "",
    faces: Sequence[Sequence[int]] | None = None,
    few: int = 0,
) -> HeatMap:
    """The picture of shares (rows, columns) by AU; `top` is drawn darkest. A share may be negative: its
    size is drawn. With `faces`, shares of less than `few` are marked."""
    size = round(min(HEAT_SIDE / len(aus), CELL_MOST), 2)
    cells = [
        HeatCell(
            x=round(HEAT_MARGIN + column * size, 2),
            y=round(HEAT_MARGIN + row * size, 2),
            share=share,
            depth=0.0 if share is None else round(min(abs(share) / top, 1), 3),
            present=aus[row],
            given=aus[column],
            address=linker(aus[row], aus[column]),
            faces=faces[row][column] if faces else None,
            few=faces is not None and faces[row][column] < few,
        )
        for row, line in enumerate(shares)
        for column, share in enumerate(line)
    ]
    middles = [Tick(round(HEAT_MARGIN + (place + 0.5) * size, 1), str(au)) for place, au in enumerate(aus)]
    return HeatMap(kind, round(size * len(aus), 2), size, top, cells, middles)
