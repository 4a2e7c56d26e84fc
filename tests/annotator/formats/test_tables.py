"""Reading CSV tables: encodings, delimiters, line numbers, and everything that can be wrong with them."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.formats.tables import CELL_LIMIT, TableProblem, TableRefused, TableRow, table_open, table_sample
from annotator.formats.writing import line_write

pytestmark = pytest.mark.backendless


@pytest.fixture
def write(tmp_path):
    def _write(data):
        path = tmp_path / "table.csv"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return _write


def rows(path):
    return list(table_open(path).rows())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_found(write, encoding):
    path = write("image,subject\na.jpg,Zoë\n".encode(encoding))
    assert table_open(path).header == ("image", "subject")
    assert rows(path)[0].cells == ("a.jpg", "Zoë")


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_delimiters_are_found(write, mark):
    path = write(f"image{mark}AU1{mark}AU2\na.jpg{mark}1{mark}0\n")
    assert rows(path)[0].cells == ("a.jpg", "1", "0")


def test_a_comma_inside_a_name_does_not_decide_the_delimiter(write):
    assert table_open(write('image;"AU1, left";AU2\na;1;0\n')).header == ("image", "AU1, left", "AU2")


def test_openface_blanks_after_commas_are_taken_off(write):
    path = write("frame, face_id, AU01_c\n1, 0, 1\n")
    assert table_open(path).header == ("frame", "face_id", "AU01_c")
    assert rows(path)[0].cells == ("1", "0", "1")


def test_blanks_at_the_start_of_cells_stay_where_the_header_has_none(write):
    assert rows(write("image,note\na, b\n"))[0].cells == ("a", " b")


def test_quotes_inside_names_are_trimmed(write):
    assert table_open(write("URL,'URL orig', 'AU 1'\nu,o,1\n")).header == ("URL", "URL orig", "AU 1")


def test_the_separator_line_of_excel_is_passed_over(write):
    table = table_open(write("sep=;\nimage;AU1\na;1\n"))
    assert table.header == ("image", "AU1")
    assert list(table.rows()) == [TableRow(3, ("a", "1"))]


def test_line_numbers_count_newlines_inside_quotes(write):
    path = write('image,note\na,"one\ntwo\nthree"\nb,x\n\nc,y\n')
    assert [(row.line, row.cells[0]) for row in rows(path)] == [(2, "a"), (5, "b"), (7, "c")]


def test_rows_of_another_width_are_named_and_the_rest_is_read(write):
    found = rows(write("image,AU1\na,1\nb\nc,1,0\nd,0\n"))
    assert [type(row) for row in found] == [TableRow, TableProblem, TableProblem, TableRow]
    assert found[1] == TableProblem(3, "the row has 1 cells, the header has 2", ("b",))


def test_empty_cells_behind_the_last_column_are_ignored(write):
    assert rows(write("image,AU1\na,1,,\n")) == [TableRow(2, ("a", "1"))]


def test_a_nul_byte_makes_its_row_a_problem(write):
    first, second = rows(write(b"image,AU1\na\0.jpg,1\nb,0\n"))
    assert "NUL" in first.reason and first.line == 2
    assert second == TableRow(3, ("b", "0"))


def test_broken_quotes_make_a_problem_that_says_which_lines(write):
    first, second = rows(write('image,AU1\n"a"b,1\nc,0\n'))
    assert first.line == 2 and "quotes" in first.reason
    assert second == TableRow(3, ("c", "0"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"image,AU1, AU1\n", "'AU1'"),
        (b"PK\x03\x04rest", "Excel"),
        (b"i\0m\0a\0", "NUL"),
        (b"\xff\xfea\0\n", "utf-16"),
        (b"a\x81\xff,b\n", "UTF-8"),
        (b"image,note\na," + b"x" * (CELL_LIMIT + 1) + b"\n", "longer"),
        (b'image,note\na,"never closed' + b"\nline" * CELL_LIMIT, "quote is never closed"),
        (b"image,note\n" + b"x" * 1_000_001, "longer than"),
        (b"image,note\na,b\n" + b'"\n",' * 1_100_000, "longer than"),
    ],
)
def test_what_makes_a_table_unreadable_is_said(write, data, words):
    with pytest.raises(TableRefused, match=words):
        rows(write(data))


def test_reading_takes_little_memory_however_long_the_table(write):
    path = write(b"image,AU1\n" + b"some/long/path/to/a/picture.jpg,1\n" * 60_000)
    table = table_open(path)
    tracemalloc.start()
    count = sum(1 for _ in table.rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60_000
    assert peak < 500_000 < path.stat().st_size


def test_the_sample_has_good_rows_only(write):
    assert table_sample(table_open(write("image,AU1\na\nb,1\nc,0\n")), 1) == [("b", "1")]


@pytest.mark.parametrize("count", [1, 2, 3, 10, 99, 100, 101])
def test_the_sample_reaches_the_end_of_the_table_in_order(write, count):
    path = write("image,AU1\n" + "".join(f"{i},1\n" for i in range(100)))
    sample = [int(image) for image, _ in table_sample(table_open(path), count)]
    assert sample == sorted(set(sample))
    assert len(sample) <= count
    assert sample[: (count + 1) // 2] == list(range(min(100, (count + 1) // 2)))
    if count >= 10:
        assert sample[-1] >= 60
    if count >= 100:
        assert sample == list(range(100))


cells = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=20)


@given(st.lists(st.lists(cells, min_size=2, max_size=2).filter(any), max_size=8))
def test_what_our_writer_quotes_is_read_back_cell_by_cell(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    lines = "".join('"' + '","'.join(cell.replace('"', '""') for cell in row) + '"\n' for row in table)
    path.write_bytes((line_write(["image", "note"]) + lines).encode())
    assert [list(row.cells) for row in rows(path)] == table
