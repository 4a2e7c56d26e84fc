"""The pictures of a report: what is drawn is what was judged, and what is undefined is never drawn as 0."""

import copy
from functools import cache
from itertools import pairwise

import pytest

from tests.trainer.reports import EIGHTEEN, brief_report_made, report_made
from trainer.selectors.detector_charts import (
    Frame,
    mark_of,
    reliability_chart,
    rounded_up,
    score_chart,
    training_charts,
    training_groups,
    training_scale,
)
from trainer.selectors.detector_distributions import (
    batch_chart,
    difference_bars,
    difference_top,
    heat_maps,
    marginal_chart,
)
from trainer.selectors.detector_reports import Figure, choice_made, evaluation_of, head_of, is_brief, mean_defined

AUS = [1, 12, 25]


@cache
def kept():
    return report_made(AUS, faces=90, subjects=9)


@pytest.fixture
def report():
    """A report that a test may change."""
    return copy.deepcopy(kept())


def row_of(report, au=12, evaluation="cross_validation", rule="validation"):
    return evaluation_of(report, evaluation, rule, AUS).row(au)


def test_the_head_has_each_evaluation_at_each_rule(report):
    head = head_of(report)
    assert [row.name for row in head] == ["cross_validation", "test"]
    assert [cell.rule for cell in head[0].cells] == ["fixed", "validation", "base_rate"]
    told = report["test"]["mean"]["rules"]["fixed"]["f1"]
    assert head[1].cells[0].mean.f1 == Figure(told["value"], told["low"], told["high"])


def test_an_evaluation_that_is_missing_says_why(report):
    report |= {"test": None, "test_why": "Nobody coded them."}
    assert head_of(report)[1].why == "Nobody coded them." and not head_of(report)[1].cells
    assert evaluation_of(report, "test", "fixed", AUS) is None


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ((None, None), ("cross_validation", "validation")),
        (("test", "base_rate"), ("test", "base_rate")),
        (("toast", "best"), ("cross_validation", "validation")),
        (("test", ""), ("test", "validation")),
    ],
)
def test_what_is_asked_for_is_shown_as_far_as_it_is_there(report, asked, shown):
    assert choice_made(report, *asked) == shown


def test_without_thresholds_the_usual_rule_is_the_fixed_one(report):
    for told in [report["cross_validation"]["mean"], *report["cross_validation"]["aus"]]:
        told["rules"]["validation"] = None
    assert choice_made(report, None, "validation") == ("cross_validation", "fixed")


def test_a_report_without_evaluations_is_borne():
    assert choice_made({}, None, None) == ("cross_validation", "fixed")
    assert all(not row.cells for row in head_of({}))
    assert training_charts({}, AUS) == []


def test_a_brief_report_has_the_same_shape_with_gaps():
    report = brief_report_made(3)
    assert is_brief(report) and not is_brief(kept())
    assert choice_made(report, "test", "validation") == ("cross_validation", "fixed")
    found = evaluation_of(report, "cross_validation", "fixed", AUS)
    assert found.mean.f1 == Figure(0.66) and found.mean.aus == 2 and found.undefined == [25]
    assert found.subjects is None and found.rows[0].counts is None
    assert evaluation_of(report, "cross_validation", "base_rate", AUS).rows[0].f1 == Figure(0.7)
    assert evaluation_of(report, "cross_validation", "validation", AUS).mean is None
    titles = [chart.title for chart in training_charts(report, AUS)]
    assert titles == ["The network of the features", "Network without fold 1"]


def test_counts_are_those_behind_precision_and_recall(report):
    row = row_of(report)
    counts = row.counts
    assert counts.found + counts.missed == row.positives
    assert counts.found + counts.wrong == row.calls.called
    assert counts.found + counts.missed + counts.wrong + counts.left == row.known
    assert counts.found / row.calls.called == pytest.approx(row.calls.precision, abs=1e-6)
    assert (counts.found + counts.left) / row.known == pytest.approx(row.calls.accuracy, abs=1e-6)


def test_a_mean_leaves_out_what_is_undefined():
    assert mean_defined([0.5, None, 0.7]) == pytest.approx(0.6)
    assert mean_defined([None]) is None and mean_defined([]) is None


def test_a_mark_is_a_hundred_wide_and_undefined_has_none():
    mark = mark_of(Figure(0.5, 0.25, 0.75), [0.4, None, 0.6])
    assert (mark.bar, mark.low, mark.high, mark.folds) == (50, 25, 75, [40, 60])
    assert mark_of(None, [0.4]) is None
    assert mark_of(Figure(0.5)).low is None


def test_a_line_breaks_where_it_has_no_value():
    frame = Frame(100, 100, left=0, right=0, top=0, bottom=0, x_high=4)
    assert frame.path([(0, 0), (1, 1), (2, None), (3, 0.5)]) == "M0.0,100.0 25.0,0.0M75.0,50.0h0"
    assert frame.path([(0, None)]) == ""
    assert frame.path([(0, 5), (4, float("nan"))]) == "M0.0,0.0h0"


@pytest.mark.parametrize(
    ("value", "end"), [(0.63, 0.7), (0.7, 0.7), (1.2, 2), (0.004, 0.004), (30, 30), (0, 1), (-1, 1)]
)
def test_a_scale_ends_at_the_next_round_number(value, end):
    assert rounded_up(value) == end


def test_trainings_share_a_scale_and_the_detector_comes_first(report):
    charts = training_charts(report, AUS, 12)
    assert [chart.title for chart in charts][:2] == ["The detector itself", "Network without fold 1"]
    assert len({(chart.loss.frame, tuple(chart.loss.y_ticks)) for chart in charts}) == 1
    assert [line.kind for line in charts[0].f1.lines] == ["other", "other", "chosen", "f1"]
    best = report["trainings"]["detector"]["best_epoch"]
    f1 = report["trainings"]["detector"]["validation_f1"][best - 1]
    assert charts[0].last_f1 == pytest.approx(sum(f1) / len(f1))


def test_the_epoch_that_was_kept_is_marked_unless_it_is_the_last(report):
    told = report["trainings"]["detector"]
    told["best_epoch"] = 4
    chart = training_charts(report, AUS)[0]
    assert chart.kept == chart.loss.frame.x(4)
    told["best_epoch"] = len(told["losses"])
    assert training_charts(report, AUS)[0].kept is None


def test_a_training_of_one_epoch_and_undefined_f1_is_drawn(report):
    one = {"losses": [0.4], "validation_losses": [], "validation_f1": [[None, None, None]], "epochs": 1}
    chart = training_charts({"trainings": {"detector": one}}, AUS)[0]
    assert chart.loss.lines[0].path.endswith("h0") and len(chart.loss.lines) == 1
    assert chart.last_f1 is None and all(line.path == "" for line in chart.f1.lines)


def test_one_scale_holds_the_detectors_of_several_reports(report):
    other = copy.deepcopy(report)
    other["trainings"]["detector"]["losses"] = [3.2, 2.0]
    assert training_scale([report, other], last=True).high == 4
    assert training_scale([report], last=True).high < 1
    assert training_scale([{}]) is None


def test_reliability_dots_lie_where_scores_and_shares_say(report):
    row = row_of(report)
    chart = reliability_chart(row)
    assert sum(dot.faces for dot in chart.dots) == row.known
    for dot, told in zip(chart.dots, row.calibration, strict=True):
        assert (dot.x, dot.y) == (chart.frame.x(told["score"]), chart.frame.y(told["rate"]))
    fullest = max(chart.dots, key=lambda dot: dot.faces)
    assert fullest.r == max(dot.r for dot in chart.dots)
    assert reliability_chart(evaluation_of(brief_report_made(3), "cross_validation", "fixed", AUS).row(1)) is None


def test_the_scores_of_each_kind_of_face_are_counted(report):
    row = row_of(report)
    chart = score_chart(row)
    by_kind = {part.kind: part for part in chart.rows}
    assert by_kind["present"].faces == row.positives
    assert by_kind["absent"].faces == row.known - row.positives
    for part in chart.rows:
        assert sum(bar.count for bar in part.bars) == part.faces
        assert max(part.bars, key=lambda bar: bar.height).count == part.most
        assert all(part.top <= bar.y and bar.y + bar.height <= part.base + 0.1 for bar in part.bars)
    assert chart.threshold == chart.frame.x(row.calls.threshold)


def test_kinds_without_faces_have_no_row(report):
    told = report["cross_validation"]["histograms"][1]
    told["unknown"] = told["present"] = [0] * 20
    assert [part.kind for part in score_chart(row_of(report)).rows] == ["absent"]
    told["absent"] = [0] * 20
    assert score_chart(row_of(report)) is None


def test_marginal_bars_are_as_high_as_their_shares(report):
    told = report["cross_validation"]["distribution"]
    chart = marginal_chart(told, AUS)
    for place, bar in enumerate(chart.bars):
        assert bar.difference == pytest.approx(abs(bar.reference - bar.predicted), abs=1e-5)
        assert bar.y_reference / bar.y_predicted == pytest.approx(bar.reference / bar.predicted, rel=0.05)
        assert bar.reference == told["reference"]["marginal"][place]
    assert chart.mean == told["difference"]["marginal_mean"]
    assert marginal_chart(None, AUS) is None


def test_an_undefined_share_has_no_bar(report):
    told = report["cross_validation"]["distribution"]
    for part in ("reference", "predicted", "difference"):
        told[part]["marginal"][0] = None
    bar = marginal_chart(told, AUS).bars[0]
    assert bar.reference is None and bar.y_reference == bar.y_predicted == bar.y_difference == 0


def test_heat_maps_hold_every_pair_and_tell_the_undefined_from_nought(report):
    told = report["cross_validation"]["distribution"]
    told["difference"]["conditional"][0][1] = None
    told["difference"]["conditional"][0][2] = 0.0
    reference, predicted, difference = heat_maps(told, AUS)
    assert [heat.kind for heat in (reference, predicted, difference)] == ["reference", "predicted", "difference"]
    cell = reference.cells[1]
    assert (cell.present, cell.given) == (1, 12)
    assert cell.share == told["reference"]["conditional"][0][1] and cell.depth == pytest.approx(cell.share, abs=1e-3)
    assert difference.cells[1].share is None and difference.cells[2].share == 0
    assert [line.au for line in predicted.lines] == AUS and len(predicted.lines[0].cells) == 3


def test_differences_are_drawn_to_their_own_scale_or_a_shared_one(report):
    told = report["cross_validation"]["distribution"]
    top = difference_top(told, "conditional")
    assert max(cell.depth for cell in heat_maps(told, AUS)[2].cells) > 0.5
    assert heat_maps(told, AUS)[2].top == top and heat_maps(told, AUS, 1.0)[2].top == 1.0
    assert difference_top(None, "marginal") > 0


def test_a_single_au_has_no_combinations_and_a_narrow_chart():
    report = report_made([12], faces=60, subjects=6)
    told = report["cross_validation"]["distribution"]
    assert heat_maps(told, [12]) == [] and heat_maps(None, AUS) == []
    chart = marginal_chart(told, [12])
    assert len(chart.bars) == 1 and chart.bars[0].width < chart.width / 10


@pytest.mark.parametrize("aus", [[1, 2], list(EIGHTEEN), list(range(1, 41))])
def test_pictures_stay_inside_their_frames(aus):
    shares = {"marginal": [1.0] * len(aus), "conditional": [[1.0] * len(aus)] * len(aus)}
    told = dict.fromkeys(("reference", "predicted", "difference"), shares)
    for heat in heat_maps(told, aus):
        assert max(cell.x + heat.size for cell in heat.cells) <= heat.view
        assert all(after.at - before.at >= 11 for before, after in pairwise(heat.marks))
    chart = marginal_chart(told, aus)
    assert max(bar.x_predicted + bar.width for bar in chart.bars) <= chart.x_end <= chart.width
    assert min(bar.top_reference for bar in chart.bars) >= 0


def test_differences_of_several_detectors_stand_above_one_list_of_aus(report):
    told = report["cross_validation"]["distribution"]
    bars = difference_bars(told, AUS, [1, 4, 12, 25], 1.0).bars
    assert [bar.au for bar in bars] == [1, 4, 12, 25]
    assert bars[1].difference is None and bars[1].height == 0
    assert bars[2].difference == told["difference"]["marginal"][1]


def test_batches_are_told_whole_and_drawn_from_the_first_on(report):
    batches = [[number % 3, 4, 0] for number in range(90)]
    chart = batch_chart({"sampler": "momu", "batches": batches}, AUS)
    assert (chart.shown, chart.batches, chart.most) == (60, 90, 4)
    assert chart.rows[0].without == pytest.approx(1 / 3) and chart.rows[0].mean == pytest.approx(1)
    assert chart.rows[2].without == 1 and chart.rows[1].least == 4
    assert [level.depth for level in chart.levels] == [0.3, 0.5, 1.0]
    assert [level.path.count("M") for level in chart.levels] == [20, 20, 60]
    assert batch_chart(None, AUS) is None and batch_chart({"sampler": "momu", "batches": []}, AUS) is None
    assert batch_chart(report["composition"], AUS).batches == len(report["composition"]["batches"])


def test_what_minimises_something_else_is_drawn_to_a_scale_of_its_own(report):
    def trained(*losses):
        return {"losses": list(losses), "epochs": len(losses), "validation_f1": [], "faces": 40, "seconds": 1.0}

    own = {
        "detector": trained(0.6, 0.4),
        "fold-0": trained(0.7, 0.5),
        "fold-10": trained(0.7),
        "fold-2": trained(0.7),
    }
    told = {"trainings": own}
    assert [group.title for group in training_groups(told, AUS)] == ["Networks, which look at single faces"]
    own |= {"fold-0-lstm": trained(90.0, 70.0, 60.0), "detector-lstm": trained(80.0), "fold-0-fusion": trained(0.3)}
    networks, lstms, fusion = training_groups(told, AUS)
    assert [chart.title for chart in networks.charts] == [
        "The detector itself", "Network without fold 1", "Network without fold 3", "Network without fold 11",
    ]  # fmt: skip
    assert [chart.title for chart in lstms.charts] == ["The detector itself: LSTMs", "Network without fold 1: LSTMs"]
    assert networks.charts[0].loss.frame.y_high < 1 and lstms.charts[0].loss.frame.y_high == 90
    assert lstms.charts[0].loss.frame.x_high == 3 and len(fusion.charts) == 1
