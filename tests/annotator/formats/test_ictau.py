"""A whole data set as a lab would bring it: every table read, every picture found."""

import pytest

from annotator.formats import FORMATS, format_detect
from annotator.formats.columns import columns_guess
from annotator.formats.records import Record
from annotator.formats.tables import table_open, table_sample
from annotator.pictures.decoding import picture_decode, picture_encode_lossless
from annotator.pictures.sources import PictureSource

pytestmark = [pytest.mark.backendless, pytest.mark.ictau]

AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 43)


def read(path):
    table = table_open(path)
    mapping = columns_guess(table.header, table_sample(table))
    assert (mapping.validate(), mapping.questions, mapping.extra) == ([], (), ())
    assert mapping.aus == AUS
    return FORMATS[format_detect(table.header)].records_read(path, mapping)


@pytest.mark.parametrize(
    ("table", "folder", "count"), [("weak.csv", "stills", 16_000), ("clips.csv", "clips", 9_600)]
)
def test_every_row_is_understood_and_finds_its_picture(ictau, table, folder, count):
    records = list(read(ictau / table))
    assert len(records) == count
    assert all(isinstance(record, Record) for record in records)
    with PictureSource(sorted((ictau / folder).glob("*.zip"))) as source:
        assert len({source.find(record.image) for record in records}) == count
        assert all(source.match(record.image).whole for record in records)


def test_weak_labels_come_with_their_probabilities(ictau):
    first = next(read(ictau / "weak.csv")).codes.codes
    assert (first[1].state, first[1].probability) == (1, 0.7363)
    assert (first[12].state, first[12].probability) == (0, 0.3074)


def test_a_picture_survives_its_kept_copy(ictau):
    with PictureSource(sorted((ictau / "stills").glob("*.zip"))) as source:
        picture = picture_decode(source.read(source.find("stills/00001.jpg")))
    assert picture.pixels.shape == (112, 112, 3)
    assert picture_decode(picture_encode_lossless(picture)).sha256 == picture.sha256
