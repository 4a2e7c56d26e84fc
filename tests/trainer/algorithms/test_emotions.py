"""Emotions of faces, from a column or from AUs."""

import numpy as np
import pytest

from trainer.algorithms.emotions import emotions_infer, emotions_read


def words(emotions):
    return [emotions.names[place] if place >= 0 else None for place in emotions.classes]


def test_a_columns_words_are_the_emotions_whatever_their_case_and_space():
    assert words(emotions_read(["Happy", " happy ", "SAD", "sad", "", "uncertain"])) == [
        "happy", "happy", "sad", "sad", None, None,
    ]  # fmt: skip


def test_affectnets_numbers_are_its_words():
    assert words(emotions_read(["1", "1", "0", "0", "10", "9", "8"])) == [
        "happiness", "happiness", "neutral", "neutral", None, None, None,
    ]  # fmt: skip


def test_numbers_with_a_decimal_point_are_the_same_numbers():
    assert words(emotions_read(["1.0", "1", "0.0", "0", "8.0", "9.0", "10.0"])) == [
        "happiness", "happiness", "neutral", "neutral", None, None, None,
    ]  # fmt: skip


def test_other_numbers_stay_what_they_are():
    assert words(emotions_read(["1", "1", "77", "77"])) == ["1", "1", "77", "77"]


def test_an_emotion_of_a_single_face_is_none():
    assert words(emotions_read(["awe", "happy", "happy"])) == [None, "happy", "happy"]


@pytest.mark.parametrize(
    ("present", "found"),
    [
        ({6, 12}, "happiness"),
        ({1, 4, 15}, "sadness"),
        ({4, 5, 7, 23, 24}, "anger"),
        (set(), "neutral"),
        ({20}, None),
    ],
)
def test_the_emotion_with_most_of_its_aus_is_inferred(present, found):
    aus = [1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 16, 17, 20, 23, 24, 26]
    codes = np.array([[int(au in present) for au in aus]] * 2, np.int8)
    assert words(emotions_infer(codes, aus)) == [found, found]


def test_a_face_without_any_code_shows_nothing_not_neutral():
    codes = np.array([[-1, -1], [-1, -1], [0, 0], [0, 0]], np.int8)
    assert words(emotions_infer(codes, [6, 12])) == [None, None, "neutral", "neutral"]


def test_neutral_is_a_face_of_which_every_au_is_known_to_be_absent():
    codes = np.array(
        [[0, -1, -1, -1, -1], [0, 0, 0, 0, -1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], np.int8
    )
    assert words(emotions_infer(codes, [1, 4, 6, 12, 14])) == [None, None, "neutral", "neutral", None]


def test_an_au_that_is_coded_of_no_face_is_asked_of_none():
    codes = np.array([[0, -1], [0, -1]], np.int8)
    assert words(emotions_infer(codes, [12, 14])) == ["neutral", "neutral"]


def test_without_any_au_of_an_emotion_nothing_is_neutral():
    assert words(emotions_infer(np.zeros((2, 1), np.int8), [45])) == [None, None]


def test_unknown_aus_of_an_emotion_are_left_out_of_its_share():
    codes = np.array([[1, 1, -1], [1, 0, -1], [1, -1, -1], [0, 0, -1], [1, 1, 1]], np.int8)
    assert words(emotions_infer(codes, [7, 23, 24])) == ["anger", "anger", None, None, "anger"]


def test_it_is_told_where_they_are_from_and_how_many():
    read = emotions_read(["happy", "happy", "sad", "sad", "sad"])
    assert (read.source, read.counts) == ("column", {"happy": 2, "sad": 3})
    assert emotions_infer(np.zeros((2, 1), np.int8), [12]).source == "aus"
