"""The face cache: geometry of the resize, holes, bad pictures, cancelling."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.faces import face_resize, faces_cache_build, faces_cache_open


def encoded(size: tuple[int, int], colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


def picture_open(source: bytes | Path) -> Image.Image:
    return Image.open(BytesIO(source) if isinstance(source, bytes) else source)


def test_wide_picture_is_centred_between_black_bars() -> None:
    face = face_resize(Image.new("RGB", (80, 40), (200, 10, 30)), 40)
    assert (face[10:30] == (200, 10, 30)).all()
    assert not face[:10].any() and not face[30:].any()


def test_picture_of_the_cache_size_is_kept_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    assert np.array_equal(face_resize(Image.fromarray(pixels), 48), pixels)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(32, 64))
def test_resize_fits_every_shape_without_distorting_it(width: int, height: int, size: int) -> None:
    face = face_resize(Image.new("L", (width, height), 255), size)
    assert face.shape == (size, size, 3)
    rows, columns = (face[..., 0] == 255).any(axis=1).sum(), (face[..., 0] == 255).any(axis=0).sum()
    assert max(rows, columns) == size
    assert abs(rows - max(1, size * height / max(width, height))) <= 0.5
    assert abs(columns - max(1, size * width / max(width, height))) <= 0.5


def test_large_photograph_is_shrunk_to_the_same_picture_by_the_jpeg_decoder() -> None:
    ramp = np.linspace(0, 255, 800).astype(np.uint8)
    pixels = np.broadcast_to(ramp[:, None, None], (800, 800, 3))
    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=95)
    drafted = face_resize(Image.open(BytesIO(buffer.getvalue())), 40).astype(int)
    whole = face_resize(Image.open(BytesIO(buffer.getvalue())).copy(), 40).astype(int)
    assert np.abs(drafted - whole).max() <= 4


def test_cache_keeps_positions_and_names_holes_and_bad_pictures(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(encoded((32, 32), (9, 8, 7)))
    sources = [encoded((32, 32), (1, 2, 3)), None, b"no picture", tmp_path / "one.png"]
    report = faces_cache_build(tmp_path / "faces.npy", sources, 4, 32, picture_open)
    cache = faces_cache_open(tmp_path / "faces.npy")
    assert cache[:, 0, 0].tolist() == [[1, 2, 3], [0, 0, 0], [0, 0, 0], [9, 8, 7]]
    assert report.holes == (1,)
    assert [position for position, _ in report.unreadable] == [2]
    assert "UnidentifiedImageError" in report.unreadable[0][1]


@pytest.mark.parametrize("announced", [1, 3])
def test_wrong_number_of_pictures_is_refused_and_leaves_no_file(tmp_path: Path, announced: int) -> None:
    with pytest.raises(ValueError, match=str(announced)):
        faces_cache_build(tmp_path / "faces.npy", [encoded((32, 32), (1, 1, 1))] * 2, announced, 32, picture_open)
    assert list(tmp_path.iterdir()) == []


def test_cancelled_build_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        faces_cache_build(tmp_path / "faces.npy", [None], 1, 32, picture_open, cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_other_arrays_are_no_face_cache(tmp_path: Path) -> None:
    np.save(tmp_path / "other.npy", np.zeros((2, 32, 32, 3), dtype=np.float32))
    with pytest.raises(ValueError, match="float32"):
        faces_cache_open(tmp_path / "other.npy")
