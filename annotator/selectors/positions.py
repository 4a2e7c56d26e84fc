"""Choices of faces by their positions: in short for an address, and packed for a row of the database."""

import zlib
from collections.abc import Iterable

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from annotator.errors import InputRefused
from annotator.numbers import whole_number

SELECTION_MOST = 1_000_000
"""Faces of one selection."""
WIDE = 1 << 32
"""Positions of a selection lie below this, so that four bytes hold one."""


def positions_write(positions: Iterable[int]) -> str:
    """Positions in short: [9, 3, 4, 5] gives “3-5,9”."""
    numbers = np.unique(np.asarray(list(positions), np.int64))
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
        low, high = whole_number(first), whole_number(last if dash else first)
        if low is None or high is None:
            raise InputRefused(_("Faces are named by their numbers, as in 3-5,9."))
        total += high - low + 1
        if high < low or total > SELECTION_MOST:
            raise InputRefused(
                _("A selection holds at most %(most)s faces, each range from low to high.")
                % {"most": f"{SELECTION_MOST:,}"}
            )
        parts.append(np.arange(low, high + 1, dtype=np.int64))
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)


def positions_of_bytes(body: bytes) -> NDArray[np.int64]:
    """Ascending positions as little-endian uint32, (n,); InputRefused for anything else or too many."""
    if len(body) % 4:
        raise InputRefused(_("Positions are sent as whole 32-bit numbers."))
    if len(body) > 4 * SELECTION_MOST:
        raise InputRefused(_("A selection holds at most %(most)s faces.") % {"most": f"{SELECTION_MOST:,}"})
    positions = np.frombuffer(body, "<u4").astype(np.int64)
    if (np.diff(positions) <= 0).any():
        raise InputRefused(_("Positions are sent in ascending order, each once."))
    return positions


def positions_pack(positions: NDArray[np.int64]) -> bytes:
    """Ascending positions (n,) as little-endian uint32 differences, deflated: a byte or less for most."""
    return zlib.compress(np.diff(positions, prepend=0).astype("<u4").tobytes())


def positions_unpack(packed: bytes | memoryview, size: int) -> NDArray[np.int64]:
    """The inverse of positions_pack, (size,); ValueError where the bytes hold another number of them."""
    unpacked = zlib.decompressobj().decompress(bytes(packed), 4 * size + 4)
    if len(unpacked) != 4 * size:
        raise ValueError(f"A selection of {size} faces holds {len(unpacked) // 4}.")
    return np.cumsum(np.frombuffer(unpacked, "<u4"), dtype=np.int64)
