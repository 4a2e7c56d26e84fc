"""The pictures of a run page: bars, axes and the run's own mark stand where their numbers say."""

from types import SimpleNamespace

import pytest

from annotator.models import Cluster
from clustering.selectors.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    face_map,
    size_chart,
    umqi_chart,
    witness_bars,
)
from tests.factories import faces_make, run_make


@pytest.fixture
def run(dataset):
    return run_make(dataset, faces_make(dataset, 4), 12, [1, 1, 2, 2], [1, 1, 0, 0])


def sizes_set(run, sizes):
    run.clusters.all().delete()
    Cluster.objects.bulk_create(
        Cluster(run=run, partition=0, number=n, aus=1, size=size, votes={}) for n, size in enumerate(sizes, 1)
    )


def test_sizes_are_counted_in_their_classes(run):
    sizes_set(run, [12, 12, 25, 29, 30, 30, 30])
    chart = size_chart(run, 0)
    assert [(bar.label, bar.count) for bar in chart.bars] == [
        ("10–14", 2), ("15–19", 0), ("20–24", 0), ("25–29", 2), ("30–39", 3),
    ]  # fmt: skip
    assert chart.bars[-1].height == HEIGHT - TOP - BOTTOM
    assert [tick.label for tick in chart.ticks] == ["10", "15", "20", "25", "30", "40"]


def test_a_run_without_clusters_has_no_bars(run):
    sizes_set(run, [])
    assert size_chart(run, 0).bars == []


def curve(table, clusters=45, umqi=0.66):
    part = {"clusters": clusters, "umqi": umqi}
    run = SimpleNamespace(curves={"umqi": [table]}, summary={"partitions": [part]}, configuration={})
    return umqi_chart(run, 0)


def test_the_runs_own_clusters_stand_beside_the_best_cut_of_each_number():
    chart = curve([[0.1, 0.65, 4.0, 0.9], [0.15, 0.2, 4.0, 0.9], [0.3, 0.03, 1.0, 1.0]])
    assert len(chart.points) == 2
    assert (chart.best, chart.best_clusters) == (0.65, 4)
    assert (chart.x, chart.y, chart.right) == (WIDTH - RIGHT, TOP, True)
    assert [(tick.at, tick.label) for tick in chart.x_ticks] == [(LEFT, "1"), (WIDTH - RIGHT, "45")]
    assert [tick.label for tick in chart.y_ticks] == ["0.00", "0.66"]
    assert chart.points[0][0] == LEFT


def test_a_negative_umqi_stays_inside_the_picture():
    chart = curve([[0.1, -0.4, 10.0, 0.5]], clusters=2, umqi=0.1)
    assert chart.y_ticks[0].label == "-0.40"
    assert TOP <= chart.y <= HEIGHT - BOTTOM


@pytest.mark.parametrize("table", [[], [[0.1, 0.0, 0.0, 0.0]]])
def test_without_a_curve_there_is_no_picture(table):
    assert curve(table) is None


def test_a_run_without_an_embedding_has_no_map(run):
    assert face_map(run, 12).points == []


def test_weights_against_go_to_the_left():
    rows = witness_bars([("for", 2.0), ("against", -1.0)])
    assert rows == [("for", 2.0, 50.0, 50.0), ("against", -1.0, 25.0, 25.0)]
