"""Detectors side by side: differences to the first, and what makes them no fair comparison."""

import copy
from functools import cache

import pytest

from tests.factories import detector_make
from tests.trainer.reports import brief_report_made, report_made
from trainer.selectors.detector_comparison import comparison_make

AUS = [1, 12, 25]


@cache
def kept(skill):
    return report_made(AUS, faces=90, subjects=9, skill=skill)


@pytest.fixture
def two(dataset):
    """A weaker and a stronger detector of the same codes, trained differently."""
    weak = detector_make(dataset, aus=AUS, report=copy.deepcopy(kept(0.6)), name="weak")
    strong = detector_make(dataset, aus=AUS, report=copy.deepcopy(kept(3.0)), name="strong")
    strong.configuration["training"]["epochs"] = 99
    return [weak, strong]


def test_the_second_is_held_against_the_first(two):
    told = comparison_make(two, "test", "fixed")
    assert (told.evaluation, told.rule) == ("test", "fixed")
    first, second = told.mean.cells
    assert first.difference is None and first.difference_told == "" and not first.best
    assert second.best and second.difference == pytest.approx(second.figure.value - first.figure.value)
    assert second.difference_told == f"+{second.difference:.3f}"
    assert comparison_make(two[::-1], "test", "fixed").mean.cells[1].difference_told.startswith("−")
    assert [line.au for line in told.lines] == AUS and told.shared is None
    assert told.warnings == []


def test_equal_figures_have_no_best(two):
    told = comparison_make([two[0], two[0]], "test", "fixed")
    assert not any(cell.best for line in told.lines for cell in line.cells)
    assert told.mean.cells[1].difference_told == "0.000"


def test_base_rates_are_one_unknown_or_said_to_differ(two):
    first, second, third = (two[1].report["cross_validation"]["aus"][place] for place in range(3))
    first["base_rate"] = 0.75
    two[0].report["cross_validation"]["aus"][1]["base_rate"] = second["base_rate"] = None
    lines = comparison_make(two, "", "").lines
    assert [line.base_rate_differs for line in lines] == [True, False, False]
    assert [line.base_rate for line in lines] == [None, None, third["base_rate"]]


def test_only_settings_that_differ_are_named(two):
    told = comparison_make(two, "", "")
    assert [(one.path, one.values) for one in told.settings] == [("training.epochs", [30, 99])]
    assert told.settings[0].about == "Passes over the faces."
    assert (told.settings_of_all, told.settings_of_some) == (told.settings, [])


def test_a_setting_of_one_method_alone_is_nothing_at_the_other(two, dataset):
    two[1] = detector_make(dataset, aus=AUS, method="adversarial", report=kept(3.0))
    told = comparison_make(two, "", "")
    values = {one.path: one.values for one in told.settings}
    assert "adversarial.alpha" in {one.path for one in told.settings_of_some}
    assert "adversarial.alpha" not in {one.path for one in told.settings_of_all}
    assert values["adversarial.alpha"] == [None, 0.1] and "method" not in values


def test_pictures_are_drawn_to_one_scale(two):
    sides = comparison_make(two, "cross_validation", "validation").sides
    assert len({side.heat.top for side in sides}) == len({side.bars.top for side in sides}) == 1
    assert sides[0].training.loss.frame == sides[1].training.loss.frame
    assert "".join(side.letter for side in sides) == "AB"


def test_other_codes_are_warned_of(two, dataset):
    dataset.next_position = 7
    dataset.save()
    other = detector_make(dataset, aus=AUS, report=kept(3.0))
    assert [text for text in comparison_make([two[0], other], "", "").warnings if "trained on the same codes" in text]


def test_other_test_faces_are_warned_of(two):
    two[1].report["test"]["aus"][0]["positives"] += 1
    assert "test faces differ" in comparison_make(two, "test", "").warnings[0]
    assert comparison_make(two, "cross_validation", "").warnings == []
    two[1].report["cross_validation"]["faces"] += 1
    assert "cross-validated on different faces" in comparison_make(two, "cross_validation", "").warnings[0]


def test_aus_that_one_has_not_learned_have_no_figure_and_a_mean_over_shared_ones_is_told(two, dataset):
    other = detector_make(dataset, aus=AUS[1:], report=report_made(AUS[1:], faces=90, subjects=9))
    told = comparison_make([two[0], other], "test", "fixed")
    lines = {line.au: line for line in told.lines}
    assert lines[1].cells[1].figure is None and lines[1].cells[1].why == "not learned"
    assert lines[1].cells[1].difference is None
    assert told.shared_aus == 2
    values = [lines[au].cells[0].figure.value for au in AUS[1:]]
    assert told.shared.cells[0].figure.value == pytest.approx(sum(values) / 2)
    assert told.shared.cells[0].figure.low is None
    assert any("same AUs" in text for text in told.warnings)


def test_an_undefined_figure_is_told_as_such(two):
    two[1].report["test"]["aus"][0]["rules"]["fixed"]["f1"] = None
    cell = comparison_make(two, "test", "fixed").lines[0].cells[1]
    assert cell.figure is None and cell.why == "undefined" and cell.mark is None


def test_only_what_all_have_can_be_chosen(two, dataset):
    brief = detector_make(dataset, aus=AUS, method="default", report=brief_report_made(3))
    told = comparison_make([*two, brief], "test", "validation")
    assert (told.evaluation, told.rule) == ("cross_validation", "fixed")
    assert told.evaluations == ["cross_validation"] and told.rules == ["fixed", "base_rate"]
    assert told.sides[2].heat is None and told.sides[2].bars is None


def test_detectors_without_a_report_are_borne(two, dataset):
    empty = detector_make(dataset, aus=AUS, name="empty", report={})
    told = comparison_make([two[0], empty], "", "")
    assert told.mean.cells[1].figure is None and told.lines[0].cells[1].why == "no such evaluation"
    assert "empty" in told.warnings[0]
