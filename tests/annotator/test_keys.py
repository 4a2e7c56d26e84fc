"""The registry of keys: no collisions in the defaults, and what a stored map can and can't do."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from annotator import keys
from annotator.checks import keys_checked
from annotator.keys import BY_NAME, COMMANDS, PAGES, KeyBook, commands_of, key_label, key_read
from tests.architecture.test_matrix import ROUTES

ROOT = Path(__file__).resolve().parents[2]
OWN_KEYS = {"_review_dialogs.html"}  # the answers of a dialog, which has the keyboard to itself
"""Templates that write keys of their own, which nobody can change and no check compares."""


def test_no_two_commands_of_a_page_share_a_key():
    assert keys.collisions() == []
    assert keys_checked(None) == []


def test_the_check_names_a_key_given_twice(monkeypatch):
    twice = replace(BY_NAME["cluster.accept"], keys=("u",))
    monkeypatch.setattr(keys, "COMMANDS", (*(one for one in COMMANDS if one.name != "cluster.accept"), twice))
    assert [error.msg for error in keys_checked(None)] == [
        "On cluster_detail the key 'u' is given to decide.unscorable and cluster.accept."
    ]


def test_every_page_of_the_registry_is_an_address():
    assert {page.removesuffix("_graded") for page in PAGES} <= set(ROUTES)


def test_every_key_in_the_templates_is_a_command_of_the_registry():
    used, own = set(), set()
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text()
        for tag in re.findall(r"{% (?:key|kbd) ([^%]*)%}", text):
            used.update(re.findall(r'"([^"]+)"', tag))
        if re.search(r'<kbd class="kbd">[^<{]|data-key="', text):
            own.add(path.name)
    assert used <= set(BY_NAME)
    assert own == OWN_KEYS, "register the keys of these templates in annotator/keys.py"


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("g", "g"), ("G", "g"), ("ö", "ö"), ("+", "+"), (" ", "Space"), ("space", "Space"), ("←", "ArrowLeft"),
        ("arrowleft", "ArrowLeft"), ("", ""), ("?", "?"), ("<", "<"),
    ],
)  # fmt: skip
def test_what_can_be_typed_is_a_key(typed, key):
    assert key_read(typed) == key


@pytest.mark.parametrize(
    "typed",
    ["Enter", "esc", "Tab", "F5", "Ctrl+s", "Alt+1", "abc", "\x00", "\u202e", "Backspace", "<script>", "e\u0301"],
)
def test_what_belongs_to_the_browser_or_cannot_be_typed_is_refused(typed):
    with pytest.raises(ValueError, match="key"):
        key_read(typed)


def test_a_person_has_the_keys_they_chose_and_otherwise_the_defaults():
    book = KeyBook({"cluster.accept": "g", "grid.zoom": "", "cluster.all_present": "p"})
    assert book.of("cluster.accept") == ("g",)
    assert book.of("grid.zoom") == ()
    assert book.of("cluster.all_present") == ("p",)
    assert book.of("decide.undo") == ("z",)


@pytest.mark.parametrize(
    "stored",
    [
        {"cluster.accept": "<img src=x onerror=alert(1)>"}, {"cluster.accept": ["g"]}, {"cluster.accept": None},
        {"cluster.accept": {"a": 1}}, {"no.such": "g"}, {"cluster.accept": "F5"}, {"cluster.accept": "x" * 10_000},
        {"cluster.enter": "q"}, {"off": "yes"}, {"cluster.accept": "Escape"},
    ],
)  # fmt: skip
def test_what_is_stored_but_no_key_of_a_command_does_nothing(stored):
    assert KeyBook(stored).keys == KeyBook().keys
    assert not KeyBook(stored).off


def test_stored_keys_that_collide_leave_each_key_to_one_command():
    book = KeyBook({"cluster.accept": "u", "cluster.other": "u", "decide.noise": "u"})
    for page in PAGES:
        given = [key for command in commands_of(page) for key in book.of(command.name)]
        assert len(given) == len(set(given))


def test_a_default_gives_way_to_the_key_that_a_person_chose():
    book = KeyBook({"cluster.accept": "u"})
    assert book.of("cluster.accept") == ("u",)
    assert book.of("decide.unscorable") == ()


def test_keys_switched_off_are_none():
    assert KeyBook({"off": True}).of("cluster.accept") == ()


def test_the_same_key_may_serve_on_different_pages():
    assert KeyBook({"queue.start": "a"}).of("queue.start") == ("a",)


def test_keys_have_names_for_people():
    assert [key_label(key) for key in ("ArrowUp", "Space", "a")] == ["↑", "Space", "a"]
