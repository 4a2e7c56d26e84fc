"""Whole tables read by a mapping: records with their lines, and rows that are named instead of imported."""

import pytest

from annotator.formats import FORMATS
from annotator.formats.codes import ABSENT, NOT_SCORED, PRESENT, UNSCORABLE
from annotator.formats.columns import columns_guess
from annotator.formats.mapping import ColumnMapping
from annotator.formats.records import Problem, Record
from annotator.formats.tables import table_open, table_sample

pytestmark = pytest.mark.backendless


@pytest.fixture
def read(tmp_path):
    def _read(text, **changes):
        path = tmp_path / "t.csv"
        path.write_text(text, newline="")
        table = table_open(path)
        mapping = columns_guess(table.header, table_sample(table))
        mapping = ColumnMapping.from_json(mapping.to_json() | changes)
        return list(FORMATS[mapping.shape].records_read(path, mapping))

    return _read


def test_a_record_holds_everything_with_the_original_cells(read):
    (record,) = read(
        "image,subject,clip,frame,time_ms,emotion,split,AU1,note\n a.jpg ,s1,c1,12.0,480,joy,test,1, as is \n"
    )
    assert isinstance(record, Record)
    assert (record.line, record.image, record.subject, record.clip) == (2, "a.jpg", "s1", "c1")
    assert (record.frame, record.time_s, record.emotion, record.split) == (12, 0.48, "joy", "test")
    assert record.codes.codes[1].state == PRESENT
    assert record.cells == (" a.jpg ", "s1", "c1", "12.0", "480", "joy", "test", "1", " as is ")


def test_bad_rows_are_named_with_line_image_and_reason_and_good_ones_kept(read):
    text = 'image,note,AU1\na.jpg,"x\ny",1\nb.jpg,,7\n,,1\nc.jpg,1\nd.jpg,,0\n'
    found = read(text, present=["1"], absent=["0"], style="occurrence")
    assert [(type(row), row.line) for row in found] == [
        (Record, 2),
        (Problem, 4),
        (Problem, 5),
        (Problem, 6),
        (Record, 7),
    ]
    assert (found[1].image, found[1].reason) == (
        "b.jpg",
        "AU1 holds '7', which the mapping does not know (1, 0, empty)",
    )
    assert "image is empty" in found[2].reason
    assert (found[3].image, found[3].cells) == ("c.jpg", ("c.jpg", "1"))


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("frame", "1,000"),
        ("frame", "1.000"),
        ("frame", "-1"),
        ("frame", "x"),
        ("time", "soon"),
        ("time", "-1"),
        ("subject", "s" * 201),
    ],
)
def test_faces_own_cells_are_checked(read, column, cell):
    (problem,) = read(f'image,{column},AU1\na.jpg,"{cell}",1\n')
    assert column in problem.reason


def test_a_long_list_of_faults_is_cut(read):
    header = ",".join(f"AU{au}" for au in (1, 2, 4, 5, 6))
    (problem,) = read(f"image,{header}\na,q,q,q,q,q\n")
    assert problem.reason.endswith("; and 2 more")


def test_quotes_inside_an_image_cell_are_taken_off(read):
    (record,) = read("URL,'AU 1'\n 'http://x/y.jpg' ,1\n")
    assert record.image == "http://x/y.jpg"


def test_long_rows_give_one_code_each(read):
    found = read("image,au,value,scored\na,AU12,1,yes\na,4,0,\na,1,,unscorable\na,2,,no\na,smile,1,\na,AU3,1,\n")
    assert [next(iter(row.codes.codes.items())) if isinstance(row, Record) else row.reason for row in found[:4]] == [
        (12, found[0].codes.codes[12]),
        (4, found[1].codes.codes[4]),
        (1, found[2].codes.codes[1]),
        (2, found[3].codes.codes[2]),
    ]
    assert [next(iter(row.codes.codes.values())).state for row in found[:4]] == [
        PRESENT,
        ABSENT,
        UNSCORABLE,
        NOT_SCORED,
    ]
    assert ["no action unit" in row.reason for row in found[4:]] == [True, True]


def test_a_mapping_for_another_table_is_refused(read):
    with pytest.raises(ValueError, match="header is not the one"):
        read("image,AU1\na,1\n", header=["image", "AU1", "AU2"])


def test_a_mapping_that_is_not_fit_is_refused(read):
    with pytest.raises(ValueError, match="no column names the image"):
        read("thing,AU1\na,1\n")


def test_a_mapping_of_another_shape_is_refused(tmp_path):
    with pytest.raises(ValueError, match="long table"):
        FORMATS["wide"].records_read(tmp_path / "t.csv", ColumnMapping(shape="long"))
