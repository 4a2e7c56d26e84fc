"""The packing of codes: 63-bit masks by AU bit, and intensities of each side in 63 bytes."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from annotator.choices import Intensity

BITS = 63
PRESENT, ABSENT, NOT_SCORED, UNSCORABLE = 1, 0, -1, -2
"""One code as a number, in arrays."""


def mask_of(bits: Iterable[int]) -> int:
    """The mask with these bits set; ValueError for a bit outside 0…62."""
    mask = 0
    for bit in bits:
        if not 0 <= bit < BITS:
            raise ValueError(f"{bit} is not an AU bit: there are {BITS}.")
        mask |= 1 << bit
    return mask


def bits_of(mask: int) -> list[int]:
    return [bit for bit in range(BITS) if mask >> bit & 1]


def codes_unpack(
    present: NDArray[np.int64], scored: NDArray[np.int64], unscorable: NDArray[np.int64], bits: Sequence[int]
) -> NDArray[np.int8]:
    """(N,) masks to (N, len(bits)) codes: 1 present, 0 absent, −1 not scored, −2 unscorable."""
    single = np.array([1 << bit for bit in bits], dtype=np.int64)
    codes = np.full((len(scored), len(bits)), NOT_SCORED, dtype=np.int8)
    codes[(scored[:, None] & single) != 0] = ABSENT
    codes[(present[:, None] & single) != 0] = PRESENT
    codes[(unscorable[:, None] & single) != 0] = UNSCORABLE
    return codes


def codes_pack(
    codes: NDArray[np.int8], bits: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(N, len(bits)) codes to (N,) masks present, scored, unscorable: codes_unpack's inverse."""
    single = np.array([1 << bit for bit in bits], dtype=np.int64)
    present = ((codes == PRESENT) * single).sum(axis=1, dtype=np.int64)
    scored = (((codes == PRESENT) | (codes == ABSENT)) * single).sum(axis=1, dtype=np.int64)
    unscorable = ((codes == UNSCORABLE) * single).sum(axis=1, dtype=np.int64)
    return present, scored, unscorable


def intensities_pack(sides: Mapping[int, tuple[int, int]]) -> bytes | None:
    """{bit: (left, right)} of annotator.choices.Intensity values to 63 bytes; None when empty."""
    if not sides:
        return None
    packed = bytearray([Intensity.NOT_SCORED << 4 | Intensity.NOT_SCORED] * BITS)
    for bit, (left, right) in sides.items():
        packed[bit] = Intensity(left) << 4 | Intensity(right)
    return bytes(packed)


def intensities_unpack(packed: bytes | memoryview | None) -> dict[int, tuple[int, int]]:
    """The inverse of intensities_pack; AUs scored on neither side are left out."""
    if packed is None:
        return {}
    neither = Intensity.NOT_SCORED << 4 | Intensity.NOT_SCORED
    return {bit: (byte >> 4, byte & 15) for bit, byte in enumerate(bytes(packed)) if byte != neither}
