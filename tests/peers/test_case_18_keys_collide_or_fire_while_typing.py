"""Hotkeys collided, and fired while somebody typed (Label Studio 1957, 7431).

Ours: one registry refuses a key that is given twice, and keys rest in fields, in dialogs that ask
something, and together with Ctrl, Alt or Meta.
"""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from annotator.choices import LayerKind
from annotator.models import Decision
from annotator.services.assignments import assignment_next
from annotator.services.datasets import dataset_create
from tests.factories import faces_make, layer_make, run_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SAVED = "#review-save[data-save=saved]"


@pytest.fixture
def page(page_of, transactional_db):
    """Bob's cluster of six faces."""
    bob = User.objects.create_user("bob", password="x")
    dataset = dataset_create(name="Smiles", user=bob, aus=[12])
    faces = faces_make(dataset, 6, pictures=True)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[1]] * 6, [12])
    run = run_make(dataset, faces, 12, [1] * 6, [1] * 6, weak_layer=weak)
    assignment_next(dataset, bob)
    page = page_of(bob)
    page.goto(reverse("cluster_detail", args=[dataset.pk, run.clusters.get().pk]))
    page.wait_for_selector(".tile .shot:focus")
    return page


def test_a_key_given_twice_is_refused(page):
    refused = page.evaluate(
        """async () => {
          const keys = await import(document.querySelector('script[src*="review"]').src.replace("review", "keys"));
          try { keys.keyAdd("o", document.body); return ""; } catch (error) { return error.message; }
        }"""
    )
    assert "taken" in refused


def test_keys_rest_while_somebody_types(page):
    page.click("[name=note]")
    page.keyboard.type("an unsure one, not u")
    page.keyboard.press("Control+u")
    page.keyboard.press("Alt+o")
    assert page.input_value("[name=note]") == "an unsure one, not u"
    page.click(".tile >> nth=0 >> [name=face]")
    page.keyboard.press("0")
    page.wait_for_selector("#face-0 .own")
    page.wait_for_selector(SAVED)
    assert Decision.objects.get().note == "an unsure one, not u"


def test_keys_rest_while_a_dialog_asks(page):
    page.keyboard.press("j")
    page.wait_for_selector("#undecided[open]")
    for key in ("o", "u", "n", "z"):
        page.keyboard.press(key)
    page.click("#undecided >> text=Stay")
    page.wait_for_selector("#undecided:not([open])", state="attached")
    assert not Decision.objects.exists()
