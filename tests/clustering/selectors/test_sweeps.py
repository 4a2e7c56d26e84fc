"""What the run page tells of λ, from what runs keep of their sweeps; older runs kept nothing."""

import numpy as np
import pytest

from annotator.choices import LayerKind
from annotator.services.arrays import array_write
from clustering.selectors.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from clustering.selectors.sweeps import lambda_told, sweep_planes
from tests.factories import faces_make, layer_make, run_make

LAMS = [2.0**-8, 0.125, 4.0]


@pytest.fixture
def run(dataset):
    faces = faces_make(dataset, 6)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1], [1], [1], [0], [0], [-1]], [12])
    run = run_make(dataset, faces, 12, [1, 1, 1, 2, 2, 0], [1, 1, 0, 0, 0, 0], weak_layer=weak)
    run.summary |= {"faces": 1000, "partitions": [part()]}
    return run


def part(*, chosen=0.125, by_reference=1.0, merits=(-0.7, -0.1, -0.3)):
    sweep = [
        {"lam": lam, "clusters": 5, "umqi": 0.5, "by_reference": by_reference, "merit": merit}
        for lam, merit in zip(LAMS, merits, strict=True)
    ]
    return {"lam": chosen, "lam_literal": chosen * 1000, "sweep": sweep, "plane_lams": [LAMS[0], chosen, LAMS[2]]}


def test_the_chosen_one_is_marked_where_its_numbers_say(run):
    told = lambda_told(run, 0)
    assert (told.lam, told.literal, told.by_reference, told.end) == (0.125, 125.0, True, "")
    assert [one.chosen for one in told.tried] == [False, True, False]
    assert told.merit.chosen == (round(LEFT + (WIDTH - LEFT - RIGHT) / 2, 1), min(y for _x, y in told.merit.points))
    assert (told.merit.points[0][0], told.merit.points[-1][0]) == (LEFT, WIDTH - RIGHT)
    assert all(TOP <= y <= HEIGHT - BOTTOM for _x, y in told.merit.points)
    assert [tick.label for tick in told.merit.x_ticks] == ["0.01", "0.1", "1"]


def test_log_likelihood_is_told_as_a_probability_and_correlation_as_it_is(run):
    assert lambda_told(run, 0).tried[1].merit == pytest.approx(np.exp(-0.1))
    run.summary["partitions"] = [part(by_reference=0.0, merits=(0.2, 0.9, 0.5))]
    told = lambda_told(run, 0)
    assert (told.by_reference, told.tried[1].merit) == (False, 0.9)


def test_without_merits_there_is_a_table_but_no_curve(run):
    run.summary["partitions"] = [part(by_reference=0.0, merits=(None, None, None))]
    told = lambda_told(run, 0)
    assert (told.merit, len(told.tried)) == (None, 3)


def test_an_end_of_the_sweep_is_told(run):
    for chosen, end in ((LAMS[0], "looks"), (LAMS[2], "labels")):
        run.summary["partitions"] = [part(chosen=chosen)]
        assert lambda_told(run, 0).end == end


def test_older_runs_told_nothing_of_lambda(run):
    run.summary["partitions"] = [{"clusters": 2}]
    assert lambda_told(run, 0) is None
    assert sweep_planes(run, run.created_by, 12) is None


def planes_keep(run, values):
    run.sweep_planes = array_write(dataset=run.dataset, purpose="sweep-planes", values=values.astype(np.float32))


def test_the_planes_show_each_face_by_proposal_and_by_weak_label(run, cast):
    values = np.random.default_rng(0).normal(size=(6, 1, 3, 2))
    values[4] = np.nan  # a face that is gone
    planes_keep(run, values)
    planes = sweep_planes(run, cast.alice, 12)
    assert (planes.shown, planes.faces) == (5, 5)
    assert [(plane.lam, plane.chosen) for plane in planes.planes] == [(LAMS[0], False), (0.125, True), (4.0, False)]
    for plane in planes.planes:
        assert {kind: dots(plane.proposed, kind) for kind in ("present", "absent")} == {"present": 2, "absent": 3}
        assert {kind: dots(plane.weak, kind) for kind in ("present", "absent")} == {"present": 3, "absent": 1}


def dots(paths, kind):
    return sum(path.count("M") for its, path in paths if its == kind)


def test_a_mirrored_plane_is_turned_to_lie_as_the_chosen_one(run, cast):
    values = np.random.default_rng(0).normal(size=(6, 1, 1, 2)) * np.array([[1, 1], [1, 1], [-1, -1]])
    planes_keep(run, values)
    least, _chosen, largest = sweep_planes(run, cast.alice, 12).planes
    assert least.proposed == largest.proposed


def test_the_least_that_was_chosen_is_drawn_once(run, cast):
    run.summary["partitions"] = [part(chosen=LAMS[0])]
    planes_keep(run, np.random.default_rng(0).normal(size=(6, 1, 3, 2)))
    planes = sweep_planes(run, cast.alice, 12).planes
    assert [(plane.lam, plane.chosen) for plane in planes] == [(LAMS[0], True), (4.0, False)]


def test_who_may_not_see_the_weak_layer_gets_no_colours_of_it(run, cast):
    planes_keep(run, np.random.default_rng(0).normal(size=(6, 1, 3, 2)))
    assert all(plane.weak == [] for plane in sweep_planes(run, cast.charlie, 12).planes)
