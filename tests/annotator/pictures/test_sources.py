"""Finding pictures by the names in label rows, in folders and archives, and never leaving them."""

import os
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.pictures.endings import EndIndex, cell_parts
from annotator.pictures.sources import (
    PictureAmbiguous,
    PictureMissing,
    PictureProblem,
    PictureSource,
    SourceLimits,
    SourceRefused,
)

pytestmark = pytest.mark.backendless


@pytest.fixture
def folder(tmp_path):
    def _folder(*names, at="pictures"):
        for name in names:
            path = tmp_path / at / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
        return tmp_path / at

    return _folder


@pytest.fixture
def archive(tmp_path):
    def _archive(*names, at="pictures.zip"):
        with zipfile.ZipFile(tmp_path / at, "w") as file:
            for name in names:
                file.writestr(name, name.encode())
        return tmp_path / at

    return _archive


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("S1/C1/0001.jpg", "S1/C1/0001.jpg"),
        ("/home/lab/data/S1/C1/0001.jpg", "S1/C1/0001.jpg"),
        ("C:\\lab\\S2\\C1\\0001.jpg", "S2/C1/0001.jpg"),
        ("./S2/C1/0001.jpg", "S2/C1/0001.jpg"),
        ("../../../S2/C1/0001.jpg", "S2/C1/0001.jpg"),
        ("other/top.png", "top.png"),
        ("http://example.org/set/top.png?size=3#x", "top.png"),
        ("'http://example.org/caf%C3%A9.jpg'", "café.jpg"),
        ("TOP.PNG", "top.png"),
        ("S1/C1/0001", "S1/C1/0001.jpg"),
        ("S1/C2/v1.2", "S1/C2/v1.2.jpg"),
    ],
)
def test_a_cell_finds_the_picture_with_the_longest_ending(folder, cell, name):
    root = folder("S1/C1/0001.jpg", "S2/C1/0001.jpg", "top.png", "café.jpg", "S1/C2/v1.2.jpg")
    with PictureSource([root]) as source:
        assert source.find(cell) == name
        assert source.read(source.find(cell)) == name.encode()


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (
            "S3/C1/0001.jpg",
            "there is no 'C1/0001.jpg' in a folder 'S3': 2 pictures elsewhere are named so "
            "('S1/C1/0001.jpg', 'S2/C1/0001.jpg')",
        ),
        (
            "/lab/S3/0001",
            "there is no '0001' in a folder 'S3': 2 pictures elsewhere are named so "
            "('S1/C1/0001.jpg', 'S2/C1/0001.jpg')",
        ),
        ("C1/0001.jpg", "give more of its path"),
    ],
)
def test_a_folder_that_is_not_there_is_what_an_ambiguous_cell_is_told_of(folder, cell, words):
    with (
        PictureSource([folder("S1/C1/0001.jpg", "S2/C1/0001.jpg")]) as source,
        pytest.raises(PictureAmbiguous) as error,
    ):
        source.find(cell)
    assert words in str(error.value)


@pytest.mark.parametrize("cell", ["0001.jpg", "C1/0001.jpg", "0001"])
def test_a_cell_that_fits_several_is_ambiguous(folder, cell):
    with (
        PictureSource([folder("S1/C1/0001.jpg", "S2/C1/0001.jpg")]) as source,
        pytest.raises(PictureAmbiguous) as error,
    ):
        source.find(cell)
    assert "fits 2 pictures" in str(error.value) and "S2/C1/0001.jpg" in str(error.value)


@pytest.mark.parametrize(
    "cell", ["0002.jpg", "", " ", "..", "http://", "0001.png", "00010001.jpg", "http://[x/0001.jpg"]
)
def test_a_cell_that_fits_none_is_missing(folder, cell):
    with (
        PictureSource([folder("S1/C1/0001.jpg")]) as source,
        pytest.raises(PictureMissing, match="there is no picture"),
    ):
        source.find(cell)


def test_letter_case_decides_between_pictures(folder):
    with PictureSource([folder("a/Face.jpg", "b/face.jpg")]) as source:
        assert source.find("face.jpg") == "b/face.jpg"


def test_the_picture_with_just_that_path_wins_over_deeper_ones(folder):
    with PictureSource([folder("face.jpg", "old/face.jpg")]) as source:
        assert source.find("face.jpg") == "face.jpg"


def test_the_roots_own_name_tells_pictures_apart(folder, archive):
    roots = [folder("1.jpg", at="day1"), folder("1.jpg", at="day2"), archive("1.jpg", at="day3.zip")]
    with PictureSource(roots) as source:
        assert source.find("day2/1.jpg") == "day2/1.jpg"
        assert source.find("x/day3/1.jpg") == "day3.zip/1.jpg"
        assert source.read("day3.zip/1.jpg") == b"1.jpg"


def test_roots_of_the_same_name_stay_apart(folder):
    with PictureSource([folder("a.jpg", at="x/pics"), folder("b.jpg", at="y/pics")]) as source:
        assert list(source.names()) == ["pics/a.jpg", "pics (2)/b.jpg"]


@pytest.mark.parametrize(
    ("cell", "whole"),
    [("S1/0001.jpg", True), ("0001.jpg", True), ("/data/S1/0001.jpg", True), ("S2/0001.jpg", False)],
)
def test_a_match_says_whether_the_paths_agree_as_a_whole(folder, cell, whole):
    with PictureSource([folder("S1/0001.jpg")]) as source:
        assert source.match(cell).whole is whole


def test_accents_composed_either_way_are_the_same(archive):
    with PictureSource([archive("cafe\u0301.jpg")]) as source:
        assert source.find("caf\u00e9.jpg") == "cafe\u0301.jpg"


def test_hidden_files_and_other_files_are_left_aside(archive):
    with PictureSource([archive("a.jpg", "__MACOSX/._a.jpg", ".hidden/b.jpg", "notes.txt", "inner.zip")]) as source:
        assert list(source.names()) == ["a.jpg"]
        assert (len(source), source.ignored) == (1, 4)


def test_links_that_lead_out_of_a_folder_are_not_seen_nor_read(folder, tmp_path):
    root = folder("a.jpg", "sub/b.jpg")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "up").symlink_to(tmp_path)
    (root / "inside.jpg").symlink_to(root / "sub" / "b.jpg")
    with PictureSource([root]) as source:
        assert list(source.names()) == ["a.jpg", "inside.jpg", "sub/b.jpg"]
        (root / "a.jpg").unlink()
        (root / "a.jpg").symlink_to(tmp_path / "secret.jpg")
        with pytest.raises(PictureProblem, match="leads out"):
            source.read("a.jpg")


def test_a_pipe_in_a_pictures_place_does_not_hold_the_import_up(folder):
    root = folder("a.jpg", "b.jpg")
    with PictureSource([root]) as source:
        (root / "a.jpg").unlink()
        os.mkfifo(root / "a.jpg")
        with pytest.raises(PictureProblem, match="not a plain file"):
            source.read("a.jpg")


def test_files_over_the_limit_are_not_read(folder):
    with PictureSource([folder("a.jpg")], SourceLimits(entry_bytes=3)) as source, pytest.raises(PictureProblem):
        source.read("a.jpg")


def test_only_names_that_were_found_can_be_read(folder):
    root = folder("a.jpg", "../outside.jpg")
    with PictureSource([root]) as source, pytest.raises(PictureMissing):
        source.read("../outside.jpg")


@pytest.mark.parametrize(("names", "words"), [(["notes.txt"], "no picture in pictures"), (["x.zip"], "1 ZIP files")])
def test_a_source_without_pictures_is_refused(folder, names, words):
    with pytest.raises(SourceRefused, match=words):
        PictureSource([folder(*names)])


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SourceRefused, match="no file or folder"):
        PictureSource([tmp_path / "nowhere"])


def test_too_many_files_are_refused(folder):
    with pytest.raises(SourceRefused, match="more than 1 files"):
        PictureSource([folder("a.jpg", "b.jpg")], SourceLimits(entries=1))


part = st.sampled_from(["a", "b", "c"])
paths = st.lists(part, min_size=1, max_size=4)


@given(st.lists(paths, max_size=12), paths)
def test_the_index_agrees_with_comparing_every_path(have, wanted):
    def shared(path):
        pairs = zip(reversed(path), reversed(wanted), strict=False)
        return next((i for i, (x, y) in enumerate(pairs) if x != y), min(len(path), len(wanted)))

    index = EndIndex((f"{i}", path) for i, path in enumerate(have))
    best = max(map(shared, have), default=0)
    length, names = index.longest(wanted)
    assert length == best
    assert sorted(names) == sorted(str(i) for i, path in enumerate(have) if best and shared(path) == best)


def test_frames_of_many_clips_are_found_without_comparing_them_all(archive):
    names = [f"S{i:04d}/0001.jpg" for i in range(3000)]
    with PictureSource([archive(*names)]) as source:
        assert [source.find(f"/lab/{name}") for name in names] == names
        with pytest.raises(PictureAmbiguous, match="fits 3000 pictures"):
            source.find("0001.jpg")


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("a//b/./c", ["a", "b", "c"]),
        ("http://h/a%2Fb.jpg", ["a", "b.jpg"]),
        ("d:/x.jpg", ["x.jpg"]),
        ("file:///x/y.jpg", ["x", "y.jpg"]),
    ],
)
def test_parts_of_cells(cell, parts):
    assert cell_parts(cell) == parts
