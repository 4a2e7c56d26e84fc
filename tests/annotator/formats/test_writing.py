"""Exports: the same bytes for the same rows, and the same codes and texts when they are read again."""

import csv
import io
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.formats import FORMATS, format_detect
from annotator.formats.codes import ABSENT, NOT_SCORED, PRESENT, UNSCORABLE, AuCode, sides_write
from annotator.formats.columns import columns_guess
from annotator.formats.dictionary import long_dictionary, wide_dictionary
from annotator.formats.presets import PRESETS, preset_get
from annotator.formats.records import Record
from annotator.formats.tables import table_open, table_sample
from annotator.formats.writing import ExportCode, ExportRow, long_header, long_write, wide_header, wide_write

pytestmark = pytest.mark.backendless

STANDARD = PRESETS["standard"]
AUS = (1, 12, 45)


def joined(chunks):
    return b"".join(chunks).decode()


def wide(*rows, preset="standard", extra=()):
    return joined(wide_write(rows, aus=AUS, preset=PRESETS[preset], extra=extra))


def read_again(folder, data):
    path = folder / "again.csv"
    path.write_bytes(data)
    table = table_open(path)
    mapping = columns_guess(table.header, table_sample(table))
    assert mapping.validate() == []
    assert mapping.shape == format_detect(table.header)
    return mapping, list(FORMATS[mapping.shape].records_read(path, mapping))


ROW = ExportRow(
    "a.jpg",
    "s1",
    "c1",
    7,
    0.28,
    {
        1: ExportCode(PRESENT, source="coder"),
        12: ExportCode(ABSENT, source="weak"),
        45: ExportCode(UNSCORABLE, source="coder", noise=True),
    },
)


def test_the_standard_wide_table():
    assert wide(ROW, ExportRow("b.jpg")) == (
        "image,subject,clip,frame,time_s,AU01,AU12,AU45,AU01_source,AU12_source,AU45_source\n"
        'a.jpg,s1,c1,7,0.28,1,0,,coder,weak,"coder (unscorable, noise)"\n'
        "b.jpg,,,,,,,,,,\n"
    )


@pytest.mark.parametrize(
    ("preset", "header", "first"),
    [
        ("emotionet", "URL,'AU 1','AU 12','AU 45'", "a.jpg,1,0,999"),
        ("openface", "image,subject,clip,frame,timestamp,AU01_c,AU12_c,AU45_c", "a.jpg,s1,c1,7,0.28,1,0,"),
        ("disfa", "image,subject,clip,frame,AU1,AU12,AU45", "a.jpg,s1,c1,7,,0,"),
        ("bp4d", "image,subject,clip,0,1,12,45", "a.jpg,s1,c1,7,1,0,9"),
    ],
)
def test_presets(preset, header, first):
    assert wide(ROW, preset=preset).splitlines() == [header, first]


def test_levels_are_the_stronger_side_and_never_made_up():
    codes = {1: ExportCode(PRESENT, 2, 4), 12: ExportCode(PRESENT, 6, 0), 45: ExportCode(ABSENT, 1, 1)}
    assert wide(ExportRow("a", codes=codes), preset="disfa").splitlines()[1] == "a,,,,4,,1"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_code_that_does_not_count_is_never_written_as_a_code(preset):
    codes = {1: ExportCode(NOT_SCORED), 12: ExportCode(UNSCORABLE)}
    cells = wide(ExportRow("a", codes=codes), preset=preset).splitlines()[1].split(",")
    place = len(PRESETS[preset].face)
    assert cells[place : place + 3] == [PRESETS[preset].missing] * 3


def test_the_long_table_has_a_line_for_each_code_with_all_that_belongs_to_it():
    code = ExportCode(
        PRESENT,
        3,
        0,
        "consensus",
        0.75,
        ABSENT,
        False,
        "12/4",
        "alice",
        datetime(2024, 5, 1, 12, 0, tzinfo=timezone(timedelta(hours=2))),
        "run 3",
    )
    lines = joined(long_write([ExportRow("a.jpg", codes={12: code})], aus=AUS)).splitlines()
    assert lines[0].split(",") == list(long_header())
    assert lines[1:] == ["a.jpg,,,,,AU12,1,C,left,yes,consensus,0.75,0,0,12/4,alice,2024-05-01T10:00:00Z,run 3,"]


def test_an_extra_cell_too_many_is_refused():
    with pytest.raises(ValueError, match="2 extra cells for 1"):
        wide(ExportRow("a", extra=("x", "y")), extra=("note",))


def test_extra_columns_that_occur_twice_get_names_of_their_own():
    header = wide_header((1,), STANDARD, ("AU01_source", "original_AU01_source", "note"))
    assert len(set(header)) == len(header)
    assert header[-2:] == ("original_AU01_source", "note")


def test_formulas_are_disarmed_and_numbers_are_not():
    text = wide(ExportRow("=1+1", subject="@x", extra=("-0.5", "-x")), extra=("pose", "note"))
    assert text.splitlines()[1] == "'=1+1,'@x,,,,,,,,,,-0.5,'-x"


def test_a_semicolon_cannot_open_a_new_cell():
    assert '"a;=1+1"' in wide(ExportRow("a;=1+1"))


def test_a_long_export_is_streamed_in_chunks():
    rows = (ExportRow(f"{i}.jpg") for i in range(20_000))
    chunks = wide_write(rows, aus=AUS, preset=STANDARD)
    assert len(next(chunks)) < 100_000
    assert int(next(rows).image.removesuffix(".jpg")) < 10_000  # the others were not asked for yet


def test_a_preset_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"'xls'.*standard"):
        preset_get("xls")


@pytest.mark.parametrize("preset", PRESETS)
def test_the_wide_dictionary_explains_every_column_in_order(preset):
    data = wide_dictionary(aus=AUS, preset=PRESETS[preset], extra=("note",)).decode()
    lines = list(csv.reader(io.StringIO(data)))
    assert lines[0] == ["column", "meaning", "values"]
    assert [line[0] for line in lines[1:]] == list(wide_header(AUS, PRESETS[preset], ("note",)))
    assert all(len(line) == 3 and line[1] for line in lines)


def test_the_long_dictionary_explains_every_column_in_order():
    lines = list(csv.reader(io.StringIO(long_dictionary(aus=AUS, extra=("note",)).decode())))
    assert [line[0] for line in lines[1:]] == list(long_header(("note",)))


texts = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=12
) | st.sampled_from(
    ["=1+1", "'=x", "''@", "a,b", 'say "x"', "two\nlines", "\r", "-3", "'-3", "Zoë 日本", "+", "a;b", " x", "\ufeff"]
)
named = texts.filter(lambda text: text.strip().strip("'\"").strip())
states = st.sampled_from([PRESENT, ABSENT, NOT_SCORED])
levels = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 15])
rows_of_texts = st.lists(
    st.builds(
        ExportRow,
        image=st.sampled_from(["a.jpg", "=b.jpg", "x, y.png", '"q".jpg', "-.png"]),
        subject=texts,
        clip=texts,
        frame=st.none() | st.integers(0, 2**31 - 1),
        time_s=st.none() | st.floats(0, 1e6, allow_nan=False),
        codes=st.dictionaries(st.sampled_from(AUS), st.builds(ExportCode, state=states)),
        extra=st.tuples(texts, texts),
    ),
    min_size=1,
    max_size=5,
)


@given(rows_of_texts)
def test_wide_exports_read_back_the_same(tmp_path_factory, rows):
    extra = ("note", "=other")
    data = b"".join(wide_write(rows, aus=AUS, preset=STANDARD, extra=extra))
    _, records = read_again(tmp_path_factory.mktemp("wide"), data)
    assert len(records) == len(rows)
    for row, record in zip(rows, records, strict=True):
        assert isinstance(record, Record)
        assert (record.image, record.subject, record.clip) == (row.image, row.subject.strip(), row.clip.strip())
        assert (record.frame, record.time_s) == (row.frame, row.time_s)
        assert record.cells[-2:] == row.extra
        assert record.codes.codes == {
            au: AuCode(row.codes[au].state if au in row.codes else NOT_SCORED) for au in AUS
        }
    again = [
        ExportRow(
            r.image,
            r.subject,
            r.clip,
            r.frame,
            r.time_s,
            {au: ExportCode(code.state) for au, code in r.codes.codes.items()},
            r.cells[-2:],
        )
        for r in records
    ]
    stripped = [
        ExportRow(r.image, r.subject.strip(), r.clip.strip(), r.frame, r.time_s, r.codes, r.extra) for r in rows
    ]
    assert list(wide_write(again, aus=AUS, preset=STANDARD, extra=extra)) == list(
        wide_write(stripped, aus=AUS, preset=STANDARD, extra=extra)
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_reads_back_by_a_guess(tmp_path, preset):
    graded = {1: ExportCode(PRESENT, 3, 3), 12: ExportCode(ABSENT, 0, 0), 45: ExportCode(NOT_SCORED)}
    data = b"".join(wide_write([ExportRow("a.jpg", codes=graded)], aus=AUS, preset=PRESETS[preset]))
    _, (record,) = read_again(tmp_path, data)
    assert record.image == "a.jpg"
    assert {au: code.state for au, code in record.codes.codes.items()} == {1: PRESENT, 12: ABSENT, 45: NOT_SCORED}


@given(st.sampled_from([PRESENT, ABSENT, UNSCORABLE, NOT_SCORED]), levels, levels, st.none() | st.floats(0, 1))
def test_long_exports_read_back_the_same(tmp_path_factory, state, left, right, probability):
    told = [level for level in (left, right) if level != 15]
    if state == PRESENT and told and max(told) == 0:
        left = right = 6  # present cannot be graded as none
    if state in (UNSCORABLE, NOT_SCORED) or (state == ABSENT and any(level >= 2 for level in told)):
        left = right = 15
    code = ExportCode(state, left, right, probability=probability)
    data = b"".join(long_write([ExportRow("a.jpg", codes={12: code})], aus=AUS))
    _, (record,) = read_again(tmp_path_factory.mktemp("long"), data)
    assert record.codes.codes == {12: AuCode(state, left, right, probability)}


def test_sides_are_told_apart():
    assert len({sides_write(left, right) for left in (0, 1, 6, 15) for right in (0, 1, 6, 15)}) == 16


def test_times_are_in_universal_time_and_whole_seconds():
    code = ExportCode(PRESENT, decided_at=datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=UTC))
    assert "2024-01-02T03:04:05Z" in joined(long_write([ExportRow("a", codes={1: code})], aus=AUS))
