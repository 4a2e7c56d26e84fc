"""Keys as people press them: remapped, listed, quiet where somebody types."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from annotator.choices import LayerKind
from annotator.models import Decision, KeyMap
from annotator.services.assignments import assignment_next
from tests.browser.steps import READY, pressed
from tests.factories import faces_make, layer_make, run_make

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cluster(dataset, cast):
    faces = faces_make(dataset, 4, pictures=True)
    weak = layer_make(dataset, LayerKind.WEAK, faces, [[0], [0], [1], [1]], [12])
    run = run_make(dataset, faces, 12, [1] * 4, [1] * 4, weak_layer=weak)
    assignment_next(dataset, cast.bob)
    return run.clusters.get()


@pytest.fixture
def opened(page_of, cast, cluster):
    """opened({command: key}): Bob's cluster with these keys of his own."""

    def go(keys=None):
        if keys:
            KeyMap.objects.create(user=cast.bob, keys=keys)
        page = page_of(cast.bob)
        page.goto(reverse("cluster_detail", args=[cluster.run.dataset_id, cluster.pk]))
        page.wait_for_selector(READY)
        return page

    return go


def test_a_key_is_changed_by_pressing_it_and_acts_from_then_on(opened, cluster):
    page = opened()
    page.goto("/keys/")
    page.get_by_label("The other way than the face's proposal", exact=True).press("g")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Your keys are saved.")).to_be_visible()
    page.goto(reverse("cluster_detail", args=[cluster.run.dataset_id, cluster.pk]))
    page.wait_for_selector(READY)
    page.keyboard.press("o")
    pressed(page, "g")
    assert Decision.objects.count() == 1
    expect(page.get_by_role("button", name="Other way g")).to_be_visible()


def test_a_key_that_is_taken_is_named_at_once_and_not_set(opened):
    page = opened()
    page.goto("/keys/")
    field = page.get_by_label("Accept the proposals", exact=True)
    field.press("u")
    expect(field).to_have_value("a")
    expect(page.get_by_text("u is the key of “Unscorable” already.").first).to_be_visible()
    field.press("Control+s")
    expect(page.get_by_text("Combinations belong to the browser").first).to_be_visible()


def test_arrows_space_and_no_key_at_all_can_be_set(opened, cast):
    page = opened()
    page.goto("/keys/")
    page.get_by_label("Large picture", exact=True).press("Backspace")
    page.get_by_label("Accept the proposals", exact=True).press(" ")
    expect(page.get_by_label("Accept the proposals", exact=True)).to_have_value("Space")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Your keys are saved.")).to_be_visible()
    assert KeyMap.objects.get(user=cast.bob).keys == {"cluster.accept": "Space", "grid.zoom": ""}


def test_moving_by_letters(opened):
    page = opened({"grid.right": "l", "grid.left": "h"})
    page.keyboard.press("l")
    page.wait_for_selector("#face-1 .shot:focus")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("h")
    page.wait_for_selector("#face-0 .shot:focus")


def test_the_help_lists_each_command_of_the_page_with_the_readers_keys(opened):
    page = opened({"cluster.accept": "g"})
    page.keyboard.press("?")
    rows = page.locator("#keys-help [data-row]")
    expect(rows.first).to_be_visible()
    names = rows.evaluate_all("rows => rows.map((row) => row.dataset.row)")
    on_buttons = page.locator("[data-commands]").evaluate_all(
        "all => all.flatMap((one) => one.dataset.commands.split(' '))"
    )
    assert set(on_buttons) <= set(names)
    assert {"grid.zoom", "decide.present", "cluster.enter", "everywhere.help"} <= set(names)
    expect(page.locator("#keys-help [data-row='cluster.accept'] kbd")).to_have_text("g")
    assert page.locator("#keys-help h3:visible").all_inner_texts() == [
        "Deciding",
        "Codes without a grade",
        "A cluster",
        "Faces in a grid",
        "Everywhere",
    ]


def test_the_help_names_no_command_that_the_page_has_not(page_of, cast, cluster):
    page = page_of(cast.bob)
    page.goto(reverse("review_queue", args=[cluster.run.dataset_id]))
    page.wait_for_selector("#keys-open:visible")
    page.keyboard.press("?")
    expect(page.locator("#keys-help")).to_be_visible()
    assert page.locator("#keys-help [data-row]").count() == 3
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile("/review/$"))


@pytest.mark.parametrize(
    "place",
    [
        '<select><option>u</option><option>o</option></select>', "<textarea></textarea>",
        '<p contenteditable="true">text</p>', '<div role="textbox" tabindex="0">text</div>', '<input type="search">',
    ],
)  # fmt: skip
def test_keys_rest_in_whatever_takes_text(opened, place):
    page = opened()
    page.locator("#review-form").evaluate(
        "(form, html) => form.insertAdjacentHTML('afterbegin', html.replace(/^<(\\w+)/, '<$1 id=\"typed\"'))", place
    )
    page.locator("#typed").focus()
    for key in "uo1a":
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    assert not Decision.objects.exists()


def test_keys_rest_while_a_word_is_composed(opened):
    page = opened()
    page.locator(READY).evaluate(
        "node => node.dispatchEvent(new KeyboardEvent('keydown', {key: 'o', isComposing: true, bubbles: true}))"
    )
    page.locator(READY).evaluate(
        "node => node.dispatchEvent(new KeyboardEvent('keydown', {key: 'o', keyCode: 229, bubbles: true}))"
    )
    page.wait_for_timeout(200)
    assert not Decision.objects.exists()


def test_keys_rest_while_a_dialog_asks(opened):
    page = opened()
    page.keyboard.press("j")
    page.wait_for_selector("#undecided[open]")
    page.keyboard.press("u")
    page.keyboard.press("a")
    page.wait_for_timeout(200)
    assert not Decision.objects.exists()


def test_a_key_held_down_decides_once(opened):
    page = opened()
    page.keyboard.down("o")
    page.keyboard.down("o")
    page.keyboard.down("o")
    page.keyboard.up("o")
    page.wait_for_selector("#review-save[data-save=saved]")
    page.wait_for_timeout(200)
    assert Decision.objects.count() == 1


@pytest.mark.parametrize(
    "event",
    [
        "{key: '+', code: 'Equal', shiftKey: true, bubbles: true}",  # Shift and = on most keyboards
        "{key: '&', code: 'Digit1', bubbles: true}",  # digits behind Shift, as on French keyboards
        "{key: 'щ', code: 'KeyO', bubbles: true}",  # another script
    ],
)
def test_other_keyboards_reach_the_same_commands(opened, event):
    page = opened()
    page.locator(READY).evaluate(f"node => node.dispatchEvent(new KeyboardEvent('keydown', {event}))")
    page.wait_for_selector("#face-0 .own")
    assert Decision.objects.count() == 1


def test_switched_off_no_key_acts(opened):
    page = opened({"off": True})
    for key in ("a", "o", "?", "ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_timeout(200)
    assert not Decision.objects.exists()
    page.get_by_role("button", name="Keys", exact=True).click()
    expect(page.get_by_text("Your keys are switched off.")).to_be_visible()
