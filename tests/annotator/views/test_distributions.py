"""Distributions of any selection: shares against a slow twin, and every bar and cell opens its very faces."""

import re

import numpy as np
import pytest
from django.urls import reverse

from annotator.choices import LayerKind, Mode
from annotator.selectors import distributions
from annotator.services.assignments import assignment_take
from annotator.services.datasets import revision_raise
from tests.factories import faces_make, layer_make, run_make

AUS = [1, 4, 12, 25]


@pytest.fixture
def layers(dataset):
    """Sixty faces with random codes: a weak layer on all, a reference layer on the first forty."""
    faces = faces_make(dataset, 60)
    made = {}
    for kind, count, seed in ((LayerKind.WEAK, 60, 1), (LayerKind.REFERENCE, 40, 2)):
        codes = np.random.default_rng(seed).choice([1, 0, -1, -2], (count, 4), p=[0.4, 0.4, 0.1, 0.1])
        made[kind] = (layer_make(dataset, kind, faces[:count], codes, AUS, name=str(kind)), codes)
    revision_raise(dataset)
    return made


def show(client, dataset, **query):
    return client.get(reverse("distributions", args=[dataset.pk]), query)


def test_shares_are_those_counted_face_by_face(dataset, layers, cast):
    shown = show(cast.client("bob"), dataset, faces="10-49").context["shown"]
    weak = layers[LayerKind.WEAK][1][10:50]
    reference = layers[LayerKind.REFERENCE][1][10:40]
    for place, card in enumerate(shown.cards):
        bars = {bar.layer.kind: bar for bar in card.bars}
        column = weak[:, place]
        assert bars["weak"].present == (column == 1).sum()
        assert bars["weak"].scored == (column >= 0).sum()
        both = (weak[:30, place] >= 0) & (reference[:, place] >= 0)
        apart = (weak[:30, place][both] == 1).mean() - (reference[:, place][both] == 1).mean()
        assert bars["weak"].points == distributions.points_told(apart)
        assert bars["reference"].points == ""


def test_cells_are_conditional_shares(dataset, layers, cast):
    shown = show(cast.client("bob"), dataset).context["shown"]
    heat = next(one.heat for one in shown.heats if one.layer.kind == "weak")
    codes = layers[LayerKind.WEAK][1]
    for cell in heat.cells:
        row, column = AUS.index(cell.present), AUS.index(cell.given)
        asked = (codes[:, column] == 1) & (codes[:, row] >= 0)
        assert cell.faces == asked.sum()
        assert cell.share == pytest.approx((codes[asked, row] == 1).mean())


def test_every_bar_and_cell_opens_its_very_faces(dataset, layers, cast):
    client = cast.client("bob")
    shown = show(client, dataset, faces="5-54").context["shown"]
    for card in shown.cards:
        for bar in card.bars:
            assert client.get(bar.address).context["view"].total == bar.present
    codes = layers[LayerKind.WEAK][1][5:55]
    heat = next(one.heat for one in shown.heats if one.layer.kind == "weak")
    for cell in heat.cells[:6]:
        both = (codes[:, AUS.index(cell.given)] == 1) & (codes[:, AUS.index(cell.present)] == 1)
        assert client.get(cell.address).context["view"].total == both.sum()


def test_sources_are_chosen(dataset, layers, cast):
    weak = layers[LayerKind.WEAK][0]
    answer = show(cast.client("bob"), dataset, layers=weak.pk)
    assert [layer for layer, _faces in answer.context["shown"].coded] == [weak]
    assert "No reference codes among these faces" in answer.content.decode()
    assert all(one.difference is None for one in answer.context["shown"].heats)


def test_no_reference_on_these_faces_means_no_differences(dataset, layers, cast):
    answer = show(cast.client("bob"), dataset, faces="45-55")
    assert "No reference codes among these faces" in answer.content.decode()
    assert "Fewer than 20 faces" in answer.content.decode()


def test_no_such_faces_and_no_codes_are_told_apart(dataset, layers, cast):
    assert "There are no such faces" in show(cast.client("bob"), dataset, q="zzz").content.decode()
    faces_make(dataset, 2)
    revision_raise(dataset)
    assert "No codes here" in show(cast.client("bob"), dataset, faces="60-61").content.decode()


def test_codes_that_take_long_come_later(dataset, layers, cast, monkeypatch):
    monkeypatch.setattr(distributions, "INLINE_FACES", 5)
    client = cast.client("bob")
    first = show(client, dataset)
    assert first.context["shown"].later
    link = re.search(r'hx-get="([^"]+)" hx-trigger="load"', first.content.decode())[1].replace("&amp;", "&")
    assert not client.get(link).context["shown"].later
    assert not show(client, dataset).context["shown"].later


def test_new_codes_are_counted_at_once(dataset, layers, cast):
    client = cast.client("bob")
    show(client, dataset)
    faces = list(dataset.faces.order_by("position")[40:50])
    layer_make(dataset, LayerKind.CODER, faces, [[1]] * 10, [12], user=cast.bob)
    revision_raise(dataset)
    card = show(client, dataset).context["shown"].cards[2]
    assert {bar.layer.kind: bar.present for bar in card.bars}["coder"] == 10


def test_a_coder_sees_no_other_coder_and_blind_nothing_but_their_own(dataset, layers, cast):
    faces = list(dataset.faces.order_by("position"))
    layer_make(dataset, LayerKind.CODER, faces, [[1]] * 60, [12], user=cast.cleo)
    run = run_make(dataset, faces, 12, [1] * 60, [1] * 60)
    revision_raise(dataset)
    assert "coder cleo" not in show(cast.client("bob"), dataset).content.decode()
    assert "coder cleo" in show(cast.client("dora"), dataset).content.decode()
    assignment = assignment_take(cluster=run.clusters.get(), user=cast.bob)
    assignment.mode = Mode.BLIND
    assignment.save()
    text = show(cast.client("bob"), dataset).content.decode()
    assert not [word for word in ("weak", "proposal", "reference<", "cleo") if word in text]


def test_queries_stay_few(dataset, layers, cast, django_assert_max_num_queries):
    client = cast.client("bob")
    show(client, dataset)
    with django_assert_max_num_queries(11):
        show(client, dataset)


def test_other_pages_lead_there(dataset, layers, cast):
    there = reverse("distributions", args=[dataset.pk])
    run = run_make(dataset, list(dataset.faces.order_by("position")), 12, [1] * 60, [1] * 60)
    cluster = run.clusters.get()
    client = cast.client("bob")
    assert f'href="{there}"' in client.get(reverse("dataset_detail", args=[dataset.pk])).content.decode()
    page = reverse("cluster_detail", args=[dataset.pk, cluster.pk])
    assert f'href="{there}?cluster={cluster.pk}"' in client.get(page).content.decode()
    grid = client.get(reverse("face_list", args=[dataset.pk]), {"faces": "1-2"}).content.decode()
    assert f'href="{there}?faces=1-2"' in grid
