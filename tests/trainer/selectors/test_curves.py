"""Live curves: a network's own bold, the others' behind, what is undefined left out, and all of it in words."""

import re

import pytest

from trainer.selectors.curves import (
    MOST_LINES,
    MOST_POINTS,
    Network,
    au_curves,
    epoch_lines,
    f1_chart,
    loss_chart,
    networks_of,
)


def network(stage="fold-0", epochs=10, losses=(), f1=()):
    return Network(stage, epochs, list(losses), list(f1))


def points(path):
    return [tuple(map(float, pair.split(","))) for pair in re.findall(r"[\d.]+,[\d.]+", path)]


def test_networks_stand_in_the_order_of_the_work_begun_or_not():
    curves = {"detector.loss": [], "fold-1.loss": [[1, 0.5, None], [2, 0.4, None]], "fold-0.loss": [[1, 0.6, None]]}
    found = networks_of(curves, [("fold-0", 10), ("fold-1", 10), ("detector", 10)])
    assert [(one.stage, one.epoch) for one in found] == [("fold-0", 1), ("fold-1", 2), ("detector", 0)]


def test_an_unknown_stage_is_not_lost():
    found = networks_of({"pretext.loss": [[1, 2, None]]}, [("fold-0", 5), ("detector", 5)])
    assert [(one.stage, one.epochs) for one in found] == [("pretext", 5), ("fold-0", 5), ("detector", 5)]


def test_before_the_first_epoch_there_is_no_chart():
    assert loss_chart(network(), []) is None
    assert f1_chart(network(), []) is None
    assert au_curves(network(), [], [12]) == []


def test_a_loss_falls_from_left_to_right_and_leaves_room_for_the_epochs_to_come():
    chart = loss_chart(network(losses=[[1, 0.8, 0.9], [2, 0.4, 0.6], [3, 0.2, 0.7]]), [])
    assert [line.kind for line in chart.plot.lines] == ["loss", "check"]
    own = points(chart.plot.lines[0].path)
    frame = chart.plot.frame
    assert [x for x, _y in own] == [frame.x(1), frame.x(2), frame.x(3)]
    assert own[0][1] < own[1][1] < own[2][1], "an SVG's y grows downwards"
    assert frame.x(10) == frame.x_end > own[-1][0]
    assert chart.lowest == (frame.x(2), frame.y(0.6))
    assert "from 0.8 to 0.2" in chart.told
    assert "lowest 0.6 in epoch 2" in chart.told


def test_without_validation_faces_there_is_the_training_loss_alone():
    chart = loss_chart(network(losses=[[1, 0.8, None], [2, 0.4, None]]), [])
    assert [line.kind for line in chart.plot.lines] == ["loss"]
    assert chart.lowest is None
    assert "alidation" not in chart.told


def test_other_networks_are_drawn_behind():
    other = network("fold-1", losses=[[1, 0.7, 0.7]])
    chart = loss_chart(network(losses=[[1, 0.8, 0.9]]), [other, network("fold-2")])
    assert [line.kind for line in chart.plot.lines] == ["other", "loss", "check"]


def test_a_loss_that_runs_away_breaks_the_line_and_not_the_page():
    chart = loss_chart(network(losses=[[1, 0.5, None], [2, float("nan"), None], [3, float("inf"), None]]), [])
    assert points(chart.plot.lines[0].path) == [(chart.plot.frame.x(1), chart.plot.frame.y(0.5))]
    assert loss_chart(network(losses=[[1, float("nan"), None]]), []) is None


def test_of_many_epochs_every_so_many_are_drawn_and_the_last_always():
    losses = [[epoch, 1 / epoch, None] for epoch in range(1, 1001)]
    chart = loss_chart(network(epochs=1000, losses=losses), [])
    drawn = points(chart.plot.lines[0].path)
    assert len(drawn) == MOST_POINTS
    assert drawn[-1][0] == chart.plot.frame.x_end
    lines = epoch_lines(network(losses=losses))
    assert len(lines) == MOST_LINES
    assert (lines[0].epoch, lines[-1].epoch) == (1000, 1)


def test_each_au_has_a_picture_with_its_last_and_best_f1():
    rows = [[1, 0.2, 0.1, None], [2, 0.5, 0.6, None], [3, 0.4, 0.5, None]]
    first, second = au_curves(network(f1=rows), [], [12, 25])
    assert (first.au, first.last, first.best) == (12, 0.5, 0.6)
    assert "AU12" in first.told
    assert (second.au, second.plot, second.last) == (25, None, None)


def test_columns_are_not_given_to_aus_that_they_may_not_be_of():
    assert [one.au for one in au_curves(network(f1=[[1, 0.2, 0.1, 0.3]]), [], [12])] == [None, None]


@pytest.mark.parametrize("value", [None, float("nan")])
def test_what_is_undefined_is_none_in_the_table(value):
    line = epoch_lines(network(losses=[[1, 0.5, value]], f1=[[1, value, 0.5]]))[0]
    assert (line.validation_loss, list(line.f1)) == (None, [None, 0.5])
