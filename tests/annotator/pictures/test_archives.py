"""Archives made to do harm, and damaged ones."""

import io
import stat
import struct
import zipfile

import pytest

from annotator.pictures.archives import Archive, SourceLimits
from annotator.pictures.errors import PictureProblem, SourceRefused

pytestmark = pytest.mark.backendless


@pytest.fixture
def build(tmp_path):
    def _build(*entries, **options):
        """A ZIP file of (name or ZipInfo, data) entries."""
        path = tmp_path / "pictures.zip"
        with zipfile.ZipFile(path, "w", **options) as file:
            for name, data in entries:
                file.writestr(name, data)
        return path

    return _build


def opened(path, **limits):
    return Archive(path, SourceLimits(**limits))


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def patched(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def test_good_entries_are_listed_and_read(build):
    archive = opened(build(("a/1.jpg", b"one"), ("a/", b""), ("2.jpg", b"two"), compression=zipfile.ZIP_DEFLATED))
    assert archive.names() == ["a/1.jpg", "2.jpg"]
    assert archive.read("2.jpg") == b"two"
    archive.close()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../evil.jpg", "leads out"),
        ("a/../../evil.jpg", "leads out"),
        ("..\\evil.jpg", "leads out"),
        ("/etc/evil.jpg", "absolute"),
        ("\\evil.jpg", "absolute"),
        ("C:/evil.jpg", "absolute"),
        ("a\x1b[2J.jpg", "control characters"),
    ],
)
def test_names_that_lead_elsewhere_refuse_the_archive(build, name, words):
    with pytest.raises(SourceRefused, match=words):
        opened(build(("good.jpg", b"x"), (name, b"x")))


def test_links_refuse_the_archive(build):
    with pytest.raises(SourceRefused, match="symbolic link"):
        opened(build((link("a.jpg"), "/etc/passwd")))


def test_encrypted_entries_refuse_the_archive(build):
    path = build(("a.jpg", b"x"))
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(SourceRefused, match="encrypted"):
        opened(path)


def test_other_packings_refuse_the_archive(build):
    with pytest.raises(SourceRefused, match="deflate"):
        opened(build(("a.jpg", b"x" * 99), compression=zipfile.ZIP_LZMA))


def test_a_name_that_is_there_twice_refuses_the_archive(build):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = build(("a.jpg", b"x"), ("a.jpg", b"y"))
    with pytest.raises(SourceRefused, match="twice"):
        opened(path)


def test_a_thousandfold_ratio_refuses_the_archive(build):
    path = build(("bomb.png", bytes(8 * 2**20)), compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size * 900 < 8 * 2**20
    with pytest.raises(SourceRefused, match="100 times"):
        opened(path)


def test_small_entries_may_be_packed_tightly(build):
    assert opened(build(("a.bmp", bytes(900_000)), compression=zipfile.ZIP_DEFLATED)).names() == ["a.bmp"]


def test_an_entry_that_lies_about_its_size_is_cut_off(build):
    size = 3 * 2**20
    path = build(("a.jpg", bytes(size)), compression=zipfile.ZIP_DEFLATED)
    archive = opened(patched(path, struct.pack("<L", size), struct.pack("<L", 1000)))
    with pytest.raises(PictureProblem, match="damaged"):
        archive.read("a.jpg")
    archive.close()


def test_entries_over_the_limit_are_cut_off_while_unpacking(build):
    archive = opened(build(("a.jpg", bytes(2**20))), entry_bytes=100_000)
    with pytest.raises(PictureProblem, match="more than 100,000 bytes"):
        archive.read("a.jpg")
    archive.close()


def test_all_entries_together_are_bounded(build):
    with pytest.raises(SourceRefused, match="more than 100 bytes"):
        opened(build(("a.jpg", bytes(60)), ("b.jpg", bytes(60))), total_bytes=100)


@pytest.mark.parametrize("count", [3, 300])
def test_too_many_entries_are_refused_before_any_object_is_made(build, count, monkeypatch):
    path = build(*((f"{i}.jpg", b"") for i in range(count)))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(SourceRefused, match="more than 2 entries"):
        opened(path, entries=2)


def test_entries_are_counted_whatever_the_archive_states(build):
    path = build(*((f"{i}.jpg", b"") for i in range(5)))
    end = path.read_bytes().rindex(b"PK\x05\x06")
    data = bytearray(path.read_bytes())
    data[end + 8 : end + 12] = struct.pack("<HH", 1, 1)
    path.write_bytes(data)
    with pytest.raises(SourceRefused, match="more than 4 entries"):
        opened(path, entries=4)
    assert len(opened(path, entries=5).names()) == 5


def test_a_directory_too_large_is_refused(build):
    with pytest.raises(SourceRefused, match="too large"):
        opened(build(("a" * 500 + ".jpg", b"")), directory_bytes=100)


def test_damaged_entries_are_problems_of_their_own(build):
    archive = opened(patched(build(("a.jpg", b"first picture"), ("b.jpg", b"second")), b"first", b"fixed"))
    with pytest.raises(PictureProblem, match="damaged"):
        archive.read("a.jpg")
    assert archive.read("b.jpg") == b"second"
    archive.close()


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_what_is_no_whole_archive_is_refused(build, cut):
    path = build(("a.jpg", b"some bytes of a picture"))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SourceRefused, match="not a ZIP archive"):
        opened(path)


def test_archives_of_the_kind_for_many_entries_are_counted_and_read(build):
    path = build(("a.jpg", b"x"), ("b.jpg", b"y"), ("c.jpg", b"z"))
    data = path.read_bytes()
    end = data.rindex(b"PK\x05\x06")
    length, start = struct.unpack_from("<LL", data, end + 12)
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 3, 3, length, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    full = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(data[:end] + record + locator + full)
    assert opened(path).names() == ["a.jpg", "b.jpg", "c.jpg"]
    with pytest.raises(SourceRefused, match="more than 2 entries"):
        opened(path, entries=2)


def test_archives_with_something_in_front_and_a_comment_are_read(build):
    path = build(("a.jpg", b"x"))
    data = io.BytesIO(b"#!/bin/sh\n" + path.read_bytes())
    with zipfile.ZipFile(data, "a") as file:
        file.comment = b"made by hand"
    path.write_bytes(data.getvalue())
    assert opened(path).read("a.jpg") == b"x"
