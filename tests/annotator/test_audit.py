"""Every action that the code writes into the audit trail has words for readers."""

import ast
from collections.abc import Iterator
from pathlib import Path

from annotator.audit import ACTIONS, DETAILS, action_words

ROOT = Path(__file__).resolve().parents[2]


def nodes() -> Iterator[ast.AST]:
    for app in ("annotator", "clustering", "trainer"):
        for path in (ROOT / app).rglob("*.py"):
            yield from ast.walk(ast.parse(path.read_text()))


def audits(node: ast.AST) -> bool:
    """Whether this is a call of `audit`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "audit"


def actions_written() -> set[str]:
    """The third argument of every call of `audit`, and the constants that stand for it."""
    found = set()
    for node in nodes():
        if audits(node):
            found |= {one.value for one in node.args[2:3] if isinstance(one, ast.Constant)}
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").startswith("AUDITED"):
            found.add(node.value.value)
    return found


def test_every_action_has_words():
    written = actions_written()
    assert len(written) > 20
    assert written - set(ACTIONS) == set()


def test_every_detail_that_is_named_has_words():
    named = {word.arg for node in nodes() if audits(node) for word in node.keywords if word.arg}
    assert len(named) > 15
    assert named - set(DETAILS) == set()


def test_an_action_of_another_release_is_shown_as_it_is_stored():
    assert action_words("something new") == "something new"
