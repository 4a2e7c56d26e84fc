"""Decoding of pictures, hostile ones too, and the copies made of them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from annotator.pictures.decoding import (
    LOSSLESS_MIME,
    NEUTRAL_GREY,
    Picture,
    picture_decode,
    picture_encode_lossless,
    picture_quality,
    thumbnail_encode,
)
from annotator.pictures.errors import PictureProblem

# Pillow warns of the very pictures that these tests are about.
pytestmark = [pytest.mark.backendless, pytest.mark.filterwarnings("ignore")]

PIXELS = np.random.default_rng(5).integers(0, 256, (24, 36, 3), dtype=np.uint8)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def rgb(kind="PNG", **options):
    return encoded(Image.fromarray(PIXELS), kind, **options)


def png_of_size(width, height):
    """A PNG that states a size and holds hardly any pixels."""

    def chunk(name, data):
        return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))

    header = struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_decode_to_their_pixels(kind):
    picture = picture_decode(rgb(kind))
    assert picture.source_format == kind
    assert np.array_equal(picture.pixels, PIXELS)
    assert (picture.width, picture.height) == (36, 24)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_decode_close_to_their_pixels(kind):
    smooth = Image.fromarray(PIXELS).resize((4, 4)).resize((64, 64))
    picture = picture_decode(encoded(smooth, kind, quality=95))
    assert np.abs(picture.pixels.astype(int) - np.asarray(smooth)).mean() < 6


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a picture"),
        (b"<html><script>alert(1)</script></html>", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (png_of_size(20_000, 20_000), "more than 50,000,000 pixels"),
        (png_of_size(20_000, 100), "20000 x 100 pixels; no side may be over 12,000"),
        (png_of_size(8_000, 8_000), "64,000,000 pixels"),
        (png_of_size(11_000, 11_000), "pixels"),
        (png_of_size(0, 10), "damaged|not a picture"),
    ],
)
def test_what_is_no_acceptable_picture_is_told(data, words):
    with pytest.raises(PictureProblem, match=words):
        picture_decode(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_pictures_cut_short_are_refused(kind, share):
    data = rgb(kind)
    with pytest.raises(PictureProblem):
        picture_decode(data[: int(len(data) * share)])


def test_formats_outside_the_list_are_refused():
    with pytest.raises(PictureProblem, match="not a picture"):
        picture_decode(encoded(Image.fromarray(PIXELS), "PPM"))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_moving_and_many_paged_pictures_are_refused(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    with pytest.raises(PictureProblem, match="several pictures"):
        picture_decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))


def test_the_first_picture_of_a_phones_jpeg_is_taken():
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    picture = picture_decode(encoded(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert picture.source_format == "JPEG"
    assert picture.pixels[..., 0].mean() > 200


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_once(kind, orientation):
    stored = {
        1: PIXELS,
        2: PIXELS[:, ::-1],
        3: PIXELS[::-1, ::-1],
        4: PIXELS[::-1],
        5: PIXELS.transpose(1, 0, 2),
        6: PIXELS.transpose(1, 0, 2)[::-1],
        7: PIXELS.transpose(1, 0, 2)[::-1, ::-1],
        8: PIXELS.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif, **options)
    assert np.array_equal(picture_decode(data).pixels, PIXELS)


def test_broken_exif_is_no_reason_to_refuse():
    data = rgb("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    assert picture_decode(data).width == 36


def test_sixteen_bit_grey_keeps_its_high_byte():
    values = np.array([[0, 255, 256, 65_535]], dtype=np.uint16)
    picture = picture_decode(encoded(Image.fromarray(values), "PNG"))
    assert picture.pixels[0, :, 0].tolist() == [0, 0, 1, 255]


def test_floating_point_pictures_are_refused():
    with pytest.raises(PictureProblem, match="floating-point"):
        picture_decode(encoded(Image.fromarray(np.ones((4, 4), dtype=np.float32)), "TIFF"))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_parts_become_neutral(mode):
    image = Image.new(mode, (4, 4), (10, 10, 10, 0) if mode == "RGBA" else (10, 0))
    assert (picture_decode(encoded(image, "PNG")).pixels == NEUTRAL_GREY).all()


def test_a_transparent_palette_entry_becomes_neutral():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 0, 0])
    assert (picture_decode(encoded(image, "PNG", transparency=1)).pixels == NEUTRAL_GREY).all()
    assert picture_decode(encoded(image, "PNG")).pixels[0, 0].tolist() == [200, 0, 0]


@pytest.mark.parametrize(("mode", "colour"), [("L", 90), ("1", 1), ("CMYK", (0, 0, 0, 0))])
def test_other_modes_become_rgb(mode, colour):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    picture = picture_decode(encoded(Image.new(mode, (8, 8), colour), kind))
    assert picture.pixels.shape == (8, 8, 3)
    assert int(picture.pixels.mean()) == {"L": 90, "1": 255, "CMYK": 255}[mode]


@pytest.mark.parametrize("shape", [(24, 36, 3), (1, 1, 3), (3, 500, 3)])
def test_the_kept_copy_has_the_very_pixels_and_no_metadata(shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    data = picture_encode_lossless(Picture(pixels, "PNG"))
    assert np.array_equal(picture_decode(data).pixels, pixels)
    with Image.open(io.BytesIO(data)) as image:
        assert Image.MIME[image.format] == LOSSLESS_MIME
        assert not image.getexif() and "icc_profile" not in image.info


def test_metadata_does_not_reach_the_copies():
    exif = Image.Exif()
    exif[0x010E] = "the patient's name"
    picture = picture_decode(rgb("JPEG", exif=exif, comment=b"the patient's name"))
    assert b"patient" not in picture_encode_lossless(picture) + thumbnail_encode(picture)


@pytest.mark.parametrize(("size", "expected"), [((400, 200), (160, 80)), ((50, 30), (50, 30)), ((5000, 2), (160, 1))])
def test_thumbnails_keep_the_aspect_and_never_grow(size, expected):
    picture = picture_decode(encoded(Image.new("RGB", size, "green"), "PNG"))
    with Image.open(io.BytesIO(thumbnail_encode(picture))) as image:
        assert image.size == expected


def test_the_digest_is_of_pixels_and_size_alone():
    assert picture_decode(rgb("PNG")).sha256 == picture_decode(rgb("BMP")).sha256
    flat = Picture(np.zeros((2, 8, 3), np.uint8), "PNG")
    assert flat.sha256 != Picture(np.zeros((8, 2, 3), np.uint8), "PNG").sha256


def test_a_turned_picture_has_the_digest_of_an_upright_one():
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = encoded(Image.fromarray(np.ascontiguousarray(PIXELS[::-1, ::-1])), "PNG", exif=exif)
    assert picture_decode(turned).sha256 == picture_decode(rgb()).sha256


def test_quality_of_known_pictures():
    grey = Picture(np.full((112, 112, 3), 77, np.uint8), "PNG")
    assert picture_quality(grey) == (0.0, 77.0)
    board = np.indices((112, 112)).sum(axis=0) % 2 * 255
    sharpness, brightness = picture_quality(Picture(np.repeat(board[..., None], 3, 2).astype(np.uint8), "PNG"))
    assert sharpness == pytest.approx((4 * 255) ** 2)
    assert brightness == pytest.approx(127.5)


def test_blurring_lowers_sharpness():
    large = Image.fromarray(PIXELS).resize((112, 112), Image.Resampling.NEAREST)
    blurred = large.resize((14, 14)).resize((112, 112), Image.Resampling.BILINEAR)
    sharp, _ = picture_quality(Picture(np.asarray(large), "PNG"))
    assert picture_quality(Picture(np.asarray(blurred), "PNG"))[0] < sharp / 10
