"""Guessing column mappings from the headers of the tools and databases that labs use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.formats import format_detect
from annotator.formats.columns import ColumnMapping, columns_guess

pytestmark = pytest.mark.backendless


def guess(header, *rows):
    return columns_guess(header.split(","), [row.split(",") for row in rows])


def asks(mapping, words):
    return any(words in question for question in mapping.questions)


def test_a_plain_wide_table_leaves_no_question():
    mapping = guess("image,subject,AU1,AU12,note", "a.jpg,s1,0,1,x")
    assert (mapping.image, mapping.subject, mapping.codes) == ("image", "subject", ((1, "AU1"), (12, "AU12")))
    assert mapping.extra == ("note",)
    assert mapping.questions == ()
    assert mapping.validate() == []


def test_emotionet():
    mapping = guess("URL,URL orig,AU 1,AU 2,AU 3", "'http://a/b.jpg',o,999,0,1", "'http://a/c.jpg',o,1,0,999")
    assert mapping.image == "URL"
    assert mapping.not_scored == ("", "999")
    assert asks(mapping, "'999'")
    assert "AU 3" in mapping.extra and asks(mapping, "'AU 3'")


def test_openface():
    mapping = guess(
        "frame,face_id,timestamp,confidence,success,AU01_r,AU12_r,AU01_c,AU28_c,image",
        "1,0,0.033,0.9,1,0.52,3.1,0,1,a.jpg",
    )
    assert mapping.codes == ((1, "AU01_c"), (28, "AU28_c"))
    assert mapping.intensities == ((1, "AU01_r"), (12, "AU12_r"))
    assert (mapping.frame, mapping.time, mapping.success) == ("frame", "timestamp", "success")
    assert asks(mapping, "an intensity but no code")


def test_pyfeat_values_become_probabilities_zeros_included():
    mapping = guess("input,frame,AU01,AU02,AU04,Identity", "a.jpg,0,0.31,0.77,0,P1", "b.jpg,1,0.4,0.1,0,P1")
    assert mapping.probabilities == ((1, "AU01"), (2, "AU02"), (4, "AU04"))
    assert mapping.codes == ()
    assert mapping.subject == "Identity"
    assert asks(mapping, "probabilities, present from 0.5")


def test_libreface():
    mapping = guess(
        "image,frame_idx,frame_time_in_ms,au_1,au_1_intensity,facial_expression", "a.jpg,1,0.04,1,0.6,Happy"
    )
    assert mapping.codes == ((1, "au_1"),)
    assert mapping.intensities == ((1, "au_1_intensity"),)
    assert (mapping.time_unit, mapping.intensity_maximum) == ("ms", 1.0)
    assert asks(mapping, "milliseconds") and asks(mapping, "between 0 and 1")


def test_disfa_numbers():
    mapping = guess("image,AU1,AU2", "a.jpg,0,3", "b.jpg,5,0")
    assert (mapping.style, mapping.present, mapping.absent, mapping.threshold) == ("numbers", (), (), 2)
    assert asks(mapping, "from B (2) on")
    assert mapping.validate() == []


def test_bp4d_bare_numbers():
    mapping = guess("image,0,1,2,4,3", "a.jpg,17,1,9,0,0")
    assert mapping.codes == ((1, "1"), (2, "2"), (4, "4"))
    assert mapping.frame == "0"
    assert mapping.not_scored == ("", "9")


def test_facereader_letters_with_sides_and_failures():
    mapping = guess(
        "image,Action Unit 01 - Inner Brow Raiser,Action Unit 12 - Lip Corner Puller - Left,"
        "Action Unit 12 - Lip Corner Puller - Right",
        "a.jpg,NotActive,B,C",
        "b.jpg,FIT_FAILED,A,E",
    )
    assert mapping.codes == ((1, "Action Unit 01 - Inner Brow Raiser"),)
    assert [au for au, _ in mapping.left + mapping.right] == [12, 12]
    assert mapping.style == "letters"
    assert "notactive" in mapping.absent and "fit_failed" in mapping.not_scored


def test_ictau_weak_labels():
    mapping = guess("image,AU1_prob,AU1,AU2_prob,AU2", "a.jpg,0.73,1,0.2,0")
    assert mapping.codes == ((1, "AU1"), (2, "AU2"))
    assert mapping.probabilities == ((1, "AU1_prob"), (2, "AU2_prob"))


def test_r_means_right_beside_l():
    mapping = guess("image,AU12_L,AU12_R", "a.jpg,B,0")
    assert (mapping.left, mapping.right) == (((12, "AU12_L"),), ((12, "AU12_R"),))


def test_minus_one_is_not_scored_and_asked_about():
    mapping = guess("image,AU1", "a.jpg,-1", "b.jpg,0", "c.jpg,1")
    assert "-1" in mapping.not_scored and "-1" not in mapping.absent
    assert asks(mapping, "Some labs write -1 for absent")


def test_two_columns_for_an_au_leave_a_question():
    mapping = guess("image,AU1,AU01", "a.jpg,1,0")
    assert mapping.codes == ((1, "AU1"),)
    assert mapping.extra == ("AU01",)
    assert asks(mapping, "both name AU1")


def test_an_image_column_is_known_by_its_cells():
    mapping = guess("stimulus,AU1", "x/a.JPG,1", "x/b.png,0")
    assert mapping.image == "stimulus"
    assert asks(mapping, "look like picture files")


def test_a_missing_image_column_is_asked_about_and_refused():
    mapping = guess("stimulus,AU1", "one,1")
    assert asks(mapping, "No column seems to name the image")
    assert any("image" in fault for fault in mapping.validate())


def test_a_long_table():
    header = "image,au,value,probability"
    mapping = guess(header, "a.jpg,AU12,1,0.9")
    assert format_detect(header.split(",")) == "long"
    assert (mapping.shape, mapping.long_au, mapping.long_value) == ("long", "au", "value")
    assert mapping.validate() == []


def test_our_own_export_is_known_and_its_sources_are_not_carried_on():
    mapping = guess("image,subject,clip,frame,time_s,AU01,AU01_source,note", "a.jpg,,,,,1,coder,x")
    assert mapping.guarded and asks(mapping, "export of Corrugator")
    assert (mapping.extra, mapping.provenance) == (("note",), ("AU01_source",))


names = st.sampled_from(
    ["image", "AU1", "AU01", "AU12_prob", "frame", "au", "value", "9", "4", "1", "0", "x", "AU5_l"]
)
texts = st.sampled_from(["", "0", "1", "0.4", "9", "-1", "A", "LB", "x", "nan", "a.jpg", "AU3", "7"])


@given(st.lists(names, unique=True, min_size=1), st.data())
def test_any_guess_survives_json_and_never_takes_a_missing_code_for_absent(header, data):
    rows = data.draw(st.lists(st.lists(texts, min_size=len(header), max_size=len(header)), max_size=6))
    mapping = columns_guess(header, rows)
    assert ColumnMapping.from_json(mapping.to_json()) == mapping
    assert not {"", "9", "-1", "nan"} & set(mapping.absent)
    assert set(mapping.used) <= set(header)


@pytest.mark.parametrize(
    "data",
    [
        {"colour": "red"},
        {"image": 3},
        {"codes": "AU1"},
        {"codes": [[1]]},
        {"not_scored": [None]},
        {"guarded": 1},
        {"threshold": "x"},
        {"threshold": True},
    ],
)
def test_json_that_does_not_fit_is_refused(data):
    with pytest.raises(ValueError, match=next(iter(data))):
        ColumnMapping.from_json(data)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": "nowhere"}, "no column 'nowhere'"),
        ({"codes": ()}, "no column holds an AU"),
        ({"codes": ((3, "AU1"),)}, "no AU3"),
        ({"subject": "AU1"}, "used twice"),
        ({"style": "colours"}, "style"),
        ({"threshold": 9}, "1 to 5"),
        ({"probability_threshold": float("nan")}, "probability"),
        ({"not_scored": ("", "1.0")}, "cannot mean both"),
        ({"present": ()}, "which cells mean present"),
        ({"style": "numbers"}, "those numbers"),
        ({"intensity_maximum": 3.0}, "highest intensity"),
        ({"shape": "long"}, "long table"),
    ],
)
def test_faults_of_a_mapping_are_named(changes, words):
    fields = {"header": ("image", "AU1"), "image": "image", "codes": ((1, "AU1"),)} | changes
    assert any(words in fault for fault in ColumnMapping(**fields).validate())
