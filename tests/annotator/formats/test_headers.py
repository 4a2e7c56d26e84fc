"""The spellings of AU columns, and the usual names of the face's own columns."""

import pytest

from annotator.formats.headers import ROLE_NAMES, AuHeader, au_cell_parse, au_header_parse, is_provenance, roles_find

pytestmark = pytest.mark.backendless


@pytest.mark.parametrize(
    "name",
    [
        "AU12",
        "AU012",
        "au_12",
        "AU 12",
        "au-12",
        "AU.12",
        "Action Unit 12",
        "action_unit_12",
        "AU12_c",
        "AU12_occ",
        "AU12_present",
        "Action Unit 12 - Lip Corner Puller",
        "AU12 - Lip Corner Puller",
        "AU12_lip_corner_puller",
        "AU12: smile",
        "label_AU12",
    ],
)
def test_code_columns(name):
    assert au_header_parse(name) == AuHeader(12, "code")


@pytest.mark.parametrize("name", ["AU12_prob", "AU12_p", "prob_AU12", "p_au12", "AU12 probability", "AU12_score"])
def test_probability_columns(name):
    assert au_header_parse(name) == AuHeader(12, "probability")


@pytest.mark.parametrize("name", ["AU04_r", "au_4_intensity", "AU4_int", "intensity_AU4"])
def test_intensity_columns(name):
    found = au_header_parse(name)
    assert (found.number, found.kind) == (4, "intensity")


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("AU12_L", "left"),
        ("AU12_left", "left"),
        ("AU12 (right)", "right"),
        ("L_AU12", "left"),
        ("right AU12", "right"),
        ("Action Unit 12 - Lip Corner Puller - Left", "left"),
    ],
)
def test_side_columns(name, side):
    assert au_header_parse(name) == AuHeader(12, "code", side)


@pytest.mark.parametrize(
    "name",
    [
        "AU",
        "AU12_source",
        "AU12_weak",
        "AU123",
        "AUTHOR12",
        "12",
        "gaze_0_x",
        "au",
        "AU12AU13",
        "Pitch",
        "AU_total",
        "aux_12",
        "",
    ],
)
def test_other_columns(name):
    assert au_header_parse(name) is None


def test_our_own_provenance_columns_are_known():
    assert is_provenance("AU01_source")
    assert not is_provenance("AU01") and not is_provenance("source")


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("AU12", 12), (" au_01 ", 1), ("AU 4", 4), ("smile", None), ("", None), ("AU1234", None)],
)
def test_au_cells_of_long_tables(text, number):
    assert au_cell_parse(text) == number


@pytest.mark.parametrize(
    ("header", "role", "column"),
    [
        (("URL", "URL orig"), "image", "URL"),
        (("subDirectory_filePath", "expression"), "image", "subDirectory_filePath"),
        (("Identity", "input", "frame"), "image", "input"),
        (("frame_idx", "frame_time_in_ms", "facial_expression"), "frame", "frame_idx"),
        (("frame_idx", "frame_time_in_ms", "facial_expression"), "time", "frame_time_in_ms"),
        (("frame_idx", "frame_time_in_ms", "facial_expression"), "emotion", "facial_expression"),
        (("image", "participant_ID"), "subject", "participant_ID"),
        (("video", "image"), "clip", "video"),
        (("image", "fold"), "split", "fold"),
        (("image", "time_s"), "time", "time_s"),
    ],
)
def test_roles_by_usual_names(header, role, column):
    assert roles_find(header, ROLE_NAMES)[role] == column
