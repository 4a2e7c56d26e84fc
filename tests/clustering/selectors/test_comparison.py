"""Two runs side by side: both directions of a difference, the surest first, and figures only where there are any."""

import numpy as np
import pytest

from annotator.choices import LayerKind
from annotator.services.arrays import array_write
from clustering.selectors.comparison import Differ, comparison_make, runs_chosen, tiles_differing
from tests.factories import faces_make, layer_make, run_make


@pytest.fixture
def faces(dataset):
    return faces_make(dataset, 6)


@pytest.fixture
def runs(dataset, faces):
    first = run_make(dataset, faces, 12, [1, 1, 1, 2, 2, 0], [1, 1, 1, 0, 0, -1], adopted=False)
    second = run_make(dataset, faces, 12, [2, 2, 1, 1, 1, 1], [0, 1, 0, 0, 1, 1], adopted=False)
    told(first, agreement=0.90, f1=0.60)
    told(second, agreement=0.95, f1=0.60)
    return first, second


def told(run, *, agreement, f1, faces=100, **part):
    held_out = {"faces": faces, "agreement": agreement, "f1": f1}
    run.summary |= {
        "faces": 6,
        "per_au": [{"weak_rate": 0.5, "proposal_rate": 0.4, "changed": 3, "held_out": held_out}],
        "partitions": [{"clusters": 2, "noise": 1, "umqi": 0.5, **part}],
    }
    run.save()


def probabilities_keep(run, values):
    values = np.array(values, np.float16)[:, None]
    run.probabilities = array_write(dataset=run.dataset, purpose="probabilities", values=values)


def test_differences_go_both_ways_and_need_both_proposals(runs):
    compared = comparison_make(*runs)
    assert compared.lines[0].differ == Differ(both=5, first_present=2, second_present=1)
    assert compared.differ.share == pytest.approx(3 / 5)
    assert comparison_make(*runs[::-1]).lines[0].differ == Differ(both=5, first_present=1, second_present=2)


def test_clusters_are_compared_over_the_faces_in_clusters_of_both(runs):
    # 1 1 1 2 2 beside 2 2 1 1 1: by hand, (2 - 1.6) / (4 - 1.6)
    assert comparison_make(*runs).lines[0].rand == pytest.approx(1 / 6)


def test_the_better_figure_is_marked_and_equal_ones_are_not(runs):
    line = comparison_make(*runs).lines[0]
    assert [figure.better for figure in line.agreement] == [False, True]
    assert [figure.better for figure in line.f1] == [False, False]


def test_runs_without_trusted_codes_have_no_figures(runs):
    for run in runs:
        run.summary["per_au"][0].pop("held_out")
    compared = comparison_make(*runs)
    assert not compared.judged
    assert [figure.value for figure in compared.lines[0].f1] == [None, None]


def test_the_surest_difference_comes_first(runs, faces):
    probabilities_keep(runs[0], [0.6, 0.9, 0.99, 0.2, 0.3, np.nan])
    probabilities_keep(runs[1], [0.4, 0.9, 0.01, 0.2, 0.7, 0.8])
    tiles = tiles_differing(comparison_make(*runs), 12)
    assert [tile.face for tile in tiles] == [faces[2], faces[4], faces[0]]
    assert [(letter, code) for letter, code, _probability in tiles[0].sides] == [("A", 1), ("B", 0)]
    assert len(tiles_differing(comparison_make(*runs), 12, limit=2)) == 2


def test_a_face_that_is_gone_leaves_room_for_the_next(runs, faces):
    probabilities_keep(runs[0], [0.6, 0.9, 0.99, 0.2, 0.3, np.nan])
    probabilities_keep(runs[1], [0.4, 0.9, 0.01, 0.2, 0.7, 0.8])
    faces[2].delete()
    assert [tile.face for tile in tiles_differing(comparison_make(*runs), 12, limit=1)] == [faces[4]]


def test_faces_that_came_between_the_runs_are_in_neither_count(runs, dataset, faces):
    more = faces + faces_make(dataset, 2)
    later = run_make(dataset, more, 12, [1] * 8, [0] * 8, adopted=False)
    assert comparison_make(runs[0], later).lines[0].differ == Differ(both=5, first_present=3, second_present=0)


def test_an_au_that_one_of_them_lacks_stands_alone(runs, dataset, faces):
    other = run_make(dataset, faces, 25, [1] * 6, [1] * 6, adopted=False)
    told(other, agreement=0.9, f1=0.5)
    compared = comparison_make(runs[0], other)
    assert [(line.au, line.differ, line.rand) for line in compared.lines] == [(12, None, None), (25, None, None)]
    assert "no AU in common" in compared.warnings[0]
    assert compared.au_chosen("12") is None


def test_settings_that_differ_and_only_those_are_told(runs):
    runs[0].configuration = {"lam": 0.03, "dimensions": 10}
    runs[1].configuration = {"lam": 0.2, "dimensions": 10, "lam_steps": 0, "vote": "majority"}
    told = {fact.name: list(fact.values) for fact in comparison_make(*runs).settings}
    assert told == {"lam": [0.03, 0.2], "vote": [None, "majority"]}


def test_a_sweep_stands_in_the_place_of_the_lambda_that_it_replaces(runs):
    runs[0].configuration = {"lam": 0.03, "lam_steps": 0}
    runs[1].configuration = {"lam": 0.03, "lam_steps": 6}
    assert [[str(value) for value in fact.values] for fact in comparison_make(*runs).settings] == [
        ["0.03", "best of 6"]
    ]


def test_lambda_has_a_column_only_where_it_differs(runs):
    told(runs[0], agreement=0.9, f1=0.5, lam=0.03)
    told(runs[1], agreement=0.9, f1=0.5, lam=0.03)
    assert not comparison_make(*runs).lambdas
    told(runs[1], agreement=0.9, f1=0.5, lam=0.5)
    assert comparison_make(*runs).lambdas


def test_other_trusted_codes_and_other_weak_labels_are_warned_of(runs, dataset):
    told(runs[1], agreement=0.9, f1=0.5, faces=140)
    runs[1].weak_layer = layer_make(dataset, LayerKind.WEAK)
    warnings = " ".join(comparison_make(*runs).warnings)
    assert "different trusted codes" in warnings
    assert "different weak labels" in warnings


def test_the_choice_says_what_is_wrong_with_it(runs, dataset):
    first, second = runs
    assert runs_chosen(dataset, [str(first.pk), str(second.pk)]).both == (first, second)
    assert runs_chosen(dataset, ["", ""]).problem == ""
    assert runs_chosen(dataset, [str(first.pk), "999"]).problem == "There is no run 999 in this data set."
    assert "There is no run x" in runs_chosen(dataset, [str(first.pk), "x"]).problem
    assert "one and the same" in runs_chosen(dataset, [str(first.pk)] * 2).problem
    second.finished_at = None
    second.save()
    assert "has not finished" in runs_chosen(dataset, [str(first.pk), str(second.pk)]).problem
