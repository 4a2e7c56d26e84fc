"""A cluster reviewed with scripts switched off: the buttons are plain forms."""

import re

import pytest

from annotator.choices import DecisionKind, LayerKind
from annotator.models import Assignment, Decision
from tests.factories import faces_make, layer_make, run_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_cluster_is_reviewed_by_plain_forms(dataset, cast, page_of):
    faces = faces_make(dataset, 6, pictures=True)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[0]] * 6, [12])
    run_make(dataset, faces, 12, [1] * 3 + [2] * 3, [1] * 6, weak_layer=weak)
    page = page_of(cast.bob, java_script_enabled=False)
    page.goto(f"/datasets/{dataset.pk}/review/")
    page.get_by_role("button", name=re.compile("^Start reviewing")).click()
    page.get_by_role("button", name=re.compile("Accept all")).click()
    assert page.locator(".tile[data-state=confirmed]").count() == 3
    page.locator("input[name=face]").first.check()
    page.get_by_role("button", name=re.compile("Other way")).click()
    assert page.locator(".tile[data-state=confirmed]").count() == 2
    page.get_by_role("button", name=re.compile("^Undo")).click()
    assert page.locator(".tile[data-state=confirmed]").count() == 3
    first = page.url
    page.get_by_role("button", name=re.compile("^Next")).click()
    assert page.url != first
    kinds = list(Decision.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == [DecisionKind.CONFIRM, DecisionKind.RELABEL, DecisionKind.UNDO]
    assert sorted(Assignment.objects.values_list("state", flat=True)) == ["done", "open"]
