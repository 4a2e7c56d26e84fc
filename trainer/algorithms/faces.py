"""The decoded face cache: every picture once, small and square, in one memory-mapped array.

Training and extraction pass over the same faces many times; decoding JPEG or PNG each time would
cost more than a small network does. Row i of the cache is the face at position i of its data set.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.algorithms.callbacks import (
    CancelCheck,
    Progress,
    cancel_never,
    cancel_raise,
    progress_ignore,
)

FaceArray = NDArray[np.uint8]
Source = TypeVar("Source")
CHUNK = 256  # pictures decoded between two progress reports


@dataclass(frozen=True)
class CacheReport:
    """What `faces_cache_build` did: the file, its rows, and the positions left black."""

    path: Path
    faces: int
    holes: tuple[int, ...]  # positions given as None
    unreadable: tuple[tuple[int, str], ...]  # position and reason


def face_resize(picture: Image.Image, size: int) -> FaceArray:
    """The picture as (size, size, 3) uint8 RGB: aspect kept, centred, the rest black.

    The same picture gives the same bytes on every call.
    """
    if picture.width < 1 or picture.height < 1:
        raise ValueError(f"picture of {picture.width} x {picture.height} pixels")
    longest = max(picture.size)
    if longest > 4 * size:
        # lets the JPEG decoder itself shrink large photographs; ignored by other formats
        picture.draft("RGB", (2 * size, 2 * size))
        longest = max(picture.size)
    width = max(1, round(picture.width * size / longest))
    height = max(1, round(picture.height * size / longest))
    small = picture.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    face = np.zeros((size, size, 3), dtype=np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    face[top : top + height, left : left + width] = np.asarray(small)
    return face


def faces_cache_build(
    path: Path,
    sources: Iterable[Source | None],
    count: int,
    size: int,
    decode: Callable[[Source], Image.Image],
    progress: Progress = progress_ignore,
    cancelled: CancelCheck = cancel_never,
    threads: int = 2,
) -> CacheReport:
    """Decode `count` pictures into the file `path`, a (count, size, size, 3) uint8 .npy.

    A source of None is a hole in the data set; it and a picture that cannot be read stay black and
    are named in the report. The file appears under its name only when it is complete.
    Raises ValueError when `sources` holds another number than `count`, `Cancelled` on request.
    """
    partial = path.with_name(path.name + ".partial")
    array = np.lib.format.open_memmap(partial, "w+", np.uint8, (count, size, size, 3))
    holes: list[int] = []
    unreadable: list[tuple[int, str]] = []

    def prepare(source: Source | None) -> FaceArray | str | None:
        if source is None:
            return None
        try:
            with decode(source) as picture:
                return face_resize(picture, size)
        # Pillow's plug-ins raise SyntaxError and struct errors too: one bad file must not end a million
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    try:
        done, stream = 0, iter(sources)
        with ThreadPoolExecutor(threads) as pool:
            while chunk := list(islice(stream, CHUNK)):
                cancel_raise(cancelled)
                if done + len(chunk) > count:
                    raise ValueError(f"more than the {count} pictures announced")
                for position, face in enumerate(pool.map(prepare, chunk), start=done):
                    if face is None:
                        holes.append(position)
                    elif isinstance(face, str):
                        unreadable.append((position, face))
                    else:
                        array[position] = face
                done += len(chunk)
                progress(done / count, f"{done} of {count} pictures decoded")
        if done != count:
            raise ValueError(f"{done} pictures, {count} announced")
        array.flush()
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return CacheReport(path, count, tuple(holes), tuple(unreadable))


def faces_cache_open(path: Path) -> FaceArray:
    """The cache as a read-only memory map, (N, S, S, 3) uint8. Raises ValueError for any other array."""
    array: FaceArray = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.ndim != 4 or array.dtype != np.uint8 or array.shape[1] != array.shape[2] or array.shape[3] != 3:
        raise ValueError(f"{path.name}: {array.dtype} {array.shape} is no face cache (N, S, S, 3) of uint8")
    return array
